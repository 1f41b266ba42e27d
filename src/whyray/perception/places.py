"""Places on a film: structures, zones, and the lines and points that follow from structures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Observations, Pack, Region
from whyray.perception.scene import lung_ids

F64 = NDArray[np.float64]

APEX = 0.15  # of the lung's height: the border there is apical
WIDER = 1.5  # of the airway's usual width: where it widens so much the main bronchi leave
FORK_FROM = 0.4  # of the airway's height: the carina does not lie higher


@dataclass(frozen=True, eq=False, slots=True)
class Place:
    """What is measured to: an area, or a set of points (n, 2) as (x, y) in source pixels."""

    points: F64
    region: Region | None = None


def find_place(observations: Observations, pack: Pack, place: str, region: Region) -> Place | None:
    """The structure, landmark or zone of that id; None when it cannot be seen. A lesion chooses the side of a line."""
    definition = pack.structure(place)
    if definition is not None and definition.landmark is not None:
        seen = (observations.structure(i) for i in definition.landmark.of)
        parts = {s.id: s.region for s in seen if s is not None and s.region is not None}
        points = LANDMARKS[definition.landmark.kind](parts, pack, region) if parts else None
        return None if points is None or not len(points) else Place(points)
    structure = observations.structure(place)
    found = structure.region if structure is not None else observations.zones.get(place)
    return None if found is None else Place(edge_points(found), found)


def costal_border(parts: Mapping[str, Region], pack: Pack, region: Region) -> F64 | None:
    """(n, 2) points of the lateral and apical border of the lung that `region` lies in, or next to."""
    x, y = region.centroid

    def away(lung: Region) -> float:
        x0, y0, x1, y1 = lung.bbox
        return float(np.hypot(max(x0 - x, 0, x - x1), max(y0 - y, 0, y - y1)))

    lung_id = max(parts, key=lambda i: (parts[i].overlap_px(region), -away(parts[i])))
    lung, definition = parts[lung_id], pack.structure(lung_id)
    crop, (x0, y0, _, _) = lung.crop, lung.bbox
    rows = np.flatnonzero(crop.any(axis=1))
    right = definition is None or definition.side != "left"  # the patient's right lung lies at the image's left
    outer = crop[rows].argmax(axis=1) if right else crop.shape[1] - 1 - crop[rows][:, ::-1].argmax(axis=1)
    cols = np.flatnonzero(crop.any(axis=0))
    roof = crop[:, cols].argmax(axis=0)
    apical = roof <= APEX * crop.shape[0]
    lateral = np.stack([outer + x0, rows + y0], axis=1)
    top = np.stack([cols[apical] + x0, roof[apical] + y0], axis=1)
    return np.concatenate([lateral, top]).astype(np.float64)


def fork(parts: Mapping[str, Region], pack: Pack, region: Region) -> F64 | None:  # noqa: ARG001
    """(1, 2) point where an airway divides: where its shadow splits or widens; its lower end when it does neither."""
    airway = next(iter(parts.values()))
    crop, (x0, y0, _, _) = airway.crop, airway.bbox
    rows = np.flatnonzero(crop.any(axis=1))
    widths = crop[rows].sum(axis=1)
    usual = float(np.median(widths[: max(1, round(FORK_FROM * len(rows)))]))
    low = rows[round(FORK_FROM * len(rows)) :]
    for y in low:
        xs = np.flatnonzero(crop[y])
        split = np.flatnonzero(np.diff(xs) > 1)
        if split.size and min(split[0] + 1, len(xs) - split[0] - 1) > 0.2 * usual:
            return np.array([[x0 + (xs[split[0]] + xs[split[0] + 1]) / 2, y0 + float(y)]])
        if len(xs) > WIDER * usual:
            return np.array([[x0 + float(xs.mean()), y0 + float(y)]])
    y = int(rows[-1])
    return np.array([[x0 + float(np.flatnonzero(crop[y]).mean()), y0 + float(y)]])


LANDMARKS: Mapping[str, Callable[[Mapping[str, Region], Pack, Region], F64 | None]] = {
    "costal_border": costal_border,
    "fork": fork,
}


def lung_border(observations: Observations, pack: Pack, region: Region) -> F64 | None:
    """The costal border of the lungs seen; None without lungs."""
    seen = (observations.structure(i) for i in lung_ids(pack))
    parts = {s.id: s.region for s in seen if s is not None and s.region is not None}
    return costal_border(parts, pack, region) if parts else None


def nearest(points: F64, others: F64) -> tuple[F64, F64]:
    """The pair of points (x, y), one of each set, that lie closest together."""
    from scipy.spatial import cKDTree

    distance, index = cKDTree(others).query(points)
    k = int(np.argmin(distance))
    return points[k], others[int(index[k])]


def gap(region: Region, other: Region, limit: float) -> float | None:
    """Pixels between the edges of two regions, 0 when they overlap; None beyond `limit`."""
    away = [max(other.bbox[k] - region.bbox[k + 2], region.bbox[k] - other.bbox[k + 2], 0) for k in (0, 1)]
    if np.hypot(away[0], away[1]) > limit:
        return None
    if region.overlap_px(other):
        return 0.0
    start, end = nearest(edge_points(region), edge_points(other))
    distance = float(np.hypot(*(end - start)))
    return distance if distance <= limit else None


def edge_points(region: Region) -> F64:
    """(n, 2) pixels of a region that have a neighbour outside it, as (x, y)."""
    padded = np.pad(region.crop, 1)
    inner = padded[1:-1, :-2] & padded[1:-1, 2:] & padded[:-2, 1:-1] & padded[2:, 1:-1]
    ys, xs = np.nonzero(region.crop & ~inner)
    return np.stack([xs + region.bbox[0], ys + region.bbox[1]], axis=1).astype(np.float64)
