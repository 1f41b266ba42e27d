from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from train import toys
from whyray import knowledge

torch = pytest.importorskip("torch")

from whyray_train import basis, films, open_lungs, peer, publish  # noqa: E402
from whyray_train.lite0 import HEAD  # noqa: E402
from whyray_train.network import ReaderNet  # noqa: E402

HEADS = ("Edema", "Mass", films.NORMAL_LABEL)
PLAN = peer.Plan(steps=4, batch=4, size=64, segment=2)


def given(n: int = 12) -> peer.Films:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (n, 64, 64)).astype(np.uint8)
    targets = rng.random((n, 3)).astype(np.float32)
    return peer.Films(images, targets, np.ones_like(targets), np.full(n, 1 / n))


def network() -> ReaderNet:
    torch.manual_seed(0)
    return ReaderNet(len(films.STRUCTURES), len(HEADS))


def drawn(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Picture.fromarray((toys.pixels(96) * 255).astype(np.uint8)).save(folder / f"{name}.jpg")


def test_films_of_other_sources_carry_what_the_film_level_part_says_and_children_their_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = [toys.label_row("a", "Edema", HEADS[:2], split="train"), toys.label_row("b", "Mass", HEADS[:2], view="AP")]
    own += [toys.label_row("c", films.NORMAL_LABEL, HEADS[:2]), toys.label_row("d", "Mass", HEADS[:2], split="val")]
    toys.write(tmp_path / "nih" / "labels.csv", own)
    toys.write(tmp_path / "nih_anatomy" / "quality.csv", [toys.quality_row("a")])
    toys.write(tmp_path / "children" / "labels.csv", [{"id": "k1", "label": "No Finding"}, {"id": "k2", "label": "P"}])
    drawn(tmp_path / "nih", ["a", "b", "c", "d"])
    drawn(tmp_path / "children", ["k1", "k2"])
    drawn(tmp_path / "hannover", ["h"])
    monkeypatch.setattr(open_lungs, "read", lambda data: ([], []))
    found = peer.gather(network(), tmp_path, tmp_path / "cache", 64, 3.0)
    assert found.images.shape == (3 + 2 + 1, 64, 64)  # no film of val
    assert found.targets[:3, :3].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert ((found.targets[3:, :3] > 0) & (found.targets[3:, :3] < 1)).all()
    assert found.targets[:, 3:].tolist() == [[0, 0]] * 3 + [[1, 0], [0, 1], [0, 0]]
    assert found.weights[:, :3].all()
    assert found.weights[:, 3:].any(axis=1).tolist() == [False] * 3 + [True, True, False]
    child, adult = found.shares[3], found.shares[5]
    assert adult == pytest.approx(3 * child)
    assert found.shares[:3].mean() == pytest.approx(adult)
    assert found.shares.sum() == pytest.approx(1)


def test_a_batch_has_the_plans_size_and_the_rows_own_targets() -> None:
    films_ = given()
    rng, generator = np.random.default_rng(3), torch.Generator().manual_seed(3)
    images, targets, weights = peer.draw(films_, PLAN, rng, generator)
    assert images.shape == (4, 1, 64, 64)
    index = np.random.default_rng(3).choice(12, 4, p=films_.shares)
    assert targets.tolist() == films_.targets[index].tolist()
    assert weights.all()
    assert images.min() >= 0
    assert images.max() <= 1


def test_only_the_peer_learns_and_it_learns(tmp_path: Path) -> None:
    net = network()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    peer.train(net, given(), PLAN, tmp_path)
    changed = {k.split(".")[0] for k, v in net.state_dict().items() if not torch.equal(v, before[k])}
    assert changed == {"peer"}


def test_a_stopped_run_ends_as_one_that_was_not_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, stopped = network(), network()
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    peer.train(whole, given(), PLAN, tmp_path / "a")
    save = basis.save

    def killed(kept: dict[str, object], file: Path) -> None:
        save(kept, file)
        raise KeyboardInterrupt

    monkeypatch.setattr(peer, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        peer.train(stopped, given(), PLAN, tmp_path / "b")
    monkeypatch.setattr(peer, "save", save)
    again = network()
    peer.train(again, given(), PLAN, tmp_path / "b")
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, msg=name)
    with pytest.raises(ValueError, match="another plan"):
        peer.train(network(), given(), replace(PLAN, steps=6), tmp_path / "b")


def test_the_command_takes_an_older_network_and_tells_what_it_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = {k: v for k, v in network().state_dict().items() if not k.startswith("peer.")}
    state["classify.weight"] = state["classify.weight"][:, :HEAD].clone()  # of a network older than the peer
    kept = {"state": state, "heads": list(HEADS), "plan": {"size": 64}, "history": [{"command": "first"}]}
    basis.save(kept, tmp_path / "net.pt")
    monkeypatch.setattr(peer, "gather", lambda *_: given())
    monkeypatch.setattr(peer, "Plan", lambda steps=2, seed=1: replace(PLAN, steps=steps, seed=seed))
    peer.main(["--data", str(tmp_path), "--runs", str(tmp_path), "--steps", "2"])
    kept = torch.load(tmp_path / "net.pt", weights_only=True)
    assert [entry["command"] for entry in kept["history"]] == ["first", f"{peer.COMMAND} --steps 2 --seed 1"]
    assert torch.equal(kept["state"]["backbone.stem.weight"], state["backbone.stem.weight"])
    assert torch.equal(kept["state"]["classify.weight"][:, :HEAD], state["classify.weight"])
    assert not kept["state"]["classify.weight"][:, HEAD:].any()  # says nothing until a head is fitted
    basis.whole_net(tmp_path / "net.pt")
    del kept["state"]["beside.weight"]  # of a network whose signs do not see the outlines' features
    basis.save(kept, tmp_path / "older.pt")
    assert not basis.whole_net(tmp_path / "older.pt")[0].beside.weight.any()
    toys.save_film(tmp_path, "a")
    toys.write(tmp_path / "nih" / "labels.csv", [toys.label_row("a", "Edema", HEADS[:2])])
    toys.write(tmp_path / "nih_anatomy" / "quality.csv", [toys.quality_row("a")])
    pack = next(p for p in knowledge.load_packs() if p.id == "chest")
    with pytest.raises(SystemExit, match="has no head fitted on its peer"):
        publish.Publisher(tmp_path, tmp_path, tmp_path / "out", pack, "x")
