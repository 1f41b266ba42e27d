"""What else is on a film: breasts, tubes, wires, electrodes, boxes, letters, collimation borders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageDraw, ImageFilter, ImageFont

F32 = NDArray[np.float32]
Mask = NDArray[np.bool_]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Clutter:
    """Chances and strengths; attenuation in nepers.

    Attributes
    ----------
    breasts, breast_nepers
        Chance of breast shadows and the range of their greatest attenuation.
    leads, tube, catheter, box, beads
        Chances of ECG leads, a tube in trachea or stomach, a central line, an implanted box with its wire, beads.
    wire_nepers, metal_nepers
        Ranges of the attenuation of plastic lines with a stripe, and of metal.
    letters
        Chance of each of three text markers.
    sides
        Words that stand on the (image's left, image's right) side.
    words, words_ap
        Words that may stand anywhere; those of AP films.
    collimated
        Chance of a border; its widest share of the film; chance that it is white.
    border, white
        See ``collimated``.
    """

    breasts: float
    breast_nepers: tuple[float, float]
    leads: float
    tube: float
    catheter: float
    box: float
    beads: float
    wire_nepers: tuple[float, float]
    metal_nepers: tuple[float, float]
    letters: float
    sides: tuple[tuple[str, ...], tuple[str, ...]]
    words: tuple[str, ...]
    words_ap: tuple[str, ...]
    collimated: float
    border: float
    white: float


def add_tissue(shadow: F32, masks: Mask, pitch: float, how: Clutter, rng: np.random.Generator) -> F32:
    """`shadow` in nepers with breast shadows over the lower lungs, on some films."""
    from scipy import ndimage

    if rng.random() >= how.breasts or not masks[:2].any():
        return shadow
    out = shadow.copy()
    strength, size, drop = rng.uniform(*how.breast_nepers), rng.uniform(0.85, 1.25), rng.uniform(-0.1, 0.25)
    yy, xx = np.indices(shadow.shape, dtype=np.float32)
    for lung in masks[:2]:
        if not lung.any():
            continue
        ys, xs = np.nonzero(lung)
        height, width = float(np.ptp(ys)), float(np.ptp(xs)) + 1.0
        y, x = ys.min() + height * (0.72 + drop), xs.mean() + rng.normal(0, 0.05) * width
        r = np.hypot((xx - x) / (0.62 * size * width), (yy - y) / (0.36 * size * height + 1))
        lower = np.where(yy > y, 1.0, 0.55 + 0.45 * np.clip(1 - (y - yy) / (0.4 * height + 1), 0, 1))
        dome = np.sqrt(np.clip(1.0 - r**2, 0.0, 1.0)) * lower
        out += np.float32(strength) * ndimage.gaussian_filter(dome.astype(np.float32), 1.5 / pitch)
    return np.asarray(out, dtype=np.float32)


def add_devices(shadow: F32, masks: Mask, pitch: float, how: Clutter, rng: np.random.Generator) -> F32:
    """`shadow` in nepers with the drawn foreign bodies."""
    pen = Pen(shadow.shape, pitch)
    lungs = masks[:2].any(axis=0)
    if not lungs.any():
        return shadow
    ys, xs = np.nonzero(lungs)
    box = (float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max()))
    plastic, metal = rng.uniform(*how.wire_nepers), rng.uniform(*how.metal_nepers)
    if rng.random() < how.leads:
        _leads(pen, box, metal, rng)
    if rng.random() < how.tube:
        _tube(pen, box, masks, plastic, rng)
    if rng.random() < how.catheter:
        _catheter(pen, box, plastic, rng)
    if rng.random() < how.box:
        _box(pen, box, metal, rng)
    if rng.random() < how.beads:
        _beads(pen, box, metal, rng)
    return np.asarray(shadow + pen.film(), dtype=np.float32)


class Pen:
    """Draws attenuation on a film, twice as fine as its pixels."""

    def __init__(self, shape: tuple[int, ...], pitch: float) -> None:
        self._pitch, self._shape = pitch, shape
        self._total = np.zeros(shape, dtype=np.float32)

    def _add(self, layer: Picture.Image, nepers: float) -> None:
        small = layer.resize((self._shape[1], self._shape[0]), Picture.Resampling.BOX)
        self._total += np.float32(nepers / 255.0) * np.asarray(small, dtype=np.float32)

    def _layer(self) -> Picture.Image:
        return Picture.new("L", (self._shape[1] * 2, self._shape[0] * 2))

    def line(self, points: list[Point], width_mm: float, nepers: float, hollow: bool = False) -> None:
        """A smooth line through `points` (x, y) in pixels; a hollow one is a tube, darker inside."""
        fine = [(x * 2, y * 2) for x, y in spline(points)]
        for share, weight in ((1.0, 1.0), (0.6, -0.6)) if hollow else ((1.0, 1.0),):
            layer = self._layer()
            width = max(1, round(2 * share * width_mm / self._pitch))
            ImageDraw.Draw(layer).line(fine, fill=255, width=width, joint="curve")
            self._add(layer, weight * nepers)

    def disc(self, at: Point, radius_mm: float, nepers: float, ring: bool = False) -> None:
        """A disc or ring at (x, y) in pixels."""
        r = radius_mm / self._pitch
        layer = self._layer()
        corners = [2 * (at[0] - r), 2 * (at[1] - r), 2 * (at[0] + r), 2 * (at[1] + r)]
        ImageDraw.Draw(layer).ellipse(corners, fill=None if ring else 255, outline=255, width=2 if ring else 1)
        self._add(layer, nepers)

    def slab(self, corners: list[Point], nepers: float) -> None:
        """A rounded polygon."""
        layer = self._layer()
        ImageDraw.Draw(layer).polygon([(2 * x, 2 * y) for x, y in corners], fill=255)
        self._add(layer.filter(ImageFilter.GaussianBlur(1.5)), nepers)

    def film(self) -> F32:
        """The sum, nepers."""
        return self._total


def spline(points: list[Point], count: int = 80) -> list[Point]:
    """`count` points of a smooth curve through two or more `points`."""
    from scipy.interpolate import make_interp_spline

    given = np.asarray(points, dtype=np.float64)
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(given, axis=0).T) + 1e-3)])
    curve = make_interp_spline(along, given, k=min(3, len(points) - 1))(np.linspace(0, along[-1], count))
    return [(float(x), float(y)) for x, y in curve]


def _inside(box: tuple[float, float, float, float], fx: float, fy: float) -> Point:
    """The point at shares (fx, fy) of the lungs' box."""
    return box[0] + fx * (box[2] - box[0]), box[1] + fy * (box[3] - box[1])


