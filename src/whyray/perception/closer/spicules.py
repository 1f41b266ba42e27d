"""Lines that leave the outline: spicules, crossing vessels, and the tail to the pleura.

A line is a ridge of grey on the strip of normals outside the outline: brighter than both flanks, so that the border
of a rib, bright on one side only, is none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from whyray.domain import Attribute, Measurement
from whyray.perception.closer.crop import F64
from whyray.perception.closer.lesion import FINE_MM, Lesion, unknown
from whyray.perception.closer.streaks import radial_excess

LENGTH_MM = (2.0, 15.0)  # spicules as the pack's morphology has them; what runs on is a vessel or a strand
LEAST_PX, LEAST_SHARE = 5.0, 0.12  # and at least so many pixels, and part of the lesion's diameter
LONGEST_SHARE = 0.8  # of the lesion's diameter
HALF_WIDTHS_MM = (0.45, 0.9)  # of the line: "fine" strands up to 2 mm
FLANK = 2.0  # half widths between a line and its flanks' middles
SLOPES = np.linspace(-0.6, 0.6, 13)  # sideways px per px outwards: up to 31 degrees off the normal
NOISE_SD = 5.0  # strength over the film's grain
CONTRAST = 0.15  # least strength as a share of the lesion's own contrast
EVEN = 0.35  # each third of the line has at least this part of its mean strength
RUNS_ON = 0.5  # a line that keeps this part of its strength beyond the longest spicule is a vessel
GOES_THROUGH = 0.6  # a line that keeps this part of its strength inside the outline crosses the lesion
RIB_SHARE, RIB_TURN = 0.3, 20.0  # bands that explain so much of the surroundings: lines within so many degrees are ribs
OPPOSITE_TURN, OPPOSITE_SHARE = 8.0, 0.06  # two lines on one straight line (degrees, part of the diameter) are one
FEWEST = 3  # one or two lines are as well a vessel that ends here
STRONG, STRONG_SD = 0.2, 2.0  # strength over contrast and clutter of lines that are spicules by themselves
CALM, STREAKY = 0.62, 0.78  # excess of radial streaks: none up to the first, spicules from the second
START_PX = 1.5  # off the outline: nearer, the lesion's own edge is measured


@dataclass(frozen=True, slots=True)
class Ray:
    """A line from (x, y) ``foot`` to ``tip`` in window pixels; ``strength`` in grey; ``ends`` False if it runs on."""

    foot: tuple[float, float]
    tip: tuple[float, float]
    length: float
    strength: float
    ends: bool


Found = tuple[float, int, int, float, bool]  # strength, place on the outline, slope index, length in px, ends


def rays(lesion: Lesion) -> tuple[Ray, ...]:
    """Lines that leave the outline, strongest first."""
    crop, size = lesion.crop, lesion.contour.diameter
    most_in = 0.35 * size
    least = max(crop.px(LENGTH_MM[0]), LEAST_PX, LEAST_SHARE * size)
    most = max(min(crop.px(LENGTH_MM[1]), LONGEST_SHARE * size), 2 * least)
    strip = lesion.strip(START_PX - round(most_in), START_PX + 2 * most + least)
    found: list[Found] = []
    for half in sorted({max(1, round(crop.px(w))) for w in HALF_WIDTHS_MM}):
        ridge = ridges(strip, half)
        found += _lines(lesion, ridge, round(least), round(most), half, round(most_in))
    points, out = lesion.normals
    along = np.stack([-out[:, 1], out[:, 0]], axis=1)
    kept: list[Ray] = []
    for strength, s, slope_at, length, ends in sorted(found, reverse=True):
        slope = SLOPES[slope_at]
        foot = points[s] + out[s] * START_PX
        way = out[s] + along[s] * slope * _sense(points)
        tip = foot + way * length
        if all(np.hypot(*(foot - np.asarray(k.foot))) > max(3.0, 0.06 * size) for k in kept):
            reach = float(np.hypot(*(tip - foot)))
            kept.append(Ray((foot[0], foot[1]), (tip[0], tip[1]), reach, strength, ends))
    return tuple(replace(r, ends=False) if r.ends and _crossing(lesion, r, kept) else r for r in kept)


def _crossing(lesion: Lesion, ray: Ray, others: list[Ray]) -> bool:
    """Whether a line runs as the ribs do, or has another one straight opposite: it passes the lesion."""
    contour = lesion.contour
    way = np.asarray(ray.tip) - np.asarray(ray.foot)
    heading = float(np.degrees(np.arctan2(way[1], way[0])))
    if contour.ribs > RIB_SHARE and _turned(heading, contour.ribs_along) < RIB_TURN:
        return True
    way = way / max(float(np.hypot(*way)), 1e-9)
    for other in others:
        across = np.asarray(other.foot) - np.asarray(ray.foot)
        back = np.asarray(other.tip) - np.asarray(other.foot)
        if float(back @ way) >= 0 or other is ray:
            continue
        beside = abs(float(across[0] * way[1] - across[1] * way[0]))
        turn = _turned(float(np.degrees(np.arctan2(back[1], back[0]))), heading)
        if turn < OPPOSITE_TURN and beside < OPPOSITE_SHARE * contour.diameter:
            return True
    return False


def _turned(heading: float, other: float) -> float:
    """Degrees between two undirected lines."""
    apart = abs(heading - other) % 180
    return min(apart, 180 - apart)


def _sense(points: F64) -> float:
    """+1 where the order of the outline's points is that of the turned normals."""
    x, y = points[:, 0], points[:, 1]
    return 1.0 if float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) > 0 else -1.0


