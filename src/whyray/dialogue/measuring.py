"""Answers to "how large, how far, joined?": numbers of the film and relations between places."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from whyray.dialogue.balance import SIDES, say_balance, wanted_signs
from whyray.dialogue.describing import say_attributes
from whyray.dialogue.draft import Draft, Film
from whyray.dialogue.locating import chosen, place_fact, say_not_there, say_other_side, thing
from whyray.dialogue.phrases import Phrases, Words
from whyray.domain import Anchor, Fact, Figure, FigureDefinition, Measurement, Relation, SignObservation

# Aspects that are about two places; each asks for its clauses of a relation.
_BETWEEN = frozenset({"distance", "connection", "overlap"})
# The aspect that a closer look measures.
_SIZE = "size"
# The aspect that counts: only what has one of the signs named is counted.
_COUNT = "count"
# Reason of a figure of the film whose place the mask of its sign takes.
_MASK_INSTEAD = "mask_instead"
_ID = re.compile(r"([\u4e00-\u9fff])(A\d)")


def measure(draft: Draft) -> None:
    """Answer MEASURE: numbers of the film for ratios, angles, heights and counts, the rest for each anchor."""
    film = draft.film
    asked = set(film.query.aspects)
    of_film = asked - _BETWEEN - {_SIZE}
    told = [_say_aspect(draft, aspect) for aspect in film.query.aspects if aspect in of_film]
    nothing_named = not asked and not film.query.anchors and not film.query.choices
    if of_film and not any(told):
        draft.say("measure.none")
    elif nothing_named and not film.context.anchors and _say_numbers(draft, None):
        told.append(True)
    of_places = asked & (
        _BETWEEN if any(told) and not (film.query.anchors or film.query.choices) else _BETWEEN | {_SIZE}
    )
    if of_places or (not asked and not any(told)):
        _say_places(draft)
    if not film.calibrated and any(f.measurements for f in draft.facts):
        draft.say("uncalibrated")


def _say_aspect(draft: Draft, aspect: str) -> bool:
    if aspect == SIDES:
        return say_balance(draft)
    if aspect == _COUNT:
        return _say_count(draft) or _say_numbers(draft, aspect)
    return _say_figures(draft, _figures(draft.film, aspect)) or _say_numbers(draft, aspect)


def _figures(film: Film, aspect: str) -> list[Figure]:
    return [f for f in film.context.figures if film.pack.figures[f.id].asked == aspect]


def _say_count(draft: Draft) -> bool:
    """Count the parts of the signs that the question names, or of all that are counted; whether any of them is."""
    film, figures, wanted = draft.film, _figures(draft.film, _COUNT), wanted_signs(draft)
    if not wanted:
        return _say_figures(draft, figures)
    counted = {s for f in figures for s in film.pack.figures[f.id].signs if s in wanted}
    marked = {s for f in figures for s in f.signs}
    for sign in map(film.pack.sign, sorted(counted - marked)):
        if sign is not None:
            say_not_there(draft, sign)
    _say_figures(draft, [own for f in figures if (own := _only(f, counted)).measurements])
    return bool(counted)


def _only(figure: Figure, signs: Collection[str]) -> Figure:
    """A figure of masks without those of other signs."""
    kept = [(m, s) for m, s in zip(figure.measurements, figure.signs, strict=True) if s in signs]
    return replace(figure, measurements=tuple(m for m, _ in kept), signs=tuple(s for _, s in kept))


def _say_figures(draft: Draft, figures: Sequence[Figure]) -> bool:
    """Say figures, or why none of them can be told; whether there are any."""
    film = draft.film
    told = [f for f in figures if _say_figure(draft, f)]
    reasons = {} if told else {f.id: _why_untold(film, f) for f in figures}
    for reason in dict.fromkeys(reasons.values()):
        names = film.phrases.listed(film.phrases.measure(i) for i, why in reasons.items() if why == reason)
        draft.say("figure.undetermined", names=names, reason=film.phrases.reason(reason))
    return bool(figures)


def _why_untold(film: Film, figure: Figure) -> str | None:
    """Reason of a figure that is not told; its sign was struck out where the sign's mask was or would be measured."""
    struck = film.context.rejected.intersection(film.pack.figures[figure.id].signs)
    return "rejected" if struck and figure.reason in (None, _MASK_INSTEAD) else figure.reason


