"""The same questions on the chest pack as it ships."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest
import yaml

from dialogue import films
from whyray.dialogue import Context, compose, explain_parse, understand
from whyray.dialogue.phrases import Phrases
from whyray.dialogue.sources import looks_for
from whyray.domain import (
    DiagnosisDefinition,
    Figure,
    Finding,
    Lang,
    Measurement,
    Pack,
    Query,
    SignDefinition,
    SignObservation,
    View,
)
from whyray.knowledge import load_packs

HERE = Path(__file__).parent
QUESTIONS = yaml.safe_load((HERE / "questions.yaml").read_text("utf-8"))
CHEST_QUESTIONS = yaml.safe_load((HERE / "chest_questions.yaml").read_text("utf-8"))
REWORDINGS = yaml.safe_load((HERE / "rewordings.yaml").read_text("utf-8"))


@pytest.fixture(scope="module")
def chest() -> Pack:
    return next(p for p in load_packs() if p.id == "chest")


def test_every_question_is_understood(chest: Pack) -> None:
    wrong = []
    for text, intent, target, lang in QUESTIONS:
        query = understand(text, chest)
        unclear = explain_parse(text, chest).reading.unclear
        wanted = None if unclear else target
        if (query.intent, query.target, query.lang) != (intent, wanted, lang):
            wrong.append((text, query))
    assert wrong == []


def test_few_questions_need_asking_back(chest: Pack) -> None:
    assert sum(bool(explain_parse(q[0], chest).reading.unclear) for q in QUESTIONS) <= 0.02 * len(QUESTIONS)


def test_every_rewording_keeps_its_meaning(chest: Pack) -> None:
    read = {(q.intent, q.target) for q in (understand(text, chest) for text in REWORDINGS)}
    assert read == {("WHY", "pulmonary_edema")}


@pytest.mark.parametrize(
    ("text", "intent", "target", "lang", "signs"), CHEST_QUESTIONS, ids=[q[0] for q in CHEST_QUESTIONS]
)
def test_question_of_the_whole_pack(
    chest: Pack, text: str, intent: str, target: str | None, lang: str, signs: list[str]
) -> None:
    query, parse = understand(text, chest), explain_parse(text, chest)
    named = [v for h in parse.hits if h.kind == "sign" for v in h.values]
    assert (query.intent, query.target, query.lang, named) == (intent, target, lang, signs), parse


def test_every_name_of_a_diagnosis_is_found(chest: Pack) -> None:
    wrong = []
    for diagnosis in chest.diagnoses:
        for text in questions_about(diagnosis):
            parse = explain_parse(text, chest)
            if parse.reading.diagnoses != (diagnosis.id,) or parse.intent not in ("WHY", "WHY_NOT"):
                wrong.append((text, parse.intent, parse.reading.diagnoses))
    assert wrong == []


def test_every_name_of_a_sign_is_found(chest: Pack) -> None:
    """A word that a sign shares with its own diagnosis may mean the diagnosis."""
    wrong, shared = [], 0
    signs = [s for s in chest.signs if not s.learned]
    for sign in signs:
        for text in questions_about(sign):
            parse = explain_parse(text, chest)
            named = {v for h in parse.hits if h.kind == "sign" for v in h.values}
            taken = set(parse.reading.diagnoses) & set(sign.diagnoses)
            shared += sign.id not in named
            if parse.intent != "WHY" or not (sign.id in named or taken):
                wrong.append((text, parse.intent, named, parse.reading.diagnoses))
    assert wrong == []
    assert shared <= 0.02 * sum(len(questions_about(sign)) for sign in signs)


def questions_about(entry: SignDefinition | DiagnosisDefinition) -> list[str]:
    zh, en = (entry.name.zh, *entry.synonyms.zh), (entry.name.en, *entry.synonyms.en)
    return [*(f"为什么判断为{word}" for word in zh), *(f"why {word}?" for word in en)]


def test_a_name_keeps_its_capital_inside_a_sentence(chest: Pack) -> None:
    phrases = Phrases(chest, "en")
    for entry in (*chest.signs, *chest.diagnoses, *chest.rules, *chest.differentials):
        assert phrases.inside(entry.name) == phrases.text(entry.name)


def test_words_beyond_the_reader_name_nothing_that_it_knows(chest: Pack) -> None:
    for term in chest.terms:
        for word in (*term.zh, *term.en) if term.kind == "scope" else ():
            kinds = {h.kind for h in explain_parse(word, chest).hits}
            assert not kinds & {"diagnosis", "sign"}, word


@pytest.mark.parametrize("lang", get_args(Lang))
def test_what_nothing_looks_for_is_said_plainly(chest: Pack, lang: Lang) -> None:
    said = "既不能说有，也不能说无" if lang == "zh" else "neither present nor absent"
    for diagnosis in (d for d in chest.diagnoses if not looks_for(chest, d)):
        finding = Finding(diagnosis.id, 0.02, -4.0, "low", "not_supported", ())
        for intent in ("WHY", "WHY_NOT", "SCREEN"):
            text = reply(chest, Query("", lang, intent, diagnosis.id), (finding,))
            assert said in text.splitlines()[0], (diagnosis.id, intent)
            assert "%" not in text, text
    for sign in (s for s in chest.signs if s.detector is None):
        word = sign.name.get(lang)
        for text in (f"why {word}", f"is there {word}") if lang == "en" else (f"为什么{word}", f"有没有{word}"):
            query = understand(text, chest, lang=lang)
            if query.target is None and query.intent != "DESCRIBE":
                assert said in reply(chest, query, films.findings()), text


def test_a_screening_names_no_disease_as_checked_that_nothing_looks_for(chest: Pack) -> None:
    findings = tuple(Finding(d.id, 0.02, -4.0, "low", "not_supported", ()) for d in chest.diagnoses)
    lines = reply(chest, Query("", "en", "SCREEN"), findings).splitlines()
    (checked,) = (line for line in lines if line.startswith("Checked, below"))
    (unchecked,) = (line for line in lines if "further diagnoses" in line)
    for diagnosis in chest.diagnoses:
        if not looks_for(chest, diagnosis):
            assert f" {diagnosis.name.en}," not in f"{checked[:-1]},"
    assert f"{sum(not looks_for(chest, d) for d in chest.diagnoses)} further" in unchecked
    assert "pneumonia" in checked


def reply(chest: Pack, query: Query, findings: tuple[Finding, ...]) -> str:
    return compose(query, findings, films.observations(), chest, simulated=False, calibrated=True).text


def test_terms_point_to_what_exists(chest: Pack) -> None:
    for term in chest.terms:
        if term.kind == "target":
            assert chest.diagnosis(term.value) is not None, term.value
        if term.kind == "sign":
            assert chest.sign(term.value) is not None, term.value
        if term.kind == "scope":
            assert f"scope.{term.value}" in chest.templates


def test_templates_have_the_same_fields_in_both_languages(chest: Pack) -> None:
    for key, template in chest.templates.items():
        fields = [{f for _, f, _, _ in Formatter().parse(t) if f} for t in (template.zh, template.en)]
        assert fields[0] == fields[1], key


def test_an_answer_on_the_pack(chest: Pack) -> None:
    query = understand("为什么判断为肺水肿？", chest)
    answer = compose(query, films.findings(), films.observations(), chest, simulated=False, calibrated=True)
    assert answer.sentences[0].text == "本片判断为肺水肿：概率 34%，置信度低，建议人工复核。"
    assert [e.id for e in answer.items][:2] == ["E1", "E2"]


@pytest.mark.parametrize(("view", "ratio", "said"), [
    ("PA", 0.42, "below the reference limit of 0.50 (PA view)"), ("PA", 0.58, "above the reference limit of 0.50"),
    ("PA", 0.52, "no further from the reference limit of 0.50 (PA view) than its error"),
    ("AP", 0.54, "below the reference limit of 0.60 (AP view)"),
    ("UNKNOWN", 0.68, "above the reference limit of 0.55 (projection not stated)"),
    ("LATERAL", 0.42, "reference limit 0.50 (PA view), 0.60 (AP view), 0.55 (projection not stated)"),
])  # fmt: skip
def test_a_number_is_set_against_the_limit_of_the_films_view(chest: Pack, view: View, ratio: float, said: str) -> None:
    measured = (Measurement("cardiothoracic_ratio", ratio, "ratio", 0.03), Measurement("heart_width", 131.0, "mm"))
    heart = SignObservation("enlarged_heart", True, 0.2, measurements=measured)
    observed = replace(films.observations(), signs=(heart,), view=view)
    query = understand("what is the heart ratio?", chest)
    text = compose(query, films.findings(), observed, chest, simulated=False, calibrated=True).text
    assert f"Cardiothoracic ratio {ratio:.2f} ± 0.03, {said}" in text
    assert text.count("limit") == 1
    assert "heart width 131.0 mm" in text


@pytest.mark.parametrize("struck", [False, True])
def test_the_number_of_kerley_b_lines_is_that_of_the_mask(chest: Pack, struck: bool) -> None:
    """Where the sign is marked the line filter is not told; where it was struck out nothing is, and why is said."""
    query = understand("How many Kerley B lines are there?", chest)
    asked = [i for i, f in chest.figures.items() if f.asked in query.aspects]
    marked = {i for i in asked if not chest.figures[i].params.get("unmarked")}
    assert 0 < len(marked) < len(asked)
    told = {
        "kerley_b_line_count": Measurement("kerley_b_line_count", 5.0, "count", 1.0),
        "kerley_b_line_length": Measurement("kerley_b_line_length", 9.0, "mm", 1.0),
    }
    assert set(told) == marked
    figures = tuple(
        Figure(i, (told[i],), None, ("kerley_b_lines",)) if i in told else Figure(i, (), "mask_instead") for i in asked
    )
    given = Context(figures=figures, rejected=frozenset({"kerley_b_lines"} if struck else ()))
    text = compose(
        query, films.findings(), films.observations(), chest, simulated=False, calibrated=True, context=given
    ).text
    assert ("5 ± 1" in text) == ("9.0 ± 1.0 mm" in text) == (not struck)
    assert ("struck out by the doctor" in text) == struck
    assert "the mask of the sign is measured instead" not in text
    assert ("as a filter sees them" in text) == struck  # named with its reason only
