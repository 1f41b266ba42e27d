"""Is this picture a radiograph at all? Tests of content that no real film of the reference sets fails."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Notice
from whyray.imaging.film import Pixels
from whyray.imaging.messages import limits, notice, refused

_CELLS = 16
_SAMPLE_SIDE = 512
Grid = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class _Summary:
    """A strided sample of the film, its standard deviation, 65,536-bin histogram and 16 x 16 averages."""

    sample: Pixels
    deviation: float
    histogram: NDArray[np.int64]
    grid: Grid

    def percentile(self, percent: float) -> float:
        """Grey value in [0, 1] below which `percent` of the sample lies."""
        total = np.cumsum(self.histogram)
        return float(np.searchsorted(total, percent / 100 * total[-1])) / 65535


def check_content(pixels: Pixels) -> tuple[Notice, ...]:
    """Refuse what is no radiograph; warn when it looks inverted.

    Parameters
    ----------
    pixels
        float32 (rows, cols) in [0, 1].

    Raises
    ------
    ImageRefused
        BLANK_IMAGE, FEW_LEVELS, NOISE_IMAGE or CROSS_SECTION.
    """
    film = _summary(pixels)
    _check_blank(film)
    _check_noise(film)
    _check_round_field(film)
    return (notice("LOOKS_INVERTED"),) if _inverted(film) else ()


def cell_means(array: NDArray[np.generic], cells: int) -> Grid:
    """Means of a (rows, cols) array over a grid of `cells` x `cells` nearly equal cells, float64."""
    rows, cols = array.shape
    ys = np.linspace(0, rows, cells + 1).astype(np.intp)
    xs = np.linspace(0, cols, cells + 1).astype(np.intp)
    dtype = np.float32 if array.dtype == np.float32 else np.float64
    bands = np.stack([array[a:b].sum(axis=0, dtype=dtype) for a, b in pairwise(ys)])
    sums = np.add.reduceat(bands.astype(np.float64), xs[:-1], axis=1)
    return np.asarray(sums / np.outer(np.diff(ys), np.diff(xs)), dtype=np.float64)


def _summary(pixels: Pixels) -> _Summary:
    rows, cols = pixels.shape
    sample = pixels[:: max(1, rows // _SAMPLE_SIDE), :: max(1, cols // _SAMPLE_SIDE)]
    bins = (sample * np.float32(65535)).astype(np.uint16)
    return _Summary(
        sample, max(float(np.std(sample)), 1e-9), np.bincount(bins.ravel(), minlength=65536), cell_means(pixels, _CELLS)
    )


def _check_blank(film: _Summary) -> None:
    own = limits("content")
    spread = film.percentile(99) - film.percentile(1)
    share = film.histogram.max() / film.histogram.sum()
    if spread < own["min_range"] or share > own["max_single_value"]:
        raise refused("BLANK_IMAGE")
    levels = int(np.count_nonzero(film.histogram))
    if levels < own["min_levels"]:
        raise refused("FEW_LEVELS", levels=levels)
    if _shade_residual(film.grid) < own["min_quadratic_residual"]:
        raise refused("BLANK_IMAGE")


def _shade_residual(grid: Grid) -> float:
    """Share of the grid's standard deviation that a quadratic shade leaves; 0 for a plain gradient."""
    y, x = np.mgrid[:_CELLS, :_CELLS] / (_CELLS - 1) - 0.5
    basis = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=-1).reshape(-1, 6)
    flat = grid.ravel()
    fit = basis @ np.linalg.lstsq(basis, flat, rcond=None)[0]
    return float(np.std(flat - fit) / max(float(np.std(flat)), 1e-9))


def _check_noise(film: _Summary) -> None:
    """Refuse noise: it vanishes when averaged (white) or its neighbours are unrelated (blocks)."""
    own = limits("content")
    coarse = float(np.std(film.grid)) / film.deviation
    centred = film.grid - film.grid.mean()
    pairs = (np.mean(centred[1:] * centred[:-1]) + np.mean(centred[:, 1:] * centred[:, :-1])) / 2
    related = float(pairs / max(float(np.mean(centred**2)), 1e-12))
    if coarse < own["min_coarse_share"] or related < own["min_neighbour_correlation"]:
        raise refused("NOISE_IMAGE")


def _check_round_field(film: _Summary) -> None:
    """Refuse an ellipse on one exact grey value: a cross-section; a radiograph fills its field's corners."""
    background = int(film.histogram.argmax()) / 65535
    content = np.abs(film.sample - np.float32(background)) > 0.008
    ys, xs = (np.flatnonzero(np.count_nonzero(content, axis=axis) > 0.02 * content.shape[axis]) for axis in (1, 0))
    if ys.size < _CELLS or xs.size < _CELLS:
        raise refused("BLANK_IMAGE")
    field = content[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]
    y, x = np.linspace(-1, 1, field.shape[0])[:, None], np.linspace(-1, 1, field.shape[1])[None, :]
    corners = x * x > 1 - y * y
    if 1 - np.count_nonzero(field & corners) / np.count_nonzero(corners) > limits("content")["max_empty_corners"]:
        raise refused("CROSS_SECTION")


def _inverted(film: _Summary) -> bool:
    """Mediastinum and abdomen darker than lungs and air, both clearly (units: standard deviations)."""
    grid, own = film.grid, limits("content")
    midline = float(grid[5:14, 7:9].mean())
    lungs = float(grid[4:10, 2:6].mean() + grid[4:10, 10:14].mean()) / 2
    abdomen = float(grid[14:, 3:13].mean())
    corners = float(grid[:2, :2].mean() + grid[:2, 14:].mean()) / 2
    return bool(
        (midline - lungs) / film.deviation < own["inverted_midline"]
        and (midline + abdomen - lungs - corners) / film.deviation < own["inverted_whole"]
    )
