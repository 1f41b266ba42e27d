from dataclasses import replace
from math import erf, exp, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perception import scenery
from perception.scenery import COARSE, HEART, LEFT, RIGHT, chest
from whyray.domain import Engine, Geometry, Image, Observations, Region, SignObservation
from whyray.perception import DETECTORS, Scene, build_scene, observe
from whyray.perception.detectors.cardiothoracic import beyond_limit, thorax_extent

HEART_SIGN, HAZY = "enlarged_heart", "hazy_opacity"


def look(drawn: scenery.Chest, folder: Path, **outputs: Any) -> Observations:
    return observe(drawn.image(), scenery.pack(), scenery.engine(folder, drawn, **outputs))


def value(sign: SignObservation, measure: str) -> float:
    return next(m.value for m in sign.measurements if m.id == measure)


# --- the whole look -------------------------------------------------------------------------------------------------


def test_every_sign_of_the_pack_has_exactly_one_observation_in_its_order(tmp_path: Path) -> None:
    seen = look(chest(), tmp_path)
    assert [s.id for s in seen.signs] == [s.id for s in scenery.pack().signs]
    for definition, observed in zip(scenery.pack().signs, seen.signs, strict=True):
        first = definition.detector is not None and definition.detector.kind != "closer"
        sized = first and definition.detector is not None and definition.detector.params.get("span_mm", [0])[0] > 0
        assert observed.ran == (first and not sized)
        assert (observed.reason == "no_spacing") == sized
        assert (observed.reason == "needs_closer_look") == (definition.detector is not None and not first)
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
    drawn = chest(heart_width=0.47)
    logits, maps = loud("Edema")
    patch = scenery.disc(drawn.shape, 0.72, 0.4, 0.1)
    signs = scenery.sign_maps(drawn.shape, hazy=(patch, 3.0), nodule=(patch, 0.0))
    seen = look(drawn, tmp_path, logits=logits, maps=maps, signs=signs)
    limit = scenery.pack().settings["evidence_threshold"]
    assert {s.id for s in seen.signs if s.region is not None} == {HEART_SIGN, HAZY, "pulmonary_edema_pattern"}
    for sign in seen.signs:
        assert (sign.region is not None) == (sign.score >= limit), sign.id
        assert 0 <= sign.score <= 1


@pytest.mark.parametrize("shape", [(480, 480), (640, 400), (400, 610)])
def test_masks_lie_inside_the_image_and_the_heart_where_it_was_drawn(tmp_path: Path, shape: tuple[int, int]) -> None:
    drawn = chest(*shape, heart_width=0.47)
    signs = scenery.sign_maps(shape, **{c: (np.ones(shape, dtype=np.bool_), 3.0) for c in scenery.sign_channels()})
    seen = look(drawn, tmp_path, signs=signs)
    shown = [r for s in seen.signs for r in (s.region, s.erase) if r is not None]
    assert len(shown) == len(scenery.mapped()) + 2
    for region in shown:
        assert (region.rows, region.cols) == shape
        x0, y0, x1, y1 = region.bbox
        assert 0 <= x0 < x1 <= shape[1]
        assert 0 <= y0 < y1 <= shape[0]
    sign, heart = seen.sign(HEART_SIGN), Region.from_mask(drawn.masks[HEART])
    assert sign is not None
    assert sign.region is not None
    assert heart is not None
    assert sign.region.iou(heart) > 0.96


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_a_blank_picture_shows_nothing_and_is_not_usable(tmp_path: Path, level: float) -> None:
    blank = scenery.Chest(np.full((300, 400), level), {})
    seen = look(blank, tmp_path, gate=np.array([-4.0], dtype=np.float32))
    assert not [s.id for s in seen.signs if s.region is not None]
    assert not seen.quality.usable
    assert {r.code for r in seen.quality.reasons} == {"NOT_ADULT_FRONTAL", "ANATOMY_UNCLEAR"}
    assert seen.zones == {}


@pytest.mark.parametrize("absent", [RIGHT, LEFT, HEART])
def test_signs_that_need_a_missing_structure_did_not_run(tmp_path: Path, absent: str) -> None:
    drawn = chest(heart_width=0.47)
    anatomy = scenery.answers({k: m for k, m in drawn.masks.items() if k != absent}, drawn.shape)
    seen = look(drawn, tmp_path, anatomy=anatomy)
    lungless = [] if absent == HEART else [s.id for s in scenery.mapped()]
    for name in (HEART_SIGN, *lungless):
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


