"""Answers to "where?", and what an anchor is called."""

from __future__ import annotations

from collections.abc import Iterable

from whyray.dialogue.draft import Draft, Film
from whyray.dialogue.evidence import is_learned, sign_of, sort_evidence
from whyray.dialogue.phrases import Phrases, Words
from whyray.dialogue.reasons import say_verdict, spoken_of
from whyray.domain import Anchor, Fact, Finding, Region, Relation, SignDefinition, SignObservation

# A region lies in a zone when at least a tenth of it does, as perception counts it.
MIN_SHARE = 0.10
MOST_NEAR = 3


def chosen(draft: Draft) -> tuple[Anchor, ...]:
    """Return the anchors that the question speaks of.

    With none, the answer says why: it asks back which of several is meant, or tells how to get a place to speak of.
    """
    film = draft.film
    known = [a for i in film.query.anchors if (a := film.context.anchor(i)) is not None]
    if known:
        return tuple(known)
    options = [a for i in film.query.choices if (a := film.context.anchor(i)) is not None]
    named = (film.pack.diagnosis(i) for i in film.query.targets)
    defining = tuple(s for d in named if d is not None and d.descriptive for s in d.core_signs[:1])
    missing = [s for i in film.query.signs or defining if (s := film.pack.sign(i)) is not None]
    for sign in missing:
        say_not_there(draft, sign)
    if options or film.context.anchors:
        ask_which(draft, options or film.context.anchors)
    elif not missing:
        draft.say("anchor.none")
    return ()


def say_not_there(draft: Draft, sign: SignDefinition) -> None:
    """Say why a sign that the question names has no place on the film."""
    film, seen = draft.film, draft.film.seen(sign.id)
    if sign.id in film.context.rejected:
        key = "asked.rejected"
    elif sign.detector is None:
        key = "asked.undetected"
    elif seen is None or not seen.ran:
        key = "asked.not_run"
    else:
        key = "asked.equivocal" if seen.score >= film.pack.settings.get("supported", 0.5) else "asked.absent"
    draft.say(key, sign=film.phrases.inside(sign.name))


def ask_which(draft: Draft, options: Iterable[Anchor]) -> None:
    """Ask which of several anchors is meant, naming each with its sign and place."""
    film, options = draft.film, tuple(options)
    facts = [place_fact(draft, anchor) for anchor in options]

    def line(p: Phrases) -> str:
        names = [named(film, anchor)(p) for anchor in options]
        if len(names) < 2:
            return p.fill("anchor.which", names=p.listed(names))
        return p.fill("anchor.choose.two", names=p.fill("anchor.choose.or").join(names))

    draft.put(film.phrases.closed(line(film.phrases), (f.id for f in facts)))


def zones_of(film: Film, region: Region) -> tuple[str, ...]:
    """Ids of the zones that hold at least a tenth of a region, or that it fills by half; largest overlap first."""
    shared = {i: region.overlap_px(zone) for i, zone in film.observations.zones.items()}
    touched = [
        (count, i)
        for i, count in shared.items()
        if count / region.area_px >= MIN_SHARE or count / film.observations.zones[i].area_px >= 0.5
    ]
    return tuple(i for _, i in sorted(touched, key=lambda pair: -pair[0]))


def sides_of(film: Film, zones: Iterable[str]) -> frozenset[str]:
    """Return the patient's sides that the zones name."""
    defined = (film.pack.zone(i) for i in zones)
    return frozenset(z.side for z in defined if z is not None and z.side is not None)


def placed(film: Film, zones: tuple[str, ...]) -> Words:
    """Zone names with the patient's side; empty words outside every zone."""
    sides = sides_of(film, zones)
    side = "both" if len(sides) > 1 else next(iter(sides), "")

    def words(p: Phrases) -> str:
        place = p.zones(zones)
        return p.fill("place.side", place=place, side=p.fill(f"place.side.{side}")) if place and side else place

    return words


def name_of(film: Film, anchor: Anchor) -> Words:
    """What an anchor is, without its id: its sign, or the label of a place that stands for none."""
    sign = film.pack.sign(anchor.sign) if anchor.sign is not None else None

    def words(p: Phrases) -> str:
        if anchor.sign in film.context.rejected:
            return p.fill("anchor.struck")
        return p.inside(sign.name) if sign is not None and not sign.learned else p.inside(anchor.label)

    return words


def named(film: Film, anchor: Anchor) -> Words:
    """Id, sign and zones of an anchor."""
    zones = _zones(film, anchor)

    def words(p: Phrases) -> str:
        inside = p.also((name_of(film, anchor)(p), p.zones(zones or ())))
        return p.fill("anchor.named", id=anchor.id, name=inside)

    return words


