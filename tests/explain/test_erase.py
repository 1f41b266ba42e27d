import numpy as np
import pytest
from scipy import ndimage

from whyray.domain import Geometry, Image, Region
from whyray.explain import counterfactual, erase, random_region
from whyray.explain.erase import fill

N, GROUND, ADDED = 400, 0.4, 0.3
CELL = N / 256
RIM = 9 * CELL  # hole border, soft edge (four sigma of one cell) and interpolation


def circle(radius: float, cx: float = N / 2, cy: float = N / 2, shape: tuple[int, int] = (N, N)) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.asarray(np.hypot(x - cx, y - cy) < radius)


def film(pixels: np.ndarray) -> Image:
    return Image(pixels[None].astype(np.float32), Geometry(*pixels.shape), "digest", "film")


def region(mask: np.ndarray) -> Region:
    made = Region.from_mask(mask)
    assert made is not None
    return made


def inner(mask: np.ndarray) -> np.ndarray:
    return np.asarray(ndimage.distance_transform_edt(mask) > RIM)


def outer(mask: np.ndarray) -> np.ndarray:
    return np.asarray(ndimage.distance_transform_edt(~mask) > RIM)


@pytest.mark.parametrize("shape", [(N, N), (300, 400), (400, 300)])
def test_nothing_changes_outside_the_region_and_its_rim(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).random(shape)
    mask = circle(50, 160, 140, shape)
    before = film(pixels)
    after = erase(before, region(mask))
    assert np.array_equal(after.pixels[0][outer(mask)], before.pixels[0][outer(mask)])
    assert not np.array_equal(after.pixels[0][mask], before.pixels[0][mask])


@pytest.mark.parametrize("radius", [60, 110])
def test_a_bright_disc_on_flat_ground_falls_to_the_ground(radius: float) -> None:
    mask = circle(radius)
    after = erase(film(GROUND + ADDED * mask), region(mask)).pixels[0]
    assert after[inner(mask)].mean() == pytest.approx(GROUND, abs=0.02)
    assert after[mask].mean() < GROUND + 0.25 * ADDED


def test_a_dark_disc_rises_to_the_ground() -> None:
    mask = circle(60)
    after = erase(film(GROUND - ADDED * mask), region(mask)).pixels[0]
    assert after[inner(mask)].mean() == pytest.approx(GROUND, abs=0.02)


def test_flat_ground_stays_flat() -> None:
    after = erase(film(np.full((N, N), GROUND)), region(circle(60))).pixels[0]
    assert np.abs(after - GROUND).max() < 1e-4


def test_a_slope_goes_on_under_the_erased_disc() -> None:
    slope = np.broadcast_to(np.linspace(0.2, 0.6, N)[None, :], (N, N))
    mask = circle(50)
    after = erase(film(slope + ADDED * mask), region(mask)).pixels[0]
    assert np.abs(after - slope)[inner(mask)].mean() < 0.05
    left, right = (after[inner(mask) & (np.arange(N)[None, :] * side > side * N / 2)].mean() for side in (-1, 1))
    assert right > left + 0.01


def test_fine_detail_survives() -> None:
    y, x = np.mgrid[:N, :N]
    detail = 0.05 * np.sin(2 * np.pi * x / 6) * np.sin(2 * np.pi * y / 6)
    mask = circle(80)
    after = erase(film(GROUND + ADDED * mask + detail), region(mask)).pixels[0]
    core = inner(mask)
    left = (after - ndimage.gaussian_filter(after, 8))[core]
    assert np.corrcoef(left, detail[core])[0, 1] > 0.98
    assert left.std() == pytest.approx(detail[core].std(), rel=0.1)


def test_only_donors_give_their_brightness() -> None:
    x = np.arange(N)[None, :] * np.ones((N, 1))
    two = np.where(x < N / 2, 0.2, 0.6)
    mask = circle(40, cx=120)
    left, right = x < N / 2 - 20, x > N / 2 + 20
    pixels = film(np.where(mask, 0.9, two))
    from_left, from_right = (erase(pixels, region(mask), d).pixels[0][inner(mask)].mean() for d in (left, right))
    assert from_left == pytest.approx(0.2, abs=0.07)
    assert from_right == pytest.approx(0.6, abs=0.07)


def test_without_enough_donors_all_pixels_serve() -> None:
    mask = circle(60)
    pixels = film(GROUND + ADDED * mask)
    alone, none = erase(pixels, region(mask), mask), erase(pixels, region(mask))
    assert np.array_equal(alone.pixels, none.pixels)


