"""Reports: the right form, nothing normal that was not looked for, both languages, the doctor's changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dialogue.report_cases import chest, concluded, film, struck
from whyray.dialogue.checker import check_report
from whyray.dialogue.report import apply_edit, write_report
from whyray.domain import ArgumentError, Bilingual, Change, Counterfactual, Measurement, Revision, StructuredReport

PACK = chest()
EDEMA = {"bat_wing_opacity": 0.97, "enlarged_heart": 0.95, "costophrenic_blunting": 0.9}
EDEMA_ZONES = {
    "bat_wing_opacity": ("right_perihilar", "left_perihilar", "right_middle_field", "left_middle_field"),
    "costophrenic_blunting": ("left_lower_field", "left_costophrenic_angle"),
}


def written(film_of, **more) -> StructuredReport:
    image, observations, findings = film_of
    return write_report(findings, observations, PACK, image=image, **more)


def section(report: StructuredReport, section_id: str):
    return next(s for s in report.sections if s.id == section_id)


def words(report: StructuredReport, section_id: str, lang: str) -> str:
    return " ".join(s.text.get(lang) for s in section(report, section_id).sentences)


def everything(report: StructuredReport, lang: str) -> str:
    return " ".join(words(report, s.id, lang) for s in report.sections)


@pytest.mark.parametrize(
    ("scores", "form", "lead"),
    [
        (EDEMA, "edema", "heart"),
        ({"nodular_shadow": 0.9}, "nodule", "lungs"),
        ({"reticular_pattern": 0.9}, "interstitial", "lungs"),
        ({"costophrenic_blunting": 0.9}, "pleural", "pleura"),
        ({"consolidation_opacity": 0.9}, "airspace", "lungs"),
        ({}, "general", "lungs"),
    ],
)
def test_the_signs_choose_the_form_and_its_first_section(scores, form, lead):
    report = written(film(scores))
    assert report.template == form
    assert [s.id for s in report.sections][:2] == ["technique", lead]
    assert report.sections[-1].id == "impression"


def test_every_section_is_there_in_every_form():
    for scores in (EDEMA, {"nodular_shadow": 0.9}, {}):
        ids = [s.id for s in written(film(scores)).sections]
        assert sorted(ids) == sorted(["technique", *(s.id for s in PACK.report.sections), "impression"])


def test_sentences_are_numbered_in_reading_order():
    report = written(film(EDEMA))
    ids = [s.id for part in report.sections for s in part.sentences]
    assert ids == [f"S{n}" for n in range(1, len(ids) + 1)]


def test_a_sign_that_is_there_is_said_with_place_number_and_evidence():
    case = film(EDEMA, zones=EDEMA_ZONES, numbers={"enlarged_heart": 0.61})
    report = written(case)
    heart = section(report, "heart").sentences[0]
    assert heart.text.zh == "心影增大，心胸比 0.61 ± 0.03（上限 0.50，后前位）。"
    assert heart.text.en == "Enlarged heart, cardiothoracic ratio 0.61 ± 0.03 (limit 0.50, PA view)."
    assert heart.signs == ("enlarged_heart",)
    items = {e.id: e for f in case[2] for e in f.evidence}
    assert items[heart.evidence[0]].sign == "enlarged_heart"
    assert items[heart.evidence[0]].region is not None
    assert "左侧肋膈角变钝" in words(report, "pleura", "zh")
    assert "Blunting of the left costophrenic angle" in words(report, "pleura", "en")
    assert "双肺门周围见蝶翼状影" in words(report, "lungs", "zh")


def test_the_limit_is_that_of_the_view():
    for view, limit in (("PA", "0.50"), ("AP", "0.60"), ("UNKNOWN", "0.55")):
        report = written(film({}, view=view, numbers={"enlarged_heart": 0.45}))
        assert f"上限 {limit}" in words(report, "heart", "zh")
        assert f"limit {limit}" in words(report, "heart", "en")


def test_zones_of_both_sides_go_by_one_name():
    fields = tuple(f"{side}_{level}_field" for side in ("right", "left") for level in ("upper", "middle", "lower"))
    for zones, zh, en in (
        (fields, "双肺见片状模糊影", "Hazy opacity in both lungs"),
        (fields[1:3], "右肺中下野见片状模糊影", "Hazy opacity in the middle and lower fields of the right lung"),
        (fields[2:3], "右肺下野见片状模糊影", "Hazy opacity in the right lower lung field"),
        ((), "见肺野模糊影", "Hazy opacity"),
    ):
        report = written(film({"hazy_opacity": 0.9}, zones={"hazy_opacity": zones}))
        first = section(report, "lungs").sentences[0].text
        assert first.zh.startswith(zh)
        assert first.en.startswith(en)


def test_normal_states_are_said_only_of_what_was_looked_for():
    report = written(film({}))
    assert "双侧肋膈角锐利" in words(report, "pleura", "zh")
    assert "Both costophrenic angles are sharp" in words(report, "pleura", "en")
    assert "未见" in words(report, "lungs", "zh")
    for part in ("bones", "devices", "mediastinum", "diaphragm"):
        sentences = section(report, part).sentences
        assert len(sentences) == 1
        assert "未评估" in sentences[0].text.zh
        assert "Not assessed" in sentences[0].text.en
    absent, rest = section(report, "hila").sentences  # one sign of the hila is looked for
    assert (absent.text.zh, absent.text.en) == ("未见肺血流再分布。", "No vascular redistribution.")
    assert "未评估" in rest.text.zh
    assert "Not assessed" in rest.text.en


def test_an_angle_that_is_not_visible_is_not_called_sharp():
    report = written(film({}, hidden=("left_costophrenic_angle",)))
    assert "锐利" not in everything(report, "zh")
    assert "sharp" not in everything(report, "en")
    assert "未能评估：肋膈角变钝" in words(report, "pleura", "zh")


def test_a_likely_sign_below_the_threshold_is_neither_there_nor_absent():
    report = written(film({"nodular_shadow": 0.7, "enlarged_heart": 0.6}, numbers={"enlarged_heart": 0.52}))
    lungs = words(report, "lungs", "zh")
    assert "不据此排除：结节影" in lungs
    assert "结节影" not in next(s.text.zh for s in section(report, "lungs").sentences if s.text.zh.startswith("未见"))
    assert not any("nodular_shadow" in s.signs for part in report.sections for s in part.sentences)
    assert "不大" not in words(report, "heart", "zh")
    assert "0.52" in words(report, "heart", "zh")


def test_a_form_says_only_the_negatives_that_are_worth_it():
    report = written(film({"costophrenic_blunting": 0.9}))
    absent = next(s.text.zh for s in section(report, "lungs").sentences if s.text.zh.startswith("未见"))
    assert "结节影" in absent
    assert "蝶翼征" not in absent
    assert "蝶翼征" in words(written(film({})), "lungs", "zh")


def test_a_film_that_cannot_be_read_says_so_and_calls_nothing_normal():
    report = written(film(EDEMA, usable=False))
    assert report.template == PACK.report.forms[-1].id
    assert "不适合判读" in words(report, "technique", "zh")
    assert "not suitable" in words(report, "technique", "en")
    assert not any(s.signs or s.evidence for part in report.sections for s in part.sentences)
    for word in ("锐利", "不大", "未见", "概率"):
        assert word not in everything(report, "zh")
    assert "no impression is given" in words(report, "impression", "en")


def test_millimetres_need_a_scale():
    case = film({"nodular_shadow": 0.9})
    image, observations, findings = case
    sign = observations.sign("nodular_shadow")
    object.__setattr__(sign, "measurements", (Measurement("lesion_diameter", 14.2, "mm"),))
    assert "mm" not in everything(write_report(findings, observations, PACK, image=image), "en")
    scaled, _, _ = film({}, spacing=(0.2, 0.2))
    report = write_report(findings, observations, PACK, image=scaled)
    assert "14.2 mm" in words(report, "lungs", "zh")
    assert "14.2 mm" in words(report, "lungs", "en")


def test_the_impression_has_probability_tier_reason_and_next_step():
    case = film({**EDEMA, "pulmonary_edema_pattern": 0.95}, zones=EDEMA_ZONES)
    report = written(case)
    supported = [f for f in case[2] if f.verdict == "supported" and not PACK.diagnosis(f.id).normal]
    assert supported, "the case should support something"
    said = words(report, "impression", "zh")
    for finding in supported:
        assert PACK.diagnosis(finding.id).name.zh in said
        if finding.tier == "low":
            assert "建议人工复核" in said
    first = section(report, "impression").sentences[0]
    assert first.text.zh.startswith("1. ")
    assert "概率" in first.text.zh
    assert "主要依据" in first.text.zh
    assert first.signs
    assert said.count("后续检查") == 1
    assert said.count("鉴别诊断") <= 1


@pytest.mark.parametrize("passed", [True, False])
def test_the_impression_prefers_a_sign_of_its_own_and_says_when_it_failed_or_is_none(passed):
    """A nodule called for by its own sign, heavy blunting beside it; then the blunting alone."""
    image, observations, findings = film({"nodular_shadow": 0.95, "costophrenic_blunting": 0.99})
    base = next(f for f in findings if f.id == "nodule")
    shares = {"nodular_shadow": 0.2, "costophrenic_blunting": 0.7}
    test = Counterfactual(0.3 if passed else 0.0, passed)
    evidence = tuple(
        replace(e, polarity="for", share=shares[e.sign], counterfactual=test) for e in base.evidence if e.sign in shares
    )
    assert len(evidence) == 2
    foreign = tuple(e for e in evidence if e.sign == "costophrenic_blunting")
    for kept, sign in ((evidence, "nodular_shadow"), (foreign, "costophrenic_blunting")):
        found = replace(base, probability=0.8, tier="medium", verdict="supported", evidence=kept)
        report = write_report((found,), observations, PACK, image=image)
        first = section(report, "impression").sentences[0]
        assert first.signs == (sign,)
        assert ("no sign of its own supports it" in first.text.en) == (kept is foreign)
        assert ("未通过反事实检验" in first.text.zh) == (not passed)


def test_a_normal_verdict_beside_a_sign_is_called_at_odds():
    image, observations, findings = film({"enlarged_heart": 0.9}, numbers={"enlarged_heart": 0.6})
    changed = tuple(
        type(f)(f.id, 0.7, f.base_log_odds, "medium", "supported", f.evidence)
        if PACK.diagnosis(f.id).normal
        else type(f)(f.id, 0.01, f.base_log_odds, "low", "not_supported", f.evidence)
        for f in findings
    )
    report = write_report(changed, observations, PACK, image=image)
    last = section(report, "impression").sentences[-1]
    assert last.signs == ("enlarged_heart",)
    assert "不一致，建议人工复核：心影增大" in last.text.zh
    assert "At odds" in last.text.en


def test_a_struck_sign_is_neither_there_nor_absent():
    image, observations, _ = film({"nodular_shadow": 0.95}, zones={"nodular_shadow": ("right_upper_field",)})
    before = write_report(concluded(observations), observations, PACK, image=image)
    assert "右肺上野见结节影" in words(before, "lungs", "zh")
    after = struck(observations, "nodular_shadow")
    for now, rejected in ((after, frozenset()), (observations, frozenset({"nodular_shadow"}))):
        report = write_report(concluded(after), now, PACK, image=image, rejected=rejected)
        lungs = words(report, "lungs", "zh")
        assert "见结节影" not in lungs
        assert "已由医生划去，不计入：结节影" in lungs
        assert report.template != before.template


def test_changes_stand_in_the_section_of_their_sign():
    case = film({"nodular_shadow": 0.95}, zones={"nodular_shadow": ("right_upper_field",)})
    changes = (
        Change("nodular_shadow", "larger", Measurement("a", 10, "px"), Measurement("a", 20, "px")),
        Change("hazy_opacity", "gone"),
        Change("consolidation_opacity", "larger"),
        Change("cardiothoracic_ratio", "undetermined", reason="view_differs"),
    )
    report = written(case, changes=changes)
    lungs, heart = words(report, "lungs", "zh"), words(report, "heart", "zh")
    assert "与前片比较，增大：结节影（10 像素 → 20 像素）" in lungs
    assert "与前片比较，已消失：肺野模糊影" in lungs
    assert "增大：实变" not in lungs, "a sign that the film does not show did not grow"
    assert "与前片不能比较：心胸比" in heart
    grown = next(s for s in section(report, "lungs").sentences if "增大" in s.text.zh)
    assert grown.signs == ("nodular_shadow",)
    assert grown.evidence


def test_reports_made_by_hand_pass_the_checker():
    for scores in (EDEMA, {"nodular_shadow": 0.9}, {"costophrenic_blunting": 0.8, "hazy_opacity": 0.6}, {}):
        image, observations, findings = film(scores, zones=EDEMA_ZONES)
        report = write_report(findings, observations, PACK, image=image)
        items = [e for f in findings for e in f.evidence]
        assert check_report(report, items, observations, PACK) == []


def test_the_head_names_film_model_and_pack():
    facts = {name.en: value.en for name, value in written(film({}, spacing=(0.2, 0.25))).facts}
    assert facts["Film (SHA-256)"] == "ab" * 32
    assert facts["Model"] == "chest-test"
    assert facts["Knowledge pack"] == f"{PACK.id} {PACK.version}"
    assert "0.200 × 0.250 mm" in facts["Size"]
    assert written(film({})).notice.zh.startswith("仅供研究")


NEW = Bilingual("右肺上野结节，建议CT。", "Nodule in the right upper lung field, CT advised.")


def test_an_edit_keeps_who_when_and_before():
    report = written(film({"nodular_shadow": 0.9}))
    old = section(report, "lungs").sentences[0]
    edited = apply_edit(report, old.id, NEW, "Dr Li", "2026-01-02T03:04:05Z")
    new = section(edited, "lungs").sentences[0]
    assert (new.id, new.text) == (old.id, NEW)
    assert (new.edit.who, new.edit.when, new.edit.before) == ("Dr Li", "2026-01-02T03:04:05Z", old.text)
    assert (new.evidence, new.signs) == ((), ())
    assert section(report, "lungs").sentences[0] is old
    again = apply_edit(edited, old.id, Bilingual("无。", "None."), "Dr Wu", "2026-01-03T00:00:00Z")
    edit = section(again, "lungs").sentences[0].edit
    assert edit.before == NEW
    assert edit.earlier.before == old.text
    untouched = [s for part in edited.sections for s in part.sentences if s.id != old.id]
    assert untouched == [s for part in report.sections for s in part.sentences if s.id != old.id]


@pytest.mark.parametrize(
    ("sentence", "text", "who", "when", "code"),
    [
        ("S999", NEW, "a", "b", "SENTENCE_UNKNOWN"),
        ("S1", Bilingual("", "x"), "a", "b", "EDIT_EMPTY"),
        ("S1", NEW, " ", "b", "EDIT_EMPTY"),
        ("S1", NEW, "a", "", "EDIT_EMPTY"),
    ],
)
def test_an_edit_that_says_nothing_or_hits_nothing_is_refused(sentence, text, who, when, code):
    with pytest.raises(ArgumentError) as refused:
        apply_edit(written(film({})), sentence, text, who, when)
    assert refused.value.code == code


def test_kept_edits_are_made_again_where_the_words_still_stand():
    case = film({"nodular_shadow": 0.9})
    plain = written(case)
    old = section(plain, "pleura").sentences[0]
    kept = Revision("S1", NEW, "Dr Li", "2026-01-02T03:04:05Z", before=old.text)
    assert section(written(case, edits=(kept,)), "pleura").sentences[0].text == NEW
    with pytest.raises(ArgumentError):
        written(case, edits=(Revision("S1", NEW, "a", "b", before=Bilingual("x", "y")),))
    assert section(written(case, edits=(Revision("S1", NEW, "a", "b"),)), "technique").sentences[0].text == NEW


def test_the_plan_of_the_pack_covers_every_sign():
    groups = [g for s in PACK.report.sections for g in s.groups]
    assert len(groups) == len(set(groups))
    assert {s.group for s in PACK.signs if not s.learned} == set(groups)
    assert not PACK.report.forms[-1].signs
    assert all(f.signs for f in PACK.report.forms[:-1])