def _zones(film: Film, anchor: Anchor) -> tuple[str, ...] | None:
    """Zones of an anchor; None for the mask of a sign that is no part of the lungs, as an enlarged heart."""
    observed = None if anchor.sign is None else film.seen(anchor.sign)
    whole = observed is not None and observed.region is not None and not observed.zones
    return None if whole else zones_of(film, anchor.region)


def _within(film: Film, region: Region, p: Phrases) -> str:
    """Say which structure holds most of a region; empty when none holds half."""
    held = {s.id: region.overlap_px(s.region) for s in film.observations.structures if s.region is not None}
    most = max(held, key=lambda i: held[i], default="")
    structure = film.pack.structure(most) if held.get(most, 0) >= region.area_px / 2 else None
    return p.fill("place.at", place=p.inside(structure.name)) if structure is not None else ""


def place_fact(draft: Draft, anchor: Anchor, spoken: bool = False) -> Fact:
    """Keep what an anchor is and where it lies, once an answer, and say it when `spoken`."""
    film = draft.film
    zones = _zones(film, anchor)

    def text(p: Phrases) -> str:
        at = _within(film, anchor.region, p) if zones is None else _at(film, zones, p)
        return p.also((name_of(film, anchor)(p), at))

    fact = next((f for f in draft.facts if f.kind == "place" and f.name.en == anchor.id), None)
    if fact is None:
        sign = None if anchor.sign in film.context.rejected else anchor.sign
        more = {"anchor": anchor.id, "sign": sign, "region": anchor.region}
        fact = draft.note("place", lambda _: anchor.id, text, **more)
    if spoken:
        p = film.phrases
        line = p.fill("at.anchor", id=anchor.id, text=p.also((text(p), _near(film, anchor)(p))))
        draft.put(p.closed(line, (fact.id,)))
    return fact


def _at(film: Film, zones: tuple[str, ...], p: Phrases) -> str:
    """Say in which zones; with the patient's side when the question is where."""
    place = placed(film, zones)(p) if film.query.intent == "LOCATE" else p.zones(zones)
    return p.fill("place.at", place=place) if place else p.fill("place.nowhere")


def _near(film: Film, anchor: Anchor) -> Words:
    """Nearest structures of an anchor, with their distance where one was measured."""
    if film.query.intent != "LOCATE":
        return lambda _: ""
    relations = sorted(film.context.relations.get(anchor.id, ()), key=lambda r: r.edge.value)
    near = [r for r in relations if r.contact != "inside"][:MOST_NEAR]

    def words(p: Phrases) -> str:
        names = p.listed(_near_name(film, r, p) for r in near)
        return p.fill("place.near", names=names) if names else ""

    return words


def _near_name(film: Film, relation: Relation, p: Phrases) -> str:
    name, value = thing(film, relation.to, p), p.value(relation.edge, film.calibrated)
    if not name:
        return ""
    apart = relation.contact == "apart"
    how = p.fill(f"near.{relation.contact}", value=value) if value or not apart else ""
    return p.beside(name, how)


def thing(film: Film, thing_id: str, p: Phrases) -> str:
    """Name of a structure, zone, sign or anchor, or of a neighbour that the templates know; empty for another id."""
    anchor = film.context.anchor(thing_id)
    if anchor is not None:
        return anchor.id
    known = film.pack.structure(thing_id) or film.pack.zone(thing_id) or film.pack.sign(thing_id)
    if known is not None:
        return p.inside(known.name)
    return p.fill(f"near.{thing_id}") if p.has(f"near.{thing_id}") else ""


def locate(draft: Draft) -> None:
    """Answer LOCATE for the anchors, signs, diagnosis or places asked about, the first of them that is named."""
    film, query = draft.film, draft.film.query
    signs = [s for s in map(film.pack.sign, query.signs) if s is not None]
    if query.anchors:
        anchors = chosen(draft)
        for anchor in anchors:
            place_fact(draft, anchor, spoken=True)
        say_other_side(draft, anchors)
    elif query.choices:
        chosen(draft)
    elif signs:
        for sign in signs:
            say_sign(draft, sign)
    elif query.target is not None:
        _locate_diagnosis(draft, query.target)
    elif query.places:
        _inside(draft, query.places)
    elif film.context.anchors:
        chosen(draft)
    else:
        draft.say("locate.ask", first=film.examples()[0])


def say_other_side(draft: Draft, anchors: Iterable[Anchor]) -> None:
    """Say so when a side is asked about on which nothing of what is located lies."""
    film = draft.film
    named = (film.pack.zone(i) or film.pack.structure(i) for i in film.query.places)
    asked = film.parse.reading.sides or tuple({e.side for e in named if e is not None and e.side is not None})
    lying = [sides_of(film, _zones(film, a) or ()) for a in anchors]
    if len(asked) == 1 and all(lying) and not any(asked[0] in sides for sides in lying):
        draft.say("place.other_side", side=film.phrases.fill(f"side.{asked[0]}"))


