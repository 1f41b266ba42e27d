"""Interstitial signs: reticular net, Kerley A and B lines."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from whyray_train.insertion.chest import Side, dense_level, hilum, pick_side, sides
from whyray_train.insertion.core import F32, Film, Inserted, inserted
from whyray_train.insertion.curves import stroke, walk
from whyray_train.insertion.optics import blur, ceiling, clouds, opacify, ramp, shows

Path = NDArray[np.float64]
MARK_MM = 1.3  # half width of the mask of a line, at least one pixel


def reticular(film: Film, rng: np.random.Generator) -> Inserted | None:
    """Fine net of lines, denser at the base and the periphery; mask channel of the same name."""
    chosen = sides(film)
    if not chosen:
        return None
    if len(chosen) > 1 and rng.random() < 0.2:
        chosen = [chosen[int(rng.integers(2))]]
    pixels, mask = film.pixels.copy(), np.zeros_like(film.pixels)
    strength, cell, veil = rng.uniform(0.08, 0.3), rng.uniform(2.8, 6), rng.uniform(0, 0.12)
    base, edge, reach = rng.uniform(0.2, 1), rng.uniform(0.2, 1), rng.uniform(0.3, 0.75)
    for side in chosen:
        window = side.window(round(4 / film.mm_per_px))
        weight = zone(film, side, window, rng, base, edge, reach)
        lines = net(rng, weight.shape, cell / film.mm_per_px, 0.5 / film.mm_per_px)
        lung = np.clip(1.5 * blur(side.lung[window], 1), 0, 1) * side.lung[window]
        share = np.clip(strength * lines + veil, 0, 0.9) * weight * lung
        pixels[window] = opacify(pixels[window], share, ceiling(pixels[window], dense_level(film)))
        mask[window] = np.maximum(mask[window], ramp(weight, 0.18, 0.4) * lung)
    seen = mask.sum() * film.mm_per_px**2 > 300 and shows(film.pixels, pixels, mask, 0.015)
    return inserted(pixels, reticular=mask) if seen else None


def kerley_b(film: Film, rng: np.random.Generator) -> Inserted | None:
    """Stacks of 3 to 10 short lines that touch the lateral pleura of the lower third; channel of the same name."""
    chosen = sides(film)
    if not chosen:
        return None
    if len(chosen) > 1 and rng.random() < 0.5:
        chosen = [chosen[int(rng.integers(2))]]
    lines, marks = np.zeros_like(film.pixels), np.zeros_like(film.pixels)
    strength = rng.uniform(0.1, 0.4)
    for side in chosen:
        rungs(film, side, rng, lines, marks)
    return _drawn(film, lines, strength, kerley_b=marks)


def kerley_a(film: Film, rng: np.random.Generator) -> Inserted | None:
    """Two to seven lines of 2 to 6 cm from the hilum up and out, short of the pleura; channel of the same name."""
    side = pick_side(film, rng)
    if side is None:
        return None
    mm = film.mm_per_px
    lines, marks = np.zeros_like(film.pixels), np.zeros_like(film.pixels)
    row, col = hilum(side)
    for _ in range(int(rng.integers(2, 8))):
        rise = rng.uniform(-0.1, 1.2)  # radians above the horizontal, outwards
        heading = -rise if side.outward > 0 else np.pi + rise
        out = rng.uniform(8, 28) / mm
        start = row - rng.uniform(-5, 25) / mm + out * np.sin(heading), col + out * np.cos(heading)
        path = _short_of_pleura(side, walk(rng, start, heading, rng.uniform(25, 60) / mm, 0.35, 14), 8 / mm)
        if len(path) > 5:
            waves = np.sin(np.linspace(0.25, np.pi - 0.25, len(path))) * rng.uniform(0.5, 1)
            stroke(lines, path, max(0.45, rng.uniform(0.3, 0.55) / mm), waves * rng.uniform(0.7, 1.1, len(path)))
            stroke(marks, path, max(1.0, MARK_MM / mm), tube=True)
    return _drawn(film, lines, rng.uniform(0.08, 0.28), kerley_a=marks)


def _short_of_pleura(side: Side, path: Path, margin: float) -> Path:
    """The part of a path before it comes within `margin` pixels of the chest wall or leaves the lung."""
    size = side.lung.shape[0]
    rows = np.clip(np.rint(path[:, 0]).astype(int), 0, size - 1)
    cols = np.clip(np.rint(path[:, 1]).astype(int), 0, size - 1)
    ok = (side.outward * (side.wall[rows] - cols) > margin) & (rows > side.roof[cols] + margin)
    stop = len(path) if ok.all() else int(np.argmin(ok))
    return path[:stop]


def _line(lines: F32, marks: F32, path: Path, sigma_mm: float, height: float, mm: float) -> None:
    """One septal line, fading at its inner end, and its mark."""
    fade = np.clip(np.linspace(1.15, 0.55, len(path)), 0, 1) * height
    stroke(lines, path, max(0.45, sigma_mm / mm), fade)
    stroke(marks, path, max(1.0, MARK_MM / mm), tube=True)


def _drawn(film: Film, lines: F32, strength: float, **marks: F32) -> Inserted | None:
    """Film with lines of a given share at their crest, both kept inside the lungs."""
    lung = np.maximum(film.right_lung, film.left_lung)
    rows, cols = np.nonzero(lines > 0.01)
    if rows.size == 0:
        return None
    window = (slice(rows.min(), rows.max() + 1), slice(cols.min(), cols.max() + 1))
    room = ramp(lung[window], 0.15, 0.7)
    pixels = film.pixels.copy()
    goal = ceiling(pixels[window], dense_level(film))
    pixels[window] = opacify(pixels[window], np.float32(strength) * lines[window] * room, goal)
    masks = {}
    for name, mark in marks.items():
        masks[name] = np.zeros_like(mark)
        masks[name][window] = ramp(mark[window], 0.1, 0.6) * room
    seen = all(m.sum() * film.mm_per_px**2 > 20 and shows(film.pixels, pixels, m, 0.012) for m in masks.values())
    return inserted(pixels, **masks) if seen else None


def rungs(film: Film, side: Side, rng: np.random.Generator, lines: F32, marks: F32) -> None:
    """Draws one stack of Kerley B lines along the lateral wall, most of them 7 to 9 mm long."""
    mm = film.mm_per_px
    count = int(rng.integers(3, 11))
    usual = rng.uniform(7, 9) if rng.random() < 0.6 else rng.uniform(5, 18)
    foot = side.angle[0] - rng.uniform(4, 22) / mm
    tilt = rng.uniform(-0.12, 0.3)  # inner end a little higher: septa run at right angles to the pleura
    row = foot
    for _ in range(count):
        if row < side.top + 0.6 * side.height:
            break
        wall = float(np.interp(row, np.arange(side.wall.size), side.wall))
        length = float(np.clip(usual * rng.uniform(0.75, 1.3), 5, 20)) / mm
        heading = np.pi * (side.outward > 0) + (tilt + rng.normal(0, 0.06)) * side.outward
        path = walk(rng, (row, wall), heading, length, 0.08, 3)
        _line(lines, marks, path, rng.uniform(0.35, 0.6), rng.uniform(0.65, 1), mm)
        row -= rng.uniform(2.8, 7) / mm


def net(rng: np.random.Generator, shape: tuple[int, int], cell: float, half: float) -> F32:
    """Net of thin lines (h, w), 0 to 1.6 where they cross: zero crossings of random fields with cells of `cell` pixels.

    The distance to a crossing is the field over its gradient, so that lines keep their half width of `half` pixels.
    """
    out = np.zeros(shape, dtype=np.float32)
    half = max(half, 0.45)
    broken = np.tanh(1.5 * clouds(rng, shape, 1.5 * cell, 1))
    for scale, height, sign in ((1.0, 1.0, 1), (0.7, 0.9, -1), (1.4, 1.0, 1)):
        field = clouds(rng, shape, cell * scale, 1)
        down, right = np.gradient(field)
        steep = np.sqrt(down**2 + right**2) + np.float32(0.15 / cell)
        out += (
            np.float32(height) * (0.55 + np.float32(0.45 * sign) * broken) * np.exp(-0.5 * (field / steep / half) ** 2)
        )
    return np.minimum(out, 1.6)


def zone(
    film: Film,
    side: Side,
    window: tuple[slice, slice],
    rng: np.random.Generator,
    base: float,
    edge: float,
    reach: float,
) -> F32:
    """Where the net lies: weights for base and periphery (h, w) in [0, 1], clouded."""
    rows = (np.arange(window[0].start, window[0].stop, dtype=np.float32)[:, None] - side.top) / side.height
    wall = side.outward * (side.wall[window[0], None].astype(np.float32) - side.inner[window[0], None])
    lateral = side.outward * (
        np.arange(window[1].start, window[1].stop, dtype=np.float32)[None, :] - side.inner[window[0], None]
    )
    across = np.clip(lateral / np.maximum(wall, 8), 0, 1).astype(np.float32)
    field = (base * rows + edge * across) / (base + edge)
    noise = clouds(rng, field.shape, rng.uniform(20, 45) / film.mm_per_px, 2)
    return ramp(field + 0.08 * noise, 1 - reach - 0.22, 1 - reach + 0.22)
