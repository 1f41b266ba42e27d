"""Text on a picture: the shipped font first, a system font only for characters that it lacks."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import TYPE_CHECKING

from whyray.render.theme import FOLDER, Color, load_theme

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

logger = logging.getLogger(__name__)
_UNASSIGNED = "\U0010fffe"
_PROBE_SIZE = 16


@lru_cache(maxsize=64)
def _font(name: str, size: int) -> FreeTypeFont | None:
    from PIL import ImageFont

    try:
        return ImageFont.truetype(name, size, layout_engine=ImageFont.Layout.BASIC)
    except OSError:
        return None


def shipped_font(size: int) -> FreeTypeFont:
    """Return the shipped font at `size` pixels."""
    from PIL import ImageFont

    path = str(FOLDER / "fonts" / load_theme().fonts.shipped)
    return _font(path, size) or ImageFont.truetype(path, size)


@lru_cache(maxsize=16)
def _blank(name: str) -> bytes:
    font = _font(name, _PROBE_SIZE)
    return b"" if font is None else bytes(font.getmask(_UNASSIGNED))


@lru_cache(maxsize=16384)
def _drawn_by(name: str, char: str) -> bool:
    """Tell whether the font has a glyph of its own for `char` (not the box of unknown characters)."""
    font = _font(name, _PROBE_SIZE)
    return font is not None and (char.isspace() or bytes(font.getmask(char)) != _blank(name))


def has_glyph(char: str) -> bool:
    """Tell whether the shipped font draws `char`."""
    return _drawn_by(str(FOLDER / "fonts" / load_theme().fonts.shipped), char)


@lru_cache(maxsize=4096)
def _source(char: str) -> str:
    """File name of the font that draws `char`: the shipped one, else the first system font that can."""
    shipped = str(FOLDER / "fonts" / load_theme().fonts.shipped)
    if _drawn_by(shipped, char):
        return shipped
    for name in load_theme().fonts.fallback:
        if _drawn_by(name, char):
            return name
    logger.info("no font draws U+%04X", ord(char))
    return shipped


def _runs(text: str) -> list[tuple[str, str]]:
    """(font file, run of characters) in reading order."""
    runs: list[tuple[str, str]] = []
    for char in text:
        name = _source(char)
        if runs and runs[-1][0] == name:
            runs[-1] = (name, runs[-1][1] + char)
        else:
            runs.append((name, char))
    return runs


@lru_cache(maxsize=8192)
def text_width(text: str, size: int) -> float:
    """Advance width of `text` in pixels."""
    return sum((_font(name, size) or shipped_font(size)).getlength(run) for name, run in _runs(text))


def draw_text(draw: ImageDraw, xy: tuple[float, float], text: str, size: int, color: Color, anchor: str = "ls") -> None:
    """Draws one line.

    Parameters
    ----------
    draw
        Pillow's drawing handle.
    xy
        Anchor point in pixels.
    text
        One line without line breaks.
    size
        Font size in pixels.
    color
        (red, green, blue).
    anchor
        Horizontal ``l``, ``m`` or ``r`` and vertical ``s`` (base line) or ``m`` (middle), as in Pillow.
    """
    x = xy[0] - {"l": 0.0, "m": 0.5, "r": 1.0}[anchor[0]] * text_width(text, size)
    for name, run in _runs(text):
        font = _font(name, size) or shipped_font(size)
        draw.text((x, xy[1]), run, font=font, fill=color, anchor="l" + anchor[1])
        x += font.getlength(run)
