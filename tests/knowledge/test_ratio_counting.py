"""The counts behind likelihood ratios, on tables small enough to count by hand."""

from __future__ import annotations

import csv
import gzip
import json
import zipfile

import pytest
import yaml

from whyray.domain import ArgumentError
from whyray_train.knowledge import associate, main, ratio, read_terms, studies

COLUMNS = (
    "StudyID", "ReportID", "StudyDate_DICOM", "PatientBirth", "Pediatric", "Projection", "MethodLabel",
    "Labels",
)  # fmt: skip
TERMS = {
    "drop_studies": ["unchanged"],
    "frontal": ["PA"],
    "devices": ["tube"],
    "signs": {"white": ["white", "whitish"], "same": ["sick"]},
    "diagnoses": {"ill": ["sick"]},
}


def film(study, labels, **more):
    base = {"StudyID": study, "ReportID": f"r{study}", "StudyDate_DICOM": "20140101",
            "PatientBirth": "1950.0", "Pediatric": "No", "Projection": "PA",
            "MethodLabel": "Physician", "Labels": labels}  # fmt: skip
    return base | more


@pytest.fixture
def terms(tmp_path):
    path = tmp_path / "terms.yaml"
    path.write_text(yaml.safe_dump(TERMS), encoding="utf-8")
    return path


def test_films_of_a_study_are_merged_and_blank_labels_dropped(terms):
    kept, out = studies([film("1", "['white', '']"), film("1", "[' sick']", Projection="L")], read_terms(terms))
    assert kept == [frozenset({"white", "sick"})]
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
def test_what_is_left_out(terms, row, reason):
    kept, out = studies([row], read_terms(terms), physician=True)
    assert not kept
    assert out == {reason: 1}


def test_a_report_counts_once(terms):
    kept, out = studies([film("1", "['white']"), film("2", "['white']", ReportID="r1")], read_terms(terms))
    assert len(kept) == 1
    assert out == {"report counted before": 1}


def test_ratio_by_hand():
    # cells 30/70 with and 10/190 without the disease: (30.5 / 101) / (10.5 / 201) = 5.7808
    found = ratio(30, 100, 10, 200)
    assert found.value == pytest.approx(5.7808, abs=1e-4)
    # standard error of the log: sqrt(1/30.5 - 1/101 + 1/10.5 - 1/201) = 0.33638
    assert found.low == pytest.approx(5.7808 / 2.71828 ** (1.959964 * 0.33638), rel=1e-3)
    assert found.high == pytest.approx(5.7808 * 2.71828 ** (1.959964 * 0.33638), rel=1e-3)


def test_empty_cells_stay_finite():
    found = ratio(0, 50, 0, 50)
    assert found.value == 1
    assert 0 < found.low < 1 < found.high


def test_association_counts_the_four_cells(terms):
    kept = [frozenset(s) for s in (["white", "sick"], ["whitish"], ["sick"], ["other"], ["other"])]
    found = {(a.sign, a.diagnosis): a for a in associate(kept, read_terms(terms))}
    white = found["white", "ill"]
    assert (white.both, white.diagnosis_only, white.sign_only, white.neither) == (1, 1, 1, 2)
    assert white.n == 5
    assert not white.identity
    assert white.sparse
    assert found["same", "ill"].identity


def test_a_device_may_stand_for_nothing(tmp_path):
    path = tmp_path / "terms.yaml"
    path.write_text(yaml.safe_dump({**TERMS, "signs": {"white": ["tube"]}}), encoding="utf-8")
    with pytest.raises(ArgumentError, match="TERMS_DEVICE"):
        read_terms(path)


def test_the_shipped_terms_are_readable_and_about_the_pack():
    from whyray.knowledge import load_packs

    terms = read_terms()
    (pack,) = (p for p in load_packs() if p.id == "chest")
    assert set(terms.signs) <= {s.id for s in pack.signs}
    assert set(terms.diagnoses) == {d.id for d in pack.diagnoses if not d.normal}


def _rows():
    cells = ("['white', 'sick']", 30), ("['sick']", 70), ("['white']", 10), ("['other']", 190)
    labels = [label for label, times in cells for _ in range(times)]
    return [film(str(i), label) for i, label in enumerate(labels)]


def _write(path, rows):
    with path.open("w", encoding="utf-8", newline="") as text:
        writer = csv.DictWriter(text, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(params=["table.csv", "table.csv.gz", "table.whl"])
def table(request, tmp_path):
    plain = tmp_path / "PADCHEST_labels.csv"
    _write(plain, _rows())
    path = tmp_path / request.param
    if path.suffix == ".csv":
        plain.rename(path)
    elif path.suffix == ".gz":
        path.write_bytes(gzip.compress(plain.read_bytes()))
    else:
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.writestr("lib/data/PADCHEST_labels.csv.gz", gzip.compress(plain.read_bytes()))
    return path


def test_the_command_prints_and_writes(table, terms, tmp_path, capsys):
    out = tmp_path / "out.json"
    assert main(["--table", str(table), "--terms", str(terms), "--json", str(out)]) == 0
    assert "300 studies counted" in capsys.readouterr().out
    document = json.loads(out.read_text(encoding="utf-8"))
    white = next(a for a in document["associations"] if a["sign"] == "white")
    assert (white["both"], white["n"]) == (30, 300)


@pytest.mark.parametrize(
    ("change", "status"),
    [({}, 0), ({"lr_present": 6.2}, 1), ({"n": 299}, 1), ({"sign": "black"}, 1)],
)
def test_a_pack_is_compared_with_the_table(small, terms, tmp_path, capsys, change, status):
    path = tmp_path / "table.csv"
    _write(path, _rows())
    present, absent = ratio(30, 100, 10, 200), ratio(70, 100, 190, 200)
    counted = {"lr_present": present.value, "lr_absent": absent.value, "n": 300,
               "ci_present": [present.low, present.high], "ci_absent": [absent.low, absent.high]}  # fmt: skip
    small.edit("diagnoses/ill.yaml", lambda d: d[0]["weights"][0].update(counted | change))
    assert main(["--table", str(path), "--terms", str(terms), "--pack", str(small.folder)]) == status
    assert ("ill <- " in capsys.readouterr().out) == bool(status)
