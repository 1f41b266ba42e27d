"""The chart: one film as figures are taken from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Image, Line, Measurement, Observations, Region
from whyray.perception.grid import row_edges
from whyray.perception.space import STRUCTURE_CELLS

F64 = NDArray[np.float64]
T = TypeVar("T")

EDGE_CELLS = 1.5  # standard deviation of a lung edge in cells of the anatomy map, from projections with exact masks
TYPICAL_WIDTH_MM = 285.0  # inner width of an adult chest: scales filters on films without spacing


class Unseen(Exception):
    """What a figure needs does not show on the film; the argument is the reason, a word of the templates."""

    @property
    def reason(self) -> str:
        """The word."""
        return str(self.args[0])


@dataclass(frozen=True, eq=False)
class Chart:
    """A film with the outlines of its structures on source pixels.

    Attributes
    ----------
    regions
        Structure id -> region, of the structures that can be seen.
    zones
        Zone id -> region.
    settings
        The pack's numbers.
    mask
        Region of the sign that is measured; None for figures of the whole film.
    memo
        What several figures need is worked out once.
    """

    image: Image
    regions: Mapping[str, Region]
    zones: Mapping[str, Region]
    settings: Mapping[str, float] = field(default_factory=dict)
    mask: Region | None = None
    memo: dict[tuple[Any, ...], Any] = field(default_factory=dict)

    @staticmethod
    def of(image: Image, observations: Observations, settings: Mapping[str, float]) -> Chart:
        """The chart of a film that was looked at."""
        seen = {s.id: s.region for s in observations.structures if s.region is not None}
        return Chart(image, seen, observations.zones, settings)

    @property
    def cell(self) -> float:
        """Source pixels along one cell of the anatomy map."""
        return max(self.image.geometry.rows, self.image.geometry.cols) / STRUCTURE_CELLS

    @property
    def edge(self) -> float:
        """Standard deviation of a structure's edge in source pixels."""
        return EDGE_CELLS * self.cell

    def region(self, structure: str) -> Region:
        """Outline of a structure.

        Raises
        ------
        Unseen
            When it does not show.
        """
        found = self.regions.get(structure)
        if found is None:
            raise Unseen("structure_not_visible")
        return found

    def marked(self) -> Region:
        """The mask that is measured; raises `Unseen` without one."""
        if self.mask is None:
            raise Unseen("no_mask")
        return self.mask

    def once(self, key: tuple[Any, ...], make: Callable[[], T]) -> T:
        """`make()`, worked out once for `key`."""
        if key not in self.memo:
            self.memo[key] = make()
        found: T = self.memo[key]
        return found

    def sides(self, structure: str) -> F64:
        """First and last-plus-one column of each row of a structure, (rows, 2); NaN where the row is empty."""
        return self.once(("sides", structure), lambda: _extent(self.region(structure), 1))

    def ends(self, structure: str) -> F64:
        """First and last-plus-one row of each column of a structure, (cols, 2); NaN where the column is empty."""
        return self.once(("ends", structure), lambda: _extent(self.region(structure), 0))

    def width(self, right: str, left: str) -> tuple[float, Line]:
        """Greatest inner width of the chest in pixels, with its line."""
        widths = self.sides(left)[:, 1] - self.sides(right)[:, 0]
        if not np.isfinite(widths).any() or not np.nanmax(widths) > 0:
            raise Unseen("structure_not_visible")
        y = int(np.nanargmax(widths))
        line = Line((float(self.sides(right)[y, 0]), float(y)), (float(self.sides(left)[y, 1]), float(y)))
        return float(widths[y]), line

    def pixel_mm(self, right: str, left: str) -> float:
        """Millimetres of a source pixel; as if the chest had a typical width on a film without spacing."""
        spacing = self.image.geometry.spacing_mm
        if spacing is not None:
            return float(np.sqrt(spacing[0] * spacing[1]))
        return TYPICAL_WIDTH_MM / self.width(right, left)[0]

    def length(
        self, name: str, line: Line, sigma_px: float, params: Mapping[str, Any], more: tuple[Line, ...] = ()
    ) -> Measurement:
        """Length of a line in mm or px, over the inner width of the chest where ``params`` say ``over: thorax``.

        Parameters
        ----------
        sigma_px
            Its standard deviation in source pixels.
        more
            Lines that are drawn with it.
        """
        dx, dy = line.end[0] - line.start[0], line.end[1] - line.start[1]
        if params.get("over") != "thorax":
            value, unit = self.image.geometry.distance(dx, dy)
            return Measurement(name, value, unit, self.told(sigma_px), (line, *more))
        whole, across = self.width(params["right"], params["left"])
        ratio = float(np.hypot(dx, dy)) / whole
        sigma = float(np.hypot(sigma_px, ratio * np.sqrt(2.0) * self.edge)) / whole
        return Measurement(name, ratio, "ratio", sigma, (line, *more, across))

    def told(self, px: float) -> float:
        """Pixels, the same in both directions, in the unit that lengths are told in."""
        spacing = self.image.geometry.spacing_mm
        return px if spacing is None else px * float(np.mean(spacing))


def _extent(region: Region, axis: int) -> F64:
    """First and last-plus-one index along `axis` of each line across it."""
    crop = region.crop if axis == 1 else np.ascontiguousarray(region.crop.T)
    along, across = (region.bbox[0], region.bbox[1]) if axis == 1 else (region.bbox[1], region.bbox[0])
    edges = np.full((region.rows if axis == 1 else region.cols, 2), np.nan)
    edges[across : across + crop.shape[0]] = along + row_edges(crop)
    return edges


def between_lungs(lungs: Sequence[Region]) -> float:
    """Column half way between the lungs' centroids, in source pixels."""
    return float(np.mean([lung.centroid[0] for lung in lungs]))
