"""Look-alikes: harmless shadows that resemble signs, put into films without a mask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from whyray_train.insertion.chest import Side, around, dense_level, pick_side, polar, sides
from whyray_train.insertion.core import F32, Film
from whyray_train.insertion.curves import F64, bow, stroke, walk
from whyray_train.insertion.optics import blur, opacify, ramp

Shadow = Callable[[Film, np.random.Generator], F32 | None]
LOOKALIKES: dict[str, Shadow] = {}
# Letters as strokes in a unit box (row, column), rows downwards.
LETTERS: dict[str, list[list[tuple[float, float]]]] = {
    "L": [[(0, 0), (1, 0), (1, 0.6)]],
    "R": [[(1, 0), (0, 0), (0, 0.5), (0.25, 0.62), (0.5, 0.5), (0.5, 0)], [(0.5, 0.25), (1, 0.62)]],
    "A": [[(1, 0), (0, 0.32), (1, 0.65)], [(0.62, 0.12), (0.62, 0.53)]],
    "P": [[(1, 0), (0, 0), (0, 0.5), (0.25, 0.62), (0.5, 0.5), (0.5, 0)]],
    "I": [[(0, 0.2), (1, 0.2)]],
    "1": [[(0.2, 0), (0, 0.25), (1, 0.25)]],
}


def lookalike(shadow: Shadow) -> Shadow:
    """Enters `shadow` into `LOOKALIKES` under its function's name."""
    LOOKALIKES[shadow.__name__] = shadow
    return shadow


def disguise(film: Film, rng: np.random.Generator) -> Film:
    """The film with one to three look-alikes; nothing about them is marked, and signs may be inserted on top."""
    names = list(LOOKALIKES)
    pixels = film.pixels
    for name in rng.choice(names, size=int(rng.integers(1, 4)), replace=False):
        changed = LOOKALIKES[str(name)](replace(film, pixels=pixels), rng)
        if changed is not None:
            pixels = np.clip(changed, 0, 1).astype(np.float32, copy=False)
    return replace(film, pixels=pixels)


@lookalike
def skin_fold(film: Film, rng: np.random.Generator) -> F32 | None:
    """An edge, not a line, that crosses the lung's border: brightness rises to it over 1 to 3 cm and falls at once."""
    side = pick_side(film, rng)
    if side is None:
        return None
    mm, size = film.mm_per_px, film.pixels.shape[0]
    rows = np.arange(size, dtype=np.float32)[:, None]
    cols = np.arange(size, dtype=np.float32)[None, :]
    pivot = side.top + rng.uniform(0.2, 0.8) * side.height
    inner, wall = float(side.inner[round(pivot)]), float(side.wall[round(pivot)])
    foot = inner + rng.uniform(0.35, 0.9) * (wall - inner)
    down = (rows - np.float32(pivot)) / np.float32(side.height)
    edge = foot + side.height * (
        rng.uniform(-0.35, 0.35) * down + rng.uniform(-0.25, 0.25) * down**2 + rng.uniform(-0.5, 0.5) * down**3
    )
    beyond = (cols - edge) * float(rng.choice((-1.0, 1.0)))
    rise = np.exp(-np.clip(beyond, 0, None) * np.float32(mm / rng.uniform(6, 22))) * ramp(beyond, -0.8, 0.8)
    length = rng.uniform(0.25, 0.7)
    share = rng.uniform(0.05, 0.22) * rise * (1 - ramp(np.abs(down), 0.6 * length, length))
    return opacify(film.pixels, share.astype(np.float32), dense_level(film))


