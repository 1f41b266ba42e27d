"""Drawn films with one lesion of known form: discs, lobes, spicules, holes, spots, over grain, ribs and vessels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from perception.scenery import pack
from whyray.domain import Geometry, Image, Observations, Quality, Region, Structure

Mask = NDArray[np.bool_]
LUNG, BODY = 0.25, 0.75


@dataclass(frozen=True)
class Drawn:
    """What is drawn; lengths in px, angles in degrees from the x axis towards growing rows."""

    radius: float = 40.0
    centre: tuple[float, float] = (150.0, 300.0)
    contrast: float = 0.3
    lobes: int = 0
    lobing: float = 0.0
    spicules: Sequence[float] = ()
    spicule_length: float = 26.0
    spicule_width: float = 1.4
    spicule_contrast: float = 0.1
    noise: float = 0.006
    ribs: float = 0.0
    vessels: int = 0
    hole: float = 0.0
    spots: Sequence[tuple[float, float, float]] = ()
    blur: float = 1.0
    seed: int = 1
    rows: int = 640
    cols: int = 700
    mm: float | None = 0.3
    extra: Sequence[tuple[tuple[float, float], tuple[float, float], float]] = field(default=())


def outline(d: Drawn, angle: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(d.radius * (1 + d.lobing * np.cos(d.lobes * angle)))


def lungs(d: Drawn) -> dict[str, Mask]:
    y, x = np.mgrid[: d.rows, : d.cols]
    top, bottom = 40, d.rows - 60
    rows = (y > top) & (y < bottom)
    right = rows & (x > 40) & (x < 0.43 * d.cols)
    left = rows & (x > 0.57 * d.cols) & (x < d.cols - 40)
    heart = (y > 0.55 * d.rows) & (y < bottom) & (x > 0.43 * d.cols) & (x < 0.7 * d.cols)
    return {"right_lung": right, "left_lung": left & ~heart, "heart": heart}


def segment(shape: tuple[int, int], start: Sequence[float], end: Sequence[float], sigma: float) -> NDArray[np.float64]:
    """Gaussian line between two points (x, y)."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    way = np.subtract(end, start)
    length = float(np.hypot(*way))
    t = np.clip(((x - start[0]) * way[0] + (y - start[1]) * way[1]) / length**2, 0, 1)
    away = np.hypot(x - start[0] - t * way[0], y - start[1] - t * way[1])
    return np.asarray(np.exp(-0.5 * (away / sigma) ** 2))


def body(d: Drawn) -> Mask:
    y, x = np.mgrid[: d.rows, : d.cols]
    dx, dy = x - d.centre[0], y - d.centre[1]
    return np.asarray(np.hypot(dx, dy) <= outline(d, np.arctan2(dy, dx)))


def film(d: Drawn) -> tuple[Image, Region, Observations]:
    """(film, coarse mask of the lesion, observations) as a first look would give them."""
    rng = np.random.default_rng(d.seed)
    grey = np.full((d.rows, d.cols), BODY)
    parts = lungs(d)
    grey[parts["right_lung"] | parts["left_lung"]] = LUNG
    y, x = np.mgrid[: d.rows, : d.cols]
    if d.ribs:
        band = (y + 0.25 * x) % 90 < 34
        grey = grey + d.ribs * ndimage.gaussian_filter(band.astype(float), 1.2)
    for _ in range(d.vessels):
        a, turn = rng.uniform((60, 160), (260, 360)), rng.uniform(0, np.pi)
        reach = rng.uniform(60, 160) * np.array([np.cos(turn), np.sin(turn)])
        grey = grey + rng.uniform(0.03, 0.08) * segment(grey.shape, a - reach, a + reach, rng.uniform(1.0, 3.0))
    mask = body(d)
    inside = mask.astype(float)
    away = np.hypot(x - d.centre[0], y - d.centre[1])
    inside[away < d.hole * d.radius] = 0.1
    for angle in d.spicules:
        way = np.array([np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))])
        edge = float(outline(d, np.array([np.deg2rad(angle)]))[0])
        line = segment(grey.shape, d.centre + 0.9 * edge * way, d.centre + (edge + d.spicule_length) * way,
                       d.spicule_width)  # fmt: skip
        grey = grey + d.spicule_contrast * line * (1 - inside)
    grey = grey + d.contrast * ndimage.gaussian_filter(inside, d.blur)
    for start, end, height in d.extra:
        grey = grey + height * segment(grey.shape, start, end, 1.3)
    for sx, sy, radius in d.spots:
        grey = grey + 0.4 * (np.hypot(x - d.centre[0] - sx, y - d.centre[1] - sy) <= radius)
    grey = grey + rng.normal(0, d.noise, grey.shape)
    pixels = np.clip(grey, 0, 1).astype(np.float32)[None]
    spacing = None if d.mm is None else (d.mm, d.mm)
    geometry = Geometry(d.rows, d.cols, spacing, "none" if d.mm is None else "PixelSpacing")
    image = Image(pixels, geometry, "0" * 64, "drawn.png")
    structures = tuple(Structure(i, Region.from_mask(m), 0.9) for i, m in parts.items())
    seen = Observations("0" * 64, "drawn", structures, {}, (), {}, Quality(True, 1.0))
    return image, coarse(mask), seen


def coarse(mask: Mask, cells: int = 80) -> Region:
    """The mask as a network gives it: on a grid of `cells` along the longer side, a little too large."""
    step = max(mask.shape) // cells
    grid = ndimage.uniform_filter(mask.astype(float), step)[step // 2 :: step, step // 2 :: step] > 0.2
    big = np.kron(grid, np.ones((step, step), dtype=bool))
    out = np.zeros_like(mask)
    rows, cols = min(big.shape[0], mask.shape[0]), min(big.shape[1], mask.shape[1])
    out[:rows, :cols] = big[:rows, :cols]
    region = Region.from_mask(out)
    assert region is not None
    return region


def dice(region: Region, mask: Mask) -> float:
    found = region.mask()
    return 2 * float((found & mask).sum()) / float(found.sum() + mask.sum())


__all__ = ["Drawn", "body", "coarse", "dice", "film", "lungs", "outline", "pack", "segment"]
