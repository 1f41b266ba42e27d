"""render: domain values -> pictures and text that a person reads.

Contract: `overlay` draws a PNG in which nothing hides the pixels it talks about (light fill, outlines
outside the regions, numbers beside them, words in the panel); `format_turn` and `format_report` write plain
text. Every output ends with the research-use line. Colours, sizes, dash patterns and fixed words live in
``theme.yaml``; the shipped font draws Chinese on a machine without fonts. Imports only
``whyray.domain``; opens no network and no patient file.
"""

from whyray.render.layer import Layer, anatomy_layers, evidence_layers
from whyray.render.overlay import overlay
from whyray.render.text import format_report, format_turn
from whyray.render.theme import Theme, load_theme

__all__ = [
    "Layer",
    "Theme",
    "anatomy_layers",
    "evidence_layers",
    "format_report",
    "format_turn",
    "load_theme",
    "overlay",
]
