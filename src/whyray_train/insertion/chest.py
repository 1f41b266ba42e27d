"""Geometry of one hemithorax: walls, base, angle, window. Lengths in pixels unless they say mm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from whyray_train.insertion.core import F32, Film
from whyray_train.insertion.optics import blur

F64 = NDArray[np.float64]
MIN_AREA_MM2 = 4000.0  # a lung mask below this is no lung


@dataclass(frozen=True, slots=True)
class Side:
    """One lung on the film.

    Attributes
    ----------
    lung
        (s, s) soft mask.
    outward
        -1 where lateral is towards smaller columns (the right lung, on the image's left), else +1.
    top, bottom, left, right
        Bounding box of the mask (rows top to bottom, columns left to right, ends included).
    wall, inner
        (s,) column of the lateral and the medial border per row, extended beyond the box.
    roof, base
        (s,) row of the upper and of the lower border per column, extended beyond the box.
    angle
        (row, column) of the costophrenic angle: the lowest point in the lateral third.
    """

    lung: F32
    outward: int
    top: int
    bottom: int
    left: int
    right: int
    wall: F64
    inner: F64
    roof: F64
    base: F64
    angle: tuple[float, float]

    @property
    def height(self) -> int:
        """Rows of the box."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Columns of the box."""
        return self.right - self.left

    def window(self, pad: int, top: int | None = None, bottom: int | None = None) -> tuple[slice, slice]:
        """Slices of the box, or of rows `top` to `bottom` of it, with a margin."""
        size = self.lung.shape[0]
        first = self.top if top is None else top
        last = self.bottom if bottom is None else bottom
        return (
            slice(max(0, first - pad), min(size, last + pad + 1)),
            slice(max(0, self.left - pad), min(size, self.right + pad + 1)),
        )


def sides(film: Film) -> list[Side]:
    """The usable lungs of a film, right lung first."""
    found = (_side(mask, out, film.mm_per_px) for mask, out in ((film.right_lung, -1), (film.left_lung, 1)))
    return [s for s in found if s is not None]


def pick_side(film: Film, rng: np.random.Generator) -> Side | None:
    """One usable lung at random."""
    found = sides(film)
    return found[int(rng.integers(len(found)))] if found else None


def _side(lung: F32, outward: int, mm: float) -> Side | None:
    inside = lung > 0.5
    if inside.sum() * mm**2 < MIN_AREA_MM2:
        return None
    rows, cols = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    size = lung.shape[0]
    left, right = _ends(inside, rows, size, axis=1)
    roof, base = _ends(inside, cols, size, axis=0)
    middle = base[cols[0] + cols.size // 4 : cols[-1] - cols.size // 4 + 1]
    base = np.maximum(base, middle.min())  # columns of the hilum alone have no base
    third = max(3, (cols[-1] - cols[0]) // 3)
    lateral = slice(cols[0], cols[0] + third) if outward < 0 else slice(cols[-1] - third, cols[-1] + 1)
    column = lateral.start + int(np.argmax(base[lateral]))
    wall, inner = (left, right) if outward < 0 else (right, left)
    return Side(
        lung, outward, int(rows[0]), int(rows[-1]), int(cols[0]), int(cols[-1]),
        wall, inner, roof, base, (float(base[column]), float(column)),
    )  # fmt: skip


def _ends(inside: NDArray[np.bool_], lines: NDArray[np.intp], size: int, axis: int) -> tuple[F64, F64]:
    """First and last covered cell along `axis` for each line, lightly smoothed, edge values carried on."""
    block = np.take(inside, lines, axis=1 - axis)
    first = np.argmax(block, axis=axis)
    last = size - 1 - np.argmax(np.flip(block, axis=axis), axis=axis)
    every = np.arange(size)
    spread = (np.interp(every, lines, ends) for ends in (first, last))
    one, two = (ndimage.gaussian_filter1d(e, 1.5, mode="nearest") for e in spread)
    return one, two


def hilum(side: Side) -> tuple[float, float]:
    """(row, column) of the hilum: at the medial border, two fifths of the way down the lung."""
    row = side.top + 0.42 * side.height
    near = side.inner[round(row) - 3 : round(row) + 4]
    return row, float(near.mean()) + side.outward * 0.04 * side.width


def polar(side: Side, window: tuple[slice, slice], rays: int = 180) -> tuple[F32, F32, F64]:
    """The lung about its hilum.

    Returns
    -------
    radius, bearing
        (h, w) float32 of the window: pixels from the hilum; radians from straight up, positive towards lateral.
    extent
        (rays,) pixels from the hilum to the far border of the lung; ray k has bearing -pi + 2 pi k / rays.
    """
    row, col = hilum(side)
    rows = np.arange(window[0].start, window[0].stop, dtype=np.float32)[:, None] - np.float32(row)
    cols = side.outward * (np.arange(window[1].start, window[1].stop, dtype=np.float32)[None, :] - np.float32(col))
    radius = np.sqrt(rows**2 + cols**2)
    bearing = np.arctan2(np.broadcast_to(cols, radius.shape), -rows)
    size = side.lung.shape[0]
    reach = np.arange(0, side.height, dtype=np.float32)
    angle = np.linspace(-np.pi, np.pi, rays, endpoint=False)
    y = np.clip(np.rint(row - np.cos(angle)[:, None] * reach), 0, size - 1).astype(np.intp)
    x = np.clip(np.rint(col + side.outward * np.sin(angle)[:, None] * reach), 0, size - 1).astype(np.intp)
    inside = side.lung[y, x] > 0.5
    last = reach.size - 1 - np.argmax(inside[:, ::-1], axis=1)
    extent = np.where(inside.any(axis=1), last, 0).astype(np.float64)
    extent = ndimage.median_filter(extent, 5, mode="wrap")
    return radius, bearing, ndimage.gaussian_filter1d(extent, 1.5, mode="wrap")


def around(table: F64, bearing: F32) -> F32:
    """Values of a (rays,) table at (h, w) bearings, linear and periodic."""
    at = (bearing + np.float32(np.pi)) * np.float32(table.size / (2 * np.pi))
    low = at.astype(np.intp)
    part = at - low.astype(np.float32)
    values = table.astype(np.float32)
    first = values[low % table.size]
    out: F32 = first + part * (values[(low + 1) % table.size] - first)
    return out


def dense_level(film: Film) -> float:
    """Grey of thick soft tissue: the heart's upper quartile, at least 0.55."""
    body = film.pixels[film.heart > 0.6]
    return float(np.clip(np.quantile(body, 0.75), 0.55, 1.0)) if body.size > 50 else 0.85


def belly_level(film: Film, side: Side, floor: F32) -> F32:
    """(s,) grey of the abdomen under the lung base per column, smoothed; gas is lifted to `floor` (s,)."""
    size = film.pixels.shape[0]
    mm = film.mm_per_px
    depth = np.arange(round(4 / mm), round(28 / mm) + 1)
    rows = np.clip(np.rint(side.base[None, :] + depth[:, None]).astype(int), 0, size - 1)
    levels = np.quantile(film.pixels[rows, np.arange(size)[None, :]], 0.6, axis=0)
    columns = np.arange(size)
    levels = np.interp(columns, columns[side.left : side.right + 1], levels[side.left : side.right + 1])
    smooth = ndimage.gaussian_filter1d(np.maximum(levels, floor), 8 / mm, mode="nearest")
    return smooth.astype(np.float32)


def whole_lung(film: Film) -> F32:
    """Union of both lungs, soft."""
    return np.maximum(film.right_lung, film.left_lung)


def shell(mask: F32, sigma: float) -> F32:
    """Mask grown and softened by about `sigma` pixels."""
    return np.clip(2 * blur(mask, sigma), 0, 1).astype(np.float32)
