"""The outline's form: lobes, sharpness, roundness, size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from whyray.domain import Attribute, Measurement
from whyray.perception.closer.contour import hull, solidity
from whyray.perception.closer.crop import F64
from whyray.perception.closer.lesion import Lesion, unknown

WAVES = slice(3, 8)  # waves of the outline that are lobes: two are an oval, more are finer than the outline is known
CALM, WAVY = 0.065, 0.075  # their root sum of squares over the radius: none up to the first, lobes from the second
NOTCH_SHARE, NOTCH_PX = 0.015, 1.0  # depth of a notch below the hull: part of the diameter, and pixels
FEWEST_NOTCHES = 2  # one notch is as well a vessel beside the lesion
LOBED_MM = 8.0  # smaller lesions show no lobes on a film: a notch of 0.4 mm is below its unsharpness
BLURRED = 0.47  # 75 to 25 % width of the edge over the radius; a sphere's shadow has 0.3 to 0.45
BLURRED_MM = 2.0  # and so much in mm
ROUND, OVAL = 0.82, 0.62  # short over long axis: round from the first, oval from the second, else elongated
LONG_OFF, SHORT_OFF, AREA_OFF = 0.09, 0.08, 0.14  # 1-sigma error of an outline's sizes (whyray_train.closer_eval)
UNEVEN = 0.90  # area over hull below which an outline is irregular


def lobulation(lesion: Lesion) -> Attribute:
    """Notches of a wavy outline below its hull, with depth and clock hour; undetermined between calm and wavy."""
    reason = lesion.unclear() or ("too_small" if lesion.contour.diameter < lesion.crop.px(LOBED_MM) else None)
    if reason is not None:
        return unknown("lobulation", reason)
    size = lesion.contour.diameter
    found = [n for n in notches(lesion.contour.points) if n[0] > max(NOTCH_SHARE * size, NOTCH_PX)]
    count = Measurement("notch_count", float(len(found)), "count")
    wavy = waviness(lesion.contour.radii)
    if wavy < CALM:
        return Attribute("lobulation", "none", (count,))
    if wavy < WAVY or len(found) < FEWEST_NOTCHES:
        return unknown("lobulation", "too_faint")
    depth, bottom, chord = max(found, key=lambda n: n[0])
    deepest = Measurement(
        "notch_depth", lesion.scaled(depth), lesion.unit, lesion.scaled(1.0), (lesion.line(chord, bottom),)
    )
    marks = tuple(lesion.mark(point) for _, point, _ in found)
    return Attribute("lobulation", "present", (count, deepest), marks)


def waviness(radii: F64) -> float:
    """Root sum of squares of the outline's waves `WAVES`, as a share of the mean radius."""
    waves = 2 * np.abs(np.fft.rfft(radii)) / (len(radii) * float(radii.mean()))
    return float(np.sqrt((waves[WAVES] ** 2).sum()))


def notches(points: F64) -> list[tuple[float, F64, F64]]:
    """(depth, bottom, foot on the hull) of each stretch of the outline below its convex hull."""
    corners = np.sort(hull(points))
    out = []
    for a, b in zip(corners, np.roll(corners, -1), strict=True):
        between = (np.arange(a + 1, b if b > a else b + len(points))) % len(points)
        chord = points[b] - points[a]
        length = float(np.hypot(*chord))
        if between.size == 0 or length == 0:
            continue
        rest = points[between] - points[a]
        away = np.abs(rest[:, 0] * chord[1] - rest[:, 1] * chord[0]) / length
        k = int(away.argmax())
        share = float(rest[k] @ chord) / length**2
        out.append((float(away[k]), points[between[k]], points[a] + share * chord))
    return out


