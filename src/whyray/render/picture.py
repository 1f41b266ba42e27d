"""The picture of one turn: it evolves with the conversation, from the whole film to the lesion and back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from whyray.domain import Anchor, Bilingual, Image, Look, Observations, Pack, Region, Turn
from whyray.render.closeup import closeup_size, draw_closeup
from whyray.render.layer import Layer
from whyray.render.legend import build
from whyray.render.scene import Close, Scene, scene_of
from whyray.render.sheet import Block, check, compose, film_block, film_view
from whyray.render.theme import Display, Theme, load_theme

if TYPE_CHECKING:
    from PIL import Image as Picture


@dataclass(frozen=True, eq=False, slots=True)
class PriorFilm:
    """An earlier film of the patient.

    Attributes
    ----------
    image
        The film.
    regions
        Fact id or sign id -> mask on the prior film's own pixels.
    laid
        Fact id or sign id -> the same mask laid on this film's pixels by the anatomy.
    """

    image: Image
    regions: Mapping[str, Region] = field(default_factory=dict)
    laid: Mapping[str, Region] = field(default_factory=dict)


def turn_picture(
    image: Image,
    turn: Turn,
    pack: Pack,
    *,
    anchors: Sequence[Anchor],
    looks: Mapping[str, Look] | None = None,
    prior: PriorFilm | None = None,
    rejected: Collection[str] = (),
    observations: Observations | None = None,
    title: Bilingual,
    lines: Sequence[Bilingual] = (),
    notes: Sequence[Bilingual] = (),
    footer: str = "",
    lang: Display = "both",
    size: int = 1024,
) -> bytes:
    """Draw a turn as PNG (8-bit RGB): anchors, evidence and distances on the film, a close-up of a described lesion.

    Parameters
    ----------
    anchors
        All anchors of the conversation up to this turn.
    looks
        Anchor id -> closer look, whose contour stands in the close-up.
    prior
        The film to compare with, drawn at the left.
    rejected
        Sign ids that the reader struck out earlier; drawn dashed and grey.
    observations
        Outlines of the structures that the question names.
    title, lines, notes, footer, lang, size
        As for `overlay`; two films side by side are smaller.

    Raises
    ------
    ArgumentError
        ``OVERLAY_SIZE`` for a size out of range, ``OVERLAY_REGION`` for a region of another image size.
    """
    check(image, [], size)
    theme, unit = load_theme(), max(1.0, size / 1024)
    scale = film_view(image, size, theme, lang, unit).plane.scale[0] / unit
    scene = scene_of(turn, pack, anchors, looks or {}, frozenset(rejected), observations, scale)
    check(image, [*scene.film, *(layer for one in scene.closeups for layer in one.layers)], size)
    blocks, rows = _blocks(image, scene, prior, size, theme, lang, unit)
    insets = [_inset(image, one, theme, lang, unit) for one in scene.closeups]
    if insets:
        theme = replace(theme, panel=replace(theme.panel, width=theme.closeup.column))
    height = len(insets) * closeup_size(theme, unit)[1]
    panel = build(theme, lang, unit, title, lines, rows, notes, legend=True, inset=height)
    return compose(blocks, panel, footer, _stacked(insets, theme))


def _inset(image: Image, close: Close, theme: Theme, lang: Display, unit: float) -> Picture.Image:
    name = Bilingual(close.anchor.id, close.anchor.id)
    return draw_closeup(image, close.window, close.layers, name, theme, lang, unit)


def _stacked(pictures: Sequence[Picture.Image], theme: Theme) -> Picture.Image | None:
    """Return the close-ups one below the other."""
    from PIL import Image as Picture

    if not pictures:
        return None
    size = (max(p.width for p in pictures), sum(p.height for p in pictures))
    whole, y = Picture.new("RGB", size, theme.rgb("panel")), 0
    for picture in pictures:
        whole.paste(picture, (0, y))
        y += picture.height
    return whole


def _blocks(
    image: Image, scene: Scene, prior: PriorFilm | None, size: int, theme: Theme, lang: Display, unit: float
) -> tuple[list[Block], tuple[Layer, ...]]:
    """Return the film, or the prior film and this one, and the rows of the legend."""
    numbered = list(enumerate(scene.film, start=1))
    if prior is None:
        return [film_block(film_view(image, size, theme, lang, unit), numbered)], scene.rows
    side = max(128, round(size * theme.pair.side))
    laid = [_prior_layer(layer, prior.laid, on_this=True) for layer in scene.film]
    then = [_prior_layer(layer, prior.regions, on_this=False) for layer in scene.rows]
    now = numbered + [(0, layer) for layer in laid if layer is not None]
    before = [(number, layer) for number, layer in enumerate(then, start=1) if layer is not None]
    check(image, [layer for _, layer in now], size)
    check(prior.image, [layer for _, layer in before], size)
    blocks = [
        film_block(film_view(prior.image, side, theme, lang, unit), before, theme.words["prior"]),
        film_block(film_view(image, side, theme, lang, unit), now, theme.words["now"]),
    ]
    extra = next((layer for layer in laid if layer is not None), None)
    return blocks, scene.rows if extra is None else (*scene.rows, replace(extra, group="prior"))


def _prior_layer(layer: Layer, regions: Mapping[str, Region], *, on_this: bool) -> Layer | None:
    """Return a layer as it was on the prior film: in its own colour there, as a thin dotted line on this film."""
    region = regions.get(layer.id) or regions.get(layer.sign)
    if region is None:
        return None
    if on_this:
        words = load_theme().words["prior_outline"]
        return Layer("prior", words, region, style="frame", group="prior")
    return replace(layer, region=region, lines=(), rulers=(), marks=(), tag=None)
