"""One film with all that is drawn on it: fills, outlines, rulers, signs, numbers and words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Image, Region
from whyray.render.badges import Badge, BadgeBoard, Rect, meet, parts
from whyray.render.contour import Path, dashes, outline
from whyray.render.drafting import Draft, box_path, caps_of, draft, reticle, segment, sign_path
from whyray.render.fonts import draw_text, text_width
from whyray.render.ink import Ink, Point
from whyray.render.layer import Layer
from whyray.render.plane import Grey, Patch, Plane, cover, overlap
from whyray.render.theme import Color, Display, Theme, rgb, show

if TYPE_CHECKING:
    from PIL import Image as Picture
    from PIL import ImageDraw

Rgb = NDArray[np.uint8]
FloatGrid = NDArray[np.float32]
_BAND = 48  # rows tinted at a time


@dataclass(frozen=True, eq=False, slots=True)
class View:
    """A block of the figure: `width` x `height` page pixels with the film on its plane.

    Attributes
    ----------
    frame
        Page rectangle (x0, y0, x1, y1) in which the film shows.
    detail
        True for a close-up: no fills, and nothing but words leaves the frame.
    """

    theme: Theme
    lang: Display
    unit: float
    image: Image
    plane: Plane
    width: int
    height: int
    frame: tuple[int, int, int, int]
    detail: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """Words on the film: where they stand, and the point they belong to with the room to keep `clear` round it."""

    text: str
    box: Rect
    at: Point
    color: Color
    clear: float = 0.0


@dataclass(frozen=True, eq=False, slots=True)
class Drawn:
    """A layer on the page: its cover, its outlines and its measured lines, in page pixels."""

    number: int
    layer: Layer
    cover: Patch | None
    outlines: list[Path]
    lines: list[Path]
    drafts: list[Draft] = field(default_factory=list)
    signs: list[tuple[Point, Path]] = field(default_factory=list)
    badges: list[Badge] = field(default_factory=list)
    words: list[Words] = field(default_factory=list)


def lay_out(view: View, layers: Sequence[tuple[int, Layer]]) -> list[Drawn]:
    """Find the place of everything that the numbered layers draw on a view."""
    drawn = [_geometry(number, layer, view) for number, layer in layers if layer.drawn]
    _rulers(drawn, view)
    _number(drawn, view)
    return drawn


def paint(view: View, film: Grey, drawn: Sequence[Drawn]) -> Picture.Image:
    """Draw a view; `film` is its frame, uint8 (height, width)."""
    from PIL import Image as Picture
    from PIL import ImageDraw

    block = np.empty((view.height, view.width, 3), dtype=np.uint8)
    block[:] = view.theme.rgb("page")
    x0, y0, x1, y1 = view.frame
    block[y0:y1, x0:x1] = film[:, :, None]
    if not view.detail:
        _fill(block, drawn, view)
    ink = Ink(view.width, view.height)
    _lines(ink, drawn, view)
    if view.detail:
        ink.apply(block)
        _crop(block, view)
        ink = Ink(view.width, view.height)
    _leaders(ink, drawn, view)
    ink.apply(block)
    picture = Picture.fromarray(block)
    draw = ImageDraw.Draw(picture)
    for item in drawn:
        for badge in item.badges:
            digit(draw, badge.center, item.layer.badge or str(item.number), item.layer, view.theme, view.unit)
        for words in item.words:
            _write(draw, words, view)
    return picture


def _geometry(number: int, layer: Layer, view: View) -> Drawn:
    theme, unit, plane = view.theme, view.unit, view.plane
    lines = [segment(line, plane) for line in layer.lines]
    half = theme.ruler.symbol * unit
    centers = [plane.point(*mark.point) for mark in layer.marks]
    signs = [(center, sign_path(center, half, layer.symbol)) for center in centers]
    region = _near(layer.region, view) if layer.region is not None else None
    if region is None:
        return Drawn(number, layer, None, [], lines, signs=signs)
    clearance, smooth = theme.contour.clearance * unit, theme.contour.smooth * unit
    if view.detail:
        smooth = max(smooth, theme.closeup.smooth * plane.scale[0])
    margin = int(np.ceil(clearance + 4 * smooth)) + 2
    patch = cover(region, plane, margin)
    return Drawn(number, layer, patch, _outlines(layer, patch, clearance, smooth, view), lines, signs=signs)


def _outlines(layer: Layer, patch: Patch, clearance: float, smooth: float, view: View) -> list[Path]:
    """Return the outline of a region, of a box, or the cross round a point that the user set."""
    if layer.form == "outline" or layer.region is None:
        return outline(patch, clearance, smooth)
    (left, top), (sx, sy) = (view.plane.left, view.plane.top), view.plane.scale
    x0, y0, x1, y1 = layer.region.bbox
    box = left + x0 * sx, top + y0 * sy, left + x1 * sx, top + y1 * sy
    if layer.form == "box":
        return [box_path((box[0] - clearance, box[1] - clearance, box[2] + clearance, box[3] + clearance))]
    center = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return reticle(center, max(view.theme.ruler.reticle * view.unit, (box[2] - box[0]) / 2 + 2 * clearance))


def _near(region: Region, view: View) -> Region | None:
    """Return the part of a region that a close-up shows, with a border beyond its frame."""
    if not view.detail:
        return region
    (sx, sy), beyond = view.plane.scale, 24 * view.unit
    x0, y0, x1, y1 = view.frame
    left, top = int((x0 - view.plane.left - beyond) / sx), int((y0 - view.plane.top - beyond) / sy)
    right, bottom = int((x1 - view.plane.left + beyond) / sx) + 1, int((y1 - view.plane.top + beyond) / sy) + 1
    bx0, by0, bx1, by1 = region.bbox
    left, top, right, bottom = max(left, bx0), max(top, by0), min(right, bx1), min(bottom, by1)
    if left >= right or top >= bottom:
        return None
    part = region.crop[top - by0 : bottom - by0, left - bx0 : right - bx0]
    return Region.from_window(region.rows, region.cols, (left, top, right, bottom), part)


def _rulers(drawn: Sequence[Drawn], view: View) -> None:
    """Lay out all rulers; those between centres last, beside the others."""
    solid = [item for item in drawn if item.layer.style not in ("anatomy", "frame")]
    covers = [item.cover for item in solid if item.cover is not None]
    beside: list[Path] = []
    keep = [path for item in drawn for _, path in item.signs]
    waiting = [(item, ruler) for item in drawn for ruler in item.layer.rulers]
    for item, ruler in sorted(waiting, key=lambda pair: pair[1].ends == "centre"):
        made = draft(ruler, view.plane, view.theme.ruler, view.unit, covers, beside, keep)
        if ruler.ends == "centre" and made.toward is not None:
            away = -made.toward[0], -made.toward[1]
            item.drafts[:] = [replace(one, toward=one.toward or away) for one in item.drafts]
        item.drafts.append(made)
        keep += made.extents
        if ruler.ends == "edge":
            beside.append(segment(ruler.line, view.plane))


def _fill(block: Rgb, drawn: Sequence[Drawn], view: View) -> None:
    """Tints the regions; where several overlap, colours are averaged and the alpha is the largest of them."""
    theme = view.theme
    tinted = [d for d in drawn if d.cover is not None and theme.styles[d.layer.style].fill > 0]
    if not tinted:
        return
    x0, y0, x1, y1 = _window([d.cover for d in tinted if d.cover is not None], view.frame)
    for top in range(y0, y1, _BAND):
        _fill_band(block, tinted, view, (x0, top, x1, min(top + _BAND, y1)))


def _fill_band(block: Rgb, tinted: Sequence[Drawn], view: View, box: tuple[int, int, int, int]) -> None:
    x0, y0, x1, y1 = box
    shape = (y1 - y0, max(0, x1 - x0))
    weight, alpha = np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.float32)
    tints: list[tuple[tuple[slice, slice], Color, FloatGrid]] = []
    for item in tinted:
        if item.cover is None:
            continue
        moved = Patch(item.cover.x - x0, item.cover.y - y0, item.cover.values)
        page, patch = overlap(moved, shape)
        values = moved.values[patch] * view.theme.styles[item.layer.style].fill
        weight[page] += values
        np.maximum(alpha[page], values, out=alpha[page])
        tints.append((page, rgb(view.theme.slot(item.layer.key).color), values))
    np.divide(alpha, weight, out=weight, where=weight > 0)
    for page, _, values in tints:
        values *= weight[page]
    grey = block[y0:y1, x0:x1, 0] * (1.0 - alpha) + 0.5
    for channel in range(3):
        shade = grey.copy()
        for page, color, values in tints:
            shade[page] += values * color[channel]
        block[y0:y1, x0:x1, channel] = shade.astype(np.uint8)


def _window(covers: Sequence[Patch], frame: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """Return the box round all patches inside the frame."""
    x0, y0 = min(c.x for c in covers), min(c.y for c in covers)
    x1, y1 = max(c.x + c.values.shape[1] for c in covers), max(c.y + c.values.shape[0] for c in covers)
    return max(x0, frame[0]), max(y0, frame[1]), min(x1, frame[2]), min(y1, frame[3])


def _lines(ink: Ink, drawn: Sequence[Drawn], view: View) -> None:
    """Outlines in each layer's dash pattern, measured segments with end strokes, signs round marked points."""
    theme, unit = view.theme, view.unit
    for item in sorted(drawn, key=lambda d: d.layer.style != "anatomy"):
        style, slot = theme.styles[item.layer.style], theme.slot(item.layer.key)
        width, color = style.stroke * unit, rgb(slot.color)
        strokes = [p for path in item.outlines for p in dashes(path, slot.dash, unit)]
        caps = theme.contour.cap * unit
        strokes += [p for line in item.lines for p in (line, *_long_caps(line, caps))]
        ink.halo(strokes, width + 2 * style.halo * unit, style.halo_alpha)
        ink.stroke(strokes, width, color)
        thin = [p for made in item.drafts for p in made.strokes] + [path for _, path in item.signs]
        fine = 0.8 * width
        ink.halo(thin, fine + 2 * style.halo * unit, style.halo_alpha)
        ink.stroke(thin, fine, color)


