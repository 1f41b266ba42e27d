"""Layers: what a figure draws over the film and explains in its legend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from whyray.domain import (
    Bilingual,
    Counterfactual,
    Evidence,
    Line,
    Mark,
    Measurement,
    Observations,
    Pack,
    Polarity,
    Region,
    State,
)
from whyray.render.entries import Entry, conclusions, entries, stance, stances
from whyray.render.theme import load_theme

LayerStyle = Literal["evidence", "anatomy", "measure", "anchor", "fact", "struck", "frame"]
Form = Literal["outline", "box", "point"]
Ends = Literal["edge", "centre", "diameter", "line"]
_FACTS = 2


@dataclass(frozen=True, slots=True)
class Ruler:
    """A measured line with its number.

    ``ends``: ``edge`` has a stroke across each end, ``centre`` is dashed with a ring round each end, ``diameter`` is
    drawn beside the lesion that it measures, ``line`` has no ends.
    """

    line: Line
    text: Bilingual
    ends: Ends


@dataclass(frozen=True, eq=False, slots=True)
class Layer:
    """One thing shown on the film.

    Attributes
    ----------
    key
        Colour: a slot number (``"0"``, ``"1"``, ...) or a role of the theme (``for``, ``measure``, ...).
    label
        Its name in the legend.
    region
        Source-pixel mask, or None (an absent sign, a plain measurement).
    lines
        Measured segments in source pixels.
    value
        The number beside the name, e.g. ``0.91``.
    style
        ``evidence`` is filled and numbered, ``anatomy`` a thin outline, ``measure`` lines only, ``anchor`` and
        ``fact`` carry their ids, ``struck`` is what the reader rejected, ``frame`` the border of the close-up.
    polarity
        Which group of the legend it belongs to; None for no group.
    share
        Share of the decision in [0, 1], or None.
    location, facts
        Where it is; what was measured.
    test
        Result of erasing it from the film.
    id
        Its id in the turn (``A1``, ``E3``, ``F2``).
    badge
        What stands in its badge; its number when empty.
    group
        Heading of the legend: a word of the theme; empty for the one that follows from polarity and style.
    form
        ``box`` or ``point`` for a place that the user drew.
    rulers, marks
        Measured lines with their numbers; points with their clock hours.
    symbol
        Which sign stands round its marks.
    state
        Of a checklist row.
    tag
        Words that stand beside it on the film.
    source
        Book or paper behind a checklist row.
    sign
        Sign id that it shows; empty for none.
    """

    key: str
    label: Bilingual
    region: Region | None = None
    lines: tuple[Line, ...] = ()
    value: str = ""
    style: LayerStyle = "evidence"
    polarity: Polarity | None = None
    share: float | None = None
    location: Bilingual | None = None
    facts: Bilingual | None = None
    test: Counterfactual | None = None
    id: str = ""
    badge: str = ""
    group: str = ""
    form: Form = "outline"
    rulers: tuple[Ruler, ...] = ()
    marks: tuple[Mark, ...] = ()
    symbol: int = 0
    state: State | None = None
    tag: Bilingual | None = None
    source: Bilingual | None = None
    sign: str = ""

    @property
    def drawn(self) -> bool:
        """True when it leaves a mark on the film."""
        return self.region is not None or bool(self.lines or self.rulers or self.marks)


def evidence_layers(evidence: Sequence[Evidence], pack: Pack) -> tuple[Layer, ...]:
    """One layer per entry of the list of evidence, in the same order; each drawn one gets the next colour slot.

    Where the evidence bears on several conclusions, a layer says for and against which.
    """
    layers: list[Layer] = []
    slot, several = 0, len(conclusions(evidence)) > 1
    for entry in entries(evidence):
        item = entry.first
        lines = tuple(line for measurement in item.measurements for line in measurement.lines)
        drawn = item.region is not None or bool(lines)
        layer = _evidence_layer(item, pack, lines, str(slot) if drawn else item.polarity)
        layers.append(_shared(layer, entry, pack) if several else layer)
        slot += drawn
    return tuple(layers)


def _shared(layer: Layer, entry: Entry, pack: Pack) -> Layer:
    """Return the layer of a sign that may bear on several conclusions: no share and no heading is its own."""
    said = stances(entry, pack)
    if layer.facts is not None:
        said = Bilingual(f"{said.zh}；{layer.facts.zh}", f"{said.en}; {layer.facts.en}")
    return replace(layer, facts=said, share=None, polarity="absent" if layer.polarity == "absent" else None)


def _evidence_layer(item: Evidence, pack: Pack, lines: tuple[Line, ...], key: str) -> Layer:
    return Layer(
        key=key,
        label=sign_name(item.sign, pack),
        region=item.region,
        lines=lines,
        value=f"{item.score:.2f}",
        polarity=stance(item, pack),
        share=item.share,
        location=item.location if item.location.zh or item.location.en else None,
        facts=_facts(item.measurements, pack),
        test=item.counterfactual,
        id=item.id,
        sign=item.sign,
    )


def sign_name(sign_id: str, pack: Pack) -> Bilingual:
    """Return the pack's name of a sign; its id when the pack has no such sign."""
    sign = pack.sign(sign_id)
    return sign.name if sign else Bilingual(sign_id, sign_id)


def measured(measurement: Measurement, pack: Pack) -> Bilingual:
    """``name value unit`` with its uncertainty when known and more than nothing after rounding."""
    theme = load_theme()
    name = pack.measures.get(measurement.id, Bilingual(measurement.id, measurement.id))
    value = theme.number(measurement.value, measurement.unit)
    digits, doubt = theme.decimals.get(measurement.unit, 2), measurement.uncertainty
    if doubt is not None and round(doubt, digits) > 0:
        value = f"{measurement.value:.{digits}f} ± {theme.number(doubt, measurement.unit)}"
    return Bilingual(f"{name.zh} {value}", f"{name.en} {value}")


def _facts(measurements: Sequence[Measurement], pack: Pack) -> Bilingual | None:
    """Return the first measurements in words, those that are drawn on the film before the others."""
    chosen = sorted(measurements, key=lambda m: not m.lines)[:_FACTS]
    if not chosen:
        return None
    texts = [measured(m, pack) for m in chosen]
    return Bilingual("，".join(t.zh for t in texts), ", ".join(t.en for t in texts))


def erased(test: Counterfactual) -> Bilingual:
    """Return the result of the erasing test in words: how the probability moved, and the verdict."""
    words = load_theme().words
    verdict = words["passed" if test.passed else "failed"]
    drop = "0.00" if abs(test.drop) < 0.005 else f"{-test.drop:+.2f}".replace("-", "−")
    template = words["erased"]
    return Bilingual(
        template.zh.format(drop=drop, verdict=verdict.zh), template.en.format(drop=drop, verdict=verdict.en)
    )


def anatomy_layers(observations: Observations, pack: Pack) -> tuple[Layer, ...]:
    """One outline per structure that was seen, in their order; the value is the confidence."""
    layers: list[Layer] = []
    for structure in observations.structures:
        if structure.region is None:
            continue
        definition = pack.structure(structure.id)
        name = definition.name if definition else Bilingual(structure.id, structure.id)
        value = f"{structure.confidence:.2f}"
        layers.append(Layer(str(len(layers)), name, structure.region, value=value, style="anatomy"))
    return tuple(layers)
