from dataclasses import replace

import pytest

from render.films import RATIO, THEME, evidence, film, pack, words
from whyray.domain import (
    Counterfactual,
    DiagnosisDefinition,
    Finding,
    Notice,
    Observations,
    Quality,
    Query,
    Sentence,
    Turn,
)
from whyray.render import format_report, format_turn
from whyray.render.wrap import columns, wrap

ITEMS = (
    evidence(1, measurements=(RATIO,), counterfactual=Counterfactual(0.31, True)),
    evidence(2, "s2", "absent"),
)
LONG = "影像显示双侧肺门周围阴影，并见间质增厚，心影增大。" * 4


def turn(lang, intent="SCREEN"):
    text = LONG if lang == "zh" else "Perihilar opacity on both sides, thick septa and a large heart. " * 4
    sentences = (Sentence(text, ("E1", "E2")), Sentence("建议复核。" if lang == "zh" else "Please review."))
    return Turn("S1", 1, Query("?", lang, intent), sentences, ITEMS, ())


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("width", [40, 80])
def test_a_turn_is_sentences_then_numbered_evidence_then_the_research_line(lang, width):
    lines = format_turn(turn(lang), pack(), lang, width=width).splitlines()
    assert lines[-1] == THEME.words["research"].get(lang)
    assert max(columns(line) for line in lines) <= width
    heads = [i for i, line in enumerate(lines) if line.startswith(("1. ", "2. "))]
    answer = "建议复核。" if lang == "zh" else "Please review."
    assert len(heads) == 2
    assert lines.index(answer) < heads[0] < heads[1]
    joined = "".join(lines)
    assert "[1][2]" in joined
    assert "0.80" in joined
    assert "0.57" in joined
    assert "−0.31" in joined


def test_the_evidence_of_a_reasoned_answer_is_named_only():
    lines = format_turn(turn("en", "WHY"), pack(), "en").splitlines()
    joined = "".join(lines)
    assert "score 0.80" in joined  # name, score and share stay
    assert "0.57" not in joined  # measures and the test of erasure stand in the sentences
    assert "−0.31" not in joined


def test_a_turn_without_evidence_is_its_sentences():
    bare = Turn("S1", 1, Query("?", "zh", "HELP"), (Sentence("一。\n二。"),), (), ())
    assert format_turn(bare, pack(), "zh").splitlines() == ["一。", "二。", "", "仅供研究，不用于诊断"]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_report_names_film_warnings_findings_and_model(lang):
    notice = Notice("X", words("侧位片？", "Lateral film?"))
    seen = Observations("0", "model-7", (), {}, (), {}, Quality(True, None, (notice,)))
    findings = (
        Finding("d1", 0.93, 0.0, "high", "supported", ITEMS),
        Finding("d2", 0.05, 0.0, "low", "not_supported", (evidence(3, "s3"),)),
    )
    text = format_report(film(), seen, findings, pack(), lang, lines=[LONG])
    lines = text.splitlines()
    assert lines[-1] == THEME.words["research"].get(lang)
    assert max(columns(line) for line in lines) <= 80
    for part in (notice.sentence.get(lang), "d1", "0.93", "d2", "model-7", "512 x 512"):
        assert part in text
    assert THEME.words["uncalibrated"].get(lang) in text
    third = pack().sign("s3").name.get(lang)
    assert third not in text


@pytest.mark.parametrize(("lang", "heads"), [("zh", ("印象：", "所见：")), ("en", ("Impression:", "Findings:"))])
def test_a_report_has_the_impression_before_what_is_seen(lang, heads):
    names = {"d1": words("积液", "Effusion"), "d2": words("心衰", "Failure")}
    diagnoses = tuple(
        DiagnosisDefinition(i, name, name, "book", name, descriptive=i == "d1") for i, name in names.items()
    )
    findings = tuple(Finding(i, 0.9, 0.0, "medium", "supported", ()) for i in names)
    known, seen = replace(pack(), diagnoses=diagnoses), Observations("0", "m", (), {}, (), {}, Quality(True, None))
    lines = format_report(film(), seen, findings, known, lang).splitlines()
    first, second = (lines.index(head) for head in heads)
    assert lines[first + 1].startswith(f"- {names['d2'].get(lang)}")
    assert lines[second + 1].startswith(f"- {names['d1'].get(lang)}")
    assert second == first + 3
    assert heads[1] not in format_report(film(), seen, findings[1:], known, lang)


def test_wrap_breaks_between_ideographs_but_not_before_their_punctuation():
    lines = wrap("肺野清晰，心影不大。", 10, columns)
    assert lines == ["肺野清", "晰，心影不", "大。"] or all(line[0] not in "，。" for line in lines)
    assert "".join(lines) == "肺野清晰，心影不大。"
    assert all(columns(line) <= 10 for line in lines)


def test_wrap_keeps_words_whole_and_cuts_what_cannot_fit():
    assert wrap("one two three", 8, columns) == ["one two", "three"]
    assert wrap("abcdefghij", 4, columns) == ["abcd", "efgh", "ij"]
    assert wrap("", 4, columns) == [""]


def test_columns_counts_wide_characters_twice_and_marks_not_at_all():
    assert columns("肺a，é") == 2 + 1 + 2 + 1
    assert columns("e\u0301") == 1