def edge_width(lesion: Lesion) -> float:
    """Pixels in which the grey falls from 75 to 25 % of its step, on the median profile across the outline."""
    radius = lesion.contour.diameter / 2
    first, last = -0.7 * radius, max(0.6 * radius, 4.0)
    profile = np.median(lesion.strip(first, last), axis=0)
    high, low = float(profile[: max(2, len(profile) // 8)].mean()), float(profile[-max(2, len(profile) // 8) :].mean())
    if high <= low:
        return float(len(profile))
    share = np.maximum.accumulate(((profile - low) / (high - low))[::-1])[::-1]
    return float(np.count_nonzero((share > 0.25) & (share < 0.75)))


def margin(lesion: Lesion, lobes: Attribute, strands: Attribute) -> Attribute:
    """Spiculated before blurred before lobulated before smooth."""
    reason = lesion.unclear()
    if reason is not None:
        return unknown("margin", reason)
    width = edge_width(lesion)
    blurred = width > max(BLURRED * lesion.contour.diameter / 2, lesion.crop.px(BLURRED_MM), 3.0)
    if strands.value == "present":
        return Attribute("margin", "spiculated", marks=strands.marks)
    if blurred:
        return Attribute("margin", "blurred")
    if lobes.value == "present":
        return Attribute("margin", "lobulated", marks=lobes.marks)
    if strands.value is None:
        return unknown("margin", strands.reason or "low_resolution")
    if lobes.value is None and lobes.reason != "too_small":
        return unknown("margin", lobes.reason or "too_faint")
    return Attribute("margin", "smooth")


def axes(points: F64) -> tuple[tuple[F64, F64], tuple[F64, F64]]:
    """End points of the longest diameter and of the longest one square to it, both between points of the outline."""
    corner = points[hull(points)]
    apart = np.linalg.norm(corner[:, None] - corner[None], axis=2)
    i, j = np.unravel_index(int(apart.argmax()), apart.shape)
    way = (corner[j] - corner[i]) / max(float(apart[i, j]), 1e-9)
    across = np.array([-way[1], way[0]])
    place = points @ way
    best, chosen = -1.0, (points[0], points[0])
    tolerance = max(1.0, 0.02 * float(apart[i, j]))
    for k in range(len(points)):
        level = np.abs(place - place[k]) < tolerance
        width = (points[level] - points[k]) @ across
        if float(width.max()) > best:
            best, chosen = float(width.max()), (points[k], points[k] + across * float(width.max()))
    return (corner[i], corner[j]), chosen


def size(lesion: Lesion) -> Attribute:
    """Longest diameter, the longest square to it (as nodules are measured: RECIST 1.1, EJC 45:228), area."""
    if lesion.contour.reason is not None and lesion.contour.reason != "not_visible":
        return unknown("size", lesion.contour.reason)
    long, short = axes(lesion.contour.points)
    area = int(lesion.contour.mask.sum())
    square = lesion.crop.geometry.area_mm2(area)
    unit = "px2" if square is None else "mm2"
    return Attribute(
        "size",
        "measured",
        (
            _rough(lesion.measured("long_diameter", *long), LONG_OFF),
            _rough(lesion.measured("short_diameter", *short), SHORT_OFF),
            _rough(Measurement("area", float(area if square is None else square), unit, 0.0), AREA_OFF),
        ),
    )


def _rough(told: Measurement, off: float) -> Measurement:
    """With the outline's own error `off` (of the value) in its uncertainty."""
    return replace(told, uncertainty=float(np.hypot(told.uncertainty or 0.0, off * told.value)))


def shape(lesion: Lesion) -> Attribute:
    """Round, oval or elongated by the ratio of the axes of inertia; irregular when much of the hull is empty."""
    reason = lesion.blind()
    if reason is not None:
        return unknown("shape", reason)
    ys, xs = np.nonzero(lesion.contour.mask)
    spread = np.linalg.eigvalsh(np.cov(np.stack([xs, ys]).astype(np.float64)))
    ratio = float(np.sqrt(max(float(spread[0]), 0.0) / max(float(spread[1]), 1e-9)))
    points = lesion.contour.points
    measured = (Measurement("roundness", ratio, "ratio"),)
    if solidity(points) < UNEVEN:
        return Attribute("shape", "irregular", measured)
    word = "round" if ratio >= ROUND else "oval" if ratio >= OVAL else "elongated"
    return Attribute("shape", word, measured)
