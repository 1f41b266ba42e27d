from __future__ import annotations

import pytest

from whyray.knowledge import check, load_pack
from whyray.knowledge.words import words

KINDS, ZONES, HEADS = {"seen"}, {"box"}, {"Ill"}


def problems(small, heads=HEADS):
    return check(load_pack(small.folder), KINDS, ZONES, heads)


def rule(when, **more):
    base = {"id": "both", "diagnosis": "ill", "name": {"zh": "两者", "en": "both"}, "weight": 0.3,
            "basis": "expert", "source": "opinion"}  # fmt: skip
    return [{**base, "when": when, **more}]


def weight(**change):
    return lambda d: d[0]["weights"][0].update(change)


def sign(index, **change):
    return lambda d: d[index].update(change)


def set_rule(when, **more):
    return lambda d: d.__setitem__(slice(None), rule(when, **more))


S, D, R, A = "signs/all.yaml", "diagnoses/ill.yaml", "rules/all.yaml", "anatomy.yaml"
FINE = {"zh": "好", "en": "well"}
NORMAL = {"id": "well", "name": FINE, "definition": FINE, "source": "s", "head": None, "advice": FINE,
          "weights": [], "normal": True}  # fmt: skip
TALL = {"measure": {"sign": "white", "id": "height", "<=": 1}}
EVEN = [0.9, 1.1]
WELL = {"sign": "white", "lr_present": 2.0, "lr_absent": 0.5, "basis": "expert", "source": "s"}

