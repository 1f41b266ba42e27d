from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from perception import scenery
from perception.scenery import HEART, LEFT, RIGHT, chest
from whyray.perception import Scene, build_scene
from whyray.perception.detectors.central import features as central_features
from whyray.perception.detectors.common import local_strength, sign_score, solid
from whyray.perception.detectors.opacities import candidate
from whyray.perception.opacity import above_normal, bins, density_index, opacity_map


def scene_of(drawn: scenery.Chest, folder: Path) -> Scene:
    return build_scene(drawn.image(), scenery.pack(), scenery.engine(folder, drawn))


def patch(shape: tuple[int, int], cx: float, cy: float, radius: float) -> np.ndarray:
    y, x = scenery.axes(*shape)
    return np.asarray(np.hypot(x - cx, y - cy) < radius)


def test_index_is_zero_in_clear_lung_and_one_in_the_heart(tmp_path: Path) -> None:
    scene = scene_of(chest(), tmp_path)
    index = density_index(scene, HEART)
    assert index is not None
    assert np.median(index[scene.lungs[RIGHT].mask]) == pytest.approx(0, abs=0.03)
    assert np.median(index[scene.masks[HEART]]) == pytest.approx(1, abs=0.01)


def test_an_added_patch_is_found_where_it_was_added_and_nowhere_else(tmp_path: Path) -> None:
    drawn = chest()
    added = patch(drawn.shape, 0.72, 0.42, 0.08)
    plain, changed = scene_of(drawn, tmp_path), scene_of(drawn.brighter(added, 0.30), tmp_path)
    before, after = opacity_map(plain, HEART), opacity_map(changed, HEART)
    assert before is not None
    assert after is not None
    inside = plain.frame.to_grid(patch(drawn.shape, 0.72, 0.42, 0.05).astype(np.float32)) > 0.9
    near = plain.frame.to_grid(patch(drawn.shape, 0.72, 0.42, 0.13).astype(np.float32)) > 0.01
    lungs = np.any([lung.mask for lung in plain.lungs.values()], axis=0)
    assert (after.excess - before.excess)[inside].min() > 4.5  # 0.30 of the 0.50 between lung and heart, spread 0.1
    assert np.abs(after.excess - before.excess)[lungs & ~near].max() < 0.2
    found = candidate(changed, after, "hazy")
    assert found[inside].all()
    assert not (found & ~near).any()
    assert not candidate(plain, before, "hazy")[near & lungs].any()


def lungs_of(scene: Scene) -> np.ndarray:
    return np.asarray(np.any([lung.mask for lung in scene.lungs.values()], axis=0))


def with_atlas(scene: Scene, **table: object) -> Scene:
    """The scene, not measured yet, beside a card in which both lungs have the atlas `table`."""
    reference = {**scene.card.reference, "opacity_atlas": {RIGHT: table, LEFT: table}}
    return replace(scene, card=replace(scene.card, reference=reference), memo={})


def test_excess_is_what_exceeds_the_own_clear_quarter_and_the_shift_in_spreads_of_the_place(tmp_path: Path) -> None:
    mean, shift, spread = [[0.1, 0.2], [0.3, 0.4]], [[0.05, 0.1], [0.02, -0.1]], [[0.1, 0.2], [0.4, 0.5]]
    scene = with_atlas(scene_of(chest(), tmp_path), mean=mean, shift=shift, spread=spread)
    index, made = density_index(scene, HEART), opacity_map(scene, HEART)
    assert index is not None
    assert made is not None
    places = []
    for lung in scene.lungs.values():
        for row, col in ((0, 0), (0, 1), (1, 0), (1, 1)):
            low = lung.v < 0.5 if row == 0 else lung.v >= 0.5
            near = lung.u < 0.5 if col == 0 else lung.u >= 0.5
            places.append((lung.mask & low & near, row, col))
    own = np.percentile(np.concatenate([index[m] - mean[r][c] for m, r, c in places]), 25)
    assert own < -0.2
    for place, row, col in places:
        expected = (index[place] - mean[row][col] - own - shift[row][col]) / spread[row][col]
        np.testing.assert_allclose(made.excess[place], expected, atol=1e-4)
    assert np.abs(made.excess[~lungs_of(scene)]).max() == 0


def test_a_quarter_of_both_lungs_together_lies_below_their_own_clear_quarter(tmp_path: Path) -> None:
    scene = scene_of(chest(), tmp_path)
    index = density_index(scene, HEART)
    assert index is not None
    difference, lungs = above_normal(scene, index), lungs_of(scene)
    assert (difference[lungs] < 0).mean() == pytest.approx(0.25, abs=0.005)
    assert np.abs(difference[~lungs]).max() == 0


def test_bins_end_inside_the_table(tmp_path: Path) -> None:
    lung = scene_of(chest(), tmp_path).lungs[RIGHT]
    v, u = bins(lung, 4, 3)
    assert (v[lung.mask].min(), v[lung.mask].max()) == (0, 3)
    assert (u[lung.mask].min(), u[lung.mask].max()) == (0, 2)


