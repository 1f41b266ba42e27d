"""One lung cut out of a film, its lateral wall at the left, with planes that say where each cell lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

T = TypeVar("T", bound=np.generic)
F32 = NDArray[np.float32]
PLANES = 6  # this lung, the other, heart, clavicles, and the place from apex to base and from wall to middle
CELL = 4  # pixels of the film a cell of the planes
BESIDE, BELOW = 24, 32  # pixels of the film between the crop's border and the lung's lateral and lower edge
LEAST = 150  # cells: a smaller lung is none


@dataclass(frozen=True, slots=True)
class Lung:
    """Where a lung lies: top-left corner (row, column) of its crop on the film, mirrored first when it is the left one.

    ``box`` (top, bottom, lateral, medial) in cells of the planes.
    """

    corner: tuple[int, int]
    mirrored: bool
    box: tuple[int, int, int, int]


def find(planes: F32, crop: tuple[int, int]) -> list[Lung]:
    """Lungs of a film, right one first.

    Parameters
    ----------
    planes
        (4 or more, n, n) in [0, 1]: right lung, left lung, heart, clavicles, on cells of `CELL` pixels.
    crop
        Rows and columns of a crop in pixels.
    """
    found = (_lung(planes[i] if i == 0 else planes[i][:, ::-1], i == 1, crop) for i in (0, 1))
    return [lung for lung in found if lung is not None]


def _lung(soft: F32, mirrored: bool, crop: tuple[int, int]) -> Lung | None:
    parts, count = ndimage.label(soft > 0.5)
    sizes = np.bincount(parts.ravel(), minlength=2)[1:]
    if count == 0 or sizes.max() < LEAST:
        return None
    part = parts == sizes.argmax() + 1
    rows, cols = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    box = (int(rows[0]), int(rows[-1]) + 1, int(cols[0]), int(cols[-1]) + 1)
    return Lung((box[1] * CELL + BELOW - crop[0], box[2] * CELL - BESIDE), mirrored, box)


def cut(array: NDArray[T], lung: Lung, crop: tuple[int, int], stride: int = 1) -> NDArray[T]:
    """The crop of an array (..., s / stride, s / stride); zero beyond the film."""
    whole = array[..., ::-1] if lung.mirrored else array
    top, left = (c // stride for c in lung.corner)
    rows, cols = crop[0] // stride, crop[1] // stride
    out = np.zeros((*array.shape[:-2], rows, cols), array.dtype)
    y0, x0 = max(top, 0), max(left, 0)
    y1, x1 = min(top + rows, array.shape[-2]), min(left + cols, array.shape[-1])
    if y0 < y1 and x0 < x1:
        out[..., y0 - top : y1 - top, x0 - left : x1 - left] = whole[..., y0:y1, x0:x1]
    return out


def places(planes: F32, lung: Lung, crop: tuple[int, int]) -> F32:
    """(PLANES, rows / 4, columns / 4) float32 of the crop."""
    this, other = (1, 0) if lung.mirrored else (0, 1)
    seen = cut(np.stack([planes[this], planes[other], planes[2], planes[3]]), lung, crop, CELL)
    top, bottom, lateral, medial = lung.box
    rows = np.arange(seen.shape[1], dtype=np.float32) + lung.corner[0] // CELL
    cols = np.arange(seen.shape[2], dtype=np.float32) + lung.corner[1] // CELL
    v = np.clip((rows - top) / max(bottom - top, 1), -0.5, 1.5)
    u = np.clip((cols - lateral) / max(medial - lateral, 1), -0.5, 1.5)
    grid = np.broadcast_arrays(v[:, None], u[None, :])
    return np.concatenate([seen, np.stack(grid)]).astype(np.float32)
