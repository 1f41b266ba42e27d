"""Comparison with a prior film of the same patient: what is new, larger, unchanged, smaller or gone.

Numbers are compared against the repeat variation of the shipped model, measured on 252 readable copies of training
films turned by up to 3 degrees, resized by up to 5 %, shifted, and re-exposed (gamma 0.82 to 1.22): the standard
deviation of the difference between the readings of a film and of its copy, the largest of the signs of one kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import log

import numpy as np
from numpy.typing import NDArray

from whyray.domain import (
    Change,
    Frame,
    Image,
    Line,
    Measurement,
    Observations,
    Pack,
    Region,
    SignDefinition,
    SignObservation,
    Structure,
    Trend,
)
from whyray.perception.align import Alignment, align
from whyray.perception.scene import lung_ids

Mask = NDArray[np.bool_]
Box = tuple[int, int, int, int]

WITHIN = 2.0  # standard deviations of the repeat variation: a smaller difference is no change
SPREAD_RATIO = 0.016  # of the cardiothoracic ratio; 252 pairs
SPREAD_LOG = {"area_share": 0.18, "height": 0.16, "diameter": 0.34}  # of a size's logarithm; 176, 38 and 57 pairs
SPREAD_SCORE = 0.50  # of the log-odds of a sign's score, all signs together; 1512 pairs
RATIO_KIND, AREA_KIND = "cardiothoracic_ratio", "area_share"
NEAR = 0.05  # of the width of the lungs: parts this near to each other on both films are one
LONE = 0.25  # of the sign's larger area: a part without a partner on the other film counts from here on
GRID = 256  # cells of the longer side on which parts are matched
SHEET = 128  # side of the square in which two films are compared for mirroring
FINE, COARSE = 1.5, 16.0  # cells: grey between these scales is compared

NOT_LOOKED_FOR, NOT_ALIGNED, VIEW_DIFFERS = "not_looked_for", "not_aligned", "view_differs"
MIRRORED, UNREADABLE, BORDERLINE = "mirrored", "unreadable", "borderline"


@dataclass(frozen=True, eq=False, slots=True)
class _Pair:
    """Two films with the map from the prior film onto this one."""

    now: Image
    seen: Observations
    before: Image
    earlier: Observations
    pack: Pack
    laid: Alignment

    @property
    def lungs(self) -> Box:
        """The box of both lungs on this film."""
        return _lung_box(self.seen, self.pack)


def changes(
    now: Image, observations: Observations, before: Image, earlier: Observations, pack: Pack
) -> tuple[Change, ...]:
    """Every named sign of the pack, then every measurement, of this film against the prior one.

    Parameters
    ----------
    now, observations
        This film and what was seen on it.
    before, earlier
        The prior film of the same patient; size, exposure and spacing may differ.
    pack
        Says how signs are measured.

    Returns
    -------
    tuple of Change
        One a sign, in the pack's order; a sign that lies in places without partner on the other film has a ``new`` or
        ``gone`` of its own for those. A sign looked for and found on neither film is ``unchanged`` without numbers.
        ``prior`` and the lines of the prior film's measurements are laid on this film's pixels. Lengths are in mm
        when both films are calibrated and of one view; else the prior's are brought to this film's size by the
        anatomy. Reasons of ``undetermined``: ``not_looked_for``, ``not_aligned``, ``mirrored`` (the prior film fits
        better when flipped), ``unreadable``, ``view_differs`` (heart sizes of a PA and an AP film do not compare)
        and ``borderline`` (present on one film only, but the scores differ no more than those of repeated readings).
    """
    laid = align(observations, earlier)
    reason = _refusal(now, observations, before, earlier, pack, laid)
    found: list[Change] = []
    named = [s for s in pack.signs if not s.learned]
    if laid is None or reason is not None:
        for sign in named:
            here, there = observations.sign(sign.id), earlier.sign(sign.id)
            known = _ran(here) and _ran(there)
            region = here.region if here is not None else None
            found.append(Change(sign.id, "undetermined", region=region, reason=reason if known else NOT_LOOKED_FOR))
        ids = dict.fromkeys(m for s in named if (m := _measure_id(s)) is not None)
        return (*found, *(Change(i, "undetermined", reason=reason) for i in ids))
    pair = _Pair(now, observations, before, earlier, pack, laid)
    turned = {new.id: old for new in named for old in named if _is_turned(pair, new, old)}
    became = {old.id for old in turned.values()}
    for sign in (s for s in named if s.id not in became):
        old = turned.get(sign.id)
        found += _sign_changes(pair, sign) if old is None else _grown(pair, sign, old)
    return (*found, *_measurements(pair, named))


def _refusal(
    now: Image, seen: Observations, before: Image, earlier: Observations, pack: Pack, laid: Alignment | None
) -> str | None:
    """Why the two films cannot be compared at all."""
    if not (seen.quality.usable and earlier.quality.usable):
        return UNREADABLE
    if mirrored(now, seen, before, earlier, pack, laid):
        return MIRRORED
    return NOT_ALIGNED if laid is None else None


def mirrored(
    now: Image, seen: Observations, before: Image, earlier: Observations, pack: Pack, laid: Alignment | None
) -> bool:
    """Whether the prior film fits this one better when it is flipped left to right.

    The network names the sides by their place in the picture, so names cannot tell a flipped film. The prior film is
    laid on this one by its outlines as it is and flipped, and the correlation of the grey between `FINE` and `COARSE`
    cells inside the box of the lungs decides. `laid` is the alignment of the prior film as it is.
    """
    box = _lung_box(seen, pack)
    turned_seen = _flipped(earlier, pack)
    turned = replace(before, pixels=np.ascontiguousarray(before.pixels[:, :, ::-1]))
    straight = _likeness(now, before, laid, box)
    return _likeness(now, turned, align(seen, turned_seen), box) > straight


def _flipped(seen: Observations, pack: Pack) -> Observations:
    """Structures of the film flipped left to right; the sides' names change places, in the pack's order."""
    right = [s.id for s in pack.structures if s.side == "right"]
    left = [s.id for s in pack.structures if s.side == "left"]
    other = {**dict(zip(right, left, strict=False)), **dict(zip(left, right, strict=False))}
    turned = []
    for structure in seen.structures:
        region = structure.region
        if region is not None:
            x0, y0, x1, y1 = region.bbox
            box = (region.cols - x1, y0, region.cols - x0, y1)
            region = Region(region.rows, region.cols, box, region.crop[:, ::-1])
        turned.append(Structure(other.get(structure.id, structure.id), region, structure.confidence))
    return replace(seen, structures=tuple(turned))


def _likeness(now: Image, before: Image, laid: Alignment | None, box: Box) -> float:
    """Correlation of two films inside `box` of this one, in [-1, 1]; -1 when they cannot be laid on each other."""
    if laid is None:
        return -1.0
    x0, y0, x1, y1 = box
    xs, ys = np.meshgrid(np.linspace(x0, x1 - 1, SHEET), np.linspace(y0, y1 - 1, SHEET))
    here = np.stack([xs, ys], axis=-1)
    there = (here - laid.matrix[:, 2]) @ np.linalg.inv(laid.matrix[:, :2]).T
    (a, inside_a), (b, inside_b) = _sheet(now, here), _sheet(before, there)
    inside = inside_a & inside_b
    return _correlation(a[inside], b[inside]) if inside.any() else -1.0


def _sheet(image: Image, at: NDArray[np.float64]) -> tuple[NDArray[np.float64], Mask]:
    """Band of grey of a film at source points (n, n, 2), and which of them lie on the film."""
    from scipy import ndimage

    frame = Frame(image.geometry.rows, image.geometry.cols, GRID)
    (dx, dy), scale = frame.offset, frame.scale
    places = [(at[..., 1] + 0.5) * scale + dy - 0.5, (at[..., 0] + 0.5) * scale + dx - 0.5]
    grey = ndimage.map_coordinates(frame.to_grid(image.pixels[0]), places, order=1, mode="nearest")
    size = np.array([image.geometry.cols, image.geometry.rows])
    inside = np.asarray(((at >= 0) & (at < size)).all(axis=-1), dtype=np.bool_)
    grey = np.where(inside, grey, grey[inside].mean() if inside.any() else 0.0).astype(np.float64)
    return ndimage.gaussian_filter(grey, FINE) - ndimage.gaussian_filter(grey, COARSE), inside


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float(a @ b / max(float(np.sqrt((a @ a) * (b @ b))), 1e-12))


def _sign_changes(pair: _Pair, sign: SignDefinition) -> Iterator[Change]:
    here, there = pair.seen.sign(sign.id), pair.earlier.sign(sign.id)
    scaled = not _spans(sign) or pair.now.geometry.calibrated == pair.before.geometry.calibrated
    if here is None or there is None or not here.ran or not there.ran or not scaled:
        region = here.region if here is not None else None
        yield Change(sign.id, "undetermined", region=region, reason=NOT_LOOKED_FOR)
        return
    prior = None if there.region is None else pair.laid.region(there.region)
    if _kind(sign) == RATIO_KIND:
        yield _ratio_change(pair, sign, here, there, prior)
    elif here.region is not None and there.region is not None:
        yield from _sized(pair, sign, here, there, prior)
    elif here.region is None and there.region is None:
        yield Change(sign.id, "unchanged")
    else:
        trend: Trend = "gone" if here.region is None else "new"
        sure = abs(_log_odds(here.score) - _log_odds(there.score)) > WITHIN * SPREAD_SCORE
        before, now = _number(pair, sign, there, True), _number(pair, sign, here, False)
        if sure:
            yield Change(sign.id, trend, before, now, here.region, prior)
        else:
            yield Change(sign.id, "undetermined", before, now, here.region, prior, BORDERLINE)


def _is_turned(pair: _Pair, new: SignDefinition, old: SignDefinition) -> bool:
    """Whether the lesion that is `new` here was `old` there: signs of one map that differ in size, at one place.

    A nodule that grew to a mass is a larger lesion, not one gone and one new.
    """
    if new.id == old.id or not _spans(new) or _spans(new) == _spans(old) or _channel(new) != _channel(old):
        return False
    here, there = pair.seen.sign(new.id), pair.earlier.sign(old.id)
    if here is None or there is None or here.region is None or there.region is None:
        return False
    others = (pair.seen.sign(old.id), pair.earlier.sign(new.id))
    if any(other is not None and other.region is not None for other in others):
        return False
    added, _ = _lone(here.region, pair.laid.region(there.region), NEAR * (pair.lungs[2] - pair.lungs[0]))
    return added is None or added.area_px < here.region.area_px


def _grown(pair: _Pair, new: SignDefinition, old: SignDefinition) -> Iterator[Change]:
    here, there = pair.seen.sign(new.id), pair.earlier.sign(old.id)
    if here is not None and there is not None and there.region is not None:
        yield from _sized(pair, new, here, there, pair.laid.region(there.region))


def _spans(sign: SignDefinition) -> tuple[float, ...]:
    return () if sign.detector is None else tuple(sign.detector.params.get("span_mm", ()))


def _channel(sign: SignDefinition) -> str | None:
    return None if sign.detector is None else sign.detector.params.get("channel")


def _ratio_change(
    pair: _Pair, sign: SignDefinition, here: SignObservation, there: SignObservation, prior: Region | None
) -> Change:
    """A sign with a number whether it is there or not: the number says whether anything changed."""
    if pair.now.view != pair.before.view:
        return Change(sign.id, "undetermined", region=here.region, prior=prior, reason=VIEW_DIFFERS)
    before, now = _number(pair, sign, there, True), _number(pair, sign, here, False)
    if before is None or now is None:
        return Change(sign.id, "undetermined", region=here.region, prior=prior, reason=NOT_LOOKED_FOR)
    trend = _trend(now.value - before.value, SPREAD_RATIO)
    if trend == "larger" and there.region is None and here.region is not None:
        trend = "new"
    if trend == "smaller" and here.region is None and there.region is not None:
        trend = "gone"
    return Change(sign.id, trend, before, now, here.region, prior)


def _sized(
    pair: _Pair, sign: SignDefinition, here: SignObservation, there: SignObservation, prior: Region | None
) -> Iterator[Change]:
    """A sign that is on both films: its size where it lies on both, and the places where it lies on one only."""
    before, now = _number(pair, sign, there, True), _number(pair, sign, here, False)
    if here.region is None or before is None or now is None:
        yield Change(sign.id, "undetermined", before, now, here.region, prior, NOT_LOOKED_FOR)
        return
    added, left = _lone(here.region, prior, NEAR * (pair.lungs[2] - pair.lungs[0]))
    if added is not None and added.area_px == here.region.area_px:
        yield Change(sign.id, "gone", before, None, None, prior)
        yield Change(sign.id, "new", None, now, here.region)
        return
    trend = _trend(log(max(now.value, 1e-9) / max(before.value, 1e-9)), SPREAD_LOG[_size_kind(sign)])
    yield Change(sign.id, trend, before, now, here.region, prior)
    if left is not None:
        yield Change(sign.id, "gone", _area(pair, left), None, None, left)
    if added is not None:
        yield Change(sign.id, "new", None, _area(pair, added), added)


def _lone(here: Region, prior: Region | None, near: float) -> tuple[Region | None, Region | None]:
    """Parts of a sign on this film, and of the prior film, that have no partner within `near` pixels.

    Parts below `LONE` of the sign's larger area are left out.
    """
    from scipy import ndimage

    step = max(1, -(-max(here.rows, here.cols) // GRID))
    a = here.mask()
    b = np.zeros_like(a) if prior is None else prior.mask()
    coarse_a, coarse_b = _cells(a, step), _cells(b, step)
    grown = ndimage.distance_transform_edt(~(coarse_a | coarse_b)) * step <= near / 2
    parts, number = ndimage.label(grown, structure=np.ones((3, 3)))
    held_a = np.bincount(parts[coarse_a], minlength=number + 1) > 0
    held_b = np.bincount(parts[coarse_b], minlength=number + 1) > 0
    fine = np.repeat(np.repeat(parts, step, axis=0), step, axis=1)[: a.shape[0], : a.shape[1]]
    least = LONE * max(np.count_nonzero(a), np.count_nonzero(b))
    lone = (a & (held_a & ~held_b)[fine], b & (held_b & ~held_a)[fine])
    first, second = (Region.from_mask(m) if np.count_nonzero(m) >= least else None for m in lone)
    return first, second


def _cells(mask: Mask, step: int) -> Mask:
    """Whether anything is set in each block of `step` by `step` pixels."""
    rows = np.logical_or.reduceat(mask, np.arange(0, mask.shape[0], step), axis=0)
    cells: Mask = np.logical_or.reduceat(rows, np.arange(0, mask.shape[1], step), axis=1)
    return cells


def _measurements(pair: _Pair, named: list[SignDefinition]) -> Iterator[Change]:
    """Every measurement of the pack's detectors that both films have, over all signs that carry it."""
    for name in dict.fromkeys(m for s in named if (m := _measure_id(s)) is not None):
        signs = [s for s in named if _measure_id(s) == name]
        kind = _size_kind(signs[0])
        if kind == RATIO_KIND and pair.now.view != pair.before.view:
            yield Change(name, "undetermined", reason=VIEW_DIFFERS)
            continue
        before, now = _total(pair, signs, True), _total(pair, signs, False)
        if before is None or now is None:
            continue
        if kind == RATIO_KIND:
            trend = _trend(now.value - before.value, SPREAD_RATIO)
        else:
            trend = _trend(log(max(now.value, 1e-9) / max(before.value, 1e-9)), SPREAD_LOG[kind])
        yield Change(name, trend, before, now)


