"""Ribs across a lesion: bands that run on at both sides of it are carried through it and taken away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whyray.perception.closer.crop import F32, F64, Mask

DIRECTIONS = np.arange(0.0, 180.0, 15.0)  # degrees of a band from the x axis
BENDS = (-0.35, 0.0, 0.35)  # sagitta of a band at the edge of the window, as a share of half the window
BIN_PX = 2.0
SUPPORT = 15  # pixels of the surroundings that a bin needs
MOST_PIXELS = 6000
EXPLAINS = 0.35  # of the surroundings' variance: what straight bands must explain to be ribs
WILD = 3.0  # standard deviations at which a value is cut off: vessels and borders must not make bands


@dataclass(frozen=True, eq=False)
class Bands:
    """What straight bands add.

    Attributes
    ----------
    grey
        float32, the window's size; zero unless they explain `EXPLAINS` of the surroundings' variance.
    explained
        That share.
    direction
        Degrees of the bands from the x axis towards growing y.
    """

    grey: F32
    explained: float
    direction: float


def find_bands(flat: F32, ring: Mask) -> Bands:
    """The bands of one direction and bend that explain most of the flattened surroundings `ring`."""
    none = Bands(np.zeros_like(flat), 0.0, 0.0)
    ys, xs = np.nonzero(ring)
    if len(ys) < 20 * SUPPORT:
        return none
    thin = max(1, len(ys) // MOST_PIXELS)
    ys, xs = ys[::thin], xs[::thin]
    values = flat[ys, xs].astype(np.float64)
    centre = float(np.median(values))
    spread = 1.4826 * float(np.median(np.abs(values - centre))) + 1e-6
    values = np.clip(values - centre, -WILD * spread, WILD * spread)
    total = float(values.var()) + 1e-12
    half = max(flat.shape) / 2
    x, y = xs - flat.shape[1] / 2, ys - flat.shape[0] / 2
    best, chosen = 0.0, (0.0, 0.0)
    for direction in DIRECTIONS:
        for bend in BENDS:
            profile, at = _profile(_across(x, y, direction, bend, half), values)
            explained = float(profile[at].var()) / total
            if explained > best:
                best, chosen = explained, (float(direction), bend)
    if best < EXPLAINS:
        return Bands(none.grey, best, chosen[0])
    profile, _ = _profile(_across(x, y, *chosen, half), values)
    full_y, full_x = np.ogrid[: flat.shape[0], : flat.shape[1]]
    offset = _across(full_x - flat.shape[1] / 2, full_y - flat.shape[0] / 2, *chosen, half)
    grey = np.interp(offset, (np.arange(len(profile)) - _middle(len(profile))) * BIN_PX, profile)
    return Bands(np.asarray(grey, dtype=np.float32), best, chosen[0])


def _across(x: F64, y: F64, direction: float, bend: float, half: float) -> F64:
    """Distance across bands of a direction and bend."""
    cos, sin = np.cos(np.deg2rad(direction)), np.sin(np.deg2rad(direction))
    along = x * cos + y * sin
    return np.asarray(y * cos - x * sin + bend * along**2 / half)


def _profile(across: F64, values: F64) -> tuple[F64, NDArray[np.intp]]:
    """Mean value per distance, smoothed, zero where too little is known; and the bin of each value."""
    from scipy import ndimage

    count = 2 * int(np.abs(across).max() / BIN_PX + 2) + 1
    at = np.rint(across / BIN_PX).astype(np.intp) + _middle(count)
    number = np.bincount(at, minlength=count)
    mean = np.bincount(at, weights=values, minlength=count) / np.maximum(number, 1)
    smooth = ndimage.gaussian_filter1d(np.where(number >= SUPPORT, mean, 0.0), 1.0)
    return np.where(number >= SUPPORT, smooth, 0.0), at


def _middle(count: int) -> int:
    return count // 2