@lookalike
def nipples(film: Film, rng: np.random.Generator) -> F32 | None:
    """Two discs of 7 to 13 mm at like places of both lower zones, one of them often fainter."""
    mm = film.mm_per_px
    canvas = np.zeros_like(film.pixels)
    height, out = rng.uniform(0.68, 0.9), rng.uniform(0.4, 0.72)
    for side in sides(film):
        row = side.top + (height + rng.normal(0, 0.03)) * side.height
        line = min(max(round(row), 0), side.wall.size - 1)
        col = side.inner[line] + (out + rng.normal(0, 0.03)) * (side.wall[line] - side.inner[line])
        point = np.array([[row, col], [row + rng.uniform(0, 2), col + rng.uniform(0, 2)]])
        stroke(canvas, point, rng.uniform(3.5, 6.5) / mm, rng.uniform(0.4, 1), tube=True)
    return opacify(film.pixels, blur(canvas, 0.5 / mm) * np.float32(rng.uniform(0.1, 0.3)), dense_level(film))


@lookalike
def scapula_edge(film: Film, rng: np.random.Generator) -> F32 | None:
    """The medial border of a scapula: a long gently bowed line in the upper outer lung with haze lateral to it."""
    side = pick_side(film, rng)
    if side is None:
        return None
    mm, size = film.mm_per_px, film.pixels.shape[0]
    rows = np.arange(size, dtype=np.float32)[:, None]
    cols = np.arange(size, dtype=np.float32)[None, :]
    down: F32 = ((rows - side.top) / side.height).astype(np.float32, copy=False)
    line = round(side.top + 0.35 * side.height)
    foot = float(side.wall[line]) - side.outward * rng.uniform(6, 32) / mm
    lean = rng.uniform(-0.12, 0.2) * (down - 0.35) - rng.uniform(0, 0.3) * (down - 0.35) ** 2
    lateral = ((cols - (foot + side.outward * side.height * lean)) * side.outward).astype(np.float32, copy=False)
    band = ramp(down, -0.05, 0.08) * (1 - ramp(down, 0.5, rng.uniform(0.58, 0.8)))
    crest = np.exp(-0.5 * (lateral * mm / rng.uniform(0.7, 1.5)) ** 2)
    haze = ramp(lateral * mm, -0.5, 1) * rng.uniform(0.15, 0.5) * (1 - ramp(lateral * mm, 25, 60))
    share = rng.uniform(0.06, 0.25) * band * np.maximum(crest, haze)
    return opacify(film.pixels, share.astype(np.float32), dense_level(film))


@lookalike
def companion_line(film: Film, rng: np.random.Generator) -> F32 | None:
    """Soft tissue along the ribs: a faint line that runs parallel to the lung's own border, with no air beyond it."""
    side = pick_side(film, rng)
    if side is None:
        return None
    mm = film.mm_per_px
    window = side.window(round(2 / mm))
    radius, bearing, extent = polar(side, window)
    inward = around(extent, bearing) - radius - np.float32(rng.uniform(1.5, 5) / mm)
    middle, half = rng.uniform(-0.2, 1.6), rng.uniform(0.3, 0.9)
    band = 1 - ramp(np.abs(bearing - np.float32(middle)), 0.6 * half, half)
    crest = np.exp(-0.5 * (inward / max(0.6, 0.6 / mm)) ** 2)
    haze = ramp(-inward, -0.5, 1) * ramp(-inward * mm, -9, 0) * 0.6
    pixels = film.pixels.copy()
    share = np.float32(rng.uniform(0.05, 0.2)) * band * np.maximum(crest, haze) * (radius > 8)
    pixels[window] = opacify(pixels[window], share.astype(np.float32), dense_level(film))
    return pixels


