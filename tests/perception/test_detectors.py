from dataclasses import replace
from math import erf, exp, log, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perception import scenery
from perception.scenery import COARSE, HEART, LEFT, RIGHT, chest
from whyray.domain import Engine, Geometry, Image, Observations, Region, SignObservation
from whyray.perception import DETECTORS, Scene, build_scene, observe
from whyray.perception.detectors.cardiothoracic import beyond_limit, row_edges, thorax_extent
from whyray.perception.detectors.costophrenic import angle_depth, features
from whyray.perception.opacity import opacity_map
from whyray.perception.scene import lung_frame
from whyray.perception.zones import derive

HEART_SIGN, ANGLE, HAZY, DENSE, WINGS = (
    "enlarged_heart",
    "costophrenic_blunting",
    "hazy_opacity",
    "consolidation_opacity",
    "bat_wing_opacity",
)
MEASURED = (HEART_SIGN, ANGLE, HAZY, DENSE, WINGS)


def look(drawn: scenery.Chest, folder: Path, **outputs: Any) -> Observations:
    return observe(drawn.image(), scenery.pack(), scenery.engine(folder, drawn, **outputs))


def value(sign: SignObservation, measure: str) -> float:
    return next(m.value for m in sign.measurements if m.id == measure)


def disc(shape: tuple[int, int], cx: float, cy: float, radius: float) -> np.ndarray:
    y, x = scenery.axes(*shape)
    return np.asarray(np.hypot(x - cx, y - cy) < radius)


def wings(drawn: scenery.Chest, *sides: str) -> np.ndarray:
    centres = {RIGHT: 0.33, LEFT: 0.67}
    parts = [disc(drawn.shape, centres[s], 0.5, 0.1) & drawn.masks[s] for s in sides]
    return np.asarray(np.any(parts, axis=0))


# --- the whole look -------------------------------------------------------------------------------------------------


def test_every_sign_of_the_pack_has_exactly_one_observation_in_its_order(tmp_path: Path) -> None:
    seen = look(chest(), tmp_path)
    assert [s.id for s in seen.signs] == [s.id for s in scenery.pack().signs]
    for definition, observed in zip(scenery.pack().signs, seen.signs, strict=True):
        assert observed.ran == (definition.detector is not None)
        assert (observed.reason == "no_detector") == (definition.detector is None)
    assert {s.detector.kind for s in scenery.pack().signs if s.detector is not None} == set(DETECTORS)


def test_the_engine_runs_once_a_look(tmp_path: Path) -> None:
    drawn = chest()
    engine = scenery.engine(tmp_path, drawn)
    observe(drawn.image(), scenery.pack(), engine)
    assert engine.calls == 1


def test_a_clear_chest_shows_no_sign(tmp_path: Path) -> None:
    seen = look(chest(), tmp_path)
    assert seen.quality.usable
    assert {s.id for s in seen.signs if s.region is not None} == set()


def test_a_region_is_there_exactly_when_the_score_reaches_the_threshold(tmp_path: Path) -> None:
    drawn = chest(heart_width=0.42, cut=(RIGHT,))
    drawn = drawn.brighter(wings(drawn, RIGHT, LEFT), 0.3)
    logits, maps = loud("Edema")
    seen = look(drawn, tmp_path, logits=logits, maps=maps)
    limit = scenery.pack().settings["evidence_threshold"]
    assert {HEART_SIGN, ANGLE, "pulmonary_edema_pattern"} <= {s.id for s in seen.signs if s.region is not None}
    for sign in seen.signs:
        assert (sign.region is not None) == (sign.score >= limit), sign.id
        assert 0 <= sign.score <= 1


