"""Transplant: give a region the broad brightness of the mirrored place in the other lung.

The two lungs are laid over one another by height and by the distance between their inner and outer edges in each row.
The transplanted low band is shifted to meet its new surroundings at the rim. Where the mirrored place is itself part
of the region (the other lung has the same sign), or no lung, the region is in-painted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Image, Region
from whyray.explain.grid import RIM, Grid, Mask, fill

F64 = NDArray[np.float64]

EVEN = 6.0  # sigma in rows by which the lungs' edges are smoothed
NARROW = 4.0  # cells: a row of a lung that is not wider is not mirrored
MIDDLE = 0.2  # part of the lungs' common width in which the gap between them lies
OUTSIDE = -9.0  # coordinate of a cell without a counterpart
SOFT = 2.0  # sigma in cells of the passage from transplanted to in-painted cells


@dataclass(frozen=True, eq=False, slots=True)
class Lung:
    """Rows ``top`` to ``bottom`` of a lung with its inner and outer edge in each, (rows,) columns."""

    top: int
    bottom: int
    inner: F64
    outer: F64


def transplant(image: Image, region: Region, donors: Mask | None = None) -> Image:
    """The film with the low band of `region` taken from the other lung; parameters as ``erase``.

    ``donors`` are both lungs; with None, or only one lung among them, the region is in-painted.
    """
    from scipy import ndimage

    grid = Grid.of(image, region, donors)
    filled = fill(grid.film, grid.giving)
    pair = None if donors is None else lungs(grid.given | grid.hole)
    if pair is None:
        return grid.painted(image, region, filled, "transplant")
    where = np.nan_to_num(mirrored(*pair, grid.band.shape), nan=OUTSIDE)
    healthy = grid.given & ~ndimage.binary_dilation(grid.hole, iterations=RIM)
    partner = ndimage.map_coordinates(grid.band, where, order=1, mode="nearest")
    trust = ndimage.map_coordinates(healthy.astype(np.float32), where, order=1, mode="constant") > 0.5
    rim = grid.giving & trust
    if not (trust & grid.hole).any() or not rim.any():
        return grid.painted(image, region, filled, "transplant")
    moved = partner + fill((grid.band - partner).astype(np.float32), rim)
    share = ndimage.gaussian_filter(trust.astype(np.float32), SOFT) * trust
    low = filled + share * (moved - filled)
    return grid.painted(image, region, low.astype(np.float32), "transplant")


def lungs(mask: Mask) -> tuple[Lung, Lung] | None:
    """The lung at the left and the one at the right of the picture; None when a part is missing."""
    columns = np.flatnonzero(mask.any(axis=0))
    if not columns.size:
        return None
    first, last = int(columns[0]), int(columns[-1])
    centre, reach = (first + last) // 2, max(1, round(MIDDLE * (last - first)))
    counts = mask.sum(axis=0)[centre - reach : centre + reach + 1]
    gap = centre - reach + int(np.median(np.flatnonzero(counts == counts.min())))
    parts = [mask & (np.arange(mask.shape[1]) < gap), mask & (np.arange(mask.shape[1]) > gap)]
    found = [_lung(part, inner_last=number == 0) for number, part in enumerate(parts)]
    if found[0] is None or found[1] is None:
        return None
    return found[0], found[1]


def _lung(part: Mask, inner_last: bool) -> Lung | None:
    from scipy import ndimage

    rows = np.flatnonzero(part.any(axis=1))
    if rows.size < 2:
        return None
    top, bottom = int(rows[0]), int(rows[-1])
    at = np.arange(top, bottom + 1)
    low = np.interp(at, rows, part[rows].argmax(axis=1))
    high = np.interp(at, rows, part.shape[1] - 1 - part[rows, ::-1].argmax(axis=1))
    low, high = (ndimage.gaussian_filter1d(edge, EVEN, mode="nearest") for edge in (low, high))
    return Lung(top, bottom, *((high, low) if inner_last else (low, high)))


def mirrored(first: Lung, second: Lung, shape: tuple[int, int]) -> F64:
    """(2, rows, columns) row and column of each cell's counterpart in the other lung; NaN outside the lungs' rows."""
    out = np.full((2, *shape), np.nan)
    middle = (first.inner.mean() + second.inner.mean()) / 2
    x = np.arange(shape[1], dtype=np.float64)
    for own, other, here in ((first, second, x <= middle), (second, first, x > middle)):
        for row in range(own.top, own.bottom + 1):
            inner, outer = own.inner[row - own.top], own.outer[row - own.top]
            if abs(outer - inner) < NARROW:
                continue
            height = (row - own.top) / max(own.bottom - own.top, 1) * (other.bottom - other.top)
            at = np.arange(len(other.inner))
            begin, end = np.interp(height, at, other.inner), np.interp(height, at, other.outer)
            out[0, row, here] = other.top + height
            out[1, row, here] = begin + (x[here] - inner) / (outer - inner) * (end - begin)
    return out