@lookalike
def tube(film: Film, rng: np.random.Generator) -> F32 | None:
    """A catheter or drain: a long smooth opaque tube, solid, with bright walls, or with a marker stripe."""
    mm, size = film.mm_per_px, film.pixels.shape[0]
    side = pick_side(film, rng)
    if side is None:
        return None
    start = np.array([-2.0, rng.uniform(0.3, 0.7) * size])  # from the neck, or from a side of the chest
    if rng.random() < 0.5:
        start = np.array([rng.uniform(0.2, 0.9) * size, -2.0 if side.outward < 0 else size + 2.0])
    goal = np.array([side.top + rng.uniform(0.1, 1.0) * side.height, rng.uniform(side.left, side.right)])
    path = bow(start, goal, rng, 0.35)
    radius = rng.uniform(0.7, 3.0) / mm
    canvas = np.zeros_like(film.pixels)
    stroke(canvas, path, radius, tube=True)
    if radius * mm > 1.3:
        lumen = np.zeros_like(canvas)
        stroke(lumen, path, 0.65 * radius, tube=True)
        canvas = canvas - np.float32(rng.uniform(0.3, 0.8)) * lumen
        if rng.random() < 0.5:
            stroke(canvas, path, max(0.5, 0.4 / mm), 1.4)
    return film.pixels + np.float32(rng.uniform(0.06, 0.3)) * blur(canvas, 0.5)


@lookalike
def ecg_lead(film: Film, rng: np.random.Generator) -> F32 | None:
    """A thin wire that ends in a clip: a bright ring of 7 to 12 mm with a dot."""
    mm, size = film.mm_per_px, film.pixels.shape[0]
    side = pick_side(film, rng)
    if side is None:
        return None
    end = side.top + rng.uniform(-0.1, 1.0) * side.height, rng.uniform(side.left, side.right)
    path = walk(rng, end, rng.uniform(0, 2 * np.pi), rng.uniform(60, 220) / mm, 1.4, 30)
    canvas = np.zeros((size, size), dtype=np.float32)
    stroke(canvas, path, max(0.5, rng.uniform(0.4, 0.8) / mm), rng.uniform(0.3, 0.8))
    turn, radius = np.linspace(0, 2 * np.pi, 15), rng.uniform(3.5, 6) / mm
    ring = np.stack([end[0] + radius * np.sin(turn), end[1] + radius * np.cos(turn)], axis=1)
    stroke(canvas, ring, max(0.6, 0.9 / mm), rng.uniform(0.3, 1))
    stroke(canvas, np.array([end, (end[0] + 0.5, end[1])]), rng.uniform(1.2, 2.5) / mm, 1.2, tube=True)
    return film.pixels + np.float32(rng.uniform(0.12, 0.45)) * blur(canvas, 0.4)


@lookalike
def minor_fissure(film: Film, rng: np.random.Generator) -> F32 | None:
    """A hairline at the level of the right hilum, from the lateral wall inwards."""
    right = [s for s in sides(film) if s.outward < 0]
    if not right:
        return None
    side, mm = right[0], film.mm_per_px
    row = round(side.top + rng.uniform(0.42, 0.58) * side.height)
    wall, inner = float(side.wall[row]), float(side.inner[row])
    along = np.linspace(0, rng.uniform(0.4, 0.95), 16)
    sag = side.height * (rng.uniform(-0.06, 0.06) * along + rng.uniform(-0.06, 0.06) * along**2)
    path = np.stack([row + sag, wall + along * (inner - wall)], axis=1)
    canvas = np.zeros_like(film.pixels)
    fade = np.clip(1.2 - np.linspace(0, 0.9, 16), 0, 1)
    stroke(canvas, path, max(0.5, rng.uniform(0.3, 0.6) / mm), fade)
    return opacify(film.pixels, canvas * np.float32(rng.uniform(0.06, 0.25)), dense_level(film))


@lookalike
def rib_band(film: Film, rng: np.random.Generator) -> F32 | None:
    """One more band like a rib: 8 to 15 mm wide, brighter at its edges, across the lung."""
    side = pick_side(film, rng)
    if side is None:
        return None
    mm = film.mm_per_px
    row = side.top + rng.uniform(0.15, 0.85) * side.height
    line = round(row)
    start = np.array([row, float(side.inner[line])])
    path = _arc(start, float(side.wall[line]), side, rng)
    half = rng.uniform(4, 7.5) / mm
    canvas = np.zeros_like(film.pixels)
    stroke(canvas, path, half, tube=True)
    body = ramp(canvas, 0.05, 0.5) * (1.25 - 0.6 * canvas)
    share = np.float32(rng.uniform(0.05, 0.16)) * blur(body, 0.6)
    return opacify(film.pixels, share, dense_level(film))


