from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from train import toys
from train.toys import film as item
from whyray_train import fine, fine_eval, inserted, lung_crops
from whyray_train.fine_network import FineNet, bank, pooled

SIGNS = len(bank().channels)
PLAN = fine.Plan(steps=4, segment=2, batch=2, side=32)


def toy(count: int = 12) -> fine.Crops:
    """Grey lungs; each holds one sign, a bright box at a place of its own, and its mask."""
    rng = np.random.default_rng(0)
    images = np.full((count, 96, 64), 90, np.uint8)
    signs = np.zeros((count, SIGNS, 48, 32), np.uint8)
    for i in range(count):
        y, x = rng.integers(4, 40), rng.integers(4, 24)
        signs[i, i % SIGNS, y : y + 5, x : x + 5] = 255
        images[i, 2 * y : 2 * y + 10, 2 * x : 2 * x + 10] = 230
    shown = signs.max(axis=(2, 3)) > 0
    places = np.zeros((count, lung_crops.PLANES, 24, 16), np.float16)
    return fine.Crops(images, places, signs, np.ones_like(shown), shown)


def test_a_batch_shows_the_film_under_its_mask() -> None:
    film, places, signs, known = fine.draw(toy(), fine.Plan(batch=16, side=64), np.random.default_rng(3))
    assert film.shape == (16, 1, 64, 64)
    assert places.shape == (16, lung_crops.PLANES, 16, 16)
    assert known.shape == (16, SIGNS)
    masks = signs.amax(dim=1).repeat_interleave(2, 1).repeat_interleave(2, 2) > 0.5
    marked = masks.flatten(1).any(dim=1)
    assert marked[1::2].all()
    for grey, mask in zip(film[marked, 0], masks[marked], strict=True):
        assert grey[mask].mean() > grey[~mask].mean() + 0.2


def test_a_run_that_was_stopped_ends_with_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fine, "_source", lambda *_: toy())
    whole = fine.train(tmp_path, _made(tmp_path / "a"), tmp_path, PLAN)
    broken = _made(tmp_path / "b")
    losses = fine.losses
    steps = iter(range(3))
    monkeypatch.setattr(fine, "losses", lambda net, batch: (next(steps), losses(net, batch))[1])
    with pytest.raises(StopIteration):
        fine.train(tmp_path, broken, tmp_path, PLAN)
    monkeypatch.setattr(fine, "losses", losses)
    again = fine.train(tmp_path, broken, tmp_path, PLAN)
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(value, again.state_dict()[name], msg=name)
    with pytest.raises(ValueError, match="another plan"):
        fine.train(tmp_path, broken, tmp_path, fine.Plan(steps=5))


def test_kernels_start_as_their_templates_and_the_gate_can_shut() -> None:
    net = FineNet().eval()
    first = bank().channels[0].kernels
    np.testing.assert_allclose(net.bank.match.weight[: len(first), 0].detach().numpy(), first, atol=1e-6)
    film, places = torch.rand(1, 1, 64, 64), torch.zeros(1, lung_crops.PLANES, 16, 16)
    with torch.no_grad():
        open_ = net(film, places)
        net.gate[4].bias.fill_(-30.0)
        shut = net(film, places)
    assert open_.shape == (1, SIGNS, 32, 32)
    assert (shut < open_ - 20).all()


def test_a_lungs_score_is_the_mean_of_its_highest_cells() -> None:
    maps = torch.full((1, SIGNS, 32, 32), -5.0)
    cells = bank().crop[0] * bank().crop[1] // bank().stride ** 2
    count = round(bank().channels[0].cells * cells)
    maps[0, 0].view(-1)[:count] = 3.0
    scores = pooled(maps)
    assert scores[0, 0] == pytest.approx(3.0)
    assert (scores[0, 1:] == -5).all()


def test_short_lines_are_counted_at_half_a_false_one_a_film() -> None:
    maps, masks = np.full((8, 40, 40), -9, np.float32), np.zeros((8, 40, 40), np.uint8)
    clear = np.arange(8) >= 4
    for i in range(4):  # films with a line of 8 mm (10.6 mm with its mask's border); two of them are seen
        masks[i, 10, 5:13] = 255
        maps[i, 10, 5:13] = 2 if i < 2 else -1
        masks[i, 30, 5:25] = 255  # too long to count
    maps[4, 20, 3:6] = 1.0
    maps[5, 20, 3:6] = 0.5
    maps[6, 20, 3:6] = 0.0
    found = fine_eval.free_response(maps, masks, clear, np.full(8, 1.325))
    assert found["lines"] == 4
    assert found["sensitivity"] == 0.5
    assert found["false_lines_a_film"] == 0.5
    assert found["clear_films"] == 4


def test_maps_and_masks_of_a_film_lie_on_each_other() -> None:
    anatomy = np.zeros((4, 160, 160), np.float32)
    anatomy[0, 40:120, 20:60] = 1
    anatomy[1] = anatomy[0][:, ::-1]
    signs = np.zeros((SIGNS, 320, 320), np.uint8)
    signs[0, 100, 60], signs[1, 150, 260] = 255, 255
    laid = fine_eval.truth(signs, anatomy)
    maps = fine_eval.look(FineNet().eval(), np.zeros((640, 640), np.uint8), anatomy)
    assert laid.shape == maps.shape
    half = laid.shape[1] // 2
    assert laid[0, :half].any()
    assert not laid[0, half:].any()
    assert laid[1, half:].any()
    assert not laid[1, :half].any()
    anatomy[1] = 0
    alone = fine_eval.look(FineNet().eval(), np.zeros((640, 640), np.uint8), anatomy)
    assert (alone[:, half:] == fine_eval.SHUT).all()


def test_a_finer_set_keeps_the_channels_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toys.save_film(tmp_path, "n")
    one = item("Edema", id="n", path=tmp_path / "nih" / "n.jpg", anatomy=tmp_path / "nih_anatomy" / "n.png")
    kept = tuple(c.name for c in bank().channels)
    detail = inserted.Detail(work=1024, stride=2, kinds=(kept[0],), channels=kept)
    made = inserted.make([one], 6, 64, 1, tmp_path / "cache", detail)
    assert made.signs.shape == (6, SIGNS, 32, 32)
    assert set(made.kinds) <= {kept[0], ""}
    assert made.shown[:, 0].any()
    assert not made.shown[:, 1:].any()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
