import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from whyray_train import loop  # noqa: E402
from whyray_train.loop import Data, Plan  # noqa: E402
from whyray_train.network import ReaderNet  # noqa: E402

PLAN = Plan(size=64, epochs=2, batch=4, seed=3)


@pytest.fixture(scope="module")
def data() -> Data:
    """Eight random films, six with masks."""
    rng = np.random.default_rng(0)
    return Data(
        images=rng.integers(0, 256, (8, 64, 64)).astype(np.uint8),
        masks=(255 * (rng.random((6, 5, 64, 64)) < 0.3)).astype(np.uint8),
        mask_index=np.array([0, 1, 2, -1, 3, 4, -1, 5]),
        targets=rng.random((8, 3)).astype(np.float32),
        weights=np.ones(8),
    )


def net(dropout: float = 0.0) -> ReaderNet:
    torch.manual_seed(0)
    return ReaderNet(5, 3, dropout)


def interrupted(data: Data, folder: Path, monkeypatch: pytest.MonkeyPatch, dropout: float) -> None:
    """Trains until the first checkpoint is written, then stops as a killed process would."""
    save = loop._save

    def save_and_stop(*arguments: object) -> None:
        save(*arguments)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "_save", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        loop.fit(net(dropout), data, PLAN, folder)
    monkeypatch.setattr(loop, "_save", save)


def resumed_equals_uninterrupted(data: Data, folder: Path, monkeypatch: pytest.MonkeyPatch, dropout: float) -> None:
    for part in ("straight", "broken"):
        (folder / part).mkdir()
    straight = loop.fit(net(dropout), data, PLAN, folder / "straight")
    interrupted(data, folder / "broken", monkeypatch, dropout)
    torch.manual_seed(99)
    resumed = loop.fit(ReaderNet(5, 3, dropout), data, PLAN, folder / "broken")
    for key, value in straight.items():
        torch.testing.assert_close(resumed[key], value, rtol=0, atol=1e-6, msg=key)
    logs = [(folder / p / "log.jsonl").read_text().splitlines() for p in ("straight", "broken")]
    told = [[{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in log] for log in logs]
    assert told[0] == told[1]
    assert [line["epoch"] for line in told[0]] == [0, 1]


def test_a_stopped_run_resumes_to_the_same_weights(data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resumed_equals_uninterrupted(data, tmp_path, monkeypatch, dropout=0.0)


def test_a_stopped_run_with_dropout_resumes_to_the_same_weights(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resumed_equals_uninterrupted(data, tmp_path, monkeypatch, dropout=0.3)


def test_a_finished_run_is_not_trained_again(data: Data, tmp_path: Path) -> None:
    plan = replace(PLAN, epochs=1)
    first = loop.fit(net(), data, plan, tmp_path)
    again = loop.fit(ReaderNet(5, 3), data, plan, tmp_path)
    assert all(torch.equal(first[k], again[k]) for k in first)
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 1


def test_training_moves_the_weights_and_learns_the_anatomy(data: Data, tmp_path: Path) -> None:
    made = net()
    before = {k: v.clone() for k, v in made.state_dict().items()}
    loop.fit(made, data, replace(PLAN, epochs=6, rate=5e-3), tmp_path)
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert log[-1]["anatomy"] < log[0]["anatomy"] - 0.02
    moved = [k for k, v in made.state_dict().items() if v.is_floating_point() and not torch.equal(v, before[k])]
    assert {"classify.weight", "anatomy.weight", "backbone.stem.weight"} <= set(moved)


def test_an_epoch_draws_every_film_once_when_weights_are_equal(data: Data) -> None:
    for epoch in range(3):
        drawn = np.concatenate(list(loop.batches(data, PLAN, epoch)))
        assert sorted(drawn) == list(range(8))
    one, again, other = (np.concatenate(list(loop.batches(data, PLAN, e))) for e in (0, 0, 1))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_films_are_drawn_as_often_as_their_weight_says() -> None:
    rng = np.random.default_rng(1)
    weights = np.where(rng.random(200) < 0.3, 1.8, 0.6)
    empty = np.zeros((200, 1, 1), dtype=np.uint8)
    many = Data(empty, empty[:, None], np.full(200, -1), np.zeros((200, 1), dtype=np.float32), weights)
    counts = np.zeros(200)
    for epoch in range(60):
        for index in loop.batches(many, replace(PLAN, batch=20), epoch):
            np.add.at(counts, index, 1)
    ratio = counts[weights > 1].mean() / counts[weights < 1].mean()
    assert ratio == pytest.approx(3.0, rel=0.15)


def test_painted_films_carry_no_label_loss(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    index = np.arange(4)

    def all_painted(images: "torch.Tensor", *_: object) -> tuple["torch.Tensor", "torch.Tensor"]:
        return images, torch.ones(len(images), dtype=torch.bool)

    monkeypatch.setattr(loop.augment, "paint", all_painted)
    film, anatomy = loop.step(net(), data, index, PLAN, torch.Generator().manual_seed(0))
    assert film.item() == 0
    assert anatomy.item() > 0


def test_films_without_masks_carry_no_anatomy_loss(data: Data) -> None:
    film, anatomy = loop.step(net(), data, np.array([3, 6]), PLAN, torch.Generator().manual_seed(0))
    assert anatomy.item() == 0
    assert film.item() > 0


def test_anatomy_loss_by_hand() -> None:
    masks = torch.zeros(1, 1, 4, 4)
    masks[..., :2] = 1
    sure = 40 * masks - 20
    assert float(loop.anatomy_loss(sure, masks)) == pytest.approx(0, abs=1e-4)
    wrong = float(loop.anatomy_loss(-sure, masks))
    assert wrong == pytest.approx(20 + 1 - 1 / 17, abs=1e-3)  # cross-entropy 20; soft Dice (0 + 1) / (8 + 8 + 1)


def test_the_average_follows_slowly() -> None:
    made = net()
    average = loop.Average(made, 0.9)
    start = made.bias.detach().clone()
    with torch.no_grad():
        made.bias += 1
    average.update(made)
    torch.testing.assert_close(average.state["bias"], start + 9 / 11)  # first step: decay 2 / 11
    for _ in range(200):
        average.update(made)
    torch.testing.assert_close(average.state["bias"], start + 1, rtol=0, atol=1e-4)
