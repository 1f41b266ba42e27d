"""Outlines with fewer points."""

from __future__ import annotations

import numpy as np

from whyray.render.contour import Path

_ENDS = 2


def simplified(path: Path, tolerance: float) -> Path:
    """Return a polyline that is nowhere farther than `tolerance` from `path` (Ramer 1972; Douglas and Peucker 1973).

    Parameters
    ----------
    path
        float (n, 2); a closed line keeps its first point, equal to its last.
    tolerance
        In the unit of the points.
    """
    if len(path) <= _ENDS:
        return path
    keep = np.zeros(len(path), dtype=np.bool_)
    closed = bool((path[0] == path[-1]).all())
    middle = int(np.argmax(np.hypot(*(path - path[0]).T))) if closed else len(path) - 1
    keep[[0, middle, len(path) - 1]] = True
    waiting = [(0, middle), (middle, len(path) - 1)]
    while waiting:
        first, last = waiting.pop()
        if last - first < _ENDS:
            continue
        along = path[last] - path[first]
        away = path[first + 1 : last] - path[first]
        length = float(np.hypot(*along))
        distances = np.hypot(*away.T) if length == 0 else np.abs(away[:, 0] * along[1] - away[:, 1] * along[0]) / length
        farthest = int(np.argmax(distances))
        if float(distances[farthest]) > tolerance:
            keep[first + 1 + farthest] = True
            waiting += [(first, first + 1 + farthest), (first + 1 + farthest, last)]
    return path[keep]
