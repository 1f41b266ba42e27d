"""The checklist of a diagnosis, ticked off on one film or on one lesion of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from math import hypot
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyray.domain import ChecklistRow, DiagnosisDefinition, Observations, Pack, Region, SignObservation, State, Ticked
from whyray.reasoning.rules import present, truth

Mask = NDArray[np.bool_]

MARGIN = 0.05  # of the image diagonal: a sign this near to a lesion belongs to it
ZONE_SHARE, ZONE_FILLED = 0.10, 0.50  # a part lies in a zone that holds this share of it, or that it fills this far
CELLS = 400  # longest side of the grid on which the surroundings of a lesion are worked out
_STATES: Mapping[bool | None, State] = {True: "met", False: "unmet", None: "undetermined"}


def tick(
    diagnosis: DiagnosisDefinition,
    observations: Observations,
    pack: Pack,
    extra: Iterable[SignObservation] = (),
    within: Region | None = None,
) -> tuple[Ticked, ...]:
    """Every row of the diagnosis' checklist as it stands, in the pack's order.

    Parameters
    ----------
    diagnosis
        Whose checklist.
    observations
        What was seen on the film.
    pack
        Names the sides of zones.
    extra
        Signs of a closer look; they replace those of `observations`.
    within
        A lesion on the same pixels. Only what lies on it, or within `MARGIN` of the diagonal from it, then counts as
        seen: a sign elsewhere is no sign of this lesion, and of a scattered sign only the parts at the lesion count.

    Returns
    -------
    tuple of Ticked
        ``signs`` are those whose value decided the row (none while it is undetermined), ``missing`` those that were
        not looked for and could still decide it (none once it is decided), ``away`` those of ``signs`` that lie
        elsewhere than the lesion, ``instead`` the sign seen in place of one that a row asks for which is not met.

    Raises
    ------
    ValueError
        When a row uses a word outside the rule language.
    """
    film = {s.id: s for s in (*observations.signs, *extra)}
    seen: Mapping[str, SignObservation] = film
    if within is not None:
        near = _surroundings(within)
        named = {i for row in diagnosis.checklist for i in _asked(row)}
        seen = {i: _at_lesion(s, near, observations.zones) if i in named else s for i, s in film.items()}
    return tuple(_ticked(row, seen, film, pack) for row in diagnosis.checklist)


def _ticked(
    row: ChecklistRow, seen: Mapping[str, SignObservation], film: Mapping[str, SignObservation], pack: Pack
) -> Ticked:
    """A row as it stands by what is `seen` at the lesion, beside what the whole `film` shows."""
    value = truth(row.when, seen, pack)
    signs = tuple(dict.fromkeys(_carrying(row.when, value, seen, pack)))
    other = row.instead.sign if row.instead is not None else ""
    instead = other if value is not True and present(seen.get(other)) else None
    if value is None:
        return Ticked(row.id, _STATES[value], missing=signs, instead=instead)
    away = tuple(i for i in signs if present(film.get(i)) and not present(seen.get(i)))
    return Ticked(row.id, _STATES[value], signs, away=away, instead=instead)


def _asked(row: ChecklistRow) -> Iterator[str]:
    """Every sign id that a row speaks of."""
    yield from _named(row.when)
    if row.instead is not None:
        yield row.instead.sign


def _carrying(when: Any, value: bool | None, seen: Mapping[str, SignObservation], pack: Pack) -> Iterator[str]:
    """Signs that give the tree its `value`: those of its parts that have it too (of unknown parts the unknown ones)."""
    parts = _parts(when)
    if parts is None:
        yield from _named(when)
        return
    for part in parts:
        if truth(part, seen, pack) is value:
            yield from _carrying(part, value, seen, pack)


def _parts(when: Any) -> Iterable[Any] | None:
    """The conditions that a tree is made of; None for one that speaks of a single sign."""
    if isinstance(when, str):
        return None
    ((word, body),) = when.items()
    if word in ("all", "any"):
        return tuple(body)
    return tuple(body["of"]) if word == "at_least" else None


def _named(when: Any) -> Iterator[str]:
    """Every sign id of the tree, those under ``absent`` included."""
    parts = _parts(when)
    if parts is not None:
        for part in parts:
            yield from _named(part)
    elif isinstance(when, str):
        yield when
    else:
        (body,) = when.values()
        yield body if isinstance(body, str) else body["sign"]


def _surroundings(lesion: Region) -> Region:
    """The lesion with a rim of `MARGIN` of the image diagonal (to the cell of a grid of at most `CELLS` a side)."""
    from scipy import ndimage

    rim = MARGIN * hypot(lesion.rows, lesion.cols)
    reach = int(np.ceil(rim))
    x0, y0, x1, y1 = lesion.bbox
    window = (max(x0 - reach, 0), max(y0 - reach, 0), min(x1 + reach, lesion.cols), min(y1 + reach, lesion.rows))
    left, top, right, bottom = window
    mask = np.zeros((bottom - top, right - left), dtype=np.bool_)
    mask[y0 - top : y1 - top, x0 - left : x1 - left] = lesion.crop
    step = -(-max(mask.shape) // CELLS)
    coarse = _blocks(mask, step)
    close = ndimage.distance_transform_edt(~coarse) * step <= rim
    fine = np.repeat(np.repeat(close, step, axis=0), step, axis=1)[: mask.shape[0], : mask.shape[1]]
    return Region.from_window(lesion.rows, lesion.cols, window, fine) or lesion


def _blocks(mask: Mask, step: int) -> Mask:
    """Whether anything is set in each block of `step` by `step` pixels."""
    rows = np.logical_or.reduceat(mask, np.arange(0, mask.shape[0], step), axis=0)
    blocks: Mask = np.logical_or.reduceat(rows, np.arange(0, mask.shape[1], step), axis=1)
    return blocks


def _at_lesion(observed: SignObservation, near: Region, zones: Mapping[str, Region]) -> SignObservation:
    """The sign as far as it lies in the surroundings of a lesion.

    A number that was measured on the whole sign is dropped when only a part of the sign is left.
    """
    from scipy import ndimage

    region = observed.region
    if region is None:
        return observed
    parts, number = ndimage.label(region.crop, structure=np.ones((3, 3)))
    wide = near.mask()[region.bbox[1] : region.bbox[3], region.bbox[0] : region.bbox[2]]
    touching = np.unique(parts[wide & region.crop])
    if touching.size == number:
        return observed
    kept = Region.from_window(region.rows, region.cols, region.bbox, np.isin(parts, touching) & region.crop)
    held = () if kept is None else _zones(kept, zones)
    return replace(observed, region=kept, erase=None, measurements=(), zones=held)


def _zones(region: Region, zones: Mapping[str, Region]) -> tuple[str, ...]:
    """Zones that hold a part, by decreasing share; as perception counts them on a whole sign."""
    total = region.area_px
    shared = {i: region.overlap_px(zone) for i, zone in zones.items()}
    inside = (i for i, px in shared.items() if px / total >= ZONE_SHARE or px / zones[i].area_px >= ZONE_FILLED)
    return tuple(sorted(inside, key=lambda i: -shared[i]))
