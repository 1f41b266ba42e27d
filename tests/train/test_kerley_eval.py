from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch")

from whyray_train import kerley_eval
from whyray_train.insertion import Film, Inserted

N = 20


def at(*cells: tuple[int, int], peak: float = 5.0) -> np.ndarray:
    logits = np.full((N, N), -5.0, np.float32)
    for y, x in cells:
        logits[y, x] = peak
    return logits


def line(y: int, x: int) -> np.ndarray:
    mask = np.zeros((N, N), dtype=np.bool_)
    mask[y, x : x + 2] = True
    return mask


def test_the_level_is_the_lowest_that_allows_half_a_false_line_a_film() -> None:
    """Four clear films with peaks 1 to 4: above 2 half of them has a part. Of three lines the map shows 3, 9 and 1."""
    clear = np.stack([at((3, 3), peak=float(p)) for p in (1, 2, 3, 4)])
    maps = np.stack([np.maximum(at((5, 5), peak=3.0), at((9, 9), peak=9.0)), at((5, 5), peak=1.0)])
    lines = [[line(5, 5), line(9, 8)], [line(5, 5)]]
    got = kerley_eval.free_response(clear, maps, lines, ["a", "b"])
    assert got["false_lines_a_film"] == 0.5
    assert 2.0 <= got["level"] < 3.0
    assert got["sensitivity"]["value"] == pytest.approx(2 / 3, abs=1e-3)
    assert (got["lines"], got["films"], got["clear_films"]) == (3, 2, 4)


def test_two_parts_on_one_film_are_two_false_lines_and_one_long_part_is_one() -> None:
    two, one = at((3, 3), (9, 9), peak=4.0), at((3, 3), (3, 4), (3, 5), peak=4.0)
    quiet = at()
    lines, maps = [[line(3, 3)]], at((3, 3), peak=4.5)[None]
    strict = kerley_eval.free_response(np.stack([two, two, quiet]), maps, lines, ["a"])
    assert strict["false_lines_a_film"] == 0
    lenient = kerley_eval.free_response(np.stack([one, quiet]), maps, lines, ["a"])
    assert lenient["false_lines_a_film"] == 0.5
    nothing = kerley_eval.free_response(np.stack([one, quiet]), maps, [[]], ["a"])
    assert "sensitivity" not in nothing


def test_only_lines_of_the_set_length_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Marks of 8 and 20 mm, each 1.3 mm longer at both ends than its line."""
    mm, work = 0.42, kerley_eval.WORK
    marks = np.zeros((work, work), np.float32)
    border = 2 * kerley_eval.MARK_MM
    marks[100:106, 200 : 200 + round((8 + border) / mm)] = 1
    marks[300:306, 200 : 200 + round((20 + border) / mm)] = 1
    blank = np.zeros((work, work), np.float32)
    base = Film(blank, blank, blank, blank, mm)
    monkeypatch.setattr(kerley_eval, "insert", lambda kind, film, rng: Inserted(blank, {kind: marks}))
    made = kerley_eval.drawn(base, 320, 80, np.random.default_rng(0))
    assert made is not None
    assert made.pixels.shape == (320, 320)
    assert len(made.lines) == 1
    ys, xs = np.nonzero(made.lines[0])
    assert (int(ys.min()), int(ys.max())) in {(7, 8), (7, 7), (8, 8)}
    assert (xs.min(), xs.max()) == pytest.approx((200 * 80 / work, (200 + 25) * 80 / work), abs=1)
    monkeypatch.setattr(kerley_eval, "insert", lambda kind, film, rng: None)
    assert kerley_eval.drawn(base, 320, 80, np.random.default_rng(0)) is None


def test_lines_are_drawn_into_normal_films_and_looked_for_at_the_network_size(tmp_path, monkeypatch) -> None:
    from train import toys
    from whyray_train import films
    from whyray_train.gating import channels

    folder = tmp_path / "data"
    for name in ("1", "2"):
        toys.save_film(folder, name, 1024)
    rows = [toys.label_row(n, label, ("Mass",), split="val") for n, label in (("1", films.NORMAL_LABEL), ("2", "Mass"))]
    toys.write(folder / "nih" / "labels.csv", rows)
    toys.write(folder / "nih_anatomy" / "quality.csv", [toys.quality_row("1"), toys.quality_row("2")])
    seen = []

    def run(array, want):
        seen.append((array.shape, list(want)))
        return {
            "signs": np.full((len(names), 80, 80), -5.0, np.float32),
            "anatomy": np.zeros((1, 160, 160), np.float32),
        }

    blank = np.zeros((kerley_eval.WORK, kerley_eval.WORK), np.float32)
    monkeypatch.setattr(kerley_eval, "insert", lambda kind, film, rng: Inserted(film.pixels, {kind: blank}))
    names = [c.name for c in channels()]
    card = SimpleNamespace(input_size=320, second=None, outputs={"signs": names})
    engine = SimpleNamespace(card=card, run=run)
    got = kerley_eval.short_lines(engine, folder, tmp_path / "cache")
    assert seen == [((1, 320, 320), ["anatomy", "signs"])] * 2
    assert (got["films"], got["clear_films"], got["lines"]) == (1, 1, 0)
    assert "drawn into" in got["source"]
