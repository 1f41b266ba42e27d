from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from whyray_train import films, spines  # noqa: E402
from whyray_train.atlas import CANNOT, MUST, UNKNOWN  # noqa: E402
from whyray_train.told import DOUBT_MM, WIDTHS_MM, Spines  # noqa: E402

SIZE = 160
MM = 2.5  # of a cell


def leaning(middle: np.ndarray, aside: float, wide: float = 12.0) -> np.ndarray:
    """Readings of a column about `middle` (h,) that reaches farther to the left, and, mirrored, to the right."""
    columns = np.arange(SIZE) + 0.5
    found = np.zeros((4, SIZE, SIZE), np.float32)
    for reading, way in zip(found, (-1, -1, -1, 1), strict=True):
        low, high = middle - wide / 2, middle + wide / 2
        low, high = (low - aside, high) if way < 0 else (low, high + aside)
        inside = (columns >= low[:, None]) & (columns <= high[:, None])
        reading[20:130] = inside[20:130]
    return found


def test_what_is_added_on_one_side_is_told_away() -> None:
    rows = np.arange(SIZE)
    truth = 78 + 0.05 * rows - 2e-4 * rows**2
    told = spines.line(leaning(truth, aside=8), MM)
    assert told is not None
    assert told[0] == (20, 129)
    np.testing.assert_allclose(np.polyval(told[1], rows[20:130]), truth[20:130], atol=0.6)


@pytest.mark.parametrize(
    "found",
    [
        leaning(np.full(SIZE, 80.0), aside=40),  # the two readings lie far apart
        leaning(80 + 12 * np.sin(np.arange(SIZE) / 12), aside=0),  # no spine winds so
        leaning(80 + 0.004 * (np.arange(SIZE) - 75.0) ** 2, aside=0),  # nor bends so much
        np.zeros((4, SIZE, SIZE), np.float32),
    ],
    ids=["apart", "winding", "bent", "nothing"],
)
def test_a_doubtful_course_is_not_told(found: np.ndarray) -> None:
    assert spines.line(found, MM) is None


def test_a_short_piece_is_not_told() -> None:
    found = leaning(np.full(SIZE, 80.0), aside=0)
    found[:, 60:] = 0
    assert spines.line(found, MM) is None
    assert spines.line(found, 4 * MM) is not None


def test_codes_hold_the_widths_of_a_spine_and_their_doubt() -> None:
    told = Spines(np.array(["a", "b"]), np.array([[20, 129], [5, 9]]), np.array([[0.0, 0.1, 70.0], [0.0, 0.0, 9.0]]))
    codes = np.full((SIZE, SIZE), UNKNOWN, np.uint8)
    told.tell("a", codes, MM)
    assert (codes[:20] == UNKNOWN).all()
    assert (codes[130:] == UNKNOWN).all()
    for row, width in ((20, WIDTHS_MM[0]), (129, WIDTHS_MM[1])):
        assert (codes[row] == MUST).sum() == pytest.approx((width - 2 * DOUBT_MM) / MM, abs=1)
        assert (codes[row] != CANNOT).sum() == pytest.approx((width + 2 * DOUBT_MM) / MM, abs=1)
        assert np.flatnonzero(codes[row] == MUST).mean() + 0.5 == pytest.approx(70 + 0.1 * row, abs=1)
    untold = np.full((SIZE, SIZE), UNKNOWN, np.uint8)
    told.tell("c", untold, MM)
    assert (untold == UNKNOWN).all()


def test_the_file_gives_back_what_was_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Films that are not of the train split are not read; one without a spine is left out."""
    items = [
        films.Film(i, i, split, "PA", frozenset(), None, tmp_path / f"{i}.png", None, extent_mm=SIZE * MM)
        for i, split in (("a", "train"), ("b", "train"), ("c", "val"))
    ]
    seen: list[str] = []

    def load(path: Path, size: int) -> str:
        seen.append(path.stem)
        return path.stem

    def read(net: object, film: str) -> np.ndarray:
        found = np.zeros((4, len(films.STRUCTURES), SIZE, SIZE), np.float32)
        if film == "a":
            found[:, spines.SPINE] = leaning(np.full(SIZE, 80.0), aside=4)
        return found

    monkeypatch.setattr(spines.films, "read_table", lambda data: (items, ()))
    monkeypatch.setattr(spines.films, "load_array", load)
    monkeypatch.setattr(spines, "readings", read)
    monkeypatch.setattr(spines, "read_net", lambda file: (None, 320))
    out = tmp_path / "spines.npz"
    spines.main(["--data", str(tmp_path), "--net", "net.pt", "--out", str(out)])
    told = Spines.load(out)
    assert seen == ["a", "b"]
    assert told.ids.tolist() == ["a"]
    assert told.rows.tolist() == [[20, 129]]
    assert told.lines.shape == (1, 3)
