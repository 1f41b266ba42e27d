"""Blur: replace the broad brightness of a region by one wide Gaussian mean of its surroundings.

Unlike in-painting it does not follow the rim of the region, so a sign that fades out beyond its mask does not flow
back in.
"""

from __future__ import annotations

import numpy as np

from whyray.domain import Image, Region
from whyray.explain.grid import Grid, Mask, low_band

WIDE = 48.0  # sigma in cells of the 256 grid: about a lung's width


def blur(image: Image, region: Region, donors: Mask | None = None) -> Image:
    """The film with the low band of `region` replaced by a wide blur of the donors; parameters as ``erase``."""
    grid = Grid.of(image, region, donors)
    mean = float(grid.film[grid.giving].mean()) if grid.giving.any() else float(grid.film.mean())
    near = low_band(grid.giving.astype(np.float32), np.ones_like(grid.giving), WIDE)
    wide = low_band(grid.film, grid.giving, WIDE)
    return grid.painted(image, region, np.where(near > 1e-3, wide, mean).astype(np.float32), "blur")
