"""Small films, tables and sources of training rows whose content is known."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image as Picture

from whyray_train import films
from whyray_train.films import STRUCTURES, Film

if TYPE_CHECKING:
    from whyray_train.sources import Source

SIZE = 64
RIGHT, LEFT, HEART = (STRUCTURES.index(s) for s in ("right_lung", "left_lung", "heart"))
BLOCKS = {RIGHT: (16, 48, 10, 24), LEFT: (16, 48, 40, 54), HEART: (30, 46, 26, 38)}  # rows and columns of SIZE
GREYS = {RIGHT: 0.2, LEFT: 0.4, HEART: 0.8}


def film(labels: str = films.NORMAL_LABEL, teacher: tuple[float, ...] | None = None, **changes: Any) -> Film:
    """A row of the label table; `labels` are joined by bars."""
    fields: dict[str, Any] = {"id": "1", "patient": "p", "split": "train", "view": "PA", "path": Path("x.jpg")}
    return Film(**{**fields, "labels": frozenset(labels.split("|")), "teacher": teacher, "anatomy": None, **changes})


def write(file: Path, rows: list[dict[str, str]]) -> None:
    """A CSV file of equal rows."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def label_row(film_id: str, labels: str, heads: tuple[str, ...], **changes: str) -> dict[str, str]:
    """A row of ``labels.csv`` for a square film of 430 mm that the teacher saw nothing on."""
    row = {"id": film_id, "patient": film_id, "split": "train", "view": "PA", "labels": labels}
    row |= {"width": "1024", "height": "1024", "native_spacing_mm": "0.215", "native_width": "2000"}
    return row | {f"{films.TEACHER_PREFIX}{h}": "" for h in heads} | changes


def quality_row(film_id: str, **changes: str) -> dict[str, str]:
    """A row of ``quality.csv`` of an accepted film."""
    row = {"id": film_id, "right_lung_px": "40000", "left_lung_px": "38000", "heart_px": "22000"}
    row |= {"right_clavicle": "1", "left_clavicle": "1", "stray_lung": "0.0"}
    row |= {"solidity_right": "0.9", "solidity_left": "0.9", "solidity_heart": "0.95", "accept": "1"}
    return row | changes


def planes(size: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Masks (structures, size, size) of the drawn chest: two lungs and a heart."""
    out = np.zeros((len(STRUCTURES), size, size), np.float32)
    for channel, place in BLOCKS.items():
        y0, y1, x0, x1 = (v * size // SIZE for v in place)
        out[channel, y0:y1, x0:x1] = 1
    return out


def pixels(size: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The drawn chest itself, every structure in its grey."""
    grey: np.ndarray[Any, np.dtype[np.float32]] = sum(g * planes(size)[c] for c, g in GREYS.items())  # type: ignore[assignment]
    return grey


def save_film(folder: Path, film_id: str, size: int = 128) -> None:
    """The drawn chest with its anatomy, as the data folder keeps them."""
    for name in ("nih", "nih_anatomy"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    tissue = 0.5 + 0.2 * np.sin(np.mgrid[:size, :size].sum(axis=0) / 3)
    shown = np.where(planes(size)[[RIGHT, LEFT]].any(axis=0), 0.3 * tissue, tissue)
    Picture.fromarray((shown * 255).astype(np.uint8)).save(folder / "nih" / f"{film_id}.jpg", quality=95)
    bits = sum(planes(size)[STRUCTURES.index(s)].astype(np.uint8) * b for s, b in films.STRUCTURE_BITS.items())
    Picture.fromarray(np.asarray(bits, dtype=np.uint8)).save(folder / "nih_anatomy" / f"{film_id}.png")


def source(n: int, heads: int = 3, labelled: bool = True, seed: int = 0) -> Source:
    """`n` noisy copies of the drawn chest; every other film shows the first sign, a bright square in the left lung.

    The square's mask is known, and so is that the other signs are not there; the first head tells of it.
    """
    from whyray_train.gating import channels
    from whyray_train.sources import Source

    rng = np.random.default_rng(seed)
    j = len(channels())
    shown = np.arange(n) % 2 == 0
    images = pixels(SIZE) + rng.normal(0, 0.02, (n, SIZE, SIZE))
    images[shown, 24:40, 42:52] += 0.5
    signs = np.zeros((n, j, SIZE // 4, SIZE // 4), np.uint8)
    signs[shown, 0, 6:10, 11:13] = 255
    film_signs, labels = np.zeros((n, j), np.float32), np.zeros((n, heads), np.float32)
    film_signs[:, 0], labels[:, 0] = shown, shown
    return Source(
        images=(np.clip(images, 0, 1) * 255).astype(np.uint8),
        anatomy=np.repeat((planes(SIZE // 2) * 255).astype(np.uint8)[None], n, axis=0),
        anatomy_row=np.arange(n),
        anatomy_weight=np.ones((n, len(STRUCTURES)), np.float32),
        signs=signs,
        sign_weight=np.ones((n, j), np.float32),
        film_signs=film_signs,
        film_sign_weight=np.ones((n, j), np.float32),
        labels=labels,
        label_weight=np.full(n, float(labelled), np.float32),
        weights=np.ones(n),
    )