@pytest.mark.parametrize("shape", [(480, 480), (640, 400), (400, 610)])
def test_masks_lie_inside_the_image_and_where_the_sign_was_drawn(tmp_path: Path, shape: tuple[int, int]) -> None:
    drawn = chest(*shape, heart_width=0.42)
    added = disc(shape, 0.72, 0.4, 0.07) & drawn.masks[LEFT]
    seen = look(drawn.brighter(added, 0.25), tmp_path)
    for sign in seen.signs:
        for region in (sign.region, sign.erase):
            if region is not None:
                assert (region.rows, region.cols) == shape
                x0, y0, x1, y1 = region.bbox
                assert 0 <= x0 < x1 <= shape[1]
                assert 0 <= y0 < y1 <= shape[0]
    shown = seen.sign(HEART_SIGN)
    heart, patch = Region.from_mask(drawn.masks[HEART]), Region.from_mask(added)
    assert shown is not None
    assert shown.region is not None
    assert heart is not None
    assert patch is not None
    assert shown.region.iou(heart) > 0.96
    opacities = [s.region for i in (HAZY, DENSE) if (s := seen.sign(i)) is not None and s.region is not None]
    assert sum(r.overlap_px(patch) for r in opacities) > 0.8 * patch.area_px


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_a_blank_picture_shows_nothing_and_is_not_usable(tmp_path: Path, level: float) -> None:
    blank = scenery.Chest(np.full((300, 400), level), {})
    seen = look(blank, tmp_path, gate=np.array([-4.0], dtype=np.float32))
    assert not [s.id for s in seen.signs if s.region is not None]
    assert not seen.quality.usable
    assert {r.code for r in seen.quality.reasons} == {"NOT_ADULT_FRONTAL", "ANATOMY_UNCLEAR"}
    assert seen.zones == {}


def test_a_blank_picture_shows_no_opacity_even_where_the_network_dreams_of_a_chest(tmp_path: Path) -> None:
    blank = replace(chest(), pixels=np.full((480, 480), 0.5))
    seen = look(blank, tmp_path)
    for name in (ANGLE, HAZY, DENSE, WINGS):
        sign = seen.sign(name)
        assert sign is not None
        assert not sign.ran


@pytest.mark.parametrize("absent", [RIGHT, LEFT, HEART])
def test_signs_that_need_a_missing_structure_did_not_run(tmp_path: Path, absent: str) -> None:
    drawn = chest(heart_width=0.42)
    anatomy = scenery.answers({k: m for k, m in drawn.masks.items() if k != absent}, drawn.shape)
    seen = look(drawn, tmp_path, anatomy=anatomy)
    for name in MEASURED:
        sign = seen.sign(name)
        assert sign is not None
        assert (sign.ran, sign.score, sign.region, sign.reason) == (False, 0.0, None, "structure_not_visible")
    assert not seen.quality.usable


# --- enlarged heart -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [0.22, 0.31, 0.40])
@pytest.mark.parametrize("shape", [(480, 480), (700, 520)])
def test_the_cardiothoracic_ratio_is_right_within_two_percent(
    tmp_path: Path, width: float, shape: tuple[int, int]
) -> None:
    drawn = chest(*shape, heart_width=width)
    right, left = (np.flatnonzero(drawn.masks[s].any(axis=0)) for s in (RIGHT, LEFT))
    columns = np.flatnonzero(drawn.masks[HEART].any(axis=0))
    truth = (columns[-1] - columns[0] + 1) / (left[-1] - right[0] + 1)
    sign = look(drawn, tmp_path).sign(HEART_SIGN)
    assert sign is not None
    assert value(sign, "cardiothoracic_ratio") == pytest.approx(truth, rel=0.02)


@pytest.mark.parametrize(("view", "limit"), [("PA", 0.50), ("AP", 0.55), ("UNKNOWN", 0.52), ("LATERAL", 0.52)])
def test_the_heart_score_is_the_probability_beyond_the_limit_of_the_view(
    tmp_path: Path, view: str, limit: float
) -> None:
    drawn = chest(heart_width=0.40)
    engine: Engine = scenery.engine(tmp_path, drawn)
    sign = observe(drawn.image(view=view), scenery.pack(), engine).sign(HEART_SIGN)
    assert sign is not None
    ratio = value(sign, "cardiothoracic_ratio")
    assert sign.score == pytest.approx(0.5 * (1 + erf((ratio - limit) / (0.02 * sqrt(2)))))
    assert sign.measurements[0].uncertainty == 0.02


@pytest.mark.parametrize(("spacing", "unit", "factor"), [(None, "px", 1.0), ((0.3, 0.5), "mm", 0.5)])
def test_heart_width_is_in_millimetres_only_with_spacing(
    tmp_path: Path, spacing: tuple[float, float] | None, unit: str, factor: float
) -> None:
    drawn = chest(heart_width=0.42)
    image: Image = drawn.image(geometry=Geometry(480, 480, spacing))
    sign = observe(image, scenery.pack(), scenery.engine(tmp_path, drawn)).sign(HEART_SIGN)
    assert sign is not None
    assert sign.region is not None
    width = next(m for m in sign.measurements if m.id == "heart_width")
    assert width.unit == unit
    assert width.value == pytest.approx(factor * (sign.region.bbox[2] - sign.region.bbox[0]))


