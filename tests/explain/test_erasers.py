from __future__ import annotations

import numpy as np
import pytest

from explain.test_erase import N, circle, film, inner, outer, region
from whyray.domain import ArgumentError
from whyray.explain import ERASERS, counterfactual, eraser
from whyray.explain.blur import blur
from whyray.explain.clear import clear, surface
from whyray.explain.grid import Grid, tag
from whyray.explain.transplant import lungs, mirrored, transplant

LEFT, RIGHT = (60, 340, 40, 160), (60, 340, 240, 360)  # rows and columns of two drawn lungs
AIR, TISSUE = 0.25, 0.6


def box(*sides: int) -> np.ndarray:
    y0, y1, x0, x1 = sides
    mask = np.zeros((N, N), dtype=np.bool_)
    mask[y0:y1, x0:x1] = True
    return mask


LUNGS = box(*LEFT) | box(*RIGHT)


def chest(veil: np.ndarray | float = 0.0) -> np.ndarray:
    """Two dark lungs in tissue, with a density added inside them."""
    return np.where(LUNGS, AIR + veil, TISSUE)


# --- every eraser ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ERASERS)
def test_a_veil_on_one_lung_falls_to_the_lung_around_it(name: str) -> None:
    mask = circle(40, 100, 200)
    before = film(chest(0.3 * mask))
    after = ERASERS[name](before, region(mask), LUNGS)
    assert after.pixels[0][inner(mask)].mean() == pytest.approx(AIR, abs=0.06)
    assert after.geometry == before.geometry
    assert 0 <= after.pixels.min() <= after.pixels.max() <= 1


@pytest.mark.parametrize("name", ERASERS)
def test_nothing_changes_beyond_the_rim_and_fine_detail_stays(name: str) -> None:
    y, x = np.mgrid[:N, :N]
    detail = 0.05 * np.sin(2 * np.pi * x / 6) * np.sin(2 * np.pi * y / 6)
    mask = circle(40, 100, 200)
    before = film(chest(0.3 * mask) + detail)
    after = ERASERS[name](before, region(mask), LUNGS).pixels[0]
    assert np.array_equal(after[outer(mask)], before.pixels[0][outer(mask)])
    core = inner(mask)
    fine = (after - after[core].mean())[core]
    assert np.corrcoef(fine, detail[core])[0, 1] > 0.8


@pytest.mark.parametrize("name", ERASERS)
def test_the_digest_tells_erasers_and_regions_apart(name: str) -> None:
    image = film(chest())
    tags = {e(image, region(circle(30, 100, 200)), LUNGS).sha256 for e in ERASERS.values()}
    assert len(tags) == len(ERASERS)
    assert tag(region(circle(30)), name) != tag(region(circle(31)), name)


def test_an_unknown_eraser_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(ArgumentError, match="ERASER_UNKNOWN") as caught:
        eraser("scissors")
    assert all(name in str(caught.value.hint.en) for name in ERASERS)
    assert eraser("blur") is blur


def test_the_test_uses_the_eraser_it_is_given() -> None:
    seen = []

    def scissors(image, part, donors):
        seen.append((part.area_px, donors))
        return image.with_pixels(image.pixels * 0, "cut")

    image, part = film(chest()), region(circle(20, 100, 200))
    result = counterfactual(
        lambda i: float(i.pixels.max()), image, part, LUNGS, before=TISSUE, minimum=0.5, eraser=scissors
    )
    assert result.drop == pytest.approx(TISSUE)
    assert [(area, donors is LUNGS) for area, donors in seen] == [(part.area_px, True)]


# --- clear ----------------------------------------------------------------------------------------------------------


def test_clearing_adds_nothing_to_clear_lung_and_never_density() -> None:
    mask = circle(40, 100, 200)
    before = film(chest())
    change = clear(before, region(mask), LUNGS).pixels[0] - before.pixels[0]
    assert np.abs(change).max() < 0.02
    veiled = film(chest(0.3 * circle(60, 100, 200)))
    assert (clear(veiled, region(mask), LUNGS).pixels[0] - veiled.pixels[0]).max() < 1e-5


def test_where_the_surroundings_are_veiled_clearing_takes_the_other_lung_and_inpainting_gives_the_veil_back() -> None:
    veil = 0.3 * box(*LEFT)
    mask = circle(40, 100, 200)
    before, core = film(chest(veil)), inner(mask)
    painted, cleared = (ERASERS[n](before, region(mask), LUNGS).pixels[0][core].mean() for n in ("inpaint", "clear"))
    assert painted > AIR + 0.2
    assert cleared < AIR + 0.1