@lookalike
def marker(film: Film, rng: np.random.Generator) -> F32 | None:
    """Side letter or short text, opaque, mostly at the film's upper edge."""
    size = film.pixels.shape[0]
    letters = list(LETTERS)
    count = int(rng.integers(1, 5))
    height = rng.uniform(0.018, 0.06) * size / (1 if count < 3 else 1.6)
    corner = np.array([rng.uniform(0.03, 0.3 if rng.random() < 0.75 else 0.85), rng.uniform(0.03, 0.9)]) * size
    canvas = np.zeros_like(film.pixels)
    for k in range(count):
        for path in LETTERS[letters[int(rng.integers(len(letters)))]]:
            points = corner + np.array([0.0, 0.85 * k * height]) + np.asarray(path) * height
            stroke(canvas, points, max(0.6, 0.07 * height), tube=True)
    share = blur(ramp(canvas, 0.1, 0.6), 0.4)
    return film.pixels + share * (np.float32(rng.uniform(0.85, 1)) - film.pixels)


@lookalike
def port(film: Film, rng: np.random.Generator) -> F32 | None:
    """An implanted port: a dense disc of 18 to 30 mm with a rim, and its catheter to the great veins."""
    side = pick_side(film, rng)
    if side is None:
        return None
    mm = film.mm_per_px
    centre = _spot(side, rng, (0.1, 0.5), (0.45, 0.95))
    radius = rng.uniform(9, 15) / mm
    turn = np.linspace(0, 2 * np.pi, 25)
    rim = centre + radius * np.stack([rng.uniform(0.75, 1) * np.sin(turn), np.cos(turn)], axis=1)
    canvas = np.zeros_like(film.pixels)
    stroke(canvas, np.stack([centre, centre + 0.5]), 0.95 * radius, rng.uniform(0.2, 0.7), tube=True)
    stroke(canvas, rim, max(0.6, rng.uniform(0.6, 1.4) / mm), rng.uniform(0.4, 1))
    inner = rng.uniform(0.35, 0.7) * radius
    stroke(canvas, np.stack([centre, centre + 0.5]), inner, rng.uniform(0.3, 0.9), tube=True)
    vein = np.array([side.top + rng.uniform(0.3, 0.55) * side.height, side.inner[round(centre[0])]])
    stroke(canvas, bow(centre, vein, rng, 0.5), max(0.6, rng.uniform(0.7, 1.3) / mm), rng.uniform(0.3, 0.7), tube=True)
    return film.pixels + np.float32(rng.uniform(0.12, 0.5)) * blur(canvas, 0.5)


@lookalike
def generator(film: Film, rng: np.random.Generator) -> F32 | None:
    """A pacemaker: a rounded plate of 30 to 55 mm, nearly opaque, with one or two leads towards the heart."""
    side = pick_side(film, rng)
    if side is None:
        return None
    mm = film.mm_per_px
    centre = _spot(side, rng, (-0.02, 0.3), (0.6, 1.05))
    half = rng.uniform(8, 16) / mm
    lean = rng.uniform(-0.6, 0.6)
    reach = rng.uniform(0.4, 0.9) * half * np.array([np.sin(lean), np.cos(lean)])
    plate = np.zeros_like(film.pixels)
    stroke(plate, np.stack([centre - reach, centre + reach]), half, tube=True)
    leads = np.zeros_like(plate)
    for _ in range(int(rng.integers(1, 3))):
        goal = np.array([side.top + rng.uniform(0.6, 0.9) * side.height, side.inner[round(side.top + side.height / 2)]])
        stroke(leads, bow(centre, goal, rng, 0.4), max(0.6, rng.uniform(0.5, 1.0) / mm), rng.uniform(0.5, 1))
    share = np.float32(rng.uniform(0.6, 0.97)) * blur(ramp(plate, 0.05, 0.35), 0.4)
    solid = film.pixels + share * (np.float32(rng.uniform(0.9, 1)) - film.pixels)
    return solid + np.float32(rng.uniform(0.15, 0.4)) * blur(leads, 0.4)