def _say_figure(draft: Draft, figure: Figure) -> bool:
    """Say a figure: of the film in one sentence, of masks in one for each sign that the doctor did not strike out."""
    film = draft.film
    shown = [m for m in figure.measurements if film.phrases.measurement(m, film.calibrated)]
    signs = figure.signs or ("",) * len(figure.measurements)
    said = False
    for sign in dict.fromkeys(signs):
        own = tuple(m for m, s in zip(figure.measurements, signs, strict=True) if s == sign and m in shown)
        if own and sign not in film.context.rejected:
            _state_figure(draft, figure.id, sign, own)
            said = True
    return said


def _state_figure(draft: Draft, figure_id: str, sign: str, own: tuple[Measurement, ...]) -> None:
    film = draft.film
    definition = film.pack.figures[figure_id]
    draft.state(
        "distance",
        lambda p: _of(p, sign, p.measure(figure_id)),
        lambda p: _of(p, sign, _figure_words(film, definition, own, p)),
        measurements=own,
        source=definition.source,
    )


def _of(p: Phrases, sign_id: str, text: str) -> str:
    """Put the name of the sign before what is said of its mask."""
    sign = p.pack.sign(sign_id)
    return text if sign is None else p.fill("distance.line", head=p.inside(sign.name), text=text)


def _figure_words(film: Film, definition: FigureDefinition, own: Sequence[Measurement], p: Phrases) -> str:
    """Numbers, on which side of zero the first lies, how it stands to the limit of the normal."""
    return p.join(
        (
            p.measurement(own[0], film.calibrated),
            *(p.value(m, film.calibrated) for m in own[1:]),
            _leaning(definition, own[0], p),
            _against_limit(film, definition, own[0], p),
        )
    )


def _leaning(definition: FigureDefinition, measured: Measurement, p: Phrases) -> str:
    """Words for the sign of a figure; it has none within twice its uncertainty of zero."""
    if definition.leaning is None:
        return ""
    if abs(measured.value) <= 2 * (measured.uncertainty or 0.0):
        return p.text(definition.leaning.none)
    return p.text(definition.leaning.below if measured.value < 0 else definition.leaning.above)


def _against_limit(film: Film, definition: FigureDefinition, measured: Measurement, p: Phrases) -> str:
    """Tell the limit of the normal in the figure's unit, and how it stands to it."""
    if measured.unit != definition.limit_unit:
        return ""
    return _limits(film, definition.limits, measured, p)


def _limits(film: Film, limits: Mapping[str, float], measured: Measurement, p: Phrases) -> str:
    """The limit of the normal for the film's view and how a number stands to it; those of all views without one."""
    view = film.observations.view
    told = p.listed(
        p.fill(
            "figure.limit",
            view=p.fill(f"report.view.{known}"),
            value=p.value(Measurement("", limit, measured.unit), film.calibrated),
        )
        for known, limit in limits.items()
        if known == view or view not in limits
    )
    standing = _standing(measured, limits[view]) if view in limits else "limits"
    return p.fill(f"figure.{standing}", limits=told) if told else ""


def _standing(measured: Measurement, limit: float) -> str:
    """Key of how a number stands to a limit: it has to differ by more than its uncertainty."""
    if abs(measured.value - limit) <= (measured.uncertainty or 0.0):
        return "near"
    return "above" if measured.value > limit else "below"


def _sign_limits(film: Film, observed: SignObservation, measured: Measurement, p: Phrases) -> str:
    """The limits that decide whether a measured sign is there."""
    sign = film.pack.sign(observed.id)
    params = sign.detector.params if sign is not None and sign.detector is not None else {}
    limits = params.get("limit")
    if not isinstance(limits, Mapping) or params.get("measure") != measured.id:
        return ""
    return _limits(film, limits, measured, p)


