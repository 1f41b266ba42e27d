"""Anatomy that a network told of films: of those without usable labels (written by ``whyray_train.relabel``), and
where the spine runs (``whyray_train.spines``)."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyray_train.atlas import CANNOT, MUST, UNKNOWN

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
WIDTHS_MM = (32.0, 44.0)  # of the spine at its first and last row: means of those drawn by hand (``marks.yaml``)
DOUBT_MM = 3.0  # on both sides of its edges: neither spine nor not


def asked(description: str | None, argv: list[str] | None) -> argparse.Namespace:
    """The options of a command with which a network tells something of the train films: ``data``, ``net``, ``out``."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--net", type=Path, required=True, help="net.pt of whyray_train.chest")
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args(argv)


def save(file: Path, **arrays: NDArray[Any]) -> None:
    """Writes a compressed file of arrays, whole or not at all."""
    temporary = file.with_suffix(".part.npz")
    np.savez_compressed(temporary, **arrays)  # type: ignore[arg-type]
    temporary.rename(file)


@dataclass(frozen=True, slots=True)
class Told:
    """Masks of a network: ``ids`` (n,), ``masks`` (n, k, s, s) uint8 coverage, ``weights`` (n, k) in [0, 1]."""

    ids: NDArray[np.str_]
    masks: U8
    weights: F32

    @classmethod
    def load(cls, file: Path) -> Told:
        """The file that ``python -m whyray_train.relabel`` wrote."""
        saved = np.load(file)
        return cls(saved["ids"], saved["masks"], saved["weights"])


@dataclass(frozen=True, slots=True)
class Spines:
    """Courses of the spine: ``ids`` (n,), ``rows`` (n, 2) first and last one on which it is told, ``lines`` (n, 3).

    A line gives the column of the middle as a polynomial of the row, highest power first, in cells of a film's
    anatomy map counted from its edge.
    """

    ids: NDArray[np.str_]
    rows: NDArray[np.int64]
    lines: NDArray[np.float64]

    @classmethod
    def load(cls, file: Path) -> Spines:
        """The file that ``python -m whyray_train.spines`` wrote."""
        saved = np.load(file)
        return cls(saved["ids"], saved["rows"], saved["lines"])

    def tell(self, film: str, codes: U8, mm_per_cell: float) -> None:
        """Writes the spine of a film into codes of `atlas` (s, s), row by row; nothing where it is not told."""
        for found in np.flatnonzero(self.ids == film):
            first, last = self.rows[found]
            rows = np.arange(first, last + 1)
            middle = np.polyval(self.lines[found], rows)[:, None]
            half = (np.linspace(*WIDTHS_MM, len(rows)) / 2 / mm_per_cell)[:, None]
            away = np.abs(np.arange(codes.shape[1]) + 0.5 - middle)
            doubt = DOUBT_MM / mm_per_cell
            band = np.full(away.shape, UNKNOWN, np.uint8)
            band[away <= half - doubt] = MUST
            band[away >= half + doubt] = CANNOT
            codes[first : last + 1] = band
