from dataclasses import replace
from math import exp, isclose, log
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reasoning import worlds
from reasoning.worlds import diagnosis, fusion, measured, observed, pack, region, rule, seen, sign, weight
from whyray import knowledge
from whyray.domain import Finding, Pack
from whyray.reasoning import Fusion, conclude, needed
from whyray.reasoning.conclude import patterns, place, tier, verdict

NAMES = ("a", "b", "c", "d")
ORDER = {"for": 0, "against": 1, "absent": 2}
SCORES = st.one_of(st.none(), st.floats(0, 1))
RATIOS = st.floats(0.02, 50)


def one(made: Pack, scores: dict[str, float | None], weights: Fusion | None = None, **more: Any) -> Finding:
    signs = [seen(s.id, scores.get(s.id), **more) for s in made.signs]
    return conclude(observed(signs), made, weights or fusion(made))[0]


@st.composite
def worlds_of(draw: st.DrawFn) -> tuple[Pack, Fusion, dict[str, float | None]]:
    targets = [
        diagnosis(t, [weight(n, draw(RATIOS), draw(RATIOS)) for n in NAMES if draw(st.booleans())], head=t)
        for t in ("x", "y")
    ]
    rules = [
        rule("r1", "x", {"all": ["a", "b"]}, draw(st.floats(-2, 2))),
        rule("r2", "x", {"any": ["b", "c", "pattern_x"]}, draw(st.floats(-2, 2))),
        rule("r3", "y", {"at_least": {"n": 1, "of": ["c", "d"]}}, draw(st.floats(-2, 2))),
    ]
    signs = [*(sign(n) for n in NAMES), sign("pattern_x", "x"), sign("pattern_y", "y")]
    made = pack(signs, targets, rules)
    weights = fusion(made, draw(st.floats(0, 1.5)), draw(st.floats(0, 1.5)), draw(st.floats(-6, 3)))
    return made, weights, {s.id: draw(SCORES) for s in signs}


@settings(max_examples=150, deadline=None)
@given(worlds_of())
def test_log_odds_add_up_exactly_and_evidence_is_in_order(world: tuple[Pack, Fusion, dict[str, float | None]]) -> None:
    made, weights, scores = world
    findings = conclude(observed(seen(n, s) for n, s in scores.items()), made, weights)
    assert [f.id for f in findings] == ["x", "y"]
    ids = [e.id for f in findings for e in f.evidence]
    assert ids == [f"E{i}" for i in range(1, len(ids) + 1)]
    for finding in findings:
        z = finding.base_log_odds + sum(e.log_lr for e in finding.evidence)
        assert isclose(finding.probability, 1 / (1 + exp(-z)), rel_tol=1e-9)
        if abs(z) < 20:
            p = finding.probability
            assert log(p / (1 - p)) == pytest.approx(z, abs=1e-6)
        total = sum(abs(e.log_lr) for e in finding.evidence)
        assert sum(e.share for e in finding.evidence) == pytest.approx(1 if total else 0)
        for e in finding.evidence:
            assert e.share == pytest.approx(abs(e.log_lr) / total if total else 0)
            assert scores[e.sign] is not None
            assert (e.polarity == "absent") == (e.region is None)
            assert e.polarity == "absent" or (e.polarity == "for") == (e.log_lr >= 0)
        keys = [(ORDER[e.polarity], -abs(e.log_lr)) for e in finding.evidence]
        assert keys == sorted(keys)
        assert len({e.sign for e in finding.evidence}) == len(finding.evidence)


def test_a_firm_sign_counts_only_where_it_is_seen() -> None:
    """What its detector misses on real films is not known: a score below the threshold moves nothing."""
    loose = sign("a", "x")
    assert loose.detector is not None
    firm = replace(loose, learned=False, detector=replace(loose.detector, params={"firm": True}))
    soft = replace(firm, detector=replace(loose.detector, params={}))
    target = diagnosis("x", [weight("a", 40.0, 0.9)])
    for score in (0.05, 0.4, 0.9):
        hard, counted = (one(pack([s], [target]), {"a": score}).evidence[0] for s in (firm, soft))
        if counted.region is None:
            assert hard.log_lr == 0
            assert counted.log_lr != 0
        else:
            assert hard.log_lr == counted.log_lr > 0


