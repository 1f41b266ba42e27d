"""Measurements as drawn: which lines belong to the lesion and which lead away from it, and their words."""

from __future__ import annotations

from collections.abc import Sequence

from whyray.domain import Bilingual, Fact, Line, Mark, Measurement, Pack, Region
from whyray.render.layer import Ends, Ruler
from whyray.render.theme import load_theme

_LENGTHS = ("mm", "px")
_CENTRE = "centre"
_EDGE = "edge"
_PAIR = 2
_NEAR = 0.35  # of the lesion's longer side: how far from its box a line that belongs to it may reach
Point = tuple[float, float]
Window = tuple[float, float, float, float]


def belongs(measurement: Measurement, lesion: Region) -> bool:
    """Tell whether all lines of a measurement lie on the lesion or close by it."""
    x0, y0, x1, y1 = lesion.bbox
    reach = _NEAR * max(x1 - x0, y1 - y0)
    ends = [point for line in measurement.lines for point in (line.start, line.end)]
    return bool(ends) and all(
        x0 - reach <= x <= x1 + reach and y0 - reach <= y <= y1 + reach for x, y in ends
    )  # fmt: skip


def within_marks(fact: Fact, lesion: Region) -> list[Point]:
    """Return the points that the close-up of a lesion has to hold for a fact: marks and ends of its own lines."""
    lines = [m for m in fact.measurements if _own(fact, m, lesion)]
    return [mark.point for mark in fact.marks] + [p for m in lines for line in m.lines for p in (line.start, line.end)]


def _own(fact: Fact, measurement: Measurement, lesion: Region | None) -> bool:
    """Tell whether a measurement is of the lesion itself: a distance from it to elsewhere never is."""
    if lesion is None or not measurement.lines or not belongs(measurement, lesion):
        return False
    return fact.kind != "distance" or _inner(measurement.lines[0], lesion)


def _inner(line: Line, lesion: Region) -> bool:
    """Tell whether most of a line lies on the lesion."""
    x0, y0, x1, y1 = lesion.bbox
    steps = [i / 16 for i in range(17)]
    hits = 0
    for step in steps:
        x = round(line.start[0] + (line.end[0] - line.start[0]) * step)
        y = round(line.start[1] + (line.end[1] - line.start[1]) * step)
        hits += x0 <= x < x1 and y0 <= y < y1 and bool(lesion.crop[y - y0, x - x0])
    return 2 * hits > len(steps)


def rulers_of(
    fact: Fact, lesion: Region | None, pack: Pack, window: Window | None, *, inside: bool
) -> tuple[tuple[Ruler, ...], tuple[Mark, ...]]:
    """Return rulers and marks of a fact in the close-up (`inside`) or on the film.

    Without a window everything is drawn on the film. Several lines of one measurement that belong to the lesion
    (lengths of spicules) become marks at their ends, unless the fact has marks: a line would hide what it measures.
    """
    rulers: list[Ruler] = []
    marks = list(fact.marks) if window is None or inside else []
    for measurement in (m for m in fact.measurements if m.lines):
        own = _own(fact, measurement, lesion)
        if window is not None and own != inside:
            continue
        if own and len(measurement.lines) > 1:
            if not fact.marks:
                marks += [Mark(line.end) for line in measurement.lines]
            continue
        ends = "diameter" if own else _ends(measurement, fact)
        texts = [_text(measurement, fact, ends, pack), *[Bilingual("", "")] * (len(measurement.lines) - 1)]
        rulers += [Ruler(line, text, ends) for line, text in zip(_by_length(measurement), texts, strict=True)]
    return tuple(rulers), tuple(marks)


def _by_length(measurement: Measurement) -> list[Line]:
    def squared(line: Line) -> float:
        return (line.end[0] - line.start[0]) ** 2 + (line.end[1] - line.start[1]) ** 2

    return sorted(measurement.lines, key=squared, reverse=True)


def _ends(measurement: Measurement, fact: Fact) -> Ends:
    """Tell a distance between centres from one between edges: by its name, else the longer of two."""
    if measurement.unit not in _LENGTHS or fact.kind != "distance":
        return "line" if measurement.unit == "deg" else "edge"
    if _CENTRE in measurement.id or "center" in measurement.id:
        return "centre"
    if _EDGE in measurement.id:
        return "edge"
    both = [m for m in fact.measurements if m.lines and m.unit in _LENGTHS]
    longer = len(both) == _PAIR and measurement is max(both, key=lambda m: m.value)
    return "centre" if longer else "edge"


def _text(measurement: Measurement, fact: Fact, ends: Ends, pack: Pack) -> Bilingual:
    """Return the words beside a line: id of the fact, edge or centre, number, and its share of the chest's width."""
    theme = load_theme()
    value = theme.number(measurement.value, measurement.unit)
    if measurement.unit == "px" and ends == "edge":
        share = _across(fact.measurements)
        if share is not None:
            words = theme.words["across"].format(value=theme.number(share.value, share.unit))
            return _named(fact, theme.words[_EDGE], Bilingual(f"{value}（{words.zh}）", f"{value} ({words.en})"))
    if fact.kind == "distance" and ends in (_EDGE, _CENTRE) and measurement.unit in _LENGTHS and _paired(fact):
        return _named(fact, theme.words[ends], Bilingual(value, value))
    name = pack.measures.get(measurement.id, Bilingual("", ""))
    return Bilingual(f"{name.zh} {value}".strip(), f"{name.en} {value}".strip())


def _named(fact: Fact, word: Bilingual, value: Bilingual) -> Bilingual:
    return Bilingual(f"{fact.id} {word.zh} {value.zh}", f"{fact.id} {word.en} {value.en}")


def _paired(fact: Fact) -> bool:
    """Tell whether a fact gives more than one length, so that edge and centre have to be told apart."""
    return sum(bool(m.lines) and m.unit in _LENGTHS for m in fact.measurements) > 1


def _across(measurements: Sequence[Measurement]) -> Measurement | None:
    """Return the share of the chest's width that goes with a distance: a ratio without lines of its own."""
    return next((m for m in measurements if m.unit == "ratio" and not m.lines), None)