@lookalike
def electrodes(film: Film, rng: np.random.Generator) -> F32 | None:
    """One to three adhesive electrodes: faint round pads of 25 to 40 mm, with a small dense snap in the middle."""
    mm = film.mm_per_px
    canvas = np.zeros_like(film.pixels)
    for _ in range(int(rng.integers(1, 4))):
        side = pick_side(film, rng)
        if side is None:
            return None
        spot = _spot(side, rng, (0.0, 1.0), (0.1, 1.1))
        point = np.stack([spot, spot + 0.5])
        pad = np.zeros_like(canvas)
        stroke(pad, point, rng.uniform(12, 20) / mm, tube=True)
        canvas += ramp(pad, 0.05, 0.3) * np.float32(rng.uniform(0.02, 0.12))
        stroke(canvas, point, rng.uniform(2, 5) / mm, rng.uniform(0.2, 0.9), tube=True)
    return film.pixels + np.float32(rng.uniform(0.2, 0.5)) * blur(canvas, 0.4)


@lookalike
def breasts(film: Film, rng: np.random.Generator) -> F32 | None:
    """Soft tissue over both lower zones: a veil that ends below in a bowed edge, of like strength on both sides."""
    mm, size = film.mm_per_px, film.pixels.shape[0]
    rows = np.arange(size, dtype=np.float32)[:, None]
    cols = np.arange(size, dtype=np.float32)[None, :]
    share = np.zeros_like(film.pixels)
    strength, low = rng.uniform(0.06, 0.22), rng.uniform(0.75, 1.05)
    for side in sides(film):
        row = side.top + (low + rng.normal(0, 0.02)) * side.height
        line = round(min(max(row, 0), size - 1))
        middle = float(side.inner[line] + rng.uniform(0.55, 0.9) * (side.wall[line] - side.inner[line]))
        wide, tall = rng.uniform(50, 80) / mm, rng.uniform(50, 90) / mm
        away = np.sqrt(
            ((cols - middle) / wide) ** 2 + np.where(rows < row - tall, 9, ((rows - row + tall) / tall) ** 2)
        )
        edge = 1 - ramp(away.astype(np.float32), 1 - 3 / (wide * mm), 1.0)
        rise = ramp((rows - row + tall) * mm, -1, rng.uniform(25, 60))
        share = np.maximum(share, np.float32(strength * rng.uniform(0.8, 1)) * edge * rise)
    return opacify(film.pixels, blur(share, 0.8 / mm), dense_level(film))


def _spot(side: Side, rng: np.random.Generator, down: tuple[float, float], out: tuple[float, float]) -> F64:
    """(row, column) at random shares of the lung's height, and of the way from its medial border to the wall."""
    row = side.top + rng.uniform(*down) * side.height
    line = min(max(round(row), 0), side.wall.size - 1)
    return np.array([row, side.inner[line] + rng.uniform(*out) * (side.wall[line] - side.inner[line])])


def _arc(start: F64, wall: float, side: Side, rng: np.random.Generator) -> F64:
    """(12, 2) path from the medial to the lateral border, bowed like a posterior or an anterior rib."""
    along = np.linspace(-0.05, 1.05, 12)
    slope, sag = rng.choice((-1.0, 1.0)) * rng.uniform(0.1, 0.5), rng.uniform(0, 0.35)
    width = abs(wall - start[1])
    rows = start[0] + width * (slope * along + sag * (along - 0.5) ** 2)
    out: F64 = np.stack([rows, start[1] + side.outward * width * along], axis=1)
    return out
