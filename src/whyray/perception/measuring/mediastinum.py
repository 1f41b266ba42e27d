"""Figures of the mediastinum: the vascular pedicle and the place of the trachea.

The borders come from the outlines of the lungs; the air column of the trachea is looked for on the film itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Line, Measurement
from whyray.perception.measuring.borders import axis, inner, level, middle, moving
from whyray.perception.measuring.chart import F64, Chart, Unseen

# Shares of the height between apices and domes.
CARINA, SUBCLAVIAN = 0.38, 0.18
KNOB = (0.10, 0.40)  # where the left border bulges at the aortic knob
BULGE = 0.012  # of the chest's inner width: a smaller bulge is no knob
FOOT = 0.3  # of the bulge's height: its upper foot lies where the border falls below it
AROUND = 0.03  # of that height: the border's scatter round a level is part of the uncertainty
AIRWAY = (0.02, 0.34)  # where the trachea lies between the lungs
TOLD = (0.06, 0.26)  # where its place is told: below the clavicles, above the carina
BLOCK = 0.02  # of that height: rows that are averaged
CALIBRE = 0.055  # of the chest's inner width: calibre of a trachea (about 16 of 285 mm)
FLANK = 0.7  # calibres from the middle of the trachea to its flanks
LEAST_CALIBRES = 1.8  # between the lungs: a narrower mediastinum shows no flanks of the trachea
STEP_COST, FAR_COST = 0.35, 0.25  # of the air column's usual contrast, for a step aside and for lying off the middle
LEAST_ROWS = 5  # of a border: fewer show no bulge
DEPTH = 0.008  # grey of [0, 1] by which a trachea is darker than its flanks
UNBROKEN, STEADY = 0.85, 0.15  # of the blocks that must be darker; calibres that its course may scatter round a line
CLAVICLE_CELLS = 0.6  # standard deviation of the middle between the clavicles, in cells of the anatomy map
BLUR = 0.15  # calibres: standard deviation of its middle


def vascular_pedicle(chart: Chart, name: str, params: Mapping[str, Any]) -> Iterator[Measurement]:
    """From the right mediastinal border at the carina to the vertical through the left border above the aortic knob.

    Milne et al., Radiology 1984: superior vena cava where it crosses the right main bronchus, to the perpendicular
    through the origin of the left subclavian artery. Vertical is the axis of the chest, so that a tilted film keeps
    its number. Without a bulge of the knob the usual level is taken.
    """
    width = chart.width(params["right"], params["left"])[0]
    height = level(chart, params, 1.0) - level(chart, params, 0.0)
    low = level(chart, params, CARINA)
    right, left = inner(chart, params["right"], True), inner(chart, params["left"], False)
    high = _above_knob(left, chart, params, width)
    x0, loose = _border(right, low, AROUND * height)
    x1, slack = _border(left, high, AROUND * height)
    lean = axis(chart, params)
    foot = x1 + lean * (low - high)
    if not foot > x0:
        raise Unseen("structure_not_visible")
    across = (foot - x0) / (1 + lean**2)  # along the perpendicular to the axis
    sigma = float(np.sqrt(2 * chart.edge**2 + loose**2 + slack**2))
    end = (x0 + across, low - lean * across)
    yield chart.length(name, Line((x0, low), end), sigma, params, (Line((x1, high), end),))


def _above_knob(left: F64, chart: Chart, params: Mapping[str, Any], width: float) -> float:
    """Row of the upper foot of the knob's bulge of the left mediastinal border; the usual row without one."""
    first, last = (int(level(chart, params, share)) for share in KNOB)
    border = left[first:last]
    usual = level(chart, params, SUBCLAVIAN)
    if len(border) < LEAST_ROWS or not np.isfinite(border).all():
        return usual
    bulge = border - np.linspace(border[0], border[-1], len(border))
    top = int(bulge.argmax())
    if bulge[top] < BULGE * width or top in (0, len(bulge) - 1):
        return usual
    under = np.flatnonzero(bulge[:top] < FOOT * bulge[top])
    return float(first + under[-1]) if len(under) else usual


def _border(border: F64, row: float, around: float) -> tuple[float, float]:
    """Column of a border at a row, and its standard deviation in the rows round it."""
    rows = border[max(int(row - around), 0) : int(row + around) + 1]
    rows = rows[np.isfinite(rows)]
    if not len(rows):
        raise Unseen("structure_not_visible")
    return float(rows.mean()), float(rows.std())


