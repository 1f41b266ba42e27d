"""The close-up: a square window round a lesion, and its view enlarged on the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from whyray.domain import Bilingual, Image, Region
from whyray.render.fonts import draw_text
from whyray.render.layer import Layer
from whyray.render.marks import draw_scale
from whyray.render.plane import Plane, film_window
from whyray.render.theme import Display, Theme, load_theme, show
from whyray.render.view import View, lay_out, paint

if TYPE_CHECKING:
    from PIL import Image as Picture

Window = tuple[float, float, float, float]
Point = tuple[float, float]
_ENLARGED = 1.4  # smallest gain over the film beside it


def window_of(region: Region, points: Sequence[Point]) -> Window:
    """Return the square (x0, y0, x1, y1) in source pixels round a region and the points that go with it."""
    style = load_theme().closeup
    x0, y0, x1, y1 = (float(value) for value in region.bbox)
    for x, y in points:
        x0, y0, x1, y1 = min(x0, x), min(y0, y), max(x1, x + 1), max(y1, y + 1)
    side = max(x1 - x0, y1 - y0) / (1.0 - 2.0 * style.margin)
    side = max(side, float(style.min_side), style.frame / style.max_zoom)
    left = _inside((x0 + x1 - side) / 2, side, region.cols)
    top = _inside((y0 + y1 - side) / 2, side, region.rows)
    return left, top, left + side, top + side


def _inside(start: float, side: float, length: int) -> float:
    """Move a window back onto the film as far as it fits."""
    return min(max(start, 0.0), length - side) if side <= length else (length - side) / 2


def holds(window: Window, box: tuple[float, float, float, float]) -> bool:
    """Tell whether (x0, y0, x1, y1) lies in the window."""
    return window[0] <= box[0] and window[1] <= box[1] and box[2] <= window[2] and box[3] <= window[3]


def zoomed(window: Window, scale: float) -> bool:
    """Tell whether a window shows more than a film beside it at `scale` page pixels per source pixel."""
    return load_theme().closeup.frame / (window[2] - window[0]) >= _ENLARGED * scale


def closeup_size(theme: Theme, unit: float) -> tuple[int, int]:
    """Return width and height of a close-up's block in page pixels."""
    style = theme.closeup
    width = round(style.frame * unit) + 2 * round(style.gutter * unit)
    return width, round((style.frame + style.gutter_top + style.gutter_bottom) * unit)


def draw_closeup(
    image: Image, window: Window, layers: Sequence[Layer], name: Bilingual, theme: Theme, lang: Display, unit: float
) -> Picture.Image:
    """Draw a window of the film enlarged, with its layers, a caption above and a scale below."""
    from PIL import ImageDraw

    style, (width, height) = theme.closeup, closeup_size(theme, unit)
    side, left, top = round(style.frame * unit), round(style.gutter * unit), round(style.gutter_top * unit)
    scale = side / (window[2] - window[0])
    rows, cols = image.geometry.rows, image.geometry.cols
    plane = Plane(rows, cols, round(cols * scale), round(rows * scale), 0, 0)
    (sx, sy) = plane.scale
    plane = Plane(rows, cols, plane.width, plane.height, round(left - window[0] * sx), round(top - window[1] * sy))
    shown = (
        (left - plane.left) / sx, (top - plane.top) / sy,
        (left + side - plane.left) / sx, (top + side - plane.top) / sy,
    )  # fmt: skip
    frame = (left, top, left + side, top + side)
    view = View(theme, lang, unit, image, plane, width, height, frame, detail=True)
    drawn = lay_out(view, list(enumerate(layers, start=1)))
    picture = paint(view, film_window(image, shown, side, side), drawn)
    draw = ImageDraw.Draw(picture)
    size = round(theme.type["small"] * unit)
    caption = Bilingual(f"{name.zh} {theme.words['closeup'].zh}", f"{name.en} {theme.words['closeup'].en}")
    draw_text(draw, (left, round(18 * unit)), show(caption, lang), size, theme.rgb("text"))
    draw_scale(draw, image, plane, theme, lang, unit, (left, height - round(8 * unit)), side)
    return picture
