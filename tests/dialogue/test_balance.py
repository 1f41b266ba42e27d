"""Answers to "which side is worse?" and "how many?" on the chest pack: of the signs that are meant alone."""

from __future__ import annotations

from typing import Any

import pytest

from dialogue import films
from whyray.dialogue import Context, compose, understand
from whyray.dialogue.balance import standing
from whyray.domain import Figure, Measurement, Pack
from whyray.knowledge import load_packs

SHARES = {"hazy_opacity": (0.21, 0.08), "costophrenic_blunting": (0.0, 0.022), "mass_shadow": (0.0, 0.0)}
PARTS = {"nodular_shadow": 3, "mass_shadow": 1}


@pytest.fixture(scope="module")
def chest() -> Pack:
    return next(p for p in load_packs() if p.id == "chest")


def sided(shares: dict[str, tuple[float, float]]) -> tuple[Figure, ...]:
    return tuple(
        Figure(
            f"{side}_marked_share",
            tuple(Measurement(f"{side}_marked_share", pair[k], "ratio", 0.01) for pair in shares.values()),
            None if shares else "no_mask",
            tuple(shares),
        )
        for k, side in enumerate(("right", "left"))
    )


def counted(parts: dict[str, int]) -> tuple[Figure, ...]:
    found = tuple(Measurement("lesion_count", float(n), "count") for n in parts.values())
    return (Figure("lesion_count", found, None if parts else "no_mask", tuple(parts)),)


def answer(chest: Pack, question: str, figures: tuple[Figure, ...], **more: Any) -> list[str]:
    """Sentences of the answer, without the last one, that it is for research only."""
    query, given = understand(question, chest), Context(figures=figures, **more)
    told = compose(
        query, films.findings(), films.observations(), chest, simulated=False, calibrated=True, context=given
    )
    return [s.text for s in told.sentences[:-1]]


@pytest.mark.parametrize("question", [
    "which side is worse?", "Which lung is more affected?", "is it worse on the left or on the right?",
    "is the right worse than the left?", "哪边更重？", "以哪侧为主", "左侧还是右侧更明显？", "病变两侧哪边重",
])  # fmt: skip
def test_a_question_for_the_worse_side_asks_for_the_shares_of_the_lungs(chest: Pack, question: str) -> None:
    query = understand(question, chest)
    assert (query.intent, query.aspects) == ("MEASURE", ("sides",))


@pytest.mark.parametrize("question", ["which side is worse than before?", "哪侧更重？和旧片比呢？"])
def test_with_an_earlier_film_it_is_a_comparison(chest: Pack, question: str) -> None:
    query = understand(question, chest)
    assert "COMPARE" in {query.intent, *(q.intent for q in query.parts)}


@pytest.mark.parametrize(("right", "left", "key"), [
    (0.3, 0.1, "right"), (0.1, 0.3, "left"), (0.3, 0.0, "right.only"), (0.0, 0.3, "left.only"), (0.3, 0.25, "even"),
    (0.25, 0.3, "even"),
])  # fmt: skip
def test_the_greater_share_is_the_worse_side(right: float, left: float, key: str) -> None:
    assert standing({"right": Measurement("r", right, "ratio"), "left": Measurement("l", left, "ratio")}) == key


def test_every_sign_that_is_marked_is_told(chest: Pack) -> None:
    assert answer(chest, "which side is worse?", sided(SHARES)) == [
        "Hazy opacity: marked area 21.0% of the lung's on the right and 8.0% on the left, more on the right.",
        "Blunted costophrenic angle: on the left only, marked area 2.2% of the lung's.",
    ]
    zh = answer(chest, "哪侧更重？", sided(SHARES))
    assert zh[0].endswith("：标记面积右侧相当于右肺的 21.0%，左侧相当于左肺的 8.0%，右侧为著。")
    assert zh[1:] == ["肋膈角变钝：仅见于左侧，标记面积相当于左肺的 2.2%。"]


def test_what_is_named_comes_alone(chest: Pack) -> None:
    assert len(answer(chest, "which side has more hazy opacity?", sided(SHARES))) == 1
    effusion = answer(chest, "胸腔积液以哪侧为主？", sided(SHARES))
    assert effusion == ["肋膈角变钝：仅见于左侧，标记面积相当于左肺的 2.2%。"]


def test_what_is_named_and_not_marked_is_said_before_the_others(chest: Pack) -> None:
    pneumothorax = answer(chest, "which side has more pneumothorax?", sided(SHARES))
    assert pneumothorax[0].startswith("No main sign of pneumothorax is marked")
    assert len(pneumothorax) == 3
    reticular = answer(chest, "which side has more reticular pattern?", sided(SHARES))
    assert "reticular" in reticular[0]
    assert len(reticular) == 3


def test_nothing_marked_and_nothing_left_after_a_correction(chest: Pack) -> None:
    nothing = ["No sign that has a side is marked on this film, so there are no sides to compare."]
    assert answer(chest, "which side is worse?", sided({})) == nothing
    struck = frozenset({"hazy_opacity", "costophrenic_blunting"})
    assert answer(chest, "which side is worse?", sided(SHARES), rejected=struck) == nothing


def test_nodules_are_counted_and_nothing_else_is(chest: Pack) -> None:
    assert answer(chest, "how many nodules?", counted(PARTS)) == ["Nodular shadow: number of separate marked areas 3."]
    assert answer(chest, "有几个肿块？", counted(PARTS)) == ["肿块影：互相分开的标记区数目 1。"]
    assert len(answer(chest, "how many lesions are there?", counted(PARTS))) == 2
    for question in ("how many effusions?", "how many ribs?", "how many fractures?"):
        assert answer(chest, question, counted(PARTS)) == ["This film gives no measurement of what was asked."]


def test_what_is_not_marked_has_no_number(chest: Pack) -> None:
    (said,) = answer(chest, "how many nodules?", counted({"mass_shadow": 1}))
    assert "odular shadow" in said
    assert "number" not in said
    (said,) = answer(chest, "how many lesions?", counted({}))
    assert "was not found on this film" in said
    (said,) = answer(chest, "how many nodules?", counted(PARTS), rejected=frozenset({"nodular_shadow"}))
    assert "struck out" in said
