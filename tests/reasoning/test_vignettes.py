"""Sixty films in words: what the shipped pack concludes from their signs, in which order and by which pathway."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.reasoning.vignettes import Vignette, by_evidence, named_pathways, observe, ranked, read, read_vignettes

from whyray.domain import Finding, Pack
from whyray.knowledge import load_packs
from whyray.reasoning.rules import present

VIGNETTES = read_vignettes()
FIRST, AMONG = 54, 3
EDEMA = {"pulmonary_edema", "heart_failure"}
MISREADINGS = (
    ("misread_severe_pneumonia_taken_for_edema", "pneumonia", "pulmonary_edema"),
    ("misread_edema_taken_for_pneumonia", "heart_failure", "pneumonia"),
    ("misread_ards_taken_for_edema", "ards", "pulmonary_edema"),
    ("misread_edema_taken_for_ards", "pulmonary_edema", "ards"),
    ("misread_early_edema_faint_kerley_b", "pulmonary_edema", "interstitial_pneumonia"),
)

Answers = dict[str, tuple[Finding, ...]]


@pytest.fixture(scope="module")
def pack() -> Pack:
    return next(p for p in load_packs() if p.id == "chest")


@pytest.fixture(scope="module")
def answers(pack: Pack) -> Answers:
    return {v.id: read(v, pack) for v in VIGNETTES}


def places(answers: Answers, order: Callable[[Vignette], tuple[Finding, ...]]) -> dict[str, int]:
    """Vignette id -> place of the right conclusion in its list, from 1."""
    return {v.id: next(n for n, f in enumerate(order(v), 1) if f.id in v.right) for v in VIGNETTES}


def test_there_are_sixty_with_a_source_each() -> None:
    assert len({v.id for v in VIGNETTES}) == len(VIGNETTES) == 60
    assert all(v.source and v.text["zh"] and v.text["en"] for v in VIGNETTES)
    assert len({v.expected for v in VIGNETTES}) >= 30
    assert sum(v.expected in EDEMA for v in VIGNETTES) >= 8


@pytest.mark.parametrize("vignette", VIGNETTES, ids=lambda v: v.id)
def test_a_vignette_speaks_of_what_the_pack_knows(vignette: Vignette, pack: Pack) -> None:
    signs, zones = {s.id for s in pack.signs}, {z.id for z in pack.zones}
    told = [*(entry["id"] for entry in vignette.signs), *vignette.absent]
    assert set(told) <= signs
    assert len(set(told)) == len(told)
    assert {zone for entry in vignette.signs for zone in entry["zones"]} <= zones
    assert vignette.right <= {d.id for d in pack.diagnoses}
    seen = observe(vignette, pack)
    assert sum(present(s) for s in seen.signs) == len(vignette.signs)


def test_the_right_conclusion_is_first(answers: Answers, pack: Pack) -> None:
    found = places(answers, lambda v: ranked(answers[v.id], pack, v.expected))
    later = {name: place for name, place in found.items() if place > 1}
    assert len(found) - len(later) >= FIRST, later
    assert all(place <= AMONG for place in found.values()), later


def test_the_evidence_alone_puts_it_first(answers: Answers, pack: Pack) -> None:
    found = places(answers, lambda v: by_evidence(answers[v.id], pack, v.expected))
    later = {name: place for name, place in found.items() if place > 1}
    assert len(found) - len(later) >= FIRST, later


@pytest.mark.parametrize("vignette", VIGNETTES, ids=lambda v: v.id)
def test_the_pathway_fires_and_is_named(vignette: Vignette, answers: Answers) -> None:
    right = tuple(f for f in answers[vignette.id] if f.id in vignette.right)
    assert vignette.pathway in {rule for f in right for rule in f.rules}
    assert vignette.pathway in named_pathways(right)


@pytest.mark.parametrize(("name", "right", "wrong"), MISREADINGS)
def test_a_misreading_is_avoided(name: str, right: str, wrong: str, answers: Answers) -> None:
    chance = {f.id: f.probability for f in answers[name]}
    assert chance[right] > chance[wrong]
