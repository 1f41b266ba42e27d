"""The same questions on the chest pack as it ships."""

from __future__ import annotations

from pathlib import Path
from string import Formatter

import pytest
import yaml

from dialogue import films
from whyray.dialogue import compose, explain_parse, understand
from whyray.domain import Pack
from whyray.knowledge import load_packs

HERE = Path(__file__).parent
QUESTIONS = yaml.safe_load((HERE / "questions.yaml").read_text("utf-8"))
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


def test_every_name_of_a_diagnosis_is_found(chest: Pack) -> None:
    for diagnosis in chest.diagnoses:
        for word in (diagnosis.name.zh, *diagnosis.synonyms.zh):
            assert diagnosis.id in explain_parse(f"为什么判断为{word}", chest).reading.diagnoses, word
        for word in (diagnosis.name.en, *diagnosis.synonyms.en):
            assert diagnosis.id in explain_parse(f"why {word}?", chest).reading.diagnoses, word


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
