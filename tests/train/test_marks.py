from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

pytest.importorskip("torch")

from train import toys
from train.toys import SIZE
from whyray.domain import Frame
from whyray_train import films, marks, sources
from whyray_train.atlas import CANNOT, MUST, UNKNOWN
from whyray_train.films import STRUCTURE_BITS, STRUCTURES
from whyray_train.marks import Marks

SHAPES = [(90, 90), (60, 120), (120, 60), (77, 101)]
BOX = ((20.0, 30.0), (80.0, 30.0), (80.0, 70.0), (20.0, 70.0))


def covered(points: tuple[tuple[float, float], ...], shape: tuple[int, int], size: int) -> np.ndarray:
    """Coverage (size, size) of a box given in per cent of the film, drawn on a finer film and letterboxed."""
    rows, cols = (10 * side for side in shape)
    corners = np.round(np.array([points[0], points[2]]) / 100 * (cols, rows)).astype(int)
    mask = np.zeros((rows, cols), np.float32)
    mask[corners[0, 1] : corners[1, 1], corners[0, 0] : corners[1, 0]] = 1
    return Frame(rows, cols, size).to_grid(mask)


# --- codes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_a_drawn_area_is_sure_inside_impossible_outside_and_open_at_its_edge(shape: tuple[int, int]) -> None:
    found = marks.codes(Marks({"heart": BOX}, {}), 40, shape, 3.0)
    assert list(found) == ["heart"]
    codes, share = found["heart"], covered(BOX, shape, 40)
    assert codes.shape == (40, 40)
    assert codes.dtype == np.uint8
    assert set(codes.ravel()) == {CANNOT, UNKNOWN, MUST}
    assert share[codes == MUST].min() > 0.9
    assert share[codes == CANNOT].max() < 0.05
    ys, xs = np.nonzero(share > 0.5)
    deep = np.s_[ys.min() + 2 : ys.max() - 1, xs.min() + 2 : xs.max() - 1]
    assert (codes[deep] == MUST).all()
    away = np.ones_like(share, np.bool_)
    away[ys.min() - 2 : ys.max() + 3, xs.min() - 2 : xs.max() + 3] = False
    assert (codes[away] == CANNOT).all()
    for across in (codes[20, xs.min() - 4 : xs.min() + 4], codes[20, xs.max() - 3 : xs.max() + 5][::-1]):
        assert across.tolist() == [CANNOT] * 3 + [UNKNOWN] * 2 + [MUST] * 3


@pytest.mark.parametrize("doubt", [0.5, 1.0, 2.0])
def test_an_outline_leaves_as_much_open_inside_as_outside(doubt: float) -> None:
    mask = np.hypot(*(np.indices((160, 160)) - 70)) < 45
    codes, outside = marks._code(mask, doubt), marks._code(~mask, doubt)
    assert (codes == UNKNOWN).any()
    np.testing.assert_array_equal(codes == UNKNOWN, outside == UNKNOWN)
    np.testing.assert_array_equal(codes == MUST, outside == CANNOT)


def test_a_film_that_is_not_square_is_letterboxed_as_computed_by_hand() -> None:
    """A wide film of 120 x 60 on 40 cells: a third of a cell a pixel, ten empty rows above and below."""
    wide = marks.codes(Marks({"heart": BOX}, {}), 40, (60, 120), 3.0)["heart"]
    ys, xs = np.nonzero(wide == MUST)
    assert (ys.min(), ys.max(), xs.min(), xs.max()) == pytest.approx((16, 23, 8, 31), abs=1)
    high = marks.codes(Marks({"heart": BOX}, {}), 40, (120, 60), 3.0)["heart"]
    ys, xs = np.nonzero(high == MUST)
    assert (ys.min(), ys.max(), xs.min(), xs.max()) == pytest.approx((12, 27, 14, 25), abs=1)


