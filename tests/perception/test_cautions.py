from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from perception import scenery
from perception.scenery import CLAVICLES, HEART, LEFT, RIGHT
from whyray import knowledge
from whyray.domain import Region
from whyray.perception import build_scene
from whyray.perception.cautions import KINDS, cautions, middle

SPINE = "spine"
FIELDS = {
    "off_midline": {"share": 0.1},
    "turned": {"degrees": 12.0},
    "short": {"share": 0.5},
    "at_border": {"parts": "x"},
    "projection": {},
}
PARAMS = {
    "off_midline": {"structure", "midline", "lungs", "beyond"},
    "turned": {"ends", "midline", "lungs", "per_degree", "beyond"},
    "short": {"lungs", "least"},
    "at_border": {"structures", "length"},
    "projection": {"view"},
}
SLOPE = 0.0085  # of the pack: thorax widths that a degree makes


def box(shape: tuple[int, int], x0: float, x1: float, y0: float, y1: float) -> scenery.Mask:
    y, x = scenery.axes(*shape)
    inside: scenery.Mask = (x > x0) & (x < x1) & (y > y0) & (y < y1)
    return inside


def chest(shift: float = 0.06, ends: tuple[float, float] = (0.44, 0.56), **more: scenery.Mask) -> scenery.Chest:
    """A drawn chest with spine, collar bones that end at `ends`, and a heart `shift` to the patient's left."""
    drawn = scenery.chest()
    shape = drawn.shape
    heart = np.roll(drawn.masks[HEART], round(shift * shape[1]), axis=1)
    bones = {
        CLAVICLES[0]: box(shape, ends[0] - 0.2, ends[0], 0.16, 0.2),
        CLAVICLES[1]: box(shape, ends[1], ends[1] + 0.2, 0.16, 0.2),
    }
    spine = box(shape, 0.47, 0.53, 0.05, 0.95)
    return replace(drawn, masks={**drawn.masks, HEART: heart, SPINE: spine, **bones, **more})


def told(drawn: scenery.Chest, folder: Path, view: str = "PA") -> dict[str, tuple[str, str]]:
    scene = build_scene(drawn.image(view=view), scenery.pack(), scenery.engine(folder, drawn))
    return {n.code: (n.sentence.zh, n.sentence.en) for n in cautions(scene)}


def test_a_straight_film_has_none_and_an_ap_film_says_so(tmp_path: Path) -> None:
    assert told(chest(), tmp_path) == {}
    assert set(told(chest(), tmp_path, view="AP")) == {"AP_FILM"}
    assert told(chest(), tmp_path, view="UNKNOWN") == {}


def test_a_mirrored_film_is_told_by_its_heart(tmp_path: Path) -> None:
    assert set(told(chest(shift=-0.06), tmp_path)) == {"HEART_ON_THE_RIGHT"}
    assert told(chest(shift=0.0), tmp_path) == {}


@pytest.mark.parametrize("degrees", [-14.0, -6.0, 6.0, 14.0])
def test_a_turned_patient_is_told(tmp_path: Path, degrees: float) -> None:
    plain = chest()
    lungs = np.flatnonzero((plain.masks[RIGHT] | plain.masks[LEFT]).any(axis=0))
    move = degrees * SLOPE * (lungs[-1] + 1 - lungs[0]) / plain.shape[1] / 2
    found = told(chest(ends=(0.44 + move, 0.56 + move)), tmp_path)
    assert set(found) == ({"TURNED"} if abs(degrees) > 10 else set())
    if found:
        zh, en = found["TURNED"]
        assert "超过10°" in zh
        assert "more than 10°" in en


def test_low_lungs_are_told_with_their_height_over_the_chests_width(tmp_path: Path) -> None:
    drawn = chest()
    above = np.arange(drawn.shape[0])[:, None] < 0.5 * drawn.shape[0]
    low = {side: drawn.masks[side] & above for side in (RIGHT, LEFT)}
    ((code, (zh, en)),) = told(replace(drawn, masks={**drawn.masks, **low}), tmp_path).items()
    rows = np.flatnonzero(low[RIGHT].any(axis=1))
    lungs = np.flatnonzero((low[RIGHT] | low[LEFT]).any(axis=0))
    share = (rows[-1] - rows[0]) / (lungs[-1] - lungs[0])
    assert code == "SHALLOW_BREATH"
    for text in (zh, en):
        assert any(f"{share + off:.2f}" in text for off in (-0.01, 0, 0.01))
    one = {LEFT: low[LEFT]}  # a raised dome or fluid on one side is no shallow breath
    assert told(replace(drawn, masks={**drawn.masks, **one}), tmp_path) == {}


@pytest.mark.parametrize("border", ["left", "top"])
def test_what_the_border_cuts_off_is_named(tmp_path: Path, border: str) -> None:
    whole = chest()
    rows, cols = np.nonzero(whole.masks[RIGHT])
    first = {"left": cols.min() + 20, "top": rows.min() + 40}[border]
    cut = np.s_[:, first:] if border == "left" else np.s_[first:, :]
    part = replace(whole, pixels=whole.pixels[cut], masks={k: m[cut] for k, m in whole.masks.items()})
    zh, en = told(part, tmp_path)["CUT_OFF"]
    assert "右肺" in zh
    assert ("左肺" in zh) == (border == "top")
    assert "right lung" in en.lower()


def test_what_cannot_be_seen_is_no_caution(tmp_path: Path) -> None:
    """Without spine and collar bones neither turn nor side can be told; without a lung nothing can."""
    drawn = chest(shift=-0.06, ends=(0.3, 0.5))
    assert set(told(drawn, tmp_path)) == {"HEART_ON_THE_RIGHT", "TURNED"}
    for missing in ((SPINE,), (CLAVICLES[0], SPINE), (LEFT,)):
        masks = {k: m for k, m in drawn.masks.items() if k not in missing}
        assert told(replace(drawn, masks=masks), tmp_path) == {}


def test_the_middle_of_a_slanting_band_is_that_of_its_row() -> None:
    y, x = np.ogrid[:100, :100]
    band = Region.from_mask((abs(x - (30 + 0.4 * y)) < 5) & (y > 19) & (y < 80))
    assert band is not None
    for row, at in ((50, 50.0), (0, 38.0), (99, 61.6)):
        assert middle(band, row) == pytest.approx(at, abs=1)


def test_the_shipped_packs_name_kinds_structures_and_fields_that_there_are() -> None:
    for pack in knowledge.load_packs():
        ids = {s.id for s in pack.structures}
        for caution in pack.cautions:
            assert caution.kind in KINDS
            named = [caution.params.get(k, ()) for k in ("structure", "structures", "lungs", "ends", "midline")]
            flat = {i for names in named for i in ([names] if isinstance(names, str) else names)}
            assert flat <= ids
            fields = FIELDS[caution.kind]
            assert set(caution.params) == PARAMS[caution.kind]
            assert caution.sentence.zh.format(**fields)
            assert caution.sentence.en.format(**fields)
