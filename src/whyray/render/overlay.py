"""The figure: the film with outlined, numbered evidence, and beside it what each number means."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from whyray.domain import ArgumentError, Bilingual, Image, Line
from whyray.render.badges import Badge, BadgeBoard, meet, parts
from whyray.render.contour import Path, dashes, outline
from whyray.render.fonts import draw_text, text_width
from whyray.render.ink import Ink, Point
from whyray.render.layer import Layer
from whyray.render.marks import draw_marks
from whyray.render.panel import Panel, build, sample
from whyray.render.plane import Patch, Pixels, Plane, cover, film_rgb, overlap, place
from whyray.render.theme import Display, Theme, load_theme, rgb
from whyray.render.wrap import wrap

if TYPE_CHECKING:
    from PIL import Image as Picture
    from PIL import ImageDraw

_SIZES = (128, 4096)
_COMPRESSION = 1


@dataclass(frozen=True, eq=False, slots=True)
class _Drawn:
    """A layer on the page: its cover, its outlines and its measured lines, in page pixels."""

    number: int
    layer: Layer
    cover: Patch | None
    outlines: list[Path]
    lines: list[Path]
    badges: list[Badge] = field(default_factory=list)


@dataclass(frozen=True, eq=False, slots=True)
class _Page:
    """The left block of the figure: the film on its plane inside `width` x `height` pixels."""

    theme: Theme
    lang: Display
    unit: float
    image: Image
    plane: Plane
    width: int
    height: int


def overlay(
    image: Image,
    layers: Sequence[Layer],
    *,
    title: Bilingual,
    lines: Sequence[Bilingual] = (),
    legend: bool = True,
    notes: Sequence[Bilingual] = (),
    footer: str = "",
    lang: Display = "both",
    size: int = 1024,
) -> bytes:
    """Draws the figure.

    Pixels inside a region change by no more than the fill's alpha; outlines run outside the regions and
    numbers stand beside them, so nothing hides what it talks about.

    Parameters
    ----------
    image
        The film; it fills `size` pixels on its long side, enlarged at most twice.
    layers
        In the order of the legend; the n-th layer is number n.
    title, lines
        Question or diagnosis, and the answer in a few sentences.
    legend
        False leaves the layers' rows out.
    notes
        Warnings and remarks, below the legend.
    footer
        Model, pack and version, at the foot of the panel.
    lang
        ``zh``, ``en`` or ``both``.
    size
        Long side of the film in pixels, 128 to 4096.

    Returns
    -------
    bytes
        PNG, 8-bit RGB.

    Raises
    ------
    ArgumentError
        ``OVERLAY_SIZE`` for a size out of range, ``OVERLAY_REGION`` for a region of another image size.
    """
    _check(image, layers, size)
    theme = load_theme()
    unit = max(1.0, size / 1024)
    page = _Page(theme, lang, unit, image, *_block(image, theme, size, unit))
    numbered = enumerate(layers, start=1)
    drawn = [_geometry(number, layer, page.plane, theme, unit) for number, layer in numbered if layer.drawn]
    _number(drawn, page)
    panel = build(theme, lang, unit, title, lines, layers, notes, legend)
    return _encode(_compose(page, drawn, panel, footer))


def _check(image: Image, layers: Sequence[Layer], size: int) -> None:
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


def _block(image: Image, theme: Theme, size: int, unit: float) -> tuple[Plane, int, int]:
    """Return the film's place and its block's width and height; a small film keeps room for its marks."""
    film = theme.film
    side, top = round(film.gutter_side * unit), round(film.gutter_top * unit)
    plane = place(image, size, film.max_upsample, side, top)
    width = max(plane.width, round(film.min_block * unit)) + 2 * side
    return plane, width, top + plane.height + round(film.gutter_bottom * unit)


def _geometry(number: int, layer: Layer, plane: Plane, theme: Theme, unit: float) -> _Drawn:
    segments = [_segment(line, plane) for line in layer.lines]
    if layer.region is None:
        return _Drawn(number, layer, None, [], segments)
    clearance, smooth = theme.contour.clearance * unit, theme.contour.smooth * unit
    margin = int(np.ceil(clearance + 4 * smooth)) + 2
    patch = cover(layer.region, plane, margin)
    return _Drawn(number, layer, patch, outline(patch, clearance, smooth), segments)


def _segment(line: Line, plane: Plane) -> Path:
    return np.asarray([plane.point(*line.start), plane.point(*line.end)], dtype=np.float32)


def _fill(block: Pixels, drawn: Sequence[_Drawn], plane: Plane, theme: Theme) -> None:
    """Tints the regions; where several overlap, colours are averaged and the alpha is the largest of them."""
    weight = np.zeros(block.shape[:2], dtype=np.float32)
    alpha = np.zeros_like(weight)
    color = np.zeros_like(block)
    for item in drawn:
        fill = theme.styles[item.layer.style].fill
        if item.cover is None or fill == 0:
            continue
        page, patch = overlap(item.cover, block.shape)
        values = item.cover.values[patch] * fill
        weight[page] += values
        np.maximum(alpha[page], values, out=alpha[page])
        tint = np.asarray(rgb(theme.slot(item.layer.key).color), dtype=np.float32)
        color[page] += values[:, :, None] * tint
    film = (slice(plane.top, plane.top + plane.height), slice(plane.left, plane.left + plane.width))
    pixels, tints = block[film], color[film]
    tints *= (alpha[film] / np.maximum(weight[film], 1e-6))[:, :, None]
    pixels *= (1.0 - alpha[film])[:, :, None]
    pixels += tints


def _lines(ink: Ink, drawn: Sequence[_Drawn], theme: Theme, unit: float) -> None:
    """Outlines in each layer's dash pattern and measured segments with end strokes."""
    for item in sorted(drawn, key=lambda d: d.layer.style != "anatomy"):
        style, slot = theme.styles[item.layer.style], theme.slot(item.layer.key)
        width, color = style.stroke * unit, rgb(slot.color)
        strokes = [p for path in item.outlines for p in dashes(path, slot.dash, unit)]
        strokes += [p for line in item.lines for p in (line, *_caps(line, theme.contour.cap * unit))]
        ink.halo(strokes, width + 2 * style.halo * unit, style.halo_alpha)
        ink.stroke(strokes, width, color)


