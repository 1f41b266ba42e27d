from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from train import toys
from train.toys import film as item
from whyray.perception import second
from whyray_train import drawn_signs, films, fine, fine_data, fine_eval, fine_network, inserted, metrics
from whyray_train.drawn_signs import Drawn
from whyray_train.fine_network import FineNet, bank, film_share, pooled
from whyray_train.gating import channels
from whyray_train.insertion import KINDS

SIGNS, PLANES, LOOK = len(bank().channels), bank().planes, bank().look
LOUD = "kerley_a"
PLAN = fine.Plan(steps=4, segment=2, batch=4, side=32, mine=2)
GREY, BRIGHT = 90, 230  # of a lung, of a sign


def toy(kinds: tuple[int, ...] = tuple(range(SIGNS))) -> fine.Crops:
    """Grey lungs; each holds one sign, a bright box at a place of its own, and its mask."""
    rng, count = np.random.default_rng(0), len(kinds)
    images = np.full((count, 96, 64), GREY, np.uint8)
    signs = np.zeros((count, SIGNS, 48, 32), np.uint8)
    for i, channel in enumerate(kinds):
        y, x = rng.integers(4, 40), rng.integers(4, 24)
        signs[i, channel, y : y + 5, x : x + 5] = 255
        images[i, 2 * y : 2 * y + 10, 2 * x : 2 * x + 10] = BRIGHT
    shown = signs.max(axis=(2, 3)) > 0
    places = np.zeros((count, PLANES, 24, 16), np.float16)
    return fine.Crops(images, places, signs, np.ones_like(shown), shown)


