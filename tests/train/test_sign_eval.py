from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

from perception import scenery
from train import toys
from train.toys import film
from whyray.domain import Observations
from whyray.perception import Scene, build_scene, observe
from whyray_train import inserted, looks, sign_eval
from whyray_train.films import NORMAL_LABEL
from whyray_train.gating import channels

BANK = channels()
NODULE = next(i for i, c in enumerate(BANK) if "Nodule" in c.marks)


# --- against study labels -------------------------------------------------------------------------------------------


def test_scores_are_compared_with_all_films_and_with_normal_ones() -> None:
    """Against normal films the score is perfect; one other film in four scores above the sign's."""
    names = ["Edema"] * 4 + [NORMAL_LABEL] * 4 + ["Mass"] * 4
    items = [film(name, patient=str(i)) for i, name in enumerate(names)]
    scores = np.array([5.0] * 4 + [1.0] * 4 + [9.0, 2.0, 2.0, 2.0])
    labels = {"wings": frozenset({"Edema"}), "lump": frozenset({"Mass", "Nodule"}), "rare": frozenset({"Hernia"})}
    given = {**dict.fromkeys(labels, scores), "lines": scores}
    got = sign_eval.against_labels(items, given, {**labels, "lines": frozenset(), "unscored": frozenset({"Edema"})})
    assert set(got) == {"wings", "lump"}
    assert got["lump"]["labels"] == ["Mass", "Nodule"]
    wings = got["wings"]
    assert (wings["all_films"]["value"], wings["against_normal"]["value"]) == (pytest.approx(7 / 8), 1.0)
    assert (wings["all_films"]["total"], wings["against_normal"]["total"]) == (12, 8)


def test_films_on_which_a_sign_was_not_looked_for_do_not_count() -> None:
    items = [film(name, patient=str(i)) for i, name in enumerate(["Edema"] * 5 + [NORMAL_LABEL] * 5)]
    scores = np.array([5.0, 5.0, 5.0, np.nan, np.nan, 1.0, 1.0, 1.0, 9.0, np.nan])
    got = sign_eval.against_labels(items, {"wings": scores}, {"wings": frozenset({"Edema"})})["wings"]
    for name in ("all_films", "against_normal"):
        assert (got[name]["positives"], got[name]["total"]) == (3, 7)
        assert got[name]["value"] == pytest.approx(0.75)
    scores[0] = np.nan
    assert sign_eval.against_labels(items, {"wings": scores}, {"wings": frozenset({"Edema"})}) == {}


# --- on inserted signs ----------------------------------------------------------------------------------------------


class Echo:
    """An engine that answers each film with the next of its maps."""

    def __init__(self, maps: np.ndarray[Any, Any]) -> None:
        self.card = SimpleNamespace(input_size=32, second=None, outputs={"signs": [c.name for c in BANK]})
        self.left: Iterator[np.ndarray[Any, Any]] = iter(maps)

    def run(self, array: np.ndarray[Any, Any], want: list[str]) -> dict[str, np.ndarray[Any, Any]]:
        assert array.shape == (1, 32, 32)
        assert array.max() <= 1
        return {name: next(self.left) if name == "signs" else np.zeros((1, 16, 16), np.float32) for name in want}


