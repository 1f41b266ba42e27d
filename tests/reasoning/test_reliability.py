"""Reliabilities, confounders and the exact sum, whatever the pack says."""

from __future__ import annotations

from dataclasses import replace
from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasoning.worlds import diagnosis, fusion, observed, pack, rule, seen, sign, weight
from whyray.domain import Counted, CountedDiagnosis, CountedTable, Pack
from whyray.reasoning import conclude

TABLE = CountedTable("t", "t.csv", "0", "2026-11-25", "count", "all", 9, 3, 9, 6, 6)
NAMES = ("a", "b", "c", "d")
RATIO = st.floats(0.01, 100)
SHARE = st.floats(0, 1)


def counted(made: Pack, common: float) -> Pack:
    return replace(made, counted=Counted(TABLE, 0.5, {"x": CountedDiagnosis(9, 0.1, -2.0, common)}))


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Pack, dict[str, float | None]]:
    weights = [replace(weight(n, draw(RATIO), draw(RATIO)), reliability=draw(SHARE)) for n in NAMES]
    signs = [replace(sign(n), confounder=draw(st.booleans())) for n in NAMES]
    rules = [rule(f"r{i}", "x", {"any": draw(st.lists(st.sampled_from(NAMES), min_size=1))}, draw(st.floats(-2, 2)))
             for i in range(draw(st.integers(0, 3)))]  # fmt: skip
    core = draw(st.sets(st.sampled_from(NAMES)))
    made = pack(signs, [replace(diagnosis("x", weights), core_signs=tuple(core))], rules)
    scores = {n: draw(st.one_of(st.none(), SHARE)) for n in NAMES}
    return (counted(made, draw(SHARE)) if draw(st.booleans()) else made), scores


@given(worlds(), st.floats(-8, 4), st.floats(0, 1.5))
def test_base_and_evidence_add_up_to_the_log_odds(world, base, strength):
    made, scores = world
    (found,) = conclude(observed(seen(n, s) for n, s in scores.items()), made, fusion(made, 1.0, strength, base))
    total = found.base_log_odds + sum(e.log_lr for e in found.evidence)
    assert found.probability == pytest.approx(1 / (1 + exp(-total)), rel=1e-9)
    if found.evidence and any(e.log_lr for e in found.evidence):
        assert sum(e.share for e in found.evidence) == pytest.approx(1)


@given(worlds())
def test_a_confounder_is_evidence_only_for_a_diagnosis_about_it(world):
    made, scores = world
    (found,) = conclude(observed(seen(n, s) for n, s in scores.items()), made, fusion(made))
    (definition,) = made.diagnoses
    barred = {s.id for s in made.signs if s.confounder} - set(definition.core_signs)
    assert not barred & {e.sign for e in found.evidence}


def test_reliability_scales_the_log_ratio() -> None:
    weights = [replace(weight("a", 8, 0.5), reliability=0.25), weight("b", 8, 0.5)]
    made = pack([sign("a"), sign("b")], [diagnosis("x", weights)])
    (found,) = conclude(observed([seen("a", 1.0), seen("b", 1.0)]), made, fusion(made))
    values = {e.sign: e.log_lr for e in found.evidence}
    assert values == pytest.approx({"a": 0.25 * log(8), "b": log(8)})


def test_pathway_bonuses_take_the_common_reliability() -> None:
    made = pack(
        [sign("a")], [diagnosis("x", []), diagnosis("y", [])], [rule("r", "x", "a", 1.0), rule("s", "y", "a", 1.0)]
    )
    x, y = conclude(observed([seen("a", 1.0)]), counted(made, 0.3), fusion(made))
    assert [e.log_lr for e in x.evidence] == pytest.approx([0.3])
    assert [e.log_lr for e in y.evidence] == pytest.approx([0.5])
    assert x.rules == ("r",)
    plain, _ = conclude(observed([seen("a", 1.0)]), made, fusion(made))
    assert [e.log_lr for e in plain.evidence] == [1.0]


def test_a_confounder_lends_its_pathway_bonus_to_the_other_signs() -> None:
    tube = replace(sign("b"), confounder=True)
    made = pack([sign("a"), tube], [diagnosis("x", [weight("b", 9, 0.1)])], [rule("r", "x", {"all": ["a", "b"]}, 1.0)])
    (found,) = conclude(observed([seen("a", 1.0), seen("b", 1.0)]), made, fusion(made))
    assert {e.sign: e.log_lr for e in found.evidence} == {"a": 1.0}
    about = replace(made, diagnoses=(replace(made.diagnoses[0], core_signs=("b",)),))
    (found,) = conclude(observed([seen("a", 1.0), seen("b", 1.0)]), about, fusion(made))
    assert {e.sign for e in found.evidence} == {"a", "b"}
