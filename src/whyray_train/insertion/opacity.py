"""Opacities of the air spaces: consolidation (with or without air bronchogram), hazy veil, bat wing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whyray_train.insertion.chest import Side, dense_level, hilum, pick_side, sides
from whyray_train.insertion.core import F32, Film, Inserted, inserted
from whyray_train.insertion.curves import stroke, tree
from whyray_train.insertion.optics import blur, blur_inside, clouds, opacify, ramp, shows, smear
from whyray_train.insertion.ribs import along_ribs

MARKED = 0.45  # share of the opacity's peak from which the mask is 1 (dense ones: from an opacity of 0.2)
SEEN_MM2 = 150.0


@dataclass(frozen=True, slots=True)
class Patch:
    """Part of one lung.

    ``shape`` (h, w) in [0, 1], the local share of the opacity's peak; ``window`` the slices it belongs to.
    """

    side: Side
    window: tuple[slice, slice]
    shape: F32


def consolidation(film: Film, rng: np.random.Generator) -> Inserted | None:
    """Filled air spaces: vessels drown; channels of this name and, where tubes of air are seen, ``air_bronchogram``."""
    return _consolidate(film, rng, tubes=rng.random() < 0.3)


def air_bronchogram(film: Film, rng: np.random.Generator) -> Inserted | None:
    """A consolidation that certainly holds tubes of air; channels of both names."""
    return _consolidate(film, rng, tubes=True)


def hazy(film: Film, rng: np.random.Generator) -> Inserted | None:
    """Ground-glass-like veil under which vessels stay visible; mask channel of the same name."""
    chosen = sides(film)
    if not chosen:
        return None
    if len(chosen) > 1 and rng.random() < 0.6:
        chosen = [chosen[int(rng.integers(len(chosen)))]]
    pixels, mask = film.pixels.copy(), np.zeros_like(film.pixels)
    for side in chosen:
        patch = blob(film, side, rng, spread=rng.uniform(0.22, 0.5), rough=rng.uniform(0.05, 0.3))
        _lay(film, patch, rng.uniform(0.14, 0.42), pixels, mask, hidden=0)
    return inserted(pixels, hazy=mask) if _seen(film, pixels, mask) else None


def bat_wing(film: Film, rng: np.random.Generator) -> Inserted | None:
    """Perihilar opacity of both lungs that fades outwards; mask channel of the same name."""
    both = sides(film)
    if len(both) < 2:
        return None
    pixels, mask = film.pixels.copy(), np.zeros_like(film.pixels)
    peak, grain, extent = rng.uniform(0.28, 0.8), rng.uniform(0.15, 0.5), rng.uniform(0.75, 1.2)
    drop = rng.uniform(-0.04, 0.12)
    for side in both:
        patch = wing(film, side, rng, extent * rng.uniform(0.88, 1.14), drop, grain)
        _lay(film, patch, peak * rng.uniform(0.82, 1.15), pixels, mask, hidden=0.6)
    return inserted(pixels, bat_wing=mask) if _seen(film, pixels, mask) else None


def _consolidate(film: Film, rng: np.random.Generator, tubes: bool) -> Inserted | None:
    side = pick_side(film, rng)
    if side is None:
        return None
    patch = (lobe, segment, patches)[int(rng.choice(3, p=(0.3, 0.35, 0.35)))](film, side, rng)
    peak = rng.triangular(0.55 if tubes else 0.25, 0.6, 0.92)
    air = bronchi(film, patch, rng) if tubes else np.zeros_like(patch.shape)
    pixels, mask = film.pixels.copy(), np.zeros_like(film.pixels)
    _lay(film, patch, peak, pixels, mask, hidden=0.92, air=np.float32(rng.uniform(0.3, 0.7)) * air)
    if not _seen(film, pixels, mask):
        return None
    if not tubes:
        return inserted(pixels, consolidation=mask)
    seen = np.zeros_like(mask)
    seen[patch.window] = ramp(air, 0.15, 0.5) * ramp(patch.shape, 0.3, 0.5)
    if seen.sum() * film.mm_per_px**2 < 0.2 * SEEN_MM2:
        return None
    return inserted(pixels, consolidation=mask, air_bronchogram=seen)


def _seen(film: Film, pixels: F32, mask: F32) -> bool:
    """Whether an opacity is large and bright enough to be marked."""
    return bool(mask.sum() * film.mm_per_px**2 > SEEN_MM2) and shows(film.pixels, pixels, mask, 0.03)


def _lay(film: Film, patch: Patch, peak: float, pixels: F32, mask: F32, hidden: float, air: F32 | None = None) -> None:
    """Lays an opacity of that `peak` over ``pixels`` and ``mask`` in place.

    `hidden` is how much of the vessels it swallows, `air` (h, w) the share that tubes of air take away from it.
    """
    mm = film.mm_per_px
    solid = np.minimum(np.float32(peak) * patch.shape, 0.94)
    spans = [np.flatnonzero(solid.max(axis=axis) > 0.004) for axis in (1, 0)]
    if spans[0].size == 0:
        return
    box = slice(int(spans[0][0]), int(spans[0][-1]) + 1), slice(int(spans[1][0]), int(spans[1][-1]) + 1)
    solid = solid[box]
    share = solid if air is None else solid * (1 - air[box])
    rows, cols = (slice(w.start + b.start, w.start + b.stop) for w, b in zip(patch.window, box, strict=True))
    window = rows, cols
    lung, grey = patch.side.lung[window], pixels[window]
    goal = target(film, patch.side, window)
    if hidden:
        bare, relief = _drown(grey, lung, np.clip(hidden * share / 0.5, 0, hidden), mm)
        pixels[window] = opacify(bare, share, goal, 0.45 * relief * share**2)
    else:
        pixels[window] = opacify(grey, share, goal)
    full = min(0.2, MARKED * float(solid.max()))
    cover = ramp(blur(solid, 2.5 / mm), 0.4 * full, full)
    np.maximum(mask[window], cover * ramp(lung, 0.2, 0.6), out=mask[window])


def _drown(grey: F32, lung: F32, amount: F32, mm: float) -> tuple[F32, F32]:
    """(film with that amount of its vessels gone, contrast of the ribs that stay visible)."""
    soft = blur(grey, 0.8)
    grain = 1.5 * float(np.abs((grey - soft)[lung > 0.3]).mean()) if (lung > 0.3).any() else 0.0
    ribs = along_ribs(grey, mm, inside=lung, cell_mm=1.7, reach_mm=10)
    inner = ramp(lung, 0.4, 0.9)
    vessels = np.maximum(grey - ribs - np.float32(grain), 0)
    relief = np.clip(ribs - blur_inside(ribs, lung, 11 / mm), -0.1, 0.1) * inner
    return (grey - amount * inner * vessels).astype(np.float32, copy=False), relief.astype(np.float32, copy=False)


def target(film: Film, side: Side, window: tuple[slice, slice]) -> F32:
    """(h, w) grey that filled lung tends to.

    A little less than the heart's, for it is seldom as thick; beside the mediastinum no more than the grey there, so
    that the border between them is lost instead of showing as a bright line.
    """
    mm, dense = film.mm_per_px, np.float32(0.97 * dense_level(film))
    cols = np.arange(window[1].start, window[1].stop, dtype=np.float32)[None, :]
    past = side.outward * (side.inner[window[0], None].astype(np.float32) - cols)
    medial = ramp(past, 0, 1.5) * (1 - ramp(past * mm, 9, 11))
    beside = blur_inside(film.pixels[window], medial, 6 / mm)
    near = np.clip(2.2 * blur(medial, 6 / mm), 0, 1)
    out: F32 = dense + near * (np.minimum(beside, dense) - dense)
    return out


def _grid(side: Side, window: tuple[slice, slice]) -> tuple[F32, F32]:
    """Rows (h, 1) from the apex (0) to the base (1) and columns (1, w) from the medial box edge (0) to lateral (1)."""
    rows = (np.arange(window[0].start, window[0].stop, dtype=np.float32)[:, None] - side.top) / side.height
    medial = side.left if side.outward > 0 else side.right
    cols = side.outward * (np.arange(window[1].start, window[1].stop, dtype=np.float32)[None, :] - medial) / side.width
    return rows.astype(np.float32, copy=False), cols.astype(np.float32, copy=False)


def _clip(film: Film, side: Side, window: tuple[slice, slice], field: F32) -> F32:
    """Keeps an opacity in the lung, with an edge of about 2 mm; it runs on behind the edge of the mediastinum."""
    mm = film.mm_per_px
    lung = smear(side.lung[window], -side.outward * 3 / mm, axis=1)
    out: F32 = np.clip(field, 0, 1) * np.clip(1.7 * blur(lung, 1.5 / mm), 0, 1)
    return out


def blob(film: Film, side: Side, rng: np.random.Generator, spread: float, rough: float) -> Patch:
    """One soft region about a random point; `spread` is its size as a share of the lung, `rough` its clouding."""
    mm = film.mm_per_px
    window = side.window(round(4 / mm))
    rows, cols = _grid(side, window)
    aspect = side.width / side.height
    at = rng.uniform(0.15, 0.95), rng.uniform(0.1, 0.9)
    stretch = rng.uniform(0.75, 1.35)
    away = np.sqrt(((rows - at[0]) * stretch) ** 2 + ((cols - at[1]) * aspect / stretch) ** 2) / spread
    wide, fine = (
        clouds(rng, away.shape, rng.uniform(30, 70) / mm, 2),
        clouds(rng, away.shape, rng.uniform(7, 14) / mm, 2),
    )
    field = (1 - ramp(away - rough * wide, 0.2, rng.uniform(1.3, 2.0))) * (1 + 0.3 * rough * fine)
    return Patch(side, window, _clip(film, side, window, field))


def patches(film: Film, side: Side, rng: np.random.Generator) -> Patch:
    """One to four soft patches of unlike strength."""
    parts = [
        blob(film, side, rng, rng.uniform(0.06, 0.2), rng.uniform(0.2, 0.5)) for _ in range(int(rng.integers(1, 5)))
    ]
    field = 1 - np.prod([1 - np.float32(rng.uniform(0.65, 1)) * p.shape for p in parts], axis=0)
    field = field / max(float(field.max()), 1e-3)
    return Patch(side, parts[0].window, field.astype(np.float32))


def segment(film: Film, side: Side, rng: np.random.Generator) -> Patch:
    """A wedge with its tip towards the hilum and its base at the pleura."""
    mm = film.mm_per_px
    window = side.window(round(4 / mm))
    row, col = hilum(side)
    rows = np.arange(window[0].start, window[0].stop, dtype=np.float32)[:, None] - np.float32(row)
    cols = side.outward * (np.arange(window[1].start, window[1].stop, dtype=np.float32)[None, :] - np.float32(col))
    bearing = np.arctan2(rows, cols)  # 0 lateral, pi / 2 down
    wide, fine = clouds(rng, bearing.shape, rng.uniform(25, 50) / mm, 2), clouds(rng, bearing.shape, 9 / mm, 2)
    middle, half = rng.uniform(-1.1, 1.3), rng.uniform(0.25, 0.6)
    inner = rng.uniform(0, 0.3) * side.width
    radius = np.sqrt(rows**2 + cols**2)
    field = ramp(half * (1 + 0.3 * wide) - np.abs(bearing - middle), -0.22, 0.38)
    field = field * ramp(radius * (1 + 0.2 * wide), inner, inner + 0.45 * side.width) * (0.85 + 0.1 * fine)
    return Patch(side, window, _clip(film, side, window, blur(field.astype(np.float32), 2 / mm)))


def lobe(film: Film, side: Side, rng: np.random.Generator) -> Patch:
    """A lobe or a good part of it, sharp where a fissure bounds it: upper, middle (right), lingula or lower."""
    mm = film.mm_per_px
    window = side.window(round(4 / mm))
    rows, cols = _grid(side, window)
    shape = (rows.size, cols.size)
    wide, fine = clouds(rng, shape, rng.uniform(30, 60) / mm, 2), clouds(rng, shape, rng.uniform(7, 14) / mm, 2)
    bow = rng.uniform(-0.1, 0.1) * (cols - 0.3) + rng.uniform(-0.12, 0.12) * (cols - 0.5) ** 2
    fissure = rng.uniform(0.46, 0.56) + bow + rng.uniform(0, 0.02) * wide  # the minor fissure: level with the hilum
    crisp = rng.uniform(1.5, 9) / (side.height * mm)
    form = int(rng.integers(3))
    if form == 0:  # upper: sharp below
        field = ramp(fissure - rows, -crisp, crisp) * ramp(rows + 0.12 * wide, rng.uniform(-0.1, 0.2), 0.45)
        near, far = sorted(rng.uniform(-0.4, 0.6, 2))
        field = field * ramp(cols + 0.3 * wide, float(near), float(far) + 0.02)
    elif form == 1:  # middle lobe or lingula: sharp above, against the heart
        field = ramp(rows - fissure, -crisp, crisp) * (1 - ramp(rows + 0.08 * wide, 0.65, 1.05))
        field = field * (1 - ramp(cols + 0.15 * wide, 0.4, 1.05))
    else:  # lower: vague above, down to the diaphragm
        field = ramp(rows + 0.12 * wide, rng.uniform(0.35, 0.6), rng.uniform(0.7, 0.95))
        field = field * (1 - rng.uniform(0, 0.8) * ramp(cols + 0.2 * wide, 0.3, 1.0))
    return Patch(side, window, _clip(film, side, window, field * (0.86 + 0.1 * fine)))


def wing(film: Film, side: Side, rng: np.random.Generator, extent: float, drop: float, grain: float) -> Patch:
    """One half of a bat wing: widest at the hilum, sparing apex, base angle and the cortex of the lung."""
    window = side.window(round(4 / film.mm_per_px))
    mm = film.mm_per_px
    row, col = hilum(side)
    rows = (
        np.arange(window[0].start, window[0].stop, dtype=np.float32)[:, None] - np.float32(row)
    ) / side.height - drop
    lateral = side.outward * (np.arange(window[1].start, window[1].stop, dtype=np.float32)[None, :] - np.float32(col))
    wall = side.outward * (side.wall[window[0], None].astype(np.float32) - np.float32(col))
    across = np.clip(lateral, 0, None) / np.maximum(wall, 10 / mm)  # 0 at the hilum, 1 at the chest wall
    high = np.where(rows < 0, 0.27, 0.36).astype(np.float32) * np.float32(extent)
    noise = clouds(rng, across.shape, rng.uniform(8, 18) / mm, octaves=4)
    away = np.sqrt((across / (0.62 * extent)) ** 2 + (rows / high) ** 2)
    field = (1 - ramp(away + 0.35 * grain * noise, 0.3, 1.25)) * (1 - ramp(across, 0.72, 0.98))
    return Patch(side, window, _clip(film, side, window, field * (1 + 0.25 * grain * noise)))


def bronchi(film: Film, patch: Patch, rng: np.random.Generator) -> F32:
    """Thickness (h, w) in [0, 1] of air-filled tubes that branch from the hilum through the opacity."""
    mm, window = film.mm_per_px, patch.window
    row, col = hilum(patch.side)
    weight = patch.shape * np.clip(patch.side.lung[window], 0, 1)
    total = max(float(weight.sum()), 1e-6)
    rows, cols = np.arange(weight.shape[0]), np.arange(weight.shape[1])
    centre = (weight.sum(axis=1) @ rows) / total, (weight.sum(axis=0) @ cols) / total
    start = np.array([row - window[0].start, col - window[1].start])
    way = np.asarray(centre) - start
    length = float(np.hypot(*way))
    begin = start + way * min(0.4, 12 / mm / max(length, 1))
    canvas = np.zeros_like(weight)
    heading = float(np.arctan2(way[0], way[1]))
    limb = max(0.45 * length, 16 / mm)
    for points, radii in tree(rng, (begin[0], begin[1]), heading, limb, rng.uniform(1.8, 3.0) / mm, 3, spread=0.5):
        stroke(canvas, points, radii, values_along(rng, len(points)), tube=True)
    return blur(canvas, max(0.6, 0.7 / mm))


def values_along(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Depth of a tube along its way: it leaves the beam's plane and fades."""
    return np.clip(np.linspace(1, rng.uniform(0.4, 1), count) + rng.normal(0, 0.08, count), 0.2, 1)
