from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from whyray.domain import (
    Anchor,
    ArgumentError,
    Bilingual,
    Correction,
    Counterfactual,
    Evidence,
    Query,
    Region,
    Sentence,
    Session,
    Store,
    Turn,
)
from whyray.store import MemoryStore, record_hash, verify
from whyray.store.audit import genesis

WORD = Bilingual("词", "word")


def region(x: int = 0) -> Region:
    mask = np.zeros((10, 10), dtype=np.bool_)
    mask[2:5, x : x + 3] = True
    made = Region.from_mask(mask)
    assert made is not None
    return made


def evidence(**changes: Any) -> Evidence:
    fields: dict[str, Any] = {
        "id": "E1",
        "sign": "s",
        "polarity": "for",
        "score": 0.8,
        "log_lr": 1.5,
        "share": 1.0,
        "rule": None,
        "location": WORD,
        "zones": (),
        "significance": WORD,
        "source": "book",
        "region": region(),
    }
    return Evidence(**{**fields, **changes})


def turn(session: Session, text: str = "为什么？", **changes: Any) -> Turn:
    fields: dict[str, Any] = {
        "session": session.id,
        "turn": 1,
        "query": Query(text, "zh", "WHY", "x"),
        "sentences": (Sentence("因为。", ("E1",)),),
        "items": (evidence(),),
        "anchors": (Anchor("A1", WORD, region()),),
    }
    return Turn(**{**fields, **changes})


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def session(store: MemoryStore) -> Session:
    """A conversation of three turns."""
    made = store.create("ab" * 32, "zh")
    for text in ("one", "two", "three"):
        store.append(made.id, turn(made, text))
    return store.get(made.id)


def tampered(session: Session, number: int, **changes: Any) -> Session:
    turns = list(session.turns)
    turns[number] = replace(turns[number], **changes)
    return replace(session, turns=tuple(turns))


def test_it_is_a_store(store: MemoryStore) -> None:
    assert isinstance(store, Store)


def test_turns_are_numbered_and_chained(session: Session) -> None:
    assert [t.turn for t in session.turns] == [1, 2, 3]
    assert verify(session)
    assert len({t.audit for t in session.turns}) == 3
    assert all(len(t.audit) == 64 and set(t.audit) <= set("0123456789abcdef") for t in session.turns)
    assert session.turns[0].audit == record_hash(genesis(session), session, session.turns[0])
    assert session.turns[2].audit == record_hash(session.turns[1].audit, session, session.turns[2])


def test_an_empty_session_is_intact(store: MemoryStore) -> None:
    assert verify(store.create("ab", "en"))


CHANGES: dict[str, dict[str, Any]] = {
    "question": {"query": Query("else", "zh", "WHY", "x")},
    "intent": {"query": Query("one", "zh", "WHY_NOT", "x")},
    "target": {"query": Query("one", "zh", "WHY", "y")},
    "answer": {"sentences": (Sentence("不是。", ("E1",)),)},
    "number": {"turn": 7},
    "no items": {"items": ()},
    "item id": {"items": (evidence(id="E2"),)},
    "item sign": {"items": (evidence(sign="t"),)},
    "item polarity": {"items": (evidence(polarity="against"),)},
    "item score": {"items": (evidence(score=0.8 + 1e-12),)},
    "item weight": {"items": (evidence(log_lr=1.5 - 1e-12),)},
    "hash": {"audit": "0" * 64},
}


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_turn_breaks_the_chain(session: Session, change: str, number: int) -> None:
    query = CHANGES[change].get("query")
    changes = dict(CHANGES[change])
    if query is not None and change != "question":
        changes["query"] = replace(query, text=session.turns[number].query.text)
    assert not verify(tampered(session, number, **changes))


UNSEEN: dict[str, dict[str, Any]] = {
    "language": {"query": Query("one", "en", "WHY", "x")},
    "anchors": {"anchors": (Anchor("A1", WORD, region(5)),)},
    "region": {"items": (evidence(region=region(5)),)},
    "counterfactual": {"items": (evidence(counterfactual=Counterfactual(0.4, True)),)},
    "what a sentence rests on": {"sentences": (Sentence("因为。", ()),)},
}


