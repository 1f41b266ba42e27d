from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from perception import scenery
from perception.scenery import HEART, LEFT, RIGHT, chest
from whyray.domain import Region
from whyray.perception import Scene, build_scene
from whyray.perception.quality import plausible
from whyray.perception.zones import ZONES, derive, on_source, touched


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    drawn = chest()
    made = build_scene(drawn.image(), scenery.pack(), scenery.engine(tmp_path, drawn))
    made.zones.update(derive(made))
    return made


def centre(mask: np.ndarray) -> tuple[float, float]:
    ys, xs = np.nonzero(mask)
    return float(xs.mean()), float(ys.mean())


def test_every_zone_of_the_pack_is_found_on_a_full_chest(scene: Scene) -> None:
    assert set(scene.zones) == {z.id for z in scenery.pack().zones}
    assert {z.kind for z in scenery.pack().zones} <= set(ZONES)


def test_zones_lie_on_their_own_side(scene: Scene) -> None:
    for zone in scenery.pack().zones:
        x, _ = centre(scene.zones[zone.id])
        assert (x < 160) == (zone.side == "right"), zone.id


@pytest.mark.parametrize("side", ["right", "left"])
def test_fields_follow_each_other_downwards_and_bands_outwards(scene: Scene, side: str) -> None:
    order = [
        centre(scene.zones[f"{side}_{part}"])[1] for part in ("apex", "upper_field", "middle_field", "lower_field")
    ]
    assert order == sorted(order)
    bands = [
        abs(centre(scene.zones[f"{side}_{part}"])[0] - 160) for part in ("inner_band", "middle_band", "outer_band")
    ]
    assert bands == sorted(bands)
    fields = [scene.zones[f"{side}_{part}_field"] for part in ("upper", "middle", "lower")]
    assert np.array_equal(np.any(fields, axis=0), scene.lungs[f"{side}_lung"].mask)


def test_the_costophrenic_zone_is_the_lower_outer_corner(scene: Scene) -> None:
    for side, outward in (("right", -1), ("left", 1)):
        x, y = centre(scene.zones[f"{side}_costophrenic_angle"])
        lung_x, lung_y = centre(scene.lungs[f"{side}_lung"].mask)
        assert (x - lung_x) * outward > 10
        assert y - lung_y > 40


def test_half_of_the_heart_is_cut_at_the_midline_between_the_lungs(scene: Scene) -> None:
    zone = next(z for z in scenery.pack().zones if z.kind == "structure_half")
    middle = sum(centre(lung.mask)[0] for lung in scene.lungs.values()) / 2
    _, xs = np.nonzero(scene.zones[zone.id])
    assert xs.min() >= middle
    other = replace(zone, params={**zone.params, "side": "right"})
    half = ZONES[zone.kind](scene, other)
    assert half is not None
    assert not (half & scene.zones[zone.id]).any()
    assert np.array_equal(half | scene.zones[zone.id], scene.masks[HEART])


def test_mirrored_answers_are_implausible_and_never_swap_the_sides_silently(tmp_path: Path) -> None:
    drawn = chest()
    mirrored = {RIGHT: drawn.masks[LEFT], LEFT: drawn.masks[RIGHT], HEART: drawn.masks[HEART]}
    anatomy = scenery.answers(mirrored, drawn.shape)
    scene = build_scene(drawn.image(), scenery.pack(), scenery.engine(tmp_path, drawn, anatomy=anatomy))
    assert not plausible(scene)


def test_touched_orders_by_overlap_and_leaves_out_what_is_hardly_met(scene: Scene) -> None:
    mask = scene.zones["right_lower_field"].copy()
    found = touched(scene, mask)
    assert found[0] == "right_lower_field"
    assert not [i for i in found if i.startswith("left")]
    assert "right_apex" not in found
    assert touched(scene, np.zeros_like(mask)) == ()


def test_a_small_zone_that_is_filled_by_half_counts_although_the_mask_is_large(scene: Scene) -> None:
    whole = np.any([lung.mask for lung in scene.lungs.values()], axis=0)
    assert set(touched(scene, whole)) >= {z for z in scene.zones if z != "retrocardiac"}


def test_zones_return_to_source_pixels(tmp_path: Path) -> None:
    drawn = chest(640, 400)
    scene = build_scene(drawn.image(), scenery.pack(), scenery.engine(tmp_path, drawn))
    scene.zones.update(derive(scene))
    regions = on_source(scene)
    merged = np.any([regions[f"right_{p}_field"].mask() for p in ("upper", "middle", "lower")], axis=0)
    region, truth = Region.from_mask(merged), Region.from_mask(drawn.masks[RIGHT])
    assert region is not None
    assert truth is not None
    assert region.iou(truth) > 0.95


def test_zones_of_an_unseen_lung_do_not_exist(tmp_path: Path) -> None:
    drawn = chest()
    anatomy = scenery.answers({RIGHT: drawn.masks[RIGHT], HEART: drawn.masks[HEART]}, drawn.shape)
    scene = build_scene(drawn.image(), scenery.pack(), scenery.engine(tmp_path, drawn, anatomy=anatomy))
    zones = derive(scene)
    assert zones
    assert not [i for i in zones if not i.startswith("right")]
