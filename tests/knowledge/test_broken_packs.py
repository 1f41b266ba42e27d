"""Mistakes that people make in a pack: each is refused with its file, its line and a sentence."""

from __future__ import annotations

import re

import pytest

from whyray.domain import PackError
from whyray.knowledge import check, load_pack

S, D, R, F, A = "signs/all.yaml", "diagnoses/ill.yaml", "rules/all.yaml", "differentials/all.yaml", "anatomy.yaml"
PLACE = re.compile(r"(?P<file>[a-z/]+\.yaml)(?::| cannot be parsed: line )(?P<line>\d+)")

# what is wrong, file, text there, what it becomes, text on the line that must be named, code
MISTAKES = [
    ("bad syntax", S, "zones: [top]\n  syn", "zones: [top\n  syn", "synonyms", "PACK_YAML"),
    ("key twice", S, "  learned: true", "  learned: true\n  learned: true", "learned", "PACK_YAML"),
    ("unknown field", S, "  confounder: true", "  confunder: true", "confunder", "PACK_SCHEMA"),
    ("field missing", S, "  detector: {kind: seen, params: {}}\n", "", "- id: black", "PACK_SCHEMA"),
    ("translation missing", S, "{zh: 隐影, en: unseen}", "{zh: 隐影}", "name: {zh: 隐影}", "PACK_SCHEMA"),
    ("empty text", S, "{zh: 隐影, en: unseen}", "{zh: 隐影, en: ''}", "{zh: 隐影, en: ''}", "PACK_SCHEMA"),
    ("third language", S, "{zh: 隐影, en: unseen}", "{zh: 隐影, en: unseen, fr: caché}", "fr: caché", "PACK_SCHEMA"),
    ("wrong type", D, "lr_present: 3.0", "lr_present: much", "lr_present: much", "PACK_SCHEMA"),
    ("unknown choice", D, "basis: counted", "basis: guessed", "basis: guessed", "PACK_SCHEMA"),
    ("id twice", S, "id: black", "id: white", "- id: white", "PACK_ID_TWICE"),
    ("structure twice", A, "id: lung_l", "id: lung_r", "id: lung_r, name: {zh: 左肺", "PACK_ID_TWICE"),
    ("sign not there", R, "[white, {absent: black}", "[whit, {absent: black}", "- id: both", "SIGN_UNKNOWN"),
    ("zone not there", S, "  zones: [top]\n", "  zones: [bottom]\n", "zones: [bottom]", "ZONE_UNKNOWN"),
    ("diagnosis not there", R, "diagnosis: ill", "diagnosis: well", "- id: both", "DIAGNOSIS_UNKNOWN"),
    ("core sign not there", D, "core_signs: [white, black]", "core_signs: [white, blk]", "blk]", "SIGN_UNKNOWN"),
    ("sign in the place of another not there", D, "{sign: black, note", "{sign: blk, note", "instead:",
     "SIGN_UNKNOWN"),
    ("unknown view", S, "on_view: {AP:", "on_view: {SIDE:", "on_view", "PACK_SCHEMA"),
    ("limit of a view without words", S, "en: Not on AP films.}", "en: ''}", "on_view", "PACK_SCHEMA"),
    ("variant of no core sign", D, "of: white", "of: unseen", "id: white_top", "VARIANT_NOT_CORE"),
    ("word that is no rule", R, "{absent: black}", "{without: black}", "- id: both", "RULE_SYNTAX"),
    ("contradiction", R, "{absent: black}", "{absent: white}", "- id: both", "RULE_CONTRADICTORY"),
    ("rule on nothing", D, "when: {overlaps: {sign: white, zone: top}}", "when: {absent: white}", "id: white_top",
     "RULE_WITHOUT_SIGN"),
    ("two directions", D, "lr_absent: 0.5", "lr_absent: 1.5", "{sign: white, lr_present", "LR_SAME_SIDE"),
    ("counted without n", D, "source: table, n: 100,", "source: table,", "{sign: white, lr_present", "LR_UNSUPPORTED"),
    ("device as a reason", R, "[white,", "[white, tube,", "- id: both", "CONFOUNDER_REASON"),
    ("code with a slip", S, 'snomed: "60046008"', 'snomed: "60046009"', "snomed:", "CODE_FORM"),
    ("unknown code system", S, "umls: C0034063", "icd99: C0034063", "icd99", "CODE_SYSTEM"),
    ("detector not there", S, "{kind: seen, params: {}}", "{kind: sene, params: {}}", "sene", "DETECTOR_KIND_UNKNOWN"),
    ("channel not there", A, "channel: r", "channel: q", "channel: q", "CHANNEL_UNKNOWN"),
    ("measured against what is not there", A, "channel: l, side: left", "channel: l, least: {of: lung_m, share: 0.3}",
     "lung_m", "STRUCTURE_UNKNOWN"),
    ("one-sided differential", F, "favours: unseen", "favours: ill", "- id: ill_or_unseen", "DIFFERENTIAL_ONE_SIDED"),
    ("favours a stranger", F, "favours: unseen", "favours: tube", "favours: tube", "FAVOURS_OUTSIDE"),
    ("English text in Chinese", S, "{zh: 黑影, en: black}", "{zh: black, en: black}", "zh: black",
     "TRANSLATION_MISSING"),
]  # fmt: skip


def refusal(small) -> list[str]:
    """What a user reads: the line of the error, or those of the problems."""
    try:
        pack = load_pack(small.folder)
    except PackError as error:
        return [error.line()]
    found = check(pack, {"seen"}, {"box"}, {"Ill"}, {"r", "l"}, small.folder)
    return [problem.line() for problem in found if problem.severity == "error"]


def test_the_good_pack_is_not_refused(small):
    assert refusal(small) == []


def test_there_are_twenty_kinds_of_mistakes():
    assert len({name for name, *_ in MISTAKES}) == len(MISTAKES) >= 20
    assert len({code for *_, code in MISTAKES}) >= 18


@pytest.mark.parametrize(
    ("file", "old", "new", "marked", "code"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES]
)
def test_a_mistake_is_refused_with_file_line_and_sentence(small, file, old, new, marked, code):
    small.replace(file, old, new)
    (text,) = [line for line in refusal(small) if code in line]
    place = PLACE.search(text)
    assert place is not None, text
    assert place["file"] == file
    line = (small.folder / file).read_text("utf-8").splitlines()[int(place["line"]) - 1]
    assert marked in line, (text, line)
    sentence = text.split(f"{code}: ", 1)[1]
    assert sentence.rstrip().endswith(".")
    assert len(sentence.split()) >= 4


def test_a_folder_of_packs_tells_the_line_too(small):
    from whyray.knowledge import load_packs

    small.replace(S, "{zh: 隐影, en: unseen}", "{zh: 隐影}")
    with pytest.raises(PackError) as caught:
        load_packs(small.folder.parent)
    number = 1 + (small.folder / S).read_text("utf-8").splitlines().index("  name: {zh: 隐影}")
    for sentence in (caught.value.sentence.zh, caught.value.sentence.en):
        assert f"{S}:{number}" in sentence
