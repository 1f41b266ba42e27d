"""The truth checker: sentences that must fail, sentences that must pass, and everything that the program says."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest

from dialogue.report_cases import chest, film, region
from whyray import dialogue, reasoning, service
from whyray.dialogue.checker import check_report, check_text, same_facts, same_words
from whyray.dialogue.claims import Cues, claims
from whyray.dialogue.report import write_report
from whyray.domain import Bilingual, Evidence, Fact, Query, Sentence

PACK = chest()
NODULE, HAZE, ANGLE = "nodular_shadow", "hazy_opacity", "costophrenic_blunting"

SEEN = {
    "zh": [
        ("右肺上野见结节影。", NODULE),
        ("右肺上野结节影。", NODULE),
        ("未见肺野模糊影，右肺上野见结节影。", NODULE),
        ("未见肺野模糊影，但可见结节影。", NODULE),
        ("未见肺野模糊影；结节影位于右肺上野。", NODULE),
        ("结节影，无空洞。", NODULE),
        ("所问的“结节影”可见，位于右肺上野。", NODULE),
        ("主要依据：结节影（右肺上野）；似然比 3。", NODULE),
        ("左侧肋膈角变钝，肋膈角致密影高度 65.0 mm。", ANGLE),
        ("双侧肋膈角变钝。", ANGLE),
        ("2. 条目“毛刺征”：符合；所见：结节影（右肺上野）；来源：空洞一书。", NODULE),
        ("双肺见磨玻璃样密度增高影。", HAZE),
        ("A1：右肺上野見結節影。", NODULE),
    ],
    "en": [
        ("Nodular shadow in the right upper lung field.", NODULE),
        ("No hazy opacity, but a nodular shadow in the right upper lung field.", NODULE),
        ("No hazy opacity, a nodular shadow lies above.", NODULE),
        ("There is no hazy opacity. There is a nodular shadow.", NODULE),
        ("Nodular shadow without cavity.", NODULE),
        ('2. Criterion "cavity": met; seen: nodular shadow (right upper lung field); source: book.', NODULE),
        ("Nodular shadow in the right lung, hazy opacity not found.", NODULE),
        ("Mainly nodular shadow (right upper lung field); likelihood ratio 3.", NODULE),
        ("Blunting of the left costophrenic angle.", ANGLE),
        ("Ground-glass opacity in both lungs.", HAZE),
    ],
}
NOT_SEEN = {
    "zh": [
        "未见结节影、肺野模糊影。",
        "已检查而未见：结节影（似然比 0.5，来源：教科书）、肺野模糊影；未见上述征象使肺炎的可能性降低。",
        "可疑结节影。",
        "结节影不能排除。",
        "可疑，未达证据阈值，不作阳性判断，也不据此排除：结节影、肺野模糊影。",
        "本片未能评估（既不能说有，也不能说无）：结节影；原因：病灶太小。",
        "所问的“结节影”本版本未检测，既不能说有，也不能说无。",
        "有没有结节影？",
        "双侧肋膈角锐利。",
        "后续检查：建议CT；结节影随访。",
        "已由医生划去，不计入：结节影。",
        "4. 条目“边缘见毛刺征（结节影）”：不能判断；未能评估：毛刺征（本版本不能检测）。",
        "密度增高影占肺野面积比 0.30。",
    ],
    "en": [
        "No nodular shadow, hazy opacity or reticular pattern.",
        "Looked for and not found: nodular shadow (likelihood ratio 0.5; source: book), hazy opacity; this lowers it.",
        "A nodular shadow cannot be excluded.",
        "A nodular shadow is not seen.",
        "Equivocal, below the evidence threshold, called neither present nor absent: nodular shadow, hazy opacity.",
        "Not looked for, this version has no detector (neither present nor absent): nodular shadow, as asked.",
        "Is there a nodular shadow?",
        "Nodular shadow, cavity and hazy opacity cannot be assessed: too faint.",
        '4. Criterion "nodular shadow": undetermined; not assessed: cavity (this version cannot look for it).',
        "Both costophrenic angles are sharp.",
        "Next steps: CT; a nodular shadow needs follow-up.",
        "Struck out by the doctor and not counted: nodular shadow.",
    ],
}


def evidence(sign: str, item_id: str = "E1", masked: bool = True) -> Evidence:
    text = Bilingual("", "")
    mask = region(3) if masked else None
    return Evidence(item_id, sign, "for", 0.9, 1.0, 1.0, None, text, (), text, "book", mask)


def codes(
    text: str, lang: str, sign: str | None, *, on_film: bool = True, masked: bool = True, cited=("E1",)
) -> list[str]:
    _, observations, _ = film({sign: 0.9} if sign and on_film else {})
    items = [evidence(sign, masked=masked)] if sign else []
    found = check_text([Sentence(text, cited if sign else ())], items, observations, PACK, lang)
    return sorted({p.code for p in found})


@pytest.mark.parametrize(("lang", "text", "sign"), [(lang, *case) for lang, cases in SEEN.items() for case in cases])
def test_a_sign_stated_as_seen_needs_its_own_mask_on_this_film(lang, text, sign):
    other = HAZE if sign != HAZE else NODULE
    assert codes(text, lang, sign) in ([], ["NOT_LOOKED_FOR"]), "cited and masked"
    assert "UNCITED" in codes(text, lang, None)
    assert "UNCITED" in codes(text, lang, other), "the evidence is that of another sign"
    assert "UNCITED" in codes(text, lang, sign, cited=())
    assert "NO_MASK" in codes(text, lang, sign, masked=False)
    assert "NOT_ON_FILM" in codes(text, lang, sign, on_film=False)


@pytest.mark.parametrize(("lang", "text"), [(lang, text) for lang, texts in NOT_SEEN.items() for text in texts])
def test_denied_open_asked_and_general_words_state_nothing(lang, text):
    assert not [c for c in claims(text, Cues.of(PACK, lang)) if c.mode == "seen"]
    assert codes(text, lang, None) == []


@pytest.mark.parametrize(("lang", "text"), [("zh", "未见{}、结节影。"), ("en", "No {} or nodular shadow.")])
def test_absent_needs_a_detector_that_ran(lang, text):
    name = next(s.name for s in PACK.signs if s.detector is None and "(" not in s.name.en)
    assert codes(text.format(name.get(lang)), lang, None) == ["NOT_LOOKED_FOR"]
    assert codes(text.format(PACK.sign(HAZE).name.get(lang)), lang, None) == []


def test_an_id_that_is_not_there_is_found():
    _, observations, _ = film({NODULE: 0.9})
    found = check_text([Sentence("见结节影。", ("E1", "E7"))], [evidence(NODULE)], observations, PACK, "zh")
    assert [(p.code, p.what) for p in found] == [("ID_UNKNOWN", "E7")]


def test_a_fact_of_a_closer_look_proves_a_sign_by_its_own_mask():
    _, observations, _ = film({})
    sentence = Sentence("A1 可见空洞。", ("F1",))
    words = Bilingual("空洞", "cavity")
    fact = Fact("F1", "attribute", words, words, sign="cavity", region=region(2))
    assert check_text([sentence], [fact], observations, PACK, "zh") == []
    for broken, code in ((replace(fact, region=None), "NO_MASK"), (replace(fact, sign=HAZE), "UNCITED")):
        assert [p.code for p in check_text([sentence], [broken], observations, PACK, "zh")] == [code]


@pytest.mark.parametrize(
    ("zh", "en", "code"),
    [
        ("右肺上野见结节影", "Nodular shadow in the right upper lung field", None),
        ("双肺下野见结节影", "Nodular shadow in the lower fields of both lungs", None),
        ("左侧肋膈角变钝", "Blunting of the left costophrenic angle", None),
        ("右肺门显示不清", "Right hilum not clearly visible", None),
        ("右肺上野见结节影", "Nodular shadow in the left upper lung field", "NAMES_DIFFER"),
        ("双肺见结节影", "Nodular shadow in the right lung", "NAMES_DIFFER"),
        ("见结节影", "Hazy opacity", "NAMES_DIFFER"),
        ("见结节影、肺野模糊影", "Nodular shadow", "NAMES_DIFFER"),
        ("左侧肋膈角变钝", "Blunting of the right costophrenic angle", "NAMES_DIFFER"),
        ("肺炎：概率 30%", "Pulmonary edema: probability 30%", "NAMES_DIFFER"),
        ("肺炎：概率 30%", "Pneumonia: probability 31%", "NUMBERS_DIFFER"),
        ("心胸比 0.53（上限 0.50）", "Cardiothoracic ratio 0.53", "NUMBERS_DIFFER"),
    ],
)
def test_both_languages_must_say_the_same(zh, en, code):
    assert [p.code for p in same_words([Bilingual(zh, en)], PACK)] == ([code] if code else [])


def test_a_report_that_is_tampered_with_fails():
    scores = {NODULE: 0.9, HAZE: 0.9}
    zones = {NODULE: ("right_upper_field",), HAZE: ("left_lower_field",)}
    image, observations, findings = film(scores, zones=zones)
    report = write_report(findings, observations, PACK, image=image)
    items = [e for f in findings for e in f.evidence]
    assert check_report(report, items, observations, PACK) == []

    def changed(change):
        sections = tuple(replace(s, sentences=tuple(map(change, s.sentences))) for s in report.sections)
        return replace(report, sections=sections)

    uncited = changed(lambda s: replace(s, evidence=()))
    assert {p.code for p in check_report(uncited, items, observations, PACK)} == {"UNCITED"}
    other = changed(lambda s: replace(s, text=Bilingual(s.text.zh.replace("右肺", "左肺"), s.text.en)))
    assert {p.code for p in same_facts(other, PACK)} == {"NAMES_DIFFER"}
    _, bare, _ = film({})
    assert {p.code for p in check_report(report, items, bare, PACK)} == {"NOT_ON_FILM"}
    denied = changed(lambda s: replace(s, text=Bilingual(s.text.zh.replace("未见", "见"), s.text.en)))
    assert "NO_MASK" in {p.code for p in check_report(denied, items, observations, PACK)}


@dataclass(frozen=True)
class Asked:
    intent: str
    rank: int | None


QUESTIONS = (Asked("SCREEN", None), Asked("WHY", 0), Asked("WHY_NOT", 1))
FILMS = 40


@cache
def readings(root: Path) -> tuple[service.Reading, ...]:
    """Validation films, one of every mix of labels first, read once."""
    with (root / "nih" / "labels.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "val"]
    taken: Counter[str] = Counter()
    for row in rows:
        row["turn"] = taken[row["labels"]]
        taken[row["labels"]] += 1
    rows.sort(key=lambda row: row["turn"])
    reader, found = service.Reader(), []
    for row in rows:
        path = next((root / "nih").rglob(f"{row['id']}.jpg"), None)
        if path is not None and len(found) < FILMS:
            found.append(reader.read(path))
    return tuple(found)


@pytest.mark.slow
def test_answers_and_reports_of_real_films_keep_to_the_film(data_root):
    texts, stated = 0, 0
    for reading in readings(data_root):
        pack, seen = reading.pack, reading.observations
        spoken = reasoning.rank(reading.findings, pack).spoken
        items = [e for f in reading.findings for e in f.evidence]
        report = write_report(spoken, seen, pack, image=reading.image)
        assert check_report(report, items, seen, pack) == []
        texts += 2
        stated += sum(len(s.signs) for part in report.sections for s in part.sentences)
        for lang in ("zh", "en"):
            for asked in QUESTIONS:
                target = None if asked.rank is None else spoken[asked.rank].id
                answer = dialogue.compose(
                    Query("", lang, asked.intent, target),
                    spoken,
                    seen,
                    pack,
                    simulated=reading.image.simulated,
                    calibrated=reading.image.geometry.calibrated,
                    warnings=reading.image.warnings,
                )
                known = [*answer.items, *answer.facts]
                assert check_text(answer.sentences, known, seen, pack, lang) == []
                texts += 1
    assert texts >= 200
    assert stated >= FILMS, "films without signs prove nothing"
