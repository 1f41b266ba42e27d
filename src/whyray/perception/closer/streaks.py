"""Streaks across the outline: how much more of the fine grey pattern at the margin is radial than oblique.

Vessels, ribs and grain cross the margin at every angle, spicules only outwards; so the oblique lines of the same rim
are the control for the radial ones. The idea is that of Karssemeijer and te Brake, IEEE Trans Med Imaging 15:611
(1996), for stellate distortions; here lines are summed across a rim instead of orientations at pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from whyray.perception.closer.crop import F64
from whyray.perception.closer.lesion import Lesion
from whyray.perception.closer.rays import RAYS, read

PITCH_MM = 0.35  # between samples, at least a pixel
RIM_IN, RIM_OUT, RIM_OUT_MM = 0.2, 0.1, 0.3  # of the radius inside and outside the outline, and mm more outside
FINE_MM, COARSE_MM = 0.25, 0.6  # standard deviations of the difference of Gaussians along the outline that keeps lines
RADIAL, OBLIQUE = (-0.15, 0.0, 0.15), (-1.0, -0.7, 0.7, 1.0)  # tangents of a line's angle to the radius
TAPER = 0.4  # weight of a line's outer end: spicules fade outwards
SECTORS = 12  # the middle one counts: one vessel that leaves the lesion is none
CALM_RAYS = 3.0  # standard deviation of the smoothing of the outline, in rays
WILD = 3.0  # standard deviations at which a value is cut off
LEAST_POWER = 1e-9  # squared grey: keeps the logarithm finite on a film without grain
LEAST_STEPS = 4  # samples across the rim without which there is no direction


def radial_excess(lesion: Lesion, passing: Sequence[tuple[float, float]]) -> float | None:
    """Logarithm of the power of bright radial lines over that of oblique ones, in the middle sector.

    Sectors with one of the points `passing`, where a vessel or rib crosses the outline, are left out. None on a rim
    too narrow for it, or where fewer than half of the sectors are left.
    """
    from scipy import ndimage

    crop, contour = lesion.crop, lesion.contour
    radii = ndimage.gaussian_filter1d(contour.radii, CALM_RAYS, mode="wrap")
    usual, pitch = float(radii.mean()), max(crop.px(PITCH_MM), 1.0)
    off = np.arange(-RIM_IN * usual, RIM_OUT * usual + crop.px(RIM_OUT_MM), pitch)
    if len(off) < LEAST_STEPS:
        return None
    count = max(int(2 * np.pi * usual / pitch), 5 * SECTORS)
    turn = np.arange(count) * (2 * np.pi / count)
    ring = np.interp(turn, np.arange(RAYS + 1) * (2 * np.pi / RAYS), np.append(radii, radii[0]))
    away = ring[:, None] + off[None]
    x, y = contour.centre[0] + away * np.cos(turn)[:, None], contour.centre[1] + away * np.sin(turn)[:, None]
    strip = read(crop.grey, x, y)
    apart = 2 * np.pi * usual / count  # pixels along the outline
    fine, coarse = (
        ndimage.gaussian_filter1d(strip, crop.px(s) / apart, axis=0, mode="wrap") for s in (FINE_MM, COARSE_MM)
    )
    lines = fine - coarse
    spread = float(lines.std())
    lines = np.clip(lines, -WILD * spread, WILD * spread)
    radial, oblique = (
        np.mean([_power(lines, s * pitch / apart) for s in group], axis=0) for group in (RADIAL, OBLIQUE)
    )
    crossed = {_sector(x - contour.centre[0], y - contour.centre[1]) for x, y in passing}
    kept = [k for k in range(SECTORS) if k not in crossed]
    if 2 * len(kept) < SECTORS:
        return None
    return float(np.median(np.log((radial[kept] + LEAST_POWER) / (oblique[kept] + LEAST_POWER))))


def _sector(dx: float, dy: float) -> int:
    return int(np.arctan2(dy, dx) / (2 * np.pi) * SECTORS % SECTORS) % SECTORS


def _power(lines: F64, slope: float) -> F64:
    """(SECTORS,) mean square of the bright lines of a slope (places along the outline per step outwards)."""
    count, steps = lines.shape
    weight = np.linspace(1, TAPER, steps)
    shift = np.rint(slope * (np.arange(steps) - steps / 2)).astype(np.intp)
    flat = (np.arange(count)[:, None] + shift[None]) % count * steps + np.arange(steps)[None]
    mean = np.take(lines, flat) @ (weight / weight.sum())
    return np.array([part.mean() for part in np.array_split(np.clip(mean, 0, None) ** 2, SECTORS)])
