from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from train import toys
from train.toys import LEFT, RIGHT, film
from whyray.domain import Frame
from whyray_train import films, inserted
from whyray_train.films import Film as Item
from whyray_train.gating import channels
from whyray_train.insertion import Film, Inserted

NAMES = [c.name for c in channels()]
SIDE = 64
KINDS = ("square", "bar")
SQUARE, BAR = (slice(200, 260), slice(340, 400)), (slice(300, 310), slice(100, 180))  # on the 512 px film


def put(kind: str, base: Film, rng: np.random.Generator) -> Inserted | None:
    """Signs whose mask is exactly what they change: a white square (two channels) or a black bar."""
    mask = np.zeros_like(base.pixels)
    mask[SQUARE if kind == "square" else BAR] = 1
    level = rng.uniform(0.9, 1.0) if kind == "square" else 0.0
    pixels = np.where(mask > 0, np.float32(level), base.pixels)
    masks = {NAMES[2]: mask, NAMES[4]: mask} if kind == "square" else {NAMES[7]: mask}
    return Inserted(pixels, masks)


@pytest.fixture
def items(tmp_path: Path) -> list[Item]:
    """A normal film and one with a study label, drawn alike."""
    for film_id in ("n", "e"):
        toys.save_film(tmp_path, film_id)
    where = {"n": films.NORMAL_LABEL, "e": "Edema"}
    return [
        film(text, id=i, path=tmp_path / "nih" / f"{i}.jpg", anatomy=tmp_path / "nih_anatomy" / f"{i}.png")
        for i, text in where.items()
    ]


@pytest.fixture
def simple(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two kinds of signs, and no look-alikes."""
    monkeypatch.setattr(inserted, "KINDS", dict.fromkeys(KINDS))
    monkeypatch.setattr(inserted, "insert", put)
    monkeypatch.setattr(inserted, "DISGUISED", 0.0)


def make(items: list[Item], cache: Path, count: int = 24, seed: int = 1) -> inserted.Set:
    return inserted.make(items, count, SIDE, seed, cache)


def small(place: tuple[slice, slice], size: int) -> np.ndarray:
    mask = np.zeros((inserted.WORK, inserted.WORK), np.float32)
    mask[place] = 1
    return Frame(inserted.WORK, inserted.WORK, size).to_grid(mask)


@pytest.mark.usefixtures("simple")
def test_masks_lie_where_the_film_was_changed(items: list[Item], tmp_path: Path) -> None:
    made = make(items, tmp_path / "cache")
    plain = films.cached([f.path for f in items], inserted.WORK, tmp_path / "cache")
    base = [Frame(inserted.WORK, inserted.WORK, SIDE).to_grid(p / np.float32(255)) * 255 for p in plain]
    shown = made.shown
    assert shown[:, [2, 7]].any(axis=0).all()
    for i, row in enumerate(made.base):
        for channel, place in ((2, SQUARE), (4, SQUARE), (7, BAR)):
            truth = small(place, SIDE // inserted.STRIDE) * 255 if shown[i, channel] else 0
            np.testing.assert_allclose(made.signs[i, channel], truth, atol=1)
        changed = np.abs(made.images[i] - base[row]) > 3
        marked = np.any(
            [small(p, SIDE) > 0 for c, p in ((2, SQUARE), (7, BAR)) if shown[i, c]] or [changed * False], axis=0
        )
        assert not (changed & ~marked).any()
        assert changed.any() == shown[i].any()


@pytest.mark.usefixtures("simple")
def test_a_line_thinner_than_half_a_cell_is_still_a_sign(items: list[Item], tmp_path: Path) -> None:
    made = make(items, tmp_path / "cache")
    lines = made.kinds == "bar"
    assert 0 < made.signs[lines, 7].max() < 127
    assert made.shown[lines, 7].all()


@pytest.mark.usefixtures("simple")
def test_the_first_kind_is_told_and_some_films_stay_plain(items: list[Item], tmp_path: Path) -> None:
    made = make(items, tmp_path / "cache", 60)
    shown = made.shown
    assert set(made.kinds) == {"", *KINDS}
    assert np.array_equal(made.kinds == "", ~shown.any(axis=1))
    assert shown[made.kinds == "square", 2].all()
    assert shown[made.kinds == "bar", 7].all()
    both = (shown[:, 2] & shown[:, 7]).mean()
    assert 0 < both < 0.5
    assert (made.kinds == "").mean() == pytest.approx(inserted.PLAIN, abs=0.12)


@pytest.mark.usefixtures("simple")
def test_only_a_normal_film_tells_that_other_signs_are_absent(items: list[Item], tmp_path: Path) -> None:
    made = make(items, tmp_path / "cache")
    shown = made.shown
    assert set(made.base) == {0, 1}
    assert made.known[made.base == 0].all()
    np.testing.assert_array_equal(made.known[made.base == 1], shown[made.base == 1])


@pytest.mark.usefixtures("simple")
def test_a_set_is_made_once_and_follows_its_seed(
    items: list[Item], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, elsewhere, other = (
        make(items, tmp_path / "a"),
        make(items, tmp_path / "b"),
        make(items, tmp_path / "a", seed=2),
    )
    for name in inserted.Set.__slots__:
        assert np.array_equal(getattr(first, name), getattr(elsewhere, name)), name
    assert not np.array_equal(first.images, other.images)
    monkeypatch.setattr(inserted, "insert", None)  # would fail if anything were made again
    again = make(items, tmp_path / "a")
    assert np.array_equal(first.images, again.images)
    assert len(list((tmp_path / "a").glob("inserted-*.npz"))) == 2
    with pytest.raises(TypeError):
        make(items, tmp_path / "a", count=25)
    with pytest.raises(TypeError):
        make(items[:1], tmp_path / "a")


def test_the_real_signs_change_the_chest_they_are_put_into(items: list[Item], tmp_path: Path) -> None:
    made = make(items, tmp_path / "cache", 8, seed=3)
    plain = films.cached([f.path for f in items], SIDE, tmp_path / "cache")
    assert (made.kinds != "").sum() >= 4
    assert set(made.kinds) - {""} <= set(inserted.KINDS)
    for i in np.flatnonzero(made.kinds != ""):
        assert made.signs[i].max() > 0
        assert not np.array_equal(made.images[i], plain[made.base[i]])
    body = toys.planes(SIDE // inserted.STRIDE)[[RIGHT, LEFT]].any(axis=0)
    reach = np.zeros_like(body)
    ys, xs = np.nonzero(body)
    reach[max(ys.min() - 3, 0) : ys.max() + 4, max(xs.min() - 3, 0) : xs.max() + 4] = True
    assert not made.signs[:, :, ~reach].any()
