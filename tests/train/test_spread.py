import numpy as np
import pytest

pytest.importorskip("torch")

from whyray_train import spread


def test_patients_are_drawn_whole() -> None:
    patients = ["a", "a", "b", "c", "c", "c"]
    drawn = [spread.drawn_weights(patients, seed) for seed in range(20)]
    for weights in drawn:
        assert weights[0] == weights[1]
        assert weights[3] == weights[4] == weights[5]
        assert weights[0] + weights[2] + weights[3] == 3
    assert len({tuple(w) for w in drawn}) > 3


def test_redrawn_heads_spread_and_the_first_is_fitted_on_all_films() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(240, 6)).astype(np.float32)
    targets = (x @ rng.normal(size=(6, 3)) + 2 * rng.normal(size=(240, 3)) > 0).astype(np.float32)
    targets[:, 2] = 1 - targets[:, 0]
    train = (x[:160], targets[:160], np.ones(160), [str(i // 2) for i in range(160)])
    got = spread.spread(train, (x[160:], targets[160:] > 0.5), [0, 1], seeds=3)
    assert len(got["redrawn"]) == 3
    assert len(set(got["redrawn"])) > 1
    assert 0 < got["standard_deviation"] < 0.1
    assert got["all_films"] > 0.7
    again = spread.spread(train, (x[160:], targets[160:] > 0.5), [0, 1], seeds=3)
    assert again == got
    single = spread.spread(train, (x[160:], targets[160:] > 0.5), [0], seeds=1)
    assert "standard_deviation" not in single


def test_the_mean_leaves_out_a_finding_without_positives() -> None:
    labels = np.array([[True, False], [False, False]])
    assert spread.mean_auc(labels, np.array([[2.0, 1.0], [1.0, 2.0]])) == 1.0
