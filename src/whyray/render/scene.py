"""What of a turn is drawn where: on the film, in a close-up of a lesion, or as a row of the legend alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from whyray.domain import Anchor, Bilingual, Fact, Look, Observations, Pack, Region, Turn
from whyray.render.closeup import Window, holds, window_of, zoomed
from whyray.render.entries import entries
from whyray.render.layer import Form, Layer, LayerStyle, evidence_layers
from whyray.render.measuring import rulers_of, within_marks
from whyray.render.theme import load_theme

_SAME = 0.5  # intersection over union from which two masks are one place
_CLOSEUPS = 2
_SLOTS = (1, 2, 3, 5, 6, 7, 0, 9, 10, 11)  # colours of facts; the one that looks like an anchor is left out


@dataclass(frozen=True, eq=False, slots=True)
class Close:
    """A close-up: the anchor it is of, its window on the source, and what is drawn in it, the contour first."""

    anchor: Anchor
    window: Window
    layers: tuple[Layer, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Scene:
    """A turn as layers.

    ``rows`` are the rows of the legend: every layer but frames and contours, each once.
    """

    film: tuple[Layer, ...]
    closeups: tuple[Close, ...]
    rows: tuple[Layer, ...]


def scene_of(
    turn: Turn,
    pack: Pack,
    anchors: Sequence[Anchor],
    looks: Mapping[str, Look],
    rejected: Collection[str],
    observations: Observations | None,
    scale: float | None,
) -> Scene:
    """Sort what a turn speaks of into the film, its close-ups and the legend.

    A close-up is made where it shows more than the film at `scale` page pixels per source pixel; None makes none.
    """
    everyone = {anchor.id: anchor for anchor in (*anchors, *turn.anchors)}
    evidence = _evidence(turn, pack, list(everyone.values()))
    asked = _asked(turn, everyone, evidence, rejected)
    colors = _colors(turn.facts, sum(layer.drawn for layer in evidence))
    enlarged = _closeups(turn, everyone, looks, pack, colors, scale) if scale is not None else ()
    close = {one.anchor.id: one for one in enlarged}
    asked = [_with_text(layer, turn.facts) for layer in asked]
    several = len({fact.anchor for fact in turn.facts if fact.anchor}) > 1
    told = {layer.id for layer in asked if layer.group == "correction"}
    facts: list[Layer] = []
    rows: list[Layer] = []
    for fact in turn.facts:
        if fact.kind == "correction" and fact.anchor in told:
            continue
        there = close.get(fact.anchor or "")
        outside = _fact(fact, everyone, looks, pack, colors[fact.id], there.window if there else None, inside=False)
        inner = next((layer for layer in there.layers if layer.id == fact.id), None) if there else None
        outside = _struck(outside, turn)
        facts.append(outside)
        row = replace(inner, facts=outside.facts) if inner is not None and inner.drawn else outside
        named = not several or fact.anchor is None or fact.anchor in row.label.en
        rows.append(row if named else replace(row, label=_joined(fact.anchor or "", row.label)))
    frames = [_frame(one, everyone) for one in enlarged]
    places = _places(turn, pack, observations)
    film = (*places, *asked, *evidence, *(f for f in facts if f.drawn), *frames)
    return Scene(film, enlarged, (*asked, *evidence, *rows, *places))


def _struck(layer: Layer, turn: Turn) -> Layer:
    """Return the row of a correction without an anchor as what it strikes out."""
    said = turn.correction
    if layer.group != "correction" or layer.region is None or said is None or not said.rejected:
        return layer
    return replace(layer, key="struck", style="struck", tag=load_theme().words["rejected"])


def _with_text(layer: Layer, facts: Sequence[Fact]) -> Layer:
    """Return a corrected anchor's row with what the answer says of the correction."""
    said = next((f for f in facts if f.kind == "correction" and f.anchor == layer.id), None)
    return layer if said is None or layer.group != "correction" else replace(layer, facts=said.text)


