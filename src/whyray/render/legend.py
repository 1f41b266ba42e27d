"""The legend: question and answer, one row for each thing drawn or stated, anatomy, notes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from whyray.domain import Bilingual
from whyray.render.card import fact_row, tally
from whyray.render.contour import Path, dashes
from whyray.render.fonts import text_width
from whyray.render.layer import Layer, erased
from whyray.render.panel import Box, Panel, Swatch, Text
from whyray.render.theme import Display, Theme, rgb


def build(
    theme: Theme, lang: Display, unit: float, title: Bilingual, lines: Sequence[Bilingual],
    layers: Sequence[Layer], notes: Sequence[Bilingual], legend: bool, inset: int = 0,
) -> Panel:  # fmt: skip
    """Lay out the whole column except the bare film and the footer; `inset` pixels are kept below the answer."""
    style = theme.panel
    panel = Panel(theme, lang, unit, (style.width - 2 * style.pad) * unit)
    panel.write_both(title, ("title", "subtitle"), ("text", "muted"))
    for line in lines:
        panel.space(style.gap * 0.6)
        panel.write_both(line, ("body", "small"), ("text", "muted"))
    if inset:
        panel.space(style.gap)
        panel.room = panel.height
        panel.height += inset
    if legend and layers:
        _legend(panel, layers)
    if notes:
        panel.space(style.gap)
        panel.rule()
    for note in notes:
        panel.space(style.gap * 0.6)
        prefixed = Bilingual(f"{theme.words['note'].zh}：{note.zh}", f"{theme.words['note'].en}: {note.en}")
        panel.write_both(prefixed, ("small", "tiny"), ("muted", "faint"))
    return panel


def _legend(panel: Panel, layers: Sequence[Layer]) -> None:
    group: str | None = None
    for number, layer in enumerate(layers, start=1):
        if layer.style == "anatomy":
            continue
        heading = _group(layer)
        if heading != group:
            _heading(panel, heading, scored=layer.style == "evidence" and group is None)
            group = heading
            tally(panel, [one.state for one in layers if one.state is not None and _group(one) == heading])
        if layer.group:
            fact_row(panel, layer, number)
        else:
            _row(panel, layer, number)
    anatomy = [(number, layer) for number, layer in enumerate(layers, start=1) if layer.style == "anatomy"]
    if anatomy:
        _heading(panel, "anatomy", scored=False)
        _anatomy(panel, anatomy, numbered=len(anatomy) == len(layers))


def _group(layer: Layer) -> str:
    """Return the heading that a layer stands under: a word of the theme."""
    return layer.group or layer.polarity or ("measure" if layer.style == "measure" else "sign")


def _heading(panel: Panel, word: str, scored: bool) -> None:
    theme = panel.theme
    panel.space(theme.panel.row_gap)
    panel.rule()
    panel.space(4)
    right = f"{theme.word('score', panel.lang)} · {theme.word('share', panel.lang)}" if scored else ""
    kept = text_width(right, panel.size("tiny")) + panel.px(theme.panel.row_gap) if scored else 0
    first = len(panel.texts)
    panel.write(theme.word(word, panel.lang), "small", "faint", 0.0, panel.width - kept)
    if scored:
        y = panel.texts[first].y
        panel.texts.append(Text(panel.width, y, right, panel.size("tiny"), theme.rgb("faint"), "rs"))


def _row(panel: Panel, layer: Layer, number: int) -> None:
    """Badge, line sample, names, place and facts at the left; score and share at the right."""
    style = panel.theme.panel
    panel.space(style.row_gap * 0.7)
    top = panel.height
    indent = panel.px(style.text_indent)
    room = panel.width - indent - panel.px(style.value_width)
    strong = "text" if layer.drawn else "muted"
    panel.swatches.append(Swatch(0, top + panel.px(12), layer, number))
    panel.write_both(layer.label, ("body", "small"), (strong, "muted"), indent, room)
    floor = _value(panel, layer, top, strong)
    for text in (layer.location, layer.facts, erased(layer.test) if layer.test else None):
        if text is not None:
            panel.space(1)
            width = room if panel.height < floor else panel.width - indent
            panel.write_both(text, ("small", "tiny"), ("muted", "faint"), indent, width)
    panel.height = max(panel.height, floor)


def _value(panel: Panel, layer: Layer, top: float, color: str) -> float:
    """Score over share bar and percentage, flush right; returns where they end."""
    theme, style = panel.theme, panel.theme.panel
    body, small = panel.size("body"), panel.size("tiny")
    y = round(top + body * (theme.type["leading"] - 0.28))
    panel.texts.append(Text(panel.width, y, layer.value, panel.size("mark"), theme.rgb(color), "rs"))
    if layer.share is None:
        return y
    y += round(1.55 * small)
    percent = f"{layer.share:.0%}"
    panel.texts.append(Text(panel.width, y, percent, small, theme.rgb("muted"), "rs"))
    left = panel.width - panel.px(style.value_width) + panel.px(4)
    length, middle = panel.px(style.bar), y - round(0.36 * small)
    low, high = middle - panel.px(style.bar_height) / 2, middle + panel.px(style.bar_height) / 2
    panel.boxes.append(Box(left, low, left + length, high, theme.rgb("rule")))
    if layer.share > 0:
        filled = left + max(1.0, min(1.0, layer.share) * length)
        panel.boxes.append(Box(left, low, filled, high, rgb(theme.slot(layer.key).color)))
    return y + panel.px(1)


def _anatomy(panel: Panel, rows: Sequence[tuple[int, Layer]], numbered: bool) -> None:
    """Compact entries in columns, down then across."""
    style = panel.theme.panel
    count = style.anatomy_columns
    width = panel.width / count
    per_column = -(-len(rows) // count)
    top, lowest = panel.height, panel.height
    for index, (number, layer) in enumerate(rows):
        column, line = divmod(index, per_column)
        if line == 0:
            panel.height = top
        x = column * width
        indent = panel.px(style.text_indent if numbered else style.swatch + 10)
        panel.space(5)
        panel.swatches.append(Swatch(x, panel.height + panel.px(11), layer, number if numbered else None))
        room = width - indent - panel.px(6)
        panel.write_both(layer.label, ("body", "tiny"), ("text", "muted"), x + indent, room)
        lowest = max(lowest, panel.height)
    panel.height = lowest


def sample(x0: float, x1: float, y: float, pattern: Sequence[float], unit: float) -> list[Path]:
    """Return a short straight piece of a layer's line, for its legend row."""
    xs = np.linspace(x0, x1, 8)
    path = np.stack((xs, np.full(8, y)), axis=1).astype(np.float32)
    return dashes(path, pattern, unit)
