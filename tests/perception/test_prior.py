"""A prior film laid on this one, and what has changed since: drawn chests with known maps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from perception import scenery
from whyray.domain import (
    Change,
    Geometry,
    Image,
    Line,
    Measurement,
    Observations,
    Quality,
    Region,
    SignDefinition,
    SignObservation,
    Structure,
    View,
)
from whyray.perception import align, changes
from whyray.perception.prior import SPREAD_LOG, SPREAD_RATIO, mirrored

Mask = NDArray[np.bool_]
ROWS, COLS = 480, 480
DRAWN = scenery.chest(ROWS, COLS, heart_width=0.22)
SHIFT = 0.045  # of the heart to the patient's left


def ids(kind: str, measured: str | None = None) -> list[SignDefinition]:
    """Signs of the pack by detector."""
    found = []
    for sign in scenery.pack().signs:
        spec = sign.detector
        if spec is not None and spec.kind == kind and measured in (None, spec.params.get("measured")):
            found.append(sign)
    return found


HEART = ids("cardiothoracic_ratio")[0]
HAZE = ids("sign_map", "area_share")[0]
FLUID = ids("sign_map", "height")[0]
KNOT = ids("sign_map", "diameter")[0]


def measure(sign: SignDefinition) -> str:
    assert sign.detector is not None
    return str(sign.detector.params["measure"])


def anatomy(masks: dict[str, Mask] | None = None) -> dict[str, Mask]:
    """Lungs, a heart to the patient's left, and two collar bones."""
    made = dict(masks or DRAWN.masks)
    made[scenery.HEART] = np.roll(made[scenery.HEART], round(SHIFT * COLS), axis=1)
    y, x = scenery.axes(ROWS, COLS)
    for name, centre in zip(scenery.CLAVICLES, (0.36, 0.64), strict=True):
        made[name] = (np.abs(x - centre) < 0.09) & (np.abs(y - 0.16 - 0.2 * np.abs(x - 0.5)) < 0.012)
    return made


def picture(masks: dict[str, Mask]) -> NDArray[np.float64]:
    """Grey that shows which side the heart lies on."""
    grey = np.full((ROWS, COLS), scenery.TISSUE)
    grey[masks[scenery.RIGHT] | masks[scenery.LEFT]] = scenery.AIR
    grey[masks[scenery.HEART]] = scenery.DENSE
    return ndimage.gaussian_filter(grey, 2.0) + np.random.default_rng(1).normal(0, 0.01, grey.shape)


def observed(masks: dict[str, Mask], signs: tuple[SignObservation, ...] = (), usable: bool = True) -> Observations:
    structures = tuple(Structure(i, Region.from_mask(m), 0.95) for i, m in masks.items())
    told = {s.id: s for s in signs}
    looked = tuple(
        told.get(s.id, SignObservation(s.id, s.detector is not None, 0.02 if s.detector else 0.0))
        for s in scenery.pack().signs
    )
    return Observations("0" * 64, "drawn", structures, {}, looked, {}, Quality(usable, 1.0))


def film(grey: NDArray[np.float64], view: View = "PA", spacing: float | None = None) -> Image:
    rows, cols = grey.shape
    scale = None if spacing is None else (spacing, spacing)
    geometry = Geometry(rows, cols, scale, "none" if spacing is None else "PixelSpacing")
    return Image(np.clip(grey, 0, 1)[None].astype(np.float32), geometry, "0" * 64, "drawn", view=view)


def moved(array: NDArray[np.generic], matrix: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    """`array` through the map (2, 3) of points (x, y)."""
    back = np.linalg.inv(matrix[:, :2])
    origin = -(back @ matrix[:, 2])
    out: NDArray[np.float64] = ndimage.affine_transform(
        array.astype(np.float64), back[::-1, ::-1], origin[::-1], output_shape=shape, order=1, mode="nearest"
    )
    return out


def turn(
    degrees: float, size: float, stretch: float = 1.0, shape: tuple[int, int] = (ROWS, COLS)
) -> NDArray[np.float64]:
    """Map (2, 3) that turns about the middle, resizes, and puts the middle in the middle of `shape`."""
    t = np.radians(degrees)
    a = size * np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]]) @ np.diag([1.0, stretch])
    centre = np.array([COLS, ROWS]) / 2
    return np.column_stack([a, np.array(shape[::-1]) / 2 - a @ centre])


def disc(cx: float, cy: float, radius: float) -> Region:
    made = Region.from_mask(scenery.disc((ROWS, COLS), cx, cy, radius))
    assert made is not None
    return made