def test_the_drawn_lines_are_as_long_as_the_widths(tmp_path: Path) -> None:
    sign = look(chest(heart_width=0.4), tmp_path).sign(HEART_SIGN)
    assert sign is not None
    ratio = sign.measurements[0]
    lengths = [line.end[0] - line.start[0] for line in ratio.lines]
    assert lengths == pytest.approx([value(sign, "heart_width"), value(sign, "thorax_width")])
    assert ratio.value == pytest.approx(lengths[0] / lengths[1])


def test_the_strips_to_erase_are_the_heart_beyond_the_limit_on_both_sides() -> None:
    mask = np.zeros((60, 200), dtype=np.bool_)
    mask[20:40, 50:150] = True
    heart = Region.from_mask(mask)
    assert heart is not None
    strips = beyond_limit(heart, 80.0)
    assert strips is not None
    columns = np.flatnonzero(strips.mask().any(axis=0))
    assert columns.tolist() == [*range(50, 64), *range(136, 150)]  # (100 - 80) / 2 plus 4 %
    assert not (strips.mask() & ~mask).any()
    narrow = beyond_limit(heart, 300.0)
    assert narrow is not None
    assert np.flatnonzero(narrow.mask().any(axis=0)).tolist() == [*range(50, 54), *range(146, 150)]


def test_the_greatest_thorax_width_is_taken_from_one_row() -> None:
    right, left = np.zeros((50, 100), dtype=np.bool_), np.zeros((50, 100), dtype=np.bool_)
    right[5:40, 20:40] = True
    right[30, 10:40] = True
    left[5:40, 60:80] = True
    left[12, 60:95] = True
    regions = [Region.from_mask(m) for m in (right, left)]
    assert thorax_extent(*regions) == (12.0, 20.0, 95.0)  # 75 px; row 30 has 70
    apart = np.zeros((50, 100), dtype=np.bool_)
    apart[45:, 60:80] = True
    assert thorax_extent(regions[0], Region.from_mask(apart)) is None


def test_row_edges_are_nan_in_empty_rows() -> None:
    mask = np.zeros((3, 10), dtype=np.bool_)
    mask[1, 2:5] = True
    edges = row_edges(mask)
    assert edges[1].tolist() == [2, 5]
    assert np.isnan(edges[[0, 2]]).all()


def test_swapped_lungs_that_touch_do_not_break_the_ratio(tmp_path: Path) -> None:
    drawn = chest()
    half = np.arange(480)[None, :] < 240
    body = np.zeros((480, 480), dtype=np.bool_)
    body[100:380, 80:400] = True
    anatomy = scenery.answers({RIGHT: body & ~half, LEFT: body & half, HEART: drawn.masks[HEART]}, drawn.shape)
    sign = look(drawn, tmp_path, anatomy=anatomy).sign(HEART_SIGN)
    assert sign is not None
    assert sign.region is None


# --- opacities ------------------------------------------------------------------------------------------------------


def test_a_hazy_patch_is_hazy_and_a_dense_one_dense(tmp_path: Path) -> None:
    drawn = chest()
    patch = disc(drawn.shape, 0.72, 0.42, 0.08) & drawn.masks[LEFT]
    for amount, present, absent in ((0.15, HAZY, DENSE), (0.48, DENSE, HAZY)):
        seen = look(drawn.brighter(patch, amount), tmp_path)
        hit, other = seen.sign(present), seen.sign(absent)
        assert hit is not None
        assert hit.region is not None
        assert all(z.startswith("left") or z == "retrocardiac" for z in hit.zones)
        truth = Region.from_mask(patch)
        assert truth is not None
        assert hit.region.iou(truth) > 0.6
        assert other is not None
        if absent == DENSE:
            assert other.score == 0
        else:
            assert other.region is None or other.region.overlap_px(truth) < 0.3 * truth.area_px


