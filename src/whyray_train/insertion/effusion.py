"""Pleural effusion: blunted angle, meniscus, subpulmonic fluid, layered veil."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from whyray_train.insertion.chest import Side, belly_level, dense_level, sides
from whyray_train.insertion.core import F32, Film, Inserted, inserted
from whyray_train.insertion.optics import blur, opacify, ramp, smear
from whyray_train.insertion.ribs import rib_relief


@dataclass(frozen=True, slots=True)
class Pool:
    """Free fluid of one side, lengths in mm.

    Attributes
    ----------
    level
        Height of the flat surface above the costophrenic angle.
    rise, decay
        Height that the meniscus adds at the lateral wall and the distance over which it falls to 1 / e.
    inner_rise
        The same at the mediastinum.
    soft
        Depth below the surface over which the fluid grows thick in the beam.
    opacity
        Share of the way to the dense level under full depth.
    veil
        Opacity of fluid layered behind the whole lung, at the base (supine films).
    follow
        0 for a level surface, 1 for one that copies the hemidiaphragm (subpulmonic).
    """

    level: float
    rise: float
    decay: float
    inner_rise: float
    soft: float
    opacity: float
    veil: float = 0.0
    follow: float = 0.0


def draw_pool(rng: np.random.Generator, room: float) -> Pool:
    """Random fluid; `room` (mm) is the height of the hemithorax."""
    u = rng.uniform
    form = rng.choice(5, p=(0.40, 0.27, 0.16, 0.07, 0.10))
    if form == 0:  # blunted angle: a few mm to 2 cm of pocket
        rise = u(6, 22)
        return Pool(u(-3, 3), rise, u(0.5, 1.2) * rise, 0, u(2, 6), u(0.6, 1))
    if form == 1:  # small to moderate meniscus
        return Pool(u(4, 0.22 * room), u(12, 38), u(12, 40), u(0, 12), u(4, 14), u(0.85, 1))
    if form == 2:  # large, to more than half of the hemithorax
        return Pool(u(0.2, 0.55) * room, u(20, 60), u(20, 60), u(5, 25), u(8, 22), u(0.9, 1))
    if form == 3:  # subpulmonic: a false, higher hemidiaphragm, flatter and with its top further out
        return Pool(u(8, 35), u(0, 6), 15, 0, u(2, 5), u(0.92, 1), follow=u(0.4, 0.9))
    return Pool(u(-4, 8), u(6, 24), u(10, 30), 0, u(6, 16), u(0.5, 0.9), veil=u(0.15, 0.6))  # layered, supine


BLUNT = Pool(level=2, rise=22, decay=18, inner_rise=0, soft=4, opacity=1)


VISIBLE = 0.015  # mean brightening under the mask below which a pool cannot be seen
LEAK_MM2 = 250.0  # a larger tip is air outside the chest or in the stomach


def effusion(film: Film, rng: np.random.Generator) -> Inserted | None:
    """Fluid in one or both pleural spaces; mask channel of the same name."""
    chosen = sides(film)
    if not chosen:
        return None
    if len(chosen) > 1 and rng.random() > 0.35:
        chosen = [chosen[int(rng.integers(2))]]
    pixels, mask = film.pixels.copy(), np.zeros_like(film.pixels)
    shown = [
        pour(film, side, draw_pool(rng, side.height * film.mm_per_px), pixels, mask)
        or pour(film, side, BLUNT, pixels, mask)
        for side in chosen
    ]
    return inserted(pixels, effusion=mask) if any(shown) else None


def pour(film: Film, side: Side, pool: Pool, pixels: F32, mask: F32) -> bool:
    """Fills `pool` into one side of ``pixels`` and ``mask`` in place; False, and nothing done, if it does not show."""
    mm = film.mm_per_px
    top = side.angle[0] - (pool.level + pool.rise + pool.soft + 25) / mm
    window = side.window(round(14 / mm), top=side.top if pool.veil else max(side.top, int(top)))
    grey, lung = film.pixels[window], side.lung[window]
    depth = surface_depth(side, pool, mm, window)
    room, marked = hollow(film, side, pool, window)
    deep = ramp(depth, -0.35 * pool.soft, 1.3 * pool.soft)
    pooled = deep * room
    layered = layer(side, pool, mm, window)
    share = 1 - (1 - pool.opacity * pooled) * (1 - layered)
    detail = 0.45 * rib_relief(grey, lung, mm) * share**2
    filled = opacify(grey, share, fluid_level(film, side, window), detail)
    cover = np.maximum(ramp(deep, 0.12, 0.5), ramp(layered, 0.05, 0.2)) * marked
    gain = filled - grey
    inside = cover > 0.5
    if inside.sum() * mm**2 < 20 or gain[inside].mean() < VISIBLE:
        return False
    pixels[window] = filled
    np.maximum(mask[window], cover, out=mask[window])
    return True


def layer(side: Side, pool: Pool, mm: float, window: tuple[slice, slice]) -> F32:
    """Opacity of the veil behind the lung: fluid that runs to the back, thicker towards the base."""
    height = (side.bottom - np.arange(window[0].start, window[0].stop, dtype=np.float32)) / side.height
    fall = pool.veil * np.exp(-1.6 * np.clip(height, 0, 1))[:, None]
    out: F32 = (fall * blur(side.lung[window], 2.5 / mm)).astype(np.float32)
    return out


def surface_depth(side: Side, pool: Pool, mm: float, window: tuple[slice, slice]) -> F32:
    """Depth (mm) of each pixel of the window below the fluid's surface; negative above it."""
    rows = np.arange(window[0].start, window[0].stop, dtype=np.float32)[:, None]
    cols = np.arange(window[1].start, window[1].stop, dtype=np.float32)[None, :]
    wall = side.wall[window[0], None].astype(np.float32)
    inner = side.inner[window[0], None].astype(np.float32)
    outer = np.clip(side.outward * (wall - cols), 0, None) * mm
    medial = np.clip(side.outward * (cols - inner), 0, None) * mm
    height = pool.level + pool.rise * np.exp(-outer / pool.decay) + pool.inner_rise * np.exp(-medial / 10)
    floor = np.full_like(cols, side.angle[0])
    if pool.follow:
        base = ndimage.gaussian_filter1d(side.base, 7 / mm, mode="nearest")[None, window[1]]
        floor = floor + np.float32(pool.follow) * (base.astype(np.float32) - floor)
    depth: F32 = (rows - floor) * mm + height
    return depth


