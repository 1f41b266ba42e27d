import numpy as np
import pytest
from PIL import Image as Picture
from PIL import ImageDraw

from whyray.render import load_theme
from whyray.render.fonts import draw_text, has_glyph, shipped_font, text_width
from whyray.render.theme import FOLDER

# What a reader types is never drawn: spelling.yaml holds characters of other scripts and look-alikes.
TYPED = {"spelling.yaml"}
PACKS = (path for path in sorted((FOLDER.parent / "packs").rglob("*.yaml")) if path.name not in TYPED)
YAMLS = [*PACKS, FOLDER / "theme.yaml"]


@pytest.mark.parametrize("path", YAMLS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_character_of_packs_and_theme_is_in_the_shipped_font(path):
    text = path.read_text(encoding="utf-8")
    assert {char for char in text if not char.isspace() and not has_glyph(char)} == set()


def test_all_ideographs_of_gb_2312_and_the_circled_numbers_are_shipped():
    codes = (bytes([row, cell]) for row in range(0xB0, 0xF8) for cell in range(0xA1, 0xFF))
    characters = {code.decode("gb2312", "ignore") for code in codes} - {""}
    assert len(characters) == 6763
    assert not [char for char in characters | set("①②⑳µ°±²≤≥Δα") if not has_glyph(char)]


def test_a_character_outside_the_font_is_known_to_be_missing():
    assert not has_glyph("\U0001f600")
    assert not has_glyph("\ue000")


def test_font_and_licence_are_shipped_and_small():
    folder = FOLDER / "fonts"
    assert (folder / load_theme().fonts.shipped).stat().st_size < 2_500_000
    assert "SIL OPEN FONT LICENSE Version 1.1" in (folder / "OFL.txt").read_text(encoding="utf-8")


def drawn(text, anchor="ls", x=100):
    picture = Picture.new("L", (300, 40))
    draw_text(ImageDraw.Draw(picture), (x, 30), text, 20, 255, anchor)
    return np.asarray(picture)


def test_chinese_text_is_drawn_as_glyphs_not_boxes():
    assert drawn("肺水肿").any()
    assert not np.array_equal(drawn("肺"), drawn("\ue000"))
    assert text_width("肺水肿", 20) == pytest.approx(60, abs=1)


def test_anchors_move_the_text_by_its_width():
    columns = [np.flatnonzero(drawn("Sign", anchor).any(axis=0)).mean() for anchor in ("ls", "ms", "rs")]
    half = text_width("Sign", 20) / 2
    assert columns[0] - columns[1] == pytest.approx(half, abs=1.5)
    assert columns[1] - columns[2] == pytest.approx(half, abs=1.5)


def test_sizes_are_pixels():
    assert shipped_font(32).getlength("肺") == pytest.approx(32, abs=0.5)
