from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from perception import scenery
from whyray.domain import Frame, SecondLook
from whyray.perception import build_scene, second

CELLS = 40  # of the planes; the film has four times as many pixels
HOW = SecondLook(
    file="second.onnx",
    sha256="",
    size=4 * CELLS,
    crop=(64, 80),
    cell=4,
    stride=2,
    lungs=("right_lung", "left_lung"),
    beside=(("heart",), ("right_clavicle", "left_clavicle")),
    channels=("bright", "inside"),
)
NAMES = ("heart", "left_clavicle", "left_lung", "right_clavicle", "right_lung")
PLANES = 4  # of the film: both lungs and what lies beside


def drawn(**boxes: tuple[slice, slice]) -> np.ndarray:
    """Anatomy in the order of `NAMES` with boxes of probability one."""
    anatomy = np.zeros((len(NAMES), CELLS, CELLS), np.float32)
    for name, place in boxes.items():
        anatomy[NAMES.index(name)][place] = 1
    return anatomy


def chest() -> np.ndarray:
    """Planes of two lungs, the left one lower and narrower, with a heart and a clavicle."""
    anatomy = drawn(
        right_lung=np.s_[8:30, 4:16],
        left_lung=np.s_[10:32, 26:36],
        heart=np.s_[20:30, 16:24],
        right_clavicle=np.s_[5:7, 6:14],
    )
    return second.planes(anatomy, NAMES, HOW)


def turned(seen: np.ndarray) -> np.ndarray:
    """Planes of the mirrored film: its right lung is the other's left one."""
    return seen[[1, 0, *range(2, len(seen))], :, ::-1]


def film() -> np.ndarray:
    return np.random.default_rng(1).random((HOW.size, HOW.size), dtype=np.float32)


