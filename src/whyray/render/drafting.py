"""Where measured lines and point signs run on the page, so that none lies on the lesion that it measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Line
from whyray.render.contour import Path, dashes, resampled
from whyray.render.ink import Point
from whyray.render.layer import Ruler
from whyray.render.plane import Patch, Plane
from whyray.render.theme import RulerStyle

_SIDES = 5  # signs round marks: circle, triangle, square, diamond, pentagon
_TURN = np.arange(0.0, 2 * np.pi + 0.1, np.pi / 12)
_APART = 12.0  # pixels between two lines that would run into each other
_CROSS = ((1, 0), (-1, 0), (0, 1), (0, -1))
_ALONG = (0.5, 0.35, 0.65, 0.2, 0.8)
_SHORT = 3.0  # a shorter line is a point


@dataclass(frozen=True, eq=False, slots=True)
class Draft:
    """A ruler on the page.

    Attributes
    ----------
    strokes
        Polylines to draw.
    extents
        Polylines that stand for the ruler when other things keep off it.
    at, toward
        The points that its words may stand at, and the direction in which they had best stand (None: any).
    """

    strokes: list[Path]
    extents: list[Path]
    at: tuple[Point, ...]
    toward: Point | None = None


def segment(line: Line, plane: Plane) -> Path:
    """Return a source line on the page, float32 (2, 2)."""
    return np.asarray([plane.point(*line.start), plane.point(*line.end)], dtype=np.float32)


def draft(
    ruler: Ruler, plane: Plane, style: RulerStyle, unit: float,
    covers: Sequence[Patch], beside: Sequence[Path], keep: Sequence[Path],
) -> Draft:  # fmt: skip
    """Lay out one ruler.

    Parameters
    ----------
    covers
        Regions that no stroke may cross.
    beside
        Lines already laid out that a line between centres keeps off.
    keep
        Paths that the line beside a lesion keeps off.
    """
    line = segment(ruler.line, plane)
    if float(np.hypot(*(line[1] - line[0]))) < _SHORT * unit:
        ring = circle(_middle(line), style.ring * unit)
        return Draft([ring], [ring], (_middle(line),))
    if ruler.ends == "diameter":
        return _diameter(line, style, unit, covers, keep)
    if ruler.ends == "centre":
        return _centre(line, style, unit, covers, beside)
    caps = caps_of(line, style.tick * unit) if ruler.ends == "edge" else []
    return Draft([line, *caps], [line, *caps], _points(line))


def caps_of(line: Path, half: float) -> list[Path]:
    """Return the two strokes across the ends of a measured segment."""
    normal = _normal(line) * half
    return [np.stack((end - normal, end + normal)) for end in line]


def circle(center: Point, radius: float) -> Path:
    """Return a closed circle."""
    xs, ys = center[0] + radius * np.cos(_TURN), center[1] + radius * np.sin(_TURN)
    return np.stack((xs, ys), axis=1).astype(np.float32)


def sign_path(center: Point, half: float, kind: int) -> Path:
    """Return the hollow sign number `kind` round a point: circle, triangle, square, diamond, pentagon."""
    corners, start = {0: (24, 0.0), 1: (3, -0.5), 2: (4, 0.25), 3: (4, 0.0), 4: (5, -0.5)}[kind % _SIDES]
    reach = half * (1.0 if corners > _SIDES else 1.35)
    angles = np.pi * (start + 2.0 * np.arange(corners + 1) / corners)
    xs, ys = center[0] + reach * np.cos(angles), center[1] + reach * np.sin(angles)
    return np.stack((xs, ys), axis=1).astype(np.float32)


def reticle(center: Point, half: float) -> list[Path]:
    """Return a cross with an open middle and a ring: a point that the user set."""
    x, y = center
    inner = half * 0.45
    arms = [((x + dx * inner, y + dy * inner), (x + dx * half, y + dy * half)) for dx, dy in _CROSS]
    return [circle(center, half * 0.7), *(np.asarray(arm, dtype=np.float32) for arm in arms)]


def box_path(patch_box: tuple[float, float, float, float]) -> Path:
    """Return the closed outline of (x0, y0, x1, y1)."""
    x0, y0, x1, y1 = patch_box
    return np.asarray([(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)], dtype=np.float32)


def covered(covers: Sequence[Patch], points: Path) -> NDArray[np.bool_]:
    """Tell for page points (n, 2) whether any region covers them."""
    hit = np.zeros(len(points), dtype=np.bool_)
    for patch in covers:
        xs, ys = np.floor(points[:, 0]).astype(int) - patch.x, np.floor(points[:, 1]).astype(int) - patch.y
        height, width = patch.values.shape
        inside = (xs >= 0) & (ys >= 0) & (xs < width) & (ys < height)
        hit[inside] |= patch.values[ys[inside], xs[inside]] > 0
    return hit


def outside(line: Path, covers: Sequence[Patch], clear: float) -> list[Path]:
    """Return the parts of a straight segment that lie outside all regions, `clear` pixels from their edges."""
    length = float(np.hypot(*(line[1] - line[0])))
    steps = np.linspace(0.0, 1.0, max(2, int(length) + 1))[:, None]
    points = (line[0] + (line[1] - line[0]) * steps).astype(np.float32)
    free = ~covered(covers, points)
    bounds = np.flatnonzero(np.diff(np.concatenate(([0], free.astype(np.int8), [0]))))
    trim = round(clear * (len(points) - 1) / max(length, 1.0))
    pieces: list[Path] = []
    for start, end in zip(bounds[::2], bounds[1::2], strict=True):
        first = start + (trim if start > 0 else 0)
        last = end - 1 - (trim if end < len(points) else 0)
        if last - first >= trim:
            pieces.append(points[[first, last]])
    return pieces


def _middle(line: Path) -> Point:
    x, y = line.mean(axis=0)
    return float(x), float(y)


def _points(line: Path) -> tuple[Point, ...]:
    """Return points along a line at which its words may stand: the middle and those towards its ends."""
    steps = (line[0] + (line[-1] - line[0]) * part for part in _ALONG)
    return tuple((float(x), float(y)) for x, y in steps)


def _normal(line: Path) -> NDArray[np.float32]:
    along = line[1] - line[0]
    length = max(float(np.hypot(*along)), 1e-6)
    return np.asarray([-along[1], along[0]], dtype=np.float32) / length


def _diameter(line: Path, style: RulerStyle, unit: float, covers: Sequence[Patch], keep: Sequence[Path]) -> Draft:
    """Beside the lesion, with a thin line from each end of the diameter, as on a technical drawing."""
    shift = _clear_shift(line, style.offset * unit, covers, keep)
    moved = (line + shift).astype(np.float32)
    tick = style.tick * unit
    over = shift / max(float(np.hypot(*shift)), 1e-6) * tick
    leads = [np.stack((start, end + over)).astype(np.float32) for start, end in zip(line, moved, strict=True)]
    shown = [piece for lead in leads for piece in outside(lead, covers, style.gap * unit)]
    toward = float(shift[0]), float(shift[1])
    return Draft([moved, *caps_of(moved, tick), *shown], [moved, *shown], _points(moved), toward)


def _clear_shift(line: Path, offset: float, covers: Sequence[Patch], keep: Sequence[Path]) -> NDArray[np.float32]:
    """Return the shortest sideways move after which the line is `offset` pixels off every region and path."""
    normal = _normal(line)
    longest = float(np.hypot(*(line[1] - line[0])))
    points = line[0] + (line[1] - line[0]) * np.linspace(0.0, 1.0, 48)[:, None]
    others = np.concatenate([resampled(path, offset / 2) for path in keep]) if keep else np.zeros((0, 2))
    for away in np.arange(0.0, 1.2 * longest + 4 * offset, 2.0):
        for side in (1.0, -1.0):
            moved = (points + normal * side * away).astype(np.float32)
            shown = moved + normal * side * offset
            if not covered(covers, moved).any() and not _near(shown, others, 0.75 * offset):
                return np.asarray(normal * side * (away + offset), dtype=np.float32)
    return normal * offset


def _near(points: Path, others: NDArray[np.floating], reach: float) -> bool:
    if not len(others):
        return False
    steps = points[:, None, :] - others[None, :, :]
    return bool((np.hypot(steps[..., 0], steps[..., 1]) < reach).any())


def _centre(line: Path, style: RulerStyle, unit: float, covers: Sequence[Patch], beside: Sequence[Path]) -> Draft:
    """Dashed between two rings; moved sideways when another line runs the same way."""
    rings = [circle((float(x), float(y)), style.ring * unit) for x, y in line]
    moved, leads, toward = line, list[Path](), None
    if any(_close(line, other, _APART * unit) for other in beside):
        shift = _normal(line) * _APART * 1.5 * unit
        moved, toward = (line + shift).astype(np.float32), (float(shift[0]), float(shift[1]))
        leads = [np.stack((a, b)).astype(np.float32) for a, b in zip(line, moved, strict=True)]
    whole = outside(moved, covers, style.gap * unit) or [moved]
    leads = [piece for lead in leads for piece in outside(lead, covers, style.gap * unit)]
    pieces = [piece for path in whole for piece in dashes(path, style.dash, unit)]
    return Draft([*pieces, *leads, *rings], [*whole, *leads, *rings], _points(max(whole, key=_length)), toward)


def _length(line: Path) -> float:
    return float(np.hypot(*(line[-1] - line[0])))


def _close(line: Path, other: Path, apart: float) -> bool:
    """Tell whether the middle of `other` lies next to the straight line through `line`, running the same way."""
    normal = _normal(line)
    middle = other.mean(axis=0) - line[0]
    same_way = abs(float(_normal(other) @ normal)) > np.cos(np.pi / 9)
    return same_way and abs(float(middle @ normal)) < apart
