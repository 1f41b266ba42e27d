"""The sheet: film blocks side by side, the panel at their right, and the PNG of it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from whyray.domain import ArgumentError, Bilingual, Image
from whyray.render.card import draw_states
from whyray.render.drafting import caps_of, sign_path
from whyray.render.fonts import draw_text, text_width
from whyray.render.ink import Ink
from whyray.render.layer import Layer
from whyray.render.legend import sample
from whyray.render.marks import draw_marks
from whyray.render.panel import Panel
from whyray.render.plane import Grey, film_grey, place
from whyray.render.theme import Display, Theme, rgb
from whyray.render.view import View, digit, lay_out, paint
from whyray.render.wrap import wrap

if TYPE_CHECKING:
    from PIL import Image as Picture

_SIZES = (128, 4096)
_COMPRESSION = 1


@dataclass(frozen=True, eq=False, slots=True)
class Block:
    """A film as drawn: its view, its grey pixels and the picture."""

    view: View
    film: Grey
    picture: Picture.Image


def check(image: Image, layers: Sequence[Layer], size: int) -> None:
    """Refuse a size out of range and regions of another film.

    Raises
    ------
    ArgumentError
        OVERLAY_SIZE, OVERLAY_REGION.
    """
    if not _SIZES[0] <= size <= _SIZES[1]:
        raise ArgumentError(
            "OVERLAY_SIZE",
            Bilingual(f"图像长边 {size} 超出范围。", f"A film side of {size} pixels is out of range."),
            Bilingual(f"请取 {_SIZES[0]} 至 {_SIZES[1]}。", f"Choose {_SIZES[0]} to {_SIZES[1]}."),
        )
    shape = (image.geometry.rows, image.geometry.cols)
    for layer in layers:
        if layer.region is not None and (layer.region.rows, layer.region.cols) != shape:
            raise ArgumentError(
                "OVERLAY_REGION",
                Bilingual(f"图层“{layer.label.zh}”属于另一幅影像。", f"Layer {layer.label.en}: wrong film."),
                Bilingual("区域须与影像同尺寸。", "A region has the size of its image."),
            )


def film_view(image: Image, size: int, theme: Theme, lang: Display, unit: float) -> View:
    """Return the view of a whole film; a small film keeps room for its marks."""
    film = theme.film
    side, top = round(film.gutter_side * unit), round(film.gutter_top * unit)
    plane = place(image, size, film.max_upsample, side, top)
    width = max(plane.width, round(film.min_block * unit)) + 2 * side
    height = top + plane.height + round(film.gutter_bottom * unit)
    frame = (side, top, side + plane.width, top + plane.height)
    return View(theme, lang, unit, image, plane, width, height, frame)


def film_block(view: View, layers: Sequence[tuple[int, Layer]], caption: Bilingual | None = None) -> Block:
    """Draw a whole film with numbered layers and the marks around it."""
    from PIL import ImageDraw

    film = film_grey(view.image, view.plane)
    picture = paint(view, film, lay_out(view, layers))
    draw_marks(ImageDraw.Draw(picture), view.image, view.plane, view.theme, view.lang, view.unit, caption)
    return Block(view, film, picture)


def compose(blocks: Sequence[Block], panel: Panel, footer: str, inset: Picture.Image | None = None) -> bytes:
    """Put film blocks and panel side by side; `inset` fills the room that the panel kept for it."""
    from PIL import Image as Picture
    from PIL import ImageDraw

    theme = panel.theme
    pad, size = panel.px(theme.panel.pad), panel.size("tiny")
    foot = wrap(footer, panel.width, lambda part: text_width(part, size)) if footer.strip() else []
    height = max(max(block.view.height for block in blocks), _panel_height(panel, len(foot)))
    wide = sum(block.view.width for block in blocks)
    picture = Picture.new("RGB", (wide + panel.px(theme.panel.width), height), theme.rgb("page"))
    x = 0
    for block in blocks:
        picture.paste(block.picture, (x, 0))
        x += block.view.width
    picture.paste(_panel_picture(panel, height), (wide, 0))
    if inset is not None and panel.room is not None:
        picture.paste(inset, (wide + pad, pad + round(panel.room)))
    draw = ImageDraw.Draw(picture)
    floor = height - pad
    for line in reversed(foot):
        draw_text(draw, (wide + pad, floor), line, size, theme.rgb("faint"))
        floor -= round(size * theme.type["leading"])
    if len(blocks) == 1:
        _bare(picture, blocks[0], panel, floor, inset is not None)
    return _encode(picture)


def _swatches(ink: Ink, panel: Panel) -> None:
    """Line samples, signs and discs of the legend, in panel pixels."""
    theme, unit = panel.theme, panel.unit
    for item in panel.swatches:
        slot, style = theme.slot(item.layer.key), theme.styles[item.layer.style]
        color, radius = rgb(slot.color), style.badge * unit
        start = item.x
        if item.number is not None:
            start += 2 * radius + 8 * unit
            if item.layer.drawn:
                ink.disc((item.x + radius, item.y), radius, color, 0.0, 0.0)
            else:
                ink.ring((item.x + radius, item.y), radius, 1.5 * unit, color)
        length = theme.panel.swatch * unit
        if item.layer.marks:
            center = (start + length / 2, item.y)
            ink.stroke([sign_path(center, theme.ruler.symbol * unit, item.layer.symbol)], 1.6 * unit, color)
        elif item.layer.rulers:
            line = np.asarray([(start + 3, item.y), (start + length - 3, item.y)], dtype=np.float32)
            ink.stroke([line, *caps_of(line, theme.ruler.tick * unit)], 1.6 * unit, color)
        elif item.layer.drawn and item.layer.state is None:
            piece = sample(start, start + length, item.y, slot.dash, unit)
            ink.stroke(piece, (style.stroke + 0.4) * unit, color)
    draw_states(ink, panel)


def _panel_picture(panel: Panel, height: int) -> Picture.Image:
    """Draw the panel with its legend, as wide as the theme says."""
    from PIL import Image as Picture
    from PIL import ImageDraw

    theme = panel.theme
    pad = panel.px(theme.panel.pad)
    picture = Picture.new("RGB", (panel.px(theme.panel.width), height), theme.rgb("panel"))
    if panel.swatches:
        page = np.empty((int(panel.height) + pad, int(panel.width), 3), dtype=np.uint8)
        page[:] = theme.rgb("panel")
        ink = Ink(page.shape[1], page.shape[0])
        _swatches(ink, panel)
        ink.apply(page)
        picture.paste(Picture.fromarray(page), (pad, pad))
    draw = ImageDraw.Draw(picture)
    panel.draw(draw, pad, pad)
    for item in panel.swatches:
        if item.number is not None:
            radius = theme.styles[item.layer.style].badge * panel.unit
            center = (pad + item.x + radius, pad + item.y)
            digit(draw, center, item.layer.badge or str(item.number), item.layer, theme, panel.unit)
    return picture


def _panel_height(panel: Panel, foot_lines: int) -> int:
    """Height that the panel needs without the bare film."""
    style = panel.theme.panel
    line = panel.size("tiny") * panel.theme.type["leading"]
    return int(panel.height + foot_lines * line + panel.px(2 * style.pad + style.gap)) + 1


def _encode(picture: Picture.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG", compress_level=_COMPRESSION)
    return stream.getvalue()


def _bare(picture: Picture.Image, block: Block, panel: Panel, floor: float, inset: bool) -> None:
    """Add the bare film: under the legend, else under the film block, where there is room for it."""
    pad, gap = panel.px(panel.theme.panel.pad), panel.px(panel.theme.panel.gap)
    caption = round(panel.size("tiny") * panel.theme.type["leading"])
    least = panel.px(panel.theme.panel.thumb_min)
    room = floor - (pad + panel.height) - caption - 2 * gap
    if room >= least and not inset:
        side = round(min(room, panel.px(panel.theme.panel.thumb)))
        bare = _thumbnail(block.film, round(panel.width), side)
        _paste(picture, bare, (block.view.width + pad, round(floor - gap - bare.height)), panel)
        return
    room = picture.height - block.view.height - caption - pad
    if room >= least:
        bare = _thumbnail(block.film, block.view.plane.width, round(room))
        _paste(picture, bare, (block.view.plane.left, block.view.height + caption), panel)


def _thumbnail(film: Grey, width: int, height: int) -> Picture.Image:
    from PIL import Image as Picture

    bare = Picture.fromarray(film)
    bare.thumbnail((width, height), Picture.Resampling.LANCZOS, reducing_gap=2.0)
    return bare


def _paste(picture: Picture.Image, bare: Picture.Image, corner: tuple[int, int], panel: Panel) -> None:
    """Paste the bare film with its caption above."""
    from PIL import ImageDraw

    size = panel.size("tiny")
    picture.paste(bare.convert("RGB"), corner)
    text = panel.theme.word("bare", panel.lang)
    position = (corner[0], corner[1] - round(0.5 * size))
    draw_text(ImageDraw.Draw(picture), position, text, size, panel.theme.rgb("faint"))
