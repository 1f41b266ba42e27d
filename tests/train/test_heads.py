import numpy as np
import pytest

pytest.importorskip("torch")

from whyray_train import heads, metrics


def test_the_head_ranks_films_it_was_not_fitted_on_and_a_heavier_ridge_is_flatter() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 8)).astype(np.float32) * 3 + 5
    truth = x[:, 0] - x[:, 1] > 0
    targets = np.stack([truth, ~truth], axis=1).astype(np.float32)
    weights, bias = heads.fit(x[:300], targets[:300], np.ones(300), ridge=0.01)
    logits = x[300:] @ weights.T + bias
    assert weights.shape == (2, 8)
    assert metrics.auc(truth[300:], logits[:, 0].astype(np.float64)) > 0.97
    assert metrics.auc(truth[300:], logits[:, 1].astype(np.float64)) < 0.03
    heavier, _ = heads.fit(x[:300], targets[:300], np.ones(300), ridge=1.0)
    assert np.abs(heavier).sum() < np.abs(weights).sum()


def test_weights_decide_between_films_that_disagree() -> None:
    x = np.array([[0.0], [1.0], [0.0], [1.0]], dtype=np.float32)
    targets = np.array([[0.0], [1.0], [1.0], [0.0]], dtype=np.float32)
    first, _ = heads.fit(x, targets, np.array([9.0, 9.0, 1.0, 1.0]), ridge=0.01)
    second, _ = heads.fit(x, targets, np.array([1.0, 1.0, 9.0, 9.0]), ridge=0.01)
    assert first[0, 0] > 0.5
    assert second[0, 0] < -0.5
