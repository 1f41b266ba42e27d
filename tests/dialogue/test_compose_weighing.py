"""Answers that weigh: checklists, two diagnoses, a prior film, corrections, and the forms of a reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dialogue import films
from dialogue.lesions import NODULE, PACK, TICKED, context, nodule, observations, reply
from whyray.dialogue.context import Context
from whyray.domain import (
    Bilingual,
    Change,
    ChecklistRow,
    Correction,
    Instead,
    Measurement,
    Notice,
    Pack,
    Sentence,
    Ticked,
)


def share(value: float) -> Measurement:
    return Measurement("symmetry", value, "ratio")


def ask_checklist(lang: str = "en", **more: Any) -> list[str]:
    return [s.text for s in reply("CHECKLIST", lang, target="nodule", targets=("nodule",), **more).sentences]


@pytest.mark.parametrize(("lang", "said"), [
    ("zh", "肺结节的典型表现核对：共 4 条，可判断 2 条，其中符合 1 条，不符合 1 条；其余 2 条未能检查，不能判断。"),
    (
        "en",
        "Typical signs of nodule: 2 of 4 could be judged, 1 of them met, 1 not met; "
        "not looked for, so undetermined: 2.",
    ),
])  # fmt: skip
def test_checklist_is_counted(lang: str, said: str) -> None:
    assert ask_checklist(lang)[0] == said


def test_each_row_tells_its_state_what_decided_it_and_its_source() -> None:
    rows = ask_checklist()[1:5]
    assert rows[0] == '1. Criterion "spicules at the margin": met; seen: spiculated margin; source: Textbook.'
    assert rows[2] == (
        '3. Criterion "with an effusion": not met; looked for and not found: blunted costophrenic angle; '
        "source: Textbook."
    )
    assert rows[3] == (
        '4. Criterion "satellites around it": undetermined; not assessed: satellite lesion '
        "(this version cannot look for it); source: Textbook."
    )
    asked = ask_checklist(given=context(looks={}))
    assert "lobulated margin (it is judged on a marked lesion, by a closer look)" in asked[2]


def test_rows_are_facts_with_state_sign_and_mask() -> None:
    answer = reply("CHECKLIST", "en", target="nodule", targets=("nodule",))
    rows = [f for f in answer.facts if f.kind == "row"]
    assert [f.state for f in rows] == ["met", "undetermined", "unmet", "undetermined"]
    assert [(f.sign, f.region) for f in rows] == [
        ("spiculated_margin", NODULE),
        (None, None),
        (None, None),
        (None, None),
    ]
    assert [f.reason is not None for f in rows] == [False, True, False, True]


def test_each_further_sign_of_a_row_is_carried_by_its_own_mask() -> None:
    both = Ticked("row_spiculated_margin", "met", ("spiculated_margin", "bat_wing_opacity", "nodular_shadow"))
    answer = reply("CHECKLIST", "en", target="nodule", targets=("nodule",), given=context(ticked={"nodule": (both,)}))
    (row,) = (s for s in answer.sentences if s.text.startswith("1. "))
    carried = {f.sign for f in answer.facts if f.id in row.evidence} | {e.sign for e in answer.items}
    assert carried == {"spiculated_margin", "bat_wing_opacity", "nodular_shadow"}
    assert "1 of 1 could be judged, 1 of them met, 0 not met" in answer.text


def test_checklist_about_one_lesion_names_it_first() -> None:
    answer = reply("CHECKLIST", "en", target="nodule", targets=("nodule",), anchors=("A1",))
    assert answer.sentences[0].text.startswith("A1: nodular shadow")
    assert {f.anchor for f in answer.facts if f.kind == "row"} == {"A1"}


@pytest.mark.parametrize(("anchors", "said"), [
    (("A1",), "not met; seen elsewhere on the film and not at this lesion: bat-wing opacity"),
    ((), "not met; seen: bat-wing opacity"),
])  # fmt: skip
def test_a_sign_that_is_not_at_the_lesion_is_said_to_be_elsewhere(anchors: tuple[str, ...], said: str) -> None:
    signs = ("bat_wing_opacity",)
    row = Ticked("row_spiculated_margin", "unmet", signs, away=signs if anchors else ())
    given = context(ticked={"nodule": (row,)})
    answer = reply("CHECKLIST", "en", target="nodule", targets=("nodule",), anchors=anchors, given=given)
    assert said in answer.text


def with_rows(*rows: ChecklistRow) -> Pack:
    return replace(PACK, diagnoses=tuple(replace(d, checklist=rows) if d.id == "nodule" else d for d in PACK.diagnoses))


@pytest.mark.parametrize(("lang", "state", "said"), [
    ("en", "unmet", '"round": not met; seen instead: bat-wing opacity (right lower zone); a veil and no nodule'),
    ("zh", "unmet", "条目“圆形”：不符合；所见为蝶翼样阴影（右下肺野）；为片状影而非结节；"),
    ("en", "undetermined", "seen instead: bat-wing opacity (right lower zone); a veil and no nodule"),
])  # fmt: skip
def test_what_is_seen_in_the_place_of_a_sign_is_told_with_its_mask(lang: str, state: str, said: str) -> None:
    other = Instead("bat_wing_opacity", Bilingual("为片状影而非结节", "a veil and no nodule"))
    pack = with_rows(ChecklistRow("round", Bilingual("圆形", "round"), "nodular_shadow", "Textbook", other))
    told = ((), ("lobulated_margin",)) if state == "undetermined" else (("costophrenic_blunting",), ())
    row = Ticked("round", state, *told, instead="bat_wing_opacity")  # type: ignore[arg-type]
    given = context(ticked={"nodule": (row,)})
    answer = reply("CHECKLIST", lang, target="nodule", targets=("nodule",), given=given, pack=pack)
    (sentence,) = (s for s in answer.sentences if s.text.startswith("1. "))
    assert said.lower() in sentence.text.lower()
    assert {f.sign for f in answer.facts if f.id in sentence.evidence} == {"bat_wing_opacity"}
    assert all(f.region is not None for f in answer.facts if f.id in sentence.evidence)


@pytest.mark.parametrize(("state", "zone", "said"), [
    ("met", "left_lower_field", "met; seen: bat-wing opacity (left lower zone)"),
    ("unmet", "right_upper_field", "not met; seen: bat-wing opacity (right lower zone, left lower zone)"),
])  # fmt: skip
def test_a_row_of_places_tells_the_one_that_it_asks_for(state: str, zone: str, said: str) -> None:
    when = {"any": [{"overlaps": {"sign": s, "zone": zone}} for s in ("bat_wing_opacity", "costophrenic_blunting")]}
    pack = with_rows(ChecklistRow("place", Bilingual("部位", "place"), when, "Textbook"))
    wings = next(s for s in observations().signs if s.id == "bat_wing_opacity")
    seen = replace(wings, zones=("right_lower_field", "left_lower_field"))
    film = observations(signs=(*(s for s in observations().signs if s.id != seen.id), seen))
    signs = ("bat_wing_opacity", "costophrenic_blunting") if state == "unmet" else ("bat_wing_opacity",)
    given = context(ticked={"nodule": (Ticked("place", state, signs),)})  # type: ignore[arg-type]
    answer = reply("CHECKLIST", "en", target="nodule", targets=("nodule",), given=given, pack=pack, observed=film)
    assert said in answer.text
    assert "costophrenic" not in answer.text


@pytest.mark.parametrize(("more", "said"), [
    ({}, "Please say for which diagnosis the typical signs are to be checked"),
    ({"target": "pneumonia"}, "This version has no list of typical signs of pneumonia."),
    ({"target": "nodule", "given": context(ticked={})}, "The typical signs of nodule were not checked on this film."),
])  # fmt: skip
def test_a_checklist_that_cannot_be_answered_says_why(more: dict[str, Any], said: str) -> None:
    assert said in reply("CHECKLIST", "en", **more).text


def test_the_number_of_rows_is_no_probability_and_one_is_said_only_of_what_is_looked_for() -> None:
    assert "no probability of disease: that of nodule is 62%" in ask_checklist()[-2]
    blind = replace(PACK, diagnoses=tuple(replace(d, head=None) if d.id == "nodule" else d for d in PACK.diagnoses))
    assert "62%" not in ask_checklist(pack=blind)[-2]


COMPARED = {"target": "pulmonary_edema", "targets": ("pulmonary_edema", "pneumonia")}


def test_two_diagnoses_side_by_side() -> None:
    texts = [s.text for s in reply("COMPARE", "en", **COMPARED).sentences]
    assert texts[:4] == [
        "Pulmonary edema: probability 34%, supported by the film.",
        "Pneumonia: probability 4%, not supported.",
        "Signs seen on this film that tell them apart: 1 for pulmonary edema, 0 for pneumonia.",
        "What tells them apart:",
    ]
    assert texts[4] == (
        "1. Bat-wing opacity: seen (right lower zone); favours pulmonary edema; symmetric; source: Book A."
    )
    assert texts[5].startswith(
        "2. Enlarged heart shadow: looked for and not found; if there, it would favour pulmonary"
    )
    assert "Would favour pneumonia if there, but not assessed (neither present nor absent): air bronchogram." in texts
    assert "What would decide: repeat the film after diuretics." in texts


@pytest.mark.parametrize(("edema", "torn"), [(0.34, False), (0.03, True)])
def test_signs_that_favour_the_less_probable_one_are_called_undecided(edema: float, torn: bool) -> None:
    findings = tuple(replace(f, probability=edema) if f.id == "pulmonary_edema" else f for f in films.findings())
    text = reply("COMPARE", "en", findings=findings, **COMPARED).text
    assert ("favour pulmonary edema, yet pneumonia has the higher probability" in text) is torn
    text = reply("COMPARE", "zh", findings=findings, **COMPARED).text
    assert ("鉴别征象倾向肺水肿，肺炎的概率却较高" in text) is torn


@pytest.mark.parametrize(("edema", "pneumonia", "said"), [
    (0.34, 0.04, False), (0.26, 0.26, True), (0.20, 0.31, True), (0.263, 0.258, True), (0.30, 0.28, False),
])  # fmt: skip
def test_of_two_like_probabilities_the_limits_are_told_apart(edema: float, pneumonia: float, said: bool) -> None:
    """The edema is supported, the pneumonia is not."""
    now = {"pulmonary_edema": edema, "pneumonia": pneumonia}
    findings = tuple(replace(f, probability=now.get(f.id, f.probability)) for f in films.findings())
    text = reply("COMPARE", "en", findings=findings, **COMPARED).text
    assert ("reaches that of pulmonary edema and not that of pneumonia" in text) == said
    assert ("对肺水肿已达界值，对肺炎未达" in reply("COMPARE", "zh", findings=findings, **COMPARED).text) == said


@pytest.mark.parametrize("seen", [False, True])
def test_what_its_own_sign_makes_possible_reached_no_limit(seen: bool) -> None:
    blunted = films.evidence("E9", "costophrenic_blunting", "for", 1.0, 1.0, region=NODULE if seen else None)
    fluid = replace(films.effusion(), probability=0.02, evidence=(blunted,))
    named = {"descriptive": True, "core_signs": ("costophrenic_blunting",)}
    diagnoses = tuple(replace(d, **named) if d.id == "pleural_effusion" else d for d in PACK.diagnoses)
    pair = ("pleural_effusion", "pneumonia")
    pack = replace(PACK, diagnoses=diagnoses)
    text = reply("COMPARE", "en", findings=(fluid, films.pneumonia()), pack=pack, targets=pair).text
    assert ("a limit of its own" in text) != seen


def test_the_comparison_is_the_same_in_chinese() -> None:
    text = reply("COMPARE", "zh", **COMPARED).text
    assert "1. 蝶翼样阴影：可见（右下肺野）；支持肺水肿；对称分布；来源：Book A。" in text
    assert "本片可见的鉴别征象：支持肺水肿 1 项，支持肺炎 0 项。" in text
    assert "进一步鉴别：利尿后复查。" in text


def test_differences_are_facts_and_only_a_seen_sign_has_a_mask() -> None:
    facts = reply("COMPARE", "en", **COMPARED).facts
    assert [(f.sign, f.state) for f in facts] == [
        ("bat_wing_opacity", "met"),
        (None, "unmet"),
        (None, "unmet"),
        (None, "undetermined"),
    ]
    assert [f.region is not None for f in facts] == [True, False, False, False]


def test_without_a_differential_the_weights_tell_apart() -> None:
    text = reply("COMPARE", "en", targets=("pulmonary_edema", "pleural_effusion")).text
    assert "likelihood ratio 12 for pulmonary edema, 1 for pleural effusion; source: test." in text
    assert "blunted costophrenic angle: looked for and not found; if there, it would favour pleural eff" in text.lower()
    assert "no sign that tells them apart" in reply("COMPARE", "en", targets=("mass", "hernia")).text


def test_one_diagnosis_is_compared_with_what_the_conversation_was_about() -> None:
    texts = [s.text for s in reply("COMPARE", "en", targets=("pneumonia",), given=Context(topic="hernia")).sentences]
    assert "hernia" in texts[0]
    assert texts[1].startswith("Pneumonia")
    alone = reply("COMPARE", "en", targets=("pneumonia",)).text
    for topic in ("pneumonia", "no_finding"):  # neither is another disease
        assert reply("COMPARE", "en", targets=("pneumonia",), given=Context(topic=topic)).text == alone


def test_one_diagnosis_is_compared_with_the_one_it_is_mistaken_for() -> None:
    text = reply("COMPARE", "en", targets=("pneumonia",)).text
    assert "Pulmonary edema: probability 34%" in text


def test_a_struck_out_sign_favours_nobody() -> None:
    given = context(rejected=frozenset({"bat_wing_opacity"}))
    answer = reply("COMPARE", "en", given=given, **COMPARED)
    assert "Bat-wing opacity: seen" not in answer.text
    assert "0 for pulmonary edema, 0 for pneumonia" in answer.text


CHANGES = (
    Change("cardiothoracic_ratio", "unchanged", share(0.46), share(0.47)),
    Change("nodular_shadow", "larger", share(0.01), share(0.02), NODULE, NODULE),
    Change("bat_wing_opacity", "new", None, share(0.3), NODULE),
    Change("costophrenic_blunting", "gone", share(0.03), None, None, NODULE),
    Change("kerley_b", "undetermined", reason="not_looked_for"),
    Change("air_bronchogram", "undetermined", reason="not_looked_for"),
)


@pytest.mark.parametrize(("lang", "lines"), [
    ("en", [
        "Compared with the prior film:",
        "1. Bat-wing opacity (right lower zone): new; symmetry 0.30.",
        "2. Nodular shadow (right lower zone): larger; symmetry 0.01 → 0.02.",
        "3. Gone: blunted costophrenic angle (seen on the prior film, looked for and not found on this one); "
        "symmetry 0.03 on the prior film.",
        "4. Cardiothoracic ratio: unchanged; symmetry 0.46 → 0.47.",
        "Cannot be compared: Kerley B lines, air bronchogram; "
        "reason: it was not looked for on at least one of the films.",
    ]),
    ("zh", [
        "与旧片比较：",
        "1. 蝶翼样阴影（右下肺野）：新出现；对称性 0.30。",
        "2. 结节影（右下肺野）：增大；对称性 0.01 → 0.02。",
        "3. 已消失：肋膈角变钝（旧片可见，本片检查未见）；旧片对称性 0.03。",
        "4. 心胸比：无明显变化；对称性 0.46 → 0.47。",
        "不能比较：Kerley B 线、空气支气管征；原因：至少一片上未能检测。",
    ]),
])  # fmt: skip
def test_changes_against_the_prior_film(lang: str, lines: list[str]) -> None:
    answer = reply("COMPARE", lang, given=context(changes=CHANGES))
    assert [s.text for s in answer.sentences[:-1]] == lines


def test_changes_are_facts_and_a_gone_sign_is_not_named_as_seen() -> None:
    facts = reply("COMPARE", "en", given=context(changes=CHANGES)).facts
    assert [f.sign for f in facts] == ["bat_wing_opacity", "nodular_shadow", None, None, None, None]
    assert {f.kind for f in facts} == {"change"}


def test_a_sign_on_neither_film_is_not_said_to_be_there() -> None:
    ratio = (Measurement("cardiothoracic_ratio", 0.46, "ratio"), Measurement("cardiothoracic_ratio", 0.47, "ratio"))
    changes = (
        Change("hazy_opacity", "unchanged"),
        Change("costophrenic_blunting", "unchanged"),
        Change("enlarged_heart", "unchanged", *ratio),
        Change("cardiothoracic_ratio", "unchanged", *ratio),
    )
    answer = reply("COMPARE", "en", given=context(changes=changes))
    assert [s.text for s in answer.sentences[1:-1]] == [
        "1. Cardiothoracic ratio: unchanged; 0.46 → 0.47.",
        "Looked for and not found on either film: hazy opacity, blunted costophrenic angle.",
    ]
    alone = reply("COMPARE", "en", given=context(changes=changes[2:3])).sentences
    assert alone[1].text == "1. Cardiothoracic ratio: unchanged; 0.46 → 0.47."


def test_a_further_place_that_came_or_went_is_told_as_one_of_several() -> None:
    area = Measurement("area_share", 0.012, "ratio")
    changes = (
        Change("nodular_shadow", "unchanged", area, area, NODULE, NODULE),
        Change("nodular_shadow", "new", None, area, films.region(44, 40, 6)),
        Change("nodular_shadow", "gone", area, None, None, NODULE),
    )
    answer = reply("COMPARE", "en", given=context(changes=changes))
    assert [s.text for s in answer.sentences[1:-1]] == [
        "1. Nodular shadow (left lower zone): new in a further place; share of the lung area 1.2%.",
        "2. Gone: nodular shadow (one place of the prior film); share of the lung area 1.2% on the prior film.",
        "3. Nodular shadow (right lower zone): unchanged; share of the lung area 1.2% → 1.2%.",
    ]


def test_no_prior_film_and_a_prior_that_cannot_be_compared() -> None:
    assert "please give an earlier film of the same patient" in reply("COMPARE", "en", given=Context()).text
    note = Notice("PRIOR_MIRRORED", Bilingual("旧片左右相反。", "The prior film is mirrored."))
    answer = reply("COMPARE", "en", given=Context(changes=(), prior_note=note))
    assert answer.sentences[0].text == "Note: The prior film is mirrored."
    assert "no sign or measurement" in reply("COMPARE", "en", given=Context(changes=())).text


def corrected(lang: str, *, rejected: bool) -> list[str]:
    high, low = nodule(), nodule(0.18, "possible")
    now, before = (low, high) if rejected else (high, low)
    given = context(
        rejected=frozenset({"nodular_shadow"}) if rejected else frozenset(),
        correction=Correction("nodular_shadow", rejected, "A1", ""),
        before=(*films.findings(), before),
    )
    answer = reply("CORRECT", lang, given=given, findings=(*films.findings(), now))
    assert [(f.kind, f.sign) for f in answer.facts] == [("correction", None if rejected else "nodular_shadow")]
    return [s.text for s in answer.sentences[:-1]]


def test_a_correction_tells_what_changes_and_how_to_take_it_back() -> None:
    assert corrected("en", rejected=True) == [
        "Struck out as you say: nodular shadow (A1); no longer taken as a reason in this conversation.",
        "How the conclusions change:",
        '1. Nodule: probability 62% → 18%; the verdict goes from "supported by the film" to "possible".',
        "The correction holds for this conversation only, the model itself is unchanged; "
        'say "restore it" to take it back.',
    ]
    assert corrected("zh", rejected=True)[2] == "1. 肺结节：概率 62% → 18%；判断由“影像支持”变为“可疑”。"
    assert corrected("zh", rejected=False)[0] == "已恢复：结节影（A1）；重新作为依据。"


def test_a_correction_without_effect_or_without_a_sign() -> None:
    given = context(correction=Correction("nodular_shadow", True, None, ""), before=(*films.findings(), nodule()))
    assert "No conclusion changes noticeably." in reply("CORRECT", "en", given=given).text
    assert "Nothing was changed: please say which place or sign" in reply("CORRECT", "en").text
    assert "您指的是 A1" in reply("CORRECT", "zh", choices=("A1", "A2")).text


def test_a_struck_out_sign_is_never_a_reason() -> None:
    given = context(rejected=frozenset({"bat_wing_opacity"}))
    answer = reply("WHY", "zh", given=given, target="pulmonary_edema")
    assert "已由医生划去、不作为依据：蝶翼样阴影。" in answer.text
    assert "E1" not in {e.id for e in answer.items}
    assert all("E1" not in s.evidence for s in answer.sentences)


def test_attribution_has_its_heading_and_three_parts_an_item() -> None:
    zh = reply("WHY", "zh", target="pulmonary_edema", form="attribution").sentences
    assert zh[0].text == "【归因反向查询结果｜肺水肿】"
    assert zh[3].text.startswith(
        "1. 影像表现：蝶翼样阴影，对称性 0.86，征象评分 0.91，占全部证据 42%；解剖位置：双肺门周围；临床意义："
    )
    en = reply("WHY", "en", target="pulmonary_edema", form="attribution").sentences
    assert en[0].text == "[Attribution query | Pulmonary edema]"
    plain = reply("WHY", "en", target="pulmonary_edema", form="three_part").sentences
    assert [s.text for s in plain] == [s.text for s in en[1:]]
    for sentence in plain:
        if sentence.text[:3] in ("1. ", "2. ") and "Overall" not in sentence.text:
            parts = [sentence.text.index(p) for p in ("Imaging finding:", "anatomical location:", "significance:")]
            assert parts == sorted(parts)


@pytest.mark.parametrize("intent", ["WHY", "WHY_NOT"])
@pytest.mark.parametrize("target", ["pulmonary_edema", "pneumonia", "nodule", "no_finding"])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_short_is_at_most_three_sentences(intent: str, target: str, lang: str) -> None:
    assert len(reply(intent, lang, target=target, form="short").sentences) <= 3


def test_short_names_each_side_with_its_evidence() -> None:
    answer = reply("WHY", "en", target="pulmonary_edema", form="short")
    assert answer.sentences[1].text == (
        "Mainly because of bat-wing opacity (both perihilar zones, 42%), "
        "enlarged heart shadow (cardiac silhouette, 18%), the network's overall pattern (12%); "
        "against it: hazy opacity (right lower zone, 8%)."
    )
    assert answer.sentences[1].evidence == ("E1", "E2", "E3", "E4")


def test_why_not_names_what_would_be_needed() -> None:
    text = reply("WHY_NOT", "en", target="pneumonia").text
    assert "Would be needed to conclude pneumonia (not found or not assessed on this film): air bronchogram." in text
    assert "Would be needed" not in reply("WHY_NOT", "en", target="pulmonary_edema").text


def test_report_sentences_are_printed_as_they_are() -> None:
    said = (Sentence("Heart: not enlarged", ("E2",)), Sentence("Impression: nodule.", ("E20",)))
    assert reply("REPORT", "en", given=context(report_sentences=said)).sentences[:-1] == said


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_both_languages_state_the_same_facts(lang: str) -> None:
    asked: tuple[dict[str, Any], ...] = (
        {"intent": "DESCRIBE", "anchors": ("A1",)},
        {"intent": "MEASURE", "anchors": ("A1",), "aspects": ("distance", "size")},
        {"intent": "CHECKLIST", "target": "nodule", "given": context(ticked={"nodule": TICKED})},
        {"intent": "COMPARE", **COMPARED},
        {"intent": "LOCATE", "target": "nodule"},
    )
    for question in asked:
        answer = reply(lang=lang, **question)
        other = reply(lang="en" if lang == "zh" else "zh", **question)
        assert [s.evidence for s in answer.sentences] == [s.evidence for s in other.sentences]
        assert [(f.id, f.name, f.text) for f in answer.facts] == [(f.id, f.name, f.text) for f in other.facts]