def present(
    sign: SignDefinition, region: Region, value: float, unit: str = "ratio", score: float = 0.95
) -> SignObservation:
    x0, y0, x1, _ = region.bbox
    line = (Line((x0, y0), (x1, y0)),) if unit in ("mm", "px") else ()
    return SignObservation(
        sign.id, True, 0.95, region=region, measurements=(Measurement(measure(sign), value, unit, None, line),)
    )


def ratio(value: float, seen: bool) -> SignObservation:
    region = Region.from_mask(anatomy()[scenery.HEART]) if seen else None
    score = 0.95 if seen else 0.2
    return SignObservation(HEART.id, True, score, region, measurements=(Measurement(measure(HEART), value, "ratio"),))


def compared(
    now: tuple[SignObservation, ...] = (),
    before: tuple[SignObservation, ...] = (),
    views: tuple[View, View] = ("PA", "PA"),
    spacing: tuple[float | None, float | None] = (None, None),
) -> dict[str, list[Change]]:
    """Changes by id between two readings of the drawn chest."""
    masks = anatomy()
    grey = picture(masks)
    found = changes(
        film(grey, views[0], spacing[0]), observed(masks, now),
        film(grey, views[1], spacing[1]), observed(masks, before), scenery.pack(),
    )  # fmt: skip
    by_id: dict[str, list[Change]] = {}
    for change in found:
        by_id.setdefault(change.id, []).append(change)
    return by_id


@pytest.mark.parametrize("degrees", [-15.0, 0.0, 15.0])
@pytest.mark.parametrize(("size", "stretch"), [(0.7, 1.0), (1.5, 1.0), (1.0, 1.08)])
def test_the_map_of_a_turned_and_resized_film_is_found(degrees: float, size: float, stretch: float) -> None:
    masks = anatomy()
    shape = (round(ROWS * size * 1.3), round(COLS * size * 1.3))
    true = turn(degrees, size, stretch, shape)
    there = {i: moved(m, true, shape) > 0.5 for i, m in masks.items()}
    laid = align(observed(masks), observed(there))
    assert laid is not None
    both = masks[scenery.RIGHT] | masks[scenery.LEFT]
    ys, xs = np.nonzero(both)
    points = np.stack([xs, ys], axis=1).astype(np.float64)[::50]
    back = laid.points(points @ true[:, :2].T + true[:, 2])
    width = np.ptp(xs)
    assert np.linalg.norm(back - points, axis=1).max() < 0.02 * width
    assert laid.turn_deg == pytest.approx(-degrees, abs=1.5)
    assert laid.magnification == pytest.approx(1 / (size * np.sqrt(stretch)), rel=0.02)
    assert laid.residual < 0.01
    region = Region.from_mask(there[scenery.LEFT])
    assert region is not None
    on_this = laid.region(region)
    here = Region.from_mask(masks[scenery.LEFT])
    assert on_this is not None
    assert here is not None
    assert on_this.iou(here) > 0.95


def test_a_heart_that_has_grown_does_not_bend_the_map() -> None:
    wide = anatomy({**DRAWN.masks, scenery.HEART: scenery.heart(ROWS, COLS, 0.34)})
    laid = align(observed(anatomy()), observed(wide))
    assert laid is not None
    corners = np.array([[80.0, 80], [400, 80], [80, 350], [400, 350]])
    assert np.abs(laid.points(corners) - corners).max() < 0.02 * COLS


def test_too_few_structures_or_another_shape_are_refused() -> None:
    masks = anatomy()
    few = {i: masks[i] for i in (scenery.RIGHT, scenery.LEFT)}
    assert align(observed(masks), observed(few)) is None
    odd = {i: np.zeros_like(m) for i, m in masks.items()}
    for i, name in enumerate(odd):
        odd[name][40 + 70 * i : 80 + 70 * i, 30 + 90 * (i * 3 % 5) : 60 + 90 * (i * 3 % 5)] = True
    assert align(observed(masks), observed(odd)) is None
    unsure = replace(observed(masks), structures=tuple(replace(s, confidence=0.5) for s in observed(masks).structures))
    assert align(observed(masks), unsure) is None


def test_films_that_do_not_align_or_cannot_be_read_are_undetermined() -> None:
    masks = anatomy()
    few = {i: masks[i] for i in (scenery.RIGHT, scenery.LEFT)}
    grey = film(picture(masks))
    for there, usable, reason in ((few, True, "not_aligned"), (masks, False, "unreadable")):
        found = changes(grey, observed(masks), grey, observed(there, usable=usable), scenery.pack())
        looked = {s.id for s in scenery.pack().signs if s.detector is not None and not s.learned}
        assert {c.trend for c in found} == {"undetermined"}
        assert {c.reason for c in found if c.id in looked} == {reason}


