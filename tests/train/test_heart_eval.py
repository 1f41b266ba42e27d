from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from whyray_train import heart_eval
from whyray_train.heart_eval import as_is, widened

from .test_insertion import phantom


@pytest.mark.parametrize("seed", range(6))
def test_the_heart_grows_and_the_chest_stays(seed: int) -> None:
    film = phantom()
    plain, made = as_is(film), widened(film, np.random.default_rng(seed))
    assert plain is not None
    assert made is not None
    assert plain.ratio <= made.ratio < 0.9
    grown = np.ptp(np.flatnonzero(made.heart.any(axis=0))) / np.ptp(np.flatnonzero(plain.heart.any(axis=0)))
    assert made.ratio == pytest.approx(plain.ratio * grown, rel=1e-6)
    both = np.maximum(film.right_lung, film.left_lung) > 0.5
    columns = np.flatnonzero(both.any(axis=0))
    outside = np.ones(film.pixels.shape, bool)
    outside[:, columns[0] - 4 : columns[-1] + 5] = False
    np.testing.assert_allclose(made.pixels[outside], film.pixels[outside], atol=1e-6)
    lifted = made.pixels[made.heart & ~plain.heart].mean() - film.pixels[made.heart & ~plain.heart].mean()
    assert not (made.heart & ~plain.heart).any() or lifted > 0.1  # lung gave way to heart
    np.testing.assert_array_equal(np.flatnonzero(made.heart.any(axis=1)), np.flatnonzero(plain.heart.any(axis=1)))


def test_the_drawn_heart_is_as_wide_as_it_was_asked_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    film = phantom()
    plain = as_is(film)
    assert plain is not None
    for factor in (1.0, 1.3):
        monkeypatch.setattr(heart_eval, "LEFT", (factor, factor))
        monkeypatch.setattr(heart_eval, "RIGHT", (factor, factor))
        made = widened(film, np.random.default_rng(0))
        assert made is not None
        assert made.ratio == pytest.approx(factor * plain.ratio, rel=0.05)


@pytest.mark.parametrize("part", ["heart", "right_lung", "left_lung"])
def test_a_film_that_lacks_a_part_is_left_out(part: str) -> None:
    film = replace(phantom(), **{part: np.zeros_like(phantom().heart)})
    assert as_is(film) is None
    assert widened(film, np.random.default_rng(0)) is None
