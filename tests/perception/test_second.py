import numpy as np
import pytest

from whyray_train import lung_crops

CROP = (64, 80)  # rows, columns of a crop
CELLS = 40  # of the planes; the film has four times as many pixels


def chest() -> np.ndarray:
    """Planes with two lungs as boxes, the left one the mirror image of the right one, and a heart between them."""
    planes = np.zeros((4, CELLS, CELLS), np.float32)
    planes[0, 8:30, 4:16] = 1
    planes[1] = planes[0][:, ::-1]
    planes[2, 20:30, 16:24] = 1
    return planes


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lung_crops, "BESIDE", 8)
    monkeypatch.setattr(lung_crops, "BELOW", 8)


@pytest.mark.usefixtures("small")
def test_the_left_lung_of_a_mirrored_film_gives_the_right_lungs_crop() -> None:
    rng = np.random.default_rng(1)
    film = rng.random((4 * CELLS, 4 * CELLS), dtype=np.float32)
    right, left = lung_crops.find(chest(), CROP)
    assert (right.mirrored, left.mirrored) == (False, True)
    one, other = lung_crops.cut(film, right, CROP), lung_crops.cut(film[:, ::-1], left, CROP)
    assert one.std() > 0.2
    np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(lung_crops.places(chest(), right, CROP), lung_crops.places(chest(), left, CROP))


@pytest.mark.usefixtures("small")
def test_a_crop_is_anchored_at_the_lateral_and_lower_edge() -> None:
    right = lung_crops.find(chest(), CROP)[0]
    seen = lung_crops.cut(np.kron(chest()[0], np.ones((4, 4), np.float32)), right, CROP)
    rows, cols = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    assert rows[-1] == CROP[0] - 1 - 8
    assert cols[0] == 8


@pytest.mark.usefixtures("small")
def test_places_run_from_apex_to_base_and_from_wall_to_middle() -> None:
    right = lung_crops.find(chest(), CROP)[0]
    this, other, heart, _, down, across = lung_crops.places(chest(), right, CROP)
    inside = this > 0.5
    assert down[inside].max() == pytest.approx(1, abs=0.05)
    assert across[inside].min() == pytest.approx(0, abs=0.09)
    assert across[heart > 0.5].min() >= 1 - 0.01
    assert not other.any()


@pytest.mark.usefixtures("small")
def test_beyond_the_film_a_crop_is_dark_and_strides_lie_on_each_other() -> None:
    lung = lung_crops.Lung((-16, -8), False, (0, 4, 0, 4))
    film = np.ones((4 * CELLS, 4 * CELLS), np.float32)
    seen = lung_crops.cut(film, lung, CROP)
    assert not seen[:16].any()
    assert not seen[:, :8].any()
    assert seen[16:, 8:].all()
    coarse = lung_crops.cut(film[::2, ::2], lung, CROP, 2)
    np.testing.assert_array_equal(seen[::2, ::2], coarse)


def test_a_speck_is_no_lung() -> None:
    planes = np.zeros((4, CELLS, CELLS), np.float32)
    planes[0, 5:10, 5:10] = 1
    assert lung_crops.find(planes, CROP) == []
