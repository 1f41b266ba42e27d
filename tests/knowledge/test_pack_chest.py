"""The chest pack as it ships: its numbers, its codes, both languages, and no problem left."""

from __future__ import annotations

from collections import Counter

import pytest

from knowledge.coding import CHECKED_ELSEWHERE, MEANINGS, concepts, meanings
from whyray.knowledge import by_diagnosis, check, describe, folder_of, load_packs, statistics, unknown_codes
from whyray.knowledge.conditions import parse
from whyray.perception import DETECTORS, ZONES

EDEMA = "pulmonary_edema"
LABELS = {
    "Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia", "Pneumothorax",
    "Consolidation", "Edema", "Emphysema", "Fibrosis", "Pleural_Thickening", "Hernia", "No Finding",
}  # fmt: skip
CHANNELS = {
    *("right_lung", "left_lung", "heart", "right_clavicle", "left_clavicle", "trachea", "aortic_knob", "spine"),
    *("right_hilum", "left_hilum", "right_hemidiaphragm", "left_hemidiaphragm"),
}
ASKED_FOR = {
    "heart_failure", "ards", "lobar_pneumonia", "bronchopneumonia", "interstitial_pneumonia", "aspiration_pneumonia",
    "tuberculosis", "miliary_tuberculosis", "old_tuberculosis", "lung_cancer", "lung_metastases", "copd",
    "bronchiectasis", "asbestosis", "silicosis", "sarcoidosis", "pulmonary_hypertension", "pericardial_effusion",
    "pneumomediastinum", "pneumoperitoneum", "rib_fracture", "aortic_aneurysm", "aortic_unfolding", "mediastinal_mass",
    "goiter", "right_upper_lobe_collapse", "middle_lobe_collapse", "right_lower_lobe_collapse",
    "left_upper_lobe_collapse", "left_lower_lobe_collapse", "endotracheal_tube_malposition",
    "central_catheter_malposition", "feeding_tube_malposition",
}  # fmt: skip


@pytest.fixture(scope="module")
def chest():
    (pack,) = (p for p in load_packs() if p.id == "chest")
    return pack


@pytest.fixture(scope="module")
def named(chest):
    return [sign for sign in chest.signs if not sign.learned]


def test_check_finds_nothing(chest):
    found = check(chest, DETECTORS, ZONES, LABELS, CHANNELS, folder_of(chest))
    assert [p.line() for p in found] == []


def test_the_numbers(chest):
    numbers = statistics(chest)
    assert numbers["signs"] == 217
    assert numbers["signs_detected"] + numbers["signs_undetected"] == 217
    assert numbers["diagnoses"] >= 35
    assert numbers["pathways"] >= 180
    assert numbers["share_bilingual"] == 1.0
    assert numbers["share_signs_coded"] >= 0.75
    assert numbers["structures"] == 12
    assert numbers["places"] == 104


def test_edema_has_27_pathways_over_6_core_signs_and_19_variants(chest):
    row = by_diagnosis(chest)[EDEMA]
    assert (row["pathways"], row["core_signs"], row["variants"]) == (27, 6, 19)
    diagnosis = chest.diagnosis(EDEMA)
    assert {variant.of for variant in diagnosis.variants} == set(diagnosis.core_signs)
    rules = [rule for rule in chest.rules if rule.diagnosis == EDEMA]
    assert {rule.stage for rule in rules} >= {"redistribution", "interstitial", "alveolar"}
    assert {rule.cause for rule in rules} >= {"cardiac", "overload", "noncardiac"}


def test_every_other_disease_has_four_pathways(chest):
    rows = by_diagnosis(chest)
    few = {d.id: rows[d.id]["pathways"] for d in chest.diagnoses if not d.normal and rows[d.id]["pathways"] < 4}
    assert few == {}
    assert all(abs(rule.weight) <= 1.5 for rule in chest.rules)


def test_the_diseases_asked_for_are_there(chest):
    assert {d.id for d in chest.diagnoses} >= ASKED_FOR
    assert {d.label for d in chest.diagnoses} - {None} == LABELS
    assert {d.head for d in chest.diagnoses} - {None} == LABELS
    assert [d.id for d in chest.diagnoses if d.normal] == ["no_finding"]


