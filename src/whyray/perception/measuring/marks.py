"""Figures of the mask of a sign: how it is spread over the lungs, how large its parts are, how deep it reaches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Line, Measurement, Region
from whyray.perception.measuring.chart import F64, Chart, Unseen, between_lungs

Mask = NDArray[np.bool_]

MARK_CELLS = 0.5  # cells of the anatomy map by which the edge of a mask is uncertain, to either side
MOST_PARTS = 4  # of a mask that are told one by one, largest first
SMALL = 0.05  # of the largest part: a smaller one is a speck
APEX = 0.2  # of a lung's height: its apical part
TOUCH = 2  # pixels from the wall within which a mask begins that lies against it
LATERAL = (0.2, 0.85)  # shares of a lung's height between which the lateral depth is taken


def symmetry(chart: Chart, name: str, params: Mapping[str, Any]) -> Iterator[Measurement]:
    """1 - |right - left| / (right + left) of the shares of the two lungs that are marked, in [0, 1]."""

    def value(mask: Mask) -> float | None:
        right, left = (_share(mask, _cells(chart, chart.region(params[side]))) for side in ("right", "left"))
        return 1 - abs(right - left) / (right + left) if right + left else None

    yield from _varied(chart, name, value)


def right_share(chart: Chart, name: str, params: Mapping[str, Any]) -> Iterator[Measurement]:
    """Part of the marked lung area that lies in the right lung, in [0, 1]."""

    def value(mask: Mask) -> float | None:
        right, left = (int((mask & _cells(chart, chart.region(params[side]))).sum()) for side in ("right", "left"))
        return right / (right + left) if right + left else None

    yield from _varied(chart, name, value)


def lung_share(chart: Chart, name: str, params: Mapping[str, Any]) -> Iterator[Measurement]:
    """Marked area on one ``side`` of the middle between the lungs (``right``, ``left``), over that lung's area.

    What the lung's outline leaves out, as it does with fluid, is marked all the same.
    """
    lungs = {side: chart.region(params[side]) for side in ("right", "left")}
    area = max(int(_cells(chart, lungs[params["side"]]).sum()), 1)
    column = round(between_lungs(list(lungs.values())) / max(1, round(chart.cell)))
    half = slice(None, column) if params["side"] == "right" else slice(column, None)
    yield from _varied(chart, name, lambda mask: float(mask[:, half].sum()) / area)


def part_count(chart: Chart, name: str, params: Mapping[str, Any]) -> Iterator[Measurement]:  # noqa: ARG001
    """How many separate parts the mask has, specks left out."""
    yield Measurement(name, float(len(parts(chart.marked(), None))), "count")


def zone_share(chart: Chart, name: str, params: Mapping[str, Any]) -> Iterator[Measurement]:
    """Part of a mask's lung area that lies in some zones (``zones``), in [0, 1]."""
    lungs = np.any([_cells(chart, chart.region(params[side])) for side in ("right", "left")], axis=0)
    seen = [chart.zones[i] for i in params["zones"] if i in chart.zones]
    if not seen:
        raise Unseen("structure_not_visible")
    zones = np.any([_cells(chart, zone) for zone in seen], axis=0)

    def value(mask: Mask) -> float | None:
        inside = int((mask & (lungs | zones)).sum())
        return int((mask & zones).sum()) / inside if inside else None

    yield from _varied(chart, name, value)


def _varied(chart: Chart, name: str, value: Any) -> Iterator[Measurement]:
    """A share of the mask, with half its change when the mask's edge lies farther in or out as uncertainty."""
    from scipy import ndimage

    mask = _cells(chart, chart.marked())
    middle = value(mask)
    if middle is None:
        raise Unseen("outside_lungs")
    others = [value(ndimage.binary_erosion(mask)), value(ndimage.binary_dilation(mask))]
    apart = [abs(v - middle) for v in others if v is not None]
    yield Measurement(name, middle, "ratio", MARK_CELLS * max(apart, default=0.0))


