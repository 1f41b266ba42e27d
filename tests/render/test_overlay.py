import time

import numpy as np
import pytest

from render.films import DATA, LEFT, THEME, TOP, ellipse, film, film_part, layer, pixels
from whyray.domain import ArgumentError, Bilingual, Image, Line, Region
from whyray.render import Layer, overlay
from whyray.render.theme import rgb

TITLE = Bilingual("为什么？", "Why?")


def three(rows=512, cols=512):
    places = ((120, 150, 60, 80), (360, 140, 70, 50), (250, 380, 30, 90))
    return [layer(i, ellipse(rows, cols, *place)) for i, place in enumerate(places)]


def changed_inside(page, image, region, fill):
    """Largest change inside the region beyond what a fill of this alpha may do, in grey levels."""
    grey = np.rint(image.pixels[0] * 255)[:, :, None]
    shown = film_part(page, region.rows, region.cols)
    allowed = fill * np.maximum(grey, 255 - grey)
    return float((np.abs(shown - grey) - allowed)[region.mask()].max())


def test_nothing_hides_the_pixels_of_any_region():
    image = film()
    layers = three()
    page = pixels(overlay(image, layers, title=TITLE, size=512))
    fill = THEME.styles["evidence"].fill
    assert max(changed_inside(page, image, one.region, fill) for one in layers) <= 1.5


def test_overlapping_fills_do_not_add_up():
    image = film()
    region = ellipse(512, 512, 250, 250, 90, 90)
    layers = [layer(i, region) for i in range(5)]
    page = pixels(overlay(image, layers, title=TITLE, size=512))
    assert changed_inside(page, image, region, THEME.styles["evidence"].fill) <= 1.5


def test_fill_alphas_stay_translucent():
    assert all(style.fill <= 0.18 for style in THEME.styles.values())


def test_film_outside_all_marks_is_untouched():
    image = film()
    page = pixels(overlay(image, [layer(0, ellipse(512, 512, 100, 100, 30, 30))], title=TITLE, size=512))
    grey = np.rint(image.pixels[0] * 255)[:, :, None]
    far = (slice(200, None), slice(200, None))
    assert np.abs(film_part(page, 512, 512)[far] - grey[far]).max() <= 1


@pytest.mark.parametrize("key", ["0", "1", "2", "3"])
def test_outline_has_the_layer_colour_just_outside_the_mask(key):
    from scipy.ndimage import binary_dilation

    region = ellipse(512, 512, 250, 250, 100, 80)
    page = pixels(overlay(film(), [Layer(key, TITLE, region)], title=TITLE, size=512))
    ring = binary_dilation(region.mask(), iterations=4) & ~region.mask()
    near = np.abs(film_part(page, 512, 512)[ring] - rgb(THEME.slot(key).color)).max(axis=1) < 40
    slot = THEME.slot(key)
    drawn = 1.0 if not slot.dash else sum(slot.dash[::2]) / sum(slot.dash)
    assert near.mean() > 0.2 * drawn


def test_a_one_pixel_region_and_a_region_at_the_corner_are_outlined():
    dot, corner = np.zeros((512, 512), bool), np.zeros((512, 512), bool)
    dot[200, 300] = corner[0, 0] = True
    for mask in (dot, corner):
        bare = pixels(overlay(film(), [], title=TITLE, size=512))
        page = pixels(overlay(film(), [layer(0, Region.from_mask(mask))], title=TITLE, size=512))
        y, x = (int(v[0]) for v in np.nonzero(mask))
        window = (slice(TOP + y - 5, TOP + y + 6), slice(LEFT + x - 5, LEFT + x + 6))
        assert np.abs(page[window] - bare[window]).max() > 80


@pytest.mark.parametrize(
    ("rows", "cols", "size", "expected"),
    [(128, 128, 1024, (256, 256)), (2000, 3000, 1024, (683, 1024)), (512, 400, 512, (512, 400))],
)
def test_film_keeps_its_proportions_and_is_never_enlarged_beyond_twice(rows, cols, size, expected):
    page = pixels(overlay(film(rows, cols, value=1.2), [], title=TITLE, size=size))
    white = (page == 255).all(axis=2)
    assert (white[:, LEFT + 5].sum(), white[TOP + 5, : LEFT + expected[1] + 5].sum()) == expected


