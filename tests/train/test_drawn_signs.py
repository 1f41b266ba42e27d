from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch")

from train import toys
from train.toys import SIZE
from whyray_train import drawn_eval, drawn_signs, films, gating, sources
from whyray_train.atlas import CANNOT, MUST, UNKNOWN
from whyray_train.drawn_signs import Drawn, planes

NAMES = drawn_signs.names()
FIRST, SECOND, THIRD = NAMES[:3]
LEFT = ((10.0, 20.0), (40.0, 20.0), (40.0, 80.0), (10.0, 80.0))
RIGHT = tuple((100 - x, y) for x, y in LEFT)


def at(plane: np.ndarray, x: float, y: float) -> int:
    """Code at a place in per cent of a square film."""
    return int(plane[int(y / 100 * len(plane)), int(x / 100 * len(plane))])


def test_an_area_says_yes_inside_no_outside_and_nothing_at_its_edge() -> None:
    plane = planes(Drawn({FIRST: (LEFT,)}, {}, frozenset()), NAMES, 40, (50, 50))[0]
    assert [at(plane, x, 50) for x in (5, 10, 25, 40, 60)] == [CANNOT, UNKNOWN, MUST, UNKNOWN, CANNOT]
    assert (plane == MUST).mean() == pytest.approx(0.3 * 0.6, rel=0.25)


def test_what_is_doubtful_or_another_signs_is_left_open() -> None:
    film = Drawn({FIRST: (LEFT,)}, {SECOND: (RIGHT,)}, frozenset())
    first, second = planes(film, NAMES, 40, (50, 50))[:2]
    assert [at(first, x, 50) for x in (25, 75, 50)] == [MUST, UNKNOWN, CANNOT]
    assert [at(second, x, 50) for x in (25, 75, 50)] == [UNKNOWN, UNKNOWN, CANNOT]


def test_a_clear_sign_is_nowhere_and_one_that_was_not_judged_is_unknown() -> None:
    film = Drawn({FIRST: (LEFT,)}, {}, frozenset({SECOND}))
    found = planes(film, NAMES, 40, (50, 50))
    assert (found[1] == CANNOT).all()
    assert (found[2] == UNKNOWN).all()
    assert [film.judged(name) for name in NAMES[:3]] == [True, True, False]


def test_two_areas_of_one_sign_join() -> None:
    across = ((30.0, 40.0), (70.0, 40.0), (70.0, 60.0), (30.0, 60.0))
    plane = planes(Drawn({FIRST: (LEFT, across)}, {}, frozenset()), NAMES, 60, (50, 50))[0]
    assert [at(plane, x, 50) for x in (25, 35, 50)] == [MUST] * 3


def test_areas_follow_the_letterbox_of_a_wide_film() -> None:
    plane = planes(Drawn({FIRST: (LEFT,)}, {}, frozenset()), NAMES, 40, (50, 100))[0]
    assert [at(plane, 25, y) for y in (10, 30, 50, 70, 90)] == [CANNOT, CANNOT, MUST, CANNOT, CANNOT]


def test_every_film_drawn_on_is_a_train_or_val_film_and_inside_itself(data_root: Path) -> None:
    split = {f.id: f.split for f in films.read_table(data_root)[0]}
    found = drawn_signs.drawn()
    assert len(found) > 300
    assert {split[name] for name in found} == {"train", "val"}
    for film in found.values():
        assert not film.clear & (set(film.sure) | set(film.doubtful))
        assert film.clear | set(film.sure) | set(film.doubtful) <= set(NAMES)
        for areas in (*film.sure.values(), *film.doubtful.values()):
            assert all(len(area) >= 4 and 0 <= min(map(min, area)) <= max(map(max, area)) <= 100 for area in areas)


def test_rows_hold_codes_and_a_reported_sign_is_never_called_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    channel = next(c for c in gating.channels() if c.labels)
    at_channel = NAMES.index(channel.name)
    reported = toys.film("|".join(sorted(channel.labels)), id="a")
    items = [toys.film(id="x"), reported, toys.film(id="b")]
    monkeypatch.setattr(films, "read_table", lambda _: (items, ()))
    clear = Drawn({}, {}, frozenset({channel.name}))
    monkeypatch.setattr(drawn_signs, "drawn", lambda: {"a": clear, "b": clear})
    monkeypatch.setattr(films, "shape", lambda _: (50, 50))
    found = drawn_signs.drawn_films(Path(), toys.source(3))
    assert found is not None
    assert found.sign_weight[:, at_channel].tolist() == [0, 1]
    assert found.drawn is not None
    batch = found.draw(np.array([1]))
    assert batch.drawn.tolist() == [1]
    assert batch.signs.shape == (1, len(NAMES), SIZE // 4, SIZE // 4)
    assert batch.signs[0, at_channel].max() == 0
    assert batch.label_weight.tolist() == [0]
    monkeypatch.setattr(drawn_signs, "drawn", dict)
    assert drawn_signs.drawn_films(Path(), toys.source(3)) is None


def test_sources_without_drawings_say_so() -> None:
    assert sources.joined([toys.source(2).draw(np.array([0, 1]))]).drawn.tolist() == [0, 0]


# --- measured -------------------------------------------------------------------------------------------------------


def test_a_map_is_measured_against_what_was_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three films with the sign at the left: the map shows it on two of them; three clear films, dark maps."""
    monkeypatch.setattr(films, "shape", lambda _: (40, 40))
    signed, clear = Drawn({FIRST: (LEFT,)}, {}, frozenset()), Drawn({}, {}, frozenset({FIRST}))
    films_drawn = {**dict.fromkeys("abc", signed), **dict.fromkeys("xyz", clear)}
    for module in (drawn_eval, drawn_signs):
        monkeypatch.setattr(module, "drawn", lambda: films_drawn)
    map_of = dict.fromkeys("abcxyz", np.full((40, 40), -8, np.float32))
    for name, columns in (("a", slice(5, 15)), ("b", slice(5, 15)), ("c", slice(28, 36))):
        map_of[name] = np.full((40, 40), -8, np.float32)
        map_of[name][10:30, columns] = 4
    scene = lambda name: SimpleNamespace(signs={FIRST: map_of[name]}, card=SimpleNamespace(second=None))  # noqa: E731
    monkeypatch.setattr(drawn_eval, "build_scene", lambda image, *_: scene(image))
    reader = SimpleNamespace(
        read=lambda path, view, spacing_mm: SimpleNamespace(image=path.stem, pack=None), engine=lambda _: None
    )
    items = [toys.film(id=name, path=Path(f"{name}.jpg"), patient=name) for name in "abcxyzq"]
    found = drawn_eval.on_drawn(reader, items)  # type: ignore[arg-type]
    assert set(found) == {"source", FIRST}
    numbers = found[FIRST]
    assert (numbers["films"], numbers["hit"]) == (3, 0.667)
    assert numbers["auroc"]["value"] == 1
    assert numbers["area"] == pytest.approx(0.2, abs=0.06)
    assert numbers["mask_share"] < numbers["mask_auprc"] < 1
