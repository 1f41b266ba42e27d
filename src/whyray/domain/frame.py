"""Frames: axis-aligned maps between source pixels and a smaller grid, each with its inverse.

A frame letterboxes the source into a square grid of `size` cells: one scale for both axes, centred, so
shapes keep their proportions and a mask found on the grid returns to the pixels it came from.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
CACHED = 1 << 16  # values of a band that is resampled at once


@dataclass(frozen=True, slots=True)
class Frame:
    """Letterbox of a (rows, cols) source into a (size, size) grid.

    Attributes
    ----------
    rows, cols
        Source size in pixels.
    size
        Side of the square grid.
    """

    rows: int
    cols: int
    size: int

    @property
    def scale(self) -> float:
        """Grid cells per source pixel."""
        return self.size / max(self.rows, self.cols)

    @property
    def offset(self) -> tuple[float, float]:
        """(x, y) of the source's top-left corner on the grid, in cells."""
        return (self.size - self.cols * self.scale) / 2, (self.size - self.rows * self.scale) / 2

    def to_grid(self, array: Array, fill: float = 0.0) -> Array:
        """Area-averaged (..., rows, cols) -> (..., size, size) float32; outside the source is `fill`."""
        dx, dy = self.offset
        vertical = _averaging(self.rows, self.size, self.scale, dy)
        horizontal = _averaging(self.cols, self.size, self.scale, dx)
        out = horizontal.columns(vertical.rows(np.asarray(array, dtype=np.float32)))
        if not fill:
            return out
        inside = np.outer(vertical.weights.sum(axis=0), horizontal.weights.sum(axis=0))
        return np.asarray(out + fill * (1.0 - inside), dtype=np.float32)

    def to_source(self, grid: Array, window: tuple[int, int, int, int] | None = None) -> Array:
        """Bilinear (..., n, n) -> (..., rows, cols) float32; `n` may be any resolution of the same square.

        `window` (x0, y0, x1, y1) limits the work to those source pixels: the result is (..., y1 - y0, x1 - x0).
        """
        n = grid.shape[-1]
        ratio = n / self.size
        dx, dy = self.offset
        x0, y0, x1, y1 = window or (0, 0, self.cols, self.rows)
        vertical = _bilinear(self.rows, n, self.scale * ratio, dy * ratio).part(y0, y1)
        horizontal = _bilinear(self.cols, n, self.scale * ratio, dx * ratio).part(x0, x1)
        first, last = int(vertical.index.min()), int(vertical.index.max())
        band = np.asarray(grid[..., first : last + 1, :], dtype=np.float32)
        return _Taps(vertical.index - first, vertical.weights).rows(horizontal.columns(band))

    def window(self, mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
        """Source pixels (x0, y0, x1, y1) that a non-empty mask (n, n) of the same square can reach."""
        cell = self.size / mask.shape[0]
        ys, xs = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        left, top = self.point_to_source((xs[0] - 1) * cell, (ys[0] - 1) * cell)
        right, bottom = self.point_to_source((xs[-1] + 2) * cell, (ys[-1] + 2) * cell)
        return (
            max(int(left), 0),
            max(int(top), 0),
            min(int(right) + 1, self.cols),
            min(int(bottom) + 1, self.rows),
        )

    def point_to_source(self, x: float, y: float) -> tuple[float, float]:
        """Continuous grid coordinates (cells, corner origin) -> source pixel coordinates."""
        dx, dy = self.offset
        return (x - dx) / self.scale, (y - dy) / self.scale

    def point_to_grid(self, x: float, y: float) -> tuple[float, float]:
        """Inverse of `point_to_source`."""
        dx, dy = self.offset
        return x * self.scale + dx, y * self.scale + dy


@dataclass(frozen=True, eq=False, slots=True)
class _Taps:
    """A resampling along one axis: output i is the sum over t of weights[t, i] x input[index[t, i]]."""

    index: NDArray[np.intp]
    weights: Array

    def part(self, first: int, last: int) -> _Taps:
        """The outputs first..last - 1 only."""
        return _Taps(self.index[:, first:last], self.weights[:, first:last])

    def rows(self, array: Array) -> Array:
        """Along the last axis but one, band by band: the buffers of a large film stay in the processor's cache."""
        count = self.index.shape[1]
        band = max(CACHED // max(array.shape[-1], 1), 1)
        bands = [self.part(first, first + band) for first in range(0, count, band)] if count > band else [self]
        done = [taps._summed(array, -2, taps.weights[:, :, None]) for taps in bands]
        return done[0] if len(done) == 1 else np.concatenate(done, axis=-2)

    def columns(self, array: Array) -> Array:
        """Along the last axis."""
        return self._summed(array, -1, self.weights)

    def _summed(self, array: Array, axis: int, weights: Array) -> Array:
        """Sum of the weighed taps, in two buffers."""
        out: Array = np.take(array, self.index[0], axis=axis)
        out *= weights[0]
        tap = np.empty_like(out)
        for index, share in zip(self.index[1:], weights[1:], strict=True):
            np.take(array, index, axis=axis, out=tap, mode="clip")
            tap *= share
            out += tap
        return out


def _taps(dense: Array) -> _Taps:
    """Taps of a resampling matrix (outputs, inputs) whose rows are zero outside a short run."""
    first = (dense > 0).argmax(axis=1)
    width = max(int((dense > 0).sum(axis=1).max()), 1)
    index = np.minimum(first[None, :] + np.arange(width)[:, None], dense.shape[1] - 1)
    weights = np.take_along_axis(dense, index.T, axis=1).T
    weights[np.diff(index, axis=0, prepend=-1) == 0] = 0.0  # a tap past the edge is not counted again
    return _Taps(index, np.ascontiguousarray(weights))


@lru_cache(maxsize=32)
def _averaging(source: int, target: int, scale: float, offset: float) -> _Taps:
    """Antialiased resampling (target from source): triangle filter, weights inside the source sum to one."""
    centres = (np.arange(target) + 0.5 - offset) / scale - 0.5
    width = max(1.0, 1.0 / scale)
    distance = np.abs(np.arange(source)[None, :] - centres[:, None]) / width
    weights = np.maximum(0.0, 1.0 - distance)
    total = weights.sum(axis=1, keepdims=True)
    inside = (centres >= -0.5) & (centres <= source - 0.5)
    return _taps(np.where(inside[:, None], weights / np.maximum(total, 1e-9), 0.0).astype(np.float32))


@lru_cache(maxsize=32)
def _bilinear(source: int, target: int, scale: float, offset: float) -> _Taps:
    """Interpolation (source from target) reading a grid of `target` cells at each source pixel centre."""
    position = np.clip((np.arange(source) + 0.5) * scale + offset - 0.5, 0, target - 1)
    return _taps(np.maximum(0.0, 1.0 - np.abs(np.arange(target)[None, :] - position[:, None])).astype(np.float32))
