from pathlib import Path

import numpy as np
import pytest

from perception import scenery
from perception.scenery import HEART, LEFT, RIGHT, SIZE, chest
from whyray.domain import Frame, Region
from whyray.perception import build_scene
from whyray.perception.scene import clean, enlarge, lung_frame, lung_ids, outlined, percentiles, stretch

SHAPES = [(480, 480), (600, 420), (420, 640), (333, 517)]


def iou(region: Region | None, mask: np.ndarray) -> float:
    assert region is not None
    other = Region.from_mask(mask)
    assert other is not None
    return region.iou(other)


@pytest.mark.parametrize("shape", SHAPES)
def test_masks_come_back_to_the_source_pixels_they_were_drawn_on(tmp_path: Path, shape: tuple[int, int]) -> None:
    drawn = chest(*shape)
    scene = build_scene(drawn.image(), scenery.pack(), scenery.engine(tmp_path, drawn))
    regions = {s.id: s.region for s in scene.structures}
    for name, mask in drawn.masks.items():
        assert iou(regions[name], mask) > 0.96, name
        assert regions[name].mask().shape == shape


def test_every_structure_of_the_pack_is_listed_once_and_unseen_ones_are_none(tmp_path: Path) -> None:
    drawn = chest()
    scene = build_scene(drawn.image(), scenery.pack(), scenery.engine(tmp_path, drawn))
    areas = [s.id for s in scenery.pack().structures if s.landmark is None]
    assert [s.id for s in scene.structures] == areas
    for structure in scene.structures:
        seen = structure.id in (RIGHT, LEFT, HEART)
        assert (structure.region is not None) == seen
        assert (structure.confidence > 0.9) == seen
    assert set(scene.masks) == {RIGHT, LEFT, HEART}


def test_a_letterboxed_answer_is_read_at_the_place_computed_by_hand(tmp_path: Path) -> None:
    """600 x 300 pixels on a 320 grid: scale 8/15, 80 empty columns at the left; cell (x, y) is pixel ((x-80)/.533)."""
    drawn = scenery.chest(600, 300)
    anatomy = np.full((len(scenery.CHANNELS), 160, 160), -8.0, dtype=np.float32)
    anatomy[2, 40:80, 60:90] = 8.0  # half-size cells: grid x 120..180, y 80..160
    scene = build_scene(drawn.image(), scenery.pack(), scenery.engine(tmp_path, drawn, anatomy=anatomy))
    region = {s.id: s.region for s in scene.structures}[HEART]
    assert region is not None
    assert region.bbox == pytest.approx((75, 150, 187.5, 300), abs=1.1)


def test_engine_gets_the_stretched_letterboxed_film_once(tmp_path: Path) -> None:
    drawn = chest(600, 300)
    engine = scenery.engine(tmp_path, drawn)
    scene = build_scene(drawn.image(), scenery.pack(), engine)
    assert engine.calls == 1
    assert scene.grid.shape == (SIZE, SIZE)
    assert scene.grid[:, :79].max() == 0
    assert scene.grid[:, 241:].max() == 0
    assert 0.9 < scene.grid[:, 80:240].max() <= 1


def test_stretch_is_blind_to_exposure() -> None:
    film = chest().pixels.astype(np.float32)
    np.testing.assert_allclose(stretch(film), stretch(0.4 * film + 0.3), atol=1e-4)
    assert stretch(np.full((50, 50), 0.7, dtype=np.float32)).max() == 0


@pytest.mark.parametrize("side", ["right", "left"])
def test_lung_coordinates_run_from_apex_to_base_and_from_medial_to_lateral(side: str) -> None:
    mask = np.zeros((100, 100), dtype=np.bool_)
    mask[20:81, 10:41] = True
    frame = lung_frame(mask, side)
    lateral, medial = (10, 40) if side == "right" else (40, 10)
    for y in (20, 50, 80):
        assert frame.u[y, medial] == 0
        assert frame.u[y, lateral] == 1
        assert frame.u[y, 25] == pytest.approx(0.5)
    assert frame.v[20, 25] == 0
    assert frame.v[80, 25] == 1
    assert frame.v[50, 25] == pytest.approx(0.5)
    assert np.all(np.diff(frame.v[:, 25]) >= 0)


def test_lung_width_coordinate_follows_each_row() -> None:
    mask = np.zeros((60, 60), dtype=np.bool_)
    for y in range(10, 50):
        mask[y, 5 : 10 + y] = True
    left = lung_frame(mask, "left")
    for y in range(10, 50):
        assert left.u[y, 5] == 0
        assert left.u[y, 9 + y] == 1