def _leads(pen: Pen, box: tuple[float, float, float, float], nepers: float, rng: np.random.Generator) -> None:
    for _ in range(int(rng.integers(2, 6))):
        start = _inside(box, rng.uniform(-0.1, 1.1), rng.uniform(-0.05, 0.9))
        end = _inside(box, float(rng.choice([-0.4, 0.2, 0.8, 1.4])), rng.uniform(0.2, 1.5))
        bend = _inside(box, rng.uniform(0, 1), rng.uniform(0.2, 1.1))
        pen.line([start, bend, end], rng.uniform(0.8, 1.8), nepers * rng.uniform(0.2, 0.6))
        pen.disc(start, rng.uniform(3.5, 7), nepers * rng.uniform(0.3, 1.0), ring=bool(rng.random() < 0.3))


def _tube(
    pen: Pen, box: tuple[float, float, float, float], masks: Mask, nepers: float, rng: np.random.Generator
) -> None:
    trachea = masks[5]
    if not trachea.any():
        return
    rows = np.flatnonzero(trachea.any(axis=1))
    stop = rows[0] + int(rng.uniform(0.3, 0.75) * rows.size)
    path = [(float(np.flatnonzero(trachea[r]).mean()), float(r)) for r in np.linspace(rows[0], stop, 4).astype(int)]
    above = (path[0][0] + rng.normal(0, 6), -5.0)
    if rng.random() < 0.6:
        pen.line([above, *path], rng.uniform(8, 11), nepers, hollow=True)
    if rng.random() < 0.6:
        down = [_inside(box, 0.5 + rng.normal(0, 0.03), f) for f in (0.3, 0.6, 0.9)]
        stomach = _inside(box, rng.uniform(0.55, 0.75), rng.uniform(1.05, 1.2))
        pen.line([above, path[0], *down, stomach], rng.uniform(3, 5), nepers, hollow=True)


def _catheter(pen: Pen, box: tuple[float, float, float, float], nepers: float, rng: np.random.Generator) -> None:
    side = bool(rng.random() < 0.7)
    start = _inside(box, rng.uniform(0.0, 0.3) if side else rng.uniform(0.7, 1.0), rng.uniform(-0.15, 0.1))
    shoulder = _inside(box, 0.38 if side else 0.62, rng.uniform(0.05, 0.12))
    cava = [_inside(box, 0.43 + rng.normal(0, 0.01), f) for f in (0.25, rng.uniform(0.38, 0.55))]
    pen.line([start, shoulder, *cava], rng.uniform(1.5, 2.6), nepers)


