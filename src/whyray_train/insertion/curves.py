"""Thin lines and tubes along polylines, drawn segment by segment in small boxes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from whyray_train.insertion.core import F32

F64 = NDArray[np.float64]
CHUNK = 5  # segments drawn together


def stroke(canvas: F32, points: F64, radius: F64 | float, value: F64 | float = 1.0, tube: bool = False) -> None:
    """Draws a polyline into `canvas` in place, keeping the larger value.

    Parameters
    ----------
    canvas
        (h, w) float32.
    points
        (n, 2) rows and columns in pixels.
    radius
        Half width in pixels, one or (n,). A line falls off as a Gaussian of that sigma; a tube has the thickness
        profile of a cylinder of that radius with an edge softened by the pixel grid.
    value
        Height of the profile, one or (n,).
    tube
        Cylinder instead of line.
    """
    radii = np.broadcast_to(np.asarray(radius, dtype=np.float64), len(points))
    values = np.broadcast_to(np.asarray(value, dtype=np.float64), len(points))
    for k in range(0, len(points) - 1, CHUNK):
        part = slice(k, k + CHUNK + 1)
        _segments(canvas, points[part], radii[part], values[part], tube)


def _segments(canvas: F32, points: F64, radii: F64, values: F64, tube: bool) -> None:
    """Draws a few segments at once, in their common box."""
    pad = float(radii.max()) * (1.0 if tube else 2.6) + 1.5
    low = np.maximum(points.min(axis=0) - pad, 0).astype(int)
    high = np.minimum(points.max(axis=0) + pad + 2, canvas.shape).astype(int)
    if high[0] <= low[0] or high[1] <= low[1]:
        return
    ends = points.astype(np.float32)[:, :, None, None]
    rows = np.arange(low[0], high[0], dtype=np.float32)[None, :, None] - ends[:-1, 0]
    cols = np.arange(low[1], high[1], dtype=np.float32)[None, None, :] - ends[:-1, 1]
    down, right = ends[1:, 0] - ends[:-1, 0], ends[1:, 1] - ends[:-1, 1]
    along = (rows * down + cols * right) / np.maximum(down**2 + right**2, np.float32(1e-6))
    t = np.clip(along, 0, 1).astype(np.float32, copy=False)
    away2 = (rows - t * down) ** 2 + (cols - t * right) ** 2
    radius, height = _between(radii, t), _between(values, t)
    if tube:
        soft = np.maximum(radius, 0.6)
        profile = np.sqrt(np.maximum(1 - away2 / (soft + 0.4) ** 2, 0)) * np.minimum(radius / 0.6, 1)
    else:
        profile = np.exp(-0.5 * away2 / radius**2)
    box = canvas[low[0] : high[0], low[1] : high[1]]
    np.maximum(box, (profile * height).max(axis=0), out=box)


def _between(knots: F64, t: F32) -> F32:
    """Values at shares `t` (segments, h, w) between the ends of each segment; constant ones are not spread out."""
    first = knots.astype(np.float32)[:-1, None, None]
    rise = np.diff(knots).astype(np.float32)[:, None, None]
    return first + t * rise if rise.any() else first


def walk(
    rng: np.random.Generator, start: tuple[float, float], heading: float, length: float, bend: float, steps: int = 8
) -> F64:
    """(steps + 1, 2) smooth random path of rows and columns.

    Parameters
    ----------
    start
        (row, column), pixels.
    heading
        Radians from the direction of growing columns towards growing rows.
    length
        Pixels.
    bend
        Standard deviation of the whole path's turn, radians; half of it is one steady curve.
    """
    steady = rng.normal(0, bend) / steps
    turns = steady + rng.normal(0, bend * 0.4, steps) / np.sqrt(steps)
    headings = heading + np.cumsum(turns)
    moves = np.stack([np.sin(headings), np.cos(headings)], axis=1) * (length / steps)
    return np.concatenate([np.zeros((1, 2)), np.cumsum(moves, axis=0)]) + np.asarray(start)


def bow(start: F64, goal: F64, rng: np.random.Generator, bend: float, steps: int = 32) -> F64:
    """(steps + 1, 2) smooth path between two points: a cubic Bezier curve.

    Its inner knots lie up to `bend` times the distance beside the straight line.
    """
    way = goal - start
    beside = np.array([-way[1], way[0]])
    knots = [start, *(start + way * t + beside * rng.uniform(-bend, bend) for t in (0.33, 0.67)), goal]
    t = np.linspace(0, 1, steps + 1)[:, None]
    weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
    out: F64 = sum((w * k for w, k in zip(weights, knots, strict=True)), np.zeros((steps + 1, 2)))
    return out


def tree(
    rng: np.random.Generator,
    start: tuple[float, float],
    heading: float,
    length: float,
    radius: float,
    depth: int,
    spread: float = 0.45,
) -> list[tuple[F64, F64]]:
    """Branching tubes: (points, radii) of each branch, tapering by about 0.72 a generation (Murray's law: 0.79)."""
    if depth == 0:
        return []
    path = walk(rng, start, heading, length, 0.45, 5)
    tip = radius * 0.75
    branches = [(path, np.linspace(radius, tip, len(path)))]
    last = path[-1] - path[-2]
    onward = float(np.arctan2(last[0], last[1]))
    for sign in (-1, 1):
        turn = sign * rng.uniform(0.4, 1.3) * spread
        branches += tree(
            rng, (float(path[-1, 0]), float(path[-1, 1])), onward + turn, length * rng.uniform(0.6, 0.95),
            tip * rng.uniform(0.8, 1.0), depth - 1, spread,
        )  # fmt: skip
    return branches