def ridges(strip: F64, half: int) -> F64:
    """Grey of a line of `half` width over the brighter of its two flanks, for each point of a strip (n, steps)."""
    from scipy import ndimage

    middle = ndimage.uniform_filter1d(strip, 2 * half - 1 if half > 1 else 1, axis=0, mode="wrap")
    side = ndimage.uniform_filter1d(strip, 2 * half + 1, axis=0, mode="wrap")
    shift = round(FLANK * half) + 1
    return np.asarray(middle - np.maximum(np.roll(side, shift, axis=0), np.roll(side, -shift, axis=0)))


def _lines(lesion: Lesion, strip: F64, least: int, most: int, half: int, within: int) -> list[Found]:
    """Lines on one ridge map; its first `within` steps lie inside the outline."""
    inner, ridge = strip[:, :within], strip[:, within:]
    count, steps = ridge.shape
    through = np.stack([_sheared(inner[:, ::-1], -slope).mean(axis=1) for slope in SLOPES])
    sums = np.stack([np.cumsum(_sheared(ridge, slope), axis=1) for slope in SLOPES])
    sums = np.concatenate([np.zeros((len(SLOPES), count, 1)), sums], axis=2)
    grain = lesion.noise * np.sqrt(1.5 / (least * max(2 * half - 1, 1)))
    limit = max(NOISE_SD * grain, CONTRAST * lesion.contour.contrast)
    window = max(2, 2 * half)
    out = []
    for s, q, strength in _tops(_strength(sums, 0, least), limit, window):
        profile = np.diff(sums[q, s])
        length = _length(profile, least, strength, steps)
        ends = length <= most and float(profile[most : most + least].mean()) < RUNS_ON * strength
        ends = ends and float(through[q, s]) < GOES_THROUGH * strength
        out.append((strength, s, q, float(length), ends))
    return out


def _tops(strength: F64, limit: float, window: int) -> list[tuple[int, int, float]]:
    """(place, slope index, strength) of the places that are strongest within `window` and over `limit`."""
    top, slope = strength.max(axis=0), strength.argmax(axis=0)
    peaks = top >= np.max([np.roll(top, k) for k in range(-window, window + 1)], axis=0)
    return [(int(s), int(slope[s]), float(top[s])) for s in np.flatnonzero(peaks & (top > limit))]


def _sheared(ridge: F64, slope: float) -> F64:
    """The ridge map read along lines that leave at a slope: entry (s, t) lies at s + slope t."""
    count, steps = ridge.shape
    shift = np.rint(slope * np.arange(steps)).astype(np.intp)
    flat = ((np.arange(count)[:, None] + shift[None]) % count) * steps + np.arange(steps)[None]
    return np.asarray(np.take(ridge, flat))


def _strength(sums: F64, start: int, length: int) -> F64:
    """(slopes, n) mean over a stretch, zero unless each third of it has its part: a blob is no line."""
    cuts = [start + round(length * k / 3) for k in range(4)]
    mean = (sums[:, :, cuts[3]] - sums[:, :, cuts[0]]) / length
    thirds = [(sums[:, :, b] - sums[:, :, a]) / max(b - a, 1) for a, b in pairwise(cuts)]
    return np.where(np.min(thirds, axis=0) > EVEN * mean, mean, 0.0)


def _length(profile: F64, least: int, strength: float, steps: int) -> int:
    """Steps until the line, averaged over half of its least length, falls below a quarter of its strength."""
    from scipy import ndimage

    calm = ndimage.uniform_filter1d(profile, max(3, least // 2), mode="nearest")
    weak = np.flatnonzero(calm[least // 2 :] < strength / 4)
    return int(weak[0]) + least // 2 if weak.size else steps


def spicules(lesion: Lesion, lines: tuple[Ray, ...]) -> Attribute:
    """Present where the margin has more radial streaks than oblique ones, or `FEWEST` strong lines that end.

    The tips of the lines that end are marked, their mean length is measured; between calm and streaky the film does
    not tell.
    """
    reason = lesion.unclear() or ("low_resolution" if lesion.crop.mm > FINE_MM else None)
    if reason is not None:
        return unknown("spicules", reason)
    ending = [r for r in lines if r.ends]
    limit = max(STRONG * lesion.contour.contrast, STRONG_SD * lesion.contour.clutter)
    strong = sum(r.strength > limit for r in ending)
    excess = radial_excess(lesion, [r.foot for r in lines if not r.ends])
    if strong < FEWEST and (excess is None or CALM <= excess <= STREAKY):
        return unknown("spicules", "too_small" if excess is None else "too_faint")
    if strong < FEWEST and excess is not None and excess < CALM:
        return Attribute("spicules", "none", (Measurement("spicule_count", 0.0, "count"),))
    if not ending:
        return Attribute("spicules", "present")
    count = Measurement("spicule_count", float(len(ending)), "count")
    feet, tips = (np.array([getattr(r, name) for r in ending]) for name in ("foot", "tip"))
    each = [lesion.crop.length(a, b)[0] for a, b in zip(feet, tips, strict=True)]
    spread = float(np.std(each)) if len(each) > 1 else None
    drawn = tuple(lesion.line(a, b) for a, b in zip(feet, tips, strict=True))
    length = Measurement("spicule_length", float(np.mean(each)), lesion.unit, spread, drawn)
    return Attribute("spicules", "present", (count, length), tuple(lesion.mark(t) for t in tips))