def test_a_dense_core_is_not_counted_as_hazy_too(tmp_path: Path) -> None:
    drawn = chest()
    halo = disc(drawn.shape, 0.74, 0.42, 0.12) & drawn.masks[LEFT]
    core = disc(drawn.shape, 0.74, 0.42, 0.05)
    seen = look(drawn.brighter(halo & ~core, 0.18).brighter(core, 0.5), tmp_path)
    hazy, dense = seen.sign(HAZY), seen.sign(DENSE)
    assert hazy is not None
    assert dense is not None
    assert hazy.region is not None
    assert dense.region is not None
    assert hazy.region.overlap_px(dense.region) < 0.2 * dense.region.area_px


def test_the_share_of_the_lungs_is_measured(tmp_path: Path) -> None:
    drawn = chest()
    patch = disc(drawn.shape, 0.72, 0.42, 0.09) & drawn.masks[LEFT]
    sign = look(drawn.brighter(patch, 0.15), tmp_path).sign(HAZY)
    assert sign is not None
    truth = patch.sum() / (drawn.masks[RIGHT] | drawn.masks[LEFT]).sum()
    assert value(sign, "opacity_area_fraction") == pytest.approx(truth, rel=0.3)


def test_bat_wings_need_both_sides(tmp_path: Path) -> None:
    drawn = chest()
    both = look(drawn.brighter(wings(drawn, RIGHT, LEFT), 0.3), tmp_path).sign(WINGS)
    assert both is not None
    assert both.region is not None
    assert {z.split("_")[0] for z in both.zones} >= {"right", "left"}
    for side in (RIGHT, LEFT):
        one = look(drawn.brighter(wings(drawn, side), 0.3), tmp_path).sign(WINGS)
        assert one is not None
        assert one.ran
        assert (one.score, one.region) == (0.0, None)


def test_bat_wings_are_drawn_over_the_inner_lungs(tmp_path: Path) -> None:
    drawn = chest()
    truth = wings(drawn, RIGHT, LEFT)
    sign = look(drawn.brighter(truth, 0.3), tmp_path).sign(WINGS)
    assert sign is not None
    assert sign.region is not None
    region = Region.from_mask(truth)
    assert region is not None
    assert sign.region.overlap_px(region) > 0.7 * sign.region.area_px


# --- costophrenic angle ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("side", "cx", "outward"), [("right", 0.28, -1), ("left", 0.72, 1)])
def test_the_recess_hangs_below_the_dome_until_its_corner_is_cut(side: str, cx: float, outward: float) -> None:
    whole = angle_depth(lung_frame(scenery.lung(320, 320, cx, outward), side))
    cut = angle_depth(lung_frame(scenery.lung(320, 320, cx, outward, cut=True), side))
    assert whole > 0.08
    assert cut < 0.03


def both_sides(drawn: scenery.Chest, folder: Path) -> dict[str, tuple[float, float, float, float]]:
    """Costophrenic features of the right and the left lung."""
    scene = build_scene(drawn.image(), scenery.pack(), scenery.engine(folder, drawn))
    opacity = opacity_map(scene, HEART)
    assert opacity is not None
    right, left = scene.lungs[RIGHT], scene.lungs[LEFT]
    return {RIGHT: features(right, left, opacity), LEFT: features(left, right, opacity)}


def shortened(side: str, bottom: float = 0.62) -> scenery.Chest:
    """A chest of which one lung ends at the row `bottom` already."""
    drawn = chest()
    y, _ = scenery.axes(*drawn.shape)
    return replace(drawn, masks={**drawn.masks, side: drawn.masks[side] & (y < bottom)})


SIDES = [(RIGHT, LEFT), (LEFT, RIGHT)]


@pytest.mark.parametrize(("side", "other"), SIDES)
def test_a_shortened_lung_speaks_for_its_own_side_only(tmp_path: Path, side: str, other: str) -> None:
    drawn = shortened(side)
    heights = {i: np.ptp(np.flatnonzero(drawn.masks[i].any(axis=1))) + 1 for i in (RIGHT, LEFT)}
    seen = both_sides(drawn, tmp_path)
    assert seen[side][0] == pytest.approx(np.log(heights[other] / heights[side]), abs=0.02)
    assert seen[side][0] > 0.2
    assert seen[other][0] == pytest.approx(-seen[side][0])
    assert abs(both_sides(chest(), tmp_path)[side][0]) < 0.01
    sign = look(drawn, tmp_path).sign(ANGLE)
    assert sign is not None
    assert sign.region is not None
    assert all(z.startswith(side.removesuffix("_lung")) for z in sign.zones)
    shown, own = sign.region.mask(), drawn.masks[side]
    assert not (shown & (drawn.masks[other] | drawn.masks[HEART])).any()
    rows, columns = np.nonzero(own)
    assert (shown & own).sum() > 0.6 * shown.sum()
    assert rows.max() + 8 < np.nonzero(shown)[0].max() < rows.max() + 25  # the pocket below, where fluid stands
    assert np.nonzero(shown)[0].min() > rows.min() + 0.6 * np.ptp(rows)
    assert columns.min() - 10 < np.nonzero(shown)[1].min() <= np.nonzero(shown)[1].max() < columns.max() + 10
    middle = (columns.min() + columns.max()) / 2
    assert ((np.nonzero(shown)[1] < middle) == (side == RIGHT)).mean() > 0.9


