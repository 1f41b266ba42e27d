"""From a label table to ``counted.yaml`` and back, on a table small enough to count by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from train.padchest_rows import film, labelled, terms, write
from whyray.domain import Pack
from whyray.knowledge.loading import load_pack
from whyray.reasoning import Fusion
from whyray_train.cohort import build
from whyray_train.counted_file import counted_text
from whyray_train.counting import bare, count
from whyray_train.knowledge import describe_table, main
from whyray_train.padchest import in_train, studies
from whyray_train.patterns import patterns
from whyray_train.terms import read_terms

CELLS = {"['white', 'sick']": 30, "['sick']": 20, "['white']": 20, "['other']": 180}


def rows(times: int = 4) -> list[dict[str, str]]:
    """Studies of the four cells, all of train patients or all doubled by held-out ones."""
    labels = [label for label, n in CELLS.items() for _ in range(n * times)]
    return [film(str(i), label) for i, label in enumerate(labels)]


@pytest.fixture
def world(tmp_path):
    small = labelled(tmp_path / "small")
    return small, terms(tmp_path), write(tmp_path / "table.csv", rows())


def cohort_of(small, path, table=None):
    pack = load_pack(small.folder)
    known = read_terms(pack, path)
    return build(studies(table or rows(), known)[0], known), pack


def test_a_cohort_tells_signs_diagnoses_and_parts(world):
    small, path, _ = world
    sentences = "[['white', 'loc bilateral']]"
    cohort, _ = cohort_of(small, path, [film("1", "['white']", sentences), film("2", "['sick']"), film("3", "['x']")])
    assert cohort.has[:, cohort.column["white"]].tolist() == [True, False, False]
    assert cohort.has[:, cohort.column["black"]].tolist() == [True, False, False]
    assert cohort.diseased("ill").tolist() == [False, True, False]
    assert cohort.countable("ill") == ("white", "black")
    assert cohort.places(0, "white") == {"bilateral"}
    assert cohort.described("ill").tolist() == [True, False, False]
    assert cohort.train.tolist() == [in_train(p) for p in ("p1", "p2", "p3")]


def test_a_normal_report_describes_the_film(world):
    cohort, _ = cohort_of(world[0], world[1], [film("1", "['normal']"), film("2", "['x']")])
    assert cohort.described("ill").tolist() == [True, False]


def test_counts_come_from_train_patients_only(world):
    small, path, _ = world
    cohort, pack = cohort_of(small, path)
    found = count(cohort, pack, describe_table(world[2], cohort.studies, cohort, "all"))
    (weight,) = found.weights["ill"]
    train = [s for s in cohort.studies if in_train(s.patient)]
    both = sum(s.labels == {"white", "sick"} for s in train)
    ill = sum("sick" in s.labels for s in train)
    alone = sum(s.labels == {"white"} for s in train)
    assert (weight.sign, weight.n, weight.both, weight.sign_only) == ("white", len(train), both, alone)
    assert found.diagnoses["ill"].studies == ill
    assert found.diagnoses["ill"].prior == pytest.approx(ill / len(train), rel=0.01)
    expected = (both / ill) / (alone / (len(train) - ill))
    assert weight.lr_present == pytest.approx(expected, rel=0.05)
    assert weight.ci_present[0] < weight.lr_present < weight.ci_present[1]
    assert weight.lr_absent < 1
    assert weight.reliability == pytest.approx(1, abs=0.1)


def test_physicians_ratio_is_kept_where_it_differs(world):
    small, path, _ = world
    other = [film(f"n{i}", "['white']", MethodLabel="RNN_model") for i in range(200)]
    cohort, pack = cohort_of(small, path, rows() + other)
    found = count(cohort, pack, describe_table(world[2], cohort.studies, cohort, "all"))
    (weight,) = found.weights["ill"]
    assert weight.physician is not None
    assert weight.physician.lr_present > 2 * weight.lr_present
    assert weight.physician.n < weight.n
    same, _ = cohort_of(small, path)
    assert count(same, pack, found.table).weights["ill"][0].physician is None


def test_a_hand_written_weight_is_not_counted_again(world):
    small, path, _ = world
    own = {"sign": "white", "lr_present": 2.0, "lr_absent": 0.9, "basis": "expert", "source": "opinion"}
    small.edit("diagnoses/ill.yaml", lambda d: d[0]["weights"].append(own))
    cohort, pack = cohort_of(small, path)
    found = count(cohort, pack, describe_table(world[2], cohort.studies, cohort, "all"))
    assert "ill" not in found.weights
    assert found.diagnoses["ill"].common > 0.9


def test_rare_diagnoses_take_the_median_reliability_and_no_weight(world):
    small, path, _ = world
    few = [film(str(i), "['white', 'sick']") for i in range(6)] + [film(f"o{i}", "['x']") for i in range(400)]
    cohort, pack = cohort_of(small, path, few)
    found = count(cohort, pack, describe_table(world[2], cohort.studies, cohort, "all"))
    assert not found.weights
    assert found.diagnoses["ill"].common == found.common == 1.0


def test_places_of_a_sign_are_counted(world):
    small, path, _ = world
    small.write(
        "places.yaml",
        "groups: [{id: high, name: {zh: 高, en: high}, zones: [top]}]\n"
        "locations: [{label: apical, name: {zh: 尖, en: apex}, zones: [top]},"
        " {label: bilateral, name: {zh: 双, en: both}, side: both}]\n",
    )
    made = [film(f"a{i}", "['white']", "[['white', 'loc apical']]") for i in range(60)]
    made += [film(f"b{i}", "['white']", "[['white', 'loc bilateral']]") for i in range(60)]
    cohort, pack = cohort_of(small, path, made)
    places = count(cohort, pack, describe_table(world[2], cohort.studies, cohort, "all")).places["white"]
    high = sum(s.places["white"] == {"apical"} for s in cohort.studies if in_train(s.patient))
    assert places.located == cohort.train.sum()
    assert places.shares == pytest.approx(
        {"high": high / places.located, "both_sides": 1 - high / places.located}, abs=1e-3
    )


def test_the_command_writes_a_file_that_loads_and_checks(world, capsys):
    small, path, table = world
    arguments = ["--table", str(table), "--terms", str(path), "--pack", str(small.folder)]
    assert main([*arguments, "--check"]) == 1
    assert main([*arguments, "--write"]) == 0
    assert main([*arguments, "--check"]) == 0
    pack = load_pack(small.folder)
    (weight,) = (w for w in pack.diagnosis("ill").weights if w.basis == "counted")
    assert weight.sign == "white"
    assert f"sign in {weight.both} of" in weight.source
    assert pack.counted.table.file == "table.csv"
    assert len(pack.counted.table.sha256) == 64
    assert "1000 studies counted" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("key", "value"), [("lr_present", 9.9), ("n", 1), ("both", 1), ("reliability", 0.2), ("ci_absent", [0.1, 0.9])]
)
def test_a_changed_weight_is_found(world, capsys, key, value):
    small, path, table = world
    arguments = ["--table", str(table), "--terms", str(path), "--pack", str(small.folder)]
    main([*arguments, "--write"])
    small.edit("counted.yaml", lambda d: d["weights"]["ill"][0].update({key: value}))
    capsys.readouterr()
    assert main([*arguments, "--check"]) == 1
    assert "ill <- white: the pack states" in capsys.readouterr().out


def test_every_association_goes_to_json(world, tmp_path):
    small, path, table = world
    out = tmp_path / "all.json"
    main(["--table", str(table), "--terms", str(path), "--pack", str(small.folder), "--json", str(out)])
    found = {(a["diagnosis"], a["sign"]): a for a in json.loads(out.read_text("utf-8"))}
    assert set(found) == {("ill", "white"), ("ill", "black")}
    assert found["ill", "black"]["both"] == 0


def test_text_of_counted_values_loads_back(world):
    small, path, table = world
    cohort, pack = cohort_of(small, path)
    found = count(cohort, pack, describe_table(table, cohort.studies, cohort, "all"))
    small.write("counted.yaml", counted_text(found))
    assert load_pack(small.folder).counted == found


def _additive(pack: Pack, has: dict[str, bool], base: float) -> float:
    (definition,) = pack.diagnoses
    terms = (w.reliability * np.log(w.lr_present if has[w.sign] else w.lr_absent) for w in definition.weights
             if w.sign in has)  # fmt: skip
    return base + sum(terms)


def test_patterns_hand_the_labels_to_reasoning(world):
    small, path, table = world
    main(["--table", str(table), "--terms", str(path), "--pack", str(small.folder), "--write"])
    cohort, pack = cohort_of(small, path)
    held = np.flatnonzero(~cohort.train)
    seen = patterns(cohort, held, pack, "ill")
    assert len(seen.observations) == 2
    found = seen.log_odds(pack, Fusion(0.0, 1.0, {"ill": -2.0}, {"ill": 1.0}))
    for row, value in zip(held, found, strict=True):
        white = bool(cohort.has[row, cohort.column["white"]])
        assert value == pytest.approx(_additive(seen.pack, {"white": white, "black": False}, -2.0))
    studies_, positives = seen.totals(cohort.diseased("ill")[held])
    assert studies_.sum() == len(held)
    assert positives.sum() == cohort.diseased("ill")[held].sum()


def test_signs_that_are_the_diagnosis_itself_are_hidden(world):
    small, path, _ = world
    cohort, pack = cohort_of(small, path)
    seen = patterns(cohort, np.arange(10), pack, "ill")
    assert "unseen" not in seen.looked
    for observed in seen.observations:
        assert not observed.sign("unseen").ran


def test_pathways_see_the_places(world):
    small, path, _ = world
    small.write(
        "places.yaml",
        "locations: [{label: apical, name: {zh: 尖, en: apex}, zones: [top]}]\n",
    )
    small.edit("rules/all.yaml", lambda d: d[0].update(when={"overlaps": {"sign": "white", "zone": "top"}}))
    table = [film("1", "['white']", "[['white', 'loc apical']]"), film("2", "['white']"), film("3", "['x']")]
    cohort, pack = cohort_of(small, path, table)
    seen = patterns(cohort, np.arange(3), bare(pack), "ill")
    assert seen.bonus()[seen.index].tolist() == pytest.approx([0.3, 0, 0])
    assert replace(pack, counted=None) == bare(pack)
