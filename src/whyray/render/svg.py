"""The picture of a turn as SVG for a web page: the same layers, on the film's own pixels."""

from __future__ import annotations

import base64
import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from whyray.domain import Anchor, Bilingual, Image, Lang, Look, Observations, Pack, Region, Turn
from whyray.render.badges import Badge
from whyray.render.contour import Path, trace
from whyray.render.layer import Layer
from whyray.render.plane import bytes_of, place
from whyray.render.scene import scene_of
from whyray.render.sheet import check
from whyray.render.theme import Display, Theme, load_theme, show
from whyray.render.vector import simplified
from whyray.render.view import Drawn, View, Words, badge_leader, lay_out, words_leader

_SIDE = 1024  # page on which words and numbers find their places
_FONTS = "'Noto Sans CJK SC', 'Noto Sans SC', 'Microsoft YaHei', 'PingFang SC', sans-serif"
_CLASSES = {"measure": "evidence", "struck": "anchor rejected"}
_TOLERANCE = 0.6  # pixels that a straightened outline may be off


def turn_svg(
    image: Image,
    turn: Turn,
    pack: Pack,
    *,
    anchors: Sequence[Anchor],
    embed: bool = True,
    href: str = "film.png",
    looks: Mapping[str, Look] | None = None,
    rejected: Collection[str] = (),
    observations: Observations | None = None,
    lang: Display = "both",
) -> str:
    """Return the layers of a turn as an SVG document.

    One ``<g>`` for each anchor (``id="A1" class="anchor"``), piece of evidence (``E3``), fact (``F2``) and named
    structure, with a ``<title>`` in both languages; things without a place on the film have an empty group. It holds
    no script and refers to nothing but `href`.

    Parameters
    ----------
    embed
        True puts the film into the document as PNG; False links `href`.
    href
        Address of the film's picture at source size.
    anchors, looks, rejected, observations, lang
        As for `turn_picture`; `lang` is that of the visible words.

    Returns
    -------
    str
        XML; its viewBox is (0, 0, cols, rows) in source pixels.

    Raises
    ------
    ArgumentError
        ``OVERLAY_REGION`` for a region of another image size.
    """
    scene = scene_of(turn, pack, anchors, looks or {}, frozenset(rejected), observations, None)
    layers = [*(row for row in scene.rows if not row.drawn), *scene.film]
    check(image, layers, _SIDE)
    question = turn.query.text or show(load_theme().words["film"], "both")
    return _document(image, layers, _film(image) if embed else href, question, lang)


def _document(image: Image, layers: Sequence[Layer], film: str, question: str, lang: Display) -> str:
    theme, rows, cols = load_theme(), image.geometry.rows, image.geometry.cols
    plane = place(image, _SIDE, float("inf"), 0, 0)
    view = View(theme, lang, 1.0, image, plane, plane.width, plane.height, (0, 0, plane.width, plane.height))
    drawn = {item.number: item for item in lay_out(view, list(enumerate(layers)))}
    pen = _Pen(theme, plane.scale)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {cols} {rows}" role="img">',
            f"<title>{_text(question)}</title>",
            f"<desc>{_text(show(theme.words['research'], 'both'))}</desc>",
            f'<image x="0" y="0" width="{cols}" height="{rows}" href={quoteattr(film)}/>',
            f'<g font-family="{_FONTS}" stroke-linejoin="round" stroke-linecap="butt">',
            *(_group(layer, drawn.get(number), pen, view) for number, layer in enumerate(layers)),
            *_marks(image, pen, lang, (plane.width, plane.height)),
            "</g>",
            "</svg>",
        ]
    )


class _Pen:
    """Page lengths and points as text in source pixels."""

    def __init__(self, theme: Theme, scale: tuple[float, float]) -> None:
        self.theme = theme
        self._sx, self._sy = scale

    def x(self, value: float) -> str:
        return f"{value / self._sx:.1f}"

    def y(self, value: float) -> str:
        return f"{value / self._sy:.1f}"

    def length(self, value: float) -> str:
        return f"{value / self._sx:.2f}"

    def path(self, paths: Iterable[Path]) -> str:
        """Path data of page polylines."""
        thin = (simplified(path, _TOLERANCE / 2) for path in paths)
        return "".join("M" + "L".join(f"{self.x(x)} {self.y(y)}" for x, y in path) for path in thin)

    def dash(self, pattern: Sequence[float]) -> str:
        return f' stroke-dasharray="{" ".join(self.length(part) for part in pattern)}"' if pattern else ""


def _group(layer: Layer, item: Drawn | None, pen: _Pen, view: View) -> str:
    """Return the group of one layer."""
    role = _CLASSES.get(layer.style, layer.style)
    if layer.polarity == "absent":
        role += " absent"
    attributes = {"id": layer.id, "class": role, "data-sign": layer.sign, "data-state": layer.state or ""}
    if layer.style in ("fact", "struck") and layer.group:
        attributes["data-kind"] = layer.group
    opening = "".join(f" {name}={quoteattr(_clean(value))}" for name, value in attributes.items() if value)
    title = f"<title>{_text(_told(layer))}</title>"
    return "\n".join([f"<g{opening}>", title, *(_shapes(layer, item, pen, view) if item is not None else []), "</g>"])


def _told(layer: Layer) -> str:
    """Return name, place and finding of a layer in both languages."""
    parts = [part for part in (layer.label, layer.location, layer.facts) if part is not None]
    zh, en = "，".join(part.zh for part in parts), ", ".join(part.en for part in parts)
    return show(Bilingual(zh, en), "both")