def _box(pen: Pen, box: tuple[float, float, float, float], nepers: float, rng: np.random.Generator) -> None:
    x, y = _inside(box, rng.choice([0.15, 0.85]) + rng.normal(0, 0.03), rng.uniform(0.1, 0.28))
    w, h, turn = rng.uniform(14, 26) / pen._pitch, rng.uniform(14, 24) / pen._pitch, rng.uniform(-0.5, 0.5)
    ring = np.linspace(0, 2 * np.pi, 40)
    sx, sy = (np.sign(f(ring)) * np.abs(f(ring)) ** 0.5 for f in (np.cos, np.sin))
    px, py = w * sx * np.cos(turn) - h * sy * np.sin(turn), w * sx * np.sin(turn) + h * sy * np.cos(turn)
    pen.slab([(x + float(a), y + float(b)) for a, b in zip(px, py, strict=True)], nepers * 1.5)
    for target in ((0.52, 0.9), (0.42, 0.65))[: int(rng.integers(0, 3))]:
        mid = _inside(box, 0.43, 0.3)
        pen.line([(x, y), _inside(box, 0.3 if x < mid[0] else 0.7, 0.08), mid, _inside(box, *target)], 1.8, nepers)


def _beads(pen: Pen, box: tuple[float, float, float, float], nepers: float, rng: np.random.Generator) -> None:
    for _ in range(int(rng.integers(1, 7))):
        at = _inside(box, rng.uniform(-0.1, 1.1), rng.uniform(-0.1, 1.2))
        pen.disc(at, rng.uniform(1, 5), nepers * rng.uniform(0.4, 1.5), ring=bool(rng.random() < 0.4))


def frame(film: F32, from_front: bool, how: Clutter, rng: np.random.Generator) -> tuple[F32, Mask]:
    """`film` (presentation values) with collimation border and letters; and where the patient is still seen."""
    rows, cols = film.shape
    kept = np.ones(film.shape, dtype=np.bool_)
    if rng.random() < how.collimated:
        yy, xx = np.indices(film.shape, dtype=np.float32)
        turn = np.deg2rad(rng.normal(0, 1.5))
        a = (xx - cols / 2) * np.cos(turn) + (yy - rows / 2) * np.sin(turn)
        b = -(xx - cols / 2) * np.sin(turn) + (yy - rows / 2) * np.cos(turn)
        edges = rng.uniform(0, how.border, 4) * (rng.random(4) < 0.6)
        kept = (a > (edges[0] - 0.5) * cols) & (a < (0.5 - edges[1]) * cols)
        kept &= (b > (edges[2] - 0.5) * rows) & (b < (0.5 - edges[3]) * rows)
        film = np.where(kept, film, np.float32(rng.random() < how.white))
    return _letters(film, from_front, how, rng), kept


def _letters(film: F32, from_front: bool, how: Clutter, rng: np.random.Generator) -> F32:
    rows, cols = film.shape
    out = np.asarray(film, dtype=np.float32)
    for turn in range(3):
        if rng.random() >= how.letters:
            continue
        left = bool(rng.random() < 0.5)
        pool = how.sides[0 if left else 1] if turn < 2 else (how.words + (how.words_ap if from_front else ()))
        height = int(rng.uniform(0.02, 0.065 if turn < 2 else 0.035) * rows)
        font = ImageFont.load_default(size=max(height, 8))
        word = str(rng.choice(pool))
        stamp = Picture.new("L", (int(font.getlength(word)) + 8, 2 * height + 8))
        ImageDraw.Draw(stamp).text((4, 4), word, fill=255, font=font)
        if rng.random() < 0.2:
            stamp = stamp.transpose(Picture.Transpose.FLIP_LEFT_RIGHT)
        stamp = stamp.rotate(float(rng.choice([0, 0, 0, 90, rng.normal(0, 12)])), expand=True)
        x = int(cols * (rng.uniform(0.01, 0.16) if left else rng.uniform(0.84, 0.99))) - (0 if left else stamp.width)
        y = int(rows * float(rng.choice([rng.uniform(0.01, 0.2), rng.uniform(0.05, 0.85)])))
        layer = Picture.new("L", (cols, rows))
        layer.paste(stamp, (x, y))
        ink = np.asarray(layer, dtype=np.float32) / 255.0 * np.float32(rng.uniform(0.6, 1.0))
        out = out * (1 - ink) + ink
    return np.asarray(out, dtype=np.float32)