def _long_caps(line: Path, half: float) -> list[Path]:
    return caps_of(line, half) if float(np.hypot(*(line[1] - line[0]))) >= half else []


def _number(drawn: Sequence[Drawn], view: View) -> None:
    """Chooses the place of every word and badge; small regions choose first."""
    theme, unit = view.theme, view.unit
    only_anatomy = all(item.layer.style == "anatomy" for item in drawn)
    numbered = [item for item in drawn if _numbered(item.layer, view.detail, only_anatomy)]
    radius = max((theme.styles[item.layer.style].badge for item in numbered), default=0.0) * unit
    board = _board(view, radius)
    targets = []
    for item in drawn:
        own = board.grid(cover=item.cover if item.layer.style != "frame" else None)
        rulers = [board.grid(path=line) for line in item.lines]
        board.occupy(own)
        keep_off = [*item.outlines, *(p for made in item.drafts for p in made.extents), *(p for _, p in item.signs)]
        for cells in (*rulers, *(board.grid(path=path) for path in keep_off)):
            board.occupy(cells, region=False)
        if item in numbered:
            choices = parts(own, theme.badge.second_part) if item.cover is not None else rulers[:1]
            targets += [(int(np.count_nonzero(cells)), item, cells) for cells in choices]
    for item in drawn:
        _words(item, board, view)
    for _, item, cells in sorted(targets, key=lambda target: target[0]):
        badge = board.place(item.layer.badge or item.number, cells)
        if badge is not None:
            item.badges.append(badge)