@pytest.mark.parametrize(("side", "other"), SIDES)
def test_a_white_base_counts_against_the_other_base(tmp_path: Path, side: str, other: str) -> None:
    drawn = chest()
    y, _ = scenery.axes(*drawn.shape)
    low = (y > 0.66) & np.ones(drawn.shape, dtype=np.bool_)
    bases = {i: drawn.masks[i] & low for i in (RIGHT, LEFT)}
    plain, one = both_sides(drawn, tmp_path), both_sides(drawn.brighter(bases[side], 0.2), tmp_path)
    two = both_sides(drawn.brighter(bases[side] | bases[other], 0.2), tmp_path)
    assert one[side][0] == pytest.approx(plain[side][0])
    assert one[side][3] > plain[side][3] + 2
    assert one[other][3] == pytest.approx(plain[other][3], abs=0.3)
    for feature, least in ((1, 3), (2, 1.5)):
        assert one[side][feature] > least
        assert one[other][feature] == pytest.approx(-one[side][feature])
        assert abs(two[side][feature]) < 0.3
    assert two[side][3] == pytest.approx(two[other][3], abs=0.3)
    assert two[side][3] > plain[side][3] + 2


@pytest.mark.parametrize("side", [RIGHT, LEFT])
def test_base_and_corner_are_different_places(tmp_path: Path, side: str) -> None:
    drawn = chest()
    outward = -1 if side == RIGHT else 1
    above = disc(drawn.shape, 0.5 + outward * 0.34, 0.60, 0.04) & drawn.masks[side]
    inner = disc(drawn.shape, 0.5 + outward * 0.21, 0.74, 0.04) & drawn.masks[side]
    _, base, corner, _ = both_sides(drawn.brighter(above, 0.4), tmp_path)[side]
    assert corner > base + 0.5
    assert abs(base) < 0.4
    _, base, corner, _ = both_sides(drawn.brighter(inner, 0.4), tmp_path)[side]
    assert base > corner + 0.5
    assert abs(corner) < 0.4


@pytest.mark.parametrize("side", [RIGHT, LEFT])
def test_a_cut_corner_raises_the_score_on_its_side(tmp_path: Path, side: str) -> None:
    whole, blunt = look(chest(), tmp_path).sign(ANGLE), look(chest(cut=(side,)), tmp_path).sign(ANGLE)
    assert whole is not None
    assert blunt is not None
    assert whole.region is None
    assert blunt.score > whole.score
    assert blunt.region is not None
    assert all(z.startswith(side.removesuffix("_lung")) for z in blunt.zones)
    assert value(blunt, "costophrenic_depth") < value(whole, "costophrenic_depth")


@pytest.mark.parametrize(("side", "cx"), [(RIGHT, 0.17), (LEFT, 0.83)])
def test_a_white_corner_is_shown_at_its_place(tmp_path: Path, side: str, cx: float) -> None:
    drawn = chest()
    white = disc(drawn.shape, cx, 0.76, 0.09) & drawn.masks[side]
    sign = look(drawn.brighter(white, 0.4), tmp_path).sign(ANGLE)
    assert sign is not None
    assert sign.region is not None
    truth = Region.from_mask(white)
    assert truth is not None
    assert sign.region.overlap_px(truth) > 0.6 * truth.area_px
    assert f"{side.removesuffix('_lung')}_costophrenic_angle" in sign.zones
    assert all(z.startswith(side.removesuffix("_lung")) for z in sign.zones)


# --- the network in the sign's own place ----------------------------------------------------------------------------