def test_every_disease_states_its_core_signs(chest):
    assert [d.id for d in chest.diagnoses if not d.normal and not d.core_signs] == []


def test_every_finding_has_one_learned_pattern_that_says_it_is_no_sign(chest):
    learned = {s.detector.params["head"]: s for s in chest.signs if s.learned}
    assert set(learned) == LABELS
    assert all("不是放射学征象" in s.significance.zh for s in learned.values())
    assert all("no radiological sign" in s.significance.en for s in learned.values())


def test_every_sign_is_whole(chest, named):
    for sign in named:
        assert len(sign.synonyms.zh) >= 2, sign.id
        assert len(sign.synonyms.en) >= 2, sign.id
        assert sign.morphology is not None, sign.id
        assert sign.mimics, sign.id


def test_most_signs_are_used(chest, named):
    used = {w.sign for d in chest.diagnoses for w in d.weights} | {s for d in chest.diagnoses for s in d.core_signs}
    used |= {sign for rule in chest.rules for sign in parse(rule.when).signs}
    used |= {row.sign for d in chest.differentials for row in d.rows}
    assert sum(sign.id in used for sign in named) >= 0.9 * len(named)


def test_devices_are_confounders_and_places_of_tips_are_findings(chest):
    banned = {sign.id for sign in chest.signs if sign.confounder}
    assert {"endotracheal_tube", "chest_drain", "pacemaker", "sternotomy_wires"} <= banned
    assert not banned & {"endotracheal_tube_tip_out_of_place", "central_catheter_tip_out_of_place"}


def test_every_code_is_looked_up_in_pydicom(chest):
    table = {scheme: set(codes) for scheme, codes in concepts().items()}
    table["SCT"] |= CHECKED_ELSEWHERE
    assert [p.line() for p in unknown_codes(chest, table)] == []
    systems = Counter(system for sign in chest.signs for system in sign.codes)
    assert systems["dicom"] >= 35
    assert systems["snomed"] >= 15


def test_the_exceptions_are_needed(chest):
    known = set(concepts()["SCT"])
    stated = {e.codes.get("snomed") for e in (*chest.signs, *chest.diagnoses)}
    assert stated >= CHECKED_ELSEWHERE
    assert not known & CHECKED_ELSEWHERE


@pytest.mark.parametrize("sign", MEANINGS)
def test_codes_mean_what_was_compared(chest, sign):
    found = meanings(chest, sign)
    assert len(found) == len(MEANINGS[sign])
    for wanted, of_code in zip(MEANINGS[sign], found, strict=True):
        assert wanted in of_code


def test_every_composed_code_was_compared(chest):
    assert {s.id for s in chest.signs if "composed" in s.codes} <= set(MEANINGS)


def test_every_sign_that_has_a_weight_for_the_normal_study_speaks_against_it(chest):
    normal = chest.diagnosis("no_finding")
    detected = {s.id for s in chest.signs if s.detector and s.detector.kind != "closer" and not s.learned}
    assert len(detected) > 5
    assert detected <= {w.sign for w in normal.weights}
    assert all(w.lr_present < 1 <= w.lr_absent for w in normal.weights)


def test_differentials_cover_the_frequent_pairs(chest):
    pairs = [set(d.between) for d in chest.differentials]
    for wanted in (
        {EDEMA, "pneumonia"}, {EDEMA, "ards"}, {"pleural_effusion", "atelectasis"}, {"nodule", "nipple_shadow"},
        {"pneumothorax", "skin_fold_artefact"}, {"cardiomegaly", "pericardial_effusion"}, {"copd", "asthma"},
        {"tuberculosis", "lung_cancer"},
    ):  # fmt: skip
        assert any(wanted <= pair for pair in pairs), wanted


def test_describe_speaks_both_languages(chest):
    for entry in (*chest.signs, *chest.diagnoses, *chest.rules, *chest.zones, *chest.structures, *chest.differentials):
        for lang in ("zh", "en"):
            assert entry.name.get(lang) in describe(chest, entry.id, lang).splitlines()[0]
    assert "C0034063" in describe(chest, EDEMA, "zh")
    assert "blunted" in describe(chest, "costophrenic_blunting", "en").lower()
    assert "心胸比" in describe(chest, "cardiothoracic_ratio", "zh")
