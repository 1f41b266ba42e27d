from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from perception import scenery
from perception.scenery import HEART, LEFT, RIGHT, chest
from whyray.perception import Scene, build_scene
from whyray.perception.detectors.central import features as central_features
from whyray.perception.detectors.common import logistic, solid
from whyray.perception.detectors.lung_opacity import candidate
from whyray.perception.opacity import bins, density_index, opacity_map


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
    assert not candidate(plain, before, "hazy")[near & lungs].any()


def test_excess_is_counted_in_the_spread_of_the_atlas_at_the_place(tmp_path: Path) -> None:
    scene = scene_of(chest(), tmp_path)
    index = density_index(scene, HEART)
    assert index is not None
    mean, spread = [[0.1, 0.2], [0.3, 0.4]], [[0.1, 0.2], [0.4, 0.5]]
    atlas = {RIGHT: {"mean": mean, "spread": spread}, LEFT: {"mean": mean, "spread": spread}}
    card = replace(scene.card, reference={**scene.card.reference, "opacity_atlas": atlas})
    made = opacity_map(replace(scene, card=card, memo={}), HEART)
    assert made is not None
    for lung in scene.lungs.values():
        for row, col in ((0, 0), (0, 1), (1, 0), (1, 1)):
            low = lung.v < 0.5 if row == 0 else lung.v >= 0.5
            near = lung.u < 0.5 if col == 0 else lung.u >= 0.5
            place = lung.mask & low & near
            expected = (index[place] - mean[row][col]) / spread[row][col]
            np.testing.assert_allclose(made.excess[place], expected, atol=1e-4)
    outside = ~np.any([lung.mask for lung in scene.lungs.values()], axis=0)
    assert np.abs(made.excess[outside]).max() == 0


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


def test_logistic_is_the_sigmoid_of_the_weighted_sum_and_does_not_overflow() -> None:
    model = {"coefficients": [2.0, -1.0], "intercept": 0.5}
    assert logistic(model, (1.0, 0.5)) == pytest.approx(1 / (1 + np.exp(-2.0)))
    assert logistic(model, (1e6, 0.0)) == pytest.approx(1.0)
    assert logistic(model, (-1e6, 0.0)) == pytest.approx(0.0)