def test_a_hand_computed_sum() -> None:
    """Base -1, film log-odds log(4) times 0.5, a seen sign log(0.8 x 5 + 0.2 x 0.5) times 2, an unseen one."""
    made = pack(
        [sign("a"), sign("b"), sign("p", "h")], [diagnosis("x", [weight("a", 5, 0.5), weight("b", 3, 0.25)], "h")]
    )
    finding = one(made, {"a": 0.8, "b": 0.1, "p": 0.8}, fusion(made, 0.5, 2.0))
    terms = {e.sign: e.log_lr for e in finding.evidence}
    assert terms["p"] == pytest.approx(0.5 * log(4))
    assert terms["a"] == pytest.approx(2 * log(4.1))
    assert terms["b"] == pytest.approx(2 * log(0.1 * 3 + 0.9 * 0.25))
    assert finding.probability == pytest.approx(1 / (1 + exp(-(-1 + sum(terms.values())))))
    assert [e.polarity for e in finding.evidence] == ["for", "for", "absent"]


def test_a_sign_that_did_not_run_contributes_nothing() -> None:
    made = pack([sign("a"), sign("b")], [diagnosis("x", [weight("a", 9, 0.1), weight("b", 3, 0.5)])])
    with_it, without = one(made, {"a": None, "b": 0.9}), one(made, {"b": 0.9})
    assert [e.sign for e in with_it.evidence] == ["b"]
    assert with_it.probability == without.probability
    blind = one(made, {})
    assert blind.evidence == ()
    assert blind.probability == pytest.approx(1 / (1 + exp(1)))


def test_the_surer_the_sign_the_more_it_moves() -> None:
    made = pack([sign("a")], [diagnosis("x", [weight("a", 8, 0.4)])])
    steps = [one(made, {"a": s / 20}).probability for s in range(21)]
    assert steps == sorted(steps)
    assert one(made, {"a": 1.0}).evidence[0].log_lr == pytest.approx(log(8))
    assert one(made, {"a": 0.0}).evidence[0].log_lr == pytest.approx(log(0.4))


@pytest.mark.parametrize(
    ("score", "ratios", "polarity"),
    [(0.9, (4, 0.5), "for"), (0.9, (0.3, 1.2), "against"), (0.9, (1, 1), "for"), (0.1, (4, 0.5), "absent")],
)
def test_polarity(score: float, ratios: tuple[float, float], polarity: str) -> None:
    made = pack([sign("a")], [diagnosis("x", [weight("a", *ratios)])])
    (evidence,) = one(made, {"a": score}).evidence
    assert evidence.polarity == polarity


def test_certain_film_scores_stay_finite() -> None:
    made = pack([sign("p", "h")], [diagnosis("x", [], "h")])
    for score in (0.0, 1.0):
        assert 0 < one(made, {"p": score}).probability < 1


def test_a_bonus_is_shared_evenly_by_the_present_members_only() -> None:
    made = pack(
        [sign(n) for n in NAMES],
        [diagnosis("x", [weight("a", 2, 1)])],
        [rule("r", "x", {"any": ["a", "b", "c"]}, 0.6)],
    )
    finding = one(made, {"a": 0.9, "b": 0.8, "c": 0.2, "d": 0.9})
    values = {e.sign: e.log_lr for e in finding.evidence}
    assert values == pytest.approx({"a": log(0.9 * 2 + 0.1) + 0.3, "b": 0.3})
    assert finding.rules == ("r",)
    assert {e.sign: e.rule for e in finding.evidence} == {"a": "r", "b": "r"}


def test_the_heaviest_pathway_of_a_sign_is_named_and_all_bonuses_count() -> None:
    made = pack(
        [sign("a"), sign("b")],
        [diagnosis("x", [])],
        [rule("light", "x", "a", 0.2), rule("heavy", "x", {"all": ["a", "b"]}, 1.0)],
    )
    finding = one(made, {"a": 0.9, "b": 0.9})
    values = {e.sign: (round(e.log_lr, 9), e.rule) for e in finding.evidence}
    assert values == {"a": (0.7, "heavy"), "b": (0.5, "heavy")}
    assert set(finding.rules) == {"light", "heavy"}


def test_a_rule_counts_for_its_own_diagnosis_only() -> None:
    made = pack([sign("a")], [diagnosis("x", []), diagnosis("y", [])], [rule("r", "y", "a", 1.0)])
    x, y = conclude(observed([seen("a", 0.9)]), made, fusion(made))
    assert (x.rules, x.evidence) == ((), ())
    assert (y.rules, [e.log_lr for e in y.evidence]) == (("r",), [1.0])


def test_a_fired_rule_without_a_present_sign_moves_nothing() -> None:
    made = pack([sign("a")], [diagnosis("x", [])], [rule("r", "x", {"absent": "a"}, 1.0)])
    finding = one(made, {"a": 0.1})
    assert finding.rules == ("r",)
    assert finding.evidence == ()
    assert finding.probability == pytest.approx(1 / (1 + exp(1)))