def say_sign(draft: Draft, sign: SignDefinition) -> Fact | None:
    """Say where a sign is, that it was not found, or why it was not looked for; the fact when it is seen."""
    film = draft.film
    observed = film.seen(sign.id)
    if sign.detector is None or observed is None or not observed.ran:
        code = "no_detector" if sign.detector is None or observed is None else observed.reason
        draft.say("sign.unlooked", sign=film.phrases.inside(sign.name), reason=film.phrases.reason(code))
        return None
    if observed.region is None:
        draft.say("sign.absent", sign=film.phrases.inside(sign.name))
        return None
    return _seen(draft, sign, observed)


def _seen(draft: Draft, sign: SignDefinition, observed: SignObservation) -> Fact:
    film = draft.film

    def text(p: Phrases) -> str:
        return p.also((p.inside(sign.name), _at(film, observed.zones, p), _over(film, observed.region, p)))

    return draft.state("place", lambda p: p.inside(sign.name), text, sign=sign.id, region=observed.region)


def _over(film: Film, region: Region | None, p: Phrases) -> str:
    """Name the structures other than the lungs that a region projects over."""
    if region is None:
        return ""
    lungs = {z.params.get("lung") for z in film.pack.zones}
    touched = [
        s.id
        for s in film.observations.structures
        if s.region is not None and s.id not in lungs and region.overlap_px(s.region)
    ]
    names = p.both_of(thing(film, i, p) for i in touched[:MOST_NEAR])
    return p.fill("place.over", names=names) if names else ""


def _locate_diagnosis(draft: Draft, target: str) -> None:
    found = spoken_of(draft, target)
    if found is not None:
        say_verdict(draft, found[1])
        _locate_evidence(draft, found[1])


def _locate_evidence(draft: Draft, finding: Finding) -> None:
    """Number the located reasons of a finding with their places, or of a likely one what goes along with it."""
    film, p = draft.film, draft.film.phrases
    shows = film.diagnosis(finding).shows
    pro = [e for e in sort_evidence(film, finding).pro if e.region is not None]
    own = [e for e in pro if is_learned(film, e) or shows(sign_of(film, e))]
    located = own or (pro if finding.verdict != "not_supported" else [])
    draft.say("place.found" if own else "place.beside" if located else "place.none", name=film.name(finding))
    for number, item in enumerate(located, 1):
        if is_learned(film, item):
            name = p.fill("anchor.learned", name=film.name(finding))
        else:
            name = p.inside(sign_of(film, item).name)
        other = p.text(item.location)
        at = _at(film, item.zones, p) if item.zones or not other else p.fill("item.place", place=other)
        text = p.also((name, at, _over(film, item.region, p)))
        draft.add(p.fill("numbered", n=number, text=text[:1].upper() + text[1:]), finding, (item,))


def _inside(draft: Draft, places: tuple[str, ...]) -> None:
    """Say which signs are seen in the zones or structures named."""
    film, p = draft.film, draft.film.phrases
    for place in places:
        name, structure = thing(film, place, p), film.observations.structure(place)
        if structure is not None and structure.region is None:
            draft.say("place.unseen", place=name)
            continue
        signs = [s for s in film.pack.signs if not s.learned and _lies_in(film, s, place)]
        if signs:
            facts = [_note_in(draft, sign, place) for sign in signs]
            text = p.fill("place.region", place=name, signs=p.listed(p.inside(s.name) for s in signs))
            draft.put(p.closed(text, (f.id for f in facts)))
        elif name:
            draft.say("place.region.none", place=name)


def _note_in(draft: Draft, sign: SignDefinition, place: str) -> Fact:
    film = draft.film
    return draft.note(
        "place",
        lambda p: p.inside(sign.name),
        lambda p: p.fill("place.at", place=thing(film, place, p)),
        sign=sign.id,
        region=_region(film, sign),
    )


def _region(film: Film, sign: SignDefinition) -> Region | None:
    observed = film.seen(sign.id)
    return observed.region if observed is not None and observed.ran else None


def _lies_in(film: Film, sign: SignDefinition, place: str) -> bool:
    """Tell whether a sign is seen in a zone or on a structure."""
    region, observed = _region(film, sign), film.seen(sign.id)
    if region is None or observed is None:
        return False
    structure = film.observations.structure(place)
    on = structure is not None and structure.region is not None and region.overlap_px(structure.region) > 0
    return on or place in observed.zones