def test_pixels_stay_in_range_and_the_geometry_is_kept() -> None:
    mask = circle(60)
    before = film(np.where(mask, 1.0, 0.0))
    after = erase(before, region(mask))
    assert 0 <= after.pixels.min() <= after.pixels.max() <= 1
    assert after.pixels.dtype == np.float32
    assert after.geometry == before.geometry
    assert before.pixels[0][mask].min() == 1


def test_the_digest_names_the_region() -> None:
    before = film(np.full((N, N), GROUND))
    tags = {erase(before, region(circle(r))).sha256 for r in (40, 40, 41)}
    assert len(tags) == 2
    assert before.sha256 not in tags


def test_fill_gives_known_values_back_and_the_nearest_elsewhere() -> None:
    values = np.where(np.arange(200)[None, :] < 100, 0.2, 0.8) * np.ones((200, 1))
    known = np.ones((200, 200), dtype=np.bool_)
    known[80:120, 20:60] = False
    filled = fill(values.astype(np.float32), known)
    assert filled[100, 40] == pytest.approx(0.2, abs=0.01)
    assert filled[10, 180] == pytest.approx(0.8, abs=0.01)
    nothing = fill(values.astype(np.float32), np.zeros((200, 200), dtype=np.bool_))
    assert np.allclose(nothing, values.mean(), atol=1e-4)


def test_a_few_pixels_of_a_large_film_are_erased() -> None:
    pixels = np.full((1200, 1200), GROUND)
    mask = np.zeros((1200, 1200), dtype=np.bool_)
    mask[601, 601] = True
    pixels[mask] = 0.9
    assert erase(film(pixels), region(mask)).pixels[0][mask].max() < 0.9


# --- the counterfactual test ----------------------------------------------------------------------------------------


def test_the_drop_of_a_mean_is_the_brightness_that_was_added() -> None:
    mask = circle(90)
    core = inner(mask)
    image = film(GROUND + ADDED * mask)

    def score(read: Image) -> float:
        return float(read.pixels[0][core].mean())

    result = counterfactual(score, image, region(mask), None, before=score(image), minimum=0.2)
    assert result.drop == pytest.approx(ADDED, abs=0.02)
    assert result.passed


def test_erasing_a_control_elsewhere_drops_nothing() -> None:
    mask = circle(40, cx=120)
    image = film(GROUND + ADDED * mask)
    control = random_region(region(mask), circle(40, cx=300), seed=1)
    assert control is not None
    result = counterfactual(
        lambda read: float(read.pixels[0][mask].mean()), image, control, None, before=GROUND + ADDED, minimum=0.05
    )
    assert result.drop == pytest.approx(0, abs=1e-5)
    assert not result.passed


@pytest.mark.parametrize(("after", "passed"), [(0.45, True), (0.46, False), (0.9, False)])
def test_a_drop_passes_from_the_minimum_on(after: float, passed: bool) -> None:
    seen: list[Image] = []

    def score(read: Image) -> float:
        seen.append(read)
        return after

    image = film(np.full((N, N), GROUND))
    result = counterfactual(score, image, region(circle(30)), None, before=0.5, minimum=0.5 - 0.45)
    assert (result.drop, result.passed) == (pytest.approx(0.5 - after), passed)
    assert len(seen) == 1
    assert seen[0].sha256 != image.sha256


# --- control regions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_a_control_has_the_same_area_lies_in_the_allowed_part_and_apart_from_the_region(seed: int) -> None:
    tested, allowed = region(circle(30, cx=150)), circle(170)
    control = random_region(tested, allowed, seed)
    assert control is not None
    assert control.area_px == tested.area_px
    assert control.overlap_px(tested) == 0
    assert not (control.mask() & ~allowed).any()


def test_controls_follow_the_seed() -> None:
    tested, allowed = region(circle(20)), circle(170)
    made = [random_region(tested, allowed, seed) for seed in (1, 1, 2)]
    masks = [m.mask() for m in made if m is not None]
    assert np.array_equal(masks[0], masks[1])
    assert not np.array_equal(masks[0], masks[2])


def test_no_control_without_room_for_half_of_the_region() -> None:
    tested = region(circle(50))
    assert random_region(tested, circle(50), 0) is None
    assert random_region(tested, circle(30, cx=350), 0) is None
    small = random_region(tested, circle(40, cx=350), 0)
    assert small is not None
    assert tested.area_px / 2 <= small.area_px < tested.area_px