BROKEN = [
    ("ID_FORM", S, sign(2, id="Un-seen")),
    ("ID_SHARED", R, set_rule("white", id="white")),
    ("STRUCTURE_UNKNOWN", A, lambda d: d["zones"][0]["params"].update(lung="liver")),
    ("STRUCTURE_UNKNOWN", S, lambda d: d[0]["detector"]["params"].update(lungs=["liver"])),
    ("ZONE_UNKNOWN", S, sign(0, zones=["nowhere"])),
    ("ZONE_UNKNOWN", S, lambda d: d[0]["detector"]["params"].update(zones=["nowhere"])),
    ("ZONE_UNKNOWN", R, set_rule({"overlaps": {"sign": "white", "zone": "nowhere"}})),
    ("SIGN_UNKNOWN", D, weight(sign="ghost")),
    ("SIGN_UNKNOWN", R, set_rule({"any": ["white", "ghost"]})),
    ("DIAGNOSIS_UNKNOWN", R, set_rule("white", diagnosis="ghost")),
    ("MEASURE_UNKNOWN", S, lambda d: d[0]["detector"]["params"].update(measure="height")),
    ("MEASURE_UNKNOWN", R, set_rule({"all": ["white", TALL]})),
    ("HEAD_UNKNOWN", D, lambda d: d[0].update(head="Sick")),
    ("HEAD_UNKNOWN", S, lambda d: d[3]["detector"]["params"].update(head="Sick")),
    ("DETECTOR_KIND_UNKNOWN", S, lambda d: d[0]["detector"].update(kind="smelt")),
    ("ZONE_KIND_UNKNOWN", A, lambda d: d["zones"][0].update(kind="cube")),
    ("SIGN_ORPHAN", D, lambda d: d[0]["weights"].pop()),
    ("SIGN_LEARNED_WEIGHTED", D, lambda d: d[0]["weights"].append({**WELL, "sign": "pattern"})),
    ("SIGN_LEARNED_IN_RULE", R, set_rule({"all": ["white", "pattern"]})),
    ("SIGN_LEARNED_UNDETECTED", S, sign(3, detector=None)),
    ("SIGNIFICANCE_EMPTY", S, sign(0, significance={"zh": " ", "en": "yes"})),
    ("SOURCE_EMPTY", S, sign(0, source=" ")),
    ("SOURCE_EMPTY", D, weight(source=" ")),
    ("TRANSLATION_MISSING", S, sign(0, definition={"zh": "white area", "en": "white area"})),
    ("TRANSLATION_MISSING", S, sign(0, mimics=[{"zh": "白", "en": "白"}])),
    ("TRANSLATION_MISSING", "measures.yaml", lambda d: d.update(width={"zh": "宽度", "en": "宽度"})),
    ("LR_NOT_POSITIVE", D, weight(lr_present=0.0)),
    ("LR_NOT_POSITIVE", D, weight(lr_absent=-1.0)),
    ("LR_NOT_POSITIVE", D, weight(lr_present=float("nan"))),
    ("LR_NOT_POSITIVE", D, weight(lr_present=float("inf"))),
    ("LR_SAME_SIDE", D, weight(lr_present=0.9, ci_present=[0.8, 1.0])),
    ("LR_SAME_SIDE", D, weight(lr_absent=1.2, ci_absent=[1.1, 1.3])),
    ("LR_NEUTRAL", D, weight(lr_present=1.0, lr_absent=1.0, ci_present=EVEN, ci_absent=EVEN)),
    ("LR_EXTREME", D, weight(lr_present=500.0, ci_present=[400.0, 600.0])),
    ("LR_INTERVAL", D, weight(ci_present=[3.5, 4.0])),
    ("LR_INTERVAL", D, weight(ci_absent=[0.6, 0.4])),
    ("LR_UNSUPPORTED", D, weight(n=None)),
    ("LR_UNSUPPORTED", D, weight(n=0)),
    ("LR_UNSUPPORTED", D, weight(ci_absent=None)),
    ("WEIGHT_TWICE", D, lambda d: d[0]["weights"].append(WELL)),
    ("NORMAL_TWICE", D, lambda d: d.extend([NORMAL, {**NORMAL, "id": "fine"}])),
    ("NORMAL_SUPPORTED", D, lambda d: d.append({**NORMAL, "weights": [WELL]})),
    ("DIAGNOSIS_BARE", D, lambda d: d.append({**NORMAL, "normal": False})),
    ("CODE_SYSTEM", S, sign(0, codes={"icd99": "A1"})),
    ("CODE_FORM", S, sign(0, codes={"umls": "C34063"})),
    ("CODE_FORM", S, sign(0, codes={"dicom": "Kerley"})),
    ("CODE_FORM", S, sign(0, codes={"snomed": "60046009"})),
    ("RULE_CONTRADICTORY", R, set_rule({"all": ["white", {"absent": "white"}]})),
    ("RULE_CONTRADICTORY", R, set_rule({"all": [{"any": ["white"]}, {"all": [{"absent": "white"}]}]})),
    ("RULE_CONTRADICTORY", R, set_rule({"all": [{"symmetric": "white"}, {"absent": "white"}]})),
    ("RULE_WITHOUT_SIGN", R, set_rule({"absent": "white"})),
    ("RULE_WITHOUT_SIGN", R, set_rule({"measure": {"sign": "white", "id": "width", "<=": 1}})),
    ("RULE_NEVER_FIRES", R, set_rule({"all": ["white", "unseen"]})),
    ("RULE_NEVER_FIRES", R, set_rule({"all": ["white", {"absent": "unseen"}]})),
    ("RULE_NEVER_FIRES", R, set_rule({"at_least": {"n": 3, "of": ["white", "black", "unseen"]}})),
    ("RULE_WEIGHT", R, set_rule("white", weight=0.0)),
    ("RULE_WEIGHT", R, set_rule("white", weight=float("nan"))),
    ("RULE_SYNTAX", R, set_rule({"some": ["white"]})),
]  # fmt: skip


def test_the_small_pack_has_no_problem(small):
    assert problems(small) == ()


@pytest.mark.parametrize(("code", "file", "change"), BROKEN)
def test_each_check_fires(small, code, file, change):
    small.edit(file, change)
    found = [p for p in problems(small) if p.code == code]
    assert found
    assert found[0].severity == words()["problems"][code]["severity"]
    assert "{" not in found[0].line("zh") + found[0].line("en")


def test_every_problem_has_a_test():
    assert {code for code, _, _ in BROKEN} == set(words()["problems"])


def test_heads_are_not_checked_without_a_model(small):
    small.edit(D, lambda d: d[0].update(head="Sick"))
    assert not [p for p in problems(small, heads=None) if p.code == "HEAD_UNKNOWN"]


def test_errors_come_before_warnings(small):
    small.edit(D, lambda d: d[0]["weights"].pop())
    small.edit(A, lambda d: d["zones"][0].update(kind="cube"))
    assert [p.severity for p in problems(small)] == ["error", "warning"]


def test_a_condition_that_can_hold_another_way_is_no_problem(small):
    small.edit(R, set_rule({"any": ["white", {"all": ["unseen", "black"]}]}))
    assert problems(small) == ()
    small.edit(R, set_rule({"at_least": {"n": 2, "of": ["white", {"absent": "white"}, "black"]}}))
    assert problems(small) == ()