def test_a_mirrored_prior_is_refused_and_a_straight_one_is_not() -> None:
    masks = anatomy()
    grey = picture(masks)
    flipped = {i: m[:, ::-1] for i, m in masks.items()}
    for a, b in ((scenery.RIGHT, scenery.LEFT), scenery.CLAVICLES):
        flipped[a], flipped[b] = flipped[b], flipped[a]  # named by their side of the picture
    now, here, there = film(grey), observed(masks), observed(flipped)
    laid = align(here, there)
    assert laid is not None
    found = changes(now, here, film(grey[:, ::-1]), there, scenery.pack())
    assert {c.reason for c in found if c.id == HEART.id} == {"mirrored"}
    assert {c.trend for c in found} == {"undetermined"}
    assert not mirrored(now, here, now, here, scenery.pack(), align(here, here))
    assert mirrored(film(grey[:, ::-1]), there, now, here, scenery.pack(), laid)


def test_signs_on_one_film_only_are_new_or_gone_unless_their_scores_are_alike() -> None:
    there = present(HAZE, disc(0.28, 0.4, 0.06), 0.05)
    faint = SignObservation(HAZE.id, True, 0.70)
    none = SignObservation(HAZE.id, True, 0.02)
    (new,) = compared((there,), (none,))[HAZE.id]
    assert (new.trend, new.before, new.prior) == ("new", None, None)
    assert new.now == there.measurements[0]
    assert new.region is there.region
    (gone,) = compared((none,), (there,))[HAZE.id]
    assert (gone.trend, gone.now, gone.region) == ("gone", None, None)
    assert gone.prior is not None
    assert there.region is not None
    assert gone.prior.iou(there.region) > 0.95
    (doubtful,) = compared((replace(there, score=0.78),), (faint,))[HAZE.id]
    assert (doubtful.trend, doubtful.reason) == ("undetermined", "borderline")


SPANNED = [s for s in scenery.pack().signs if s.detector is not None and s.detector.params.get("span_mm")]
SMALL, LARGE = sorted(SPANNED, key=lambda s: s.detector.params["span_mm"] if s.detector else 0)


def test_a_nodule_that_became_a_mass_is_larger_and_neither_gone_nor_new() -> None:
    before, now = disc(0.28, 0.4, 0.03), disc(0.28, 0.4, 0.07)
    small, large = present(SMALL, before, 20.0, "mm"), present(LARGE, now, 45.0, "mm")
    scales = (0.5, 0.5)
    grown = compared((large,), (small,), spacing=scales)
    assert SMALL.id not in grown
    assert [(c.trend, c.before.value, c.now.value) for c in grown[LARGE.id] if c.before and c.now] == [
        ("larger", 20.0, 45.0)
    ]
    shrunk = compared((small,), (large,), spacing=scales)
    assert LARGE.id not in shrunk
    assert [c.trend for c in shrunk[SMALL.id]] == ["smaller"]


def test_a_nodule_and_a_mass_at_two_places_are_gone_and_new() -> None:
    small, large = present(SMALL, disc(0.28, 0.4, 0.03), 20.0, "mm"), present(LARGE, disc(0.72, 0.6, 0.07), 45.0, "mm")
    by_id = compared((large,), (small,), spacing=(0.5, 0.5))
    assert [c.trend for c in by_id[SMALL.id]] == ["gone"]
    assert [c.trend for c in by_id[LARGE.id]] == ["new"]


def test_signs_told_apart_in_millimetres_do_not_compare_where_one_film_has_no_scale() -> None:
    small = present(SMALL, disc(0.28, 0.4, 0.03), 20.0, "px")
    for spacing in ((0.5, None), (None, 0.5)):
        (change,) = compared((small,), (small,), spacing=spacing)[SMALL.id]
        assert (change.trend, change.reason) == ("undetermined", "not_looked_for")


