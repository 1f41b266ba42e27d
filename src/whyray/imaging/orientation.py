"""Orientation: the turn that brings stored pixels to standard orientation, and its exact inverse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Orientation:
    """One of the eight symmetries of a rectangle: transpose first, then flips.

    Attributes
    ----------
    transpose
        Swap rows and columns.
    flip_rows, flip_cols
        Then reverse the order of the rows (top-bottom) / columns (left-right).
    """

    transpose: bool = False
    flip_rows: bool = False
    flip_cols: bool = False

    @property
    def identity(self) -> bool:
        """True when nothing moves."""
        return not (self.transpose or self.flip_rows or self.flip_cols)

    @property
    def mirrored(self) -> bool:
        """True when the stored image is a mirror image (odd number of reflections)."""
        return self.transpose ^ self.flip_rows ^ self.flip_cols

    def apply(self, array: NDArray[Any]) -> NDArray[Any]:
        """Turn stored (..., rows, cols) to standard orientation; a contiguous copy, same dtype."""
        out = array.swapaxes(-1, -2) if self.transpose else array
        return np.ascontiguousarray(self._flip(out))

    def invert(self, array: NDArray[Any]) -> NDArray[Any]:
        """Turn standard orientation back to stored; ``invert(apply(a))`` equals ``a`` exactly."""
        out = self._flip(array)
        return np.ascontiguousarray(out.swapaxes(-1, -2) if self.transpose else out)

    def _flip(self, array: NDArray[Any]) -> NDArray[Any]:
        out = array[..., ::-1, :] if self.flip_rows else array
        return out[..., ::-1] if self.flip_cols else out

    @staticmethod
    def from_patient(row: str, col: str) -> Orientation | None:
        r"""From DICOM (0020,0020): where the end of a row and of a column point; ``L\F`` is standard.

        Only the main letter of each counts (PS3.3 C.7.6.1.1.1). None when they describe no frontal image.
        """
        row, col = row[:1].upper(), col[:1].upper()
        if row in ("L", "R") and col in ("H", "F"):
            return Orientation(False, col == "H", row == "R")
        if row in ("H", "F") and col in ("L", "R"):
            return Orientation(True, row == "H", col == "R")
        return None

    @staticmethod
    def from_exif(value: object) -> Orientation:
        """From the EXIF tag 274 (values 1 to 8; anything else means upright)."""
        turns = {
            2: Orientation(False, False, True),
            3: Orientation(False, True, True),
            4: Orientation(False, True, False),
            5: Orientation(True, False, False),
            6: Orientation(True, False, True),
            7: Orientation(True, True, True),
            8: Orientation(True, True, False),
        }
        return turns.get(value, Orientation()) if isinstance(value, int) else Orientation()