def lungs() -> fine.Lungs:
    """Two normal lungs, darker than those with signs."""
    return fine.Lungs(np.full((2, 96, 64), GREY // 2, np.uint8), np.zeros((2, PLANES, 24, 16), np.float16))


class Told(nn.Module):
    """Logits from the first plane, every channel alike."""

    def forward(self, film: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        told = places[:, :1].repeat_interleave(2, 2).repeat_interleave(2, 3)
        return told.expand(-1, SIGNS, -1, -1)


@pytest.fixture
def close(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of toys lie closer to their place than a coarse cell."""
    monkeypatch.setattr(fine, "ALIGNED", LOOK.cell)


# --- batches --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("close")
def test_a_batch_shows_the_film_under_its_mask() -> None:
    film, places, signs, known = fine.draw(
        toy(), lungs(), None, replace(PLAN, batch=32, side=64), np.random.default_rng(3)
    )
    assert film.shape == (32, 1, 64, 64)
    assert places.shape == (32, PLANES, 16, 16)
    assert signs.shape == (32, SIGNS, 32, 32)
    assert known.shape == (32, SIGNS)
    masks = signs.amax(dim=1).repeat_interleave(2, 1).repeat_interleave(2, 2) > 0.5
    marked = masks.flatten(1).any(dim=1)
    assert marked[0::2].all()
    for grey, mask in zip(film[marked, 0], masks[marked], strict=True):
        assert grey[mask].mean() > grey[~mask].mean() + 0.2


@pytest.mark.usefixtures("close")
def test_every_channel_comes_as_often_however_rare_it_is() -> None:
    made = toy((0,) * 30 + tuple(range(1, SIGNS)))
    _, _, signs, _ = fine.draw(made, lungs(), None, replace(PLAN, batch=440), np.random.default_rng(3))
    seen = signs[0::2].amax(dim=(2, 3)).argmax(dim=1).bincount(minlength=SIGNS)
    assert seen.min() >= 0.7 * 220 / SIGNS
    assert seen.max() <= 1.3 * 220 / SIGNS


@pytest.mark.usefixtures("close")
def test_every_fourth_window_is_a_normal_film_that_is_known_to_show_nothing() -> None:
    made = toy()
    made.known[:] = False
    film, _, signs, known = fine.draw(made, lungs(), None, replace(PLAN, batch=40), np.random.default_rng(4))
    normal = torch.arange(40) % 4 == 3
    assert (known[normal] == 1).all()
    assert (known[~normal] == 0).all()
    assert not signs[normal].any()
    assert film[normal].amax(dim=(1, 2, 3)).max() < 0.5 < film[0::2].amax(dim=(1, 2, 3)).min()


@pytest.mark.usefixtures("close")
def test_what_was_mistaken_is_shown_again() -> None:
    real = lungs()
    mistaken = np.empty((2, SIGNS, 2), np.int64)
    mistaken[0], mistaken[1] = (10, 10), (80, 50)
    real.images[0, 6:14, 6:14], real.images[1, 76:84, 46:54] = 255, 255
    plan, rng = replace(PLAN, batch=64), np.random.default_rng(4)
    tops = fine.draw(toy(), real, mistaken, plan, rng)[0][3::4].amax(dim=(1, 2, 3))
    assert (tops > 0.6).all()
    tops = fine.draw(toy(), real, None, plan, rng)[0][3::4].amax(dim=(1, 2, 3))
    assert (tops < 0.6).any()


# --- losses ---------------------------------------------------------------------------------------------------------


def test_what_is_not_known_costs_nothing() -> None:
    film, places = torch.zeros(2, 1, 32, 32), torch.full((2, PLANES, 8, 8), 9.0)
    nothing, one = torch.zeros(2, SIGNS, 16, 16), torch.zeros(2, SIGNS)
    assert [loss.item() for loss in fine.losses(Told(), (film, places, nothing, one))] == [0, 0]
    one[1, 2] = 1
    masks, scores = fine.losses(Told(), (film, places, nothing, one))
    assert scores.item() == pytest.approx(9, abs=0.01)
    assert masks.item() > 9
    masks, scores = fine.losses(Told(), (film, places, torch.ones_like(nothing), one))
    assert max(masks.item(), scores.item()) < 0.01


def test_normal_lungs_are_searched_for_what_each_channel_takes_for_a_sign() -> None:
    class Pale(nn.Module):
        """The second channel is highest where it is dark, the others where it is bright."""

        def forward(self, film: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
            maps = nn.functional.avg_pool2d(film, 2).repeat(1, SIGNS, 1, 1)
            maps[:, 1] *= -1
            return maps

    real = lungs()
    real.images[0, 20:22, 40:42], real.images[0, 90:92, 6:8] = 255, 0
    real.images[1, 50:52, 10:12], real.images[1, 0:2, 62:64] = 255, 0
    net = Pale()
    found = fine.mined(net, real)
    assert not net.training
    assert found.shape == (2, SIGNS, 2)
    assert found[0, :3].tolist() == [[20, 40], [90, 6], [20, 40]]
    assert found[1, :3].tolist() == [[50, 10], [0, 62], [50, 10]]


# --- runs -----------------------------------------------------------------------------------------------------------


def test_a_run_that_was_stopped_ends_with_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fine_data, "gathered", lambda *_: (toy(), lungs()))
    searched = []
    mined = fine.mined
    monkeypatch.setattr(fine, "mined", lambda *given: (searched.append(1), mined(*given))[1])
    whole, broken = tmp_path / "a", tmp_path / "b"
    whole.mkdir()
    broken.mkdir()
    expected = fine.train(tmp_path, whole, tmp_path, None, PLAN)
    assert len(searched) == 1
    losses, steps = fine.losses, iter(range(3))
    monkeypatch.setattr(fine, "losses", lambda net, batch: (next(steps), losses(net, batch))[1])
    with pytest.raises(StopIteration):
        fine.train(tmp_path, broken, tmp_path, None, PLAN)
    monkeypatch.setattr(fine, "losses", losses)
    again = fine.train(tmp_path, broken, tmp_path, None, PLAN).state_dict()
    monkeypatch.setattr(fine_data, "gathered", lambda *_: pytest.fail("a run that is done needs no films"))
    done = fine.train(tmp_path, broken, tmp_path, None, PLAN).state_dict()
    kept, history = fine.load(broken)
    assert [made["command"].split(" --", 1)[1] for made in history] == ["steps 4 --rate 0.006 --seed 1"]
    assert not kept.training
    last = torch.load(broken / "fine.pt", weights_only=True)["net"]
    assert any(not torch.equal(value, last[name]) for name, value in kept.state_dict().items())
    for name, value in expected.state_dict().items():
        for other in (again, done, kept.state_dict()):
            torch.testing.assert_close(value, other[name], msg=name)
    with pytest.raises(ValueError, match="another plan"):
        fine.train(tmp_path, broken, tmp_path, None, replace(PLAN, steps=5))


def test_a_run_can_start_from_an_earlier_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fine_data, "gathered", lambda *_: (toy(), lungs()))
    first, second_run = tmp_path / "a", tmp_path / "b"
    first.mkdir()
    second_run.mkdir()
    still = replace(PLAN, steps=2, rate=1e-12)
    before = fine.train(tmp_path, first, tmp_path, None, replace(still, rate=6e-3, seed=2))
    fine.train(tmp_path, second_run, tmp_path, None, still, first)
    after, history = fine.load(second_run)
    for (name, value), other in zip(before.named_parameters(), after.parameters(), strict=True):
        torch.testing.assert_close(value, other, msg=name)
    commands = [made["command"] for made in history]
    assert ["--start" in command for command in commands] == [False, True]
    assert "--seed 2" in commands[0]
    assert "--rate 1e-12" in commands[1]


def test_a_network_of_other_channels_is_refused(tmp_path: Path) -> None:
    fine.begin(FineNet(), [], tmp_path)
    saved = torch.load(tmp_path / "fine.pt", weights_only=True)
    for names in (["effusion", "kerley_b"], [c.name for c in bank().channels][:2]):
        torch.save({**saved, "channels": names}, tmp_path / "fine.pt")
        with pytest.raises(ValueError, match=names[0]):
            fine.load(tmp_path)


def test_a_save_that_breaks_off_leaves_the_last_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fine_data, "gathered", lambda *_: (toy(), lungs()))
    save, saves = torch.save, iter(range(1))

    def full(states: object, file: Path) -> None:
        if next(saves, None) is None:
            file.write_bytes(b"half")
            raise OSError("the disk is full")
        save(states, file)

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="full"):
        fine.train(tmp_path, tmp_path, tmp_path, None, PLAN)
    assert torch.load(tmp_path / "fine.pt", weights_only=True)["done"] == 2
    monkeypatch.setattr(torch, "save", save)
    fine.train(tmp_path, tmp_path, tmp_path, None, PLAN)
    assert torch.load(tmp_path / "fine.pt", weights_only=True)["done"] == 4
    assert sorted(file.name for file in tmp_path.iterdir()) == ["fine.jsonl", "fine.pt"]


# --- the network ----------------------------------------------------------------------------------------------------


def test_the_bank_names_what_there_is() -> None:
    names = LOOK.channels
    assert set(names) <= {c.name for c in channels()}
    assert [c.name for c in bank().channels] == list(names)
    assert set(names) <= set(bank().kinds) <= set(KINDS)
    assert len(set(names)) == len(names)
    assert all(side % fine.ALIGNED == 0 for side in (*LOOK.crop, fine.Plan().side))
    for group in (LOOK.lungs, *LOOK.beside):
        assert set(group) <= set(films.STRUCTURES)


def test_kernels_start_as_their_templates_and_the_gate_can_shut() -> None:
    net = FineNet().eval()
    start = 0
    for channel in bank().channels:
        weights = net.bank.match.weight[start : start + len(channel.kernels), 0].detach().numpy()
        np.testing.assert_allclose(weights, channel.kernels, atol=1e-6, err_msg=channel.name)
        start += len(channel.kernels)
    assert start == len(net.bank.match.weight)
    film, places = torch.rand(1, 1, 64, 64), torch.zeros(1, PLANES, 16, 16)
    with torch.no_grad():
        open_ = net(film, places)
        net.gate[4].bias.fill_(-30.0)
        shut = net(film, places)
    assert open_.shape == (1, SIGNS, 32, 32)
    assert (shut < open_ - 20).all()


def test_a_lungs_score_is_the_mean_of_its_highest_cells() -> None:
    maps = torch.full((1, SIGNS, 256, 128), -5.0)
    assert maps[0, 0].numel() == bank().lung_cells
    count = round(bank().channels[0].cells * bank().lung_cells)
    maps[0, 0].view(-1)[:count] = 3.0
    maps[0, 1].view(-1)[0] = 100.0
    scores = pooled(maps)[0]
    assert scores[0] == pytest.approx(3.0, abs=1e-4)
    wide = round(bank().channels[1].cells * bank().lung_cells)
    assert scores[1] == pytest.approx((100 - 5 * (wide - 1)) / wide, abs=1e-3)
    assert (scores[2:] == -5).all()
    assert pooled(maps[..., :4, :4])[0, 0] == pytest.approx(-3.0)  # all of these, a quarter of them 3


def test_the_written_network_answers_what_torch_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    small = replace(bank(), look=replace(LOOK, crop=(64, 32)))
    for module in (fine, fine_network):
        monkeypatch.setattr(module, "bank", lambda: small)
    torch.manual_seed(3)
    net = FineNet().eval()
    fine.write(net, tmp_path / "second.onnx")
    session = runtime.InferenceSession(str(tmp_path / "second.onnx"))
    film, places = torch.rand(1, 1, 64, 32), torch.rand(1, PLANES, 16, 8)
    (found,) = session.run(["signs"], {"film": film.numpy(), "places": places.numpy()})
    with torch.no_grad():
        expected = net(film, places).numpy()
    assert expected.std() > 0.01
    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert [file.name for file in tmp_path.iterdir()] == ["second.onnx"]


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
