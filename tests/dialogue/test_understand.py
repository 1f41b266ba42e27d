"""Questions as users type them -> intent, target and language."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
import yaml

from whyray.dialogue import explain_parse, understand
from whyray.domain import Intent, Pack, PackError, Query, Session, Term, Turn

HERE = Path(__file__).parent
QUESTIONS = yaml.safe_load((HERE / "questions.yaml").read_text("utf-8"))
REWORDINGS = yaml.safe_load((HERE / "rewordings.yaml").read_text("utf-8"))


def session(*targets: str | None) -> Session:
    queries = [Query("q", "zh", "WHY" if t else "HELP", t) for t in targets]
    return Session("s", "0" * 64, "zh", tuple(Turn("s", i, q, (), (), ()) for i, q in enumerate(queries, 1)))


@pytest.mark.parametrize(("text", "intent", "target", "lang"), QUESTIONS, ids=[q[0] for q in QUESTIONS])
def test_question(pack: Pack, text: str, intent: str, target: str | None, lang: str) -> None:
    query = understand(text, pack)
    assert (query.intent, query.target, query.lang) == (intent, target, lang), explain_parse(text, pack)


def test_question_set_is_large_and_balanced() -> None:
    zh = sum(q[3] == "zh" for q in QUESTIONS)
    assert len(QUESTIONS) >= 120
    assert abs(2 * zh - len(QUESTIONS)) < 0.15 * len(QUESTIONS)
    assert {q[1] for q in QUESTIONS} == set(get_args(Intent))


@pytest.mark.parametrize("text", REWORDINGS)
def test_rewording_keeps_intent_and_target(pack: Pack, text: str) -> None:
    query = understand(text, pack)
    assert (query.intent, query.target) == ("WHY", "pulmonary_edema")


def test_rewordings_are_thirty() -> None:
    assert len(set(REWORDINGS)) == 30


@pytest.mark.parametrize("text", ["为什么？", "why?", "why so", "依据呢"])
def test_why_without_target_takes_the_last_target_of_the_session(pack: Pack, text: str) -> None:
    assert understand(text, pack, session("pneumonia", "pneumothorax", None)).target == "pneumothorax"


def test_session_target_is_not_used_for_another_intent_or_an_unclear_word(pack: Pack) -> None:
    past = session("pneumonia")
    assert understand("肺部是否有异常", pack, past).target is None
    assert understand("why hazy opacity", pack, past).target is None
    assert understand("why glioblastoma", pack, past) == Query("why glioblastoma", "en", "OUT_OF_SCOPE")


def test_language_may_be_forced_and_falls_back_to_the_session(pack: Pack) -> None:
    assert understand("why edema", pack, lang="zh").lang == "zh"
    assert understand("???", pack, session(None)).lang == "zh"


def test_sign_shared_by_several_diagnoses_is_left_open(pack: Pack) -> None:
    parse = explain_parse("why hazy opacity", pack)
    assert parse.intent == "WHY"
    assert parse.targets == ()
    assert parse.reading.unclear == (("hazy opacity", ("pneumonia", "pulmonary_edema")),)


def test_sign_without_a_detector_speaks_for_no_diagnosis(pack: Pack) -> None:
    assert explain_parse("why Kerley B lines", pack).reading.unclear == (("kerley b lines", ()),)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("pnuemonia", "pneumonia"), ("edma", "edema"), ("肺水种", "肺水肿"), ("胸腔积夜", "胸腔积液")],
)
def test_typing_errors_are_corrected_and_shown(pack: Pack, typed: str, meant: str) -> None:
    assert (typed, meant) in explain_parse(f"why {typed}", pack).corrections


@pytest.mark.parametrize("text", ["脑水肿", "喉水肿", "腹腔积液", "肺脓肿", "mask", "module", "empyema", "does"])
def test_another_word_is_not_taken_for_a_typing_error(pack: Pack, text: str) -> None:
    assert explain_parse(text, pack).corrections == ()
    assert explain_parse(text, pack).targets == ()


def test_explain_parse_names_hits_and_rule(pack: Pack) -> None:
    parse = explain_parse("為何排除氣胸", pack)
    assert parse.text == "为何排除气胸"
    assert [(h.text, h.kind, h.values) for h in parse.hits] == [
        ("为何", "cue", ("why",)),
        ("排除", "cue", ("exclude",)),
        ("气胸", "diagnosis", ("pneumothorax",)),
    ]
    assert parse.rule == "why negated -> WHY_NOT"


def test_malformed_grammar_is_a_pack_error(pack: Pack) -> None:
    broken = replace(pack, terms=(Term("rule", "why -> BECAUSE"), *pack.terms))
    with pytest.raises(PackError) as caught:
        understand("why", broken)
    assert caught.value.code == "GRAMMAR_RULE"


def test_understanding_is_fast(pack: Pack) -> None:
    understand("why edema", pack)
    start = time.perf_counter()
    for _ in range(5):
        understand("为什么判断为肺水肿？", pack)
    assert (time.perf_counter() - start) / 5 < 0.25