def form_of(anchor: Anchor) -> Form:
    """Tell a box and a point that the user drew from a mask."""
    region = anchor.region
    if anchor.sign is not None or not bool(region.crop.all()):
        return "outline"
    side = load_theme().ruler.point_side * max(region.rows, region.cols)
    return "point" if max(region.crop.shape) <= max(side, 1) else "box"


def contour_of(anchor: Anchor, looks: Mapping[str, Look]) -> Region:
    """Return the lesion's contour on full resolution where it was looked at, else the anchor's mask."""
    look = looks.get(anchor.id)
    return look.region if look is not None else anchor.region


def _evidence(turn: Turn, pack: Pack, anchors: Sequence[Anchor]) -> list[Layer]:
    """Return the evidence, numbered as the answer numbers it; a row names the anchor that it made."""
    layers: list[Layer] = []
    listed = zip(entries(turn.items), evidence_layers(turn.items, pack), strict=True)
    for number, (entry, layer) in enumerate(listed, start=1):
        item = entry.first
        anchor = next((a for a in anchors if a.sign == item.sign and _same(a.region, item.region)), None)
        label = layer.label if anchor is None else _joined(anchor.id, layer.label)
        layers.append(replace(layer, badge=str(number), label=label))
    return layers


def _same(a: Region, b: Region | None) -> bool:
    return b is not None and (a.rows, a.cols) == (b.rows, b.cols) and a.iou(b) > _SAME


def _joined(anchor: str, label: Bilingual) -> Bilingual:
    return Bilingual(f"{anchor} · {label.zh}", f"{anchor} · {label.en}")


def _asked(
    turn: Turn, anchors: Mapping[str, Anchor], evidence: Sequence[Layer], rejected: Collection[str]
) -> list[Layer]:
    """Return one layer for each anchor that the turn speaks of and that no evidence shows already."""
    query, said = turn.query, turn.correction
    named = [*query.anchors, *query.choices, *(f.anchor for f in turn.facts if f.anchor), *(a.id for a in turn.anchors)]
    struck = set(rejected) | ({said.sign} if said is not None and said.rejected else set())
    if said is not None:
        named += [
            a.id for a in anchors.values() if a.id == said.anchor or (said.anchor is None and a.sign == said.sign)
        ]
    layers: list[Layer] = []
    for anchor in (anchors[name] for name in dict.fromkeys(named) if name in anchors):
        shown = any(_same(anchor.region, layer.region) for layer in evidence)
        if anchor.sign in struck:
            layers.append(_anchor_layer(anchor, "rejected"))
        elif said is not None and anchor.sign == said.sign and not said.rejected:
            layers.append(_anchor_layer(anchor, "restored"))
        elif not shown:
            layers.append(_anchor_layer(anchor, ""))
    return layers


def _anchor_layer(anchor: Anchor, said: str) -> Layer:
    struck = said == "rejected"
    tag = load_theme().words[said] if said else None
    style: LayerStyle = "struck" if struck else "anchor"
    return Layer(
        style, anchor.label, anchor.region, style=style, id=anchor.id, badge=anchor.id,
        group="correction" if said else "asked", form=form_of(anchor), tag=tag, facts=tag, sign=anchor.sign or "",
    )  # fmt: skip


def _colors(facts: Sequence[Fact], used: int) -> dict[str, str]:
    """Return a colour slot for each fact that is drawn, after those of the evidence."""
    slots: dict[str, str] = {}
    for fact in facts:
        drawn = fact.region is not None or fact.marks or any(m.lines for m in fact.measurements)
        slots[fact.id] = (
            str(_SLOTS[(len(set(slots.values()) - {"absent"}) + used) % len(_SLOTS)]) if drawn else "absent"
        )
    return slots