@pytest.mark.parametrize(("view", "limit"), [("PA", 0.50), ("AP", 0.60), ("UNKNOWN", 0.55), ("LATERAL", 0.55)])
def test_the_heart_score_is_the_probability_beyond_the_limit_of_the_view(
    tmp_path: Path, view: str, limit: float
) -> None:
    drawn = chest(heart_width=0.47)
    engine: Engine = scenery.engine(tmp_path, drawn)
    sign = observe(drawn.image(view=view), scenery.pack(), engine).sign(HEART_SIGN)
    assert sign is not None
    ratio = value(sign, "cardiothoracic_ratio")
    assert sign.score == pytest.approx(0.5 * (1 + erf((ratio - limit) / (0.02 * sqrt(2)))))
    assert sign.measurements[0].uncertainty == 0.02


def test_the_heart_score_knows_how_far_readers_differ_and_the_measurement_does_not(tmp_path: Path) -> None:
    drawn = chest(heart_width=0.47)
    engine: Engine = scenery.engine(tmp_path, drawn)
    reference = {**engine.card.reference, "cardiothoracic_spread": 0.05}
    engine.card = replace(engine.card, reference=reference)  # type: ignore[misc]
    sign = observe(drawn.image(view="PA"), scenery.pack(), engine).sign(HEART_SIGN)
    assert sign is not None
    ratio = value(sign, "cardiothoracic_ratio")
    assert sign.score == pytest.approx(0.5 * (1 + erf((ratio - 0.5) / (0.05 * sqrt(2)))))
    assert sign.measurements[0].uncertainty == 0.02


@pytest.mark.parametrize(("spacing", "unit", "factor"), [(None, "px", 1.0), ((0.3, 0.5), "mm", 0.5)])
def test_heart_width_is_in_millimetres_only_with_spacing(
    tmp_path: Path, spacing: tuple[float, float] | None, unit: str, factor: float
) -> None:
    drawn = chest(heart_width=0.47)
    image: Image = drawn.image(geometry=Geometry(480, 480, spacing))
    sign = observe(image, scenery.pack(), scenery.engine(tmp_path, drawn)).sign(HEART_SIGN)
    assert sign is not None
    assert sign.region is not None
    width = next(m for m in sign.measurements if m.id == "heart_width")
    assert width.unit == unit
    assert width.value == pytest.approx(factor * (sign.region.bbox[2] - sign.region.bbox[0]))


def test_the_drawn_lines_are_as_long_as_the_widths(tmp_path: Path) -> None:
    sign = look(chest(heart_width=0.47), tmp_path).sign(HEART_SIGN)
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


def test_swapped_lungs_that_touch_do_not_break_the_ratio(tmp_path: Path) -> None:
    drawn = chest()
    half = np.arange(480)[None, :] < 240
    body = np.zeros((480, 480), dtype=np.bool_)
    body[100:380, 80:400] = True
    anatomy = scenery.answers({RIGHT: body & ~half, LEFT: body & half, HEART: drawn.masks[HEART]}, drawn.shape)
    sign = look(drawn, tmp_path, anatomy=anatomy).sign(HEART_SIGN)
    assert sign is not None
    assert sign.region is None


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


# --- signs learned from signs drawn into films ----------------------------------------------------------------------


def test_air_at_the_wall_of_a_lung_carries_its_depths(tmp_path: Path) -> None:
    drawn = chest()
    y, x = np.mgrid[:480, :480]
    columns = np.flatnonzero(drawn.masks[RIGHT].any(axis=0))
    air = drawn.masks[RIGHT] & ((x < columns[0] + 60) | (y < np.flatnonzero(drawn.masks[RIGHT].any(axis=1))[0] + 50))
    seen = look(drawn, tmp_path, signs=scenery.sign_maps(drawn.shape, pneumothorax=(air, 4.0)))
    sign = seen.sign("pleural_air")
    assert sign is not None
    assert sign.region is not None
    assert value(sign, "right_apical_air_depth") > 40
    assert value(sign, "right_lateral_air_depth") == pytest.approx(60, abs=20)
    assert not [m for m in sign.measurements if m.id.startswith("left")]
    silent = look(drawn, tmp_path).sign("pleural_air")
    assert silent is not None
    assert silent.ran
    assert silent.measurements == ()
