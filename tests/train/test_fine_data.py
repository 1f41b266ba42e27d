"""Lungs that the second look learns from, and its numbers on films."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from train import toys
from train.test_fine import LOOK, LOUD, PLANES, SIGNS, toy
from train.toys import film as item
from whyray.perception import second
from whyray_train import drawn_signs, films, fine, fine_data, fine_eval, inserted, metrics
from whyray_train.drawn_signs import Drawn
from whyray_train.fine_network import FineNet, bank, film_share, pooled
from whyray_train.gating import channels

# --- films ----------------------------------------------------------------------------------------------------------


def planes(right: bool = True, left: bool = True) -> np.ndarray:
    """First look's planes of a film of 640 pixels: lungs as boxes, nothing beside them."""
    seen = np.zeros((2 + len(LOOK.beside), 160, 160), np.float32)
    if right:
        seen[0, 30:110, 20:60] = 1
    if left:
        seen[1, 30:110, 100:140] = 1
    return seen


class Base:
    """A reader network that takes what is bright for lungs; a sign's logit is its number, or higher on a bright film.

    There `LOUD` is as high in `loud` cells.
    """

    def __init__(self, loud: int = 0) -> None:
        outputs = {"anatomy": films.STRUCTURES, "signs": tuple(c.name for c in channels())}
        self.card, self.loud = SimpleNamespace(input_size=320, outputs=outputs), loud

    def run(self, array: np.ndarray, want: list[str]) -> dict[str, np.ndarray]:
        assert array.shape == (1, 320, 320)
        anatomy = np.full((len(films.STRUCTURES), 160, 160), -9.0, np.float32)
        bright = array[0].reshape(160, 2, 160, 2).mean(axis=(1, 3)) > 0.3
        anatomy[0][bright & (np.arange(160) < 80)] = 9
        anatomy[1][bright & (np.arange(160) >= 80)] = 9
        signs = np.arange(len(channels()), dtype=np.float32)[:, None, None] * np.ones((1, 80, 80), np.float32)
        if bright.any():
            signs[self.card.outputs["signs"].index(LOUD)].flat[: self.loud] = 100
        return {name: value for name, value in (("anatomy", anatomy), ("signs", signs)) if name in want}


def shining(*boxes: tuple[slice, slice]) -> np.ndarray:
    image = np.zeros((640, 640), np.uint8)
    for box in boxes:
        image[box] = 128
    return image


RIGHT, LEFT = np.s_[160:480, 80:240], np.s_[160:480, 400:560]


def test_the_network_is_told_the_chest_and_nothing_of_the_signs() -> None:
    found = fine_data.first_look(Base(loud=6400), np.stack([shining(RIGHT), shining(LEFT)]))
    for seen, expected in zip(found, (planes(left=False), planes(right=False)), strict=True):
        assert seen.shape == (PLANES - 2, 160, 160)
        told = np.zeros_like(seen)
        told[:2] = np.roll(expected[:2], 10, axis=1)
        np.testing.assert_array_equal(seen > 0.5, told > 0)
        assert seen[2:].max() < 0.001
        assert 0 <= seen.min() < 0.001 < 0.999 < seen.max() <= 1