def _caps(line: Path, half: float) -> list[Path]:
    """Return the two strokes across the ends of a measured segment."""
    along = line[1] - line[0]
    length = float(np.hypot(*along))
    if length < half:
        return []
    across = np.asarray([-along[1], along[0]], dtype=np.float32) / length * half
    return [np.stack((end - across, end + across)) for end in line]


def _number(drawn: Sequence[_Drawn], page: _Page) -> None:
    """Chooses the place of every badge; small regions choose first."""
    theme, unit, plane = page.theme, page.unit, page.plane
    only_anatomy = all(item.layer.style == "anatomy" for item in drawn)
    numbered = [item for item in drawn if only_anatomy or item.layer.style != "anatomy"]
    radius = max((theme.styles[item.layer.style].badge for item in numbered), default=0.0) * unit
    board = BadgeBoard(page.width, page.height, radius, theme.badge, unit)
    board.occupy_box(0, 0, page.width, plane.top - 4 * unit)
    board.occupy_box(0, plane.top + plane.height + 6 * unit, page.width, page.height)
    targets = []
    for item in drawn:
        own = board.grid(cover=item.cover)
        rulers = [board.grid(path=line) for line in item.lines]
        board.occupy(own)
        for cells in rulers:
            board.occupy(cells, region=False)
        if item in numbered:
            choices = parts(own, theme.badge.second_part) if item.cover is not None else rulers[:1]
            targets += [(int(np.count_nonzero(cells)), item, cells) for cells in choices]
    for _, item, cells in sorted(targets, key=lambda target: target[0]):
        badge = board.place(item.number, cells)
        if badge is not None:
            item.badges.append(badge)


def _leaders(ink: Ink, drawn: Sequence[_Drawn], theme: Theme, unit: float) -> None:
    for item in drawn:
        style, color = theme.styles[item.layer.style], rgb(theme.slot(item.layer.key).color)
        for badge in item.badges:
            tip = badge.tip if item.cover is None else meet(badge, item.cover, theme.contour.clearance * unit)
            leader = [np.asarray([badge.center, tip], dtype=np.float32)]
            ink.halo(leader, (theme.badge.leader + 2 * style.halo) * unit, style.halo_alpha)
            ink.stroke(leader, theme.badge.leader * unit, color)
        for badge in item.badges:
            ink.disc(badge.center, style.badge * unit, color, style.halo * 1.5 * unit, style.halo_alpha)


def _swatches(ink: Ink, panel: Panel) -> None:
    """Line samples and discs of the legend, in panel pixels."""
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
        if item.layer.drawn:
            piece = sample(start, start + theme.panel.swatch * unit, item.y, slot.dash, unit)
            ink.stroke(piece, (style.stroke + 0.4) * unit, color)


def _compose(page: _Page, drawn: Sequence[_Drawn], panel: Panel, footer: str) -> Picture.Image:
    """Put film block and panel side by side and writes all text."""
    from PIL import Image as Picture
    from PIL import ImageDraw

    theme, unit, plane = page.theme, page.unit, page.plane
    pad, size = panel.px(theme.panel.pad), panel.size("tiny")
    foot = wrap(footer, panel.width, lambda part: text_width(part, size)) if footer.strip() else []
    height = max(page.height, _panel_height(panel, len(foot)))
    picture = Picture.new("RGB", (page.width + panel.px(theme.panel.width), height), theme.rgb("page"))
    film = film_rgb(page.image, plane)
    picture.paste(_block_picture(page, film, drawn), (0, 0))
    picture.paste(_panel_picture(panel, height), (page.width, 0))
    draw = ImageDraw.Draw(picture)
    draw_marks(draw, page.image, plane, theme, page.lang, unit)
    for item in drawn:
        for badge in item.badges:
            _digit(draw, badge.center, item.number, item.layer, theme, unit)
    floor = height - pad
    for line in reversed(foot):
        draw_text(draw, (page.width + pad, floor), line, size, theme.rgb("faint"))
        floor -= round(size * theme.type["leading"])
    _bare(picture, film, page, panel, floor)
    return picture


