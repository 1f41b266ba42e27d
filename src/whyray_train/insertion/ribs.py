"""Ribs apart from vessels: smoothing along the local direction of the ribs."""

from __future__ import annotations

import numpy as np

from whyray_train.insertion.core import F32
from whyray_train.insertion.optics import blur, blur_inside, grow, ramp, shrink

STEEPEST = 1.0  # |rise / run| beyond which a direction is no rib's


def along_ribs(grey: F32, mm: float, inside: F32 | None = None, cell_mm: float = 2.4, reach_mm: float = 13.0) -> F32:
    """Film smoothed along the ribs: ribs and shading stay, vessels that cross them go.

    The direction is that of the structure tensor at rib scale (Bigun and Granlund 1987), kept within 45 degrees of
    the horizontal.

    Parameters
    ----------
    grey
        (h, w) film.
    mm
        Millimetres per pixel.
    inside
        (h, w) soft mask to which the smoothing keeps, so that the chest wall does not run into the lung.
    cell_mm
        Side of the blocks on which the work is done.
    reach_mm
        Half length of the smoothing.
    """
    factor = max(1, round(cell_mm / mm))
    small = shrink(grey, factor)
    weight = None if inside is None else shrink(inside, factor) ** 2 + np.float32(1e-3)
    down, run = _direction(small, factor * mm)
    rows = np.arange(small.shape[0], dtype=np.float32)[:, None] + 0.5
    cols = np.arange(small.shape[1], dtype=np.float32)[None, :] + 0.5
    total, count = np.zeros_like(small), np.zeros_like(small)
    for step in np.linspace(-reach_mm, reach_mm, 9, dtype=np.float32) / np.float32(factor * mm):
        y = np.clip(rows + step * down, 0, small.shape[0] - 1).astype(np.intp)
        x = np.clip(cols + step * run, 0, small.shape[1] - 1).astype(np.intp)
        if weight is None:
            total += small[y, x]
            count += 1
        else:
            seen = weight[y, x]
            total += small[y, x] * seen
            count += seen
    return grow(blur(total / count, 0.5), grey.shape, factor)


def rib_relief(grey: F32, lung: F32, mm: float) -> F32:
    """Contrast of the ribs over the lung (h, w), 0 at the lung's border: (0, 0.1] rib, [-0.1, 0) gap between ribs."""
    shading = blur_inside(grey, lung, 11 / mm)
    relief = along_ribs(grey, mm) - shading
    out: F32 = np.clip(relief, -0.1, 0.1) * ramp(blur(lung, 3 / mm), 0.6, 0.98)
    return out


def _direction(grey: F32, mm: float) -> tuple[F32, F32]:
    """(down, right) unit vector along the local lines, `right` > 0."""
    gy, gx = (np.asarray(g, dtype=np.float32) for g in np.gradient(blur(grey, 2.5 / mm)))
    yy, xx, xy = (blur(p, 9 / mm) for p in (gy * gy, gx * gx, gx * gy))
    theta = 0.5 * np.arctan2(2 * xy, xx - yy)  # across the lines, in (-pi/2, pi/2]
    slope = -1 / np.tan(np.where(np.abs(theta) < 0.2, 0.2, theta))
    slope = np.where(np.abs(slope) < STEEPEST, slope, 0)
    run = 1 / np.sqrt(1 + slope**2)
    return (slope * run).astype(np.float32), run.astype(np.float32)
