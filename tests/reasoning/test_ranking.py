"""The order of conclusions: by hand, and that of the shipped pack."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.reasoning import worlds

from whyray.domain import Finding, Pack, Prior, Verdict
from whyray.knowledge import load_packs
from whyray.reasoning import RAISED, rank

PRIOR = 0.1


def pack(**marks: dict[str, Any]) -> Pack:
    """Diagnoses `a`, `b`, `c` of equal prior, changed by `marks`."""
    plain = {"prior": Prior(PRIOR, "expert", "opinion")}
    made = (replace(worlds.diagnosis(name, ()), **{**plain, **marks.get(name, {})}) for name in "abc")
    return worlds.pack((), made)


def finding(name: str, probability: float, verdict: Verdict = "not_supported") -> Finding:
    return Finding(name, probability, 0.0, "low", verdict, ())


def order(findings: tuple[Finding, ...]) -> str:
    return "".join(f.id for f in findings)


def test_supported_comes_before_more_probable() -> None:
    findings = (finding("a", 0.45, "possible"), finding("b", 0.4, "supported"), finding("c", 0.6, "supported"))
    assert order(rank(findings, pack()).impression) == "cba"


def test_supported_normal_study_stands_between_supported_and_raised() -> None:
    findings = (finding("a", 0.5, "possible"), finding("b", 0.9, "supported"), finding("c", 0.8, "supported"))
    assert order(rank(findings, pack(b={"normal": True})).impression) == "cba"


def test_unsupported_normal_study_is_never_raised() -> None:
    findings = (finding("a", 0.9, "possible"), finding("b", RAISED * PRIOR))
    assert order(rank(findings, pack(a={"normal": True})).impression) == "ba"


def test_raised_comes_before_what_was_frequent_already() -> None:
    frequent = {"prior": Prior(0.4, "expert", "opinion")}
    findings = (finding("a", 0.5), finding("b", RAISED * PRIOR), finding("c", RAISED * PRIOR - 0.01))
    assert order(rank(findings, pack(a=frequent)).impression) == "bac"


def test_descriptive_conclusions_have_their_own_list_in_the_same_order() -> None:
    marks = {"a": {"descriptive": True}, "c": {"descriptive": True}}
    findings = (finding("a", 0.9, "possible"), finding("b", 0.01), finding("c", 0.6, "supported"))
    ranking = rank(findings, pack(**marks))
    assert (order(ranking.impression), order(ranking.seen), order(ranking.spoken)) == ("b", "ca", "bca")


def test_equal_ones_keep_the_order_given_and_nothing_gets_lost() -> None:
    findings = tuple(finding(name, 0.3) for name in "bca")
    assert order(rank(findings, pack()).spoken) == "bca"
    assert rank((), pack()).spoken == ()


def test_a_finding_of_another_pack_is_refused() -> None:
    with pytest.raises(ValueError, match="other is not in pack toy"):
        rank((finding("other", 0.5),), pack())


def test_shipped_pack_marks_what_only_names_what_is_seen() -> None:
    chest = next(p for p in load_packs() if p.id == "chest")
    assert {d.id for d in chest.diagnoses if d.descriptive} == {
        "aortic_unfolding",
        "atelectasis",
        "cardiomegaly",
        "consolidation",
        "infiltration",
        "mass",
        "nodule",
        "pleural_effusion",
        "pleural_thickening",
    }
    assert not any(d.descriptive and d.normal for d in chest.diagnoses)
