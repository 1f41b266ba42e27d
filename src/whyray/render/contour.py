"""Outlines: a smooth closed curve just outside a mask, and its cutting into dashes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from whyray.render.plane import Mask, Patch

Path = NDArray[np.float32]
_SEGMENT = 2  # points
# Cell corners above the level (1 top left, 2 top right, 4 bottom right, 8 bottom left) -> (from, to) edges of
# the cell (0 top, 1 right, 2 bottom, 3 left), the higher side always on the same hand.
_EDGES = {
    1: ((3, 0),), 2: ((0, 1),), 3: ((3, 1),), 4: ((1, 2),), 5: ((3, 0), (1, 2)), 6: ((0, 2),), 7: ((3, 2),),
    8: ((2, 3),), 9: ((2, 0),), 10: ((0, 1), (2, 3)), 11: ((2, 1),), 12: ((1, 3),), 13: ((1, 0),),
    14: ((0, 3),),
}  # fmt: skip


def grow(mask: Mask, steps: int) -> Mask:
    """Dilates by about `steps` pixels with an octagon (plus and square by turns); the frame does not grow."""
    out = mask.copy()
    for step in range(steps):
        before = out.copy()
        out[1:] |= before[:-1]
        out[:-1] |= before[1:]
        if step % 2:
            before = out.copy()
        out[:, 1:] |= before[:, :-1]
        out[:, :-1] |= before[:, 1:]
    return out


def outline(cover: Patch, clearance: float, smooth: float) -> list[Path]:
    """Return closed curves about `clearance` pixels outside the covered pixels.

    Drawn outside, the line hides no pixel of a thin sign, and a one-pixel region still has an outline.

    Parameters
    ----------
    cover
        Coverage with a margin of at least ``clearance + 3 * smooth`` empty pixels.
    clearance, smooth
        Distance from the region and sigma of the rounding, in page pixels.

    Returns
    -------
    list of float32 (n, 2)
        Page points (x, y), first equal to last.
    """
    from scipy.ndimage import gaussian_filter

    mask = cover.values > 0.02
    field = gaussian_filter(grow(mask, round(clearance)).astype(np.float32), smooth, mode="constant")
    corner = np.asarray([cover.x + 0.5, cover.y + 0.5], dtype=np.float32)
    return [path + corner for path in trace(field, 0.5)]


def trace(field: NDArray[np.float32], level: float) -> list[Path]:
    """Iso-lines by marching squares (Lorensen and Cline 1987, in the plane), linearly interpolated.

    `field` (h, w) must lie below `level` at its border, so that every line closes. Points are (x, y) array
    coordinates with pixel centres at whole numbers.
    """
    above = field > level
    case = above[:-1, :-1] + 2 * above[:-1, 1:] + 4 * above[1:, 1:] + 8 * above[1:, :-1]
    ys, xs = np.nonzero((case > 0) & (case < 15))
    kinds = case[ys, xs]
    width = field.shape[1]
    corner = 2 * (ys * width + xs)
    edge_ids = np.stack((corner, corner + 3, corner + 2 * width, corner + 1))
    follow: dict[int, int] = {}
    for kind, pairs in _EDGES.items():
        chosen = kinds == kind
        for start, end in pairs:
            follow.update(zip(edge_ids[start, chosen].tolist(), edge_ids[end, chosen].tolist(), strict=True))
    return [_points(field, level, loop) for loop in _loops(follow)]


def _loops(follow: dict[int, int]) -> list[list[int]]:
    loops: list[list[int]] = []
    while follow:
        start, current = follow.popitem()
        loop = [start, current]
        while current != start:
            current = follow.pop(current)
            loop.append(current)
        loops.append(loop)
    return loops


def _points(field: NDArray[np.float32], level: float, edges: Sequence[int]) -> Path:
    """Crossing points on grid edges; even ids run right from their pixel, odd ids down."""
    ids = np.asarray(edges)
    down = ids % 2
    ys, xs = np.divmod(ids // 2, field.shape[1])
    first = field[ys, xs]
    second = field[ys + down, xs + 1 - down]
    part = (level - first) / (second - first)
    return np.stack((xs + (1 - down) * part, ys + down * part), axis=1).astype(np.float32)


def dashes(path: Path, pattern: Sequence[float], unit: float = 1.0) -> list[Path]:
    """Cut `path` into the drawn pieces of a dash pattern.

    The pattern is stretched to end where the path ends, so a closed curve has no seam; on a short path it
    shrinks until it shows twice.

    Parameters
    ----------
    path
        float (n, 2) points.
    pattern
        Drawn and empty lengths in turn, in pixels; empty means solid.
    unit
        Factor on the pattern's lengths.
    """
    path = np.asarray(path, dtype=np.float32)
    steps = np.hypot(*np.diff(path, axis=0).T)
    along = np.concatenate(([0.0], np.cumsum(steps)))
    if not pattern or along[-1] == 0:
        return [path]
    repeats = max(2, round(along[-1] / (sum(pattern) * unit)))
    lengths = np.tile(np.asarray(pattern, dtype=float), repeats) * (along[-1] / (sum(pattern) * repeats))
    bounds = np.concatenate(([0.0], np.cumsum(lengths)))
    starts, ends = bounds[:-1:2], bounds[1::2]
    count = min(len(starts), len(ends))
    times = np.stack((starts[:count], ends[:count]), axis=1)
    cuts = np.stack([np.interp(times, along, path[:, axis]) for axis in (0, 1)], axis=2).astype(np.float32)
    first, last = np.searchsorted(along, times[:, 0], "right"), np.searchsorted(along, times[:, 1], "left")
    return [np.concatenate((cut[:1], path[a:b], cut[1:])) for cut, a, b in zip(cuts, first, last, strict=True)]


def resampled(path: Path, step: float) -> Path:
    """Return the polyline's points with others between them, so that no two are farther apart than `step`."""
    if len(path) < _SEGMENT:
        return path
    lengths = np.abs(np.diff(path, axis=0)).max(axis=1)
    if float(lengths.max()) <= step:
        return path
    along = np.concatenate(([0.0], np.cumsum(np.maximum(lengths, 1e-6))))
    times = np.union1d(along, np.linspace(0.0, along[-1], int(along[-1] / step) + 2))
    return np.stack([np.interp(times, along, path[:, axis]) for axis in (0, 1)], axis=1).astype(np.float32)
