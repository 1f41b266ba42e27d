import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whyray_train import metrics


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(4, 80), st.integers(2, 12))
def test_auc_equals_sklearn_also_with_ties(seed: int, n: int, levels: int) -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(seed)
    labels = rng.random(n) < 0.4
    labels[:2] = (True, False)
    scores = rng.integers(levels, size=n) / levels
    assert metrics.auc(labels, scores) == pytest.approx(sklearn.roc_auc_score(labels, scores))


@pytest.mark.parametrize(
    ("labels", "scores", "expected"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4], 1.0),
        ([1, 1, 0, 0], [0.1, 0.2, 0.3, 0.4], 0.0),
        ([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4], 0.75),
        ([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5], 0.5),
    ],
)
def test_auc_by_hand(labels: list[int], scores: list[float], expected: float) -> None:
    assert metrics.auc(np.array(labels, dtype=np.bool_), np.array(scores)) == expected


def test_auc_of_one_class_is_nan() -> None:
    assert np.isnan(metrics.auc(np.ones(3, dtype=np.bool_), np.arange(3.0)))
    assert np.isnan(metrics.auc(np.zeros(3, dtype=np.bool_), np.arange(3.0)))


def test_a_bootstrap_draw_takes_all_films_of_a_patient_or_none() -> None:
    patients = ["a", "b", "b", "c", "c", "c", "d"]
    counts = {p: patients.count(p) for p in patients}
    sizes = set()
    for rows in metrics.resamples(patients, 50, seed=3):
        drawn = [patients[i] for i in rows]
        sizes.add(len(drawn))
        times = {p: drawn.count(p) / counts[p] for p in counts}
        assert all(t == int(t) for t in times.values())
        assert sum(times.values()) == 4
        for i, p in enumerate(patients):
            assert list(rows).count(i) == times[p]
    assert len(sizes) > 1


def test_draws_follow_the_seed() -> None:
    one, again, other = (metrics.resamples(["a", "b", "c"] * 5, 4, seed=s) for s in (1, 1, 2))
    assert all(np.array_equal(x, y) for x, y in zip(one, again, strict=True))
    assert not all(np.array_equal(x, y) for x, y in zip(one, other, strict=True))


def test_intervals_hold_the_value_and_widen_when_films_share_patients() -> None:
    rng = np.random.default_rng(0)
    base = rng.random(40)
    labels = np.repeat(rng.random(40) < 0.5, 5)
    scores = np.repeat(base, 5) * 0.7 + 0.5 * labels
    single = metrics.auc_interval(labels, scores, [str(i) for i in range(200)], rounds=200)
    shared = metrics.auc_interval(labels, scores, [str(i // 5) for i in range(200)], rounds=200)
    assert single.low <= single.value <= single.high
    assert shared.value == single.value == metrics.auc(labels, scores)
    assert shared.high - shared.low > 1.5 * (single.high - single.low)
    assert (single.positives, single.total) == (labels.sum(), 200)
    assert str(single).startswith(f"{single.value:.3f} (")
    assert single.as_dict()["positives"] == labels.sum()


def test_mean_auc_leaves_out_a_column_without_positives() -> None:
    rng = np.random.default_rng(1)
    labels = rng.random((60, 3)) < 0.4
    labels[:, 2] = False
    scores = rng.random((60, 3))
    got = metrics.mean_auc_interval(labels, scores, [str(i) for i in range(60)], rounds=20)
    assert got.value == pytest.approx(np.mean([metrics.auc(labels[:, c], scores[:, c]) for c in (0, 1)]))


def test_calibration_error_by_hand() -> None:
    """Two bins: {.2 .4} with one positive: |.5 - .3| = .2; {.6 .8 1.0} with two: |2/3 - .8| = .1333."""
    labels = np.array([False, True, True, False, True])
    scores = np.array([0.2, 0.4, 0.6, 0.8, 1.0])
    assert metrics.calibration_error(labels, scores, bins=2) == pytest.approx(0.4 * 0.2 + 0.6 * (0.8 - 2 / 3))


def test_calibration_error_is_zero_for_a_calibrated_table_and_large_for_its_opposite() -> None:
    scores = np.repeat([0.1, 0.5, 0.9], 10)
    labels = np.concatenate([np.arange(10) < k for k in (1, 5, 9)])
    assert metrics.calibration_error(labels, scores) == pytest.approx(0)
    assert metrics.calibration_error(~labels, scores) == pytest.approx(1.6 / 3)
    grid = metrics.calibration_error(labels.reshape(10, 3), scores.reshape(10, 3))
    assert grid == pytest.approx(0)


def test_dice_by_hand() -> None:
    a = np.array([[True, True], [False, False]])
    b = np.array([[True, False], [True, False]])
    assert metrics.dice(a, b) == 0.5
    assert metrics.dice(a, a) == 1
    assert metrics.dice(a & ~a, b & ~b) == 1
    assert metrics.dice(a, b & ~b) == 0


def test_the_reliability_diagram_by_hand() -> None:
    labels = np.array([[False, True], [True, True]])
    scores = np.array([[0.1, 0.3], [0.9, 0.7]])
    assert metrics.reliability(labels, scores, bins=2) == [
        (pytest.approx(0.2), pytest.approx(0.5), 2),
        (pytest.approx(0.8), pytest.approx(1.0), 2),
    ]
