"""Zones: places derived from the anatomy. Each kind turns pack parameters into a grid mask."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Frame, Region, ZoneDefinition
from whyray.perception.grid import box, column_centre
from whyray.perception.scene import Scene

Mask = NDArray[np.bool_]
MIN_SHARE = 0.10  # a region lies in a zone when at least a tenth of it does


def lung_box(scene: Scene, zone: ZoneDefinition) -> Mask | None:
    """Part of a lung between two heights ``v`` (apex 0, base 1) and two depths ``u`` (medial 0, lateral 1)."""
    lung = scene.lungs.get(zone.params["lung"])
    if lung is None:
        return None
    v, u = zone.params.get("v", (0, 1)), zone.params.get("u", (0, 1))
    inside = np.zeros_like(lung.mask)
    down, across = lung.v[lung.box], lung.u[lung.box]
    inside[lung.box] = lung.mask[lung.box] & (down >= v[0]) & (down <= v[1]) & (across >= u[0]) & (across <= u[1])
    return inside


def structure_half(scene: Scene, zone: ZoneDefinition) -> Mask | None:
    """Half of a structure on one side of the patient, cut at the midline between the lungs."""
    mask = scene.masks.get(zone.params["structure"])
    if mask is None or len(scene.lungs) < 2:
        return None
    centres = [column_centre(lung.mask) for lung in scene.lungs.values()]
    x = np.arange(mask.shape[1])[None, :]
    middle = sum(centres) / len(centres)
    half: Mask = mask & ((x < middle) if zone.params["side"] == "right" else (x >= middle))
    return half


ZONES: Mapping[str, Callable[[Scene, ZoneDefinition], Mask | None]] = {
    "lung_box": lung_box,
    "structure_half": structure_half,
}


def derive(scene: Scene) -> dict[str, Mask]:
    """Zone id -> grid mask, only of zones whose structures are visible."""
    found = {z.id: ZONES[z.kind](scene, z) for z in scene.pack.zones}
    return {i: m for i, m in found.items() if m is not None and m.any()}


def touched(scene: Scene, mask: Mask) -> tuple[str, ...]:
    """Ids of the zones that hold at least a tenth of `mask`, or that it fills by half; largest overlap first."""
    where = box(mask)
    if where is None:
        return ()
    part = mask[where]
    total, shares = np.count_nonzero(part), []
    for zone_id, zone in scene.zones.items():
        shared = np.count_nonzero(zone[where] & part)
        if shared / total >= MIN_SHARE or shared / np.count_nonzero(zone) >= 0.5:
            shares.append((shared, zone_id))
    return tuple(i for _, i in sorted(shares, reverse=True))


def on_source(scene: Scene) -> dict[str, Region]:
    """Zones as source-pixel regions (nearest neighbour)."""
    frame = scene.frame
    dx, dy = frame.offset
    ys = np.clip(((np.arange(frame.rows) + 0.5) * frame.scale + dy).astype(int), 0, frame.size - 1)
    xs = np.clip(((np.arange(frame.cols) + 0.5) * frame.scale + dx).astype(int), 0, frame.size - 1)
    regions = {i: _nearest(mask, frame, ys, xs) for i, mask in scene.zones.items()}
    return {i: r for i, r in regions.items() if r is not None}


def _nearest(mask: Mask, frame: Frame, ys: NDArray[np.intp], xs: NDArray[np.intp]) -> Region | None:
    """Region of the source pixels whose grid cell (ys, xs), in rising order, is set; None where no pixel reads one."""
    where = box(mask)
    if where is None:
        return None
    rows, cols = where
    y0, y1 = np.searchsorted(ys, (rows.start, rows.stop)).tolist()
    x0, x1 = np.searchsorted(xs, (cols.start, cols.stop)).tolist()
    part = mask[rows].take(xs[x0:x1], axis=1).take(ys[y0:y1] - rows.start, axis=0)
    return Region.from_window(frame.rows, frame.cols, (x0, y0, x1, y1), part)
