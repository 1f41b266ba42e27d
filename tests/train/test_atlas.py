import numpy as np
import pytest

from whyray_train.atlas import CANNOT, MUST, UNKNOWN, Atlas, box, tell_dome

SIZE = 80


def lungs(x: int, y: int, width: int = 40, height: int = 40) -> np.ndarray:
    """Two upright boxes, the right lung at the image's left."""
    planes = np.zeros((2, SIZE, SIZE), np.uint8)
    planes[0, y : y + height, x : x + width // 3] = 255
    planes[1, y : y + height, x + 2 * width // 3 : x + width] = 255
    return planes


def airway(x: int, y: int, width: int = 40, height: int = 40) -> np.ndarray:
    """A strip between the lungs."""
    plane = np.zeros((1, SIZE, SIZE), np.uint8)
    plane[0, y : y + height // 2, x + 3 * width // 8 : x + 5 * width // 8] = 255
    return plane


@pytest.fixture(scope="module")
def atlas() -> Atlas:
    places = [(10, 12), (20, 20), (30, 25), (15, 30)]
    return Atlas.of(np.stack([airway(*p) for p in places]), np.stack([lungs(*p) for p in places]))


@pytest.mark.parametrize("place", [(5, 5, 40, 40), (24, 18, 50, 60), (40, 30, 30, 24)])
def test_a_laid_atlas_follows_the_lungs(atlas: Atlas, place: tuple[int, int, int, int]) -> None:
    (codes,) = atlas.laid(lungs(*place))
    truth = airway(*place)[0] > 127
    assert (codes == MUST).any()
    assert truth[codes == MUST].mean() > 0.9
    assert not truth[codes == CANNOT].any()
    pair = lungs(*place).max(axis=0) > 127
    assert (codes[pair] == CANNOT).mean() > 0.5


def test_what_the_atlas_does_not_reach_is_not_told(atlas: Atlas) -> None:
    (codes,) = atlas.laid(lungs(30, 30, 12, 12))
    assert (codes[:10] == UNKNOWN).all()


def told(heart: np.ndarray) -> np.ndarray:
    codes = np.full((SIZE, SIZE), UNKNOWN, np.uint8)
    tell_dome(codes, lungs(10, 10)[0], heart)
    return codes


def test_the_dome_is_the_lower_edge_without_its_ends() -> None:
    codes = told(np.zeros((SIZE, SIZE), np.uint8))
    ys, xs = np.nonzero(codes == MUST)
    assert (ys.min(), ys.max()) == (49, 51)
    assert xs.min() > 10
    assert xs.max() < 22
    assert not (codes == CANNOT).any()


def test_a_lung_that_ends_on_the_heart_shows_no_dome_there() -> None:
    heart = np.zeros((SIZE, SIZE), np.uint8)
    heart[50:60, :16] = 255
    codes = told(heart)
    assert (codes[49:52, 13:16] == CANNOT).all()
    assert (codes[49:52, 16:20] == MUST).all()
    heart[:] = 0
    heart[60:, :] = 255  # so far below there is a dome between
    assert not (told(heart) == CANNOT).any()


def test_the_box_holds_both_lungs_and_needs_one() -> None:
    assert box(lungs(10, 12)) == (10, 12, 50, 52)
    with pytest.raises(ValueError, match="no lungs"):
        box(np.zeros((2, SIZE, SIZE), np.uint8))
