"""Measures of grid masks whose geometry is known by hand.

The 320 x 320 film is the grid itself. The 640 x 320 film is read at scale one half: its column x lies at cell
80 + x / 2, its row y at cell y / 2, so every cell is two pixels.
"""

from pathlib import Path

import numpy as np
import pytest

from perception import scenery
from perception.scenery import LEFT, RIGHT, SIZE, Mask
from whyray.domain import Geometry, Measurement
from whyray.perception import Scene, build_scene
from whyray.perception.measures import MEASURED, area_share, diameter, farthest, height, largest, symmetry

SPACINGS = [(None, "px", 1.0, 1.0), ((0.2, 0.2), "mm", 0.2, 0.2), ((0.5, 0.25), "mm", 0.5, 0.25)]


def block(rows: tuple[int, int], cols: tuple[int, int], size: tuple[int, int] = (SIZE, SIZE)) -> Mask:
    mask = np.zeros(size, dtype=np.bool_)
    mask[slice(*rows), slice(*cols)] = True
    return mask


LUNGS = {RIGHT: block((80, 240), (40, 120)), LEFT: block((80, 240), (180, 220))}  # 12,800 and 6,400 cells


def film(folder: Path, masks: dict[str, Mask], spacing: tuple[float, float] | None = None) -> Scene:
    shape = next(iter(masks.values())).shape
    drawn = scenery.Chest(np.full(shape, 0.5), masks)
    image = drawn.image(geometry=Geometry(*shape, spacing))
    return build_scene(image, scenery.pack(), scenery.engine(folder, drawn))


def tall(folder: Path, spacing: tuple[float, float] | None = None) -> Scene:
    lungs = {RIGHT: block((100, 500), (20, 120), (640, 320)), LEFT: block((100, 500), (200, 300), (640, 320))}
    return film(folder, lungs, spacing)


def only(found: list[Measurement]) -> Measurement:
    assert len(found) == 1
    assert found[0].id == "m"
    return found[0]


# --- shares ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mask", "share"),
    [
        (block((80, 160), (40, 120)), 1 / 3),  # 6,400 of 19,200
        (LUNGS[RIGHT] | LUNGS[LEFT], 1.0),
        (block((0, 320), (0, 320)), 1.0),  # never more than all
        (block((250, 270), (40, 136)), 0.1),  # a rim below the lungs counts too
    ],
)
def test_area_share_is_the_marked_area_over_that_of_both_lungs(tmp_path: Path, mask: Mask, share: float) -> None:
    measured = only(list(area_share(film(tmp_path, LUNGS), mask, "m")))
    assert (measured.value, measured.unit) == (pytest.approx(share), "ratio")


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        (block((80, 160), (0, 320)), 1.0),  # the upper half of either
        (LUNGS[RIGHT], 0.0),
        (LUNGS[LEFT], 0.0),
        (block((80, 160), (40, 120)) | LUNGS[LEFT], 2 / 3),  # 1 - |0.5 - 1| / 1.5
    ],
)
def test_symmetry_compares_the_shares_of_the_two_lungs(tmp_path: Path, mask: Mask, expected: float) -> None:
    measured = only(list(symmetry(film(tmp_path, LUNGS), mask, "m")))
    assert (measured.value, measured.unit) == (pytest.approx(expected), "ratio")


def test_there_is_no_symmetry_without_two_lungs_or_outside_them(tmp_path: Path) -> None:
    assert list(symmetry(film(tmp_path, LUNGS), block((0, 40), (0, 320)), "m")) == []
    assert list(symmetry(film(tmp_path, {RIGHT: LUNGS[RIGHT]}), LUNGS[RIGHT], "m")) == []


# --- lengths --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("spacing", "unit", "row", "_col"), SPACINGS)
def test_height_is_that_of_the_tallest_part(
    tmp_path: Path, spacing: tuple[float, float] | None, unit: str, row: float, _col: float
) -> None:
    mask = block((100, 160), (100, 110)) | block((200, 230), (120, 220))  # 60 rows beside a larger part of 30
    measured = only(list(height(tall(tmp_path, spacing), mask, "m")))
    assert (measured.value, measured.unit) == (pytest.approx(120 * row, abs=2 * row), unit)
    (line,) = measured.lines
    assert (*line.start, *line.end) == pytest.approx((50, 200, 50, 320), abs=2)


@pytest.mark.parametrize(("spacing", "unit", "row", "col"), SPACINGS)
def test_diameter_is_the_diagonal_of_a_block(
    tmp_path: Path, spacing: tuple[float, float] | None, unit: str, row: float, col: float
) -> None:
    mask = block((100, 160), (100, 145)) | block(
        (220, 222), (90, 230)
    )  # 90 x 120 pixels; the bar is longer but smaller
    measured = only(list(diameter(tall(tmp_path, spacing), mask, "m")))
    assert measured.unit == unit
    assert measured.value == pytest.approx(np.hypot(90 * col, 120 * row), rel=0.02)
    (line,) = measured.lines
    xs, ys = zip(line.start, line.end, strict=True)
    assert sorted(xs) == pytest.approx([40, 130], abs=3)
    assert sorted(ys) == pytest.approx([200, 320], abs=3)


def test_diameter_of_a_disc_is_twice_its_radius(tmp_path: Path) -> None:
    y, x = np.mgrid[:SIZE, :SIZE]
    measured = only(list(diameter(film(tmp_path, LUNGS), np.hypot(x - 80, y - 150) < 25, "m")))
    assert measured.value == pytest.approx(50, abs=2)


def test_the_longest_diameter_is_the_longest_in_millimetres(tmp_path: Path) -> None:
    """100 x 80 pixels of 0.25 x 1 mm: 25 mm across, 80 mm down; the diagonal hypot(25, 80) is the longest."""
    y, x = np.mgrid[:SIZE, :SIZE]
    oval = ((x - 80) / 50) ** 2 + ((y - 160) / 40) ** 2 < 1
    measured = only(list(diameter(film(tmp_path, LUNGS, (1.0, 0.25)), oval, "m")))
    assert measured.value == pytest.approx(80, abs=2)


def test_the_largest_part_is_counted_in_cells_or_in_rows(tmp_path: Path) -> None:
    scene = film(tmp_path, LUNGS)
    mask = block((100, 160), (100, 105)) | block((200, 220), (120, 220))
    wide, high = largest(scene, mask), largest(scene, mask, by_height=True)
    assert wide.bbox == (120, 200, 220, 220)
    assert high.bbox == (100, 100, 105, 160)
    with pytest.raises(ValueError, match="empty"):
        largest(scene, np.zeros((SIZE, SIZE), dtype=np.bool_))


def test_every_measure_that_the_pack_asks_for_exists() -> None:
    asked = {s.detector.params["measured"] for s in scenery.mapped() if s.detector is not None}
    assert asked == set(MEASURED)


@pytest.mark.parametrize("scale", [(1.0, 1.0), (0.25, 0.5)])
def test_the_farthest_pair_is_the_first_of_those_with_the_greatest_distance(scale: tuple[float, float]) -> None:
    for seed in range(20):
        points = np.random.default_rng(seed).integers(0, 12, (40, 2)).astype(np.float64)
        dx, dy = ((points[:, None] - points[None]) * scale).transpose(2, 0, 1)
        distances = np.hypot(dx, dy)
        assert farthest(points, scale) == np.unravel_index(int(distances.argmax()), distances.shape)