def weighed(drawn: scenery.Chest, folder: Path, name: str, weight: float, *cells: tuple[int, int]) -> SignObservation:
    """What one sign's detector sees when its heads speak from `cells` and nowhere else."""
    definition = scenery.pack().sign(name)
    assert definition is not None
    assert definition.detector is not None
    names = scenery.heads()
    maps = np.full((len(names), COARSE, COARSE), -4.0, dtype=np.float32)
    for head in definition.detector.params["heads"]:
        for cell in cells:
            maps[(names.index(head), *cell)] = 9.0
    engine = scenery.engine(folder, drawn, maps=maps, logits=maps.mean(axis=(1, 2)))
    for model in engine.card.reference["sign_models"].values():
        model["network_weight"] = weight
    scene = build_scene(drawn.image(), scenery.pack(), engine)
    scene.zones.update(derive(scene))
    return DETECTORS[definition.detector.kind](scene, definition)


def spotted(name: str) -> scenery.Chest:
    """A chest that shows the sign without much doubt: a patch in the left lung, wings, or a white right corner."""
    drawn = chest()
    patch = disc(drawn.shape, 0.75, 0.45, 0.08) & drawn.masks[LEFT]
    white = disc(drawn.shape, 0.17, 0.76, 0.09) & drawn.masks[RIGHT]
    mask, amount = {
        HAZY: (patch, 0.16),
        DENSE: (patch, 0.40),
        WINGS: (wings(drawn, RIGHT, LEFT), 0.2),
        ANGLE: (white, 0.2),
    }[name]
    return drawn.brighter(mask, amount)


PLACES = [
    (HAZY, [(4, 7)], [[(4, 2)], [(7, 7)], [(0, 0)]]),
    (DENSE, [(4, 7)], [[(4, 2)], [(7, 7)], [(0, 0)]]),
    (WINGS, [(4, 3), (4, 6)], [[(4, 3)], [(4, 6)], [(1, 2), (1, 7)], [(4, 0), (4, 9)]]),
    (ANGLE, [(7, 1)], [[(2, 2)], [(4, 4)], [(9, 9)]]),
]


@pytest.mark.parametrize(("name", "place", "elsewhere"), PLACES)
def test_the_network_raises_a_sign_from_its_own_place_only(
    tmp_path: Path, name: str, place: list[tuple[int, int]], elsewhere: list[list[tuple[int, int]]]
) -> None:
    drawn = spotted(name)
    silent = weighed(drawn, tmp_path, name, 0.5)
    assert 0 < silent.score < 1 - 1e-6
    assert log_odds(weighed(drawn, tmp_path, name, 0.5, *place)) > log_odds(silent) + 0.2
    for cells in elsewhere:
        assert weighed(drawn, tmp_path, name, 0.5, *cells).score == pytest.approx(silent.score, abs=1e-5), cells


@pytest.mark.parametrize(("name", "place", "elsewhere"), PLACES)
def test_the_network_counts_as_its_weight_says(
    tmp_path: Path, name: str, place: list[tuple[int, int]], elsewhere: list[list[tuple[int, int]]]
) -> None:
    drawn = spotted(name)
    none, half, whole = (log_odds(weighed(drawn, tmp_path, name, w, *place)) for w in (0.0, 0.1, 0.2))
    assert none == pytest.approx(log_odds(weighed(drawn, tmp_path, name, 0.0)))
    assert whole - none == pytest.approx(2 * (half - none), abs=1e-4)
    assert abs(whole - none) > 0.01


def test_the_network_alone_makes_no_opacity(tmp_path: Path) -> None:
    everywhere = [(row, col) for row in range(COARSE) for col in range(COARSE)]
    for name in (HAZY, DENSE, WINGS):
        sign = weighed(chest(), tmp_path, name, 5.0, *everywhere)
        assert (sign.ran, sign.score, sign.region) == (True, 0.0, None)


def test_the_network_may_see_fluid_below_the_visible_lung(tmp_path: Path) -> None:
    drawn = chest()
    silent, below = (weighed(drawn, tmp_path, ANGLE, 0.5, *cells) for cells in ([], [(8, 1)]))
    rows = np.flatnonzero(drawn.masks[RIGHT].any(axis=1))
    assert rows[-1] / drawn.shape[0] < 0.81
    assert below.score > silent.score
    far = weighed(drawn, tmp_path, ANGLE, 0.5, (9, 1))
    assert far.score == pytest.approx(silent.score, abs=1e-5)


