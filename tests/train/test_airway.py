import numpy as np
import pytest

pytest.importorskip("torch")

from whyray_train import airway
from whyray_train.atlas import CANNOT, MUST, UNKNOWN

SIZE, MM = 320, 1.2
TOP, BASE = 60, 260  # rows of the lungs


def lungs() -> np.ndarray:
    planes = np.zeros((2, SIZE // 2, SIZE // 2), np.uint8)
    planes[0, TOP // 2 : BASE // 2, 25:70] = 255
    planes[1, TOP // 2 : BASE // 2, 92:137] = 255
    return planes


Drawn = tuple[np.ndarray, np.ndarray]


def film(tilt: float = 0.0, width_mm: float = 16.0, depth: float = 25.0, seed: int = 0) -> Drawn:
    """A bright mediastinum with a dark band; (film, the band's middle on every row)."""
    rng = np.random.default_rng(seed)
    grey = np.full((SIZE, SIZE), 90.0)
    grey[:, 140:184] = 170.0
    rows, cols = np.arange(SIZE)[:, None], np.arange(SIZE)[None, :]
    middle = 160 + tilt * (rows - 80)
    grey -= depth * (np.abs(cols + 0.5 - middle) < width_mm / MM / 2)
    return np.clip(grey + rng.normal(0, 3, grey.shape), 0, 255).astype(np.uint8), middle[:, 0]


@pytest.mark.parametrize(("tilt", "width"), [(0.0, 16.0), (0.08, 14.0), (-0.08, 20.0)])
def test_a_dark_band_between_the_lungs_is_followed(tilt: float, width: float) -> None:
    picture, middle = film(tilt, width)
    found = airway.find(picture, lungs(), MM)
    assert found is not None
    assert found.shown.mean() > 0.9
    assert np.abs(found.middle - middle[found.rows])[found.shown].max() < 3
    assert float((found.middle - middle[found.rows])[found.shown].mean()) == pytest.approx(0, abs=0.5)
    assert found.width * MM == pytest.approx(width, abs=2.5)
    assert found.rows[0] == pytest.approx(TOP - airway.ABOVE_MM / MM, abs=2)
    assert found.rows[-1] == pytest.approx(TOP + airway.PART * (BASE - TOP), abs=4)


@pytest.mark.parametrize("seed", range(12))
def test_without_a_band_nothing_is_told(seed: int) -> None:
    """The best of all paths through noise is strong against the noise, and faint."""
    picture, _ = film(depth=0.0, seed=seed)
    assert airway.find(picture, lungs(), MM) is None


def test_a_fleck_above_a_lung_does_not_move_the_search() -> None:
    planes = lungs()
    planes[0, 2:4, 40:42] = 255
    picture, _ = film()
    with_fleck, without = airway.find(picture, planes, MM), airway.find(picture, lungs(), MM)
    assert with_fleck is not None
    assert without is not None
    assert with_fleck.rows.tolist() == without.rows.tolist()


def test_a_band_that_wanders_is_none() -> None:
    """No trachea swings by 14 mm to both sides within 70 mm."""
    straight, _ = film()
    swings = 12 * np.sin(np.arange(SIZE) / 60 * 2 * np.pi)
    picture = np.stack([np.roll(row, round(by)) for row, by in zip(straight, swings, strict=True)])
    assert airway.find(picture, lungs(), MM) is None


@pytest.mark.parametrize("missing", [0, 1])
def test_one_lung_is_not_enough(missing: int) -> None:
    planes = lungs()
    planes[missing] = 0
    assert airway.find(film()[0], planes, MM) is None


def test_what_is_told_is_the_band_and_what_lies_beside_it() -> None:
    codes = np.full((SIZE // 2, SIZE // 2), UNKNOWN, np.uint8)
    codes[:30] = CANNOT  # as an atlas would have it
    rows = np.arange(80, 100)
    shown = np.ones(20, np.bool_)
    shown[10:14] = False
    band = airway.Band(rows, np.full(20, 160.0, np.float32), 16 / MM, shown)
    airway.tell(codes, band, MM)
    assert (codes[:30] == CANNOT).all()
    assert (codes[40:45, 79:81] == MUST).all()
    assert (codes[40:45, :70] == CANNOT).all()
    assert (codes[40:45, 92:] == CANNOT).all()
    inside = (codes[42] == MUST).sum() * 2 * MM
    assert inside == pytest.approx(16 - 2 * airway.DOUBT_MM, abs=2 * MM)
    assert (codes[45:47] == UNKNOWN).all()  # not seen there
    below = codes[50:]
    assert (below[:, 78:82] == UNKNOWN).all()
    assert (below[:, : int(80 - (8 + airway.ASIDE_MM) / MM / 2) - 1] == CANNOT).all()
