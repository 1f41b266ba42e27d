"""The pack's figures, taken from one film."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from whyray.domain import Figure, FigureDefinition, Image, Measurement, Observations, Pack, SignObservation
from whyray.perception.measuring import hila, lungs, marks, mediastinum, septal, strokes, vessels
from whyray.perception.measuring.chart import Chart, Unseen, between_lungs
from whyray.perception.scene import lung_ids
from whyray.perception.zones import MIN_SHARE

Kind = Callable[[Chart, str, Mapping[str, Any]], Iterator[Measurement]]

OF_FILM: Mapping[str, Kind] = {
    "costophrenic_angle": lungs.costophrenic_angle,
    "height_ratio": lungs.height_ratio,
    "hilum_ratio": hila.hilum_ratio,
    "hilum_width": hila.hilum_width,
    "line_count": septal.line_count,
    "line_length": septal.line_length,
    "lung_height": lungs.lung_height,
    "trachea_offset": mediastinum.trachea_offset,
    "vascular_pedicle": mediastinum.vascular_pedicle,
    "vessel_ratio": vessels.vessel_ratio,
}
OF_MASK: Mapping[str, Kind] = {
    "apical_depth": marks.apical_depth,
    "lateral_depth": marks.lateral_depth,
    "long_diameters": marks.long_diameters,
    "lung_share": marks.lung_share,
    "mask_line_count": strokes.mask_line_count,
    "mask_line_length": strokes.mask_line_length,
    "mask_symmetry": marks.symmetry,
    "part_count": marks.part_count,
    "right_share": marks.right_share,
    "short_diameters": marks.short_diameters,
    "zone_share": marks.zone_share,
}
MEASURING: Mapping[str, Kind] = {**OF_FILM, **OF_MASK}


def measure(image: Image, observations: Observations, pack: Pack, ids: Iterable[str]) -> tuple[Figure, ...]:
    """Figures of one film, each with its reason where it cannot be taken.

    Parameters
    ----------
    ids
        Keys of ``pack.figures``. A figure of masks is taken from every sign of its definition that is seen, one of
        the film with ``unmarked: true`` among its parameters only where none of them is.

    Returns
    -------
    tuple of Figure
        In the order of `ids`.
    """
    chart = Chart.of(image, observations, pack.settings)
    return tuple(_figure(chart, observations, i, pack.figures[i]) for i in ids)


def attached(image: Image, observations: Observations, pack: Pack) -> tuple[SignObservation, ...]:
    """The signs with the figures that speak for them; those that take filters are left for the asking.

    A marked sign has no figure of a side on which nothing of it lies.
    """
    chart = Chart.of(image, observations, pack.settings)
    own: dict[str, list[tuple[str, FigureDefinition]]] = {}
    for figure_id, definition in pack.figures.items():
        for sign in () if definition.deferred else definition.signs:
            own.setdefault(sign, []).append((figure_id, definition))
    found = []
    for observed in observations.signs:
        sides = _sides(observed, observations, pack)
        figures = [(i, d) for i, d in own.get(observed.id, ()) if not sides or d.params.get("side") in {None, *sides}]
        found.append(_with(chart, observed, figures))
    return tuple(found)


def _sides(observed: SignObservation, observations: Observations, pack: Pack) -> set[str]:
    """Sides of the middle between the lungs that hold a tenth of a mark or more; empty where that is not known.

    Zones do not tell it: a part that the lung's outline leaves out lies in none.
    """
    lungs = [s.region for i in lung_ids(pack) if (s := observations.structure(i)) is not None and s.region is not None]
    if observed.region is None or len(lungs) < 2:
        return set()
    columns = observed.region.crop.sum(axis=0)
    right = columns[: max(round(between_lungs(lungs)) - observed.region.bbox[0], 0)].sum() / columns.sum()
    return {side for side, share in (("right", right), ("left", 1 - right)) if share >= MIN_SHARE}


def _with(chart: Chart, observed: SignObservation, figures: Iterable[tuple[str, FigureDefinition]]) -> SignObservation:
    if not observed.ran or not figures:
        return observed
    more: list[Measurement] = []
    for figure_id, definition in figures:
        if definition.kind in OF_FILM or observed.region is not None:
            more += _taken(replace(chart, mask=observed.region), figure_id, definition)[0]
    return replace(observed, measurements=(*observed.measurements, *more)) if more else observed


def _figure(chart: Chart, observations: Observations, figure_id: str, definition: FigureDefinition) -> Figure:
    signs = [s for s in map(observations.sign, definition.signs) if s is not None and s.region is not None]
    if definition.kind in OF_FILM:
        if signs and definition.params.get("unmarked", False):
            return Figure(figure_id, (), "mask_instead")
        found, reason = _taken(chart, figure_id, definition)
        return Figure(figure_id, tuple(found), reason)
    told: list[Measurement] = []
    of: list[str] = []
    why = "no_mask"
    for seen in signs:
        found, reason = _taken(replace(chart, mask=seen.region), figure_id, definition)
        told += found
        of += [seen.id] * len(found)
        why = reason or why
    return Figure(figure_id, tuple(told), None if told else why, tuple(of))


def _taken(chart: Chart, figure_id: str, definition: FigureDefinition) -> tuple[list[Measurement], str | None]:
    try:
        return list(MEASURING[definition.kind](chart, figure_id, definition.params)), None
    except Unseen as unseen:
        return [], unseen.reason