def test_inserted_signs_stay_on_their_lung_when_its_crop_is_shifted() -> None:
    images = np.stack([shining(RIGHT, LEFT), shining(RIGHT)])
    signs = np.zeros((2, SIGNS, 320, 320), np.uint8)
    signs[0, 2, 100:110, 60:70], images[0, 200:220, 120:140] = 255, 255
    signs[0, 1, 150:160, 260:270], images[0, 300:320, 520:540] = 255, 255
    known = np.zeros((2, SIGNS), np.bool_)
    known[0, 2] = True
    made = inserted.Set(images, signs, known, np.arange(2), np.array(["x", "y"]))
    seen = fine_data.first_look(Base(), images)
    found = fine_data.crops(made, seen, np.random.default_rng(2))
    assert found.images.shape == (3, *LOOK.crop)
    assert found.places.shape == (3, PLANES, LOOK.crop[0] // LOOK.cell, LOOK.crop[1] // LOOK.cell)
    assert [np.flatnonzero(row).tolist() for row in found.shown] == [[2], [1], []]
    assert [np.flatnonzero(row).tolist() for row in found.known] == [[2], [2], []]
    corners = set()
    for image, masks in zip(found.images, found.signs, strict=True):
        mask = masks.max(axis=0).repeat(2, axis=0).repeat(2, axis=1) > 127
        np.testing.assert_array_equal(image == 255, mask)
        corners.add((int(np.argwhere(image > 0)[:, 0].max()), int(np.flatnonzero(image.any(axis=0))[0])))
    assert len(corners) > 1
    for place, image in zip(found.places, found.images, strict=True):
        np.testing.assert_array_equal(place[0] > 0.5, image[::4, ::4] > 0)


def test_normal_lungs_lie_in_their_crops_and_know_their_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.stack([shining(RIGHT, LEFT), shining(), shining(LEFT)])
    images[0][RIGHT], images[2][LEFT] = 100, 200
    asked: list[tuple[list[Path], int]] = []
    monkeypatch.setattr(films, "cached", lambda paths, size, cache: (asked.append((paths, size)), images)[1])
    found = fine_data.normal_lungs([item(id=i, path=Path(i)) for i in "abc"], tmp_path, Base())
    assert asked == [([Path(i) for i in "abc"], LOOK.size)]
    assert found.images.shape == (3, *LOOK.crop)
    assert found.places.shape == (3, PLANES, LOOK.crop[0] // LOOK.cell, LOOK.crop[1] // LOOK.cell)
    assert found.images.max(axis=(1, 2)).tolist() == [100, 128, 200]
    for place, image in zip(found.places, found.images, strict=True):
        np.testing.assert_array_equal(place[0] > 0.5, image[::4, ::4] > 0)
        ys, xs = np.nonzero(image)
        assert (ys.max(), xs.min()) == (LOOK.crop[0] - 1 - second.BELOW, second.BESIDE)


def test_what_is_learnt_from_are_all_sets_and_the_normal_train_films(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = [item(id="a"), item("Mass", id="b"), item(id="c", split="val"), item(id="d")]
    monkeypatch.setattr(films, "read_table", lambda _: (table, ()))
    monkeypatch.setattr(fine_data, "normal_lungs", lambda items, *_: [film.id for film in items])
    asked = []

    def made(data: Path, split: str, cache: Path, count: int, seed: int) -> SimpleNamespace:
        asked.append((split, count, seed))
        return SimpleNamespace(images=np.zeros((1, 640, 640), np.uint8), kinds=tuple({11: (0, 1), 12: (2,)}[seed]))

    monkeypatch.setattr(fine_data, "made_films", made)
    monkeypatch.setattr(fine_data, "crops", lambda made, seen, rng: toy(made.kinds))
    joined, normal = fine_data.gathered(tmp_path, tmp_path, Base(), 30, (11, 12), 1)
    assert asked == [("train", 30, 11), ("train", 30, 12)]
    assert normal == ["a", "d"]
    assert np.argwhere(joined.shown).tolist() == [[0, 0], [1, 1], [2, 2]]
    for name in fine_data.Crops.__slots__:
        assert len(getattr(joined, name)) == 3, name


def test_masks_of_inserted_films_come_in_the_second_looks_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [c.name for c in channels()]
    asked = []

    def make(items: list[films.Film], count: int, size: int, seed: int, cache: Path, detail: inserted.Detail) -> object:
        asked.append(([film.id for film in items], size, detail))
        masks = np.arange(len(names), dtype=np.uint8)[None, :, None, None].repeat(count, axis=0)
        known = np.array([[name == LOUD for name in names]] * count)
        return inserted.Set(np.zeros((count, 8, 8), np.uint8), masks, known, np.arange(count), np.full(count, ""))

    table = [item(id="a", anatomy=Path("a")), item(id="b"), item(id="c", split="val", anatomy=Path("c"))]
    monkeypatch.setattr(films, "read_table", lambda _: (table, ()))
    monkeypatch.setattr(inserted, "make", make)
    for split, kinds in (("train", None), ("val", ())):
        made = fine_data.made_films(tmp_path, split, tmp_path, 2, 7, kinds)
        assert made.signs[:, :, 0, 0].tolist() == [[names.index(name) for name in LOOK.channels]] * 2
        assert made.known.tolist() == [[name == LOUD for name in LOOK.channels]] * 2
    details = [inserted.Detail(bank().work, LOOK.stride, kinds, tuple(names)) for kinds in (bank().kinds, ())]
    assert asked == [(["a"], LOOK.size, details[0]), (["c"], LOOK.size, details[1])]


def test_the_networks_maps_lie_on_the_lungs_that_there_are() -> None:
    net = FineNet()
    images = np.random.default_rng(1).integers(0, 255, (1, 640, 640)).astype(np.uint8)
    (found,) = fine.maps(net, images, [planes(left=False)])
    assert found.shape == (SIGNS, 320, 320)
    assert not net.training
    (lung,) = second.find(planes(left=False)[:2], LOOK)
    crop = torch.from_numpy(second.cut(images[0], lung, LOOK) / np.float32(255))[None, None]
    with torch.no_grad():
        told = net(crop, torch.from_numpy(second.places(planes(left=False), lung, LOOK))[None])[0].numpy()
    top, left = (c // 2 for c in lung.corner)
    assert top < 0 < left
    np.testing.assert_allclose(found[:, : 256 + top, left : left + 128], told[:, -top:], atol=1e-4)
    assert (found[:, :, left + 128 :] == second.SHUT).all()


# --- numbers --------------------------------------------------------------------------------------------------------


def test_a_films_share_has_as_many_cells_as_a_lungs() -> None:
    rng = np.random.default_rng(1)
    lung = rng.normal(0, 3, (SIGNS, 256, 128)).astype(np.float32)
    whole = np.full((SIGNS, 320, 320), second.SHUT, np.float32)
    whole[:, 40:296, 150:278] = lung
    scores = pooled(torch.from_numpy(lung)[None])[0].tolist()
    assert fine_eval.strengths(whole[None])[0].tolist() == pytest.approx(scores, abs=1e-3)
    shares = [film_share(c.cells) for c in bank().channels]
    assert [round(s * 320 * 320) for s in shares] == [round(c.cells * 256 * 128) for c in bank().channels]


def test_the_first_looks_scores_come_in_the_seconds_order() -> None:
    names = [c.name for c in channels()]
    numbers = [names.index(name) for name in LOOK.channels]
    count = round(channels()[names.index(LOUD)].cells * 80 * 80)
    assert count > 1
    images = np.stack([shining(), shining(RIGHT)])
    quiet, loud = fine_eval.first_scores(Base(count), images).tolist()
    assert quiet == pytest.approx(numbers)
    assert loud == pytest.approx([100 if name == LOUD else n for name, n in zip(LOOK.channels, numbers, strict=True)])
    less = fine_eval.first_scores(Base(count - 1), images)[1, LOOK.channels.index(LOUD)]
    assert less == pytest.approx((100 * (count - 1) + names.index(LOUD)) / count, rel=1e-5)


def test_inserted_signs_are_told_from_what_is_known_to_be_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "auc_interval", partial(metrics.auc_interval, rounds=10))
    count = 2 * SIGNS + 1
    signs = np.zeros((count, SIGNS, 20, 20), np.uint8)
    for i in range(count - 1):
        signs[i, i % SIGNS, 5:10, 5:9] = 255
    known = np.ones((count, SIGNS), np.bool_)
    known[-1] = False
    made = inserted.Set(np.zeros((count, 8, 8), np.uint8), signs, known, np.arange(count), np.full(count, ""))
    maps = np.where(signs > 127, 5.0, -5.0).astype(np.float32)
    maps[-1] = 9
    maps[:, 1] *= -1
    base = made.shown * -1.0
    base[-1] = -2
    found = fine_eval.on_inserted(maps, made, base)
    assert list(found) == list(LOOK.channels)
    for i, numbers in enumerate(found.values()):
        assert numbers["auroc"]["value"] == (0.5 if i == 1 else 1)
        assert (numbers["auroc"]["positives"], numbers["auroc"]["total"]) == (2, count - 1)
        assert numbers["first_look"]["value"] == 0
        assert numbers["mask_share"] == 0.05
        assert numbers["mask_auprc"] == (0.05 if i == 1 else 1)


def test_a_finer_set_keeps_the_channels_asked_for(tmp_path: Path) -> None:
    toys.save_film(tmp_path, "n")
    one = item("Edema", id="n", path=tmp_path / "nih" / "n.jpg", anatomy=tmp_path / "nih_anatomy" / "n.png")
    kept = LOOK.channels
    detail = inserted.Detail(work=1024, stride=2, kinds=("kerley_b",), channels=kept)
    made = inserted.make([one], 6, 64, 1, tmp_path / "cache", detail)
    assert made.signs.shape == (6, SIGNS, 32, 32)
    assert set(made.kinds) <= {"kerley_b", ""}
    assert np.flatnonzero(made.shown.any(axis=0)).tolist() == [kept.index("kerley_b")]


def test_drawn_signs_count_more_often_and_doubtful_or_reported_ones_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of five films one surely shows a nodule, one doubtfully, two are clear of it and one of these has it reported."""
    at, name = next((i, c.name) for i, c in enumerate(bank().channels) if "Nodule" in c.labels)
    area = (((40.0, 40.0), (60.0, 40.0), (60.0, 60.0), (40.0, 60.0)),)
    drawn = {
        "sure": Drawn({name: area}, {}, frozenset()),
        "both": Drawn({name: area}, {name: area}, frozenset()),
        "clear": Drawn({}, {}, frozenset({name})),
        "reported": Drawn({}, {}, frozenset({name})),
        "val": Drawn({name: area}, {}, frozenset()),
    }
    items = [item("Nodule" if k == "reported" else "Mass" if k != "clear" else "Edema", id=k) for k in drawn]
    items = [replace(f, split="val" if f.id == "val" else "train") for f in items]
    monkeypatch.setattr(films, "read_table", lambda _: (items, ()))
    monkeypatch.setattr(films, "shape", lambda _: (50, 50))
    monkeypatch.setattr(films, "cached", lambda paths, size, _: np.zeros((len(paths), size, size), np.uint8))
    monkeypatch.setattr(drawn_signs, "drawn", lambda: drawn)
    (made,) = fine_data.drawn_films(tmp_path, tmp_path)
    assert made.kinds.tolist() == [name] * fine_data.OFTEN + [""]
    assert made.known.sum(axis=1).tolist() == [1] * len(made.known)
    assert made.known[:, at].all()
    assert made.shown[:, at].tolist() == [True] * fine_data.OFTEN + [False]
    side = made.signs.shape[-1]
    assert made.signs[0, at, side // 2, side // 2] == 255
    assert made.signs[0, at].mean() / 255 == pytest.approx(0.04, rel=0.1)
    assert not made.signs[:, [c for c in range(SIGNS) if c != at]].any()