def test_clearing_leaves_what_lies_outside_the_lungs() -> None:
    mask = box(150, 250, 100, 190)  # two thirds lung, one third tissue between the lungs
    before = film(chest(0.3 * mask))
    after = clear(before, region(mask), LUNGS).pixels[0]
    tissue = mask & ~LUNGS & (np.arange(N) > 172)[None, :]
    assert np.array_equal(after[tissue], before.pixels[0][tissue])
    assert after[200, 120] < before.pixels[0][200, 120] - 0.2


def test_a_region_outside_the_lungs_is_inpainted() -> None:
    mask = circle(30, 200, 200)
    before = film(chest(0) + 0.2 * mask)
    painted = ERASERS["inpaint"](before, region(mask), LUNGS).pixels[0]
    assert clear(before, region(mask), LUNGS).pixels[0][200, 200] == pytest.approx(float(painted[200, 200]), abs=0.02)


def test_a_dark_region_is_inpainted_not_darkened() -> None:
    mask = circle(30, 100, 200)
    after = clear(film(chest(-0.2 * mask)), region(mask), LUNGS).pixels[0]
    assert after[inner(mask)].mean() == pytest.approx(AIR, abs=0.05)


def test_the_surface_follows_a_slope_under_veiled_cells() -> None:
    slope = np.broadcast_to(np.linspace(0.2, 0.5, 200)[:, None], (200, 200)).astype(np.float32)
    known = np.zeros((200, 200), dtype=np.bool_)
    known[20:180, 20:80] = known[20:180, 120:180] = True
    veiled = slope.copy()
    veiled[:, :60] += 0.3
    under = surface(veiled, known)
    assert np.abs(under - slope)[40:160, 60:140].max() < 0.06
    assert np.all(surface(slope, np.zeros_like(known)) == slope.mean())


# --- blur -----------------------------------------------------------------------------------------------------------


def test_blur_does_not_bring_back_a_sign_that_reaches_beyond_its_mask() -> None:
    wide, mask = circle(52, 100, 200), circle(30, 100, 200)
    before = film(chest(0.3 * wide))
    painted, blurred = (
        ERASERS[n](before, region(mask), LUNGS).pixels[0][inner(mask)].mean() for n in ("inpaint", "blur")
    )
    assert blurred < painted - 0.05


# --- transplant -----------------------------------------------------------------------------------------------------


def test_a_place_of_one_lung_meets_the_mirrored_place_of_the_other() -> None:
    found = lungs(Grid.of(film(chest()), region(circle(20)), LUNGS).given)
    assert found is not None
    where = mirrored(*found, (256, 256))
    outer_left, inner_left = where[:, 128, 30], where[:, 128, 98]
    assert outer_left[0] == pytest.approx(128, abs=1)
    assert outer_left[1] == pytest.approx(255 - 30, abs=2)
    assert inner_left[1] == pytest.approx(255 - 98, abs=2)
    assert np.isnan(where[:, 10, 60]).all()


def test_a_bright_patch_comes_over_from_the_other_lung_and_meets_its_rim() -> None:
    """A hole in the left lung takes over the dark spot that the right lung has there, not the tilt of the exposure."""
    tilt = 0.1 * (np.arange(N) > N / 2)[None, :]
    spot = circle(25, N - 1 - 100, 200)
    pixels = chest() + tilt - 0.15 * spot
    mask = circle(45, 100, 200)
    before = film(np.where(mask, pixels + 0.3, pixels))
    after = transplant(before, region(mask), LUNGS).pixels[0]
    assert after[195:205, 95:105].mean() == pytest.approx(AIR - 0.15, abs=0.05)
    assert after[200, 66:72].mean() == pytest.approx(AIR, abs=0.06)


def test_the_same_sign_on_both_sides_or_a_single_lung_is_inpainted() -> None:
    both = circle(40, 100, 200) | circle(40, N - 1 - 100, 200)
    before = film(chest(0.3 * both))
    painted = ERASERS["inpaint"](before, region(both), LUNGS).pixels
    assert np.allclose(transplant(before, region(both), LUNGS).pixels, painted, atol=0.02)
    one = region(circle(40, 100, 200))
    for donors in (None, box(*LEFT)):
        assert np.array_equal(transplant(before, one, donors).pixels, ERASERS["inpaint"](before, one, donors).pixels)
    assert lungs(np.zeros((N, N), dtype=np.bool_)) is None