def _block_picture(page: _Page, film: Pixels, drawn: Sequence[_Drawn]) -> Picture.Image:
    """Draw the film with fills, outlines, leaders and discs."""
    plane, theme = page.plane, page.theme
    block = np.empty((page.height, page.width, 3), dtype=np.float32)
    block[:] = theme.rgb("page")
    block[plane.top : plane.top + plane.height, plane.left : plane.left + plane.width] = film
    _fill(block, drawn, plane, theme)
    ink = Ink(page.width, page.height)
    _lines(ink, drawn, theme, page.unit)
    _leaders(ink, drawn, theme, page.unit)
    ink.apply(block)
    return _picture(block)


def _panel_picture(panel: Panel, height: int) -> Picture.Image:
    """Draw the panel with its legend, as wide as the theme says."""
    from PIL import Image as Picture
    from PIL import ImageDraw

    theme = panel.theme
    pad = panel.px(theme.panel.pad)
    picture = Picture.new("RGB", (panel.px(theme.panel.width), height), theme.rgb("panel"))
    if panel.swatches:
        page = np.empty((int(panel.height) + pad, int(panel.width), 3), dtype=np.float32)
        page[:] = theme.rgb("panel")
        ink = Ink(page.shape[1], page.shape[0])
        _swatches(ink, panel)
        ink.apply(page)
        picture.paste(_picture(page), (pad, pad))
    draw = ImageDraw.Draw(picture)
    panel.draw(draw, pad, pad)
    for item in panel.swatches:
        if item.number is not None:
            radius = theme.styles[item.layer.style].badge * panel.unit
            _digit(draw, (pad + item.x + radius, pad + item.y), item.number, item.layer, theme, panel.unit)
    return picture


def _picture(pixels: Pixels) -> Picture.Image:
    from PIL import Image as Picture

    return Picture.fromarray((pixels + 0.5).astype(np.uint8))


def _encode(picture: Picture.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG", compress_level=_COMPRESSION)
    return stream.getvalue()


def _panel_height(panel: Panel, foot_lines: int) -> int:
    """Height that the panel needs without the bare film."""
    style = panel.theme.panel
    line = panel.size("tiny") * panel.theme.type["leading"]
    return int(panel.height + foot_lines * line + panel.px(2 * style.pad + style.gap)) + 1


def _bare(picture: Picture.Image, film: Pixels, page: _Page, panel: Panel, floor: float) -> None:
    """Add the bare film: under the legend, else under the film block, where there is room for it."""
    theme = page.theme
    pad, gap = panel.px(theme.panel.pad), panel.px(theme.panel.gap)
    caption = round(panel.size("tiny") * theme.type["leading"])
    least = panel.px(theme.panel.thumb_min)
    room = floor - (pad + panel.height) - caption - 2 * gap
    if room >= least:
        side = round(min(room, panel.px(theme.panel.thumb)))
        bare = _thumbnail(film, round(panel.width), side)
        _paste(picture, bare, (page.width + pad, round(floor - gap - bare.height)), panel)
        return
    room = picture.height - page.height - caption - pad
    if room >= least:
        bare = _thumbnail(film, page.plane.width, round(room))
        _paste(picture, bare, (page.plane.left, page.height + caption), panel)


def _thumbnail(film: Pixels, width: int, height: int) -> Picture.Image:
    from PIL import Image as Picture

    bare = Picture.fromarray(film.astype(np.uint8))
    bare.thumbnail((width, height), Picture.Resampling.LANCZOS, reducing_gap=2.0)
    return bare


def _paste(picture: Picture.Image, bare: Picture.Image, corner: tuple[int, int], panel: Panel) -> None:
    """Paste the bare film with its caption above."""
    from PIL import ImageDraw

    size = panel.size("tiny")
    picture.paste(bare, corner)
    text = panel.theme.word("bare", panel.lang)
    position = (corner[0], corner[1] - round(0.5 * size))
    draw_text(ImageDraw.Draw(picture), position, text, size, panel.theme.rgb("faint"))


def _digit(draw: ImageDraw.ImageDraw, center: Point, number: int, layer: Layer, theme: Theme, unit: float) -> None:
    """Write the number in the middle of its disc, dark on light colours and light on dark ones."""
    red, green, blue = rgb(theme.slot(layer.key).color)
    light = 0.2126 * red + 0.7152 * green + 0.0722 * blue > 110
    ink = rgb(theme.badge.ink_dark if light and layer.drawn else theme.badge.ink_light)
    size = round(theme.type["badge"] * unit) - (2 if number > 9 else 0)
    base = center[1] + 0.36 * size
    draw_text(draw, (center[0], base), str(number), size, ink, "ms")
