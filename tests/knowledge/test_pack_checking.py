from __future__ import annotations

import pytest

from knowledge.test_pack_reporting import BROKEN as REPORTED
from whyray.knowledge import check, load_pack, unknown_codes
from whyray.knowledge.words import words

KINDS, ZONES, HEADS, CHANNELS = {"seen"}, {"box"}, {"Ill"}, {"r", "l"}


def problems(small, heads=HEADS, channels=CHANNELS):
    return check(load_pack(small.folder), KINDS, ZONES, heads, channels, small.folder, {"tilted"})


TILT = {"code": "TILTED", "kind": "tilted", "sentence": {"zh": "倾斜", "en": "tilted"}}


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
F, P, T = "differentials/all.yaml", "places.yaml", "terms.yaml"
FINE = {"zh": "好", "en": "well"}
NORMAL = {"id": "well", "name": FINE, "definition": FINE, "source": "s", "head": None, "advice": FINE,
          "weights": [], "normal": True}  # fmt: skip
TALL = {"measure": {"sign": "white", "id": "height", "<=": 1}}
NARROW = {"measure": {"sign": "white", "id": "width", "<=": 1}}
WIDE = {"measure": {"sign": "white", "id": "width", ">=": 2}}
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
    ("HEAD_UNKNOWN", S, lambda d: d[4]["detector"]["params"].update(head="Sick")),
    ("DETECTOR_KIND_UNKNOWN", S, lambda d: d[0]["detector"].update(kind="smelt")),
    ("CAUTION_KIND_UNKNOWN", "pack.yaml", lambda d: d.update(cautions=[{**TILT, "kind": "sunk"}])),
    ("STRUCTURE_UNKNOWN", "pack.yaml", lambda d: d.update(cautions=[{**TILT, "params": {"midline": "ghost"}}])),
    ("ZONE_KIND_UNKNOWN", A, lambda d: d["zones"][0].update(kind="cube")),
    ("SIGN_ORPHAN", S, lambda d: d.append({**d[1], "id": "lone", "name": FINE})),
    ("SIGN_LEARNED_WEIGHTED", D, lambda d: d[0]["weights"].append({**WELL, "sign": "pattern"})),
    ("SIGN_LEARNED_IN_RULE", R, set_rule({"all": ["white", "pattern"]})),
    ("SIGN_LEARNED_UNDETECTED", S, sign(4, detector=None)),
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
    ("RULE_CONTRADICTORY", R, set_rule({"all": ["white", NARROW, {"all": [WIDE]}]})),
    ("RULE_CONTRADICTORY", D, lambda d: d[0]["variants"][0].update(when={"all": ["white", {"absent": "white"}]})),
    ("RULE_CONTRADICTORY", D, lambda d: d[0]["checklist"][0].update(when={"all": ["white", {"absent": "white"}]})),
    ("RULE_DEAD_PART", R, set_rule({"any": ["white", {"all": ["black", {"absent": "black"}]}]})),
    ("RULE_TWICE", R, lambda d: d.append({**d[0], "id": "again", "when": {"all": d[0]["when"]["all"][::-1]}})),
    ("RULE_OPPOSED", R, lambda d: d.append({**d[0], "id": "again", "weight": -0.3})),
    ("RULE_WEIGHT", R, set_rule("white", weight=0.0)),
    ("RULE_WEIGHT", R, set_rule("white", weight=float("nan"))),
    ("RULE_SYNTAX", R, set_rule({"some": ["white"]})),
    ("RULE_SYNTAX", D, lambda d: d[0]["checklist"][0].update(when={"some": ["white"]})),
    ("RULE_WITHOUT_SIGN", D, lambda d: d[0]["variants"][0].update(when={"absent": "white"})),
    ("SIGN_UNKNOWN", D, lambda d: d[0]["checklist"][0].update(when="ghost")),
    ("SIGN_UNKNOWN", D, lambda d: d[0]["core_signs"].append("ghost")),
    ("SIGN_UNKNOWN", F, lambda d: d[0]["rows"][0].update(sign="ghost")),
    ("SIGN_UNKNOWN", T, lambda d: d.append({"kind": "sign", "value": "ghost", "en": ["boo"]})),
    ("DIAGNOSIS_UNKNOWN", S, sign(0, diagnoses=["ghost"])),
    ("DIAGNOSIS_UNKNOWN", T, lambda d: d.append({"kind": "target", "value": "ghost", "en": ["boo"]})),
    ("ZONE_UNKNOWN", P, lambda d: d["locations"][0].update(zones=["nowhere"])),
    ("ZONE_UNKNOWN", P, lambda d: d["groups"][0].update(zones=["nowhere"])),
    ("ID_SHARED", F, lambda d: d[0].update(id="both")),
    ("CONFOUNDER_REASON", D, lambda d: d[0]["weights"].append({**WELL, "sign": "tube"})),
    ("CONFOUNDER_REASON", R, set_rule({"all": ["white", "tube"]})),
    ("CONFOUNDER_REASON", D, lambda d: d[0]["checklist"][0].update(when="tube")),
    ("CHANNEL_UNKNOWN", A, lambda d: d["structures"][0].update(channel="x")),
    ("STRUCTURE_UNSEGMENTED", S, lambda d: d[0]["detector"]["params"].update(lungs=["bone"])),
    ("VARIANT_NOT_CORE", D, lambda d: d[0]["variants"][0].update(of="unseen")),
    ("ENTRY_TWICE", D, lambda d: d[0]["core_signs"].append("white")),
    ("ENTRY_TWICE", D, lambda d: d[0]["variants"].append(d[0]["variants"][0])),
    ("ENTRY_TWICE", F, lambda d: d[0]["rows"].append(d[0]["rows"][0])),
    ("ENTRY_UNKNOWN", F, lambda d: d[0]["between"].append("ghost")),
    ("DIFFERENTIAL_SHORT", F, lambda d: d[0].update(between=["ill", "ill"])),
    ("DIFFERENTIAL_ONE_SIDED", F, lambda d: d[0]["rows"].pop()),
    ("FAVOURS_OUTSIDE", F, lambda d: d[0]["rows"][0].update(favours="black")),
    ("SOURCE_EMPTY", F, lambda d: d[0]["rows"][0].update(source=" ")),
    ("TRANSLATION_MISSING", F, lambda d: d[0].update(decide={"zh": "look", "en": "look"})),
    ("TRANSLATION_MISSING", D, lambda d: d[0]["variants"][0].update(name={"zh": "上", "en": "上"})),
    ("FOLD_UNEQUAL", T, lambda d: d.append({"kind": "fold", "value": "为", "zh": ["為麼"]})),
    ("SYNONYM_LANGUAGE", S, sign(0, synonyms={"en": ["白 patch"]})),
    ("SYNONYM_TWICE", S, sign(0, synonyms={"en": ["White"]})),
    ("WORD_SHARED", S, sign(1, synonyms={"en": ["white patch"]})),
    ("WORD_SHARED", S, sign(1, synonyms={"en": ["sick"]})),
    ("CODE_FORM", S, sign(0, codes={"composed": "DCM:112063"})),
    ("CODE_FORM", S, sign(0, codes={"composed": "DCM:112063+SCT:59441009"})),
    ("CODE_FORM", S, sign(0, codes={"mesh": "lung"})),
]  # fmt: skip


