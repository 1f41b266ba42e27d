"""Bright ridges: second derivatives of a Gaussian at several widths (Lindeberg 1998; Frangi et al. 1998)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False, slots=True)
class Ridges:
    """Bright ridges of a picture, each array float32 of its shape.

    ``strength`` is the curvature across minus that along, at the width where it is greatest, scaled so that a ridge
    of that width has about its contrast; ``angle`` the direction along it in radians from the x axis towards growing
    y, in (-pi/2, pi/2]; ``width`` the standard deviation in pixels of the Gaussian that fits it best.
    """

    strength: F32
    angle: F32
    width: F32


def find_ridges(grey: F32, widths: Sequence[float]) -> Ridges:
    """Ridges of a picture at standard deviations `widths` in pixels."""
    from scipy import ndimage

    best = np.zeros_like(grey)
    angle, width = np.zeros_like(grey), np.full_like(grey, widths[0])
    for sigma in widths:
        yy, xx, xy = (
            sigma**2 * ndimage.gaussian_filter(grey, sigma, order=order, mode="nearest", truncate=3.0)
            for order in ((2, 0), (0, 2), (1, 1))
        )
        half, spread = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
        across, along = half - spread, half + spread
        strength = np.maximum(-across, 0) - np.abs(along)
        better = strength > best
        best[better] = strength[better]
        angle[better] = 0.5 * np.arctan2(2 * xy[better], xx[better] - yy[better])
        width[better] = sigma
    return Ridges(best, angle, width)


def turned(angle: F32, direction: F32 | float) -> F32:
    """Angle in [0, pi/2] between undirected directions."""
    apart = np.abs(np.mod(angle - direction + np.pi / 2, np.pi) - np.pi / 2)
    return np.asarray(apart, dtype=np.float32)
