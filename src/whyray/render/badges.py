"""Where the numbers go: beside their regions, inside none of them, with a short leader.

All searching happens on a grid of square cells over the page block; a bool grid is (rows, cols) of cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whyray.render.contour import Path, resampled
from whyray.render.plane import Mask, Patch
from whyray.render.theme import BadgeStyle

_CHOICES = 64
_BOX_CHOICES = 400
_SAMPLES = 32
_OUTWARD = 0.05  # cells of leader that one cell farther from the middle of the page is worth
_PAIR = 2
_ASKEW = 6.0  # cells of distance that standing on the wrong side is worth
_EDGE = 2.0  # pixels between a badge and the end of the page
Cells = NDArray[np.int64]
Rect = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Badge:
    """A placed number or id: centre and the end of its leader, in page pixels."""

    label: int | str
    center: tuple[float, float]
    tip: tuple[float, float]


class BadgeBoard:
    """Places badges one after the other.

    Parameters
    ----------
    width, height
        Page block in pixels.
    radius
        Badge radius in pixels.
    style
        Gaps, cell size and the cost of a leader that crosses foreign regions.
    unit
        Factor on the style's lengths.
    """

    def __init__(self, width: int, height: int, radius: float, style: BadgeStyle, unit: float = 1.0) -> None:
        self.cell = max(1, round(style.cell * unit))
        self._radius = radius
        self._reach = (radius + style.gap * unit) / self.cell
        self._crossing = style.crossing
        shape = (-(-height // self.cell), -(-width // self.cell))
        self._taken = np.zeros(shape, dtype=np.bool_)
        self._regions = np.zeros(shape, dtype=np.bool_)
        self._marks = np.zeros(shape, dtype=np.bool_)
        ys, xs = np.indices(shape)
        centers_y, centers_x = (ys + 0.5) * self.cell, (xs + 0.5) * self.cell
        edge = radius + _EDGE
        self._on_page = (centers_x > edge) & (centers_x < width - edge)
        self._on_page &= (centers_y > edge) & (centers_y < height - edge)
        self._outward = -_OUTWARD * np.hypot(xs - shape[1] / 2, ys - shape[0] / 2)

    def grid(self, cover: Patch | None = None, path: Path | None = None) -> Mask:
        """Cells touched by a coverage patch or by a polyline."""
        cells = np.zeros(self._taken.shape, dtype=np.bool_)
        if cover is not None:
            ys, xs = np.nonzero(cover.values > 0)
            self._set(cells, xs + cover.x, ys + cover.y)
        if path is not None:
            points = resampled(path, self.cell / 2)
            self._set(cells, points[:, 0], points[:, 1])
        return cells

    def _set(self, cells: Mask, xs: NDArray[np.generic], ys: NDArray[np.generic]) -> None:
        columns, rows = (xs // self.cell).astype(int), (ys // self.cell).astype(int)
        inside = (rows >= 0) & (columns >= 0) & (rows < cells.shape[0]) & (columns < cells.shape[1])
        cells[rows[inside], columns[inside]] = True

    def occupy(self, cells: Mask, region: bool = True) -> None:
        """No badge may touch `cells`; leaders avoid them too when they are a region."""
        self._taken |= cells
        if region:
            self._regions |= cells
        else:
            self._marks |= cells

    def occupy_box(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """No badge may touch this page rectangle."""
        c = self.cell
        self._taken[max(0, int(y0 // c)) : int(-(-y1 // c)), max(0, int(x0 // c)) : int(-(-x1 // c))] = True

    def place(self, label: int | str, own: Mask) -> Badge | None:
        """Take the cheapest free place beside the cells `own`; None when there is no free place left."""
        from scipy.ndimage import distance_transform_edt

        free = self._on_page & self._clear(int(self._reach + 1.0))
        ys, xs = np.nonzero(free)
        if ys.size == 0 or not own.any():
            return None
        away, nearest = distance_transform_edt(~own, return_indices=True)
        cost = away[ys, xs] + self._outward[ys, xs]
        order = np.argpartition(cost, min(_CHOICES, cost.size) - 1)[:_CHOICES]
        ys, xs, cost = ys[order], xs[order], cost[order]
        tips_y, tips_x = nearest[0, ys, xs], nearest[1, ys, xs]
        crossed = _crossed(xs, ys, tips_x, tips_y, self._regions & ~own)
        best = int(np.argmin(cost + self._crossing * crossed))
        badge = Badge(label, self._page(xs[best], ys[best]), self._page(tips_x[best], tips_y[best]))
        self._take(badge)
        return badge

    def _clear(self, reach: int) -> Mask:
        """Cells with nothing taken within `reach` cells in each direction."""
        side = 2 * reach + 1
        taken = np.pad(self._taken, reach).astype(np.int32).cumsum(axis=0).cumsum(axis=1)
        sums = np.pad(taken, ((1, 0), (1, 0)))
        return np.asarray(sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side] == 0)

    def place_box(
        self, width: float, height: float, at: Sequence[tuple[float, float]],
        toward: tuple[float, float] | None = None, crossing: float = 1.0,
    ) -> tuple[Rect, tuple[float, float]] | None:  # fmt: skip
        """Take the cheapest free rectangle near one of the points `at`, preferably in the direction `toward` from it.

        `crossing` is the cost of one cell of leader over a region; over lines and other words it is half of that.

        Returns
        -------
        ((x0, y0, x1, y1), point) in page pixels, or None when there is no free place left.
        """
        c = self.cell
        high, wide = int(-(-height // c)) + 1, int(-(-width // c)) + 1
        sums = np.pad(self._taken.cumsum(axis=0, dtype=np.int32).cumsum(axis=1, dtype=np.int32), ((1, 0), (1, 0)))
        if sums.shape[0] <= high or sums.shape[1] <= wide:
            return None
        counts = sums[high:, wide:] - sums[:-high, wide:] - sums[high:, :-wide] + sums[:-high, :-wide]
        ys, xs = np.nonzero(counts == 0)
        if ys.size == 0:
            return None
        mid_x, mid_y = (xs + wide / 2) * c, (ys + high / 2) * c
        points = np.asarray(at, dtype=np.float64)
        dx, dy = mid_x - points[:, :1], mid_y - points[:, 1:]
        costs = np.hypot(np.maximum(np.abs(dx) - width / 2, 0), np.maximum(np.abs(dy) - height / 2, 0)) / c
        if toward is not None:
            length = max(float(np.hypot(*toward)), 1e-6)
            along = (dx * toward[0] + dy * toward[1]) / (length * np.maximum(np.hypot(dx, dy), 1e-6))
            costs += _ASKEW * (1.0 - along)
        chosen, cost = costs.argmin(axis=0), costs.min(axis=0)
        order = np.argpartition(cost, min(_BOX_CHOICES, cost.size) - 1)[:_BOX_CHOICES]
        ends = np.clip(points // c, 0, np.asarray(self._taken.shape[::-1]) - 1).astype(np.int64)[chosen[order]]
        near = (mid_x[order] // c).astype(np.int64), (mid_y[order] // c).astype(np.int64)
        crossed = _crossed(*near, ends[:, 0], ends[:, 1], self._regions)
        crossed += 0.5 * _crossed(*near, ends[:, 0], ends[:, 1], self._marks)
        best = order[int(np.argmin(cost[order] + crossing * crossed))]
        x0, y0 = float(mid_x[best] - width / 2), float(mid_y[best] - height / 2)
        self.occupy_box(x0, y0, x0 + width, y0 + height)
        self._marks[int(y0 // c) : int((y0 + height) // c) + 1, int(x0 // c) : int((x0 + width) // c) + 1] = True
        return (x0, y0, x0 + width, y0 + height), at[int(chosen[best])]

    def _take(self, badge: Badge) -> None:
        """Keep later badges off this one and off its leader."""
        self._taken |= self.grid(path=np.asarray([badge.center, badge.tip], dtype=np.float32))
        x, y = badge.center
        r = self._radius
        self.occupy_box(x - r, y - r, x + r, y + r)

    def _page(self, x: int, y: int) -> tuple[float, float]:
        return (float(x) + 0.5) * self.cell, (float(y) + 0.5) * self.cell


def _crossed(x0: Cells, y0: Cells, x1: Cells, y1: Cells, foreign: Mask) -> NDArray[np.float64]:
    """Length in cells of each straight leader inside foreign regions."""
    xs = np.rint(np.linspace(x0, x1, _SAMPLES)).astype(int)
    ys = np.rint(np.linspace(y0, y1, _SAMPLES)).astype(int)
    return np.asarray(foreign[ys, xs].mean(axis=0) * np.hypot(x1 - x0, y1 - y0))


def parts(cells: Mask, smallest_share: float) -> list[Mask]:
    """Choose what gets a number: both of two comparable parts (left and right), else the largest one.

    More than two comparable parts are one group (septal lines), numbered once.
    """
    from scipy.ndimage import label

    labels, count = label(cells, structure=np.ones((3, 3)))
    if count <= 1:
        return [cells]
    areas = np.bincount(labels.ravel())[1:]
    large = np.flatnonzero(areas >= smallest_share * areas.max()) + 1
    if large.size != _PAIR:
        return [labels == int(np.argmax(areas)) + 1]
    return [labels == index for index in large]


def meet(badge: Badge, cover: Patch, clearance: float) -> tuple[float, float]:
    """Point where the leader reaches the outline, `clearance` pixels before the covered pixels."""
    (x0, y0), (x1, y1) = badge.center, badge.tip
    length = max(float(np.hypot(x1 - x0, y1 - y0)), 1e-6)
    along = np.arange(0.0, length + 1.0, 0.5)
    xs = x0 + (x1 - x0) * along / length
    ys = y0 + (y1 - y0) * along / length
    columns, rows = (xs - cover.x).astype(int), (ys - cover.y).astype(int)
    height, width = cover.values.shape
    inside = (columns >= 0) & (rows >= 0) & (columns < width) & (rows < height)
    hit = inside.copy()
    hit[inside] = cover.values[rows[inside], columns[inside]] > 0
    stop = along[int(np.argmax(hit))] if hit.any() else length
    share = max(0.0, stop - clearance) / length
    return x0 + (x1 - x0) * share, y0 + (y1 - y0) * share