def trachea_offset(chart: Chart, name: str, params: Mapping[str, Any]) -> Iterator[Measurement]:
    """From the middle between the inner ends of the clavicles to the trachea; positive to the patient's left.

    Raises
    ------
    Unseen
        ``airway_unclear`` when no air column stands out of the mediastinum.
    """
    centre, tops = middle(chart, params)
    course = chart.once(("airway", params["right"]), lambda: airway(chart, params, centre))
    first, last = (level(chart, params, share) for share in TOLD)
    told = (course.y >= first) & (course.y <= last)
    if not told.any():
        raise Unseen("airway_unclear")
    x, y = float(np.median(course.x[told])), float(np.median(course.y[told]))
    scatter = float(course.x[told].std()) / np.sqrt(max(int(told.sum()) / 2, 1))
    sigma = float(np.sqrt((CLAVICLE_CELLS * chart.cell) ** 2 + scatter**2 + course.blur**2))
    points = list(zip(course.x.tolist(), course.y.tolist(), strict=True))
    more = (Line((centre, tops), (centre, y)), *(Line(a, b) for a, b in zip(points[:-1:2], points[2::2], strict=False)))
    found = chart.length(name, Line((centre, y), (x, y)), sigma, params, more)
    yield Measurement(name, found.value if x >= centre else -found.value, found.unit, found.uncertainty, found.lines)


@dataclass(frozen=True, eq=False, slots=True)
class Airway:
    """Centres (x, y) of the trachea's air column, one for each block of rows; ``blur`` is their uncertainty in px."""

    x: F64
    y: F64
    blur: float


def airway(chart: Chart, params: Mapping[str, Any], centre: float) -> Airway:
    """The darkest band of a trachea's calibre down the mediastinum, found row by row with small steps aside."""
    calibre = CALIBRE * chart.width(params["right"], params["left"])[0]
    first, last = (level(chart, params, share) for share in AIRWAY)
    step = max(2.0, BLOCK / (AIRWAY[1] - AIRWAY[0]) * (last - first))
    tops = np.arange(first, last, step)
    valley, columns = _valleys(chart, params, tops, step, calibre)
    usual = float(np.nanpercentile(valley, 95)) if np.isfinite(valley).any() else 0.0
    if usual <= 0:
        raise Unseen("airway_unclear")
    off = ((columns - centre) / (3 * calibre)) ** 2
    gain = np.where(np.isfinite(valley), valley, -usual) - FAR_COST * usual * off
    path = _course(gain, STEP_COST * usual, max(1, round(step / (columns[1] - columns[0]))))
    along = np.nan_to_num(valley[np.arange(len(path)), path])
    rows = tops + step / 2
    bend = columns[path] - np.polynomial.Polynomial.fit(rows, columns[path], 1)(rows)
    if along.mean() < DEPTH or (along > 0).mean() < UNBROKEN or bend.std() > STEADY * calibre:
        raise Unseen("airway_unclear")
    x = moving(columns[path].astype(np.float64), 3)
    return Airway(x, rows, BLUR * calibre)


def _valleys(chart: Chart, params: Mapping[str, Any], tops: F64, step: float, calibre: float) -> tuple[F64, F64]:
    """How far each column of the mediastinum is darker than both its flanks, (blocks, columns); NaN elsewhere.

    The mediastinum is thickest in the middle: a parabola through each block of rows is taken away first. Columns
    without flanks on both sides, at the lungs, have no value.
    """
    from scipy import ndimage

    right, left = inner(chart, params["right"], True), inner(chart, params["left"], False)
    at = np.array([int(top + step / 2) for top in tops])
    if not (np.isfinite(right[at]) & np.isfinite(left[at])).any():
        raise Unseen("airway_unclear")
    thin = max(1, round(calibre / 12))
    columns = np.arange(int(np.nanmin(right[at])), int(np.nanmax(left[at])), thin)
    out = np.full((len(tops), len(columns)), np.nan)
    for k, (top, row) in enumerate(zip(tops, at, strict=True)):
        inside = (columns >= right[row]) & (columns <= left[row])
        if inside.sum() * thin < LEAST_CALIBRES * calibre:
            continue
        rows = chart.image.pixels[0, int(top) : int(top + step) + 1, columns[0] : columns[-1] + 1]
        profile = ndimage.uniform_filter1d(rows.mean(axis=0).astype(np.float64), thin)[::thin][inside]
        x = np.linspace(-1, 1, len(profile))
        rest = profile - np.polynomial.Polynomial.fit(x, profile, 2)(x)
        smooth = ndimage.gaussian_filter1d(rest, 0.2 * calibre / thin, mode="nearest")
        away = max(1, round(FLANK * calibre / thin))
        found = np.full(len(smooth), np.nan)
        found[away:-away] = np.minimum(smooth[: -2 * away], smooth[2 * away :]) - smooth[away:-away]
        out[k, inside] = found
    return out, columns.astype(np.float64)


def _course(gain: F64, cost: float, reach: int) -> NDArray[np.intp]:
    """Index of a column for each row so that the gains along the way, less `cost` for a full step, are largest."""
    steps = np.arange(-reach, reach + 1)
    best, came = gain[0].copy(), []
    for row in gain[1:]:
        options = np.stack([np.roll(best, int(s)) - cost * (s / reach) ** 2 for s in steps])
        for k, s in enumerate(steps):
            if s > 0:
                options[k, :s] = -np.inf
            elif s < 0:
                options[k, s:] = -np.inf
        chosen = options.argmax(axis=0)
        came.append(chosen)
        best = options.max(axis=0) + row
    path = [int(best.argmax())]
    for chosen in reversed(came):
        path.append(path[-1] - int(steps[chosen[path[-1]]]))
    return np.array(path[::-1])
