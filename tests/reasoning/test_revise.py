"""A sign that the doctor strikes out leaves the sum, and nothing else changes."""

from __future__ import annotations

from math import exp, log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reasoning.worlds import diagnosis, fusion, measured, observed, pack, rule, seen, sign, weight
from whyray.domain import Observations
from whyray.reasoning import conclude, fires, strike

NAMES = ("a", "b", "c")
MADE = pack(
    [*(sign(n) for n in NAMES), sign("pattern", "x")],
    [diagnosis("x", [weight("a", 6, 0.4), weight("b", 3, 0.6), weight("c", 0.3, 1.2)], head="x")],
    [rule("r", "x", {"all": ["a", "b"]}, 0.8), rule("s", "x", {"all": ["a", {"absent": "c"}]}, 0.5)],
)


def film(**scores: float | None) -> Observations:
    return observed(seen(s.id, scores.get(s.id, 0.6), measurements=measured("m", 1.0)) for s in MADE.signs)


@settings(max_examples=100, deadline=None)
@given(
    st.fixed_dictionaries({n: st.one_of(st.none(), st.floats(0, 1)) for n in (*NAMES, "pattern")}),
    st.sets(st.sampled_from(NAMES)),
)
def test_shares_are_whole_again_and_the_sum_holds(scores: dict[str, float | None], rejected: set[str]) -> None:
    (finding,) = conclude(strike(film(**scores), rejected), MADE, fusion(MADE))
    assert not {e.sign for e in finding.evidence} & rejected
    z = finding.base_log_odds + sum(e.log_lr for e in finding.evidence)
    assert finding.probability == pytest.approx(1 / (1 + exp(-z)), rel=1e-9)
    total = sum(abs(e.log_lr) for e in finding.evidence)
    assert sum(e.share for e in finding.evidence) == pytest.approx(1 if total else 0)
    (blind,) = conclude(film(**{**scores, **dict.fromkeys(rejected)}), MADE, fusion(MADE))
    assert finding.probability == blind.probability


def test_a_struck_sign_is_neither_there_nor_absent() -> None:
    before = film(a=0.9, b=0.9, c=0.9, pattern=0.9)
    after = strike(before, {"a", "c"})
    for name in ("a", "c"):
        struck = after.sign(name)
        assert struck is not None
        assert (struck.ran, struck.region, struck.score, struck.reason) == (False, None, 0.0, "rejected")
        assert struck.measurements == struck.zones == ()
        world = {s.id: s for s in after.signs}
        assert not fires(name, world, MADE)
        assert not fires({"absent": name}, world, MADE)
    assert [s.id for s in after.signs] == [s.id for s in before.signs]
    for name in ("b", "pattern"):
        assert after.sign(name) is before.sign(name)
    assert (after.film_scores, after.structures, after.zones) == (before.film_scores, before.structures, before.zones)


def test_the_terms_and_pathways_of_a_struck_sign_go_by_hand() -> None:
    (before,) = conclude(film(a=1.0, b=1.0, c=0.0, pattern=0.5), MADE, fusion(MADE))
    assert {e.sign: e.log_lr for e in before.evidence} == pytest.approx(
        {"a": log(6) + 0.4 + 0.5, "b": log(3) + 0.4, "c": log(1.2), "pattern": 0.0}
    )
    (after,) = conclude(strike(film(a=1.0, b=1.0, c=0.0, pattern=0.5), ["a"]), MADE, fusion(MADE))
    assert {e.sign: e.log_lr for e in after.evidence} == pytest.approx({"b": log(3), "c": log(1.2), "pattern": 0.0})
    assert after.rules == ()
    assert after.probability < before.probability


def test_taken_back_it_is_as_before() -> None:
    before = film(a=0.9, b=0.2)
    rejected = {"a"}
    assert strike(before, rejected) != before
    restored = strike(before, rejected - {"a"})
    assert restored.signs == before.signs
    assert all(x is y for x, y in zip(restored.signs, before.signs, strict=True))
    (x,), (y,) = (conclude(o, MADE, fusion(MADE)) for o in (restored, before))
    assert (x.probability, [(e.id, e.log_lr, e.share) for e in x.evidence]) == (
        y.probability,
        [(e.id, e.log_lr, e.share) for e in y.evidence],
    )


def test_unknown_ids_change_nothing() -> None:
    before = film()
    assert strike(before, {"ghost"}).signs == before.signs
