import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from train import toys  # noqa: E402
from whyray_train import loop  # noqa: E402
from whyray_train.films import STRUCTURES  # noqa: E402
from whyray_train.loop import Plan  # noqa: E402
from whyray_train.network import ReaderNet  # noqa: E402
from whyray_train.sources import Batch, Source  # noqa: E402

HEADS = 3
PLAN = Plan(size=toys.SIZE, steps=4, segment=2, seed=3)
FILM = ("film",)
OUTLINES = ("anatomy", "placed", "sized")
MARKS = ("signs", "outside", "film_signs")
DENSE = (*OUTLINES, *MARKS)


@pytest.fixture(scope="module")
def mixed() -> list[tuple[Source, int]]:
    """Two labelled films and one without study labels make a batch."""
    return [(toys.source(8, HEADS), 2), (toys.source(6, HEADS, labelled=False, seed=1), 1)]


def net(dropout: float = 0.0) -> ReaderNet:
    torch.manual_seed(0)
    return ReaderNet(len(STRUCTURES), HEADS, dropout)


def told(folder: Path) -> list[dict[str, float]]:
    """The log without its times."""
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k != "seconds"} for line in lines]


# --- runs -----------------------------------------------------------------------------------------------------------


def interrupted(mixed: list[tuple[Source, int]], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trains until the first checkpoint is written, then stops as a killed process would."""
    save = loop.Run.save

    def save_and_stop(run: loop.Run, file: Path, plan: Plan) -> None:
        save(run, file, plan)
        raise KeyboardInterrupt

    monkeypatch.setattr(loop.Run, "save", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        loop.fit(net(0.3), mixed, PLAN, folder)
    monkeypatch.setattr(loop.Run, "save", save)


def test_a_stopped_run_with_dropout_resumes_to_the_same_weights(
    mixed: list[tuple[Source, int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    straight.mkdir()
    broken.mkdir()
    whole = loop.fit(net(0.3), mixed, PLAN, straight)
    interrupted(mixed, broken, monkeypatch)
    assert [line["steps"] for line in told(broken)] == [2]
    torch.manual_seed(99)
    resumed = loop.fit(ReaderNet(len(STRUCTURES), HEADS, 0.3), mixed, PLAN, broken)
    for key, value in whole.items():
        torch.testing.assert_close(resumed[key], value, rtol=0, atol=1e-6, msg=key)
    assert told(broken) == told(straight)
    assert [line["steps"] for line in told(straight)] == [2, 4]


def test_a_finished_run_is_not_trained_again(mixed: list[tuple[Source, int]], tmp_path: Path) -> None:
    plan = replace(PLAN, steps=2)
    first = loop.fit(net(), mixed, plan, tmp_path)
    again = loop.fit(ReaderNet(len(STRUCTURES), HEADS), mixed, plan, tmp_path)
    assert all(torch.equal(first[k], again[k]) for k in first)
    assert len(told(tmp_path)) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["checkpoint.pt", "log.jsonl"]


@pytest.mark.parametrize(("part", "names"), [("film", FILM), ("anatomy", OUTLINES), ("signs", MARKS), ("dense", DENSE)])
def test_all_losses_fall_on_films_that_tell_what_they_show(part: str, names: tuple[str, ...], tmp_path: Path) -> None:
    source, plan = toys.source(8, HEADS), replace(PLAN, learns=part)
    first = found(source.draw(np.arange(8)), plan)
    assert tuple(first) == names
    loop.fit(net(), [(source, 4)], replace(plan, steps=24, segment=4, rate=1e-2, backbone_rate=2e-3), tmp_path)
    last = told(tmp_path)[-1]
    for name in set(names) - {"placed", "sized"}:  # these films have neither
        assert last[name] < 0.75 * first[name], name


@pytest.mark.parametrize(
    ("part", "learning"),
    [
        ("film", {"backbone", "classify", "bias"}),
        ("anatomy", {"trunk", "anatomy"}),
        ("signs", {"lateral", "narrow", "smooth", "beside", "signs"}),
        ("dense", {"trunk", "anatomy", "lateral", "narrow", "smooth", "beside", "signs"}),
    ],
)
def test_what_does_not_learn_stays_as_it_is(
    part: str, learning: set[str], mixed: list[tuple[Source, int]], tmp_path: Path
) -> None:
    """Neither weights nor running means move: anatomy and signs are learned on the film-level part as it is."""
    made = net()
    before = {k: v.clone() for k, v in made.state_dict().items()}
    loop.fit(made, mixed, replace(PLAN, steps=2, learns=part), tmp_path)
    moved = {k for k, v in made.state_dict().items() if not torch.equal(v, before[k])}
    assert {k.split(".")[0] for k in moved} == learning


def test_a_batch_of_another_size_is_refused() -> None:
    batch = toys.source(2, HEADS).draw(np.arange(2))
    with pytest.raises(ValueError, match="size"):
        loop.losses(net(), batch, replace(PLAN, size=2 * toys.SIZE))


# --- which rows -----------------------------------------------------------------------------------------------------


def test_rows_are_drawn_as_often_as_their_weight_says_and_never_twice() -> None:
    source = toys.source(40, HEADS)
    weights = np.where(np.arange(40) < 10, 3.0, 1.0)
    weights[39] = 0
    weighed = replace(source, weights=weights)
    rng, counts = np.random.default_rng(0), np.zeros(40)
    for _ in range(1500):
        rows = loop.picks(weighed, 3, rng)
        assert len(set(rows)) == 3
        counts[rows] += 1
    assert counts[39] == 0
    assert counts[:10].mean() / counts[10:39].mean() == pytest.approx(3, rel=0.15)


# --- losses ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def batch() -> Batch:
    return toys.source(4, HEADS).draw(np.arange(4))


def found(given: Batch, plan: Plan = PLAN) -> dict[str, float]:
    return {k: v.item() for k, v in loop.losses(net(), given, plan).items()}


def everything(given: Batch) -> dict[str, float]:
    return found(given, replace(PLAN, learns="film")) | found(given)


@pytest.mark.parametrize(
    ("names", "values", "weight"),
    [
        (["film"], "labels", "label_weight"),
        (["anatomy", "outside"], "anatomy", "anatomy_weight"),
        (["signs"], "signs", "sign_weight"),
        (["film_signs"], "film_signs", "film_sign_weight"),
    ],
)
def test_a_weight_of_zero_hides_what_is_not_known(batch: Batch, names: list[str], values: str, weight: str) -> None:
    """The first film's truth is turned round: with weight 0 no loss sees it, with weight 1 its own losses do."""
    turned, hidden = getattr(batch, values).clone(), getattr(batch, weight).clone()
    turned[0] = 1 - turned[0]
    hidden[0] = 0
    plain = everything(replace(batch, **{weight: hidden}))
    assert everything(replace(batch, **{weight: hidden, values: turned})) == pytest.approx(plain, abs=1e-6)
    seen, unturned = everything(replace(batch, **{values: turned})), everything(batch)
    assert [k for k in seen if seen[k] != pytest.approx(unturned[k], abs=1e-6, rel=1e-6)] == names


def test_one_structure_can_be_hidden_alone(batch: Batch) -> None:
    weights = batch.anatomy_weight.clone()
    weights[:, toys.HEART] = 0
    logits = torch.zeros_like(batch.anatomy, requires_grad=True)
    loop.anatomy_loss(logits, batch.anatomy, weights).backward()
    pulled = logits.grad.abs().amax(dim=(0, 2, 3)) > 0
    assert [i for i, p in enumerate(pulled) if not p] == [toys.HEART]


def test_without_any_weight_a_loss_is_zero_and_finite(batch: Batch) -> None:
    zero = replace(batch, **{k: torch.zeros_like(getattr(batch, k)) for k in Batch.__slots__ if "weight" in k})
    assert everything(zero) == dict.fromkeys((*FILM, *DENSE), 0)


def test_anatomy_loss_by_hand() -> None:
    masks = torch.zeros(1, 1, 4, 4)
    masks[..., :2] = 1
    sure, one = 40 * masks - 20, torch.ones(1, 1)
    assert float(loop.anatomy_loss(sure, masks, one)) == pytest.approx(0, abs=1e-4)
    wrong = float(loop.anatomy_loss(-sure, masks, one))
    assert wrong == pytest.approx(4 * 20 + 1 - 1 / 17, abs=1e-3)  # cross-entropy 20; soft Dice (0 + 1) / (8 + 8 + 1)
    half = float(loop.anatomy_loss(-sure.repeat(2, 1, 1, 1), masks.repeat(2, 1, 1, 1), torch.tensor([[1.0], [0.5]])))
    assert half == pytest.approx(wrong, abs=1e-3)  # a weighted mean


def test_sign_loss_by_hand() -> None:
    masks = torch.zeros(1, 1, 4, 4)
    masks[..., :2] = 1
    sure, one = 40 * masks - 20, torch.ones(1, 1)
    assert float(loop.sign_loss(sure, masks, one)) == pytest.approx(0, abs=1e-4)
    wrong = float(loop.sign_loss(-sure, masks, one))  # missed cells count three times: (3 + 1) / 2 of 20
    assert wrong == pytest.approx(8 * 40 + 1 - 1 / 17, abs=1e-3)
    empty = torch.zeros_like(masks)
    assert float(loop.sign_loss(empty - 20, empty, one)) == pytest.approx(0, abs=1e-4)
    assert float(loop.sign_loss(empty, empty, one)) == pytest.approx(8 * np.log(2), abs=1e-4)  # no Dice of nothing


def test_outside_loss_by_hand() -> None:
    """One known lung cell at (10, 10) of 20 x 20: 7 x 7 cells round it may show a sign, 351 may not."""
    anatomy, weights = torch.zeros(1, 4, 40, 40), torch.ones(1, 4)
    anatomy[:, 0, 20:22, 20:22] = 1
    anatomy[:, 3] = 1  # another structure is no chest
    near = torch.full((1, 2, 20, 20), -30.0)
    near[:, :, 7:14, 7:14] = 9.0
    assert float(loop.outside_loss(near, anatomy, weights)) == pytest.approx(0, abs=1e-6)
    far = torch.full((1, 2, 20, 20), -30.0)
    far[:, 1, 6, 10] = 9.0
    assert float(loop.outside_loss(far, anatomy, weights)) == pytest.approx(8 * 9.0 / (351 * 2), rel=1e-3)
    for structure in range(4):
        unknown = weights.clone()
        unknown[:, structure] = 0
        assert (float(loop.outside_loss(far, anatomy, unknown)) > 0) == (structure == 3)


def test_the_plan_weighs_the_losses() -> None:
    """A step down on one loss only leaves what the others alone would have moved."""
    made = net()
    before = {k: v.detach().clone() for k, v in made.named_parameters()}
    plan = replace(PLAN, signs_weight=0.0, film_signs_weight=0.0, outside_weight=0.0, decay=0.0)
    run = loop.Run.new(made, plan)
    run.step(loop.losses(made, toys.source(2, HEADS).draw(np.arange(2)), plan), plan)
    moved = {k.split(".")[0] for k, v in made.named_parameters() if not torch.equal(v, before[k])}
    assert moved == {"trunk", "anatomy"}
    assert run.done == run.average.steps == 1


def test_the_average_follows_slowly() -> None:
    made = net()
    average = loop.Average(made, 0.9)
    start = made.bias.detach().clone()
    with torch.no_grad():
        made.bias += 1
    average.update(made)
    torch.testing.assert_close(average.state["bias"], start + 9 / 11)  # first step: decay 2 / 11
    for _ in range(80):
        average.update(made)
    torch.testing.assert_close(average.state["bias"], start + 1, rtol=0, atol=1e-3)


def test_an_atlas_is_obeyed_where_it_tells_and_only_on_its_films() -> None:
    codes = torch.full((2, len(STRUCTURES), 8, 8), 0.5)
    codes[:, loop.UNMARKED :, :4] = 0.0
    codes[:, loop.UNMARKED :, 6:] = 1.0
    right = torch.where(codes > 0.9, 9.0, -9.0)
    wrong = -right
    placed = torch.tensor([1.0, 0.0])
    assert float(loop.placed_loss(right, codes, placed)) < 1e-2 < float(loop.placed_loss(wrong, codes, placed))
    middle = right.clone()
    middle[:, :, 4:6] = 9.0
    assert torch.equal(loop.placed_loss(middle, codes, placed), loop.placed_loss(right, codes, placed))
    other = right.clone()
    other[1] = -other[1]
    assert torch.equal(loop.placed_loss(other, codes, placed), loop.placed_loss(right, codes, placed))
    assert float(loop.placed_loss(wrong, codes, torch.zeros(2))) == 0


# --- sizes ----------------------------------------------------------------------------------------------------------


def test_only_an_area_beyond_its_shares_of_the_lungs_costs() -> None:
    k = len(STRUCTURES)
    unmarked = k - loop.UNMARKED
    anatomy = torch.zeros(2, k, 20, 20)
    anatomy[0, :2, :10, :10] = 1  # two lungs of 100 cells; the second film has none
    logits = torch.full((2, k, 20, 20), -30.0)
    logits[:, loop.UNMARKED :, :10, :4] = 30.0  # 40 cells
    placed = torch.ones(2)

    def cost(share: float, rows: torch.Tensor = placed, low: float = 0.0) -> float:
        shares = torch.stack([torch.full((unmarked,), low), torch.full((unmarked,), share)])
        return float(loop.sized_loss(logits, anatomy, rows, shares))

    assert cost(0.2) == pytest.approx(0)
    assert cost(2.0, low=0.4) == pytest.approx((1 - 0.2 / 0.4) ** 2, rel=1e-4)
    assert cost(0.1) == pytest.approx((40 / 20 - 1) ** 2, rel=1e-4)
    assert cost(0.1, torch.zeros(2)) == 0
    logits[:, : loop.UNMARKED] = 30.0  # marked structures are not held
    assert cost(0.2) == pytest.approx(0)


def test_a_sign_that_is_not_told_somewhere_does_not_count_there() -> None:
    rng = torch.Generator().manual_seed(4)
    logits = torch.randn(2, 3, 8, 8, generator=rng)
    masks = (torch.rand(2, 3, 8, 8, generator=rng) > 0.7).float()
    told = torch.ones_like(masks)
    told[..., :4] = 0
    weights = torch.ones(2, 3)
    whole = loop.sign_loss(logits, masks, weights)
    torch.testing.assert_close(loop.sign_loss(logits, masks, weights, torch.ones_like(masks)), whole)
    part = loop.sign_loss(logits, masks, weights, told)
    torch.testing.assert_close(part, loop.sign_loss(logits[..., 4:], masks[..., 4:], weights))
    other, changed = masks.clone(), logits.clone()
    other[..., :4], changed[..., :4] = 1 - masks[..., :4], 9
    torch.testing.assert_close(loop.sign_loss(changed, other, weights, told), part)


def test_codes_between_yes_and_no_teach_nothing_on_drawn_films_alone() -> None:
    batch = toys.source(2).draw(np.array([0, 1]))
    half = torch.full_like(batch.signs, 0.5)
    free = replace(batch, signs=half, sign_weight=torch.ones_like(batch.sign_weight))
    logits = torch.randn(half.shape, generator=torch.Generator().manual_seed(5))
    drawn = loop.mark_losses(logits, replace(free, drawn=torch.ones(2)))["signs"]
    assert drawn == 0
    assert loop.mark_losses(logits, replace(free, drawn=torch.zeros(2)))["signs"] > 0
    edge = half.clone()
    edge[..., 0], edge[..., 1] = 0.98, 0.01
    found = loop.mark_losses(logits, replace(free, signs=edge, drawn=torch.ones(2)))["signs"]
    wanted = loop.sign_loss(logits[..., :2], edge[..., :2].round(), free.sign_weight)
    torch.testing.assert_close(found, wanted)
