import numpy as np
import pytest

from render.films import LEFT, THEME, TOP, film, pixels
from whyray.domain import Bilingual
from whyray.render import overlay
from whyray.render.marks import scale_bar
from whyray.render.plane import place

TITLE = Bilingual("为什么？", "Why?")


def longest_run(page, color, bottom):
    """Longest horizontal run of `color` below the film, in pixels."""
    best = 0
    for row in (page[bottom:] == np.asarray(color)).all(axis=2):
        edges = np.flatnonzero(np.diff(np.concatenate(([0], row.astype(int), [0]))))
        best = max([best, *(edges[1::2] - edges[::2])])
    return int(best)


@pytest.mark.parametrize(
    ("rows", "cols", "spacing", "size"),
    [(1024, 1024, 0.34, 1024), (2048, 1500, 0.168, 1024), (512, 512, 0.7, 1024), (128, 128, 2.5, 512)],
)
def test_the_bar_is_as_long_as_it_says(rows, cols, spacing, size):
    image = film(rows, cols, (spacing, spacing))
    plane = place(image, size, THEME.film.max_upsample, LEFT, TOP)
    cm, length = scale_bar(image.geometry, plane, THEME)
    assert cm in THEME.scale_bar.lengths_cm
    assert length == pytest.approx(cm * 10 / spacing * plane.width / cols)
    page = pixels(overlay(image, [], title=TITLE, size=size))
    assert abs(longest_run(page[:, : LEFT + 600], THEME.rgb("mark"), TOP + plane.height) - length) <= 1.5


def test_without_spacing_there_is_no_bar_but_a_word():
    image = film()
    assert scale_bar(image.geometry, place(image, 512, 2.0, LEFT, TOP), THEME) is None
    page = pixels(overlay(image, [], title=TITLE, size=512))
    below = page[TOP + 512 :, : LEFT + 300]
    assert longest_run(below, THEME.rgb("mark"), 0) < 10
    assert (np.abs(below - THEME.rgb("muted")).max(axis=2) < 30).sum() > 40


def test_detector_spacing_says_so():
    pages = [
        pixels(overlay(film(spacing=(0.5, 0.5), source=source), [], title=TITLE, size=512))
        for source in ("PixelSpacing", "ImagerPixelSpacing")
    ]
    assert (pages[0] != pages[1])[TOP + 512 :].any()
    assert not (pages[0] != pages[1])[: TOP + 512].any()


def test_sides_are_named_above_the_film():
    page = pixels(overlay(film(), [], title=TITLE, size=512))
    strip = (page[:TOP] != np.asarray(THEME.rgb("page"))).any(axis=2)
    assert strip[:, LEFT : LEFT + 30].any()
    assert strip[:, LEFT + 512 - 30 : LEFT + 512].any()
