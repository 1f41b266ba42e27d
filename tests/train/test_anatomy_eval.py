from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

from perception import scenery
from train.toys import film
from whyray.domain import Measurement, Region, SignObservation
from whyray_train import anatomy_eval, open_lungs, sources
from whyray_train.films import STRUCTURES

SIDE = 32


def square(y: int, x: int, side: int = 8, size: int = SIDE) -> np.ndarray[Any, Any]:
    mask = np.zeros((size, size), dtype=np.bool_)
    mask[y : y + side, x : x + side] = True
    return mask


def part(mask: np.ndarray[Any, Any]) -> Region:
    found = Region.from_mask(mask)
    assert found is not None
    return found


def test_dice_of_each_structure_on_projections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Right lung exact, left lung half a side off, heart not found, spine in no projection; specks do not count."""
    truth = np.zeros((3, len(STRUCTURES), SIDE, SIDE), np.uint8)
    logits = np.full((len(STRUCTURES), SIDE, SIDE), -6.0, np.float32)
    names = ["right_lung", "left_lung", "heart", "trachea"]
    for number, name in enumerate(names):
        truth[:, STRUCTURES.index(name)] = 255 * square(2, 6 * number, 6)
    logits[STRUCTURES.index("right_lung")][square(2, 0, 6)] = 6
    logits[STRUCTURES.index("right_lung"), 30, 30] = 6
    logits[STRUCTURES.index("left_lung")][square(5, 6, 6)] = 6
    truth[1:, STRUCTURES.index("trachea")] = 0

    def projected(file: Path, size: int, heads: int) -> SimpleNamespace:
        assert (file, size) == (Path("ct.npz"), 64)
        return SimpleNamespace(images=np.zeros((3, 64, 64), np.uint8), anatomy=truth)

    monkeypatch.setattr(sources, "projected_films", projected)
    card = SimpleNamespace(input_size=64, outputs={"anatomy": list(STRUCTURES)})
    engine = SimpleNamespace(card=card, run=lambda array, want: {"anatomy": logits})
    got = anatomy_eval.on_projections(engine, scenery.pack(), Path("ct.npz"))  # type: ignore[arg-type]
    assert {k: v["value"] for k, v in got.items() if k in STRUCTURES} == {
        "right_lung": 1.0, "left_lung": 0.5, "heart": 0.0, "trachea": 0.0,
    }  # fmt: skip
    assert (got["left_lung"]["films"], got["trachea"]["films"]) == (3, 1)
    assert "projections" in got["truth"]


def test_human_lungs_are_compared_outside_the_heart(monkeypatch: pytest.MonkeyPatch) -> None:
    """The human mask runs on behind the heart; ours does not: outside of it both agree."""
    lungs, heart = square(0, 0, 16) | square(0, 16, 16), square(8, 12, 8)
    pack = scenery.pack()
    ids = (*anatomy_eval.lung_ids(pack), *anatomy_eval.hearts(pack))
    ours = [square(0, 0, 16) & ~heart, square(0, 16, 16) & ~heart, heart]
    structures = [SimpleNamespace(id=i, region=part(m)) for i, m in zip(ids, ours, strict=True)]
    reading = SimpleNamespace(pack=pack, observations=SimpleNamespace(structures=structures))
    monkeypatch.setattr(anatomy_eval, "SIZE", SIDE)
    held_out = [open_lungs.HumanFilm("a", "p", Path("a.jpg"), Path("a.png"))]
    monkeypatch.setattr(open_lungs, "read", lambda data: ([], held_out))
    monkeypatch.setattr(open_lungs, "load_mask", lambda path, size: 255 * lungs.astype(np.uint8))
    reader = SimpleNamespace(read=lambda path: reading)
    got = anatomy_eval.on_human_lungs(reader, Path("d"))  # type: ignore[arg-type]
    assert got["truth"] == "human"
    assert got["lungs"]["value"] == 1.0
    structures[0] = SimpleNamespace(id=ids[0], region=None)
    half = anatomy_eval.on_human_lungs(reader, Path("d"))["lungs"]["value"]  # type: ignore[arg-type]
    assert half == pytest.approx(2 / 3, abs=0.02)


def test_regions_are_laid_as_a_letterboxed_film() -> None:
    wide = np.zeros((20, 40), dtype=np.bool_)
    wide[:, :10] = True
    laid = anatomy_eval.laid([part(wide), None], 8)
    assert laid[:2].sum() == laid[6:].sum() == 0
    assert laid[2:6, :2].all()
    assert not laid[:, 2:].any()


def test_the_ratio_ranks_large_hearts_on_pa_films_only() -> None:
    views, labels = ["PA"] * 6 + ["AP"] * 2, ["Cardiomegaly"] * 3 + ["Mass"] * 3 + ["Cardiomegaly"] * 2
    items = [film(label, view=v, patient=str(i)) for i, (v, label) in enumerate(zip(views, labels, strict=True))]
    ratios = np.array([0.6, 0.55, np.nan, 0.5, 0.45, 0.58, 0.1, 0.1])
    got = anatomy_eval.ratio_against_label(items, ratios)
    assert got["auc"]["value"] == pytest.approx(5 / 6, abs=1e-3)
    assert (got["auc"]["positives"], got["auc"]["total"], got["unmeasured"]) == (2, 5, 1)
    assert got["mean_ratio"] == [0.575, 0.51]
    assert "auc" not in anatomy_eval.ratio_against_label(items[:3], ratios[:3])


def test_the_ratio_is_read_off_the_sign_that_measures_the_heart() -> None:
    sign = anatomy_eval.heart_sign(scenery.pack())
    assert sign is not None
    assert sign.detector is not None
    name = sign.detector.params["measure"]
    seen = SignObservation(sign.id, True, 0.9, measurements=(Measurement(name, 0.57, "ratio"),))
    assert anatomy_eval.heart_ratio(sign, seen) == 0.57
    assert np.isnan(anatomy_eval.heart_ratio(sign, SignObservation(sign.id, False, 0.0)))


def test_the_mean_has_an_interval_over_groups() -> None:
    spread_out = anatomy_eval.mean_interval([0.0, 1.0] * 20, [str(i) for i in range(40)])
    one_group = anatomy_eval.mean_interval([0.0, 1.0] * 20, ["a"] * 40)
    assert spread_out["value"] == one_group["value"] == 0.5
    assert 0.25 < spread_out["low"] < 0.45 < 0.55 < spread_out["high"] < 0.75
    assert one_group["low"] == one_group["high"] == 0.5