def test_maps_that_equal_the_masks_are_perfect_and_a_silent_map_is_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    n, silent, unknown = 12, 1, 2
    signs = np.zeros((n, len(BANK), 8, 8), np.uint8)
    signs[: n // 2, :, 2:5, 2:6] = 255
    known = np.ones((n, len(BANK)), np.bool_)
    known[-2:, unknown] = False
    maps = np.where(signs > 127, 4.0, -4.0).astype(np.float32)
    maps[:, silent] = -4.0
    maps[-2:, unknown] = 9.0  # not known to be without the sign
    made = inserted.Set(np.full((n, 32, 32), 255, np.uint8), signs, known, np.arange(n), np.full(n, "x"))
    asked = []

    def make(data: Path, *rest: object) -> inserted.Set:
        asked.append(rest)
        return made

    monkeypatch.setattr(looks, "inserted_films", make)
    echo = Echo(maps)
    got = sign_eval.on_inserted(echo, Path("d"), Path("c"))  # type: ignore[arg-type]
    assert asked == [("val", Path("c"), sign_eval.INSERTED, sign_eval.SEED, echo.card)]
    assert got["films"] == n
    assert "inserted" in got["source"]
    assert set(got) == {"films", "source", *(c.name for c in BANK)}
    for i, channel in enumerate(BANK):
        entry = got[channel.name]
        assert entry["auroc"]["value"] == (0.5 if i == silent else 1.0)
        assert entry["mask_auprc"] == pytest.approx(12 / 64 if i == silent else 1.0, abs=1e-3)
        assert entry["mask_share"] == pytest.approx(12 / 64, abs=1e-4)
        assert entry["auroc"]["total"] == (n - 2 if i == unknown else n)


def test_the_score_of_a_reading_is_what_counts_and_films_that_it_cannot_judge_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every map is loud where its mask lies; one film shows no chest, another is not known to be without the sign."""
    drawn = scenery.chest(320, 320)
    spot = scenery.disc(drawn.shape, 0.3, 0.4, 0.03)
    n = 6
    signs = np.zeros((n, len(BANK), 8, 8), np.uint8)
    signs[:3, :, 3:5, 2:4] = 255
    known = np.ones((n, len(BANK)), np.bool_)
    known[3] = False
    made = inserted.Set(np.full((n, 320, 320), 9, np.uint8), signs, known, np.arange(n), np.full(n, "x"))
    monkeypatch.setattr(looks, "inserted_films", lambda *_: made)
    monkeypatch.setattr(looks, "insertable", lambda *_: [film(view="PA")] * n)
    loud = scenery.sign_maps(drawn.shape, **{c.name: (spot, 4.0) for c in BANK})
    engine = scenery.engine(tmp_path, drawn)
    silent, chest = scenery.sign_maps(drawn.shape), engine.answers["anatomy"]  # type: ignore[attr-defined]
    left = iter([loud, loud, silent, loud, silent, silent])
    nothing = iter([False] * 4 + [True, False])
    answer = engine.run

    def run(array: np.ndarray[Any, Any], want: list[str]) -> Any:
        engine.answers["signs"] = next(left)  # type: ignore[attr-defined]
        engine.answers["anatomy"] = np.full_like(chest, -9.0) if next(nothing) else chest  # type: ignore[attr-defined]
        return answer(array, want)

    monkeypatch.setattr(engine, "run", run)
    got = sign_eval.as_read(engine, scenery.pack(), tmp_path, tmp_path)
    marked = {s.detector.params["channel"] for s in scenery.mapped() if s.detector}
    assert set(got) == marked
    both = {s.detector.params["channel"] for s in scenery.mapped() if s.laterality == "bilateral" and s.detector}
    for name in marked - both:
        assert (got[name]["positives"], got[name]["total"]) == (3, 4)  # the silent one counts, as missed
        assert got[name]["value"] == pytest.approx((1 + 1 + 0.5) / 3, abs=1e-4)


# --- pointing -------------------------------------------------------------------------------------------------------


@pytest.fixture
def boxed(tmp_path: Path) -> Path:
    """A box table with the right, a wrong and an unreadable place, an unknown label and a film of another set."""
    rows = [("a", "Nodule", 280, 160), ("a", "Mass", 60, 160), ("a", "Shoe", 280, 160), ("z", "Nodule", 280, 160)]
    table = [{"image": i, "label": label, "x": str(x), "y": str(y), "w": "100", "h": "50"} for i, label, x, y in rows]
    toys.write(tmp_path / "nih" / "boxes.csv", table)
    return tmp_path


def test_boxes_come_with_their_corners_and_the_label_tables_names(boxed: Path) -> None:
    assert sign_eval.boxes(boxed)[0] == ("a", "Nodule", (280.0, 160.0, 380.0, 210.0))
    toys.write(
        boxed / "nih" / "boxes.csv", [{"image": "b", "label": "Infiltrate", "x": "1", "y": "2", "w": "3", "h": "4"}]
    )
    assert sign_eval.boxes(boxed) == [("b", "Infiltration", (1.0, 2.0, 4.0, 6.0))]


def lesion(folder: Path) -> tuple[Scene, Observations]:
    """A chest 480 px wide with a nodule at (334, 192), and an edema head that speaks from its third cell."""
    drawn = scenery.chest()
    maps = np.full((len(scenery.heads()), scenery.COARSE, scenery.COARSE), -4.0, dtype=np.float32)
    maps[scenery.heads().index("Hernia"), 2, 3] = 5.0
    spot = scenery.disc(drawn.shape, 334.5 / 480, 192.5 / 480, 0.012)
    signs = scenery.sign_maps(drawn.shape, **{BANK[NODULE].name: (spot, 3.0)})
    engine = scenery.engine(folder, drawn, signs=signs, maps=maps)
    image = drawn.image()
    return build_scene(image, scenery.pack(), engine), observe(image, scenery.pack(), engine)


def test_the_point_of_a_label_is_the_peak_of_its_sign_or_else_of_its_class_map(tmp_path: Path) -> None:
    scene, _ = lesion(tmp_path)
    for label in BANK[NODULE].marks:
        assert sign_eval.place(scene, label) == pytest.approx((334, 192), abs=6)
    assert not [c for c in BANK if "Hernia" in c.marks]
    assert sign_eval.place(scene, "Hernia") == pytest.approx((3.5 * 48, 2.5 * 48))
    assert sign_eval.place(scene, "Shoe") is None


def test_pointing_counts_boxes_that_hold_the_peak(boxed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene, seen = lesion(tmp_path)
    read = []

    def reading(path: Path, view: str, spacing_mm: float) -> SimpleNamespace:
        assert spacing_mm > 0
        read.append((path, view))
        return SimpleNamespace(image=scene.image, pack=scene.pack, observations=seen)

    monkeypatch.setattr(sign_eval, "build_scene", lambda *_: scene)
    reader = SimpleNamespace(read=reading, engine=lambda _: None)
    got = sign_eval.pointing(reader, boxed, [film("Nodule", id="a", path=Path("a.jpg"), view="AP")])  # type: ignore[arg-type]
    assert read == [(Path("a.jpg"), "AP")] * 3
    assert (got["boxes"], got["hit"]) == (2, 0.5)
    assert got["low"] <= 0.5 <= got["high"]
    drawn = scenery.chest()
    lungs = drawn.masks[scenery.RIGHT] | drawn.masks[scenery.LEFT]
    chance = [lungs[160:210, x : x + 100].sum() / lungs.sum() for x in (280, 60)]
    assert got["random_lung_pixel"] == pytest.approx(np.mean(chance), abs=0.005)
    hits = []
    for name, x in ((scenery.LEFT, 280), (scenery.RIGHT, 60)):
        rows, columns = np.nonzero(drawn.masks[name])
        hits.append(160 <= rows.mean() <= 210 and x <= columns.mean() <= x + 100)
    assert got["centre_of_lung"] == np.mean(hits)


def test_an_opacity_is_where_its_maps_are_high_together_and_not_where_one_cell_is(tmp_path: Path) -> None:
    drawn = scenery.chest()
    marking = [c.name for c in BANK if "Pneumonia" in c.marks]
    assert len(marking) == 2
    patch = scenery.disc(drawn.shape, 0.3, 0.5, 0.08)
    signs = scenery.sign_maps(drawn.shape, **dict.fromkeys(marking, (patch, 2.0)))
    scene = build_scene(drawn.image(), scenery.pack(), scenery.engine(tmp_path, drawn, signs=signs))
    loud = scene.signs[marking[0]].copy()
    loud[20, 60] = 9.0
    scene = replace(scene, signs={**scene.signs, marking[0]: loud})
    middle = (0.3 * drawn.shape[1], 0.5 * drawn.shape[0])
    assert sign_eval.place(scene, "Pneumonia") == pytest.approx(middle, abs=0.06 * max(drawn.shape))
    heart = next(s.region for s in scene.structures if s.id == "heart" and s.region is not None)
    assert sign_eval.place(scene, sign_eval.HEART_LABEL) == heart.centroid