def test_the_small_pack_has_no_problem(small):
    assert problems(small) == ()


@pytest.mark.parametrize(("code", "file", "change"), BROKEN)
def test_each_check_fires_and_tells_file_and_line(small, code, file, change):
    small.edit(file, change)
    found = [p for p in problems(small) if p.code == code]
    assert found
    assert found[0].severity == words()["problems"][code]["severity"]
    assert "{" not in found[0].line("zh") + found[0].line("en")
    name, line = found[0].spot.split(":")
    assert 1 <= int(line) <= len((small.folder / name).read_text("utf-8").splitlines())


def test_every_problem_has_a_test():
    looked_up = {"CODE_UNKNOWN"}
    reported = {code for code, _ in REPORTED}
    assert {code for code, _, _ in BROKEN} | looked_up | reported == set(words()["problems"])


def test_codes_are_looked_up_in_the_table_of_the_caller(small):
    pack = load_pack(small.folder)
    known = {"DCM": {"112071", "112063"}, "SCT": {"60046008", "59441001"}}
    assert unknown_codes(pack, known) == ()
    missing = unknown_codes(pack, {"DCM": {"112071"}, "SCT": {"60046008"}})
    assert [(p.where, p.code) for p in missing] == 2 * [("signs.tube.codes.composed", "CODE_UNKNOWN")]
    assert unknown_codes(pack, {}) == ()


def test_heads_and_channels_are_not_checked_without_a_model(small):
    small.edit(D, lambda d: d[0].update(head="Sick"))
    small.edit(A, lambda d: d["structures"][0].update(channel="x"))
    assert problems(small, heads=None, channels=None) == ()


def test_errors_come_before_warnings(small):
    small.edit(S, lambda d: d.append({**d[1], "id": "lone", "name": FINE}))
    small.edit(A, lambda d: d["zones"][0].update(kind="cube"))
    assert [p.severity for p in problems(small)] == ["error", "warning"]


def test_a_condition_that_can_hold_another_way_is_no_problem(small):
    small.edit(R, set_rule({"any": ["white", {"all": ["unseen", "black"]}]}))
    assert problems(small) == ()
    small.edit(R, set_rule({"at_least": {"n": 2, "of": ["white", {"absent": "white"}, "black"]}}))
    assert problems(small) == ()


def test_a_missing_detector_is_no_problem(small):
    small.edit(R, set_rule({"all": ["white", "unseen"]}))
    assert problems(small) == ()


def test_a_diagnosis_about_a_device_may_rest_on_devices(small):
    small.edit(D, lambda d: d[0]["core_signs"].append("tube"))
    small.edit(R, set_rule({"all": ["white", "tube"]}))
    assert problems(small) == ()


def test_a_device_may_be_excluded(small):
    small.edit(R, set_rule({"all": ["white", {"absent": "tube"}]}))
    assert problems(small) == ()


def test_a_sign_may_share_a_word_with_its_own_diagnosis(small):
    small.edit(S, sign(0, synonyms={"en": ["sick"]}))
    assert problems(small) == ()


def test_the_line_is_that_of_the_field(small):
    lines = (small.folder / S).read_text("utf-8").splitlines()
    small.replace(S, "  zones: [top]\n", "  zones: [nowhere]\n")
    (found,) = problems(small)
    assert found.spot == f"{S}:{1 + lines.index('  zones: [top]')}"
    assert found.line().startswith(f"error: {found.spot}: signs.white.zones: ZONE_UNKNOWN: ")