def test_the_panel_grows_with_the_legend_and_the_film_stays():
    short = pixels(overlay(film(), three(), title=TITLE, size=512))
    tall = pixels(overlay(film(), three() * 4, title=Bilingual("长" * 300, "long " * 200), size=512))
    assert tall.shape[0] > short.shape[0]
    assert tall.shape[1] == short.shape[1]


def test_without_layers_the_film_is_shown_as_it_is():
    page = pixels(overlay(film(), [], title=TITLE, size=512))
    assert np.abs(film_part(page, 512, 512) - np.rint(film().pixels[0] * 255)[:, :, None]).max() <= 1


def test_measured_segment_runs_between_its_points():
    one = Layer("measure", TITLE, None, (Line((100, 200), (400, 200)),), "300 px", "measure")
    page = film_part(pixels(overlay(film(), [one], title=TITLE, size=512)), 512, 512)
    white = (page > 235).all(axis=2)
    assert white[200, 102:398].mean() > 0.95
    assert not white[200, :60].any()
    assert not white[200, 440:].any()


def test_languages_draw_different_panels_on_the_same_film():
    langs = ("zh", "en", "both")
    pages = [pixels(overlay(film(), three(), title=TITLE, lang=lang, size=512)) for lang in langs]
    start = LEFT + 512 + THEME.film.gutter_side
    panels = [page[:560, start:] for page in pages]
    assert all((panel != panel[0, 0]).any(axis=2).mean() > 0.01 for panel in panels)
    assert not np.array_equal(panels[0], panels[1])
    assert not np.array_equal(panels[0], panels[2])


def test_a_simulated_film_is_marked_above_the_pixels():
    warning = np.asarray(THEME.rgb("warning"))
    for simulated in (True, False):
        page = pixels(overlay(film(simulated=simulated), [], title=TITLE, size=512))
        strip = page[:TOP, LEFT : LEFT + 512]
        assert bool((strip == warning).all(axis=2).sum() > 500) is simulated


@pytest.mark.parametrize("lang", ["zh", "en", "both"])
@pytest.mark.parametrize("side", [40, 128, 512])
def test_the_research_mark_is_always_under_the_film(lang, side):
    page = pixels(overlay(film(side, side), [], title=TITLE, lang=lang, size=512))
    below = page[TOP + min(512, 2 * side) :, : LEFT + 552]
    amber = (below[:, :, 0] > 180) & (below[:, :, 2] < 140) & (below[:, :, 1] > 130)
    assert amber.sum() > 150


@pytest.mark.parametrize("size", [0, 127, 5000])
def test_size_out_of_range_is_refused(size):
    with pytest.raises(ArgumentError, match="OVERLAY_SIZE"):
        overlay(film(), [], title=TITLE, size=size)


def test_a_region_of_another_film_is_refused():
    with pytest.raises(ArgumentError, match="OVERLAY_REGION"):
        overlay(film(), [layer(0, ellipse(100, 100, 50, 50, 9, 9))], title=TITLE)


def test_the_same_input_gives_the_same_bytes():
    assert overlay(film(), three(), title=TITLE, size=512) == overlay(film(), three(), title=TITLE, size=512)


def test_six_layers_on_a_full_film_are_quick():
    layers = three(1024, 1024) * 2
    overlay(film(1024, 1024), layers, title=TITLE)
    times = []
    for _ in range(3):
        start = time.process_time()
        overlay(film(1024, 1024), layers, title=TITLE)
        times.append(time.process_time() - start)
    assert min(times) < 0.8


def test_real_films_keep_their_pixels_inside_the_regions():
    paths = sorted((DATA / "nih").glob("*.jpg"))[:3]
    if not paths:
        pytest.skip(f"no films in {DATA / 'nih'}")
    from PIL import Image as Picture

    for path in paths:
        values = np.asarray(Picture.open(path).convert("L"), dtype=np.float32)[None] / 255
        rows, cols = values.shape[1:]
        image = Image(values, film(rows, cols).geometry, "0" * 64, path.name)
        one = layer(0, ellipse(rows, cols, cols * 0.35, rows * 0.5, cols * 0.1, rows * 0.15))
        page = pixels(overlay(image, [one], title=TITLE, size=max(rows, cols)))
        assert changed_inside(page, image, one.region, THEME.styles["evidence"].fill) <= 1.5