def _shapes(layer: Layer, item: Drawn, pen: _Pen, view: View) -> list[str]:
    """Return outline, lines, signs, number and words of a layer."""
    theme = pen.theme
    style, slot = theme.styles[layer.style], theme.slot(layer.key)
    out: list[str] = []
    if layer.region is not None and style.fill > 0:
        out.append(
            f'<path class="region" d="{_region(layer.region)}" fill="{slot.color}" fill-rule="evenodd" '
            f'fill-opacity="{style.fill}"/>'
        )
    lines = [*item.lines, *(p for made in item.drafts for p in made.strokes), *(path for _, path in item.signs)]
    for name, paths, dash in (("outline", item.outlines, slot.dash), ("line", lines, ())):
        if paths:
            data, width = pen.path(paths), style.stroke
            for color, wide, alpha in ((theme.colors["page"], width + 2 * style.halo, style.halo_alpha),
                                       (slot.color, width, 1.0)):  # fmt: skip
                out.append(
                    f'<path class="{name}" d="{data}" fill="none" stroke="{color}" stroke-opacity="{alpha}" '
                    f'stroke-width="{pen.length(wide)}"{pen.dash(dash)}/>'
                )
    for badge in item.badges:
        out += _badge(item, badge, pen, view)
    for words in item.words:
        out += _words(words, slot.color, pen, view)
    return out


def _badge(item: Drawn, badge: Badge, pen: _Pen, view: View) -> list[str]:
    layer, theme = item.layer, pen.theme
    color, radius = theme.slot(layer.key).color, theme.styles[layer.style].badge
    (x, y), size = badge.center, theme.type["badge"]
    text = layer.badge or str(item.number)
    return [
        _leader(badge_leader(badge, item, view), color, pen),
        f'<circle cx="{pen.x(x)}" cy="{pen.y(y)}" r="{pen.length(radius)}" fill="{color}"/>',
        f'<text x="{pen.x(x)}" y="{pen.y(y + 0.36 * size)}" font-size="{pen.length(size)}" '
        f'text-anchor="middle" fill="{theme.badge.ink_dark}">{_text(text)}</text>',
    ]


def _leader(line: Path, color: str, pen: _Pen) -> str:
    width = pen.length(pen.theme.badge.leader)
    return f'<path class="leader" d="{pen.path([line])}" fill="none" stroke="{color}" stroke-width="{width}"/>'


def _words(words: Words, color: str, pen: _Pen, view: View) -> list[str]:
    x0, y0, x1, y1 = words.box
    size, leader = pen.theme.type["small"], words_leader(words, view)
    ground, alpha = pen.theme.colors["page"], pen.theme.label.alpha
    return [
        *([_leader(leader, color, pen)] if leader is not None else []),
        f'<rect x="{pen.x(x0)}" y="{pen.y(y0)}" width="{pen.length(x1 - x0)}" height="{pen.length(y1 - y0)}" '
        f'rx="{pen.length(3)}" fill="{ground}" fill-opacity="{alpha}"/>',
        f'<text x="{pen.x((x0 + x1) / 2)}" y="{pen.y((y0 + y1) / 2 + 0.36 * size)}" '
        f'font-size="{pen.length(size)}" text-anchor="middle" fill="{color}">{_text(words.text)}</text>',
    ]


def _region(region: Region) -> str:
    """Return the outline of a mask as path data, half a pixel round at corners, in source pixels."""
    field = np.pad(region.crop.astype(np.float32), 1)
    corner = np.asarray([region.bbox[0] - 0.5, region.bbox[1] - 0.5], dtype=np.float32)
    loops = (simplified(path, _TOLERANCE) + corner for path in trace(field, 0.5))
    return "".join("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in loop[:-1]) + "Z" for loop in loops)


def _marks(image: Image, pen: _Pen, lang: Display, page: tuple[int, int]) -> list[str]:
    """Return sides, the simulation mark and the research line, at the film's edges."""
    theme, (width, height) = pen.theme, page
    side: Lang = "en" if lang == "en" else "zh"
    size = theme.type["small"]
    right, left = theme.words["right"].get(side), theme.words["left"].get(side)
    items = [(right, 8.0, 8.0 + size, "start", "mark"), (left, width - 8.0, 8.0 + size, "end", "mark")]
    items.append((theme.word("research", lang), 8.0, height - 8.0, "start", "warning"))
    if image.simulated:
        items.append((theme.word("simulated", lang), width / 2, 8.0 + size, "middle", "warning"))
    return [
        f'<text class="mark" x="{pen.x(x)}" y="{pen.y(y)}" font-size="{pen.length(size)}" text-anchor="{anchor}" '
        f'fill="{theme.colors[color]}" stroke="{theme.colors["page"]}" stroke-width="{pen.length(2)}" '
        f'paint-order="stroke">{_text(text)}</text>'
        for text, x, y, anchor, color in items
    ]


def _film(image: Image) -> str:
    """Return the film as a data address: 8-bit grey PNG at source size."""
    from PIL import Image as Picture

    grey = bytes_of(image.pixels[0])
    stream = io.BytesIO()
    Picture.fromarray(grey).save(stream, "PNG", compress_level=3)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def _clean(text: str) -> str:
    """Return text without the characters that XML 1.0 does not allow."""
    return "".join(
        char for char in text if char in "\t\n\r" or "\x20" <= char <= "\ud7ff" or "\ue000" <= char <= "\ufffd"
        or char >= "\U00010000"
    )  # fmt: skip


def _text(text: str) -> str:
    return escape(_clean(text))
