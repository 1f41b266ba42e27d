"""Where a region lies: distances, contact and connection to structures, lines of the anatomy and other regions.

Everything is measured on the film, that is in projection: depth is not seen. Lengths are in mm when the film has a
spacing, else in pixels with the share of the chest's inner width.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Contact, Image, Line, Measurement, Observations, Pack, Region, Relation
from whyray.perception.detectors.cardiothoracic import thorax_extent
from whyray.perception.path import connected
from whyray.perception.places import Place, edge_points, find_place, nearest
from whyray.perception.scene import lung_ids

F64 = NDArray[np.float64]

STRUCTURE_CELLS = 160  # cells of the anatomy map along the longer side of the film
INSIDE = 0.95  # part of a region that lies in the other one from which it counts as inside
TOUCHING_CELLS = 0.5  # gap in cells of the anatomy map: a smaller one cannot be told from contact


def relate(
    image: Image, region: Region, observations: Observations, pack: Pack, to: str | Region, name: str
) -> Relation | None:
    """How `region` lies to a place.

    Parameters
    ----------
    region
        A lesion.
    to
        Structure id (its landmark, if it is one) or zone id of the pack, or another region of the same film.
    name
        What the relation calls the place.

    Returns
    -------
    Relation
        None when the place cannot be seen.
    """
    place = Place(edge_points(to), to) if isinstance(to, Region) else find_place(observations, pack, to, region)
    if place is None:
        return None
    geometry = image.geometry
    cell = max(geometry.rows, geometry.cols) / STRUCTURE_CELLS
    shared = region.overlap_px(place.region) if place.region is not None else 0
    start, end = nearest(edge_points(region), place.points)
    apart = float(np.hypot(*(end - start)))
    crosses = shared > 0 or (place.region is None and _crosses(region, place.points))
    centre = np.array(region.centroid)
    goal = np.array(place.region.centroid) if place.region is not None else nearest(centre[None], place.points)[1]
    sure = _told(image, cell)
    if crosses:
        edge = Measurement("edge_distance", 0.0, geometry.distance(0, 0)[1], sure)
    else:
        edge = _between(image, "edge_distance", start, end, sure)
    share = shared / region.area_px
    contact = _contact(place, region, shared, crosses, apart, cell)
    joined = True if contact != "apart" else connected(image, region, place.points, place.region, observations, pack)
    return Relation(
        to=name,
        edge=edge,
        centre=_between(image, "centre_distance", centre, goal, sure),
        across=_across(observations, pack, 0.0 if crosses else apart),
        contact=contact,
        overlap=share,
        connected=joined,
    )


def relations(
    image: Image,
    region: Region,
    observations: Observations,
    pack: Pack,
    places: Sequence[str] = (),
    others: Iterable[tuple[Region, str]] = (),
) -> tuple[Relation, ...]:
    """Relations of a region to named places and to other regions; places that cannot be seen are left out.

    Without any of them: to the pack's reference structures. Where both sides of a paired structure are meant, the
    nearer one is told.
    """
    others = tuple(others)
    wanted = tuple(dict.fromkeys(places))
    if not wanted and not others:
        wanted = tuple(s.id for s in pack.structures if s.reference)
    found = {i: r for i in wanted if (r := relate(image, region, observations, pack, i, i)) is not None}
    nearer = [r for i, r in found.items() if not _farther(found, i, _twin(pack, i))]
    rest = (relate(image, region, observations, pack, other, name) for other, name in others)
    return (*nearer, *(r for r in rest if r is not None))


def _crosses(region: Region, points: F64) -> bool:
    """Whether one of the points lies in the region."""
    x0, y0, x1, y1 = region.bbox
    at = np.rint(points).astype(np.intp)
    near = at[(at[:, 0] >= x0) & (at[:, 0] < x1) & (at[:, 1] >= y0) & (at[:, 1] < y1)]
    return bool(region.crop[near[:, 1] - y0, near[:, 0] - x0].any())


def _contact(place: Place, region: Region, shared: int, crosses: bool, apart: float, cell: float) -> Contact:
    if place.region is None:
        return "overlapping" if crosses else "touching" if apart <= TOUCHING_CELLS * cell else "apart"
    if shared >= INSIDE * region.area_px:
        return "inside"
    if shared >= INSIDE * place.region.area_px:
        return "around"
    if shared:
        return "overlapping"
    return "touching" if apart <= TOUCHING_CELLS * cell else "apart"


def _between(image: Image, name: str, start: F64, end: F64, sure: float) -> Measurement:
    value, unit = image.geometry.distance(float(end[0] - start[0]), float(end[1] - start[1]))
    line = Line((float(start[0]), float(start[1])), (float(end[0]), float(end[1])))
    return Measurement(name, value, unit, sure, (line,))


def _told(image: Image, px: float) -> float:
    """Pixels, the same in both directions, in the unit that lengths are told in."""
    spacing = image.geometry.spacing_mm
    return px if spacing is None else px * float(np.mean(spacing))


def _across(observations: Observations, pack: Pack, apart: float) -> Measurement | None:
    """A distance over the greatest inner width of the chest."""
    lungs = [s.region for i in lung_ids(pack) if (s := observations.structure(i)) is not None and s.region is not None]
    extent = thorax_extent(lungs[0], lungs[1]) if len(lungs) == 2 else None
    if extent is None:
        return None
    return Measurement("across", apart / (extent[2] - extent[1]), "ratio")


def _farther(found: Mapping[str, Relation], place: str, twin: str | None) -> bool:
    """Whether the place's twin of the other side is there and nearer."""
    return twin is not None and twin in found and found[place].centre.value > found[twin].centre.value


def _twin(pack: Pack, structure: str) -> str | None:
    """Id of the structure with the same name on the other side."""
    definition = pack.structure(structure)
    if definition is None or definition.side is None:
        return None
    other = "left" if definition.side == "right" else "right"
    twin = structure.replace(definition.side, other)
    return twin if pack.structure(twin) is not None else None