def _say_numbers(draft: Draft, aspect: str | None) -> bool:
    """Say the measurements of the film that an aspect asks for, of the signs named or of all; whether there are any.

    The id of a measurement ends with the aspect that it measures (``..._ratio``, ``..._height``); beside it stand
    the other lengths and angles of the same sign, which it is made of.
    """
    film = draft.film
    wanted, found = set(film.query.signs), False
    if aspect is None and not wanted and (diagnosis := film.pack.diagnosis(film.query.target or "")) is not None:
        wanted = set(diagnosis.core_signs)
    for observed in film.observations.signs:
        ratio = any(answers(m, aspect) for m in observed.measurements)
        if (
            observed.ran
            and ratio
            and (not wanted or observed.id in wanted)
            and observed.id not in film.context.rejected
        ):
            found = _say_film_number(draft, observed, aspect) or found
    return found


def answers(measured: Measurement, aspect: str | None) -> bool:
    """Tell whether a measurement of the film is what an aspect asks for; None asks for all that are no shares."""
    if aspect is None:
        return measured.id.endswith("_ratio") or measured.unit in ("mm", "px", "deg")
    unit = {"angle": "deg", "count": "count", "number": "count"}.get(aspect)
    return measured.id.endswith(f"_{aspect}") or (unit is not None and measured.unit == unit)


def _say_film_number(draft: Draft, observed: SignObservation, aspect: str | None) -> bool:
    film = draft.film
    main = [m for m in observed.measurements if answers(m, aspect)]
    beside = [m for m in observed.measurements if m not in main and m.unit in ("mm", "px", "deg")]
    shown = [m for m in (*main, *beside) if film.phrases.measurement(m, film.calibrated)]
    if not shown:
        return False
    draft.state(
        "distance",
        lambda p: p.measure(shown[0].id),
        lambda p: p.also(
            (
                p.measurement(shown[0], film.calibrated),
                _sign_limits(film, observed, shown[0], p),
                *(p.measurement(m, film.calibrated) for m in shown[1:]),
            )
        ),
        measurements=tuple(shown),
    )
    return True


def _say_places(draft: Draft) -> None:
    """Size and relations of each anchor."""
    film = draft.film
    asked = set(film.query.aspects)
    said = set[frozenset[str]]()
    anchors = chosen(draft)
    for anchor in anchors:
        place_fact(draft, anchor, spoken=True)
    say_other_side(draft, anchors)
    for anchor in anchors:
        if not asked or _SIZE in asked:
            _say_size(draft, anchor)
        if not asked or asked & _BETWEEN:
            _say_relations(draft, anchor, anchors, said)
    if said:
        draft.say("projection")


def _say_size(draft: Draft, anchor: Anchor) -> None:
    """Diameters of the closer look, else what the first look measured on the anchor's sign."""
    film = draft.film
    look = film.context.looks.get(anchor.id)
    definition = film.pack.sign(anchor.sign) if anchor.sign is not None else None
    if definition is not None and definition.learned:
        draft.say("size.pattern")
        return
    observed = film.seen(anchor.sign) if anchor.sign is not None else None
    own = observed is not None and observed.region is not None and observed.region.iou(anchor.region) > 0.5
    coarse = [m for m in observed.measurements if m.unit in ("mm", "px")] if observed is not None and own else []
    shown = [m for m in coarse if film.phrases.measurement(m, film.calibrated)]
    if look is not None or not shown:
        if look is not None:
            say_attributes(draft, anchor, look, (_SIZE,))
        else:
            draft.say("look.unlooked", aspect=film.phrases.fill(f"aspect.{_SIZE}"))
        return
    draft.state(
        "distance",
        lambda p: p.measure(shown[0].id),
        lambda p: p.also(p.measurement(m, film.calibrated) for m in shown),
        measurements=tuple(shown),
        anchor=anchor.id,
        region=anchor.region,
    )


