"""Upper against lower lung vessels: what redistribution of the blood flow is measured by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Line, Measurement
from whyray.perception.closer.contour import shrink
from whyray.perception.closer.crop import part
from whyray.perception.measuring.borders import inner, level
from whyray.perception.measuring.chart import Chart, Unseen
from whyray.perception.measuring.ridges import F32, find_ridges, turned

Mask = NDArray[np.bool_]

CELL_MM = 1.0  # the film is looked at on about such cells
WIDTHS_MM = (0.8, 1.2, 1.8, 2.6)  # standard deviations of ridges: vessels of about 2 to 8 mm
CENTRE = {"right": 0.50, "left": 0.46}  # of the height between apices and domes: where a hilum lies
RING = (0.14, 0.40)  # of that height: distances from the hilum at which vessels are compared
SECTOR = (20.0, 80.0)  # degrees above and below the horizontal
RADIAL = np.deg2rad(30.0)  # a ridge that points farther past the hilum is a rib or a border
RIM_MM = 6.0  # of a lung that is left out: its edge is a ridge too
LEAST_CELLS = 150  # of a sector
SIDE_SPREAD = 0.25  # of the logarithm, when only one side can be compared
GRAIN = 8.0  # cells that one independent piece of vessel fills


@dataclass(frozen=True, slots=True)
class Sector:
    """Vessels of one sector: summed contrast a cell, and their mean width in mm."""

    density: float
    width_mm: float
    cells: int


def vessel_ratio(chart: Chart, name: str, params: Mapping[str, Any]) -> Iterator[Measurement]:
    """Upper over lower vessels at the same distances from the hilum, geometric mean of the sides.

    Parameters
    ----------
    params
        ``by``: ``density``, the contrast of ridges that point to the hilum summed over the sector; or ``width``, their
        mean width. ``right``, ``left``, ``heart``; ``without``: structures whose shadow is left out.

    Raises
    ------
    Unseen
        ``structure_not_visible``; ``vessels_hidden`` where opacities or the heart leave too little of a sector.
    """
    found = chart.once(("vessels", params["right"]), lambda: _sectors(chart, params))
    if not found:
        raise Unseen("vessels_hidden")
    logs = [float(np.log(_told(upper, params) / _told(lower, params))) for upper, lower, _ in found]
    middle = float(np.exp(np.mean(logs)))
    few = min(min(u.cells, w.cells) for u, w, _ in found)
    spread = abs(logs[0] - logs[1]) / 2 if len(logs) == 2 else SIDE_SPREAD
    sigma = middle * float(np.hypot(spread, np.sqrt(GRAIN / few)))
    yield Measurement(name, middle, "ratio", sigma, tuple(line for _, _, lines in found for line in lines))


def _told(sector: Sector, params: Mapping[str, Any]) -> float:
    return max(sector.width_mm if params["by"] == "width" else sector.density, 1e-6)


def _sectors(chart: Chart, params: Mapping[str, Any]) -> list[tuple[Sector, Sector, tuple[Line, ...]]]:
    lungs = [chart.region(params[side]) for side in ("right", "left")]
    window = (
        min(r.bbox[0] for r in lungs), min(r.bbox[1] for r in lungs),
        max(r.bbox[2] for r in lungs), max(r.bbox[3] for r in lungs),
    )  # fmt: skip
    mm = chart.pixel_mm(params["right"], params["left"])
    step = max(1, round(CELL_MM / mm))
    grey = shrink(chart.image.pixels[0, window[1] : window[3], window[0] : window[2]], step)
    ridges = find_ridges(grey, [w / (mm * step) for w in WIDTHS_MM])
    height = level(chart, params, 1.0) - level(chart, params, 0.0)
    blocked = np.zeros(grey.shape, dtype=np.bool_)
    for i in params.get("without", ()):
        if i in chart.regions:
            blocked |= part(chart.regions[i], window)[step // 2 :: step, step // 2 :: step][
                : grey.shape[0], : grey.shape[1]
            ]
    found = []
    for side, region in zip(("right", "left"), lungs, strict=True):
        lung = part(region, window)[step // 2 :: step, step // 2 :: step][: grey.shape[0], : grey.shape[1]]
        free = _inside(lung, RIM_MM / (mm * step)) & ~blocked
        centre = _centre(chart, params, side)
        y, x = np.mgrid[: grey.shape[0], : grey.shape[1]].astype(np.float32)
        dx, dy = window[0] + (x + 0.5) * step - centre[0], window[1] + (y + 0.5) * step - centre[1]
        outward = dx * (-1 if side == "right" else 1)
        distance, rise = np.hypot(dx, dy) / height, np.degrees(np.arctan2(-dy, np.maximum(outward, 1e-3)))
        ring = free & (distance >= RING[0]) & (distance <= RING[1]) & (outward > 0)
        radial = turned(ridges.angle, np.arctan2(dy, dx)) <= RADIAL
        upper, lower = (
            _sector(
                ridges.strength,
                np.asarray(ridges.width * mm * step, dtype=np.float32),
                ring & (s * rise >= SECTOR[0]) & (s * rise <= SECTOR[1]),
                radial,
            )
            for s in (1, -1)
        )
        if min(upper.cells, lower.cells) >= LEAST_CELLS:
            found.append((upper, lower, _rays(centre, height, side)))
    return found


def _sector(strength: F32, width_mm: F32, inside: Mask, radial: Mask) -> Sector:
    kept = strength[inside & radial]
    total = float(kept.sum())
    cells = int(inside.sum())
    wide = float((kept * width_mm[inside & radial]).sum()) / max(total, 1e-9)
    return Sector(total / max(cells, 1), wide, cells)


def _inside(lung: Mask, rim: float) -> Mask:
    from scipy import ndimage

    return np.asarray(ndimage.distance_transform_edt(np.pad(lung, 1))[1:-1, 1:-1] > rim)


def _centre(chart: Chart, params: Mapping[str, Any], side: str) -> tuple[float, float]:
    """(x, y) where a hilum leaves the mediastinum."""
    y = level(chart, params, CENTRE[side])
    x = inner(chart, params[side], side == "right")[int(y)]
    if not np.isfinite(x):
        raise Unseen("structure_not_visible")
    return float(x), y


def _rays(centre: tuple[float, float], height: float, side: str) -> tuple[Line, ...]:
    """The four sides of the two sectors that point to the hilum."""
    outward = -1 if side == "right" else 1
    lines = []
    for degrees in (SECTOR[0], SECTOR[1], -SECTOR[0], -SECTOR[1]):
        dx, dy = outward * np.cos(np.deg2rad(degrees)) * height, -np.sin(np.deg2rad(degrees)) * height
        start = (float(centre[0] + RING[0] * dx), float(centre[1] + RING[0] * dy))
        lines.append(Line(start, (float(centre[0] + RING[1] * dx), float(centre[1] + RING[1] * dy))))
    return tuple(lines)