def _total(pair: _Pair, signs: list[SignDefinition], earlier: bool) -> Measurement | None:
    """A measurement over several signs of one film: the area of their union, else the largest number."""
    seen = pair.earlier if earlier else pair.seen
    marked = [(s, o) for s in signs if (o := seen.sign(s.id)) is not None and o.ran]
    regions = [o.region for _, o in marked if o.region is not None]
    numbers = [m for s, o in marked if (m := _number(pair, s, o, earlier)) is not None]
    if not numbers:
        return None
    if _size_kind(signs[0]) != AREA_KIND or len(regions) < 2:
        return max(numbers, key=lambda m: m.value)
    union = int(np.count_nonzero(np.any([r.mask() for r in regions], axis=0)))
    largest = max(numbers, key=lambda m: m.value)
    return replace(largest, value=min(largest.value * union / max(r.area_px for r in regions), 1.0))


def _number(pair: _Pair, sign: SignDefinition, observed: SignObservation, earlier: bool) -> Measurement | None:
    """What is compared of a sign on one film: its own size where it is measured, else its share of the lungs."""
    name = _measure_id(sign)
    own = next((m for m in observed.measurements if m.id == name), None)
    if own is None:
        return None if observed.region is None else _share(pair, observed.region, earlier)
    if not earlier:
        return own
    lines = tuple(_laid_line(pair.laid, line) for line in own.lines)
    if own.unit not in ("mm", "px") or not lines:
        return replace(own, lines=lines)
    comparable = pair.now.geometry.calibrated and pair.before.geometry.calibrated
    if comparable and pair.now.view == pair.before.view:
        return replace(own, lines=lines)
    longest = lines[0]
    value, unit = pair.now.geometry.distance(longest.end[0] - longest.start[0], longest.end[1] - longest.start[1])
    return replace(own, value=value, unit=unit, lines=lines)


