from dataclasses import replace
from functools import lru_cache
from math import exp, log
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from perception import scenery
from perception.scenery import LEFT, RIGHT, SIGN_CELLS, SILENT, SIZE, Mask, chest, disc, sign_maps
from whyray.domain import Region, SignDefinition, SignObservation
from whyray.perception import DETECTORS, Scene, build_scene
from whyray.perception.detectors.common import RIM, chest_field
from whyray.perception.detectors.mapped import marked, strength
from whyray.perception.scene import F32
from whyray.perception.zones import derive

SIGNS = scenery.mapped()
LONE = next(s for s in SIGNS if s.laterality != "bilateral")  # may lie in one lung
SHAPES = [(480, 480), (640, 400), (400, 610)]
TOP = 64  # the drawn card's hundredth of 80 x 80 cells


def limit() -> float:
    return scenery.pack().settings["evidence_threshold"]


@lru_cache(maxsize=4)
def base(shape: tuple[int, int]) -> Scene:
    """The scene of a clear chest, with its zones."""
    drawn = chest(*shape)
    with TemporaryDirectory() as folder:
        made = build_scene(drawn.image(), scenery.pack(), scenery.engine(Path(folder), drawn))
    made.zones.update(derive(made))
    return made


def staged(signs: F32, shape: tuple[int, int] = (480, 480), **model: float) -> Scene:
    """The chest on which the network answers `signs`; every sign model of the card is changed by `model`."""
    scene = base(shape)
    models = {c: scenery.sign_model(**model) for c in scenery.sign_channels()}
    card = replace(scene.card, reference={**scene.card.reference, "sign_models": models})
    return replace(scene, card=card, signs=dict(zip(scenery.sign_channels(), signs, strict=True)))


def first(mask: Mask, logit: float) -> F32:
    """Maps in which the channel of `LONE` is as loud as `logit` where `mask` covers."""
    return sign_maps((mask.shape[0], mask.shape[1]), **{scenery.channel(LONE): (mask, logit)})


def found(scene: Scene, sign: SignDefinition = LONE) -> SignObservation:
    assert sign.detector is not None
    return DETECTORS[sign.detector.kind](scene, sign)