def test_the_map_is_blind_to_exposure(tmp_path: Path) -> None:
    drawn = chest()
    dim = replace(drawn, pixels=0.5 * drawn.pixels + 0.2)
    one, two = (opacity_map(scene_of(d, tmp_path), HEART) for d in (drawn, dim))
    assert one is not None
    assert two is not None
    np.testing.assert_allclose(one.excess, two.excess, atol=0.02)


@pytest.mark.parametrize("lift", [-0.1, 0.1, 0.2])
def test_a_uniform_brightening_of_both_lungs_changes_nothing(tmp_path: Path, lift: float) -> None:
    """A patch of 60 % of the way from lung to heart stays one, however white the display makes the lungs."""
    drawn = chest()
    aired = scenery.grown(drawn.masks[RIGHT] | drawn.masks[LEFT]) & ~drawn.masks[HEART]
    added = patch(drawn.shape, 0.72, 0.42, 0.08) & drawn.masks[LEFT]
    contrast = scenery.DENSE - scenery.AIR
    for share in (0.0, 0.6):
        films = (drawn.brighter(added, share * contrast), drawn.brighter(aired, lift))
        films = (films[0], films[1].brighter(added, share * (contrast - lift)))
        scenes = [scene_of(film, tmp_path) for film in films]
        plain, lifted = (opacity_map(scene, HEART) for scene in scenes)
        assert plain is not None
        assert lifted is not None
        difference = np.abs(lifted.excess - plain.excess)[lungs_of(scenes[0])]
        assert np.quantile(difference, 0.99) < 0.15
        assert difference.max() < 0.5  # beside the heart and the chest wall, which were not lifted
        masks = [candidate(scene, m, "hazy") for scene, m in zip(scenes, (plain, lifted), strict=True)]
        assert masks[0].any() == (share > 0)
        assert (masks[0] ^ masks[1]).sum() <= 0.02 * masks[0].sum()


def test_lungs_that_are_white_all_over_are_no_opacity_even_where_a_clear_rest_sets_the_scale(tmp_path: Path) -> None:
    """Four fifths of the lungs are lifted alike: the index ends at the dark rest, the excess at the own quarter."""
    drawn = chest()
    y, _ = scenery.axes(*drawn.shape)
    both = drawn.masks[RIGHT] | drawn.masks[LEFT]
    upper = y < np.quantile(np.broadcast_to(y, both.shape)[both], 0.8)
    scene = scene_of(drawn.brighter(scenery.grown(both) & ~drawn.masks[HEART] & upper, 0.2), tmp_path)
    made = opacity_map(scene, HEART)
    assert made is not None
    lungs = lungs_of(scene)
    assert np.median(made.index[lungs]) > 0.3
    assert np.abs(np.percentile(made.excess[lungs], (30, 95))).max() < 0.5
    assert np.percentile(made.excess[lungs], 10) < -3
    assert not candidate(scene, made, "hazy").any()


def test_an_atlas_that_is_whiter_everywhere_reads_the_same(tmp_path: Path) -> None:
    scene = scene_of(chest(), tmp_path)
    one, two = (
        opacity_map(with_atlas(scene, mean=[[mean]], shift=[[0.0]], spread=[[0.1]]), HEART) for mean in (0.0, 0.4)
    )
    assert one is not None
    assert two is not None
    np.testing.assert_allclose(one.excess, two.excess, atol=1e-4)


def test_no_map_without_a_heart_a_lung_or_contrast(tmp_path: Path) -> None:
    drawn = chest()
    scene = scene_of(drawn, tmp_path)
    assert opacity_map(scene, HEART) is not None
    assert density_index(replace(scene, masks={k: m for k, m in scene.masks.items() if k != HEART}), HEART) is None
    assert density_index(replace(scene, lungs={}), HEART) is None
    assert density_index(replace(scene, grid=np.full_like(scene.grid, 0.5)), HEART) is None


def test_the_map_is_measured_once(tmp_path: Path) -> None:
    scene = scene_of(chest(), tmp_path)
    assert opacity_map(scene, HEART) is opacity_map(scene, HEART)


def test_central_features_tell_wings_from_a_veil_and_from_one_side(tmp_path: Path) -> None:
    drawn = chest()
    inner = {side: patch(drawn.shape, cx, 0.5, 0.1) for side, cx in ((RIGHT, 0.33), (LEFT, 0.67))}
    both = drawn.brighter((inner[RIGHT] | inner[LEFT]) & ~drawn.masks[HEART], 0.25)
    one = drawn.brighter(inner[RIGHT] & ~drawn.masks[HEART], 0.25)
    rows = {}
    for name, film in (("none", drawn), ("both", both), ("one", one)):
        scene = scene_of(film, tmp_path)
        opacity = opacity_map(scene, HEART)
        assert opacity is not None
        rows[name] = central_features(scene, opacity)
    assert rows["both"][0] > rows["none"][0] + 1
    assert rows["one"][0] < rows["none"][0] + 0.3
    assert rows["both"][1] > rows["one"][1] > rows["none"][1]
    assert rows["both"][2] > 0.85
    assert rows["one"][2] < 0.6


