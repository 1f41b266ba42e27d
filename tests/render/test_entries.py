"""Lists of evidence for several conclusions: each sign once, with what it speaks for and against."""

from __future__ import annotations

from dataclasses import replace

import pytest

from render.films import evidence, pack, words
from whyray.domain import DiagnosisDefinition, Query, Sentence, Turn
from whyray.render import evidence_layers, format_turn
from whyray.render.entries import conclusions, entries, numbers, stances

SOURCE = "a textbook"
PACK = replace(
    pack(),
    diagnoses=(
        DiagnosisDefinition("ill", words("甲病", "Illness"), words("", ""), SOURCE, words("", "")),
        DiagnosisDefinition("sore", words("乙病", "Sore"), words("", ""), SOURCE, words("", "")),
    ),
)  # fmt: skip


def item(number, sign, finding, polarity="for", score=0.8):
    return replace(evidence(number, sign, polarity), finding=finding, score=score)


SHARED = (item(1, "s1", "ill"), item(2, "s2", "ill", "absent", 0.1), item(3, "s1", "sore", "against"))


def test_a_sign_is_one_entry_for_all_conclusions():
    assert [[e.id for e in entry.items] for entry in entries(SHARED)] == [["E1", "E3"], ["E2"]]
    assert numbers(SHARED) == {"E1": 1, "E2": 2, "E3": 1}
    assert conclusions(SHARED) == ("ill", "sore")


def test_evidence_for_one_conclusion_is_never_joined():
    assert len(entries((item(1, "s1", "ill"), item(2, "s1", "ill")))) == 2
    assert len(entries((item(1, "s1", ""), item(2, "s1", "")))) == 2


def test_an_entry_says_which_conclusion_it_speaks_for():
    said = stances(entries(SHARED)[0], PACK)
    assert said.en == "For: Illness (share 40%); Against: Sore (share 40%)"
    assert said.zh == "支持：甲病（占比 40%）；不支持：乙病（占比 40%）"


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_list_and_its_numbers(lang):
    sentences = (Sentence("A。" if lang == "zh" else "A.", ("E1", "E3")), Sentence("B.", ("E2",)))
    lines = format_turn(Turn("S", 1, Query("?", lang, "SCREEN"), sentences, SHARED, ()), PACK, lang).splitlines()
    assert lines[0].endswith(" [1]")
    assert lines[1].endswith(" [2]")
    assert sum(line.startswith(("1. ", "2. ", "3. ")) for line in lines) == 2
    assert any(stances(entries(SHARED)[0], PACK).get(lang) in line for line in lines)


def test_a_list_for_one_conclusion_names_it_in_its_heading():
    turn = Turn("S", 1, Query("?", "en", "SCREEN"), (), SHARED[:2], ())
    text = format_turn(turn, PACK, "en")
    assert "Evidence (Illness):" in text
    assert "[For] Sign 1" in text


def test_what_has_no_weight_is_not_given_a_share():
    bare = replace(SHARED[1], log_lr=0.0, share=0.0)
    assert "0%" not in format_turn(Turn("S", 1, Query("?", "en", "WHY"), (), (bare,), ()), PACK, "en")


def test_figures_show_an_entry_once_without_a_share_of_its_own():
    layers = evidence_layers(SHARED, PACK)
    assert [(one.id, one.polarity, one.share) for one in layers] == [("E1", None, None), ("E2", "absent", None)]
    assert layers[0].facts.en.startswith("For: Illness (share 40%); Against: Sore")
    (alone,) = evidence_layers(SHARED[:1], PACK)
    assert (alone.polarity, alone.share) == ("for", 0.4)
