import numpy as np
import pytest
from scipy.special import expit

from whyray_train import calibrate


def test_logit_and_log_loss_by_hand() -> None:
    assert calibrate.logit(0.8) == pytest.approx(np.log(4))
    z = np.array([np.log(4), -np.log(4)])
    assert calibrate.log_loss(z, np.array([1.0, 1.0])) == pytest.approx(-(np.log(0.8) + np.log(0.2)) / 2)
    assert calibrate.log_loss(z, np.array([1.0, 1.0]), np.array([1.0, 0.0])) == pytest.approx(-np.log(0.8))


@pytest.mark.parametrize("rate", [0.01, 0.3, 0.97])
def test_matched_shift_meets_the_rate(rate: float) -> None:
    z = np.random.default_rng(0).normal(0, 3, 400)
    assert expit(z + calibrate.matched_shift(z, rate)).mean() == pytest.approx(rate, abs=1e-6)


def test_matched_shift_of_equal_scores_is_the_difference_of_log_odds() -> None:
    assert calibrate.matched_shift(np.full(5, 1.5), 0.25) == pytest.approx(-np.log(3) - 1.5)


def test_shared_platt_recovers_a_known_scale_and_keeps_the_rates() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, (4000, 3))
    truth = np.array([-1.0, 0.0, 0.8])
    labels = (rng.random((4000, 3)) < expit(0.6 * logits + truth)).astype(float)
    scale, shifts = calibrate.shared_platt(logits, labels, labels.mean(axis=0))
    assert scale == pytest.approx(0.6, abs=0.06)
    assert shifts == pytest.approx(truth, abs=0.15)
    assert expit(scale * logits + shifts).mean(axis=0) == pytest.approx(labels.mean(axis=0), abs=1e-4)


def test_a_head_without_positives_is_shrunk_to_its_prior() -> None:
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 1, (90, 2))
    labels = np.stack([rng.random(90) < 0.5, np.zeros(90)], axis=1).astype(float)
    scale, shifts = calibrate.shared_platt(logits, labels, np.array([0.5, 0.05]), strength=10)
    assert expit(scale * logits[:, 1] + shifts[1]).mean() == pytest.approx(10 * 0.05 / 100, abs=1e-5)


def test_balanced_weights_give_every_class_and_group_the_same_share() -> None:
    rng = np.random.default_rng(3)
    labels = rng.random(200) < 0.2
    groups = ["PA" if (x < 0.9) == y else "AP" for x, y in zip(rng.random(200), labels, strict=True)]
    weights = calibrate.balanced(labels, groups)
    shares = {
        (g, y): weights[[a == g and b == y for a, b in zip(groups, labels, strict=True)]].sum()
        for g in ("PA", "AP")
        for y in (True, False)
    }
    assert len({round(s, 6) for s in shares.values()}) == 1
    assert weights.mean() == pytest.approx(1)


def test_fit_logistic_finds_the_direction_and_never_goes_below_zero() -> None:
    rng = np.random.default_rng(4)
    y = rng.random(600) < 0.5
    useful, against, noise = 2.0 * y + rng.normal(0, 1, 600), -2.0 * y + rng.normal(0, 1, 600), rng.normal(5, 9, 600)
    model = calibrate.fit_logistic(np.stack([useful, against, noise], axis=1), y, np.ones(600))
    coefficients = np.array(model["coefficients"])
    assert coefficients[0] > 0.5
    assert coefficients[1] == 0
    assert (coefficients >= 0).all()
    z = np.stack([useful, against, noise], axis=1) @ coefficients + model["intercept"]
    assert expit(z).mean() == pytest.approx(y.mean(), abs=0.01)
    assert ((z > 0) == y).mean() > 0.8


def test_fit_logistic_equals_sklearn_where_the_bound_does_not_bind() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(5)
    x = rng.normal(3, 2, (400, 2))
    y = rng.random(400) < expit(x @ [0.8, 0.5] - 4)
    ours = calibrate.fit_logistic(x, y, np.ones(400), ridge=1e-6)
    theirs = linear.LogisticRegression(C=1e6).fit(x, y)
    assert ours["coefficients"] == pytest.approx(theirs.coef_[0], abs=0.02)
    assert ours["intercept"] == pytest.approx(theirs.intercept_[0], abs=0.05)


def test_weights_move_the_fit() -> None:
    y = np.array([True, False] * 50)
    x = np.zeros((100, 1))
    model = calibrate.fit_logistic(x, y, np.where(y, 3.0, 1.0))
    assert model["intercept"] == pytest.approx(np.log(3), abs=1e-3)


def test_fit_fusion_recovers_the_weights_of_two_kinds_of_terms() -> None:
    rng = np.random.default_rng(6)
    film, signs = rng.normal(0, 1.5, (4000, 3)), rng.normal(0, 1.5, (4000, 3))
    base = np.array([-1.0, 0.2, -0.5])
    fixed = rng.normal(0, 0.5, (4000, 3))
    labels = (rng.random((4000, 3)) < expit(0.9 * film + 0.4 * signs + fixed + base)).astype(float)
    weights, bases = calibrate.fit_fusion([film, signs], fixed, labels, labels.mean(axis=0))
    assert weights == pytest.approx([0.9, 0.4], abs=0.06)
    assert bases == pytest.approx(base, abs=0.12)


def test_fusion_weights_stay_in_their_bounds() -> None:
    rng = np.random.default_rng(7)
    film = rng.normal(0, 1, (500, 1))
    labels = (rng.random((500, 1)) < expit(4 * film)).astype(float)
    signs, fixed = rng.normal(0, 1, (500, 1)), np.zeros((500, 1))
    (one, two), _ = calibrate.fit_fusion([film, signs], fixed, labels, labels.mean(axis=0))
    assert one == pytest.approx(1.5)
    assert 0.05 <= two <= 0.3


def test_youden_by_hand() -> None:
    """From 0.4 on: sensitivity 3/3, specificity 2/3; from 0.6: 2/3 and 3/3 (the first largest wins)."""
    labels = np.array([False, False, True, False, True, True])
    scores = np.array([0.1, 0.2, 0.4, 0.5, 0.6, 0.9])
    assert calibrate.youden(labels, scores) == 0.4
    perfect = np.array([False, False, False, True, True, True])
    assert calibrate.youden(perfect, scores) == 0.5


def test_the_spread_about_a_limit_is_the_one_that_labels_were_drawn_with() -> None:
    rng = np.random.default_rng(3)
    for true in (0.03, 0.06):
        beyond = rng.uniform(-0.15, 0.15, 8000)
        labels = beyond + rng.normal(0, true, len(beyond)) > 0
        assert calibrate.limit_spread(beyond, labels, 0.02) == pytest.approx(true, rel=0.1)
    sharp = calibrate.limit_spread(beyond, beyond > 0, 0.02)
    assert sharp == pytest.approx(0.02, rel=0.01)  # never surer than the measurement
