"""render: domain values -> pictures and text that a person reads.

Contract: `overlay` draws a PNG in which nothing hides the pixels it talks about (light fill, outlines
outside the regions, numbers beside them, words in the panel); `turn_picture` draws what one turn of a
conversation speaks of and `turn_svg` the same for a web page; `format_turn` and `format_report` write plain
text. Every output carries the research-use line. Colours, sizes, dash patterns and fixed words live in
``theme.yaml``; the shipped font draws Chinese on a machine without fonts. Imports only
``whyray.domain``; opens no network and no patient file.
"""

from whyray.render.document import as_html, as_markdown, as_pdf, as_text
from whyray.render.layer import Layer, anatomy_layers, evidence_layers
from whyray.render.overlay import overlay
from whyray.render.picture import PriorFilm, turn_picture
from whyray.render.svg import turn_svg
from whyray.render.text import format_report, format_turn
from whyray.render.theme import Theme, load_theme

__all__ = [
    "Layer",
    "PriorFilm",
    "Theme",
    "anatomy_layers",
    "as_html",
    "as_markdown",
    "as_pdf",
    "as_text",
    "evidence_layers",
    "format_report",
    "format_turn",
    "load_theme",
    "overlay",
    "turn_picture",
    "turn_svg",
]
