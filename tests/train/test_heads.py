from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")

from train.toys import film
from whyray_train import heads, metrics
from whyray_train.cleared import KEPT, Cleared


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


def test_a_label_that_was_erased_counts_alone_and_a_control_keeps_all_labels() -> None:
    items = [film("A"), replace(film("B"), id="other")]
    targets = np.array([[0.9, 0.2], [0.1, 0.8]], np.float32)
    rows = Cleared(np.zeros((2, 3), np.float32), np.array(["other", items[0].id]), np.array([1, KEPT]))
    more = heads.extra(rows, items, targets, weight=0.5)
    np.testing.assert_allclose(more.targets[0, 1], 0)
    np.testing.assert_allclose(more.weights, [[0, 0.5], [0.5, 0.5]])
    np.testing.assert_allclose(more.targets[1], targets[0])
    assert targets[1, 1] == pytest.approx(0.8)  # the films as they are keep theirs


def test_with_erased_films_the_head_leaves_what_the_eraser_does_not_change() -> None:
    """Two features tell the label alike; erasing takes the first away, the second stays."""
    rng = np.random.default_rng(1)
    truth = rng.random(300) < 0.5
    x = np.stack([truth, truth], axis=1) + 0.3 * rng.normal(size=(300, 2))
    targets = truth[:, None].astype(np.float32)
    erased = x[truth].copy()
    erased[:, 0] = 0.3 * rng.normal(size=len(erased))
    more = heads.Extra(
        erased.astype(np.float32), np.zeros((len(erased), 1), np.float32), np.ones((len(erased), 1), np.float32)
    )
    plain, _ = heads.fit(x.astype(np.float32), targets, np.ones(300), ridge=0.03)
    taught, _ = heads.fit(x.astype(np.float32), targets, np.ones(300), ridge=0.03, more=more)
    assert plain[0, 0] < 1.3 * plain[0, 1]
    assert taught[0, 0] > 2 * taught[0, 1]
