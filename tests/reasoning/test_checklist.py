"""Checklists in three values: by hand, as laws over drawn rows, and on the shipped pack."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reasoning import worlds
from reasoning.worlds import WORD, ZONES, measured, observed, seen
from whyray import knowledge
from whyray.domain import ChecklistRow, DiagnosisDefinition, Instead, Region, SignObservation, Ticked
from whyray.reasoning import fires, tick
from whyray.reasoning.checklist import MARGIN

PACK = worlds.pack((), ())
NAMES = ("a", "b", "c", "d")
ROWS, COLS = 300, 400
DIAGONAL = 500.0


def listing(*conditions: Any) -> DiagnosisDefinition:
    rows = tuple(ChecklistRow(f"row{i}", WORD, when, "book") for i, when in enumerate(conditions))
    return replace(worlds.diagnosis("x", ()), checklist=rows)


def ticked(when: Any, world: dict[str, SignObservation], **more: Any) -> Ticked:
    (row,) = tick(listing(when), observed(world.values()), PACK, **more)
    return row


WORLD = {
    "yes": seen("yes", 0.9, zones=("upper_r",), measurements=measured("size", 0.55)),
    "both": seen("both", 0.9, zones=("upper_r", "upper_l")),
    "no": seen("no", 0.1, measurements=measured("size", 0.3)),
    "blind": seen("blind", None),
    "dark": seen("dark", None),
}
BIG = {"measure": {"sign": "yes", "id": "size", ">=": 0.5}}
TABLE: list[tuple[Any, str, tuple[str, ...], tuple[str, ...]]] = [
    ("yes", "met", ("yes",), ()),
    ("no", "unmet", ("no",), ()),
    ("blind", "undetermined", (), ("blind",)),
    ("unheard_of", "undetermined", (), ("unheard_of",)),
    ({"absent": "no"}, "met", ("no",), ()),
    ({"absent": "yes"}, "unmet", ("yes",), ()),
    ({"absent": "blind"}, "undetermined", (), ("blind",)),
    ({"all": ["yes", "both"]}, "met", ("yes", "both"), ()),
    ({"all": ["yes", "no", "blind"]}, "unmet", ("no",), ()),
    ({"all": ["yes", "blind", "dark"]}, "undetermined", (), ("blind", "dark")),
    ({"any": ["no", "yes", "blind"]}, "met", ("yes",), ()),
    ({"any": ["no", "blind"]}, "undetermined", (), ("blind",)),
    ({"any": ["no", {"absent": "yes"}]}, "unmet", ("no", "yes"), ()),
    ({"all": ["blind", {"any": ["yes", "dark"]}]}, "undetermined", (), ("blind",)),
    ({"all": ["blind", {"any": ["no", "dark"]}]}, "undetermined", (), ("blind", "dark")),
    ({"at_least": {"n": 2, "of": ["yes", "both", "blind"]}}, "met", ("yes", "both"), ()),
    ({"at_least": {"n": 3, "of": ["yes", "both", "blind"]}}, "undetermined", (), ("blind",)),
    ({"at_least": {"n": 3, "of": ["yes", "no", "blind"]}}, "unmet", ("no",), ()),
    (BIG, "met", ("yes",), ()),
    ({"measure": {"sign": "no", "id": "size", ">=": 0.5}}, "unmet", ("no",), ()),
    ({"measure": {"sign": "both", "id": "size", ">=": 0.5}}, "undetermined", (), ("both",)),
    ({"measure": {"sign": "no", "id": "weight", ">=": 0.5}}, "unmet", ("no",), ()),
    ({"measure": {"sign": "blind", "id": "size", ">=": 0.5}}, "undetermined", (), ("blind",)),
    ({"overlaps": {"sign": "yes", "zone": "upper_r"}}, "met", ("yes",), ()),
    ({"overlaps": {"sign": "yes", "zone": "upper_l"}}, "unmet", ("yes",), ()),
    ({"overlaps": {"sign": "no", "zone": "upper_l"}}, "unmet", ("no",), ()),
    ({"overlaps": {"sign": "dark", "zone": "upper_l"}}, "undetermined", (), ("dark",)),
    ({"symmetric": "both"}, "met", ("both",), ()),
    ({"symmetric": "yes"}, "unmet", ("yes",), ()),
    ({"symmetric": "blind"}, "undetermined", (), ("blind",)),
    ({"any": ["blind", {"symmetric": "blind"}]}, "undetermined", (), ("blind",)),
]


@pytest.mark.parametrize(("when", "state", "signs", "missing"), TABLE, ids=lambda v: str(v))
def test_truth_table(when: Any, state: str, signs: tuple[str, ...], missing: tuple[str, ...]) -> None:
    assert ticked(when, WORLD) == Ticked("row0", state, signs, missing)  # type: ignore[arg-type]


def test_rows_keep_their_order_and_other_words_are_errors() -> None:
    rows = tick(listing("no", "yes", "blind"), observed(WORLD.values()), PACK)
    assert [(r.row, r.state) for r in rows] == [("row0", "unmet"), ("row1", "met"), ("row2", "undetermined")]
    with pytest.raises(ValueError, match="perhaps"):
        ticked({"perhaps": ["yes"]}, WORLD)


LEAVES = st.one_of(
    st.sampled_from(NAMES),
    st.builds(lambda n: {"absent": n}, st.sampled_from(NAMES)),
    st.builds(lambda n: {"symmetric": n}, st.sampled_from(NAMES)),
    st.builds(lambda n, z: {"overlaps": {"sign": n, "zone": z.id}}, st.sampled_from(NAMES), st.sampled_from(ZONES)),
    st.builds(
        lambda n, word, x: {"measure": {"sign": n, "id": "size", word: x}},
        st.sampled_from(NAMES),
        st.sampled_from((">=", "<=")),
        st.floats(0, 1),
    ),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda word, parts: {word: parts}, st.sampled_from(("all", "any")), st.lists(inner, min_size=1)),
        st.lists(inner, min_size=1).flatmap(
            lambda parts: st.integers(1, len(parts)).map(lambda n: {"at_least": {"n": n, "of": parts}})
        ),
    ),
    max_leaves=8,
)


@st.composite
def known(draw: st.DrawFn, name: str) -> SignObservation:
    zones = tuple(draw(st.lists(st.sampled_from([z.id for z in ZONES]), unique=True)))
    return seen(
        name, draw(st.sampled_from((0.1, 0.9))), zones=zones, measurements=measured("size", draw(st.floats(0, 1)))
    )


@st.composite
def full_world(draw: st.DrawFn) -> dict[str, SignObservation]:
    return {n: draw(known(n)) for n in NAMES}


@settings(max_examples=120, deadline=None)
@given(TREES, full_world(), st.sets(st.sampled_from(NAMES)))
def test_what_becomes_known_never_flips_a_row_that_is_determined(
    when: Any, world: dict[str, SignObservation], hidden: set[str]
) -> None:
    partly = {n: seen(n, None) if n in hidden else s for n, s in world.items()}
    before, after = ticked(when, partly), ticked(when, world)
    assert after.state != "undetermined"
    assert before.state in ("undetermined", after.state)
    assert set(before.missing) <= hidden
    assert not set(before.signs) & hidden
    assert bool(before.missing) == (before.state == "undetermined") != bool(before.signs)


@settings(max_examples=120, deadline=None)
@given(TREES, full_world())
def test_it_agrees_with_the_pathways_when_everything_was_looked_for(
    when: Any, world: dict[str, SignObservation]
) -> None:
    assert (ticked(when, world).state == "met") == fires(when, world, PACK)


@settings(max_examples=120, deadline=None)
@given(TREES, full_world(), full_world(), st.sets(st.sampled_from(NAMES)))
def test_the_signs_named_decide_whatever_the_others_are(
    when: Any, world: dict[str, SignObservation], other: dict[str, SignObservation], hidden: set[str]
) -> None:
    partly = {n: seen(n, None) if n in hidden else s for n, s in world.items()}
    row = ticked(when, partly)
    if row.state != "undetermined":
        assert ticked(when, {n: partly[n] if n in row.signs else other[n] for n in NAMES}).state == row.state


@settings(max_examples=120, deadline=None)
@given(TREES, full_world(), full_world(), st.sets(st.sampled_from(NAMES)))
def test_what_is_not_named_as_missing_cannot_determine_the_row(
    when: Any, world: dict[str, SignObservation], other: dict[str, SignObservation], hidden: set[str]
) -> None:
    partly = {n: seen(n, None) if n in hidden else s for n, s in world.items()}
    row = ticked(when, partly)
    told = {n: other[n] if n in hidden - set(row.missing) else s for n, s in partly.items()}
    assert ticked(when, told).state == row.state


def test_a_closer_look_replaces_what_was_seen_first() -> None:
    assert ticked("blind", WORLD, extra=[seen("blind", 0.9)]).state == "met"
    assert ticked("yes", WORLD, extra=[seen("yes", 0.1)]).state == "unmet"
    assert ticked("new", WORLD, extra=[seen("new", 0.9)]) == Ticked("row0", "met", ("new",))
    assert ticked("yes", WORLD, extra=iter([seen("yes", None)])).state == "undetermined"


def instead(when: Any, sign: str, world: dict[str, SignObservation], **more: Any) -> Ticked:
    row = ChecklistRow("row0", WORD, when, "book", Instead(sign, WORD))
    (found,) = tick(replace(worlds.diagnosis("x", ()), checklist=(row,)), observed(world.values()), PACK, **more)
    return found


@pytest.mark.parametrize(("when", "sign", "told"), [
    ("no", "yes", "yes"),
    ("no", "blind", None),
    ("both", "yes", None),
    ("blind", "yes", "yes"),
    ({"any": ["no", "both"]}, "yes", None),
])  # fmt: skip
def test_what_is_seen_in_place_of_a_sign_is_told_unless_the_row_is_met(when: Any, sign: str, told: str | None) -> None:
    assert instead(when, sign, WORLD).instead == told
    assert instead(when, sign, WORLD).state == ticked(when, WORLD).state


def box(x0: int, y0: int, x1: int, y1: int, *more: tuple[int, int, int, int]) -> Region:
    mask = np.zeros((ROWS, COLS), dtype=np.bool_)
    for left, top, right, bottom in ((x0, y0, x1, y1), *more):
        mask[top:bottom, left:right] = True
    made = Region.from_mask(mask)
    assert made is not None
    return made


LESION = box(100, 100, 120, 120)
REACH = int(MARGIN * DIAGONAL)


@pytest.mark.parametrize(
    ("region", "state"),
    [
        (box(105, 105, 110, 110), "met"),
        (box(50, 50, 300, 250), "met"),
        (box(120 + REACH - 3, 110, 200, 115), "met"),
        (box(120 + REACH + 3, 110, 200, 115), "unmet"),
        (box(105, 100 - REACH - 20, 110, 100 - REACH - 3), "unmet"),
        (box(300, 105, 310, 110), "unmet"),
    ],
)
def test_a_sign_counts_for_a_lesion_only_at_it(region: Region, state: str) -> None:
    world = {"a": SignObservation("a", True, 0.9, region=region)}
    assert ticked("a", world).state == "met"
    assert ticked("a", world, within=LESION).state == state
    assert (ticked({"absent": "a"}, world, within=LESION).state == "met") == (state == "unmet")
    away = ("a",) if state == "unmet" else ()
    assert ticked("a", world, within=LESION).away == ticked({"absent": "a"}, world, within=LESION).away == away
    assert ticked("a", world).away == ()
    other = {**world, "no": WORLD["no"]}
    assert instead("no", "a", other, within=LESION).instead == (None if away else "a")


def test_of_a_scattered_sign_the_part_at_the_lesion_counts_with_its_own_zone() -> None:
    two = SignObservation(
        "a", True, 0.9, region=box(105, 105, 115, 115, (300, 105, 340, 145)), zones=("upper_l", "upper_r"),
        measurements=measured("size", 40.0),
    )  # fmt: skip
    zones = {"upper_r": box(0, 0, 200, 300), "upper_l": box(200, 0, 400, 300)}
    film = replace(observed([two]), zones=zones)
    conditions = (
        {"overlaps": {"sign": "a", "zone": "upper_r"}},
        {"overlaps": {"sign": "a", "zone": "upper_l"}},
        {"symmetric": "a"},
        {"measure": {"sign": "a", "id": "size", ">=": 30}},
    )
    assert [r.state for r in tick(listing(*conditions), film, PACK)] == ["met"] * 4
    at_right = tick(listing(*conditions), film, PACK, within=LESION)
    assert [r.state for r in at_right] == ["met", "unmet", "unmet", "undetermined"]
    assert at_right[3].missing == ("a",)


def test_a_sign_wholly_at_the_lesion_keeps_its_number() -> None:
    world = {"a": SignObservation("a", True, 0.9, region=LESION, measurements=measured("size", 20.0))}
    assert ticked({"measure": {"sign": "a", "id": "size", ">=": 15}}, world, within=LESION).state == "met"


def test_the_shipped_checklists_can_be_ticked() -> None:
    for pack in knowledge.load_packs():
        blind = observed(seen(s.id, None) for s in pack.signs)
        everything = observed(seen(s.id, 0.9, zones=tuple(z.id for z in pack.zones)) for s in pack.signs)
        nothing = observed(seen(s.id, 0.1) for s in pack.signs)
        for diagnosis in pack.diagnoses:
            ids = [row.id for row in diagnosis.checklist]
            for film in (blind, everything, nothing):
                assert [r.row for r in tick(diagnosis, film, pack)] == ids
            assert {r.state for r in tick(diagnosis, blind, pack)} <= {"undetermined"}
            assert "undetermined" not in {
                r.state for film in (everything, nothing) for r in tick(diagnosis, film, pack)
            }
        assert any(d.checklist for d in pack.diagnoses)
