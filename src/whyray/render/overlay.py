"""The figure: the film with outlined, numbered evidence, and beside it what each number means."""

from __future__ import annotations

from collections.abc import Sequence

from whyray.domain import Bilingual, Image
from whyray.render.layer import Layer
from whyray.render.legend import build
from whyray.render.sheet import check, compose, film_block, film_view
from whyray.render.theme import Display, load_theme


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
    check(image, layers, size)
    theme = load_theme()
    unit = max(1.0, size / 1024)
    block = film_block(film_view(image, size, theme, lang, unit), list(enumerate(layers, start=1)))
    return compose([block], build(theme, lang, unit, title, lines, layers, notes, legend), footer)
