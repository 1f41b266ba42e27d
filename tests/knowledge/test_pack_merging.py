from __future__ import annotations

import pytest

from whyray.domain import PackError
from whyray.knowledge.loading import load_pack

COUNTED = """
table: {name: Table, file: t.csv, sha256: "00", counted: "2026-11-25", command: count, labels: all, studies: 1000,
  physician_studies: 300, patients: 900, train_studies: 700, train_patients: 630}
common: 0.6
diagnoses:
  ill: {studies: 50, prior: 0.07, base: -2.6, common: 0.5}
weights:
  ill:
    - {sign: white, lr_present: 9.0, lr_absent: 0.9, ci_present: [8.0, 10.0], ci_absent: [0.8, 0.95], n: 700, both: 20,
       sign_only: 30, reliability: 0.7}
    - {sign: unseen, lr_present: 4.0, lr_absent: 0.8, ci_present: [3.0, 5.0], ci_absent: [0.7, 0.9], n: 700, both: 12,
       sign_only: 15, reliability: 0.8,
       physician: {lr_present: 9.0, lr_absent: 0.7, ci_present: [8.0, 10.0], ci_absent: [0.6, 0.8], n: 300, both: 11}}
places:
  white: {located: 40, shares: {top: 0.5}}
"""


@pytest.fixture
def counted(small):
    small.edit("diagnoses/ill.yaml", lambda d: d[0]["weights"].pop())
    small.write("counted.yaml", COUNTED)
    return small


def test_a_pack_without_the_file_has_nothing_counted(small):
    pack = load_pack(small.folder)
    assert pack.counted is None
    assert {w.reliability for w in pack.diagnosis("ill").weights} == {1.0}


def test_counted_weights_stand_behind_the_hand_written_ones(counted):
    weights = load_pack(counted.folder).diagnosis("ill").weights
    assert [w.sign for w in weights] == ["white", "black", "unseen"]
    added = weights[-1]
    assert (added.basis, added.lr_present, added.reliability, added.both) == ("counted", 4.0, 0.8, 12)
    assert added.source == "Table, studies: sign in 12 of 50 with and 15 of 650 without the diagnosis"
    assert added.physician.lr_present == 9.0


def test_a_hand_written_weight_wins_and_takes_the_common_reliability(counted):
    white, black, _ = load_pack(counted.folder).diagnosis("ill").weights
    assert (white.lr_present, white.reliability) == (3.0, 0.5)
    assert black.reliability == 0.5


def test_its_own_reliability_is_kept_in_proportion(counted):
    counted.edit("diagnoses/ill.yaml", lambda d: d[0]["weights"][1].update(reliability=0.4))
    assert load_pack(counted.folder).diagnosis("ill").weights[1].reliability == pytest.approx(0.2)


def test_a_diagnosis_that_was_not_counted_takes_the_median(counted):
    counted.edit("diagnoses/ill.yaml", lambda d: d[0].update(id="rare"))
    counted.edit("rules/all.yaml", lambda d: d[0].update(diagnosis="rare"))
    pack = load_pack(counted.folder)
    assert {w.reliability for w in pack.diagnosis("rare").weights} == {0.6}
    assert pack.counted.reliability("rare") == 0.6


def test_priors_are_stated_counted_or_the_packs(counted):
    pack = load_pack(counted.folder)
    assert pack.prior(pack.diagnosis("ill")) == 0.07
    stated = {"value": 0.2, "basis": "expert", "source": "opinion"}
    counted.edit("diagnoses/ill.yaml", lambda d: d[0].update(prior=stated))
    pack = load_pack(counted.folder)
    assert pack.prior(pack.diagnosis("ill")) == 0.2
    counted.edit("diagnoses/ill.yaml", lambda d: d[0].pop("prior"))
    counted.edit("diagnoses/ill.yaml", lambda d: d[0].update(id="rare"))
    counted.edit("pack.yaml", lambda d: d["settings"].update(prior=0.001))
    pack = load_pack(counted.folder)
    assert pack.prior(pack.diagnosis("rare")) == 0.001


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("common: 0.6", "common: much", "common"),
        ("both: 20,", "", "both"),
        ("reliability: 0.7", "reliability: 0.7, mood: good", "mood"),
        ("located: 40, ", "", "located"),
        ("train_studies: 700, ", "", "train_studies"),
    ],
)
def test_a_broken_counted_file_is_named_with_the_place(counted, old, new, place):
    counted.replace("counted.yaml", old, new)
    with pytest.raises(PackError) as caught:
        load_pack(counted.folder)
    assert caught.value.code == "PACK_SCHEMA"
    assert "counted.yaml" in caught.value.sentence.en
    assert place in caught.value.sentence.en


def test_new_parts_of_the_schema_load(small):
    form = {"kind": "area", "shape": "lobar", "density": "increased", "size_mm": [10, 90]}
    small.edit("signs/all.yaml", lambda d: d[0].update(
        morphology=form, diagnoses=["ill"], padchest={"labels": ["white"], "n": 3}, confounder=True))  # fmt: skip
    words = {"zh": "词", "en": "word"}
    small.edit("diagnoses/ill.yaml", lambda d: d[0].update(
        core_signs=["white"], variants=[{"id": "v", "name": words, "of": "white", "when": "white"}],
        checklist=[{"id": "c", "name": words, "when": {"any": ["white", "black"]}, "source": "s"}]))  # fmt: skip
    small.edit("rules/all.yaml", lambda d: d[0].update(stage="alveolar", cause="cardiac"))
    small.write("differentials/all.yaml", """
- id: ill_or_black
  name: {zh: 鉴别, en: ill or black}
  between: [ill, black]
  rows: [{sign: white, favours: ill, note: {zh: 因为, en: because}, source: opinion}]
  decide: {zh: 再看, en: look again}
""")  # fmt: skip
    pack = load_pack(small.folder)
    white, ill = pack.sign("white"), pack.diagnosis("ill")
    assert (white.morphology.size_mm, white.padchest.labels, white.confounder) == ((10, 90), ("white",), True)
    assert (ill.core_signs, ill.variants[0].of, ill.checklist[0].when) == (
        ("white",),
        "white",
        {"any": ["white", "black"]},
    )
    assert (pack.rules[0].stage, pack.rules[0].cause) == ("alveolar", "cardiac")
    assert pack.differentials[0].rows[0].favours == "ill"


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("signs/all.yaml", {"morphology": {"kind": "smell", "shape": "round", "density": "none"}}),
        ("signs/all.yaml", {"morphology": {"kind": "area", "shape": "round", "density": "none", "size_mm": [1]}}),
        ("signs/all.yaml", {"padchest": {"label": "white"}}),
        ("rules/all.yaml", {"stage": "late"}),
        ("rules/all.yaml", {"cause": "bad luck"}),
        ("diagnoses/ill.yaml", {"variants": [{"id": "v"}]}),
        ("diagnoses/ill.yaml", {"prior": {"value": 0.1}}),
    ],
)
def test_new_parts_are_validated(small, file, change):
    small.edit(file, lambda d: d[0].update(change))
    with pytest.raises(PackError, match="PACK_SCHEMA"):
        load_pack(small.folder)
