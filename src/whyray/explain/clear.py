"""Clearing: lower a region to the brightness that the clear lung of the same film has at that height and depth.

A veil adds density. What lies beside it is often veiled too, so that in-painting from the surroundings gives the sign
back. Here a smooth surface (quadratic in height and in distance from the midline, so that both lungs support one
another) is laid under the donors as a low expectile (asymmetric least squares, Newey & Powell 1987): the brightness
of the clearer lung. Density above it is taken away, nothing is added. Where the region is darker than the surface,
as a pneumothorax is, it is in-painted. Thin bright lines lie in the high band, which the surface does not touch: they
are taken away for themselves (`lines`), where the region holds nothing else.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Image, Region
from whyray.explain.grid import F32, Grid, Mask, fill
from whyray.explain.lines import unlined

F64 = NDArray[np.float64]

LOW = 0.1  # expectile: donors above the surface count 0.1, those below 0.9
FINE = 3.0  # sigma in cells that parts the bands: ribs and vessels stay, a patch of consolidation goes
CLEARER = 0.4  # quantile of what the donors have above the surface: the unevenness of the clearer lung
RANGE = 2.5  # times that may stay above the surface where all of the lung is left as donors
EDGE = 2.5  # sigma in cells over which the change begins at the edge of the lung
ROUNDS = 8  # of reweighting; the surface then moves by less than a grey level
STIFF = 1e-3  # ridge on all but the level, as a part of the donors
TAILS = (2.0, 90.0)  # percentiles of the donors between which the surface stays where it is extrapolated


def clear(image: Image, region: Region, donors: Mask | None = None) -> Image:
    """The film without the density that `region` adds; parameters as ``erase``.

    Only what lies inside the donors is changed, but for lines: an opacity of the lung is not taken off the heart. A
    region that mostly lies outside of them (the outer strips of a large heart) is in-painted. The more of the lung is
    left as donors, the more of its own unevenness is left in the region too, so that lung without a sign hardly
    changes; where little is left, the sign is everywhere and only the clearest lung counts. With fewer donors than a
    twentieth of the region left, the surface is laid under all of them, the region included.
    """
    return unlined(lowered(image, region, donors), region)


def lowered(image: Image, region: Region, donors: Mask | None) -> Image:
    """The film whose low band in `region` is that of its clear lung."""
    from scipy import ndimage

    grid = Grid.of(image, region, donors, FINE)
    hole, within = grid.hole & grid.given, np.ones(grid.band.shape)
    if hole.sum() < grid.hole.sum() / 2:
        return grid.painted(image, region, fill(grid.film, grid.giving), "clear")
    if donors is not None:
        within = np.clip(2 * ndimage.gaussian_filter(grid.given.astype(np.float32), EDGE) - 1, 0, 1)
    known = grid.giving if grid.enough or donors is None else grid.given
    under = surface(grid.band, known)
    if float(grid.band[hole].mean()) < float(under[hole].mean()):
        return grid.painted(image, region, fill(grid.film, grid.giving), "clear", hole)
    left = float((known & ~grid.hole).sum()) / max(float(grid.given.sum()), 1.0)
    rough = float(np.quantile((grid.band - under)[known], CLEARER)) if known.any() else 0.0
    under = under + np.float32(RANGE * left * max(rough, 0.0))
    low = grid.band + within * (np.minimum(under, grid.band) - grid.band)
    return grid.painted(image, region, low.astype(np.float32), "clear", hole)


def surface(values: F32, known: Mask, low: float = LOW) -> F32:
    """Low expectile surface (n, n) of the `known` cells, quadratic in row and in distance from their middle column."""
    rows, columns = np.indices(values.shape, dtype=np.float64) / values.shape[0]
    if not known.any():
        return np.full_like(values, values.mean())
    middle = (columns[known].min() + columns[known].max()) / 2
    down, out = rows - rows[known].mean(), np.abs(columns - middle) - np.abs(columns[known] - middle).mean()
    terms = np.stack([np.ones_like(down), down, out, down**2, down * out, out**2])
    x, y = terms[:, known].T, values[known].astype(np.float64)
    weights = np.full(y.size, 0.5)
    ridge = np.diag([0.0, *[STIFF * y.size] * (len(terms) - 1)])
    for _ in range(ROUNDS):
        weighed = x * weights[:, None]
        fitted = np.linalg.solve(weighed.T @ x + ridge, weighed.T @ y)
        weights = np.where(y > x @ fitted, low, 1 - low)
    least, most = np.percentile(y, TAILS)
    return np.asarray(np.clip(np.tensordot(fitted, terms, 1), least, most), dtype=np.float32)
