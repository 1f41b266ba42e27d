from __future__ import annotations

import json

import numpy as np
import pytest

from train.padchest_rows import film, labelled, terms, write
from train.test_counting import cohort_of, rows
from whyray.knowledge.loading import load_pack
from whyray_train import knowledge, reason_eval
from whyray_train.scores import auc


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("eval")
    small, path = labelled(folder / "small"), terms(folder)
    table = write(folder / "table.csv", rows(6))
    knowledge.main(["--table", str(table), "--terms", str(path), "--pack", str(small.folder), "--write"])
    return small, path, table


def test_one_sign_gives_the_auc_of_that_sign(counted):
    small, path, _ = counted
    cohort, pack = cohort_of(small, path, rows(6))
    found = reason_eval.evaluate(cohort, pack, "ill")
    held = ~cohort.train
    white = cohort.has[held, cohort.column["white"]] + 0.0
    assert found.auc == pytest.approx(auc(white, cohort.diseased("ill")[held]))
    assert found.rival_auc == pytest.approx(found.auc)
    assert found.studies == cohort.diseased("ill")[held].sum()
    assert found.low < found.auc < found.high
    assert found.ece < 0.06


def test_described_leaves_out_reports_that_tell_no_sign(counted):
    small, path, _ = counted
    made = rows(6) + [film(f"n{i}", "['normal']") for i in range(500)]
    cohort, pack = cohort_of(small, path, made)
    found = reason_eval.evaluate(cohort, pack, "ill")
    held = ~cohort.train
    told = cohort.has[held, cohort.column["white"]] & cohort.diseased("ill")[held]
    assert found.described == told.sum() < found.studies
    assert found.described_auc > found.auc


def test_a_diagnosis_with_too_few_held_out_studies_is_not_measured(counted):
    small, path, _ = counted
    cohort, pack = cohort_of(small, path, [film(str(i), "['white']") for i in range(50)])
    assert reason_eval.evaluate(cohort, pack, "ill") is None


def test_unweighted_takes_every_reliability_away(counted):
    pack = load_pack(counted[0].folder)
    plain = reason_eval.unweighted(pack)
    assert {w.reliability for d in plain.diagnoses for w in d.weights} == {1.0}
    assert plain.counted is None
    assert [w.lr_present for d in plain.diagnoses for w in d.weights] == [
        w.lr_present for d in pack.diagnoses for w in d.weights
    ]


def test_pathways_alone_know_nothing_of_ratios(counted):
    small, path, _ = counted
    cohort, pack = cohort_of(small, path, rows(6))
    from whyray_train.patterns import patterns

    seen = patterns(cohort, np.flatnonzero(~cohort.train), pack, "ill")
    own, plain, alone = reason_eval.log_odds(seen, pack)
    assert np.ptp(own) > 0
    assert np.ptp(plain) > 0
    assert np.ptp(alone) == 0


def test_the_command_prints_and_writes(counted, tmp_path, capsys):
    small, path, table = counted
    out = tmp_path / "out.json"
    arguments = ["--table", str(table), "--terms", str(path), "--pack", str(small.folder), "--json", str(out)]
    assert reason_eval.main(arguments) == 0
    text = capsys.readouterr().out
    assert "held-out patients" in text
    assert "ill" in text
    (row,) = json.loads(out.read_text("utf-8"))
    assert row["diagnosis"] == "ill"
    assert 0.5 < row["auc"] <= 1
