"""The films of ``open_lungs`` with human lung masks, halved by patient: one half teaches, the other measures.

The masks count the lung behind the heart as lung; `outside_heart` leaves out where a heart lies.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from whyray.domain import Frame

U8 = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class HumanFilm:
    """One film with a lung mask drawn by people."""

    id: str
    patient: str
    path: Path
    mask: Path


def read(data: Path) -> tuple[list[HumanFilm], list[HumanFilm]]:
    """(films to learn from, films to measure on); every second patient, in the order of their names, is held out."""
    folder = data / "open_lungs"
    with (folder / "labels.csv").open(newline="") as handle:
        rows = [r for r in csv.DictReader(handle) if r["lung_mask"] == "1"]
    images = {p.stem: p for p in (folder / "images").iterdir()}
    masks = {p.stem: p for p in (folder / "masks").iterdir()}
    films = [HumanFilm(r["id"], r["patient"], images[r["id"]], masks[r["id"]]) for r in rows if r["id"] in masks]
    patients = sorted({f.patient for f in films})
    held_out = set(patients[1::2])
    return [f for f in films if f.patient not in held_out], [f for f in films if f.patient in held_out]


def load_mask(path: Path, size: int) -> U8:
    """Both lungs as soft coverage (size, size) uint8, letterboxed as the film is."""
    with Picture.open(path) as picture:
        drawn = (np.asarray(picture.convert("L")) > 127).astype(np.float32)
    return (Frame(drawn.shape[0], drawn.shape[1], size).to_grid(drawn) * 255 + 0.5).astype(np.uint8)


def outside_heart(lungs: Mask, heart: Mask) -> Mask:
    """`lungs` (h, w) without what `heart` (h, w) hides."""
    return lungs & ~heart
