from __future__ import annotations

import numpy as np
import pytest

from explain.test_erase import N, circle, film, region
from whyray.explain.clear import clear
from whyray.explain.lines import LINES, strokes, thin, unlined

LUNG = circle(150)


def septal(angle: float) -> np.ndarray:
    """A line of 2 x 30 pixels through the middle."""
    y, x = np.mgrid[:N, :N] - N / 2
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    return np.asarray((np.abs(along) < 15) & (np.abs(across) < 1.1))


@pytest.mark.parametrize("angle", np.linspace(0, np.pi, 7, endpoint=False))
def test_a_line_in_a_narrow_region_is_taken_away_whatever_its_direction(angle: float) -> None:
    line, grain = septal(angle), 0.01 * np.random.default_rng(0).standard_normal((N, N))
    before = film(0.3 + 0.2 * line + grain)
    after = clear(before, region(line), LUNG).pixels[0]
    assert before.pixels[0][line].mean() > 0.48
    assert after[line].mean() == pytest.approx(0.3, abs=0.05)


def test_a_line_at_the_pleura_is_taken_away_though_it_lies_outside_the_lung() -> None:
    line = septal(0.0)
    outside, darker = circle(60, 200, 90), 0.3 + 0.2 * line - 0.1 * circle(25)
    for pixels, donors in ((0.3 + 0.2 * line, outside), (darker, LUNG)):
        before = film(pixels)
        after = clear(before, region(line), donors).pixels[0]
        assert after[line].mean() < before.pixels[0][line].mean() - 0.14


def test_a_narrow_region_without_lines_keeps_what_it_is() -> None:
    flat = film(np.full((N, N), 0.3))
    assert np.allclose(unlined(flat, region(septal(0.3))).pixels, flat.pixels, atol=1e-6)


def test_a_wide_region_keeps_its_fine_structure() -> None:
    line, wide = septal(0.0), circle(40)
    before = film(0.3 + 0.2 * line)
    assert unlined(before, region(wide)) is before


def test_nothing_changes_far_from_the_lines() -> None:
    line = septal(0.4)
    before = film(0.3 + 0.2 * line + 0.1 * septal(1.5) * circle(30, 260, 200))
    after = unlined(before, region(line)).pixels[0]
    far = ~circle(40)
    assert np.array_equal(after[far], before.pixels[0][far])
    assert (after <= before.pixels[0] + 1e-6).all()


def test_grain_is_no_line() -> None:
    grain = np.random.default_rng(1).standard_normal((80, 80)).astype(np.float32)
    drawn = np.zeros((80, 80), np.float32)
    drawn[40, 20:60] = 4.0
    found = strokes(grain + drawn)
    assert np.median(found[drawn == 0]) < 1.0 < 3.0 < np.median(found[drawn > 0])


def test_a_mark_wider_than_six_millimetres_is_not_thin() -> None:
    rows, cols = np.mgrid[:LINES, :LINES]
    for width, expected in ((4, True), (30, False)):
        mask = ((rows > 100) & (rows <= 100 + width) & (cols > 100) & (cols < 160)).astype(np.float32)
        assert thin(mask) is expected
