"""A control region: same area, inside the allowed pixels, away from the region under test."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Region


def random_region(region: Region, allowed: NDArray[np.bool_], seed: int) -> Region | None:
    """A disc-like part of `allowed` outside `region` with (nearly) its area; None when there is no room for half of it.

    Parameters
    ----------
    region
        The region under test.
    allowed
        bool (rows, cols), e.g. both lungs.
    seed
        Of the centre's choice.
    """
    free = allowed & ~region.mask()
    ys, xs = np.nonzero(free)
    if ys.size < region.area_px / 2:
        return None
    rng = np.random.default_rng(seed)
    pick = int(rng.integers(ys.size))
    distance = (ys - ys[pick]) ** 2 + (xs - xs[pick]) ** 2
    chosen = np.argsort(distance, kind="stable")[: region.area_px]
    mask = np.zeros_like(free)
    mask[ys[chosen], xs[chosen]] = True
    return Region.from_mask(mask)
