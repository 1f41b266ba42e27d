from __future__ import annotations

import numpy as np
import pytest

from whyray_train.reliability import LEAST, fit
from whyray_train.scores import auc, calibration_error, interval


def patterns(signs: np.ndarray, ill: np.ndarray):
    """Unique rows with their counts."""
    lines, index = np.unique(signs, axis=0, return_inverse=True)
    return lines, np.bincount(index) + 0.0, np.bincount(index, ill) + 0.0


def simulate(copies: int, n: int = 60_000):
    """One real sign, written down `copies` times, and its log ratios."""
    rng = np.random.default_rng(3)
    ill = rng.random(n) < 0.1
    one = rng.random(n) < np.where(ill, 0.4, 0.1)
    lines, studies, positives = patterns(np.repeat(one[:, None], copies, axis=1), ill)
    return np.where(lines, np.log(4.0), np.log(0.6 / 0.9)), studies, positives


def test_one_sign_alone_keeps_its_whole_ratio():
    terms, studies, positives = simulate(1)
    found = fit(terms, np.zeros(len(terms)), studies, positives)
    assert found.signs[0] == pytest.approx(1, abs=0.05)
    assert found.base == pytest.approx(np.log(0.1 / 0.9), abs=0.1)


@pytest.mark.parametrize("copies", [2, 3, 5])
def test_several_names_of_one_thing_count_once(copies):
    terms, studies, positives = simulate(copies)
    found = fit(terms, np.zeros(len(terms)), studies, positives)
    assert found.signs.sum() == pytest.approx(1, abs=0.05)
    assert np.ptp(found.signs) < 0.01


def test_factors_stay_between_nothing_and_the_whole():
    rng = np.random.default_rng(5)
    terms = rng.normal(size=(400, 6))
    found = fit(terms, rng.normal(size=400), np.full(400, 50.0), rng.integers(0, 50, 400) + 0.0)
    for factor in (*found.signs, found.common):
        assert 0 <= factor <= 1


def test_shared_terms_get_the_common_factor_which_has_a_floor():
    terms, studies, positives = simulate(1)
    helpful = fit(np.zeros((len(terms), 0)), terms[:, 0], studies, positives)
    assert helpful.common == pytest.approx(1, abs=0.05)
    harmful = fit(np.zeros((len(terms), 0)), -terms[:, 0], studies, positives)
    assert harmful.common == pytest.approx(LEAST)


def test_little_data_leaves_the_factors_near_each_other():
    rng = np.random.default_rng(7)
    signs = rng.random((60, 4)) < 0.5
    ill = rng.random(60) < 0.3
    lines, studies, positives = patterns(signs, ill)
    terms = np.where(lines, *np.log([[3.0], [0.5]]))
    wide = fit(terms, np.zeros(len(terms)), studies, positives, penalty=0.01)
    tight = fit(terms, np.zeros(len(terms)), studies, positives, penalty=100.0)
    assert np.ptp(tight.signs) < 0.1 < np.ptp(wide.signs)


def test_auc_by_hand_and_with_ties():
    score = np.array([0.1, 0.4, 0.35, 0.8])
    ill = np.array([False, False, True, True])
    assert auc(score, ill) == 0.75
    assert auc(np.zeros(4), ill) == 0.5
    assert auc(score, ill, np.array([1.0, 0.0, 1.0, 1.0])) == 1.0


def test_auc_agrees_with_scikit_learn():
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(2)
    score = rng.integers(0, 20, 500) + 0.0
    ill = rng.random(500) < 0.3
    weight = rng.integers(0, 4, 500) + 0.0
    assert auc(score, ill, weight) == pytest.approx(roc_auc_score(ill, score, sample_weight=weight))


def test_the_interval_widens_when_studies_belong_to_few_patients():
    rng = np.random.default_rng(4)
    patient = np.repeat(np.arange(60), 10)
    ill = (rng.random(60) < 0.5)[patient]
    score = (rng.normal(size=60) + ill[::10])[patient]
    low, high = interval(score, ill, patient)
    alone = interval(score, ill, np.arange(600))
    assert low < auc(score, ill) < high
    assert high - low > 1.5 * (alone[1] - alone[0])


def test_calibration_error_by_hand():
    ill = np.array([True, False, False, False])
    assert calibration_error(np.full(4, 0.25), ill) == pytest.approx(0)
    assert calibration_error(np.full(4, 0.75), ill) == pytest.approx(0.5)
    assert calibration_error(np.array([1.0, 0.0, 0.0, 0.0]), ill) == pytest.approx(0)