def test_evidence_carries_what_was_seen_and_why_it_counts() -> None:
    made = pack([sign("a")], [diagnosis("x", [weight("a", 4, 0.5)])])
    kept = {"zones": ("upper_l", "middle"), "within": ("lung",), "erase": region(3), "measurements": measured("m", 2.0)}
    (evidence,) = one(made, {"a": 0.9}, **kept).evidence
    assert evidence.significance == made.signs[0].significance
    assert evidence.source == "table of a"
    assert evidence.location.zh == "左上、中"
    assert evidence.location.en == "left upper, middle"
    assert (evidence.zones, evidence.within, evidence.erase) == (kept["zones"], kept["within"], kept["erase"])
    assert evidence.measurements == kept["measurements"]
    assert evidence.counterfactual is None


def test_the_source_of_a_sign_without_weight_is_its_definitions() -> None:
    made = pack([sign("p", "h")], [diagnosis("x", [], "h")])
    assert one(made, {"p": 0.9}).evidence[0].source == "book on p"


def test_at_most_three_places_are_named() -> None:
    made = pack([sign("a")], [])
    names = place(seen("a", 0.9, zones=("upper_r", "lower_r", "upper_l", "middle")), made)
    assert names.en == "right upper, right lower, left upper"
    assert place(seen("a", 0.9), made).en == ""


def test_an_unknown_sign_in_a_weight_is_an_error_of_the_pack() -> None:
    made = pack([], [diagnosis("x", [weight("ghost", 2, 0.5)])])
    with pytest.raises(ValueError, match="ghost"):
        conclude(observed([seen("ghost", 0.9)]), made, fusion(made))


def test_patterns_are_the_learned_signs_with_a_head() -> None:
    headless = replace(sign("p", "h"), detector=worlds.DetectorSpec("kind"))
    learned = sign("q", "h")
    assert patterns(pack([headless, learned], [diagnosis("x", [])])) == {"h": learned}


def test_what_a_diagnosis_needs_is_enough_for_its_probability() -> None:
    made = knowledge.load_packs()[0]
    everything = observed(seen(s.id, 0.9 if s.detector else None) for s in made.signs)
    for finding in conclude(everything, made, fusion(made)):
        asked = needed(made, finding.id)
        some = observed(seen(s.id, 0.9 if s.detector and s.id in asked else None) for s in made.signs)
        (alone,) = conclude(some, made, fusion(made), only=(finding.id,))
        assert alone.probability == finding.probability
        assert [e.sign for e in alone.evidence] == [e.sign for e in finding.evidence]


@pytest.mark.parametrize(
    ("probability", "expected"),
    [(0.0, "low"), (0.6999, "low"), (0.70, "medium"), (0.90, "medium"), (0.9001, "high"), (1.0, "high")],
)
def test_tier_borders(probability: float, expected: str) -> None:
    assert tier(probability) == expected


@pytest.mark.parametrize(
    ("probability", "expected"),
    [(0.1999, "not_supported"), (0.2, "possible"), (0.4999, "possible"), (0.5, "supported"), (1.0, "supported")],
)
def test_verdict_borders(probability: float, expected: str) -> None:
    assert verdict(probability, 0.2, 0.5) == expected


def test_the_shipped_pack_concludes_on_every_diagnosis() -> None:
    made = knowledge.load_packs()[0]
    found = conclude(observed(seen(s.id, 0.9 if s.detector else None) for s in made.signs), made, fusion(made))
    assert [f.id for f in found] == [d.id for d in made.diagnoses]
    for definition, finding in zip(made.diagnoses, found, strict=True):
        pattern = patterns(made).get(definition.head or "")
        assert (pattern is None) == (definition.head is None)
        weighed = {w.sign for w in definition.weights} & {s.id for s in made.signs if s.detector}
        assert bool(finding.evidence) == bool(pattern or weighed or finding.rules)


@pytest.mark.parametrize("descriptive", [True, False])
def test_only_the_sign_that_a_descriptive_diagnosis_names_has_the_defining_weight(descriptive: bool) -> None:
    """Ratio e at reliability one: the term is the weight itself."""
    named = replace(
        diagnosis("x", [weight("a", exp(1), 1.0), weight("b", exp(1), 1.0)]),
        core_signs=("a", "b"),
        descriptive=descriptive,
    )
    made = pack([sign("a"), sign("b")], [named])
    plain = fusion(made, named=0.4)
    for weights, own in ((plain, 0.4), (replace(plain, defining_weight=1.3), 1.3 if descriptive else 0.4)):
        terms = {e.sign: e.log_lr for e in one(made, {"a": 1.0, "b": 1.0}, weights).evidence}
        assert terms == {"a": pytest.approx(own), "b": pytest.approx(0.4)}
