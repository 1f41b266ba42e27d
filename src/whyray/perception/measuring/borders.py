"""Levels and borders of the lungs that several figures start from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from whyray.perception.measuring.chart import F64, Chart, Unseen

DOME_COLUMNS = (0.15, 0.85)  # of a lung's width at the base: its dome lies between
AXIS = (0.25, 0.75)  # shares of the height between apices and domes: where the chest tells its axis
STEEPEST = 0.3  # of that axis: a patient does not lie more aslant than 17 degrees
HIDDEN = 1.5  # cells: a lung that ends so near above the heart ends at the heart, not at the diaphragm
LEAST_DOME = 0.15  # of the lung's width that must end at the diaphragm


@dataclass(frozen=True, slots=True)
class Dome:
    """Top of a hemidiaphragm: its point on source pixels, and the columns of the lung that end at the diaphragm."""

    x: float
    y: float
    columns: F64


def apex(chart: Chart, lung: str) -> tuple[float, float]:
    """(x, y) of the top of a lung: middle of its highest rows."""
    sides = chart.sides(lung)
    top = chart.region(lung).bbox[1]
    rows = sides[top : top + max(1, round(0.5 * chart.cell))]
    return float(np.nanmean(rows)), float(top)


def dome(chart: Chart, lung: str, heart: str | None) -> Dome:
    """Top of the hemidiaphragm under a lung, where the lung does not end at the heart.

    Raises
    ------
    Unseen
        ``structure_not_visible``; ``dome_hidden`` when heart or fluid leave too little of it.
    """
    return chart.once(("dome", lung, heart), lambda: _dome(chart, lung, heart))


def _dome(chart: Chart, lung: str, heart: str | None) -> Dome:
    region = chart.region(lung)
    bottom = chart.ends(lung)[:, 1]
    low = region.bbox[3] - 0.25 * (region.bbox[3] - region.bbox[1])
    based = np.flatnonzero(np.nan_to_num(bottom, nan=-1.0) > low)
    if not len(based):
        raise Unseen("dome_hidden")
    x0, x1 = (based[0] + share * (based[-1] - based[0]) for share in DOME_COLUMNS)
    columns = based[(based >= x0) & (based <= x1)]
    if heart is not None and heart in chart.regions:
        top = chart.ends(heart)[columns, 0]
        columns = columns[~(np.abs(np.nan_to_num(top, nan=np.inf) - bottom[columns]) < HIDDEN * chart.cell)]
        under = chart.ends(heart)[columns, 1]
        columns = columns[~(np.nan_to_num(under, nan=-np.inf) > bottom[columns] + HIDDEN * chart.cell)]
    if len(columns) < LEAST_DOME * (region.bbox[2] - region.bbox[0]):
        raise Unseen("dome_hidden")
    smooth = moving(bottom[columns], max(3, round(2 * chart.cell)))
    at = int(smooth.argmin())
    return Dome(float(columns[at]), float(smooth[at]), columns.astype(np.float64))


def inner(chart: Chart, lung: str, right: bool) -> F64:
    """Column of a lung's mediastinal border in each row, smoothed over two cells; NaN outside the lung."""

    def make() -> F64:
        border = chart.sides(lung)[:, 1 if right else 0]
        seen = np.isfinite(border)
        smooth = np.full_like(border, np.nan)
        if seen.any():
            smooth[seen] = moving(border[seen], max(3, round(2 * chart.cell)))
        return smooth

    return chart.once(("inner", lung), make)


def outer(chart: Chart, lung: str, right: bool) -> F64:
    """Column of a lung's costal border in each row; NaN outside the lung."""
    return chart.sides(lung)[:, 0 if right else 1]


def level(chart: Chart, params: Mapping[str, Any], share: float) -> float:
    """Row at a share of the height from the apices (0) to the domes (1), mean of the sides that show."""
    rows = []
    for side in ("right", "left"):
        lung = params[side]
        try:
            bottom = dome(chart, lung, params.get("heart")).y
        except Unseen:
            continue
        rows.append((1 - share) * apex(chart, lung)[1] + share * bottom)
    if not rows:
        raise Unseen("dome_hidden")
    return float(np.mean(rows))


def middle(chart: Chart, params: Mapping[str, Any]) -> tuple[float, float]:
    """Column of the middle between the inner ends of the clavicles, and the row of the higher end."""
    right, left = (chart.region(i) for i in params["clavicles"])
    x0, x1 = right.bbox[2], left.bbox[0]
    if not x1 > x0:
        raise Unseen("structure_not_visible")
    near = max(1, round(chart.cell))
    rows = [
        float(np.nanmean(chart.ends(i)[part])) for i, part in
        zip(params["clavicles"], (slice(x0 - near, x0), slice(x1, x1 + near)), strict=True)
    ]  # fmt: skip
    return (x0 + x1) / 2, min(rows)


def axis(chart: Chart, params: Mapping[str, Any]) -> float:
    """Columns by which the axis of the chest moves aside a row: slope of the middle between the costal borders."""
    right, left = outer(chart, params["right"], True), outer(chart, params["left"], False)
    first, last = (int(level(chart, params, share)) for share in AXIS)
    rows = np.arange(first, last)
    centre = ((right + left) / 2)[first:last]
    known = np.isfinite(centre)
    if known.sum() < len(rows) / 2 or len(rows) < 2:
        raise Unseen("structure_not_visible")
    slope = float(np.polynomial.Polynomial.fit(rows[known], centre[known], 1).convert().coef[1])
    return float(np.clip(slope, -STEEPEST, STEEPEST))


def moving(values: F64, width: int) -> F64:
    """Running mean with the ends held."""
    from scipy import ndimage

    return np.asarray(ndimage.uniform_filter1d(values, width, mode="nearest"), dtype=np.float64)