def _numbered(layer: Layer, detail: bool, only_anatomy: bool) -> bool:
    if layer.style == "frame" or layer.rulers or layer.marks:
        return False
    if layer.style == "anatomy":
        return only_anatomy
    return not detail or layer.style != "anchor"


def _board(view: View, radius: float) -> BadgeBoard:
    """Return a board whose bands above and below the film are kept for the marks."""
    unit, (_, y0, _, y1) = view.unit, view.frame
    board = BadgeBoard(view.width, view.height, radius, view.theme.badge, unit)
    board.occupy_box(0, 0, view.width, (y0 - 4 * unit) if not view.detail else 26 * unit)
    board.occupy_box(0, (y1 + 6 * unit) if not view.detail else view.height - 26 * unit, view.width, view.height)
    return board


def _words(item: Drawn, board: BadgeBoard, view: View) -> None:
    """Place what stands beside rulers, marks and the layer itself."""
    layer, color = item.layer, rgb(view.theme.slot(item.layer.key).color)
    wanted: list[tuple[str, tuple[Point, ...], Point | None]] = []
    rulers = sorted(layer.rulers, key=lambda ruler: ruler.ends == "centre")
    wanted += [(show(r.text, view.lang), d.at, d.toward) for r, d in zip(rulers, item.drafts, strict=True)]
    center = view.plane.point(*layer.region.centroid) if layer.region is not None else None
    centers = [at for at, _ in item.signs]
    for mark, (at, _) in zip(layer.marks, item.signs, strict=True):
        if mark.clock is not None:
            text = view.theme.word("clock", _one(view.lang), hour=mark.clock)
            wanted.append((text, (at,), _away(at, center, mark.clock)))
    if layer.tag is not None and item.outlines:
        longest = max(item.outlines, key=len)
        top = longest[int(np.argmin(longest[:, 1]))]
        wanted.append((show(layer.tag, view.lang), ((float(top[0]), float(top[1])),), None))
    size, label, unit = _size(view), view.theme.label, view.unit
    for text, points, toward in wanted:
        if not text:
            continue
        width = text_width(text, size) + 2 * (label.pad_x + label.gap) * unit
        height = size + 2 * (label.pad_y + label.gap) * unit
        placed = board.place_box(width, height, points, toward, label.crossing)
        if placed is not None:
            box, at = placed
            gap, clear = label.gap * unit, (view.theme.ruler.symbol * 1.35 + 1.0) * unit if at in centers else 0.0
            item.words.append(Words(text, (box[0] + gap, box[1] + gap, box[2] - gap, box[3] - gap), at, color, clear))
            board.occupy(board.grid(path=np.asarray([_mid(box), at], dtype=np.float32)), region=False)


