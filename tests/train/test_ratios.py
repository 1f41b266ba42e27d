from __future__ import annotations

from math import exp, log, sqrt

import numpy as np
import pytest

from whyray_train.ratios import SPREAD, associate


def cells(both, ill, alone, others):
    """One sign by the four cells of its table."""
    has = np.r_[np.ones(both), np.zeros(ill - both), np.ones(alone), np.zeros(others - alone)] > 0
    return has[:, None], np.r_[np.ones(ill), np.zeros(others)] > 0


def test_ratio_by_hand():
    # cells 30/70 with and 10/190 without the disease: (30.5 / 101) / (10.5 / 201) = 5.7808;
    # standard error of the log: sqrt(1/30.5 - 1/101 + 1/10.5 - 1/201) = 0.33638
    has, ill = cells(30, 100, 10, 200)
    found = associate(has, ill, np.arange(300))
    kept = SPREAD**2 / (SPREAD**2 + 0.33638**2)
    assert (found.both[0], found.sign_only[0], found.ill, found.n) == (30, 10, 100, 300)
    assert found.present[0] == pytest.approx(kept * log(5.7808), rel=1e-3)
    low, high = found.interval(0)
    assert low == pytest.approx(exp(kept * log(5.7808) - 1.959964 * 0.33638 * sqrt(kept)), rel=1e-3)
    assert high == pytest.approx(exp(kept * log(5.7808) + 1.959964 * 0.33638 * sqrt(kept)), rel=1e-3)
    absent = (70.5 / 101) / (190.5 / 201)
    assert exp(found.absent[0]) == pytest.approx(absent, rel=1e-2)
    assert found.certain[0]


def test_small_numbers_are_shrunk_and_large_ones_are_not():
    few = associate(*cells(2, 4, 10, 1000), np.arange(1004))
    many = associate(*cells(2000, 4000, 10_000, 1_000_000), np.arange(1_004_000))
    assert many.present[0] == pytest.approx(log(50), rel=0.01)
    assert 0 < few.present[0] < 0.9 * log(50)


def test_empty_cells_stay_finite_and_uncertain():
    found = associate(*cells(0, 50, 0, 50), np.arange(100))
    assert found.present[0] == 0
    assert np.isfinite(found.interval(0)).all()
    assert not found.certain[0]


def test_a_patient_seen_ten_times_is_not_ten_patients():
    has, ill = cells(30, 100, 10, 200)
    alone = associate(has, ill, np.arange(300))
    crowded = associate(has, ill, np.arange(300) // 10)
    assert crowded.present_error[0] > 1.5 * alone.present_error[0]


def test_the_interval_holds_the_ratio_in_simulated_tables():
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(200):
        ill = rng.random(3000) < 0.1
        has = (rng.random(3000) < np.where(ill, 0.3, 0.1))[:, None]
        low, high = associate(has, ill, np.arange(3000)).interval(0)
        held += low <= 3.0 <= high
    assert held >= 180


def test_a_sign_that_is_missing_where_chance_would_give_many_has_support():
    found = associate(*cells(0, 500, 10_000, 100_000), np.arange(100_500))
    assert found.support[0] == pytest.approx(500 * 10_000 / 100_500)
    assert found.certain[0]
    assert found.present[0] < -2
