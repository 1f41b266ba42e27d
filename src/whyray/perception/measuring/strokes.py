"""Lines of the mask of a sign: how many lie apart, and how long those are that can be told one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from whyray.domain import Line, Measurement
from whyray.perception.measuring.chart import Chart, Unseen
from whyray.perception.measuring.marks import MARK_CELLS, axes_of, parts

SLIM = 0.35  # mean width over length: a wider part is several lines that run together


def mask_line_count(chart: Chart, name: str, params: Mapping[str, Any]) -> Iterator[Measurement]:
    """How many parts of the mask are long enough for a line, each drawn.

    Lines that run together count as one: every part too wide for one line adds one to the uncertainty.
    """
    found = _lines(chart, params)
    wide = sum(part > SLIM for _, part in found)
    yield Measurement(name, float(len(found)), "count", max(float(wide), 0.5), tuple(long for long, _ in found))


def mask_line_length(chart: Chart, name: str, params: Mapping[str, Any]) -> Iterator[Measurement]:
    """Mean length in mm or px of the parts that are slim enough for one line, without the mask's round ends.

    Raises
    ------
    Unseen
        ``lines_merged`` when no part is.
    """
    found = [_between_ends(long, part) for long, part in _lines(chart, params) if part <= SLIM]
    if not found:
        raise Unseen("lines_merged")
    geometry = chart.image.geometry
    told = [geometry.distance(line.end[0] - line.start[0], line.end[1] - line.start[1]) for line in found]
    lengths = np.array([value for value, _ in told])
    edge = chart.told(float(np.sqrt(2.0)) * MARK_CELLS * chart.cell)
    sigma = float(np.hypot(lengths.std() / np.sqrt(len(lengths)), edge))
    yield Measurement(name, float(lengths.mean()), told[0][1], sigma, tuple(found))


def _lines(chart: Chart, params: Mapping[str, Any]) -> list[tuple[Line, float]]:
    """Longest diameter and mean width over it, of each part that reaches the least length and of the longest one.

    ``least`` names the setting (cm), ``right`` and ``left`` the lungs that scale a film without spacing. Count and
    length of one mask's lines share them, and the mask with them: while it is kept no other has its identity.
    """
    mask, named = chart.marked(), tuple(params.get(key) for key in ("least", "right", "left"))
    return chart.once(("lines", id(mask), *named), lambda: (mask, _taken(chart, params)))[1]


def _taken(chart: Chart, params: Mapping[str, Any]) -> list[tuple[Line, float]]:
    """The lines of the chart's mask."""
    geometry, scale = chart.image.geometry, 1.0  # unit of a length to millimetres
    if geometry.spacing_mm is None:
        scale = chart.pixel_mm(params["right"], params["left"])
    found = []
    for points, pixels in parts(chart.marked(), None):
        long, _ = axes_of(chart, points)
        length, _ = geometry.distance(long.end[0] - long.start[0], long.end[1] - long.start[1])
        area = geometry.area_mm2(pixels) or float(pixels)
        found.append((scale * length, long, area / max(length, 1e-9) ** 2))
    least = min(10.0 * chart.settings[params["least"]], max((length for length, _, _ in found), default=0.0))
    return [(long, part) for length, long, part in found if length >= least]


def _between_ends(line: Line, part: float) -> Line:
    """A line shortened by half the width of its mask at both ends; `part` is width over length."""
    (x0, y0), (x1, y1) = line.start, line.end
    dx, dy = (x1 - x0) * part / 2, (y1 - y0) * part / 2
    return Line((x0 + dx, y0 + dy), (x1 - dx, y1 - dy))