@pytest.mark.parametrize("mm_per_cell", [0.5, 1.0, 2.0])
def test_a_drawn_line_is_a_band_of_its_thickness(mm_per_cell: float) -> None:
    line = ((10.0, 48.0), (90.0, 52.0))
    codes = marks.codes(Marks({}, {"left_hemidiaphragm": line}), 120, (50, 50), mm_per_cell)["left_hemidiaphragm"]
    sure, possible = (np.count_nonzero(m[:, 30:90]) / 60 * mm_per_cell for m in (codes == MUST, codes != CANNOT))
    assert (sure + possible) / 2 == pytest.approx(marks.BAND_MM + mm_per_cell / marks.FINE, abs=0.05 * mm_per_cell)
    assert possible - sure == pytest.approx(marks.DOUBT * mm_per_cell, abs=0.1 * mm_per_cell)
    assert np.argwhere(codes == MUST).mean(axis=0) == pytest.approx((60, 60), abs=1)
    assert (codes[:, 117:] == CANNOT).all()
    assert (codes[:, :3] == CANNOT).all()


def test_a_line_stays_open_however_it_is_bent() -> None:
    bent = ((20.0, 80.0), (50.0, 20.0), (80.0, 80.0))
    codes = marks.codes(Marks({}, {"right_hemidiaphragm": bent}), 100, (50, 50), 2.0)["right_hemidiaphragm"]
    assert codes[80, 50] == CANNOT
    assert codes[60, 50] == CANNOT
    assert MUST in codes[20:23, 50]
    assert MUST in codes[50, 30:40]


def test_areas_and_lines_keep_their_names() -> None:
    both = Marks({"aortic_knob": BOX}, {"left_hemidiaphragm": BOX[:2]})
    found = marks.codes(both, 40, (50, 50), 3.0)
    assert sorted(found) == ["aortic_knob", "left_hemidiaphragm"]
    assert found["aortic_knob"][20, 20] == MUST
    assert found["left_hemidiaphragm"][20, 20] == CANNOT


# --- the drawings ---------------------------------------------------------------------------------------------------


def centre(points: tuple[tuple[float, float], ...]) -> float:
    """Column of a shape's middle, in per cent."""
    return float(np.mean([x for x, _ in points]))


def test_every_drawing_lies_on_its_film_and_names_a_structure_that_no_real_film_has_marked() -> None:
    assert marks.drawn()
    for film, drawn in marks.drawn().items():
        assert drawn.areas or drawn.lines, film
        for name, points in (*drawn.areas.items(), *drawn.lines.items()):
            assert name in STRUCTURES[len(STRUCTURE_BITS) :], (film, name)
            assert min(min(point) for point in points) >= 0, (film, name)
            assert max(max(point) for point in points) <= 100, (film, name)
        assert all(len(points) >= 3 for points in drawn.areas.values()), film
        assert all(len(points) >= 2 for points in drawn.lines.values()), film
        assert not set(drawn.areas) & set(drawn.lines), film
        assert all(("hemidiaphragm" in name) == (name in drawn.lines) for name in (*drawn.areas, *drawn.lines)), film


def test_what_is_right_lies_left_of_what_is_left() -> None:
    pairs = 0
    for film, drawn in marks.drawn().items():
        for shapes, name in ((drawn.areas, "hilum"), (drawn.lines, "hemidiaphragm")):
            if {f"right_{name}", f"left_{name}"} <= set(shapes):
                pairs += 1
                assert centre(shapes[f"right_{name}"]) < centre(shapes[f"left_{name}"]), (film, name)
    assert pairs > 20


def test_only_train_films_are_drawn_on(data_root: Path) -> None:
    table, _ = films.read_table(data_root)
    split = {film.id: film.split for film in table}
    assert {split.get(film) for film in marks.drawn()} == {"train"}


# --- rows -----------------------------------------------------------------------------------------------------------