def test_solid_drops_specks_and_fills_holes() -> None:
    mask = np.zeros((100, 100), dtype=np.bool_)
    mask[20:60, 20:60] = True
    mask[35:40, 35:40] = False
    mask[80:83, 80:83] = True
    kept = solid(mask)
    assert kept[37, 37]
    assert not kept[78:, 78:].any()
    assert kept[25:55, 25:55].all()
    assert not solid(np.zeros((20, 20), dtype=np.bool_)).any()


# --- scores ---------------------------------------------------------------------------------------------------------


def with_model(scene: Scene, **model: object) -> Scene:
    reference = {**scene.card.reference, "sign_models": {"drawn": model}}
    return replace(scene, card=replace(scene.card, reference=reference))


def test_a_sign_score_weighs_what_was_measured_against_the_network(tmp_path: Path) -> None:
    scene = with_model(
        scene_of(chest(), tmp_path),
        coefficients=[2.0, -1.0],
        intercept=0.5,
        measured_weight=0.8,
        network_weight=0.3,
        bias=-0.4,
    )
    z = 0.8 * (2.0 * 1.0 - 1.0 * 0.5 + 0.5) + 0.3 * 1.5 - 0.4
    assert sign_score(scene, "drawn", (1.0, 0.5), 1.5) == pytest.approx(1 / (1 + np.exp(-z)))
    assert sign_score(scene, "drawn", (1e6, 0.0), 0.0) == pytest.approx(1.0)
    assert sign_score(scene, "drawn", (-1e6, 0.0), 0.0) == pytest.approx(0.0)
    assert sign_score(scene, "drawn", (0.0, 0.0), 1e6) == pytest.approx(1.0)


def test_without_network_weight_the_network_says_nothing(tmp_path: Path) -> None:
    model = scenery.sign_model([1.0], 0.2)
    scene = with_model(scene_of(chest(), tmp_path), **model)
    assert sign_score(scene, "drawn", (0.3,), 50.0) == sign_score(scene, "drawn", (0.3,), -50.0)


def speaking(scene: Scene, **cells: tuple[int, int]) -> Scene:
    """The scene with class maps of 0 but for one cell of 10 a head; logits are the maps' means plus 0.7."""
    maps = dict(scene.maps)
    for head, cell in cells.items():
        maps[head] = np.zeros((scenery.COARSE, scenery.COARSE), dtype=np.float32)
        maps[head][cell] = 10.0
    return replace(scene, maps=maps, logits={**scene.logits, **dict.fromkeys(cells, 0.1 + 0.7)})


def cells(*places: tuple[int, int]) -> np.ndarray:
    mask = np.zeros((scenery.SIZE, scenery.SIZE), dtype=np.bool_)
    step = scenery.SIZE // scenery.COARSE
    for row, col in places:
        mask[row * step : (row + 1) * step, col * step : (col + 1) * step] = True
    return mask


def test_local_strength_is_the_calibrated_class_map_inside_the_mask_above_the_base_rate(tmp_path: Path) -> None:
    scene = speaking(scene_of(chest(), tmp_path), Edema=(3, 7))
    scene.card.calibration["Edema"].update(scale=0.5, shift=-1.0, base=-3.0)
    for mask, here in (
        (cells((3, 7)), 10.0),
        (cells((3, 7), (3, 8)), 5.0),
        (cells((3, 6), (7, 3)), 0.0),
        (cells(), 0.0),
    ):
        assert local_strength(scene, ["Edema"], mask) == pytest.approx(0.5 * (here + 0.7) - 1.0 + 3.0, abs=1e-5)


def test_local_strength_of_the_whole_grid_is_that_of_the_film(tmp_path: Path) -> None:
    scene = speaking(scene_of(chest(), tmp_path), Edema=(3, 7))
    everywhere = np.ones((scenery.SIZE, scenery.SIZE), dtype=np.bool_)
    assert local_strength(scene, ["Edema"], everywhere) == pytest.approx(scene.logits["Edema"] + 2.0, abs=1e-5)


def test_local_strength_of_an_empty_mask_is_the_weakest_place(tmp_path: Path) -> None:
    scene = speaking(scene_of(chest(), tmp_path), Edema=(3, 7))
    scene.maps["Edema"][9, 9] = -6.0  # type: ignore[index]
    empty, weakest = cells(), cells((9, 9))
    assert local_strength(scene, ["Edema"], empty) == pytest.approx(local_strength(scene, ["Edema"], weakest))


def test_local_strength_is_the_mean_over_the_heads(tmp_path: Path) -> None:
    scene = speaking(scene_of(chest(), tmp_path), Edema=(3, 7), Pneumonia=(5, 2))
    mask = cells((3, 7))
    one, other = (local_strength(scene, [head], mask) for head in ("Edema", "Pneumonia"))
    assert one == pytest.approx(other + 10, abs=1e-5)
    assert local_strength(scene, ["Edema", "Pneumonia"], mask) == pytest.approx((one + other) / 2)
