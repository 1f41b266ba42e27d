"""Figures of the lungs' outlines: their heights, and the costophrenic angles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from whyray.domain import Line, Measurement
from whyray.perception.measuring.borders import apex, dome
from whyray.perception.measuring.chart import F64, Chart, Unseen

# Windows in which the two legs of a costophrenic angle are fitted: from the tip, as shares of the lung's height and
# of its width; the second ones tell how much the angle depends on the window.
WALL, BASE = ((0.03, 0.14), (0.05, 0.20)), ((0.05, 0.22), (0.08, 0.32))
LEAST_POINTS = 4
WIDEST = 90.0  # degrees: a lung's outline that turns more than that does not end at wall and diaphragm
MOST_DOUBT = 15.0  # degrees of uncertainty from which an angle says nothing: blunt and sharp ones differ by 30 or so
TIP_FIT = 0.5  # cells: roughness of an outline that a straight leg may have without becoming less certain


def lung_height(chart: Chart, name: str, params: Mapping[str, Any]) -> Iterator[Measurement]:
    """From the apex of a lung straight down to the level of its dome (``lung``)."""
    x, top = apex(chart, params["lung"])
    bottom = dome(chart, params["lung"], params.get("heart"))
    line, level = Line((x, top), (x, bottom.y)), Line((x, bottom.y), (bottom.x, bottom.y))
    yield chart.length(name, line, float(np.sqrt(2.0)) * chart.edge, params, (level,))


def height_ratio(chart: Chart, name: str, params: Mapping[str, Any]) -> Iterator[Measurement]:
    """Height of the right lung over that of the left."""
    heights, lines = [], []
    for side in ("right", "left"):
        x, top = apex(chart, params[side])
        bottom = dome(chart, params[side], params.get("heart"))
        heights.append(bottom.y - top)
        lines.append(Line((x, top), (x, bottom.y)))
    ratio = heights[0] / heights[1]
    sigma = ratio * float(np.hypot(*(np.sqrt(2.0) * chart.edge / h for h in heights)))
    yield Measurement(name, ratio, "ratio", sigma, tuple(lines))


def costophrenic_angle(chart: Chart, name: str, params: Mapping[str, Any]) -> Iterator[Measurement]:
    """Angle between the tangents of chest wall and diaphragm at the lateral tip of a lung (``lung``, its ``side``).

    The rounded tip itself is left out; what is wider than a right angle is none. Two windows are fitted: their
    difference, and the scatter of the outline round the tangents, are the uncertainty.
    """
    lung, right = params["lung"], params["side"] == "right"
    region = chart.region(lung)
    x0, y0, x1, y1 = region.bbox
    wall = chart.sides(lung)[:, 0 if right else 1]
    base = chart.ends(lung)[:, 1]
    tip = _tip(base, region.bbox, right)
    outward = -1.0 if right else 1.0
    found = []
    for up, along in zip(WALL, BASE, strict=True):
        rows = np.arange(*(int(tip[1] - share * (y1 - y0)) for share in reversed(up)))
        columns = np.arange(*sorted(int(tip[0] - outward * share * (x1 - x0)) for share in along))
        rows, columns = rows[np.isfinite(wall[rows])], columns[np.isfinite(base[columns])]
        if min(len(rows), len(columns)) < LEAST_POINTS:
            raise Unseen("angle_hidden")
        lateral, steep = _direction(rows.astype(np.float64), wall[rows])
        medial, flat = _direction(columns.astype(np.float64), base[columns])
        leg = np.array([-lateral, -1.0])
        floor = np.array([-outward, -outward * medial])
        cosine = float(leg @ floor / (np.linalg.norm(leg) * np.linalg.norm(floor)))
        found.append((float(np.degrees(np.arccos(np.clip(cosine, -1, 1)))), leg, floor, float(np.hypot(steep, flat))))
    (angle, leg, floor, rough), (other, *_) = found
    reach = 0.2 * (y1 - y0)
    lines = tuple(
        Line(tip, _along(tip, leg, reach)) if k == 0 else Line(tip, _along(tip, floor, reach)) for k in (0, 1)
    )
    window = np.sqrt(chart.edge**2 + (TIP_FIT * chart.cell) ** 2) / ((WALL[0][1] - WALL[0][0]) * (y1 - y0))
    sigma = float(np.hypot(np.hypot(angle - other, np.degrees(rough)), np.degrees(window)))
    if sigma > MOST_DOUBT or angle > WIDEST:
        raise Unseen("angle_hidden")
    yield Measurement(name, angle, "deg", sigma, lines)


def _tip(base: F64, bbox: tuple[int, int, int, int], right: bool) -> tuple[float, float]:
    """Point where chest wall and diaphragm would meet: the outline's point that lies lowest and most lateral."""
    x0, y0, x1, y1 = bbox
    columns = np.flatnonzero(np.isfinite(base))
    lateral = (x1 - columns) if right else (columns - x0)
    chosen = columns[int(np.argmax((base[columns] - y0) / (y1 - y0) + lateral / (x1 - x0)))]
    return float(chosen), float(base[chosen])


def _direction(along: F64, values: F64) -> tuple[float, float]:
    """Slope of a straight line through a border, and its standard error in radians."""
    if len(along) < LEAST_POINTS:
        raise Unseen("angle_hidden")
    centred = along - along.mean()
    spread = float((centred**2).sum())
    slope = float((centred * (values - values.mean())).sum() / spread)
    rest = values - values.mean() - slope * centred
    return slope, float(np.sqrt((rest**2).sum() / max(len(along) - 2, 1) / spread) / (1 + slope**2))


def _along(start: tuple[float, float], direction: F64, reach: float) -> tuple[float, float]:
    unit = direction / np.linalg.norm(direction)
    return float(start[0] + reach * unit[0]), float(start[1] + reach * unit[1])
