from __future__ import annotations

import gzip
import zipfile

import pytest

from train.padchest_rows import film, labelled, terms, write
from whyray.domain import ArgumentError
from whyray.knowledge import load_pack
from whyray_train.padchest import in_train, read_studies, studies
from whyray_train.terms import Shown, read_terms


@pytest.fixture
def known(tmp_path):
    return read_terms(load_pack(labelled(tmp_path / "small").folder), terms(tmp_path))


def test_films_of_a_study_are_merged_and_blank_labels_dropped(known):
    kept, out = studies([film("1", "['white', '']"), film("1", "[' sick']", Projection="L")], known)
    assert [s.labels for s in kept] == [{"white", "sick"}]
    assert not out


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (film("1", "nan"), "no label"),
        (film("1", "['']"), "no label"),
        (film("1", "['white', 'unchanged']"), "incomplete or unchanged"),
        (film("1", "['white']", PatientBirth="2000.0"), "child or age unknown"),
        (film("1", "['white']", PatientBirth=""), "child or age unknown"),
        (film("1", "['white']", Pediatric="PED"), "child or age unknown"),
        (film("1", "['white']", Projection="L"), "no frontal film"),
        (film("1", "['white']", MethodLabel="RNN_model"), "not labelled by a physician"),
    ],
)
def test_what_is_left_out(known, row, reason):
    kept, out = studies([row], known, physician=True)
    assert not kept
    assert out == {reason: 1}


def test_a_report_counts_once(known):
    kept, out = studies([film("1", "['white']"), film("2", "['white']", ReportID="r1")], known)
    assert len(kept) == 1
    assert out == {"report counted before": 1}


def test_a_text_networks_labels_count_but_are_told_apart(known):
    kept, _ = studies([film("1", "['white']"), film("2", "['white']", MethodLabel="RNN_model")], known)
    assert [s.physician for s in kept] == [True, False]


def test_places_belong_to_the_labels_of_their_sentence(known):
    sentences = "[['white', 'loc right', 'loc basal'], ['sick'], [nan], ['white', 'loc apical']]"
    ((study,), _) = studies([film("1", "['white', 'sick']", sentences)], known)
    assert study.places == {"white": {"right", "basal", "apical"}}


@pytest.mark.parametrize("form", ["table.csv", "table.csv.gz", "table.whl"])
def test_the_table_is_read_from_each_form(tmp_path, known, form):
    plain, path = write(tmp_path / "plain.csv", [film("1", "['white']")]), tmp_path / form
    if path.suffix == ".csv":
        plain.rename(path)
    elif path.suffix == ".gz":
        path.write_bytes(gzip.compress(plain.read_bytes()))
    else:
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.writestr("lib/data/PADCHEST_labels.csv.gz", gzip.compress(plain.read_bytes()))
    kept, _ = read_studies(path, known)
    assert [s.patient for s in kept] == ["p1"]


def test_seven_in_ten_patients_train_and_each_stays_where_it_is():
    part = [in_train(f"patient {i}") for i in range(4000)]
    assert 0.67 < sum(part) / len(part) < 0.73
    assert part == [in_train(f"patient {i}") for i in range(4000)]


def test_labels_come_from_pack_and_term_file_and_only_for_what_the_pack_has(known):
    assert known.signs["white"].labels == {"white", "whitish"}
    assert set(known.signs) == {"white", "unseen", "black"}
    assert set(known.diagnoses) == {"ill"}
    assert known.identical("unseen", "ill")
    assert not known.identical("white", "ill")


def test_a_sign_that_implies_the_diagnosis_is_no_reason_for_it(tmp_path):
    pack = load_pack(labelled(tmp_path / "small").folder)
    known = read_terms(pack, terms(tmp_path, repeats={"ill": ["white"]}))
    assert known.identical("white", "ill")
    assert not known.identical("black", "ill")


@pytest.mark.parametrize(
    ("places", "there"),
    [({"right", "basal", "x"}, True), ({"bilateral"}, True), ({"basal"}, False), (set(), False)],
)
def test_a_placed_sign_needs_all_places_of_one_list(known, places, there):
    assert known.signs["black"].holds(frozenset({"white"}), {"white": frozenset(places)}) is there


def test_places_of_another_label_do_not_count():
    shown = Shown(placed=frozenset({"white"}), places=(frozenset({"basal"}),))
    assert not shown.holds(frozenset({"white", "sick"}), {"sick": frozenset({"basal"})})
    assert not shown.holds(frozenset({"sick"}), {"white": frozenset({"basal"})})


def test_a_confounder_is_no_sign_that_may_be_a_reason(tmp_path):
    small = labelled(tmp_path / "small")
    small.edit("signs/all.yaml", lambda d: d[0].update(confounder=True, padchest={"labels": ["tube"]}))
    known = read_terms(load_pack(small.folder), terms(tmp_path))
    assert "white" not in known.signs
    assert known.confounders["white"].labels == {"tube", "whitish"}


@pytest.mark.parametrize("change", [{"signs": {"white": ["tube"]}}, {"diagnoses": {"ill": ["tube"]}}])
def test_a_device_may_stand_for_no_sign_and_no_diagnosis(tmp_path, change):
    pack = load_pack(labelled(tmp_path / "small").folder)
    with pytest.raises(ArgumentError, match="TERMS_DEVICE"):
        read_terms(pack, terms(tmp_path, **change))


def test_the_shipped_terms_are_about_the_shipped_pack():
    import yaml

    from whyray.knowledge import load_packs
    from whyray_train.terms import TERMS

    pack, raw = load_packs()[0], yaml.safe_load(TERMS.read_text("utf-8"))
    assert {*raw["signs"], *raw["placed"]} <= {s.id for s in pack.signs}
    assert set(raw["repeats"]) <= set(raw["diagnoses"])
    assert set(raw["diagnoses"]) <= {d.id for d in pack.diagnoses if not d.normal}
    locations = {p.label for p in pack.places.locations}
    assert {place for e in raw["placed"].values() for at in e["places"] for place in at} <= locations
