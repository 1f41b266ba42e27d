from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

pytest.importorskip("torch")

from train.toys import film
from whyray_train import sign_models
from whyray_train.films import NORMAL_LABEL, Film
from whyray_train.gating import channels
from whyray_train.sign_models import FALSE, FEWEST, LEVELS, MARGIN, SLOPES, STRONG, Masks

BANK = channels()
CHANNEL = next(c for c in BANK if c.labels)
LABEL = min(CHANNEL.labels)
OTHER = "Hernia"


def drawn(rng: np.random.Generator, n: int, steep: float) -> tuple[np.ndarray, np.ndarray]:
    """Strengths and the truth that follows a logistic of that slope."""
    x = rng.normal(-2, 1.5 / steep, n)
    return x, rng.random(n) < expit(steep * (x + 2))


# --- parts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steep", [1.2, 1.6, 2.0])
def test_the_slope_of_a_logistic_is_found(steep: float) -> None:
    rng = np.random.default_rng(0)
    found = sign_models.slope(*drawn(rng, 4000, steep), *drawn(rng, 4000, steep))
    assert found == pytest.approx(steep, rel=0.12)


def test_real_and_inserted_films_count_alike_however_many_there_are() -> None:
    rng = np.random.default_rng(1)
    real, made = drawn(rng, 600, 1.2), drawn(rng, 600, 3.0)
    between = sign_models.slope(*real, *made)
    often = sign_models.slope(*real, np.tile(made[0], 8), np.tile(made[1], 8))
    assert 1.25 < between < 2.9
    assert often == pytest.approx(between, rel=0.05)


def test_a_group_without_both_classes_is_left_out() -> None:
    rng = np.random.default_rng(2)
    real, made = drawn(rng, 2000, 1.2), drawn(rng, 2000, 2.0)
    none, all_ = np.zeros(2000, np.bool_), np.ones(2000, np.bool_)
    assert sign_models.slope(real[0], none, *made) == pytest.approx(2.0, rel=0.15)
    assert sign_models.slope(*real, made[0], all_) == pytest.approx(1.2, rel=0.15)
    assert sign_models.slope(real[0], none, made[0], all_) == 1.0
    two = np.arange(2000) < 2
    assert sign_models.slope(real[0], two, made[0], two) == 1.0


def test_the_slope_stays_in_its_bounds() -> None:
    x = np.linspace(-1, 1, 200)
    assert sign_models.slope(x, x > 0, x, x > 0) == SLOPES[1]
    assert sign_models.slope(x, x < 0, x, x < 0) == SLOPES[0]


def test_the_cut_lets_the_stated_share_of_normals_through() -> None:
    rng = np.random.default_rng(3)
    train, val = rng.normal(0, 1, 2000), rng.normal(0, 1, 300)
    edge = sign_models.cut(val, train)
    assert (train >= edge).mean() <= FALSE
    assert not (val >= edge).any()
    assert (train >= edge - 0.1).mean() > FALSE or (val >= edge - 0.1 - MARGIN).any()  # no stricter than need be
    loud = sign_models.cut(val + 3, train)
    assert not (val + 3 >= loud).any()
    assert loud > edge + 1


def test_truth_compares_the_signs_label_with_normal_films() -> None:
    items = [film(LABEL), film(NORMAL_LABEL), film(OTHER), film(f"{LABEL}|{OTHER}")]
    used, positive = sign_models.truth(items, CHANNEL)
    assert used.tolist() == [True, True, False, True]
    assert positive.tolist() == [True, False, False, True]


def test_films_without_a_sign_are_normal_ones_or_all_where_no_other_label_hints_at_it() -> None:
    items = [film(LABEL), film(NORMAL_LABEL), film(OTHER), film(f"{LABEL}|{OTHER}")]
    assert sign_models.without(items, replace(CHANNEL, hint=frozenset({"Mass"}))).tolist() == [
        False,
        True,
        False,
        False,
    ]
    assert sign_models.without(items, replace(CHANNEL, hint=frozenset())).tolist() == [False, True, True, False]
    bare = replace(CHANNEL, labels=frozenset(), hint=frozenset())
    assert sign_models.without(items, bare).tolist() == [False, True, False, False]
    assert [c.name for c in BANK if c.labels and not c.hint] == ["pneumothorax"]


@pytest.mark.parametrize("level", [0.15, 0.3, 0.6])
def test_the_best_level_separates_the_sign_from_its_halo(level: float) -> None:
    """The sign is just above the part `level` of its film's top, its halo just below: only that level is exact."""
    masks = np.zeros((3, 12, 12), np.uint8)
    masks[:2, 3:7, 3:7] = 255
    below = LEVELS[LEVELS.index(level) - 1]
    p = np.full(masks.shape, 0.01)
    for row, top in ((0, 0.9), (1, 0.45)):  # a clear and a faint one
        p[row, 2:8, 2:8] = (below + level) / 2 * top
        p[row, 3:7, 3:7] = (level + 0.01) * top
        p[row, 4, 4] = top
    p[2] = 0.99  # without the sign: not looked at
    assert sign_models.best_level({"inserted": whole(np.log(p / (1 - p)), masks)}) == (level, {"inserted": 1.0})


