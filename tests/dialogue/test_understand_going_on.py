"""What a question goes on with: the lesion, the conclusion or the film that the one before it spoke of."""

from __future__ import annotations

import pytest

from dialogue.conversations import anchor, conversation
from whyray.dialogue import understand
from whyray.domain import Pack, Session
from whyray.knowledge import load_packs

NODULE = anchor(
    "A1", "nodular_shadow", "右上肺野结节影", "nodular shadow in the right upper zone", [250, 200, 300, 250]
)
VEIL = anchor("A2", "reticular_pattern", "网状影", "reticular pattern", [600, 300, 780, 740])
DRAWN = anchor("A1", None, "框选区域", "drawn region", [250, 200, 300, 250])


@pytest.fixture(scope="module")
def chest() -> Pack:
    return next(p for p in load_packs() if p.id == "chest")


def after(chest: Pack, session: Session, *questions: str) -> Session:
    for question in questions:
        session = conversation(session, understand(question, chest, session))
    return session


@pytest.mark.parametrize(("text", "target"), [
    ("is it lung cancer?", "lung_cancer"), ("is this tuberculosis?", "tuberculosis"), ("这是肺癌吗？", "lung_cancer"),
    ("它是不是肺炎？", "pneumonia"), ("is it malignant?", "lung_cancer"), ("does it look like pneumonia?", "pneumonia"),
])  # fmt: skip
def test_what_a_lesion_stands_for_is_asked_anew(chest: Pack, text: str, target: str) -> None:
    for before in ("how far is A1 from the hilum?", "describe A1", "where is A1?"):
        query = understand(text, chest, after(chest, conversation(NODULE, VEIL), before))
        assert (query.intent, query.target) == ("SCREEN", target)


@pytest.mark.parametrize("text", ["那个结节呢？", "and the nodule?", "这个结节呢"])
def test_a_lesion_by_its_name_still_goes_on(chest: Pack, text: str) -> None:
    query = understand(text, chest, after(chest, conversation(NODULE, VEIL), "how big is A2?"))
    assert (query.intent, query.anchors) == ("MEASURE", ("A1",))


@pytest.mark.parametrize(("last", "text", "anchors"), [
    ("describe A2", "how many typical signs of early lung cancer?", ()),  # no lesion of that kind
    ("describe A1", "how many typical signs of early lung cancer?", ("A1",)),
    ("描述A1", "早期肺癌的典型表现符合几条？", ("A1",)),
    ("描述A2", "早期肺癌的典型表现符合几条？", ()),
    ("describe A2", "how many typical signs of lung cancer does A2 have?", ("A2",)),
    ("describe A2", "how many of the typical signs are met?", ("A2",)),
])  # fmt: skip
def test_a_checklist_goes_on_with_a_lesion_that_may_be_meant(
    chest: Pack, last: str, text: str, anchors: tuple[str, ...]
) -> None:
    lesions = (NODULE, VEIL) if "A1" in last else (VEIL,)
    query = understand(text, chest, after(chest, conversation(*lesions), last))
    assert (query.intent, query.anchors) == ("CHECKLIST", anchors)


def test_a_drawn_place_may_be_any_lesion(chest: Pack) -> None:
    session = after(chest, conversation(DRAWN), "describe A1")
    assert understand("how many typical signs of early lung cancer?", chest, session).anchors == ("A1",)


@pytest.mark.parametrize(("before", "signs"), [
    (("describe A2",), ("reticular_pattern",)),
    (("describe A2", "anything abnormal?"), ()),
    (("describe A1", "write a report"), ()),
    (("is there a pneumothorax?",), ()),
    (("有没有Kerley B线",), ("kerley_b_lines",)),
])  # fmt: skip
def test_the_worse_side_is_that_of_what_was_spoken_of(
    chest: Pack, before: tuple[str, ...], signs: tuple[str, ...]
) -> None:
    session = after(chest, conversation(NODULE, VEIL), *before)
    for text in ("which side is worse?", "哪侧更重？", "is it worse on the left or on the right?"):
        query = understand(text, chest, session)
        assert (query.intent, query.aspects, query.signs) == ("MEASURE", ("sides",), signs)
        assert query.target == ("pneumothorax" if "pneumothorax" in before[-1] else None)