def cells(count: int, logit: float, row: int = 32, column: int = 52) -> F32:
    """Maps of all channels, silent but for `count` cells in rows of eight inside the left lung."""
    maps = np.full((len(SIGNS), SIGN_CELLS, SIGN_CELLS), SILENT, dtype=np.float32)
    for i in range(count):
        maps[:, row + i // 8, column + i % 8] = logit
    return maps


def shown(sign: SignObservation) -> Mask:
    assert sign.region is not None
    return sign.region.mask()


def iou(sign: SignObservation, mask: Mask) -> float:
    truth = Region.from_mask(mask)
    assert truth is not None
    assert sign.region is not None
    return sign.region.iou(truth)


# --- the score ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "logit", "expected"),
    [(0, 0.0, SILENT), (TOP // 2, 2.0, -3.0), (TOP, 0.5, 0.5), (TOP, 2.0, 2.0), (2 * TOP, 2.0, 2.0)],
)
def test_the_score_is_the_probability_of_the_mean_of_the_highest_cells(
    count: int, logit: float, expected: float
) -> None:
    assert found(staged(cells(count, logit))).score == pytest.approx(1 / (1 + exp(-expected)), abs=1e-6)


def test_scale_and_shift_of_the_card_calibrate_the_score() -> None:
    sign = found(staged(cells(TOP, 2.0), scale=0.5, shift=-1.5))
    assert sign.score == pytest.approx(1 / (1 + exp(0.5)))


@pytest.mark.parametrize(("share", "expected"), [(1 / 6, 6.0), (0.34, 5.5), (0.5, 5.0), (1.0, 3.5), (1e-6, 6.0)])
def test_strength_by_hand(share: float, expected: float) -> None:
    logits = np.array([[1.0, 2.0, 6.0], [3.0, 4.0, 5.0]], dtype=np.float32)
    assert strength(logits, share) == pytest.approx(expected)


STEP = 16  # the sampled cells lie so far apart


@pytest.mark.parametrize("share", [1e-6, 0.0005, 0.0015, 0.01, 0.04, 0.3, 0.999, 1.0])
@pytest.mark.parametrize(
    "kind", ["noise", "steps", "equal", "two values", "one cell", "unsampled", "sampled", "sorted", "blob"]
)
@pytest.mark.parametrize("size", [3, 80, 320])
def test_strength_is_the_exact_mean_of_the_highest_cells(size: int, kind: str, share: float) -> None:
    rng = np.random.default_rng(4)
    flat = rng.normal(0, 3, size * size).astype(np.float32)
    at = np.arange(flat.size)
    values = {
        "noise": flat,
        "steps": np.round(flat),
        "equal": np.full_like(flat, -12),
        "two values": np.where(flat > 5, 4, -12),
        "one cell": np.where(at == flat.size // 2, 7, -12),
        "unsampled": np.where(at % STEP, flat, -20),
        "sampled": np.where(at % STEP, flat, 20),
        "sorted": np.sort(flat),
        "blob": np.where((at % size < size // 5) & (at // size < size // 5), 30 + flat, -12),
    }[kind].astype(np.float32)
    count = max(1, round(share * flat.size))
    exact = np.sort(values)[::-1][:count].mean(dtype=np.float64)
    assert strength(values.reshape(size, size), share) == pytest.approx(exact, rel=1e-4, abs=1e-4)


def test_strength_looks_at_a_map_that_lies_turned_in_memory() -> None:
    logits = np.random.default_rng(4).normal(0, 3, (80, 80)).astype(np.float32)
    exact = np.sort(logits.ravel())[-64:].mean(dtype=np.float64)
    for turned in (logits[:, ::-1], logits.T, np.repeat(logits, 2, axis=1)[:, ::2]):
        before = turned.copy()
        assert strength(turned, 0.01) == pytest.approx(exact, rel=1e-5)
        np.testing.assert_array_equal(turned, before)


def test_every_sign_reads_its_own_channel_only() -> None:
    patch = disc((480, 480), 0.72, 0.4, 0.1) | disc((480, 480), 0.28, 0.4, 0.1)
    assert len({scenery.channel(s) for s in SIGNS}) == len(SIGNS) > 1
    for loud in SIGNS:
        scene = staged(sign_maps(patch.shape, **{scenery.channel(loud): (patch, 3.0)}))
        assert [s.id for s in SIGNS if found(scene, s).region is not None] == [loud.id]


# --- region and threshold -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("above", "present"), [(-0.5, False), (-0.01, False), (0.01, True), (0.5, True)])
def test_a_region_is_there_exactly_when_the_score_reaches_the_threshold(above: float, present: bool) -> None:
    edge = log(limit() / (1 - limit()))
    sign = found(staged(cells(TOP, edge + above)))
    assert sign.ran
    assert (sign.score >= limit()) == present
    assert (sign.region is not None) == present
    assert bool(sign.measurements) == bool(sign.zones) == present


def test_a_sign_outside_the_chest_only_is_not_present() -> None:
    corner = cells(TOP, 6.0, row=0, column=0)
    sign = found(staged(corner))
    assert (sign.ran, sign.region, sign.zones) == (True, None, ())
    assert sign.score == pytest.approx(limit() - 0.01)


# --- the mask -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_the_mask_lies_where_the_map_is_high(shape: tuple[int, int]) -> None:
    patch = disc(shape, 0.72, 0.4, 0.1)
    assert iou(found(staged(first(patch, 3.0), shape)), patch) > 0.85


@pytest.mark.parametrize("shape", SHAPES)
def test_the_mask_stays_inside_the_chest(shape: tuple[int, int]) -> None:
    drawn = chest(*shape)
    scene = staged(first(np.ones(shape, dtype=np.bool_), 3.0), shape)
    field = scene.region(chest_field(scene))
    mask = shown(found(scene))
    assert field is not None
    cell = -(-max(shape) // SIGN_CELLS)
    assert (mask & ~field.mask()).sum() < cell * 2 * (shape[0] + shape[1])
    assert not mask[:, : round(0.05 * shape[1])].any()
    assert not mask[: round(0.05 * shape[0])].any()
    for lung in (RIGHT, LEFT):
        assert (mask & drawn.masks[lung]).sum() > 0.98 * drawn.masks[lung].sum()


def test_the_chest_has_a_rim_for_pleura_and_hidden_bases() -> None:
    scene = staged(cells(0, 0.0))
    column = 90
    base = np.flatnonzero(scene.masks[RIGHT][:, column])[-1]
    field = np.flatnonzero(chest_field(scene)[:, column])
    assert field[-1] == pytest.approx(base + RIM, abs=2)
    assert field[-1] < SIZE - 40


def test_what_the_network_says_outside_the_chest_is_left_out_beside_a_sign_inside() -> None:
    maps = np.maximum(cells(TOP, 2.0), cells(TOP, 6.0, row=0, column=0))
    sign = found(staged(maps))
    assert sign.region is not None
    assert sign.region.bbox == pytest.approx((52 * 6, 32 * 6, 60 * 6, 40 * 6), abs=4)


@pytest.mark.parametrize(("level", "outer"), [(0.3, True), (0.5, False)])
def test_a_clear_sign_is_marked_from_the_level_of_the_card(level: float, outer: bool) -> None:
    """Core of probability 0.98, ring of 0.40."""
    core, ring = (disc((480, 480), 0.72, 0.4, r) for r in (0.06, 0.11))
    maps = np.maximum(first(ring, log(0.4 / 0.6)), first(core, 4.0))
    sign = found(staged(maps, level=level, shift=5.0))
    assert iou(sign, ring if outer else core) > 0.75


@pytest.mark.parametrize(("part", "outer"), [(0.8, True), (0.4, False)])
def test_a_faint_sign_is_marked_relative_to_its_top(part: float, outer: bool) -> None:
    """No cell comes near the card's level of one half; the ring has `part` of the core's probability of 0.05."""
    core, ring = (disc((480, 480), 0.72, 0.4, r) for r in (0.06, 0.11))
    inner, around = (log(p / (1 - p)) for p in (0.05, 0.05 * part))
    maps = np.maximum(first(ring, around), first(core, inner))
    sign = found(staged(maps, shift=6.0))
    assert iou(sign, ring if outer else core) > 0.75


def test_a_speck_beside_a_sign_is_dropped_but_a_sign_of_one_cell_is_kept() -> None:
    speck, patch = cells(1, 4.0, row=30, column=20), cells(TOP, 4.0)
    both = found(staged(np.maximum(speck, patch)))
    assert both.region is not None
    assert both.region.bbox[0] > 40 * 6
    one = found(staged(speck, cells=1 / SIGN_CELLS**2))
    assert one.region is not None
    assert one.region.centroid == pytest.approx((20.5 * 6, 30.5 * 6), abs=2)


def test_a_lesion_stands_for_itself_and_a_line_beside_others() -> None:
    """A second part with a lower peak stays where the sign asks for no peak."""
    scene = staged(cells(TOP, 4.0))
    logits = np.full((SIGN_CELLS, SIGN_CELLS), -6.0, np.float32)
    logits[30:34, 18:22], logits[30:34, 56:60] = 4.0, 1.2
    both, one = marked(scene, logits, 0.3), marked(scene, logits, 0.3, peak=0.9)
    assert both is not None
    assert one is not None
    assert both[31, 57] > 0.5 > one[31, 57]
    assert one[31, 19] > 0.5
    like = marked(scene, np.where(logits == 4.0, np.float32(1.3), logits), 0.3, peak=0.9)
    assert like is not None
    assert like[31, 57] > 0.5


NODULE = next(s for s in SIGNS if s.detector is not None and s.detector.params.get("apart_from"))


def test_a_sign_is_apart_from_channels_that_other_signs_read() -> None:
    read = {scenery.channel(s) for s in SIGNS}
    for sign in SIGNS:
        assert sign.detector is not None
        assert set(sign.detector.params.get("apart_from", ())) <= read - {scenery.channel(sign)}


def beside(own: tuple[slice, slice], other: tuple[slice, slice] | None) -> Scene:
    """A lesion on its own channel, and an opacity on one of those that it must be apart from."""
    assert NODULE.detector is not None
    maps = np.full((len(SIGNS), SIGN_CELLS, SIGN_CELLS), SILENT, dtype=np.float32)
    if other is not None:
        maps[scenery.sign_channels().index(NODULE.detector.params["apart_from"][-1])][other] = 4.0
    maps[scenery.sign_channels().index(scenery.channel(NODULE))][own] = 4.0
    return staged(maps)


RIGHT_SIDE, LEFT_SIDE = (slice(30, 38), slice(16, 24)), (slice(30, 38), slice(54, 62))


def test_a_lesion_with_air_around_it_is_seen_beside_an_opacity() -> None:
    alone = found(beside(RIGHT_SIDE, None), NODULE)
    observed = found(beside(RIGHT_SIDE, (slice(26, 46), slice(50, 64))), NODULE)
    assert observed.score >= limit()
    assert observed.score == alone.score
    np.testing.assert_array_equal(shown(observed), shown(alone))


def test_a_part_of_a_larger_opacity_is_no_lesion_of_its_own() -> None:
    observed = found(beside(LEFT_SIDE, (slice(26, 46), slice(50, 64))), NODULE)
    assert observed.ran
    assert observed.region is None
    assert observed.score < limit()


@pytest.mark.parametrize(
    "other",
    [
        (slice(29, 39), slice(53, 63)),  # hardly larger: the lesion itself
        (slice(24, 33), slice(44, 66)),  # holds less than two thirds of it
    ],
)
def test_an_opacity_that_is_the_lesion_or_only_touches_it_leaves_it(other: tuple[slice, slice]) -> None:
    assert found(beside(LEFT_SIDE, other), NODULE).region is not None


def test_one_half_of_a_two_sided_opacity_is_no_lesion() -> None:
    """However small that half is: the halves of a sign that lies in both lungs are one opacity."""
    assert NODULE.detector is not None
    around = NODULE.detector.params["apart_from"]
    two_sided = next(s for s in SIGNS if s.laterality == "bilateral" and scenery.channel(s) in around)
    scene = beside(LEFT_SIDE, None)
    logits = np.full((SIGN_CELLS, SIGN_CELLS), SILENT, np.float32)
    logits[LEFT_SIDE] = logits[RIGHT_SIDE] = 4.0
    both = replace(scene, signs={**scene.signs, scenery.channel(two_sided): logits})
    assert found(scene, NODULE).region is not None
    assert found(both, NODULE).region is None
    small = logits.copy()
    small[RIGHT_SIDE] = SILENT
    small[RIGHT_SIDE][:3, :3] = 4.0  # hardly larger than the lesion together, and yet no lesion
    assert found(replace(both, signs={**both.signs, scenery.channel(two_sided): small}), NODULE).region is None
    logits[RIGHT_SIDE], logits[26:46, 50:64] = SILENT, 4.0
    assert found(both, two_sided).region is None  # one-sided, however large: the sign is not present, and hides nothing
    assert found(both, NODULE).region is not None


def test_of_two_lesions_the_one_with_air_around_it_stays() -> None:
    scene = beside(LEFT_SIDE, (slice(26, 46), slice(50, 64)))
    logits = np.array(scene.signs[scenery.channel(NODULE)])
    logits[RIGHT_SIDE] = 3.0
    observed = found(replace(scene, signs={**scene.signs, scenery.channel(NODULE): logits}), NODULE)
    assert observed.region is not None
    assert observed.score == pytest.approx(1 / (1 + exp(-3)), abs=0.02)
    assert observed.region.centroid[0] == pytest.approx(20 * 6, abs=6)


# --- signs of one map told apart by their size ---

SPANNED = {
    s.detector.params["span_mm"][0]: s for s in scenery.pack().signs if s.detector and "span_mm" in s.detector.params
}
SMALL, LARGE = SPANNED[0], SPANNED[30]
CELL = 6.0  # pixels of the drawn chest


def sized(parts: list[tuple[slice, slice]], mm: float | None) -> Scene:
    """Parts on the map of a nodule; a pixel of the film has `mm`."""
    logits = np.full((SIGN_CELLS, SIGN_CELLS), SILENT, np.float32)
    for i, part in enumerate(parts):
        logits[part] = 4.0 - 0.5 * i
    scene = staged(np.full((len(SIGNS), SIGN_CELLS, SIGN_CELLS), SILENT, np.float32))
    spacing = None if mm is None else (mm, mm)
    geometry = replace(scene.image.geometry, spacing_mm=spacing, spacing_source="none" if mm is None else "caller")
    signs = {**scene.signs, scenery.channel(SMALL): logits}
    return replace(scene, image=replace(scene.image, geometry=geometry), signs=signs, memo={})


@pytest.mark.parametrize(("mm", "small", "large"), [(0.4, True, False), (0.6, False, True)])
def test_the_same_part_is_a_nodule_or_a_mass_by_its_longest_diameter(mm: float, small: bool, large: bool) -> None:
    """Eight cells a side are 48 pixels, 68 across: 27 or 41 mm."""
    scene = sized([RIGHT_SIDE], mm)
    for sign, seen in ((SMALL, small), (LARGE, large)):
        observed = found(scene, sign)
        assert observed.ran
        assert (observed.region is not None) == (observed.score >= limit()) == seen
        assert all((value.value > 30) == large for value in observed.measurements)


def test_each_of_two_lesions_is_what_its_size_says() -> None:
    scene = sized([(slice(28, 40), slice(14, 26)), LEFT_SIDE], 0.4)
    small, large = found(scene, SMALL), found(scene, LARGE)
    assert small.region is not None
    assert large.region is not None
    assert small.region.centroid[0] > SIZE * 1.5 / 2 > large.region.centroid[0]
    assert small.score < large.score


def test_without_a_scale_a_mass_is_not_looked_for_and_a_nodule_may_be_of_any_size() -> None:
    scene = sized([RIGHT_SIDE], None)
    large = found(scene, LARGE)
    assert (large.ran, large.reason) == (False, "no_spacing")
    assert found(scene, SMALL).region is not None


# --- what cannot be looked for --------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", SIGNS, ids=lambda s: s.id)
def test_a_sign_without_its_channel_did_not_run(sign: SignDefinition) -> None:
    scene = staged(cells(TOP, 4.0))
    deaf = replace(scene, signs={k: v for k, v in scene.signs.items() if k != scenery.channel(sign)})
    observed = found(deaf, sign)
    assert (observed.ran, observed.score, observed.region, observed.reason) == (False, 0.0, None, "no_network_output")
    assert found(scene, sign).ran


@pytest.mark.parametrize("absent", [RIGHT, LEFT])
def test_a_sign_without_both_lungs_did_not_run(absent: str) -> None:
    scene = without(staged(cells(TOP, 4.0)), absent)
    for sign in (s for s in SIGNS if enough(s) == 2):
        observed = found(scene, sign)
        assert (observed.ran, observed.score, observed.reason) == (False, 0.0, "structure_not_visible")


def without(scene: Scene, *absent: str) -> Scene:
    masks, lungs = ({k: v for k, v in kept.items() if k not in absent} for kept in (scene.masks, scene.lungs))
    return replace(scene, masks=masks, lungs=lungs, memo={})


def enough(sign: SignDefinition) -> int:
    """Lungs that a sign needs."""
    assert sign.detector is not None
    return int(sign.detector.params.get("enough", len(sign.detector.params["lungs"])))


def test_a_sign_of_one_lung_is_seen_there_but_never_absent_while_the_other_is_hidden() -> None:
    single = [s for s in SIGNS if enough(s) == 1]
    assert single
    for sign in single:
        seen = found(without(staged(cells(TOP, 4.0)), RIGHT), sign)
        assert seen.region is not None
        assert seen.within == (LEFT,)
        silent = found(without(staged(cells(0, 0.0)), RIGHT), sign)
        assert (silent.ran, silent.score, silent.reason) == (False, 0.0, "structure_not_visible")
        assert found(staged(cells(0, 0.0)), sign).ran
        assert not found(without(staged(cells(TOP, 4.0)), RIGHT, LEFT), sign).ran


def test_a_sign_is_not_looked_for_on_a_projection_on_which_it_means_nothing() -> None:
    scene = staged(cells(TOP, 4.0))
    assert scene.image.view not in ("AP", "PA")
    limited = [s for s in SIGNS if s.detector is not None and "not_on" in s.detector.params]
    assert limited
    for view in ("AP", "PA"):
        turned = replace(scene, image=replace(scene.image, view=view))
        for sign in SIGNS:
            assert sign.detector is not None
            observed = found(turned, sign)
            assert (observed.reason == "view_unsuitable") == (view in sign.detector.params.get("not_on", ()))


# --- what is told of the mask ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "y", "zone"),
    [(0.28, 0.2, "right_upper_field"), (0.72, 0.2, "left_upper_field"), (0.22, 0.68, "right_lower_field")],
)
def test_the_zones_of_the_mask_are_named(x: float, y: float, zone: str) -> None:
    sign = found(staged(first(disc((480, 480), x, y, 0.07), 3.0)))
    side = zone.split("_")[0]
    assert zone in sign.zones
    assert all(z.startswith(side) for z in sign.zones)
    assert sign.within == (RIGHT, LEFT)


@pytest.mark.parametrize("sign", SIGNS, ids=lambda s: s.id)
def test_every_sign_tells_the_measure_that_the_pack_asks_for(sign: SignDefinition) -> None:
    assert sign.detector is not None
    maps = cells(TOP, 4.0)
    silent = np.arange(len(SIGNS)) != scenery.sign_channels().index(scenery.channel(sign))
    maps[silent] = SILENT
    observed = found(staged(np.maximum(maps, maps[:, :, ::-1])), sign)
    assert [m.id for m in observed.measurements] == [sign.detector.params["measure"]]
    assert np.isfinite(observed.measurements[0].value)


@pytest.mark.parametrize("sign", [s for s in SIGNS if s.laterality == "bilateral"], ids=lambda s: s.id)
@pytest.mark.parametrize(("right", "present"), [(0, False), (4, False), (TOP // 2, True)])
def test_a_sign_of_both_sides_is_not_marked_in_one_lung(sign: SignDefinition, right: int, present: bool) -> None:
    left, other = cells(TOP, 4.0), cells(right, 4.0)[:, :, ::-1]
    observed = found(staged(np.maximum(left, other)), sign)
    assert (observed.region is not None) == present
    assert present or observed.score < limit()


@pytest.mark.parametrize("sign", [s for s in SIGNS if s.laterality == "bilateral"], ids=lambda s: s.id)
@pytest.mark.parametrize(("fainter", "present"), [(0.35, True), (0.15, False)])
def test_a_sign_of_both_sides_may_be_fainter_in_one_lung_but_no_mere_trace(
    sign: SignDefinition, fainter: float, present: bool
) -> None:
    """Below the level of one half in that lung: it is cut at its own highest."""
    weak = cells(TOP, log(fainter / (1 - fainter)))[:, :, ::-1]
    observed = found(staged(np.maximum(cells(TOP, 4.0), weak), shift=6.0), sign)
    assert (observed.region is not None) == present


def test_there_are_signs_of_both_sides() -> None:
    assert any(s.laterality == "bilateral" for s in SIGNS)
    assert any(s.laterality != "bilateral" for s in SIGNS)