HEADS = ("Effusion", "Mass")
DRAWN = {
    "b": Marks({"aortic_knob": BOX}, {"left_hemidiaphragm": BOX[2:]}),
    "c": Marks({"left_hilum": BOX}, {}),
    "d": Marks({"left_hilum": BOX}, {}),
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three training films, the second one twice as high as wide, and one of another split."""
    rows = [toys.label_row(i, "Mass", HEADS, split="val" if i == "d" else "train") for i in "dabc"]
    rows[2] |= {"width": "512", "height": "1024"}
    toys.write(tmp_path / "nih" / "labels.csv", rows)
    toys.write(tmp_path / "nih_anatomy" / "quality.csv", [toys.quality_row("a")])
    for row in rows:
        Picture.new("L", (40, 80) if row["id"] == "b" else (80, 80)).save(tmp_path / "nih" / f"{row['id']}.jpg")
    return tmp_path


def real() -> sources.Source:
    """The training films after an atlas was laid: every plane has a code of its own, the last film none."""
    made = toys.source(3, heads=2)
    codes = np.arange(2 * len(STRUCTURES), dtype=np.uint8).reshape(2, len(STRUCTURES), 1, 1) + 10
    planes = np.broadcast_to(codes, (2, len(STRUCTURES), SIZE // 2, SIZE // 2)).copy()
    weights = np.arange(3, dtype=np.float32)[:, None] + np.zeros_like(made.anatomy_weight)
    return replace(
        made, anatomy=planes, anatomy_row=np.array([1, 0, -1]), anatomy_weight=weights, signs=None,
        label_weight=np.array([5, 6, 7], np.float32), weights=np.array([1.0, 2.0, 3.0]),
        placed=np.array([1, 1, 0], np.float32),
    )  # fmt: skip


@pytest.fixture
def marked(data: Path, monkeypatch: pytest.MonkeyPatch) -> sources.Source:
    monkeypatch.setattr(marks, "drawn", lambda: DRAWN)
    found = sources.marked_films(data, real())
    assert found is not None
    return found


def test_what_is_drawn_takes_the_place_of_the_atlas(marked: sources.Source) -> None:
    told = marks.codes(DRAWN["b"], SIZE // 2, (80, 40), 860 / (SIZE // 2))
    square = marks.codes(DRAWN["b"], SIZE // 2, (80, 80), 860 / (SIZE // 2))
    thick = marks.codes(DRAWN["b"], SIZE // 2, (80, 40), 215 / (SIZE // 2))
    assert (told["aortic_knob"] != square["aortic_knob"]).any()
    assert (told["left_hemidiaphragm"] != thick["left_hemidiaphragm"]).any()
    for plane, name in enumerate(STRUCTURES):
        found = marked.anatomy[marked.anatomy_row[0], plane]
        np.testing.assert_array_equal(found, told.get(name, np.full_like(found, 10 + plane)), err_msg=name)


def test_a_film_without_anatomy_knows_only_what_is_drawn(marked: sources.Source) -> None:
    told = marks.codes(DRAWN["c"], SIZE // 2, (80, 80), 430 / (SIZE // 2))
    for plane, name in enumerate(STRUCTURES):
        found = marked.anatomy[marked.anatomy_row[1], plane]
        other = np.full_like(found, 0 if plane < len(STRUCTURE_BITS) else UNKNOWN)
        np.testing.assert_array_equal(found, told.get(name, other), err_msg=name)


def test_a_row_keeps_its_picture_its_labels_and_what_is_known_of_it(marked: sources.Source) -> None:
    before = real()
    rows = np.array([1, 2])
    assert len(marked.images) == 2
    for name in ("images", "anatomy_weight", "sign_weight", "film_signs", "film_sign_weight", "labels", "label_weight"):
        np.testing.assert_array_equal(getattr(marked, name), getattr(before, name)[rows], err_msg=name)
    got = marked.draw(np.arange(2))
    assert got.placed.tolist() == [1, 1]
    assert marked.weights.tolist() == [1, 1]
    assert got.images.shape == (2, 1, SIZE, SIZE)
    assert float(got.anatomy[0, STRUCTURES.index("aortic_knob")].max()) == MUST / 255


def test_the_source_is_left_as_it_was(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks, "drawn", lambda: DRAWN)
    source = real()
    sources.marked_films(data, source)
    np.testing.assert_array_equal(source.anatomy, real().anatomy)


@pytest.mark.parametrize("named", [(), ("d",), ("elsewhere",)])
def test_without_a_drawn_train_film_there_is_no_source(
    data: Path, monkeypatch: pytest.MonkeyPatch, named: tuple[str, ...]
) -> None:
    monkeypatch.setattr(marks, "drawn", lambda: dict.fromkeys(named, DRAWN["d"]))
    assert sources.marked_films(data, real()) is None