def hollow(film: Film, side: Side, pool: Pool, window: tuple[slice, slice]) -> tuple[F32, F32]:
    """(where fluid darkens the film, where it is marked), soft.

    Marked is the lung and the tip of the angle that the weak mask misses. The darkening goes on by 2 mm all round,
    by 7 mm downwards and by 9 mm towards the heart, whose edges fluid hides; a deep pool also fills the recess
    behind the flank of the dome.
    """
    mm = film.mm_per_px
    lung = np.maximum(side.lung[window], tip(film.pixels[window], side, mm, window))
    room = np.clip(1.9 * blur(lung, 2 / mm), 0, 1)
    medial = np.roll(lung, -side.outward * round(4 / mm), axis=1)  # the flank beside the angle stays as it is
    grown = blur(smear(smear(medial, 7 / mm, axis=0), 6 / mm * -side.outward, axis=1), 1 / mm)
    film_there = ramp(blur(film.pixels[window], 1.5), 0.04, 0.12)  # nothing lies in the collimated border
    room = np.maximum(room, grown * film_there)
    if pool.level > 4:
        rows = np.arange(window[0].start, window[0].stop, dtype=np.float32)[:, None]
        cols = np.arange(window[1].start, window[1].stop)
        base = side.base[None, window[1]].astype(np.float32)
        reach = np.minimum(0.45 * (side.angle[0] - base), 12 / mm)
        recess = (rows > base - 2) * (1 - ramp(rows - base - reach, -2 / mm, 2 / mm))
        recess = recess * ((cols >= side.left) & (cols <= side.right))[None, :]
        room = np.maximum(room, blur(recess.astype(np.float32), 1.2 / mm))
    return room, ramp(blur(lung, 1 / mm), 0.2, 0.6)


def tip(grey: F32, side: Side, mm: float, window: tuple[slice, slice]) -> F32:
    """Aerated lung that the weak mask misses below its angle: dark cells joined to it, within 16 mm.

    Dark is less than half way from the lung's grey above the angle to the brightest nearby.
    """
    out = np.zeros_like(grey)
    row, col = round(side.angle[0]) - window[0].start, round(side.angle[1]) - window[1].start
    reach = round(16 / mm)
    box = (slice(max(0, row - reach), row + reach), slice(max(0, col - reach), col + reach))
    patch = grey[box]
    known = side.lung[window][box] > 0.5
    if not known.any():
        return out
    air = float(np.quantile(patch[known], 0.3))
    dark = (patch > air - 0.08) & (patch < air + 0.45 * (float(np.quantile(patch, 0.9)) - air))
    across = np.arange(box[1].start, box[1].start + patch.shape[1]) - col
    dark &= (side.outward * across * mm < 6)[None, :]
    found = known.copy()
    for _ in range(round(12 / mm)):
        wider = found.astype(np.float32)
        for axis in (0, 1):
            wider = np.maximum(smear(wider, 1, axis), smear(wider, -1, axis))
        found = known | ((wider > 0) & dark)
    if (found.sum() - known.sum()) * mm**2 > LEAK_MM2:
        return out
    out[box] = found
    return blur(np.clip(1.6 * blur(out, 1.2), 0, 1), 0.6)


def fluid_level(film: Film, side: Side, window: tuple[slice, slice]) -> F32:
    """Grey of deep fluid: the abdomen's below, falling towards the heart's with height."""
    heart = dense_level(film)
    out = side.outward * (np.arange(film.pixels.shape[1]) - side.wall[round(side.angle[0])]) * film.mm_per_px
    floor = heart * (0.85 - 0.25 * ramp(out.astype(np.float32), -25, -5))  # the flank is thin, the rest may be gas
    belly = belly_level(film, side, floor)
    inward = np.roll(belly, side.outward * round(15 / film.mm_per_px))  # a pocket is as dense as the dome beside it
    belly = np.maximum(belly, 0.95 * inward)[None, window[1]]
    rows = np.arange(window[0].start, window[0].stop, dtype=np.float32)[:, None]
    up = np.clip((side.base[None, window[1]] - rows) * film.mm_per_px / 90, 0, 1).astype(np.float32)
    target = 0.35 * belly + 0.65 * np.minimum(belly, heart)
    level: F32 = (belly + up * (target - belly)).astype(np.float32)
    return level