def _share(mask: Mask, lung: Mask) -> float:
    return float((mask & lung).sum()) / max(int(lung.sum()), 1)


def _cells(chart: Chart, region: Region) -> Mask:
    """A region read once a cell."""

    def make() -> Mask:
        step = max(1, round(chart.cell))
        out = np.zeros((-(-region.rows // step), -(-region.cols // step)), dtype=np.bool_)
        x0, y0, _, _ = region.bbox
        top, left = -y0 % step, -x0 % step
        part = region.crop[top::step, left::step]
        y, x = (y0 + top) // step, (x0 + left) // step
        out[y : y + part.shape[0], x : x + part.shape[1]] = part
        return out

    return chart.once(("cells", id(region)), make)


def long_diameters(chart: Chart, name: str, params: Mapping[str, Any]) -> Iterator[Measurement]:
    """Longest diameter of each part of the mask, largest part first; ``skip`` parts are left out."""
    for long, _ in _axes(chart)[int(params.get("skip", 0)) :]:
        yield chart.length(name, long, float(np.sqrt(2.0)) * MARK_CELLS * chart.cell, params)


def short_diameters(chart: Chart, name: str, params: Mapping[str, Any]) -> Iterator[Measurement]:
    """Greatest width of each part across its longest diameter, in the same order; of the ``most`` largest parts."""
    for _, short in _axes(chart)[: int(params.get("most", MOST_PARTS))]:
        yield chart.length(name, short, float(np.sqrt(2.0)) * MARK_CELLS * chart.cell, params)


def _axes(chart: Chart) -> list[tuple[Line, Line]]:
    region = chart.marked()
    return chart.once(("axes", id(region)), lambda: [axes_of(chart, points) for points, _ in parts(region, MOST_PARTS)])


def parts(region: Region, most: int | None) -> list[tuple[F64, int]]:
    """Corner points (n, 2) of the outlines and pixels of the mask's `most` parts without specks, largest part first."""
    from scipy import ndimage

    labels, _ = ndimage.label(region.crop)
    sizes = np.bincount(labels.ravel())[1:]
    boxes = ndimage.find_objects(labels)
    out = []
    for k in np.argsort(-sizes, kind="stable")[:most]:
        if sizes[k] < SMALL * sizes.max():
            continue
        rows, columns = boxes[k]
        crop = labels[rows, columns] == k + 1
        at = np.flatnonzero(crop.any(axis=1))
        first, last = crop[at].argmax(axis=1), crop.shape[1] - crop[at][:, ::-1].argmax(axis=1)
        xs = np.concatenate([first, last, first, last]) + columns.start + region.bbox[0]
        ys = np.concatenate([at, at, at + 1, at + 1]) + rows.start + region.bbox[1]
        out.append((np.stack([xs, ys], axis=1).astype(np.float64), int(sizes[k])))
    return out


def axes_of(chart: Chart, points: F64) -> tuple[Line, Line]:
    """Longest diameter through outline points, and the greatest width across it, both longest in millimetres."""
    row, column = chart.image.geometry.spacing_mm or (1.0, 1.0)
    scaled = points * (column, row)
    angles = np.deg2rad(np.arange(0.0, 180.0, 3.0))
    across = scaled @ np.stack([np.cos(angles), np.sin(angles)])
    turn = int(np.argmax(across.max(axis=0) - across.min(axis=0)))
    a, b = points[across[:, turn].argmax()], points[across[:, turn].argmin()]
    unit = np.array([-np.sin(angles[turn]), np.cos(angles[turn])])
    side = scaled @ unit
    width = (side.max() - side.min()) / np.array([column, row])
    middle = (points.max(axis=0) + points.min(axis=0)) / 2
    c, d = middle - unit * width / 2, middle + unit * width / 2
    return Line(_point(a), _point(b)), Line(_point(c), _point(d))


def _point(xy: F64) -> tuple[float, float]:
    return float(xy[0]), float(xy[1])


def apical_depth(chart: Chart, name: str, params: Mapping[str, Any]) -> Iterator[Measurement]:
    """From the roof of the chest straight down to the lower edge of the mask, greatest over the apex (``side``)."""
    lung, mask, corner = _beside(chart, params)
    roof = lung.argmax(axis=0).astype(np.float64)
    low = APEX * lung.shape[0]
    columns = np.flatnonzero((lung | mask).any(axis=0) & (roof <= low))
    runs = _runs(mask[:, columns], roof[columns])
    depth, k = _deepest(chart, runs)
    x, y = float(columns[k] + corner[0]), float(roof[columns[k]] + corner[1])
    yield chart.length(name, Line((x, y), (x, y + depth)), _edge(chart), params)


def lateral_depth(chart: Chart, name: str, params: Mapping[str, Any]) -> Iterator[Measurement]:
    """From the inner chest wall straight inwards to the inner edge of the mask, greatest below the apex (``side``)."""
    lung, mask, corner = _beside(chart, params)
    right = params["side"] == "right"
    inward_lung, inward = (lung, mask) if right else (lung[:, ::-1], mask[:, ::-1])
    filled = inward_lung.any(axis=1)
    span = np.arange(lung.shape[0])
    rows = np.flatnonzero(filled & (span >= LATERAL[0] * len(span)) & (span <= LATERAL[1] * len(span)))
    wall = inward_lung[rows].argmax(axis=1).astype(np.float64)
    runs = _runs(inward[rows].T, wall)
    depth, k = _deepest(chart, runs)
    x, y = float((wall[k] if right else lung.shape[1] - wall[k]) + corner[0]), float(rows[k] + corner[1])
    yield chart.length(name, Line((x, y), (x + depth if right else x - depth, y)), _edge(chart), params)


def _beside(chart: Chart, params: Mapping[str, Any]) -> tuple[Mask, Mask, tuple[int, int]]:
    """Lung and mask of one side inside the box of both, and the box's corner (x, y)."""
    lung, mark = chart.region(params["lung"]), chart.marked()
    side = mark.mask()
    between = between_lungs([chart.region(params[s]) for s in ("right", "left")])
    x = np.arange(mark.cols)
    side &= ((x < between) if params["side"] == "right" else (x >= between))[None, :]
    if not side.any():
        raise Unseen("no_mask_here")
    whole = lung.mask() | side
    box = Region.from_mask(whole)
    assert box is not None
    x0, y0, x1, y1 = box.bbox
    return box.crop, side[y0:y1, x0:x1], (x0, y0)


def _runs(mask: Mask, start: F64) -> F64:
    """Length of the run of each column of a mask that begins at `start`, give or take two rows; 0 without one."""
    rows = np.arange(mask.shape[0])[:, None]
    open_ = mask | (rows < start[None, :] + TOUCH)
    ended = ~open_
    length = np.where(ended.any(axis=0), ended.argmax(axis=0), mask.shape[0]) - start
    touching = np.take_along_axis(mask, np.minimum(start + TOUCH, mask.shape[0] - 1).astype(np.intp)[None], axis=0)[0]
    return np.where(touching, length, 0.0)


def _deepest(chart: Chart, runs: F64) -> tuple[float, int]:
    """The greatest depth and where it is; depths are averaged over the width of a cell."""
    from scipy import ndimage

    if not len(runs) or not runs.max() > 0:
        raise Unseen("not_at_wall")
    smooth = ndimage.uniform_filter1d(runs, max(1, round(chart.cell)), mode="nearest")
    k = int(smooth.argmax())
    return float(smooth[k]), k


def _edge(chart: Chart) -> float:
    return float(np.hypot(chart.edge, MARK_CELLS * chart.cell))