def test_dice_of_the_best_level_by_hand_and_none_without_the_sign() -> None:
    masks = np.zeros((1, 4, 4), np.uint8)
    masks[0, :2] = 255
    logits = np.full((1, 4, 4), -9.0, dtype=np.float32)
    logits[0, 0] = 9.0
    level, dice = sign_models.best_level({"drawn": whole(logits, masks)})
    assert (level, dice["drawn"]) == (LEVELS[0], pytest.approx(2 * 4 / (4 + 8), abs=1e-3))
    assert sign_models.best_level({"drawn": whole(logits, np.full((1, 4, 4), 127, np.uint8))}) == (0.3, {})


def test_two_groups_have_the_same_say_in_the_level_and_cells_not_told_have_none() -> None:
    """Inserted films want .3 of the top, fewer drawn ones .6, more strictly so; what is not told speaks for neither."""
    p = np.full((8, 4, 4), 0.01)
    p[:, 0] = 0.9
    p[:, 1:3] = 0.45 * 0.9
    wide, narrow = np.zeros((6, 4, 4), np.uint8), np.zeros((2, 4, 4), np.uint8)
    wide[:, :2] = 255  # half of the halo
    narrow[:, 0] = 255
    logits = np.log(p / (1 - p))
    inserted, by_eye = whole(logits[:6], wide), whole(logits[6:], narrow)
    assert sign_models.best_level({"inserted": inserted})[0] <= 0.4
    level, dice = sign_models.best_level({"inserted": inserted, "drawn": by_eye})
    assert level >= 0.5
    assert dice == {"inserted": pytest.approx(2 / 3, abs=1e-3), "drawn": 1.0}
    untold = replace(by_eye, told=by_eye.sign)
    assert sign_models.best_level({"inserted": inserted, "drawn": untold})[0] <= 0.4


def whole(logits: np.ndarray, masks: np.ndarray) -> Masks:
    """Films of which every cell is told."""
    return Masks(logits.astype(np.float32), masks > 127, np.ones(masks.shape, np.bool_))


NONE = whole(np.zeros((0, 8, 8)), np.zeros((0, 8, 8), np.uint8))


# --- one model ------------------------------------------------------------------------------------------------------


def world(shown: float) -> tuple[dict[str, np.ndarray], dict[str, list[Film]], tuple[np.ndarray, ...]]:
    """Strengths, films and inserted films; the sign lies `shown` above the normals' mean, other labels in between."""
    rng = np.random.default_rng(4)
    labels = [NORMAL_LABEL] * 12 + [LABEL] * 4 + [OTHER] * 4
    items = {part: [film(labels[i % 20]) for i in range(n)] for part, n in (("train", 1500), ("val", 400))}
    above = {NORMAL_LABEL: 0.0, LABEL: shown, OTHER: shown}
    seen = {}
    for part, some in items.items():
        level = np.array([above[min(f.labels)] for f in some])
        seen[part] = rng.normal(-4, 1, len(some)) + level
    n = 80
    masks = np.zeros((n, 8, 8), np.uint8)
    masks[: n // 2, 2:6, 2:6] = 255
    masks[0] = np.minimum(masks[0], 90)  # a thin one
    maps = np.where(masks > 0, 2.0, -6.0).astype(np.float16)
    known = np.ones(n, np.bool_)
    known[-10:] = False
    seen["made"] = rng.normal(-4, 1, n)
    seen["made"][: n // 2] += shown
    seen["made"][-10:] = 50.0  # not known to be without the sign: must not count as such
    return seen, items, (maps, masks, known)


@pytest.mark.parametrize("shown", [1.0, 4.0])
def test_at_most_the_stated_share_of_normal_films_reaches_strong_evidence(shown: float) -> None:
    seen, items, made = world(shown)
    entry = sign_models.model(CHANNEL, 0.01, seen, items, made, NONE)
    for part, share in (("train", FALSE), ("val", 0)):
        normal = np.array([NORMAL_LABEL in f.labels for f in items[part]])
        score = expit(entry["scale"] * seen[part][normal] + entry["shift"])
        assert (score >= STRONG + 1e-4).mean() <= share + (part == "train") / normal.sum()
    positive = np.array([LABEL in f.labels for f in items["train"]])
    reached = (expit(entry["scale"] * seen["train"][positive] + entry["shift"]) >= STRONG).mean()
    assert (reached > 0.6) == (shown == 4.0)


def test_a_clearer_sign_has_a_steeper_score_and_the_entry_is_what_the_reader_needs() -> None:
    entries = [sign_models.model(CHANNEL, 0.01, *world(shown), NONE) for shown in (1.0, 4.0)]
    assert SLOPES[0] < entries[0]["scale"] < entries[1]["scale"] - 0.3
    entry = entries[1]
    assert entry["cells"] == 0.01
    assert (entry["level"], entry["dice"]) == (LEVELS[0], {"inserted": 1.0})
    assert entry["validation_positives"] == {"real": 80, "inserted": 40}
    assert {type(v) for k, v in entry.items() if k not in {"validation_positives", "dice"}} == {
        float
    }  # plain numbers for YAML


@pytest.mark.parametrize("count", [FEWEST - 1, FEWEST])
def test_a_few_drawn_films_have_no_say(count: int) -> None:
    """The inserted signs are met at every level; the drawn ones only above the halo of .5."""
    seen, items, made = world(4.0)
    logits, masks = np.full((count, 8, 8), 0.0), np.zeros((count, 8, 8), np.uint8)
    logits[:, 0, :2], masks[:, 0, :2] = 6.0, 255
    entry = sign_models.model(CHANNEL, 0.01, seen, items, made, whole(logits, masks))
    assert (entry["level"] > 0.5) == (count == FEWEST) == ("drawn" in entry["dice"])
