"""Rows of facts: what was looked at, what was found, and for a checklist how each row stands."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from whyray.domain import Bilingual, State
from whyray.render.contour import Path, dashes
from whyray.render.drafting import circle
from whyray.render.ink import Ink
from whyray.render.layer import Layer
from whyray.render.panel import Panel, Swatch, Text

_ICON = 9.0  # radius in pixels
_TICK = ((-0.5, 0.02), (-0.12, 0.42), (0.52, -0.4))  # in radii
_CROSS = (((-0.38, -0.38), (0.38, 0.38)), ((-0.38, 0.38), (0.38, -0.38)))
_STATES: tuple[State, ...] = ("met", "unmet", "undetermined")


def tally(panel: Panel, states: Sequence[State]) -> None:
    """Write how many rows are met, not met and undetermined."""
    if not states:
        return
    counts = {state: sum(one == state for one in states) for state in _STATES}
    panel.space(2)
    text = panel.theme.words["tally"].format(n=len(states), **counts)
    panel.write_both(text, ("body", "small"), ("text", "muted"))


def fact_row(panel: Panel, layer: Layer, number: int) -> None:
    """Add a row: badge, line or state, name, what was found, why not, source."""
    style = panel.theme.panel
    panel.space(style.row_gap * 0.7)
    top, indent = panel.height, panel.px(style.text_indent)
    panel.swatches.append(Swatch(0, top + panel.px(12), layer, number if layer.badge else None))
    kept = panel.px(style.value_width) if layer.state else 0
    room = panel.width - indent - kept
    strong = "muted" if layer.style == "struck" or layer.state == "undetermined" else "text"
    panel.write_both(layer.label, ("body", "small"), (strong, "muted"), indent, room)
    if layer.state is not None:
        _state(panel, layer.state, top)
    for text, kinds, colors in ((layer.facts, ("small", "small"), ("text", "muted")),
                                (layer.location, ("small", "tiny"), ("muted", "faint"))):  # fmt: skip
        if text is not None:
            panel.space(1)
            panel.write_both(text, kinds, colors, indent, room)
    if layer.source is not None:
        panel.space(1)
        source = panel.theme.words["source"]
        text = Bilingual(f"{source.zh}：{layer.source.zh}", f"{source.en}: {layer.source.en}")
        panel.write(text.en if panel.lang == "en" else text.zh, "tiny", "faint", indent, panel.width - indent)
    panel.height = max(panel.height, top + panel.px(24))


def _state(panel: Panel, state: State, top: float) -> None:
    """Write the state in words at the right of its row, in both languages one under the other."""
    size, theme = panel.size("small"), panel.theme
    words = theme.words[state]
    shown = [words.zh, words.en] if panel.lang == "both" else [words.get(panel.lang)]
    y = top + panel.size("body") * (theme.type["leading"] - 0.28)
    for word in shown:
        panel.texts.append(Text(panel.width, round(y), word, size, theme.rgb(state), "rs"))
        y += size * theme.type["leading"]
    panel.height = max(panel.height, y - size)


def draw_states(ink: Ink, panel: Panel) -> None:
    """Draw the sign of each state: a tick in a disc, a cross in a ring, a question mark in a broken ring."""
    theme, unit = panel.theme, panel.unit
    for item in panel.swatches:
        state = item.layer.state
        if state is None:
            continue
        left = item.x + 2 * theme.styles[item.layer.style].badge * unit + 8 * unit
        x, y, radius = left + theme.panel.swatch * unit / 2, item.y, _ICON * unit
        color, pen = theme.rgb(state), 2.0 * unit
        if state == "met":
            ink.disc((x, y), radius, color, 0.0, 0.0)
            ink.stroke([_scaled(_TICK, x, y, radius)], pen, theme.rgb("page"))
        elif state == "unmet":
            ink.ring((x, y), radius, 1.6 * unit, color)
            ink.stroke([_scaled(arm, x, y, radius) for arm in _CROSS], pen, color)
        else:
            ink.stroke(dashes(circle((x, y), radius - 1), (5, 4), unit), 1.4 * unit, color)
            size = panel.size("small")
            panel.texts.append(Text(x, y + 0.36 * size, "?", size, color, "ms"))


def _scaled(points: Sequence[tuple[float, float]], x: float, y: float, radius: float) -> Path:
    return (np.asarray(points, dtype=np.float32) * radius + np.asarray([x, y], dtype=np.float32)).astype(np.float32)