@pytest.mark.parametrize(("side", "columns"), [("right", (1, 2, 3)), ("left", (6, 7, 8))])
def test_the_network_blunts_the_side_it_speaks_from(tmp_path: Path, side: str, columns: tuple[int, ...]) -> None:
    base = [(row, col) for row in (6, 7, 8) for col in columns]
    sign = weighed(chest(), tmp_path, ANGLE, 1.0, *base)
    assert sign.region is not None
    assert sign.zones
    assert all(z.startswith(side) for z in sign.zones)


def log_odds(sign: SignObservation) -> float:
    return log(sign.score / (1 - sign.score))


# --- class maps -----------------------------------------------------------------------------------------------------


def loud(head: str, logit: float = 2.0, cell: tuple[int, int] = (4, 7)) -> tuple[np.ndarray, np.ndarray]:
    """Logits and maps in which one head speaks, from one cell (row, column) of its map."""
    names = scenery.heads()
    logits = np.full(len(names), -4.0, dtype=np.float32)
    maps = np.full((len(names), COARSE, COARSE), -4.0, dtype=np.float32)
    logits[names.index(head)] = logit
    maps[names.index(head), cell[0], cell[1]] = 9.0
    return logits, maps


def test_a_learned_pattern_is_scored_against_the_base_rate(tmp_path: Path) -> None:
    for logit in (-4.0, -2.0, 0.0, 2.0):
        logits, maps = loud("Edema", logit)
        sign = look(chest(), tmp_path, logits=logits, maps=maps).sign("pulmonary_edema_pattern")
        assert sign is not None
        assert sign.score == pytest.approx(1 / (1 + exp(-(logit + 2.0))))  # the drawn card's base is -2
        assert value(sign, "pattern_strength") == pytest.approx(logit + 2.0)


def test_film_scores_are_calibrated_probabilities_of_all_heads(tmp_path: Path) -> None:
    logits, maps = loud("Edema", 1.0)
    drawn = chest()
    engine = scenery.engine(tmp_path, drawn, logits=logits, maps=maps)
    engine.card.calibration["Edema"].update(scale=0.5, shift=-1.5)
    seen = observe(drawn.image(), scenery.pack(), engine)
    assert set(seen.film_scores) == {d.id for d in scenery.pack().diagnoses if d.head is not None}
    assert seen.film_scores["pulmonary_edema"] == pytest.approx(1 / (1 + exp(1.0)))


def test_the_pattern_lies_at_its_cell_and_inside_the_body(tmp_path: Path) -> None:
    drawn = chest(640, 400)
    logits, maps = loud("Edema")
    seen = look(drawn, tmp_path, logits=logits, maps=maps)
    sign = seen.sign("pulmonary_edema_pattern")
    assert sign is not None
    assert sign.region is not None
    x, y = sign.region.centroid
    assert (x, y) == pytest.approx(((7.5 * 32 - 60) * 2, 4.5 * 32 * 2), abs=24)
    assert all(z.startswith("left") for z in sign.zones)
    x0, _, x1, _ = sign.region.bbox
    body = np.flatnonzero(np.any(list(drawn.masks.values()), axis=0).any(axis=0))
    assert body[0] - 30 <= x0 < x1 <= body[-1] + 30


def test_a_pattern_that_answers_outside_the_body_is_not_present(tmp_path: Path) -> None:
    logits, maps = loud("Edema", cell=(0, 0))
    sign = look(chest(), tmp_path, logits=logits, maps=maps).sign("pulmonary_edema_pattern")
    assert sign is not None
    assert sign.region is None
    assert sign.score == pytest.approx(scenery.pack().settings["evidence_threshold"] - 0.01)


def test_a_pattern_without_network_output_did_not_run(tmp_path: Path) -> None:
    drawn = chest()
    scene: Scene = build_scene(drawn.image(), scenery.pack(), scenery.engine(tmp_path, drawn))
    sign = next(s for s in scenery.pack().signs if s.id == "hernia_pattern")
    silent = replace(scene, logits={k: v for k, v in scene.logits.items() if k != "Hernia"})
    observed = DETECTORS["class_map"](silent, sign)
    assert (observed.ran, observed.reason) == (False, "no_network_output")
