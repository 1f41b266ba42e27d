from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from perception import scenery
from perception.scenery import HEART, LEFT, RIGHT, chest
from whyray.domain import Quality
from whyray.perception import build_scene
from whyray.perception.quality import assess, contrast, plausible


def judge(drawn: scenery.Chest, folder: Path, **outputs: np.ndarray) -> Quality:
    return assess(build_scene(drawn.image(), scenery.pack(), scenery.engine(folder, drawn, **outputs)))


def codes(quality: Quality) -> list[str]:
    return [r.code for r in quality.reasons]


def test_a_good_film_is_usable_without_a_word(tmp_path: Path) -> None:
    quality = judge(chest(), tmp_path)
    assert (quality.usable, codes(quality)) == (True, [])
    assert quality.gate == pytest.approx(1 / (1 + np.exp(-4.0)))


@pytest.mark.parametrize(("logit", "usable"), [(-0.01, False), (0.01, True)])
def test_the_gate_opens_at_the_threshold_of_the_card(tmp_path: Path, logit: float, usable: bool) -> None:
    quality = judge(chest(), tmp_path, gate=np.array([logit], dtype=np.float32))
    assert quality.usable == usable
    assert ("NOT_ADULT_FRONTAL" in codes(quality)) == (not usable)


def test_low_contrast_is_told_but_readable(tmp_path: Path) -> None:
    drawn = chest()
    lungs = drawn.masks[RIGHT] | drawn.masks[LEFT]
    pixels = np.where(lungs, 0.5, drawn.pixels)
    pixels[:10] = 0.0
    quality = judge(replace(drawn, pixels=pixels), tmp_path)
    assert (quality.usable, codes(quality)) == (True, ["LOW_CONTRAST"])


def test_contrast_is_tissue_minus_lung(tmp_path: Path) -> None:
    drawn = chest()
    scene = build_scene(drawn.image(), scenery.pack(), scenery.engine(tmp_path, drawn))
    low, high = np.percentile(drawn.pixels, (1, 99))
    box = np.median(drawn.pixels[60:390, 60:420][~(drawn.masks[RIGHT] | drawn.masks[LEFT])[60:390, 60:420]])
    assert contrast(scene) == pytest.approx((box - scenery.AIR) / (high - low), abs=0.05)


@pytest.mark.parametrize("change", ["mirrored", "one lung", "tiny lung", "nothing"])
def test_implausible_anatomy_makes_a_film_unusable(tmp_path: Path, change: str) -> None:
    drawn = chest()
    y, x = scenery.axes(*drawn.shape)
    masks = {
        "mirrored": {RIGHT: drawn.masks[LEFT], LEFT: drawn.masks[RIGHT], HEART: drawn.masks[HEART]},
        "one lung": {RIGHT: drawn.masks[RIGHT], HEART: drawn.masks[HEART]},
        "tiny lung": {**drawn.masks, LEFT: np.hypot(x - 0.72, y - 0.5) < 0.06},
        "nothing": {},
    }[change]
    quality = judge(drawn, tmp_path, anatomy=scenery.answers(masks, drawn.shape))
    assert (quality.usable, codes(quality)) == (False, ["ANATOMY_UNCLEAR"])


def test_clavicles_do_not_stand_in_for_the_heart(tmp_path: Path) -> None:
    drawn = chest()
    y, x = scenery.axes(*drawn.shape)
    places = zip(scenery.CLAVICLES, (0.3, 0.7), strict=True)
    bones = {name: (np.abs(x - cx) < 0.1) & (np.abs(y - 0.1) < 0.02) for name, cx in places}
    masks = {RIGHT: drawn.masks[RIGHT], LEFT: drawn.masks[LEFT], **bones}
    anatomy = scenery.answers(masks, drawn.shape)
    scene = build_scene(drawn.image(), scenery.pack(), scenery.engine(tmp_path, drawn, anatomy=anatomy))
    assert not plausible(scene)


@pytest.mark.parametrize("logit", [-4.0, 4.0])
def test_cautions_travel_with_a_film_that_can_be_read(tmp_path: Path, logit: float) -> None:
    drawn = chest()
    engine = scenery.engine(tmp_path, drawn, gate=np.array([logit], dtype=np.float32))
    quality = assess(build_scene(drawn.image(view="AP"), scenery.pack(), engine))
    assert codes(quality) == (["AP_FILM"] if logit > 0 else ["NOT_ADULT_FRONTAL"])