def _say_relations(draft: Draft, anchor: Anchor, anchors: tuple[Anchor, ...], said: set[frozenset[str]]) -> None:
    """How an anchor lies to the places named; to all that was measured when none is named.

    Pairs in `said` are not told again from the other side.
    """
    film = draft.film
    measured = film.context.relations.get(anchor.id, ())
    blind = [i for i in film.query.places if all(r.to != i for r in measured) and not _visible(film, i)]
    named = {*film.query.places, *(a.id for a in anchors)}
    wanted = [r for r in measured if r.to in named] or ([] if blind else list(measured))
    for relation in wanted:
        pair = frozenset((anchor.id, relation.to))
        if thing(film, relation.to, film.phrases) and pair not in said:
            _say_relation(draft, anchor, relation)
            said.add(pair)
    if blind:
        names = film.phrases.listed(thing(film, i, film.phrases) for i in blind)
        draft.say("measure.unmeasured", names=names)
    elif not measured and len(anchors) < 2:
        draft.say("measure.none")


def _visible(film: Film, place: str) -> bool:
    structure = film.observations.structure(place)
    return place in film.observations.zones or (structure is not None and structure.region is not None)


def _say_relation(draft: Draft, anchor: Anchor, relation: Relation) -> Fact:
    film = draft.film
    head = _head(film, anchor, relation)
    text = relation_words(film, anchor, relation)
    return draft.state(
        "distance",
        head,
        text,
        line=lambda p: p.fill("distance.line", head=head(p), text=text(p)),
        anchor=anchor.id,
        measurements=tuple(m for m in (relation.edge, relation.centre, relation.across) if m is not None),
        region=anchor.region,
    )


def _head(film: Film, anchor: Anchor, relation: Relation) -> Words:
    return lambda p: _spaced(p.fill("distance.head", **{"from": anchor.id, "to": _to(film, relation, p)}))


def _to(film: Film, relation: Relation, p: Phrases) -> str:
    """Name what was measured to, with its article."""
    name = thing(film, relation.to, p)
    return name if film.context.anchor(relation.to) is not None else p.fill("the", name=name)


def _spaced(text: str) -> str:
    """Put a space between Chinese characters and the id of an anchor."""
    return _ID.sub(r"\1 \2", text)


def relation_words(film: Film, anchor: Anchor, relation: Relation) -> Words:
    """Distances, contact and connection of a relation, those that the question asks for (all when it asks for none)."""
    asked = set(film.query.aspects) & _BETWEEN or set(_BETWEEN)
    touching = relation.contact != "apart"

    def words(p: Phrases) -> str:
        clauses: list[str] = []
        if "distance" in asked:
            clauses += _distances(film, relation, p)
        if "overlap" in asked or touching or "connection" in asked:
            fields = {"from": anchor.id, "to": _to(film, relation, p), "share": p.percent(relation.overlap)}
            line = relation.contact == "overlapping" and relation.overlap == 0
            clauses.append(_spaced(p.fill("contact.crossing" if line else f"contact.{relation.contact}", **fields)))
        if "connection" in asked and (not touching or relation.connected is None):
            known = {True: "yes", False: "no", None: "unknown"}[relation.connected]
            clauses.append(p.fill(f"connected.{known}"))
        return p.join(clauses)

    return words


def _distances(film: Film, relation: Relation, p: Phrases) -> Iterable[str]:
    """Edge and centre distance; on a film without scale also the part of the chest's inner width."""
    edge, centre = p.value(relation.edge, film.calibrated), p.value(relation.centre, film.calibrated)
    if edge and relation.edge.value and relation.across is not None and not relation.edge.unit.startswith("mm"):
        edge = p.fill("distance.across", value=edge, share=p.fill("unit.ratio", value=relation.across.value))
    if edge:
        yield p.fill("distance.edge", value=edge)
    if centre:
        yield p.fill("distance.centre", value=centre)
