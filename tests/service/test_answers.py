"""Answers about real films, turn by turn: what one of them says, another does not deny."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from whyray.domain import Lang, Session, View
from whyray.service import Reader, Settings

MASS, BOTH, AP_FLUID = "00006072_000", "00019000_000", "00003450_000"  # train, val, train
FAILED, DISAGREE = "00007833_000", "00003137_001"  # val
SCALE = 0.4  # mm a pixel: a mass is only looked for on a film with its scale


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(Settings(cached_readings=16))


def opened(reader: Reader, data: Path, film: str, lang: Lang = "en", view: View = "PA") -> Session:
    return reader.open(data / "nih" / f"{film}.jpg", lang=lang, spacing_mm=SCALE, view=view)


def core(reader: Reader, label: str) -> str:
    """The sign that defines a diagnosis."""
    return next(d for d in reader.packs[0].diagnoses if d.label == label).core_signs[0]


@pytest.mark.parametrize(("lang", "question", "said"), [
    ("en", "How many typical signs of early lung cancer are met?", "seen instead: mass shadow"),
    ("zh", "早期肺癌的典型表现，符合几条？", "所见为肿块影"),
])  # fmt: skip
def test_a_mass_is_what_the_checklist_of_early_cancer_is_ticked_on(
    reader: Reader, data_root: Path, lang: Lang, question: str, said: str
) -> None:
    mass = core(reader, "Mass")
    session = opened(reader, data_root, MASS, lang)
    turn = reader.ask(session.id, question)
    rows = [f for f in turn.facts if f.kind == "row"]
    assert {f.anchor for f in rows} == {"A1"}
    assert (rows[0].state, rows[0].sign) == ("unmet", mass)
    assert said in rows[0].text.get(lang)
    assert "3 cm" in rows[0].text.get(lang)
    places = [f for f in rows if f.state == "met"]
    assert [f.sign for f in places] == [mass]  # where it lies is told of the mass


def test_a_nodule_is_told_beside_a_mass_for_what_it_is(reader: Reader, data_root: Path) -> None:
    session = opened(reader, data_root, BOTH)
    anchors = {a.sign: a.id for a in reader.ask(session.id, "anything abnormal?").anchors}
    nodule, mass = core(reader, "Nodule"), core(reader, "Mass")
    of_nodule = reader.ask(session.id, f"how many typical signs of early lung cancer does {anchors[nodule]} have?")
    assert "elsewhere" not in of_nodule.text
    assert "seen instead" not in of_nodule.text
    of_mass = reader.ask(session.id, f"how many typical signs of early lung cancer does {anchors[mass]} have?")
    assert "seen instead: mass shadow" in of_mass.text


def test_two_checklists_asked_for_at_once_are_both_told(reader: Reader, data_root: Path) -> None:
    text = reader.ask(opened(reader, data_root, BOTH, "zh").id, "肿块符合早期肺癌的几条？").text
    assert "未作核对" not in text
    assert "肺癌的典型表现核对" in text
    assert "肺肿块的典型表现核对" in text


@pytest.mark.parametrize("question", [
    "why pleural effusion?", "pleural effusion checklist", "effusion or atelectasis?",
    "为什么判断胸腔积液？", "胸腔积液典型表现符合几条？", "胸腔积液还是肺不张？",
])  # fmt: skip
def test_an_amount_of_fluid_for_upright_films_is_not_told_of_an_ap_film(
    reader: Reader, data_root: Path, question: str
) -> None:
    limit = ("does not apply", "不适用")
    views: tuple[View, ...] = ("AP", "PA")
    supine, upright = (reader.ask(opened(reader, data_root, AP_FLUID, view=view).id, question).text for view in views)
    assert "175" in supine
    assert any(words in supine for words in limit)
    assert not any(words in upright for words in limit)


def test_the_limit_of_a_significance_stands_in_json_too(reader: Reader, data_root: Path) -> None:
    told = []
    for view in ("AP", "PA"):
        reading = reader.reading(opened(reader, data_root, AP_FLUID, view=view).id)  # type: ignore[arg-type]
        finding = next(f for f in reading.findings if (d := reading.pack.diagnosis(f.id)) and d.label == "Effusion")
        told.append(next(e.significance for e in finding.evidence if e.sign == core(reader, "Effusion")))
    assert told[0].en.startswith(told[1].en)
    assert told[0].zh.startswith(told[1].zh)
    assert told[0] != told[1]


def test_an_angle_is_told_and_drawn_on_the_side_that_is_marked(reader: Reader, data_root: Path) -> None:
    session = opened(reader, data_root, FAILED)
    angle = next(e for e in reader.ask(session.id, "why pleural effusion?").items if e.sign == "costophrenic_blunting")
    degrees = [m.id for m in angle.measurements if m.unit == "deg"]
    assert {zone.partition("_")[0] for zone in angle.zones} == {"left"}
    assert degrees in ([], ["left_costophrenic_degrees"])


def test_which_side_is_worse_goes_on_with_what_was_spoken_of(reader: Reader, data_root: Path) -> None:
    session = opened(reader, data_root, BOTH)
    reader.ask(session.id, "why pleural effusion?")
    of_fluid = reader.ask(session.id, "is it worse on the left or the right?").text
    assert "on the left only" in of_fluid
    assert "odular" not in of_fluid
    reader.ask(session.id, "anything abnormal?")
    of_film = reader.ask(session.id, "which side is worse?")
    assert {f.sign for f in of_film.facts} >= {core(reader, label) for label in ("Nodule", "Mass", "Effusion")}
    assert all({m.unit for m in f.measurements} == {"ratio"} for f in of_film.facts)


def test_fluid_with_a_wavy_edge_is_no_lobulated_mass(reader: Reader, data_root: Path) -> None:
    session = opened(reader, data_root, BOTH)
    reader.ask(session.id, "why pleural effusion?")
    text = reader.ask(session.id, "what is its margin?").text
    assert "blunted costophrenic angle" in text
    assert "malignant" not in text


def test_a_disease_named_alone_is_compared_with_the_one_before_it(reader: Reader, data_root: Path) -> None:
    session = opened(reader, data_root, BOTH)
    reader.ask(session.id, "why atelectasis?")
    told = [s.text for s in reader.ask(session.id, "compare with pneumonia").sentences]
    assert told[0].startswith("Atelectasis")
    assert told[1].startswith("Pneumonia")


@pytest.mark.parametrize(("questions", "trust", "doubt"), [
    (("why pleural effusion?", "anything abnormal?"), "go by the film", "look for the sign on the film itself"),
    (("为什么判断胸腔积液？", "有什么异常？"), "以影像所见为准", "请在原片上核对该征象"),
])  # fmt: skip
def test_an_overview_heeds_the_test_that_an_earlier_answer_told(
    reader: Reader, data_root: Path, questions: tuple[str, str], trust: str, doubt: str
) -> None:
    """The blunted angle fails its test on this film: nothing to go by afterwards, and not tested before."""
    session = opened(reader, data_root, FAILED)
    first = reader.ask(session.id, questions[1]).text
    assert trust in first
    assert doubt not in first
    why = reader.ask(session.id, questions[0])
    angle = next(e for e in why.items if e.sign == core(reader, "Effusion"))
    assert angle.failed
    after = reader.ask(session.id, questions[1])
    assert doubt in after.text
    assert trust not in after.text
    assert [e.counterfactual for e in after.items if e.id == angle.id] == [angle.counterfactual]


@pytest.mark.parametrize(("question", "denied"), [
    ("why cardiomegaly?", "it does not rest on them"),
    ("为什么判断心脏增大？", "并非由这些所见支撑"),
])  # fmt: skip
def test_a_reason_that_passes_alone_is_not_denied_by_the_test_of_all(
    reader: Reader, data_root: Path, question: str, denied: str
) -> None:
    turn = reader.ask(opened(reader, data_root, DISAGREE).id, question)
    assert any(e.counterfactual is not None and e.counterfactual.passed for e in turn.items)
    assert denied not in turn.text
    assert ("the tests disagree" in turn.text) or ("两种检验不一致" in turn.text)


@pytest.mark.parametrize(("lang", "before", "question"), [
    ("en", (), "anything abnormal?"),
    ("zh", (), "有什么异常？"),
    ("en", ("why a nodule?",), "anything abnormal?"),
    ("en", ("where is the mass?", "why effusion?"), "why a nodule? anything abnormal?"),
    ("zh", ("结节在哪里？",), "有什么异常？"),
])  # fmt: skip
def test_an_overview_calls_what_is_seen_by_its_anchor(
    reader: Reader, data_root: Path, lang: Lang, before: tuple[str, ...], question: str
) -> None:
    session = opened(reader, data_root, BOTH, lang)
    for text in before:
        reader.ask(session.id, text)
    turn = reader.ask(session.id, question)
    names = {s.name.get(lang).lower(): s.id for s in reader.packs[0].signs}
    made = {a.id: a.sign for a in reader.store.get(session.id).made}
    (seen,) = (s.text for s in turn.sentences if s.text.startswith(("Signs seen", "所见征象")))
    told = [(n.strip(), a.upper()) for n, a in re.findall(r"[:,：、]([^(（,:、：]+)[(（](a\d+)", seen.lower())]
    assert len(told) == 3
    assert {anchor: names[name] for name, anchor in told} == {a: made[a] for _, a in told}
    assert len(made) == len(set(made.values()))


def test_a_reading_outside_of_a_conversation_names_no_anchor(reader: Reader, data_root: Path) -> None:
    reading = reader.reading(opened(reader, data_root, BOTH).id)
    for lang in get_args(Lang):
        assert not re.search(r"\bA\d", " ".join(s.text for s in reader.summary(reading, lang)))


@pytest.mark.parametrize("ask", ["which side?", "哪一侧？"])
def test_the_side_asked_for_is_that_of_what_was_just_discussed(reader: Reader, data_root: Path, ask: str) -> None:
    """A mass on the left, a nodule on the right, and no pneumothorax."""
    session = opened(reader, data_root, BOTH)
    reader.ask(session.id, "anything abnormal?")
    sides = {"Mass": ("patient's left", "患者左侧"), "Nodule": ("patient's right", "患者右侧")}
    for label, told in (*sides.items(), *reversed(sides.items())):
        reader.ask(session.id, f"why {label.lower()}?")
        turn = reader.ask(session.id, ask)
        made = {a.id: a.sign for a in reader.store.get(session.id).made}
        assert [made[a] for a in turn.query.anchors] == [core(reader, label)]
        assert any(words in turn.text for words in told)
    reader.ask(session.id, "is there a pneumothorax?")
    turn = reader.ask(session.id, ask)
    assert turn.query.target == next(d.id for d in reader.packs[0].diagnoses if d.label == "Pneumothorax")
    assert turn.query.anchors == ()
    assert "nodular" not in turn.text


@pytest.mark.parametrize("text", [
    "where is the nodule? that is a vessel", "where is the nodule? how big is it? it is a vessel",
    "结节在哪里？那是血管，不是结节",
])  # fmt: skip
def test_a_correction_sees_the_anchor_that_the_same_text_made(reader: Reader, data_root: Path, text: str) -> None:
    session = opened(reader, data_root, BOTH)
    turn = reader.ask(session.id, text)
    nodule = core(reader, "Nodule")
    (anchor,) = turn.anchors
    assert anchor.sign == nodule
    assert turn.correction is not None
    assert (turn.correction.sign, turn.correction.rejected, turn.correction.anchor) == (nodule, True, anchor.id)
    assert f"({anchor.id})" in turn.text or f"（{anchor.id}）" in turn.text
    after = reader.ask(session.id, "anything abnormal?")
    assert nodule not in {e.sign for e in after.items}


@pytest.mark.parametrize(("text", "elsewhere"), [
    ("肿块在哪里？不对，是左边那个", ""),
    ("结节在哪里？不对，是左边那个", "所问为左侧，上述标记不在该侧"),
    ("where is the nodule? wrong, it is the left one", "You asked about the left side"),
])  # fmt: skip
def test_an_objection_that_only_points_strikes_nothing_out(
    reader: Reader, data_root: Path, text: str, elsewhere: str
) -> None:
    turn = reader.ask(opened(reader, data_root, BOTH).id, text)
    assert turn.correction is None
    assert len(turn.query.anchors) == 1
    assert elsewhere in turn.text
    assert ("You asked about" in turn.text or "所问为" in turn.text) == bool(elsewhere)


def test_a_second_question_means_the_lesion_of_the_first(reader: Reader, data_root: Path) -> None:
    turn = reader.ask(opened(reader, data_root, BOTH).id, "where is the nodule? is its margin smooth?")
    assert [p.anchors for p in turn.query.parts] == [turn.query.anchors] == [("A1",)]


@pytest.mark.parametrize(("text", "opening"), [
    ("左侧有异常吗？", "所问左侧："),
    ("Anything abnormal on the left side?", "On the left side, which you asked about: "),
])  # fmt: skip
def test_a_side_asked_about_in_the_overview_gets_its_own_sentence(
    reader: Reader, data_root: Path, text: str, opening: str
) -> None:
    """The mass of this film lies on the left and its nodule on the right."""
    turn = reader.ask(opened(reader, data_root, BOTH).id, text)
    (said,) = (s for s in turn.sentences if s.text.startswith(opening))
    assert {e.sign for e in turn.items if e.id in said.evidence} >= {"mass_shadow"}
    assert "nodular shadow" not in said.text
    assert "结节影" not in said.text
    whole = reader.ask(opened(reader, data_root, BOTH).id, "anything abnormal?")
    assert not any("which you asked about" in s.text for s in whole.sentences)


@pytest.mark.parametrize(("film", "view", "questions", "said", "never"), [
    ("00010524_001", "AP", ("where is the left diaphragm?",), "cannot be made out on this film", "angle"),
    ("00010524_001", "AP", ("左膈在哪里？",), "在本片上不能辨认", "肋膈角"),
    ("00005067_000", "PA", ("有气胸吗？", "肺压缩百分之多少？"), "没有已标记的病灶", "心胸比"),
    ("00023319_000", "PA", ("why pneumothorax?", "How big is A1?"), "its size is not measured", "mm"),
    (BOTH, "PA", ("anything abnormal?", "Is A2 sharp on the left?"), "You asked about the left side", "right side"),
])  # fmt: skip
def test_what_is_not_measured_or_not_there_is_said_and_nothing_else_told_for_it(
    reader: Reader, data_root: Path, film: str, view: View, questions: tuple[str, ...], said: str, never: str
) -> None:
    session = opened(reader, data_root, film, view=view)
    text = [reader.ask(session.id, question).text for question in questions][-1]
    assert said in text
    assert never not in text
