"""Cephalization: flow moves from the lower to the upper zones, whose vessels grow wider than those below."""

from __future__ import annotations

import numpy as np

from whyray_train.insertion.chest import Side, dense_level, hilum, sides
from whyray_train.insertion.core import F32, Film, Inserted, inserted
from whyray_train.insertion.curves import stroke, tree
from whyray_train.insertion.optics import blur, ramp, shows
from whyray_train.insertion.ribs import along_ribs

SATURATION_MM = 38.0  # thickness of blood that takes the grey 63 % of the way to the dense level


def redistribution(film: Film, rng: np.random.Generator) -> Inserted | None:
    """Upper-zone vessels widened, lower ones thinned, on both sides; the mask covers the upper-zone vessels."""
    chosen = sides(film)
    if not chosen:
        return None
    pixels, mask = film.pixels.copy(), np.zeros_like(film.pixels)
    strength = rng.uniform(0.4, 1.3)
    for side in chosen:
        _shift(film, side, rng, strength, pixels, mask)
    return inserted(pixels, redistribution=mask) if shows(film.pixels, pixels, mask, 0.02) else None


def _shift(film: Film, side: Side, rng: np.random.Generator, strength: float, pixels: F32, mask: F32) -> None:
    mm = film.mm_per_px
    window = side.window(round(2 / mm))
    grey, lung = pixels[window], side.lung[window]
    upper, lower = zones(side, window, mm)
    upper, lower = upper * ramp(lung, 0.4, 0.95), lower * ramp(lung, 0.4, 0.95)
    soft = blur(grey, 0.7)
    ribs = along_ribs(grey, mm, inside=lung, reach_mm=9)
    floor = 1.5 * float(np.abs(grey - soft)[lung > 0.5].mean())
    vessels = np.clip(soft - ribs - floor, 0, 0.05)
    wide = 1.7 * blur(vessels, 0.9 / mm)  # the same vessels, of larger calibre
    place = across(side, window)
    central = upper * ramp(place, 0.1, 0.2) * (1 - ramp(place, 0.6, 0.8))
    thinned = min(0.95, rng.uniform(0.5, 0.9) * strength)
    extra = central * (0.75 * strength * wide) - lower * thinned * vessels
    blood = veins(side, rng, window, strength, mm) * np.clip(lung, 0, 1)
    share = 1 - np.exp(-blood / SATURATION_MM)
    smooth = soft + extra
    pixels[window] = grey + extra + share * np.maximum(dense_level(film) - smooth, 0)
    cover = np.maximum(ramp(wide, 0.02, 0.05) * central, ramp(blood, 0.6, 1.8) * ramp(lung, 0.3, 0.7))
    np.maximum(mask[window], cover, out=mask[window])


def zones(side: Side, window: tuple[slice, slice], mm: float) -> tuple[F32, F32]:
    """(h, 1) weights of the zone above the hilum, short of the apex, and of the zone below it."""
    row, _ = hilum(side)
    rows = np.arange(window[0].start, window[0].stop, dtype=np.float32)[:, None]
    upper = (1 - ramp(rows, row - 8 / mm, row + 6 / mm)) * ramp(rows, side.top + 6 / mm, side.top + 0.22 * side.height)
    lower = ramp(rows, row + 10 / mm, row + 40 / mm)
    return upper, lower


def across(side: Side, window: tuple[slice, slice]) -> F32:
    """(h, w) place between the medial (0) and the lateral (1) border of the lung in each row."""
    inner = side.inner[window[0], None].astype(np.float32)
    wall = side.wall[window[0], None].astype(np.float32)
    cols = np.arange(window[1].start, window[1].stop, dtype=np.float32)[None, :]
    width = np.maximum(side.outward * (wall - inner), 4)
    out: F32 = np.clip(side.outward * (cols - inner) / width, 0, 1)
    return out


def veins(side: Side, rng: np.random.Generator, window: tuple[slice, slice], strength: float, mm: float) -> F32:
    """Thickness (mm) of distended upper-lobe vessels that branch up and out of the hilum."""
    canvas = np.zeros((window[0].stop - window[0].start, window[1].stop - window[1].start), dtype=np.float32)
    row, col = hilum(side)
    for _ in range(int(rng.integers(2, 5))):
        rise = rng.uniform(0.45, 1.45)  # radians above the horizontal, outwards
        heading = -rise if side.outward > 0 else np.pi + rise
        start = row - rng.uniform(0, 14) / mm - window[0].start, col + side.outward * rng.uniform(0, 8) / mm
        start = start[0], start[1] - window[1].start
        radius = rng.uniform(1.3, 1.9 + 0.9 * strength) / mm
        for points, radii in tree(rng, start, heading, rng.uniform(20, 34) / mm, radius, 3, spread=0.4):
            stroke(canvas, points, radii, 2 * radii * mm, tube=True)
    return blur(canvas, max(0.5, 0.4 / mm))
