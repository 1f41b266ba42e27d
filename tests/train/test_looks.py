from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch")

from train import toys
from whyray.domain import SecondLook
from whyray_train import inserted, looks
from whyray_train.drawn_signs import Drawn
from whyray_train.fine_network import bank, film_share
from whyray_train.gating import channels

NAMES = [c.name for c in channels()]
FINE = bank().look.channels
LOOK = SecondLook("f", "0", 64, (48, 32), 4, 2, ("right", "left"), (), FINE)


class Twice:
    """An engine of 32 px whose first look answers -3 and whose second answers 2, where lungs lie."""

    def __init__(self, second: SecondLook | None) -> None:
        self.card = SimpleNamespace(
            input_size=32, second=second, outputs={"signs": tuple(NAMES), "anatomy": ("right", "left")}
        )
        self.seen: list[np.ndarray] = []

    def run(self, array: np.ndarray, want: list[str]) -> dict[str, np.ndarray]:
        self.seen.append(array)
        anatomy = np.full((2, 16, 16), -9.0, np.float32)
        anatomy[0, 1:14, 1:7] = anatomy[1, 1:14, 9:15] = 9.0
        signs = np.full((len(NAMES), 8, 8), -3.0, np.float32)
        return {k: v for k, v in {"anatomy": anatomy, "signs": signs}.items() if k in want}

    def look_again(self, films: np.ndarray, places: np.ndarray) -> np.ndarray:
        self.seen.append(films)
        return np.full((len(films), len(FINE), films.shape[2] // 2, films.shape[3] // 2), 2.0, np.float32)


def test_the_second_looks_channels_take_the_place_of_the_firsts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whyray.perception.second.LEAST", 10)
    film = np.full((64, 64), 255, np.uint8)
    engine = Twice(LOOK)
    found = looks.maps(engine, film)  # type: ignore[arg-type]
    assert set(found) == set(NAMES)
    for name in NAMES:
        assert found[name].shape == ((32, 32) if name in FINE else (8, 8))
        assert found[name].max() == (2.0 if name in FINE else -3.0)
    assert engine.seen[0].shape == (1, 32, 32)
    assert engine.seen[1].max() == pytest.approx(1.0)
    alone = looks.maps(Twice(None), film)  # type: ignore[arg-type]
    assert {m.shape for m in alone.values()} == {(8, 8)}


def test_a_score_rests_on_as_many_cells_as_one_lung_gives() -> None:
    for channel in channels():
        without = looks.cells(channel, Twice(None).card)  # type: ignore[arg-type]
        with_second = looks.cells(channel, Twice(LOOK).card)  # type: ignore[arg-type]
        assert without == channel.cells
        if channel.name in FINE:
            fine = next(c for c in bank().channels if c.name == channel.name)
            assert with_second == film_share(fine.cells) != channel.cells
        else:
            assert with_second == channel.cells


def test_masks_come_on_the_cells_of_the_channels_map(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whyray.perception.second.LEAST", 10)
    signs = np.zeros((2, len(NAMES), 32, 32), np.uint8)
    signs[0, :, 4:8, 8:12] = 255
    signs[0, :, 8, 12] = 255  # one of sixteen cells
    known = np.ones((2, len(NAMES)), np.bool_)
    made = inserted.Set(np.full((2, 64, 64), 90, np.uint8), signs, known, np.arange(2), np.array(["x", ""]))
    rows = list(looks.pairs(Twice(LOOK), made))  # type: ignore[arg-type]
    assert [channel.name for channel, _, _ in rows] == NAMES
    for channel, maps, masks in rows:
        assert maps.shape == masks.shape
        if channel.name in FINE:
            np.testing.assert_array_equal(masks, signs[:, NAMES.index(channel.name)])
        else:
            assert masks[0, 1, 2] == 255
            assert masks[0, 2, 3] == 16
            assert np.count_nonzero(masks) == 2


def test_inserted_films_are_as_fine_as_the_model_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(looks.films, "read_table", lambda _: ([], ()))
    monkeypatch.setattr(looks.inserted, "make", lambda *rest: asked.append(rest))
    for second in (None, LOOK):
        looks.inserted_films(tmp_path, "val", tmp_path, 5, 3, Twice(second).card)  # type: ignore[arg-type]
    assert asked[0] == ([], 5, 32, 3, tmp_path, None)
    assert asked[1][2] == 64
    assert asked[1][5] == inserted.Detail(bank().work, 2, (), tuple(NAMES))


def test_drawn_films_come_with_what_is_told_on_the_cells_of_each_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """One film with an area of the first channel, one that is clear of it, one that nobody drew on."""
    monkeypatch.setattr("whyray.perception.second.LEAST", 10)
    coarse = next(n for n in NAMES if n not in FINE)
    square = (((25.0, 25.0), (75.0, 25.0), (75.0, 75.0), (25.0, 75.0)),)
    by_eye = {
        "a": Drawn({coarse: square, FINE[0]: square}, {}, frozenset()),
        "b": Drawn({}, {}, frozenset({coarse})),
    }
    monkeypatch.setattr(looks, "drawn", lambda: by_eye)
    monkeypatch.setattr("whyray_train.films.shape", lambda path: (64, 64))
    items = [toys.film("Mass", id=name) for name in "axb"]
    found = dict(zip(NAMES, looks.drawn_masks(Twice(LOOK), items, np.zeros((3, 64, 64), np.uint8)), strict=True))  # type: ignore[arg-type]
    assert found[coarse].maps.shape == found[coarse].sign.shape == (2, 8, 8)
    assert found[coarse].shown.tolist() == [True, False]
    assert found[coarse].sign[0, 3:5, 3:5].all()
    assert not found[coarse].sign[0, [0, -1]].any()
    assert found[coarse].told[1].all()
    assert not found[coarse].told[0].all()  # the edge of what was drawn
    assert found[FINE[0]].maps.shape == (1, 32, 32)
    untouched = next(n for n in NAMES if n not in {coarse, FINE[0]})
    assert len(found[untouched].maps) == 0
    assert not found[untouched].shown.any()
