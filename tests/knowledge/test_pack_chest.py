from __future__ import annotations

import pytest

from whyray.knowledge import check, describe, load_packs, statistics
from whyray.perception.detectors import DETECTORS
from whyray.perception.zones import ZONES

DEEP = (
    "pulmonary_edema", "pleural_effusion", "cardiomegaly", "pneumonia", "pneumothorax", "atelectasis",
    "nodule",
)  # fmt: skip
LABELS = {
    "Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia", "Pneumothorax",
    "Consolidation", "Edema", "Emphysema", "Fibrosis", "Pleural_Thickening", "Hernia", "No Finding",
}  # fmt: skip


@pytest.fixture(scope="module")
def chest():
    (pack,) = (p for p in load_packs() if p.id == "chest")
    return pack


def test_check_finds_no_error_and_only_rules_that_wait_for_detectors(chest):
    found = check(chest, DETECTORS, ZONES, LABELS)
    assert [p.line() for p in found if p.severity == "error"] == []
    assert {p.code for p in found} <= {"RULE_NEVER_FIRES"}


def test_the_fifteen_findings_with_their_labels(chest):
    assert {d.label for d in chest.diagnoses} == LABELS
    assert {d.head for d in chest.diagnoses} == LABELS
    assert [d.id for d in chest.diagnoses if d.normal] == ["no_finding"]


def test_every_finding_has_one_learned_pattern_that_says_it_is_no_sign(chest):
    learned = {s.detector.params["head"]: s for s in chest.signs if s.learned}
    assert set(learned) == LABELS
    assert all("不是放射学征象" in s.significance.zh for s in learned.values())
    assert all("no radiological sign" in s.significance.en for s in learned.values())


def test_depth(chest):
    numbers = statistics(chest)
    assert numbers["signs_detected"] == 5
    assert numbers["signs"] - numbers["signs_detected"] >= 25
    assert numbers["structures"] == 12
    pathways = {d: sum(rule.diagnosis == d for rule in chest.rules) for d in DEEP}
    assert pathways["pulmonary_edema"] >= 8
    assert min(pathways.values()) >= 2
    assert all(abs(rule.weight) <= 0.6 for rule in chest.rules)


def test_every_pathway_family_with_a_detected_sign_can_fire(chest):
    found = check(chest, DETECTORS, ZONES, LABELS)
    silent = {p.where.split(".")[1] for p in found if p.code == "RULE_NEVER_FIRES"}
    firing = {rule.diagnosis for rule in chest.rules if rule.id not in silent}
    assert {"pulmonary_edema", "pleural_effusion", "cardiomegaly", "pneumonia", "atelectasis"} <= firing


def test_dicom_codes_exist_in_the_standard(chest):
    from pydicom.sr._concepts_dict import concepts

    known = {code for entries in concepts["DCM"].values() for code in entries}
    stated = {s.codes["dicom"] for s in chest.signs if "dicom" in s.codes}
    assert stated
    assert stated <= known


def test_every_sign_speaks_against_a_normal_study(chest):
    normal = chest.diagnosis("no_finding")
    detected = {s.id for s in chest.signs if s.detector and not s.learned}
    assert detected <= {w.sign for w in normal.weights}
    assert all(w.lr_present < 1 <= w.lr_absent for w in normal.weights)


def test_weights_of_detected_signs_stay_moderate(chest):
    detected = {s.id for s in chest.signs if s.detector}
    for diagnosis in chest.diagnoses:
        for weight in diagnosis.weights:
            if weight.sign in detected:
                assert 0.1 <= weight.lr_present <= 6
                assert 0.2 <= weight.lr_absent <= 1.3


def test_describe_speaks_both_languages(chest):
    for entry in (*chest.signs, *chest.diagnoses, *chest.rules, *chest.zones, *chest.structures):
        for lang in ("zh", "en"):
            assert entry.name.get(lang) in describe(chest, entry.id, lang).splitlines()[0]
    assert "C0034063" in describe(chest, "pulmonary_edema", "zh")
    assert "Blunted".lower() in describe(chest, "costophrenic_blunting", "en")
    assert "心胸比" in describe(chest, "cardiothoracic_ratio", "zh")