@pytest.mark.parametrize(
    ("sign", "unit"), [(HAZE, "ratio"), (FLUID, "px"), (KNOT, "px")], ids=["area", "height", "diameter"]
)
@pytest.mark.parametrize(("steps", "trend"), [(-3, "smaller"), (-1, "unchanged"), (1, "unchanged"), (3, "larger")])
def test_sizes_count_from_two_standard_deviations_on(sign: SignDefinition, unit: str, steps: int, trend: str) -> None:
    assert sign.detector is not None
    factor = np.exp(steps * SPREAD_LOG[sign.detector.params["measured"]])
    after = disc(0.28, 0.4, 0.05)
    x0, _, x1, _ = after.bbox
    value = 0.05 if unit == "ratio" else float(x1 - x0)
    prior = present(sign, disc(0.28, 0.4, 0.05), value, unit)
    here = present(sign, after, value * factor, unit)
    by_id = compared((here,), (prior,))
    (change,) = by_id[sign.id]
    assert change.trend == trend
    assert change.now is not None
    assert change.before is not None
    assert change.now.unit == change.before.unit
    assert change.now.value / change.before.value == pytest.approx(factor, rel=0.02)
    (number,) = by_id[measure(sign)]
    assert number.trend == trend


@pytest.mark.parametrize(
    ("before", "now", "trend"),
    [
        (ratio(0.47, False), ratio(0.55, True), "new"),
        (ratio(0.49, False), ratio(0.51, True), "unchanged"),
        (ratio(0.55, True), ratio(0.60, True), "larger"),
        (ratio(0.60, True), ratio(0.55, True), "smaller"),
        (ratio(0.56, True), ratio(0.48, False), "gone"),
    ],
)
def test_the_heart_goes_by_its_ratio(before: SignObservation, now: SignObservation, trend: str) -> None:
    (change,) = compared((now,), (before,))[HEART.id]
    assert change.trend == trend
    assert change.now == now.measurements[0]
    assert abs(change.now.value - now.measurements[0].value) < SPREAD_RATIO


def test_films_of_two_views_do_not_tell_heart_sizes() -> None:
    by_id = compared((ratio(0.60, True),), (ratio(0.45, False),), views=("AP", "PA"))
    for name in (HEART.id, measure(HEART)):
        (change,) = by_id[name]
        assert (change.trend, change.reason) == ("undetermined", "view_differs")
    assert by_id[HAZE.id][0].trend == "unchanged"


def test_a_sign_not_looked_for_on_one_film_is_undetermined() -> None:
    blind = SignObservation(HAZE.id, False, 0.0, reason="rejected")
    there = present(HAZE, disc(0.28, 0.4, 0.06), 0.05)
    for now, before in ((blind, there), (there, blind), (blind, blind)):
        (change,) = compared((now,), (before,))[HAZE.id]
        assert (change.trend, change.reason) == ("undetermined", "not_looked_for")


def test_a_sign_that_left_one_lung_and_came_in_the_other_is_gone_and_new() -> None:
    right = present(HAZE, disc(0.25, 0.4, 0.05), 0.05)
    left = present(HAZE, disc(0.75, 0.4, 0.05), 0.05)
    assert [c.trend for c in compared((left,), (right,))[HAZE.id]] == ["gone", "new"]
    both = Region.from_mask(disc(0.25, 0.4, 0.05).mask() | disc(0.75, 0.4, 0.05).mask())
    assert both is not None
    spread = compared((present(HAZE, both, 0.10),), (right,))[HAZE.id]
    assert [c.trend for c in spread] == ["larger", "new"]
    assert spread[1].region is not None
    assert spread[1].region.centroid[0] == pytest.approx(0.75 * COLS, abs=2)


@pytest.mark.parametrize("views", [("PA", "PA"), ("PA", "AP")])
def test_lengths_are_millimetres_or_brought_to_this_films_size(views: tuple[View, View]) -> None:
    masks, shape = anatomy(), (ROWS * 2, COLS * 2)
    grown = turn(0, 2.0, shape=shape)
    there = {i: moved(m, grown, shape) > 0.5 for i, m in masks.items()}
    here_region = disc(0.28, 0.4, 0.05)
    large = Region.from_mask(moved(here_region.mask(), grown, shape) > 0.5)
    assert large is not None
    width = here_region.bbox[2] - here_region.bbox[0]
    now = present(KNOT, here_region, width * 0.8, "mm")
    before = present(KNOT, large, 2 * width * 0.5, "mm")
    found = changes(
        film(picture(masks), views[0], 0.8),
        observed(masks, (now,)),
        film(moved(picture(masks), grown, shape), views[1], 0.5),
        observed(there, (before,)),
        scenery.pack(),
    )
    change = next(c for c in found if c.id == KNOT.id)
    assert change.before is not None
    assert change.before.unit == "mm"
    expected = before.measurements[0].value if views[0] == views[1] else now.measurements[0].value
    assert change.before.value == pytest.approx(expected, rel=0.03)
    assert change.prior is not None
    assert change.prior.iou(here_region) > 0.85
    (line,) = change.before.lines
    assert abs(line.end[0] - line.start[0]) == pytest.approx(width, rel=0.05)
