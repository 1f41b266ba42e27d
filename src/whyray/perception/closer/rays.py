"""Polar sampling round a centre, and closed paths through it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from whyray.perception.closer.crop import F32, F64, Mask

RAYS = 180
MOVES = 2  # depth steps from ray to ray


def on_rays(centre: tuple[float, float], radii: F64) -> F64:
    """(n, 2) points (x, y) at `radii` on evenly spread rays."""
    angle = np.arange(len(radii)) * (2 * np.pi / len(radii))
    return np.stack([centre[0] + radii * np.cos(angle), centre[1] + radii * np.sin(angle)], axis=1)


def closed_path(cost: F64, step_cost: float) -> NDArray[np.intp]:
    """Depth index per ray of the cheapest path whose ends meet: the middle of a path twice around.

    ``cost`` is (rays, depths); a move of m depths from ray to ray costs ``step_cost`` m^2, at most `MOVES` are made.
    """
    count, depths = cost.shape
    price = step_cost * np.arange(-MOVES, MOVES + 1)[:, None] ** 2
    padded = np.full(depths + 2 * MOVES, 1e6)
    reached = np.lib.stride_tricks.sliding_window_view(padded, depths)  # (2 MOVES + 1, depths), one row a move
    padded[MOVES:-MOVES] = cost[0]
    back = np.zeros((2 * count, depths), dtype=np.intp)
    for i in range(1, 2 * count):
        moved = reached + price
        moved.argmin(axis=0, out=back[i])
        padded[MOVES:-MOVES] = moved.min(axis=0) + cost[i % count]
    at = int(padded[MOVES:-MOVES].argmin())
    found = np.zeros(2 * count, dtype=np.intp)
    for i in range(2 * count - 1, -1, -1):
        found[i] = at
        at = min(max(at + (back.item(i, at) - MOVES if i else 0), 0), depths - 1)
    half = count // 2
    return np.roll(found[half : half + count], half)


def reach(mask: Mask, centre: tuple[float, float]) -> F64:
    """(RAYS,) distance of the farthest pixel of `mask` on each ray; at least half a pixel."""
    ys, xs = np.nonzero(mask)
    far = float(np.hypot(xs - centre[0], ys - centre[1]).max(initial=0.0)) + 1
    depth = np.arange(0.0, far, 0.5)
    hit = sample(mask.astype(np.float32), centre, depth) > 0.5
    last = depth.size - 1 - hit[:, ::-1].argmax(axis=1)
    return np.where(hit.any(axis=1), depth[last], 0.5)


def sample(array: F32, centre: tuple[float, float], depth: F64) -> F64:
    """(RAYS, n) bilinear values at `depth` pixels from `centre`."""
    angle = np.arange(RAYS)[:, None] * (2 * np.pi / RAYS)
    return read(array, centre[0] + depth[None] * np.cos(angle), centre[1] + depth[None] * np.sin(angle))


def read(array: F32, x: F64, y: F64) -> F64:
    """Bilinear values at window coordinates; the border carries on."""
    from scipy import ndimage

    return np.asarray(ndimage.map_coordinates(array, [y, x], order=1, mode="nearest"), dtype=np.float64)


def inside(centre: tuple[float, float], radii: F64, shape: tuple[int, ...]) -> Mask:
    """Pixels within `radii` of the centre."""
    y, x = np.arange(shape[0])[:, None] - centre[1], np.arange(shape[1])[None, :] - centre[0]
    out = np.zeros(shape, dtype=np.bool_)
    rows = slice(*np.searchsorted(y[:, 0], (-radii.max() - 1, radii.max() + 1)))
    cols = slice(*np.searchsorted(x[0], (-radii.max() - 1, radii.max() + 1)))
    y, x = y[rows], x[:, cols]
    at = (np.arctan2(y, x) / (2 * np.pi) * len(radii)) % len(radii)
    low = at.astype(np.intp) % len(radii)
    share = at - np.floor(at)
    edge = radii[low] * (1 - share) + radii[(low + 1) % len(radii)] * share
    out[rows, cols] = np.hypot(x, y) <= edge
    return out