class Engine:
    """Logits that tell brightness, the place in the crop and what lies in the planes."""

    def look_again(self, films: np.ndarray, places: np.ndarray) -> np.ndarray:
        count, _, rows, cols = films.shape
        bright = films.reshape(count, rows // 2, 2, cols // 2, 2).mean(axis=(2, 4))
        told = places[:, 0] + 2 * places[:, 2] + 3 * places[:, 4] + 4 * places[:, 5]
        return np.stack([bright + np.arange(cols // 2), told.repeat(2, axis=1).repeat(2, axis=2)], axis=1)


class Deaf:
    def look_again(self, films: np.ndarray, places: np.ndarray) -> np.ndarray:
        raise AssertionError("there is nothing to look at")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second, "BESIDE", 8)
    monkeypatch.setattr(second, "BELOW", 8)


# --- where the lungs are, and what is told of them ------------------------------------------------------------------


@pytest.mark.usefixtures("small")
def test_each_lung_of_a_mirrored_film_gives_the_other_ones_crop() -> None:
    pixels, seen = film(), chest()
    lungs, others = second.find(seen[:2], HOW), second.find(turned(seen)[:2], HOW)
    assert [lung.mirrored for lung in (*lungs, *others)] == [False, True, False, True]
    for lung, other in zip(lungs, others[::-1], strict=True):
        assert lung.corner == other.corner
        crop = second.cut(pixels, lung, HOW)
        assert crop.std() > 0.2
        np.testing.assert_array_equal(crop, second.cut(pixels[:, ::-1], other, HOW))
        np.testing.assert_array_equal(second.places(seen, lung, HOW), second.places(turned(seen), other, HOW))


@pytest.mark.usefixtures("small")
def test_a_crop_is_anchored_at_the_lateral_and_lower_edge() -> None:
    seen = chest()
    for lung, plane in zip(second.find(seen[:2], HOW), seen[:2], strict=True):
        crop = second.cut(np.kron(plane, np.ones((4, 4), np.float32)), lung, HOW)
        assert np.flatnonzero(crop.any(axis=1))[-1] == HOW.crop[0] - 1 - 8
        assert np.flatnonzero(crop.any(axis=0))[0] == 8


@pytest.mark.usefixtures("small")
def test_places_run_from_apex_to_base_and_from_wall_to_middle() -> None:
    seen = chest()
    right, left = second.find(seen[:2], HOW)
    this, other, heart, clavicles, down, across = second.places(seen, right, HOW)
    inside = this > 0.5
    assert (down[inside].min(), down[inside].max()) == pytest.approx((8 / 22, 21 / 22))  # the crop misses the apex
    assert (across[inside].min(), across[inside].max()) == pytest.approx((0, 11 / 12))
    assert across[heart > 0.5].min() == pytest.approx(1)
    assert (down.max(), across.max()) == pytest.approx((23 / 22, 17 / 12))
    assert not other.any()
    assert not clavicles.any()
    this, other, heart, *_ = second.places(seen, left, HOW)
    assert (int(this.sum()), int(other.sum()), int(heart.sum())) == (14 * 10, 0, 10 * 6)


def test_what_lies_beside_is_told_as_one_plane_a_group() -> None:
    anatomy = drawn(right_lung=np.s_[1:2], left_lung=np.s_[2:3], heart=np.s_[3:4], left_clavicle=np.s_[4:5, :20])
    anatomy[NAMES.index("right_clavicle"), 4, 20:] = 0.5
    seen = second.planes(anatomy.astype(np.float64), NAMES, HOW)
    assert seen.shape == (PLANES, CELLS, CELLS)
    assert seen.dtype == np.float32
    for row, plane in enumerate(seen, start=1):
        assert np.flatnonzero(plane.any(axis=1)).tolist() == [row]
    assert seen[3, 4].tolist() == [1.0] * 20 + [0.5] * 20


@pytest.mark.usefixtures("small")
def test_beyond_the_film_a_crop_is_dark_and_strides_lie_on_each_other() -> None:
    lung = second.Lung((-16, -8), False, (0, 4, 0, 4))
    crop = second.cut(film() + 1, lung, HOW)
    assert not crop[:16].any()
    assert not crop[:, :8].any()
    assert crop[16:, 8:].all()
    np.testing.assert_array_equal(crop[::2, ::2], second.cut(film()[::2, ::2] + 1, lung, HOW, 2))
    assert not second.cut(film() + 1, second.Lung((HOW.size, 0), True, (0, 4, 0, 4)), HOW).any()


def test_a_speck_is_no_lung_and_none_changes_where_a_lung_lies() -> None:
    lungs = np.zeros((2, CELLS, CELLS), np.float32)
    lungs[0, 5:15, 5:15] = 1
    assert second.find(lungs, HOW) == []
    lungs[0, 16:38, 4:14] = 1
    (lung,) = second.find(lungs, HOW)
    assert lung.box == (16, 38, 4, 14)
    lungs[1, 5:27, 25:35] = 1
    assert [found.box for found in second.find(lungs, HOW)] == [(16, 38, 4, 14), (5, 27, 5, 15)]


# --- logits on the film ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small")
def test_a_mirrored_film_gives_mirrored_logits() -> None:
    one = second.look_again(film(), chest(), Engine(), HOW)
    other = second.look_again(film()[:, ::-1], turned(chest()), Engine(), HOW)
    assert one.shape == (2, HOW.size // 2, HOW.size // 2)
    assert one[1][one[1] > second.SHUT].std() > 1
    np.testing.assert_allclose(other, one[..., ::-1], atol=1e-5)
    assert np.abs(one - one[..., ::-1]).max() > 1


@pytest.mark.usefixtures("small")
def test_laid_takes_back_what_was_cut() -> None:
    anatomy = drawn(right_lung=np.s_[8:30, 4:16], left_lung=np.s_[8:30, 24:36])
    lungs = second.find(second.planes(anatomy, NAMES, HOW)[:2], HOW)
    logits = np.random.default_rng(2).normal(0, 2, (2, 80, 80)).astype(np.float32)
    expected = np.full_like(logits, second.SHUT)
    expected[:, 32:64, 4:76] = logits[:, 32:64, 4:76]
    crops = np.stack([second.cut(logits, lung, HOW, HOW.stride) for lung in lungs])
    np.testing.assert_array_equal(second.laid(crops, lungs, HOW), expected)


@pytest.mark.parametrize(
    ("corner", "mirrored", "place"),
    [
        ((-20, -12), False, np.s_[0:22, 0:34]),
        ((-20, -12), True, np.s_[0:22, 46:80]),
        ((120, 100), False, np.s_[60:80, 50:80]),
        ((120, 100), True, np.s_[60:80, 0:30]),
        ((-64, 0), False, np.s_[0:0, 0:0]),
    ],
)
def test_laid_leaves_out_what_lies_beyond_the_film(
    corner: tuple[int, int], mirrored: bool, place: tuple[slice, slice]
) -> None:
    lung = second.Lung(corner, mirrored, (0, 4, 0, 4))
    logits = np.random.default_rng(2).normal(0, 2, (1, 80, 80)).astype(np.float32)
    expected = np.full_like(logits, second.SHUT)
    expected[0][place] = logits[0][place]
    np.testing.assert_array_equal(second.laid(second.cut(logits, lung, HOW, 2)[None], [lung], HOW), expected)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("higher", [0, 1])
def test_where_two_crops_lie_over_each_other_the_higher_logit_counts(higher: int) -> None:
    lungs = [second.Lung((64, 8), False, (8, 30, 4, 16)), second.Lung((64, 8), True, (8, 30, 4, 16))]
    crops = np.full((2, 1, 32, 40), -3.0, np.float32)
    crops[higher] = -1.0
    (found,) = second.laid(crops, lungs, HOW)
    assert set(found[:32].ravel()) | set(found[64:].ravel()) | set(found[:, :4].ravel()) == {second.SHUT}
    alone = np.s_[32:64, 4:36], np.s_[32:64, 44:76]
    assert set(found[alone[higher]].ravel()) == set(found[32:64, 36:44].ravel()) == {-1.0}
    assert set(found[alone[1 - higher]].ravel()) == {-3.0}


def test_a_film_without_lungs_is_shut_and_the_engine_is_not_asked() -> None:
    seen = np.zeros((PLANES, CELLS, CELLS), np.float32)
    found = second.look_again(film(), seen, Deaf(), HOW)
    assert found.shape == (2, HOW.size // 2, HOW.size // 2)
    assert (found == second.SHUT).all()


@pytest.mark.usefixtures("small")
def test_beside_a_lung_that_is_missing_the_film_stays_shut() -> None:
    seen = chest()
    seen[1] = 0
    found = second.look_again(film(), seen, Engine(), HOW)
    assert (found[:, :, 44:] == second.SHUT).all()
    assert (found[:, 32:64, 4:44] > second.SHUT).all()


# --- in the scene ---------------------------------------------------------------------------------------------------


def entry(*channels: str) -> dict[str, object]:
    """The card's entry of a second look at twice the drawn card's resolution."""
    return {
        "weights": {"file": "second.onnx", "sha256": ""},
        "size": 640,
        "crop": [512, 256],
        "cell": 4,
        "stride": 2,
        "lungs": ["right_lung", "left_lung"],
        "beside": [["heart"]],
        "channels": list(channels),
    }


def test_the_scene_takes_the_second_looks_maps_where_there_are_some(tmp_path: Path) -> None:
    drawn_chest = scenery.chest(600, 420)
    shape = drawn_chest.shape
    names = scenery.sign_channels()
    chosen = (names[2], names[0])
    plain = build_scene(drawn_chest.image(), scenery.pack(), scenery.engine(tmp_path, drawn_chest))
    assert {m.shape for m in plain.signs.values()} == {(scenery.SIGN_CELLS, scenery.SIGN_CELLS)}
    engine = scenery.engine(tmp_path, drawn_chest)
    told = np.stack([np.full((256, 128), 1.0), np.full((256, 128), 2.0)]).astype(np.float32)
    engine.answers["second"] = told  # type: ignore[attr-defined]
    scenery.write_card(tmp_path, second=entry(*chosen))
    finer = type(engine)(tmp_path)
    finer.answers.update(engine.answers)  # type: ignore[attr-defined]
    scene = build_scene(drawn_chest.image(), scenery.pack(), finer)
    assert set(scene.signs) == set(names)
    once = SimpleNamespace(label="once", card=finer.card, run=finer.run)  # cannot look again
    alone = build_scene(drawn_chest.image(), scenery.pack(), once)
    assert set(alone.signs) == set(names) - set(chosen)
    for name, found in scene.signs.items():
        if name not in chosen:
            np.testing.assert_array_equal(found, plain.signs[name])
    frame = Frame(*shape, 320)
    for name, logit in zip(chosen, (1.0, 2.0), strict=True):
        assert scene.signs[name].shape == (320, 320)
        for lung in ("right_lung", "left_lung"):
            covered = frame.to_grid(drawn_chest.masks[lung].astype(np.float32)) > 0.9
            assert (scene.signs[name][covered] == logit).mean() > 0.99
        assert (scene.signs[name][-20:] == second.SHUT).all()


@pytest.mark.parametrize("weight", [0.25, 0.5])
def test_a_channel_of_both_looks_is_their_mean_by_the_cards_weight(tmp_path: Path, weight: float) -> None:
    drawn_chest = scenery.chest(600, 420)
    names = scenery.sign_channels()
    engine = scenery.engine(tmp_path, drawn_chest)
    engine.answers["second"] = np.stack([np.full((256, 128), v) for v in (1.0, 2.0)]).astype(np.float32)  # type: ignore[attr-defined]
    first = np.random.default_rng(2).normal(0, 3, (len(names), scenery.SIGN_CELLS, scenery.SIGN_CELLS))
    engine.answers["signs"] = first.astype(np.float32)  # type: ignore[attr-defined]
    scenes = []
    for more in ({}, {"first": {names[0]: weight}}):
        scenery.write_card(tmp_path, second={**entry(names[2], names[0]), **more})
        read = type(engine)(tmp_path)
        read.answers.update(engine.answers)  # type: ignore[attr-defined]
        scenes.append(build_scene(drawn_chest.image(), scenery.pack(), read).signs)
    plain, mixed = scenes
    np.testing.assert_array_equal(plain[names[2]], mixed[names[2]])
    step = 320 // scenery.SIGN_CELLS
    coarse = first[0].repeat(step, axis=0).repeat(step, axis=1)
    both = np.where(plain[names[0]] > second.SHUT, (1 - weight) * plain[names[0]] + weight * coarse, coarse)
    np.testing.assert_allclose(mixed[names[0]], both, atol=1e-5)


def test_a_cell_that_was_looked_at_is_told_from_one_that_was_not() -> None:
    """However sure the network is that nothing is there."""
    anatomy = drawn(right_lung=np.s_[8:30, 4:16], left_lung=np.s_[8:30, 24:36])
    lungs = second.find(second.planes(anatomy, NAMES, HOW)[:2], HOW)
    shape = (len(lungs), 2, HOW.crop[0] // HOW.stride, HOW.crop[1] // HOW.stride)
    looked, sure = (second.laid(np.full(shape, x, np.float32), lungs, HOW) > second.SHUT for x in (0.0, -30.0))
    assert 0 < looked.mean() < 1
    np.testing.assert_array_equal(sure, looked)


def test_where_the_second_did_not_look_the_first_stands_alone() -> None:
    again, first = np.full((4, 4), 2.0, np.float32), np.full((2, 2), -1.0, np.float32)
    again[0] = second.SHUT
    found = second.mixed(again, first, 0.5)
    np.testing.assert_array_equal(found[0], -1.0)
    np.testing.assert_array_equal(found[1:], 0.5)


def test_the_second_look_gets_the_letterboxed_film_and_where_the_chest_lies(tmp_path: Path) -> None:
    drawn_chest = scenery.chest(420, 600)
    names = scenery.sign_channels()
    made = scenery.engine(tmp_path, drawn_chest)
    scenery.write_card(tmp_path, second=entry(names[1]))
    engine = type(made)(tmp_path)
    engine.answers.update(made.answers)  # type: ignore[attr-defined]
    asked: list[tuple[np.ndarray, np.ndarray]] = []
    answer = engine.look_again  # type: ignore[attr-defined]
    engine.look_again = lambda *given: (asked.append(given), answer(*given))[1]  # type: ignore[attr-defined]
    build_scene(drawn_chest.image(), scenery.pack(), engine)
    ((films, places),) = asked
    assert films.shape == (2, 1, 512, 256)
    assert places.shape == (2, 5, 128, 64)
    assert (films.min(), films.max()) == pytest.approx((0, 1), abs=0.01)
    for crop, where in zip(films[:, 0], places, strict=True):
        inside = where[0].repeat(4, axis=0).repeat(4, axis=1) > 0.9
        assert np.median(crop[inside]) < 0.1
        assert np.median(crop[where[2].repeat(4, axis=0).repeat(4, axis=1) > 0.9]) > 0.9
    assert places[:, 3, 0, 0].tolist() == places[:, 3, 0, -1].tolist()
    for down, across in places[:, 3:]:
        assert (np.diff(down, axis=0) >= 0).all()
        assert (np.diff(across, axis=1) >= 0).all()
        assert down[:, 0].std() > 0.2 < across[0].std()
