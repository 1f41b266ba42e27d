"""How answers about the demo films read to a radiologist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import whyray
from whyray.service import Reader, Settings

DEMO = Path(whyray.__file__).parent / "demo"
ENGLISH = re.compile(r"(?:[A-Za-z]+,? ){4}[a-z]+")  # five words in a row, the last in lower case
REFERENCE = re.compile(r"\([^()]*\)|“[^“”]*”|（[^（）]*）|[A-Z][\w&., ]* et al\.,[^；。]*?\d{4}")


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(Settings(cached_readings=8))


def english(text: str) -> list[str]:
    """English sentences of a Chinese text; the titles of references may stand in it."""
    lines = [REFERENCE.sub("", line) for line in re.split(r"[。；\n]", text)]
    return [line for line in lines if ENGLISH.search(line)]


@pytest.mark.parametrize("film", ["edema", "nodule"])
@pytest.mark.parametrize(
    "question",
    ["为什么判断为肺水肿？", "为什么不是肺炎？", "肺水肿的典型表现符合几条？", "肺炎还是肺水肿？", "有什么异常？"],
)
def test_a_chinese_answer_has_no_english_sentence(reader: Reader, film: str, question: str) -> None:
    session = reader.open(DEMO / f"{film}.dcm", lang="zh")
    assert english(reader.ask(session.id, question).text) == []


@pytest.mark.parametrize("film", ["edema", "nodule", "healthy_twin"])
def test_a_chinese_reading_has_no_english_sentence(reader: Reader, film: str) -> None:
    text = reader.report_text(reader.reading(reader.open(DEMO / f"{film}.dcm", lang="zh").id), "zh")
    assert english(re.sub(r"\n +", "", text)) == []


@pytest.mark.parametrize("question", ["有什么异常？为什么不是肺炎？", "anything abnormal? why not pneumonia?"])
def test_a_sign_of_several_diagnoses_is_listed_once(reader: Reader, question: str) -> None:
    session = reader.open(DEMO / "edema.dcm", lang="zh")
    turn = reader.ask(session.id, question)
    text = reader.turn_text(turn)
    signs = {item.sign for item in turn.items}
    assert len({item.finding for item in turn.items}) > 1
    assert len(turn.items) > len(signs)
    assert len(re.findall(r"^ *\d+\. ", re.split(r"\n(?:证据|Evidence)", text)[-1], re.MULTILINE)) == len(signs)
    assert max(int(n) for n in re.findall(r"\[(\d+)\]", text)) == len(signs)


def test_a_sign_is_cited_for_a_diagnosis_that_is_listed(reader: Reader) -> None:
    session = reader.open(DEMO / "edema.dcm", lang="zh")
    turn = reader.ask(session.id, "有什么异常？")
    normal = {d.id for d in reader.packs[0].diagnoses if d.normal}
    assert [item.id for item in turn.items if item.finding in normal] == []


def test_the_english_detector_works() -> None:
    assert english("来源：septal lines are oedema first, pneumonia later；似然比 2") != []
    assert english("来源：Aberle et al., Radiology 1988 (hydrostatic and increased-permeability edema)") == []


@pytest.mark.parametrize(("question", "words"), [("有什么异常？", "人工复核"), ("anything abnormal?", "human review")])
def test_review_is_asked_for_once(reader: Reader, question: str, words: str) -> None:
    session = reader.open(DEMO / "edema.dcm", lang="zh")
    text = reader.ask(session.id, question).text
    assert text.count(words) == 1
    lang = "zh" if words == "人工复核" else "en"
    reading = reader.report_text(reader.reading(session.id), lang)
    assert reading[reading.index("- ") :].count(words) == 1