def test_both_drawn_lungs_have_their_lateral_edge_away_from_the_heart(tmp_path: Path) -> None:
    drawn = chest()
    scene = build_scene(drawn.image(), scenery.pack(), scenery.engine(tmp_path, drawn))
    assert tuple(scene.lungs) == (RIGHT, LEFT) == lung_ids(scenery.pack())
    ys = np.flatnonzero(scene.lungs[RIGHT].mask[:, 90])
    y = ys[len(ys) // 2]
    right, left = scene.lungs[RIGHT].u[y], scene.lungs[LEFT].u[y]
    assert right[60] > right[90] > right[110]
    assert left[250] > left[230] > left[210]


def test_clean_keeps_the_largest_part_fills_holes_and_drops_specks() -> None:
    soft = np.zeros((100, 100), dtype=np.float32)
    soft[10:50, 10:50] = 0.9
    soft[25:30, 25:30] = 0.1
    soft[70:80, 70:80] = 0.9
    kept = clean(soft)
    assert kept is not None
    assert kept.sum() == 1600
    soft[:] = 0
    soft[4:7, 4:7] = 1
    assert clean(soft) is None
    assert clean(np.zeros((100, 100), dtype=np.float32)) is None


@pytest.mark.parametrize(("width", "lung", "stands"), [(7, 20, True), (6, 20, False), (6, 17, True), (20, 0, False)])
def test_a_piece_of_a_dome_narrower_than_a_third_of_its_lung_is_none(width: int, lung: int, stands: bool) -> None:
    """Seven of twenty columns are .35, what the pack asks for; without the lung there is nothing to measure against."""
    channels = {name: np.zeros((40, 40), np.float32) for name in scenery.CHANNELS}
    channels[LEFT][5:25, 10 : 10 + lung] = 1
    channels["left_hemidiaphragm"][25:28, 8 : 8 + width] = 1
    kept = outlined(channels, scenery.pack())
    assert ("left_hemidiaphragm" in kept) == stands
    assert (LEFT in kept) == (lung > 0)
    if stands:
        assert np.array_equal(kept["left_hemidiaphragm"], channels["left_hemidiaphragm"] > 0)


def test_enlarge_repeats_cells() -> None:
    mask = np.array([[True, False], [False, True]])
    assert np.array_equal(enlarge(mask, 4), np.kron(mask, np.ones((2, 2), dtype=np.bool_)))


def test_a_region_of_nothing_is_none_and_of_a_soft_map_is_cut_at_one_half(tmp_path: Path) -> None:
    drawn = chest()
    scene = build_scene(drawn.image(), scenery.pack(), scenery.engine(tmp_path, drawn))
    assert scene.region(np.zeros((SIZE, SIZE))) is None
    soft = np.zeros((SIZE, SIZE), dtype=np.float32)
    soft[100:200, 100:200] = 1.0
    region = scene.region(soft)
    assert region is not None
    assert region.bbox == (150, 150, 300, 300)


def test_a_hole_in_an_answer_is_filled_on_the_source_as_on_the_grid(tmp_path: Path) -> None:
    drawn = chest()
    y, x = scenery.axes(*drawn.shape)
    holed = {**drawn.masks, RIGHT: drawn.masks[RIGHT] & ~((abs(y - 0.45) < 0.05) & (abs(x - 0.28) < 0.05))}
    anatomy = scenery.answers(holed, drawn.shape)
    scene = build_scene(drawn.image(), scenery.pack(), scenery.engine(tmp_path, drawn, anatomy=anatomy))
    region = {s.id: s.region for s in scene.structures}[RIGHT]
    assert scene.masks[RIGHT][144, 90]
    assert iou(region, drawn.masks[RIGHT]) > 0.96


def test_an_edge_in_the_middle_of_a_cell_stays_there(tmp_path: Path) -> None:
    """640 columns on a 160 grid: a cell is 4 pixels; a block from pixel 250 to 390 ends in the middle of cells."""
    drawn = chest(640, 640)
    block = np.zeros((640, 640), dtype=np.bool_)
    block[200:400, 250:390] = True
    anatomy = scenery.answers({**drawn.masks, HEART: block}, drawn.shape)
    scene = build_scene(drawn.image(), scenery.pack(), scenery.engine(tmp_path, drawn, anatomy=anatomy))
    region = {s.id: s.region for s in scene.structures}[HEART]
    assert region is not None
    assert region.bbox[2] - region.bbox[0] == pytest.approx(140, abs=2)


def test_a_picture_smaller_than_the_grid_is_still_read(tmp_path: Path) -> None:
    drawn = chest(160, 200)
    scene = build_scene(drawn.image(), scenery.pack(), scenery.engine(tmp_path, drawn))
    assert scene.frame == Frame(160, 200, SIZE)
    assert {s.id for s in scene.structures if s.region is not None} == {RIGHT, LEFT, HEART}


@pytest.mark.parametrize("size", [1, 2, 3, 50, 101, 2500])
@pytest.mark.parametrize("levels", [4, 255, 1_000_000])
def test_percentiles_are_numpys_to_the_last_bit(size: int, levels: int) -> None:
    values = np.random.default_rng(size).integers(0, levels, (size, 2)).astype(np.float32) / np.float32(levels)
    before = values.copy()
    for percents in ((1, 99), (0, 50, 100), (99, 1)):
        assert percentiles(values, percents) == np.percentile(values, percents).tolist()
    assert np.array_equal(values, before)