@pytest.mark.parametrize("change", UNSEEN)
def test_changed_places_and_tests_break_the_chain(session: Session, change: str) -> None:
    assert not verify(tampered(session, 0, **UNSEEN[change]))


@pytest.mark.parametrize("order", [(1, 2), (0, 2), (1, 0, 2), (0, 1, 1, 2), (2,)])
def test_removed_repeated_or_swapped_turns_break_the_chain(session: Session, order: tuple[int, ...]) -> None:
    assert not verify(replace(session, turns=tuple(session.turns[i] for i in order)))


def test_a_conversation_moved_to_another_film_or_session_breaks_the_chain(session: Session) -> None:
    assert not verify(tampered(session, 1, film="cd" * 32))
    assert not verify(replace(session, id="another"))


def test_no_pixels_or_file_names_are_needed_for_the_record(session: Session) -> None:
    bare = replace(session.turns[0], overlay=None, timing_ms={}, audit="")
    assert record_hash(genesis(session), session, bare) == session.turns[0].audit


def test_an_unknown_session_is_an_argument_error(store: MemoryStore) -> None:
    made = store.create("ab", "en")
    for action in (lambda: store.get("nobody"), lambda: store.append("nobody", turn(made))):
        with pytest.raises(ArgumentError) as caught:
            action()
        assert caught.value.code == "SESSION_UNKNOWN"
        assert caught.value.exit_code == 2


def test_sessions_do_not_mix(store: MemoryStore) -> None:
    one, two = store.create("ab", "zh"), store.create("ab", "en")
    store.append(one.id, turn(one))
    assert one.id != two.id
    assert (len(store.get(one.id).turns), len(store.get(two.id).turns)) == (1, 0)
    assert store.get(two.id).lang == "en"


def test_session_ids_cannot_be_guessed(store: MemoryStore) -> None:
    ids = [store.create("ab", "zh").id for _ in range(50)]
    assert len(set(ids)) == 50
    assert all(len(i) >= 16 for i in ids)


def test_a_session_read_earlier_does_not_change(store: MemoryStore, session: Session) -> None:
    store.append(session.id, turn(session, "four"))
    assert len(session.turns) == 3
    assert len(store.get(session.id).turns) == 4


def test_anchors_of_all_turns_are_listed_oldest_first(store: MemoryStore) -> None:
    made = store.create("ab", "zh")
    for name in ("A1", "A2"):
        store.append(made.id, turn(made, anchors=(Anchor(name, WORD, region()),)))
    assert [a.id for a in store.get(made.id).anchors] == ["A1", "A2"]


def test_many_threads_lose_no_turn_and_keep_the_chain(store: MemoryStore) -> None:
    made = [store.create(f"{i:02x}", "zh") for i in range(3)]
    with ThreadPoolExecutor(8) as pool:
        stored = list(pool.map(lambda k: store.append(made[k % 3].id, turn(made[k % 3], f"q{k}")), range(150)))
    for session in made:
        kept = store.get(session.id)
        assert len(kept.turns) == 50
        assert [t.turn for t in kept.turns] == list(range(1, 51))
        assert verify(kept)
    assert len({t.audit for t in stored}) == 150


def test_a_conversation_goes_on_with_another_film_and_its_anchors_go_stale(store: MemoryStore) -> None:
    made = store.create("ab" * 32, "zh")
    anchor = Anchor("A1", WORD, region(), film="ab" * 32)
    store.append(made.id, turn(made, anchors=(anchor,)))
    bound = store.rebind(made.id, "cd" * 32, "ab" * 32)
    store.append(made.id, turn(made, "next", anchors=()))
    now = store.get(made.id)
    assert (bound.image_sha256, bound.prior_sha256) == ("cd" * 32, "ab" * 32)
    assert [t.film for t in now.turns] == ["ab" * 32, "cd" * 32]
    assert (now.anchors, now.made) == ((), (anchor,))
    assert verify(now)


def test_a_sign_is_struck_out_until_it_is_restored() -> None:
    made = Session("s", "ab" * 32, "zh")
    turns = tuple(
        turn(made, correction=Correction(sign, rejected, None, "no"))
        for sign, rejected in (("a", True), ("b", True), ("a", False))
    )
    assert replace(made, turns=turns[:2]).rejected == {"a", "b"}
    assert replace(made, turns=turns).rejected == {"b"}
