"""What stands around the film: sides, scale bar, research-use and simulation marks. None covers a pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from whyray.domain import Bilingual, Geometry, Image, Lang
from whyray.render.fonts import draw_text, text_width
from whyray.render.plane import Plane
from whyray.render.theme import Display, Theme, show

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw


def scale_bar(geometry: Geometry, plane: Plane, theme: Theme, room: float | None = None) -> tuple[float, float] | None:
    """(centimetres, page pixels) of the longest bar that fits under the film, or `room`; None when uncalibrated."""
    if geometry.spacing_mm is None:
        return None
    per_cm = 10.0 / geometry.spacing_mm[1] * plane.scale[0]
    lengths = theme.scale_bar.lengths_cm
    fitting = [cm for cm in lengths if cm * per_cm <= theme.scale_bar.max_share * (room or plane.width)]
    cm = fitting[0] if fitting else lengths[-1]
    return cm, cm * per_cm


def draw_marks(
    draw: ImageDraw, image: Image, plane: Plane, theme: Theme, lang: Display, unit: float,
    caption: Bilingual | None = None,
) -> None:  # fmt: skip
    """Draw all marks around the film placed by `plane`; `caption` tells which of two films it is."""
    _sides(draw, image, plane, theme, lang, unit, caption)
    size = round(theme.type["small"] * unit)
    bottom = plane.top + plane.height
    first = bottom + round(26 * unit)
    second = first + round(size * theme.type["leading"] + 2 * unit)
    left_end = _scale(draw, image, plane, theme, lang, unit)
    research = theme.word("research", lang)
    right = plane.left + plane.width
    if left_end + 24 * unit + text_width(research, size) <= right:
        draw_text(draw, (right, first), research, size, theme.rgb("warning"), "rs")
    else:
        draw_text(draw, (plane.left, second), research, size, theme.rgb("warning"))


def _sides(
    draw: ImageDraw, image: Image, plane: Plane, theme: Theme, lang: Display, unit: float, caption: Bilingual | None
) -> None:
    """R and L (the patient's right is at the image's left) and the simulation mark between them."""
    size = round(theme.type["mark"] * unit)
    base = plane.top - round(12 * unit)
    only: Lang = "en" if lang == "en" else "zh"
    right, left = theme.words["right"].get(only), theme.words["left"].get(only)
    draw_text(draw, (plane.left, base), right, size, theme.rgb("mark"))
    draw_text(draw, (plane.left + plane.width, base), left, size, theme.rgb("mark"), "rs")
    named = 0.0
    if caption is not None:
        text, x = show(caption, lang), plane.left + text_width(right, size) + 16 * unit
        draw_text(draw, (x, base), text, size, theme.rgb("text"))
        named = 16 * unit + text_width(text, size)
    if not image.simulated:
        return
    text = theme.word("simulated", lang)
    room = plane.width - text_width(right, size) - text_width(left, size) - 48 * unit - 2 * named
    while size > theme.type["tiny"] and text_width(text, size) > room:
        size -= 1
    middle = plane.left + plane.width / 2
    half = text_width(text, size) / 2 + 8 * unit
    box = (middle - half, base - size - 3 * unit, middle + half, base + 6 * unit)
    draw.rectangle(box, fill=theme.rgb("warning"))
    draw_text(draw, (middle, base), text, size, theme.rgb("page"), "ms")


def _scale(draw: ImageDraw, image: Image, plane: Plane, theme: Theme, lang: Display, unit: float) -> float:
    """Draw the scale bar under the film, or the word that there is none; return its right end."""
    corner = plane.left, plane.top + plane.height + round(26 * unit)
    return draw_scale(draw, image, plane, theme, lang, unit, corner, plane.width)


def draw_scale(
    draw: ImageDraw, image: Image, plane: Plane, theme: Theme, lang: Display, unit: float,
    corner: tuple[int, int], room: float,
) -> float:  # fmt: skip
    """Draw a bar with a tick per centimetre from `corner` (its base line), or the word that there is none.

    `room` is the width that it stands under; the right end of what was drawn is returned.
    """
    size = round(theme.type["small"] * unit)
    left, base = corner
    bar = scale_bar(image.geometry, plane, theme, room)
    if bar is None:
        text = theme.word("uncalibrated", lang)
        draw_text(draw, (left, base), text, size, theme.rgb("muted"))
        return left + text_width(text, size)
    cm, length = bar
    color = theme.rgb("mark")
    y = base - round(5 * unit)
    x0, x1 = left, round(left + length)
    draw.line((x0, y, x1, y), fill=color, width=max(2, round(2 * unit)))
    for step in np.linspace(0.0, 1.0, max(1, round(cm)) + 1):
        end = step in (0.0, 1.0)
        height = round((theme.scale_bar.tick if end else theme.scale_bar.minor_tick) * unit)
        x = round(x0 + step * (x1 - x0))
        draw.line((x, y - height, x, y), fill=color, width=max(1, round(unit)))
    text = f"{cm:g} cm"
    if image.geometry.spacing_source == "ImagerPixelSpacing":
        text = f"{text} ({theme.word('detector', lang)})"
    draw_text(draw, (x1 + round(8 * unit), base), text, size, color)
    return x1 + round(8 * unit) + text_width(text, size)
