from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from whyray_train import films, fine, fine_data, fine_network
from whyray_train.fine_network import FineNet, bank, pooled
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