def _one(lang: Display) -> Display:
    """Short words stand in one language: Chinese where both are asked for."""
    return "en" if lang == "en" else "zh"


def _away(at: Point, center: Point | None, clock: int) -> Point:
    """Return the direction from the lesion's centre through a mark; by its clock hour where the centre is unknown."""
    if center is not None:
        return at[0] - center[0], at[1] - center[1]
    angle = np.pi * clock / 6
    return float(np.sin(angle)), float(-np.cos(angle))


def _size(view: View) -> int:
    return round(view.theme.type["small"] * view.unit)


def _mid(box: Rect) -> Point:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _leaders(ink: Ink, drawn: Sequence[Drawn], view: View) -> None:
    theme, unit = view.theme, view.unit
    for item in drawn:
        style, color = theme.styles[item.layer.style], rgb(theme.slot(item.layer.key).color)
        leaders = [badge_leader(badge, item, view) for badge in item.badges]
        leaders += [line for words in item.words if (line := words_leader(words, view)) is not None]
        ink.halo(leaders, (theme.badge.leader + 2 * style.halo) * unit, style.halo_alpha)
        ink.stroke(leaders, theme.badge.leader * unit, color)
    for item in drawn:
        style, color = theme.styles[item.layer.style], rgb(theme.slot(item.layer.key).color)
        for badge in item.badges:
            ink.disc(badge.center, style.badge * unit, color, style.halo * 1.5 * unit, style.halo_alpha)
        for words in item.words:
            ink.ground(words.box, theme.label.alpha)


def badge_leader(badge: Badge, item: Drawn, view: View) -> Path:
    """Return the line from a badge to the outline of its layer."""
    tip = badge.tip
    if item.cover is not None and item.layer.form == "outline":
        tip = meet(badge, item.cover, view.theme.contour.clearance * view.unit)
    elif item.outlines:
        dense = np.concatenate([_dense(path) for path in item.outlines])
        nearest = dense[int(np.argmin(np.hypot(*(dense - np.asarray(badge.center)).T)))]
        tip = float(nearest[0]), float(nearest[1])
    return np.asarray([badge.center, tip], dtype=np.float32)


def _dense(path: Path) -> Path:
    """Return points along a polyline, sixteen a segment."""
    steps = np.linspace(0.0, 1.0, 16)[:, None, None]
    return np.asarray((path[:-1] + (path[1:] - path[:-1]) * steps).reshape(-1, 2), dtype=np.float32)


def words_leader(words: Words, view: View) -> Path | None:
    """Return the line from words that stand far from their point, from the border of their ground."""
    x0, y0, x1, y1 = words.box
    edge = min(max(words.at[0], x0), x1), min(max(words.at[1], y0), y1)
    length = float(np.hypot(edge[0] - words.at[0], edge[1] - words.at[1]))
    if length <= view.theme.label.leader_from * view.unit:
        return None
    part = words.clear / length
    end = words.at[0] + (edge[0] - words.at[0]) * part, words.at[1] + (edge[1] - words.at[1]) * part
    return np.asarray([edge, end], dtype=np.float32)


def _write(draw: ImageDraw.ImageDraw, words: Words, view: View) -> None:
    size = _size(view)
    x, y = _mid(words.box)
    draw_text(draw, (x, y + 0.36 * size), words.text, size, words.color, "ms")


def _crop(block: Rgb, view: View) -> None:
    """Give everything outside the frame back to the page and draw the frame."""
    x0, y0, x1, y1 = view.frame
    page = view.theme.rgb("page")
    for part in (block[:y0], block[y1:], block[:, :x0], block[:, x1:]):
        part[:] = page
    pen, line = max(1, round(view.unit)), view.theme.rgb("bar")
    for part in (block[y0 - pen : y0, x0 - pen : x1 + pen], block[y1 : y1 + pen, x0 - pen : x1 + pen],
                 block[y0:y1, x0 - pen : x0], block[y0:y1, x1 : x1 + pen]):  # fmt: skip
        part[:] = line


def digit(draw: ImageDraw.ImageDraw, center: Point, text: str, layer: Layer, theme: Theme, unit: float) -> None:
    """Write a number or id in the middle of its disc, dark on light colours and light on dark ones."""
    red, green, blue = rgb(theme.slot(layer.key).color)
    light = 0.2126 * red + 0.7152 * green + 0.0722 * blue > 110
    ink = rgb(theme.badge.ink_dark if light and layer.drawn else theme.badge.ink_light)
    size = round(theme.type["badge"] * unit) - 2 * (len(text) - 1)
    base = center[1] + 0.36 * size
    draw_text(draw, (center[0], base), text, size, ink, "ms")