def _laid_line(laid: Alignment, line: Line) -> Line:
    (x0, y0), (x1, y1) = laid.points(np.array([line.start, line.end], dtype=np.float64)).tolist()
    return Line((x0, y0), (x1, y1))


def _share(pair: _Pair, region: Region, earlier: bool) -> Measurement:
    """Area of a region of its own film over that film's lungs."""
    seen = pair.earlier if earlier else pair.seen
    return Measurement(AREA_KIND, min(region.area_px / max(_lung_px(seen, pair.pack), 1), 1.0), "ratio")


def _area(pair: _Pair, region: Region) -> Measurement:
    """Area of a region on this film's pixels over this film's lungs."""
    return _share(pair, region, False)


def _lung_px(seen: Observations, pack: Pack) -> int:
    structures = (seen.structure(i) for i in lung_ids(pack))
    return sum(s.region.area_px for s in structures if s is not None and s.region is not None)


def _lung_box(seen: Observations, pack: Pack) -> Box:
    """(x0, y0, x1, y1) around both lungs; empty when none is seen."""
    structures = (seen.structure(i) for i in lung_ids(pack))
    boxes = [s.region.bbox for s in structures if s is not None and s.region is not None]
    if not boxes:
        return 0, 0, 0, 0
    return (
        min(b[0] for b in boxes),
        min(b[1] for b in boxes),
        max(b[2] for b in boxes),
        max(b[3] for b in boxes),
    )


def _kind(sign: SignDefinition) -> str | None:
    return None if sign.detector is None else sign.detector.kind


def _size_kind(sign: SignDefinition) -> str:
    """How the size of a sign is measured: a kind of `SPREAD_LOG`, or the ratio."""
    if _kind(sign) == RATIO_KIND:
        return RATIO_KIND
    measured = None if sign.detector is None else sign.detector.params.get("measured")
    return measured if measured in SPREAD_LOG else AREA_KIND


def _measure_id(sign: SignDefinition) -> str | None:
    """The measurement that tells the size of a sign; None when its detector measures something else."""
    if sign.detector is None:
        return None
    params = sign.detector.params
    sized = sign.detector.kind == RATIO_KIND or params.get("measured") in SPREAD_LOG
    return str(params["measure"]) if sized and "measure" in params else None


def _ran(observed: SignObservation | None) -> bool:
    return observed is not None and observed.ran


def _log_odds(score: float) -> float:
    kept = min(max(score, 1e-4), 1 - 1e-4)
    return log(kept / (1 - kept))


def _trend(change: float, spread: float) -> Trend:
    if abs(change) <= WITHIN * spread:
        return "unchanged"
    return "larger" if change > 0 else "smaller"
