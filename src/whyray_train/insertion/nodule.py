"""Nodules and masses: soft bodies of soft-tissue density seen through the ribs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whyray_train.insertion.chest import dense_level, whole_lung
from whyray_train.insertion.core import F32, Film, Inserted, inserted
from whyray_train.insertion.curves import stroke, walk
from whyray_train.insertion.optics import blur, ceiling, clouds, opacify, ramp, shows

F64 = NDArray[np.float64]
SATURATION_MM = 55.0  # thickness of soft tissue that takes the grey 63 % of the way from lung to heart


@dataclass(frozen=True, slots=True)
class Body:
    """Outline and build of one lesion.

    Attributes
    ----------
    diameter
        Mean diameter, mm.
    aspect, tilt
        Ratio of the axes and the long axis's angle, radians.
    lobes
        (7,) amplitude of the outline's waves 2 to 8, as shares of the radius.
    spicules
        Number of strands that leave the margin.
    density
        Attenuation of the body relative to soft tissue: below 1 subsolid, above 2 calcified.
    soft
        Width of the margin, mm.
    hollow
        Radius of a central cavity as a share of the radius.
    """

    diameter: float
    aspect: float
    tilt: float
    lobes: F64
    spicules: int
    density: float
    soft: float
    hollow: float = 0.0


def nodule(film: Film, rng: np.random.Generator) -> Inserted | None:
    """One to four bodies of 6 to 30 mm, most often one; mask channel of the same name."""
    count = 1 if rng.random() < 0.75 else int(rng.integers(2, 5))
    pixels, mask = film.pixels.copy(), np.zeros_like(film.pixels)
    centre = np.exp(rng.uniform(np.log(6), np.log(30)))
    for _ in range(count):
        size = float(np.clip(centre * rng.uniform(0.75, 1.3), 6, 30)) if count > 1 else float(centre)
        embed(film, draw_body(rng, size), place(film, rng, size), rng, pixels, mask)
    return inserted(pixels, nodule=mask) if shows(film.pixels, pixels, mask, 0.022) else None


def mass(film: Film, rng: np.random.Generator) -> Inserted | None:
    """One body of 30 to 80 mm; mask channel ``nodule``."""
    size = float(rng.uniform(30, 80))
    pixels, mask = film.pixels.copy(), np.zeros_like(film.pixels)
    embed(film, draw_body(rng, size), place(film, rng, size), rng, pixels, mask)
    return inserted(pixels, nodule=mask) if shows(film.pixels, pixels, mask, 0.05) else None


def draw_body(rng: np.random.Generator, diameter: float) -> Body:
    """Random build: smooth, lobulated or spiculated."""
    form = int(rng.choice(3, p=(0.45, 0.35, 0.20)))
    ripple = (0.02, 0.09, 0.06)[form]
    lobes = rng.normal(0, ripple, 7) / np.arange(1, 8) ** 0.4 * np.clip(diameter / 16 - 0.2, 0.15, 1)
    spicules = int(rng.integers(6, 18)) if form == 2 else 0
    calcified = diameter < 18 and rng.random() < 0.15
    density = rng.uniform(1.8, 3.2) if calcified else rng.uniform(0.6, 1.5)
    soft = rng.uniform(0.4, 0.5 + 0.09 * diameter)
    hollow = rng.uniform(0.35, 0.7) if diameter > 25 and rng.random() < 0.12 else 0.0
    return Body(diameter, rng.uniform(0.68, 1), rng.uniform(0, np.pi), lobes, spicules, density, soft, hollow)


def place(film: Film, rng: np.random.Generator, diameter: float) -> tuple[int, int] | None:
    """(row, column) of a centre in the lung, most of the body inside it; None without lung."""
    inside = blur(whole_lung(film), 0.35 * diameter / film.mm_per_px)
    spots = np.flatnonzero(inside > 0.72)
    if spots.size == 0:
        return None
    row, col = divmod(int(spots[rng.integers(spots.size)]), film.pixels.shape[1])
    return row, col


def embed(film: Film, body: Body, at: tuple[int, int] | None, rng: np.random.Generator, pixels: F32, mask: F32) -> None:
    """Adds one body to ``pixels`` and ``mask`` in place."""
    if at is None:
        return
    mm, size = film.mm_per_px, pixels.shape[0]
    reach = int((0.95 * body.diameter + 4) / mm) + 2
    window = tuple(slice(max(0, c - reach), min(size, c + reach + 1)) for c in at)
    rows = np.arange(window[0].start, window[0].stop, dtype=np.float32)[:, None] - at[0]
    cols = np.arange(window[1].start, window[1].stop, dtype=np.float32)[None, :] - at[1]
    down, right = (rows * mm).astype(np.float32), (cols * mm).astype(np.float32)
    inside, depth = profile(body, down, right, mm)
    texture = 1 + 0.1 * clouds(rng, depth.shape, max(2.0, 0.3 * body.diameter / mm), 2)
    thick = depth * texture + strands(body, rng, depth.shape, (at[0] - window[0].start, at[1] - window[1].start), mm)
    box = (window[0], window[1])
    chest = np.clip(1.6 * blur(np.maximum(whole_lung(film)[box], film.heart[box]), 2 / mm), 0, 1)
    share = (1 - np.exp(-body.density * thick / SATURATION_MM)) * chest
    goal = ceiling(pixels[box], max(dense_level(film), 0.6) + 0.1 * (body.density > 1.7))
    changed = opacify(pixels[box], share.astype(np.float32), goal)
    cover = inside * ramp(chest, 0.3, 0.7)
    if shows(pixels[box], changed, cover, 0.02):
        pixels[box] = changed
        np.maximum(mask[box], cover, out=mask[box])


def profile(body: Body, down: F32, right: F32, mm: float) -> tuple[F32, F32]:
    """(coverage of the outline, thickness in mm) of a body at offsets (h, 1) and (1, w) in mm."""
    cos, sin = np.float32(np.cos(body.tilt)), np.float32(np.sin(body.tilt))
    along, across = right * cos + down * sin, down * cos - right * sin
    radius = body.diameter / 2
    long = radius / float(np.sqrt(body.aspect))
    angle = np.arctan2(across, along)
    outline = np.ones_like(angle)
    for k, height in enumerate(body.lobes, start=2):
        outline += np.float32(height) * np.sin(k * angle + np.float32(7.3 * k * height / 0.05))
    round_away = np.sqrt((along / long) ** 2 + (across / (long * body.aspect)) ** 2)
    away = (round_away / outline).astype(np.float32, copy=False)
    depth = 2 * radius * np.sqrt(np.clip(1 - away**2, 0, 1)) * (0.65 + 0.35 * np.clip(1 - away**2, 0, 1))
    if body.hollow:
        depth = depth - 1.7 * radius * np.sqrt(np.clip(body.hollow**2 - away**2, 0, 1))
    inside = ramp(((1 - away) * radius / mm).astype(np.float32, copy=False), -0.7, 0.7)
    return inside, blur(depth.astype(np.float32), max(0.5, body.soft / mm * 0.6))


def strands(body: Body, rng: np.random.Generator, shape: tuple[int, int], at: tuple[int, int], mm: float) -> F32:
    """Thickness (mm) of the spicules: thin lines that taper outwards from the margin."""
    canvas = np.zeros(shape, dtype=np.float32)
    for k in range(body.spicules):
        heading = 2 * np.pi * (k + rng.uniform(-0.35, 0.35)) / body.spicules
        begin = 0.42 * body.diameter / mm
        start = at[0] + begin * np.sin(heading), at[1] + begin * np.cos(heading)
        length = rng.uniform(0.1, 0.4) * body.diameter / mm + 2 / mm
        path = walk(rng, start, heading, length, 0.3, 4)
        height = np.linspace(1, 0, len(path)) * rng.uniform(0.12, 0.3) * min(body.diameter, 30)
        stroke(canvas, path, max(0.5, 0.45 / mm), height)
    return canvas