def _closeups(
    turn: Turn, anchors: Mapping[str, Anchor], looks: Mapping[str, Look], pack: Pack, colors: Mapping[str, str],
    scale: float,
) -> tuple[Close, ...]:  # fmt: skip
    """Return the close-ups of the lesions that facts describe, as far as enlarging shows more."""
    made: list[Close] = []
    names = dict.fromkeys([*turn.query.anchors, *(f.anchor for f in turn.facts if f.anchor)])
    for anchor in (anchors[name] for name in names if name in anchors):
        facts = [f for f in turn.facts if f.anchor == anchor.id and f.kind in ("attribute", "distance")]
        region = contour_of(anchor, looks)
        window = window_of(region, [m for f in facts for m in within_marks(f, region)])
        layers = [_fact(f, anchors, looks, pack, colors[f.id], window, inside=True) for f in facts]
        wanted = turn.query.intent == "DESCRIBE" or any(layer.drawn for layer in layers)
        if facts and wanted and zoomed(window, scale):
            contour = Layer("anchor", anchor.label, region, style="anchor", id=anchor.id, badge=anchor.id)
            made.append(Close(anchor, window, (contour, *layers)))
    return tuple(made[:_CLOSEUPS])


def _fact(
    fact: Fact, anchors: Mapping[str, Anchor], looks: Mapping[str, Look], pack: Pack, color: str,
    window: Window | None, *, inside: bool,
) -> Layer:  # fmt: skip
    """Return what a fact draws inside the close-up's window, or on the film outside it (all of it without one)."""
    anchor = anchors.get(fact.anchor or "")
    lesion = contour_of(anchor, looks) if anchor is not None else None
    region = fact.region
    if region is not None and anchor is not None and (_whole(region, lesion) or _whole(region, anchor.region)):
        region = None
    if region is not None and window is not None and holds(window, region.bbox) != inside:
        region = None
    rulers, marks = rulers_of(fact, lesion, pack, window, inside=inside)
    reason, words = fact.reason, load_theme().words["reason"]
    if region is None and not rulers and not marks:
        color = "absent"
    return Layer(
        color, fact.name, region, style="fact", id=fact.id, badge=fact.id, group=fact.kind, rulers=rulers, marks=marks,
        symbol=_symbol(color), state=fact.state, facts=fact.text if fact.text.zh or fact.text.en else None,
        location=Bilingual(f"{words.zh}：{reason.zh}", f"{words.en}: {reason.en}") if reason is not None else None,
        source=Bilingual(pack.source(fact.source, "zh"), fact.source) if fact.source else None, sign=fact.sign or "",
    )  # fmt: skip


def _whole(region: Region, lesion: Region | None) -> bool:
    return lesion is not None and _same(lesion, region)


def _symbol(color: str) -> int:
    """Return the sign that goes with a colour, so that two facts never differ by colour alone."""
    return _SLOTS.index(int(color)) if color.isdigit() else 0


def _frame(close: Close, anchors: Mapping[str, Anchor]) -> Layer:
    """Return the border of a close-up as it lies on the film."""
    region = close.layers[0].region or anchors[close.anchor.id].region
    x0, y0, x1, y1 = close.window
    left, top = max(0, int(x0)), max(0, int(y0))
    right, bottom = min(region.cols, int(np.ceil(x1))), min(region.rows, int(np.ceil(y1)))
    mask = np.ones((bottom - top, right - left), dtype=np.bool_)
    box = Region(region.rows, region.cols, (left, top, right, bottom), mask)
    return Layer("frame", load_theme().words["frame"], box, style="frame", form="box")


def _places(turn: Turn, pack: Pack, observations: Observations | None) -> list[Layer]:
    """Return thin outlines of the structures that the question names."""
    layers: list[Layer] = []
    for place in dict.fromkeys(turn.query.places):
        seen = observations.structure(place) if observations is not None else None
        definition = pack.structure(place)
        if seen is not None and seen.region is not None and definition is not None:
            value = f"{seen.confidence:.2f}"
            layers.append(Layer("anatomy", definition.name, seen.region, value=value, style="anatomy", id=place))
    return layers
