"""Answers to "what does it look like?": the properties that a closer look found, with numbers and clock positions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from whyray.dialogue.draft import Draft, Film
from whyray.dialogue.locating import chosen, place_fact, say_other_side, thing
from whyray.dialogue.phrases import Phrases, Words
from whyray.domain import Anchor, Attribute, Fact, Look, Mark, Measurement, Region, SignDefinition, View

# Told first when nothing particular is asked, even when they are undetermined.
FIRST = ("margin", "shape", "size", "density")
# The value of a property that was looked for and is not there.
NONE = "none"
# A value of the margin is also said by the property that it comes from.
_FROM = {("margin", "spiculated"): "spicules", ("margin", "lobulated"): "lobulation"}
# Counted things and the words for their places; the measurement that counts them is said with them.
_COUNTED = {"lobulation": ("look.notch", "notch_count"), "spicules": ("look.spicule", "spicule_count")}


def describe(draft: Draft) -> None:
    """Answer DESCRIBE for each anchor: its place, then each property asked for (all of them when none is)."""
    film = draft.film
    for anchor in chosen(draft):
        place_fact(draft, anchor, spoken=True)
        say_other_side(draft, (anchor,))
        look = film.context.looks.get(anchor.id)
        asked = tuple(a for a in film.query.aspects if film.phrases.has(f"aspect.{a}"))
        if look is None:
            _say_unlooked(draft, anchor, asked or FIRST)
        elif asked:
            say_attributes(draft, anchor, look, asked)
        else:
            _everything(draft, anchor, look)
    if not film.calibrated and any(f.measurements for f in draft.facts if f.kind == "attribute"):
        draft.say("uncalibrated")


def _everything(draft: Draft, anchor: Anchor, look: Look) -> None:
    """The first properties, then the others that are determined; what is not there in one sentence."""
    others = [a for a in look.attributes if a.id not in FIRST and a.value is not None]
    say_attributes(draft, anchor, look, (*FIRST, *(a.id for a in others if a.value != NONE)))
    missing = [a for a in others if a.value == NONE and draft.film.phrases.has(f"aspect.{a.id}")]
    if missing:
        facts = [_keep(draft, anchor, look, a) for a in missing]
        p = draft.film.phrases
        names = p.listed(p.fill(f"aspect.{a.id}") for a in missing)
        draft.put(p.closed(p.fill("look.none", names=names), (f.id for f in facts)))


def say_attributes(draft: Draft, anchor: Anchor, look: Look, aspects: Iterable[str]) -> None:
    """Say each property; those that are undetermined for one reason, or were not looked at, together behind them."""
    blind: dict[str, list[Attribute]] = {}
    unlooked: list[str] = []
    for aspect in aspects:
        attribute = look.attribute(aspect)
        if attribute is None:
            unlooked.append(aspect)
        elif attribute.value is None:
            blind.setdefault(attribute.reason or "", []).append(attribute)
        else:
            _say_attribute(draft, anchor, look, attribute)
    p = draft.film.phrases
    for code, attributes in blind.items():
        facts = [_keep(draft, anchor, look, a) for a in attributes]
        names = p.both_of(p.fill(f"aspect.{a.id}") for a in attributes)
        draft.put(p.closed(p.fill("look.undetermined", aspect=names, reason=p.reason(code)), (f.id for f in facts)))
    _say_unlooked(draft, anchor, unlooked)


def _say_attribute(draft: Draft, anchor: Anchor, look: Look, attribute: Attribute) -> None:
    """Say one property that is determined: its value with numbers, and what it means."""
    signs = made_by(draft.film, anchor, look, attribute)
    struck = [s for s in signs if s.id in draft.film.context.rejected]
    if struck:
        draft.say("struck", signs=draft.film.phrases.listed(draft.film.phrases.inside(s.name) for s in struck))
        return
    fact = _keep(draft, anchor, look, attribute)
    more = [_further(draft, anchor, look, sign) for sign in signs[1:]]
    p = draft.film.phrases
    meaning = p.join(
        _meaning(sign, draft.film.observations.view, p) for sign in signs if (anchor.id, sign.id) not in draft.meant
    )
    draft.meant.update((anchor.id, sign.id) for sign in signs)
    draft.put(p.closed(p.join((fact.text.get(p.lang), meaning)), (fact.id, *(f.id for f in more))))


def _say_unlooked(draft: Draft, anchor: Anchor, aspects: Iterable[str]) -> None:
    """Say which properties were not looked at."""
    p = draft.film.phrases
    named = [a for a in aspects if p.has(f"aspect.{a}")]
    if named:
        facts = [_note_unlooked(draft, anchor, aspect) for aspect in named]
        names = p.both_of(p.fill(f"aspect.{a}") for a in named)
        draft.put(p.closed(p.fill("look.unlooked", aspect=names), (f.id for f in facts)))


def _note_unlooked(draft: Draft, anchor: Anchor, aspect: str) -> Fact:
    return draft.note(
        "attribute",
        lambda p: p.fill(f"aspect.{aspect}"),
        lambda p: p.fill("look.unlooked", aspect=p.fill(f"aspect.{aspect}")),
        anchor=anchor.id,
        state="undetermined",
    )


def _keep(draft: Draft, anchor: Anchor, look: Look, attribute: Attribute) -> Fact:
    film = draft.film
    signs = made_by(film, anchor, look, attribute)
    region = _sign_region(look, signs[0]) if signs else None
    more: dict[str, Any] = {
        "anchor": anchor.id,
        "measurements": attribute.measurements,
        "marks": attribute.marks,
        "region": region or attribute.region or look.region,
        "sign": signs[0].id if signs and region is not None else None,
        "source": signs[0].source if signs else "",
    }
    if attribute.value is None:
        more["state"] = "undetermined"
        more["reason"] = film.phrases.both(lambda p: p.reason(attribute.reason))
    return draft.note("attribute", lambda p: p.fill(f"aspect.{attribute.id}"), text_of(film, attribute), **more)


def _further(draft: Draft, anchor: Anchor, look: Look, sign: SignDefinition) -> Fact:
    """Keep the mask of a further sign that the same property makes."""
    return draft.note(
        "attribute",
        lambda p: p.inside(sign.name),
        lambda p: p.inside(sign.name),
        anchor=anchor.id,
        sign=sign.id,
        region=_sign_region(look, sign),
        source=sign.source,
    )


def made_by(film: Film, anchor: Anchor, look: Look, attribute: Attribute) -> list[SignDefinition]:
    """Signs of the closer look that are there by this property: their detector names it as its ``aspect``.

    They are properties of the signs ``lesions``: fluid with a wavy edge has no lobulated margin.
    """
    aspects = {attribute.id, _FROM.get((attribute.id, attribute.value or ""), attribute.id)}
    seen = (film.pack.sign(s.id) for s in look.signs if s.region is not None)
    detected = ((s, s.detector.params) for s in seen if s is not None and s.detector is not None)
    found = [(s, params.get("lesions", ())) for s, params in detected if params.get("aspect") in aspects]
    return [s for s, lesions in found if not lesions or anchor.sign is None or anchor.sign in lesions]


def _sign_region(look: Look, sign: SignDefinition) -> Region | None:
    return next((s.region for s in look.signs if s.id == sign.id), None)


def _meaning(sign: SignDefinition, view: View, p: Phrases) -> str:
    """What a sign means and who says so; empty when the pack does not say."""
    text, source = p.inside(sign.meaning(view)), p.source(sign.source)
    if not text:
        return ""
    said = p.fill("look.means", sign=p.inside(sign.name), text=text)
    return p.join((said, p.fill("item.source", text=source) if source else ""))


def text_of(film: Film, attribute: Attribute) -> Words:
    """Words of a property: value, places round the clock and numbers; or the reason why it is undetermined."""

    def words(p: Phrases) -> str:
        aspect = p.fill(f"aspect.{attribute.id}") if p.has(f"aspect.{attribute.id}") else ""
        key = f"look.{attribute.id}.{attribute.value}"
        if attribute.value is None or not p.has(key):
            return p.fill("look.undetermined", aspect=aspect, reason=p.reason(attribute.reason))
        if attribute.value == NONE:
            return p.fill(key)
        told, details = _counted(attribute, p)
        fields, used = _diameters(film, attribute, p)
        template = p.pack.templates[key].get(p.lang)
        names = p.listed(thing(film, i, p) for i in attribute.neighbours)
        if ("{long}" in template and not used) or ("{names}" in template and not names):
            return p.also(numbers(film, attribute.measurements, p)) or p.fill(
                "look.undetermined", aspect=aspect, reason=p.reason(attribute.reason)
            )
        rest = [m for m in attribute.measurements if m.id not in {told, *used}]
        return p.also((p.fill(key, names=names, **fields), details, *numbers(film, rest, p)))

    return words


def numbers(film: Film, measurements: Iterable[Measurement], p: Phrases) -> list[str]:
    """Name and value of each measurement that has both."""
    return [text for m in measurements if (text := p.measurement(m, film.calibrated))]


def _diameters(film: Film, attribute: Attribute, p: Phrases) -> tuple[dict[str, str], tuple[str, ...]]:
    """The two diameters as template fields, and the ids used; empty unless both can be said."""
    by_id = {m.id: p.value(m, film.calibrated) for m in attribute.measurements}
    long, short = by_id.get("long_diameter", ""), by_id.get("short_diameter", "")
    return ({"long": long, "short": short}, ("long_diameter", "short_diameter")) if long and short else ({}, ())


def _counted(attribute: Attribute, p: Phrases) -> tuple[str, str]:
    """Measurement id of the count and the words for number and clock positions."""
    if attribute.id not in _COUNTED:
        return "", ""
    key, count_id = _COUNTED[attribute.id]
    hours = clock_hours(attribute.marks)
    count = next((round(m.value) for m in attribute.measurements if m.id == count_id), len(hours))
    if not hours or count < len(hours):
        return "", ""
    distinct = list(dict.fromkeys(hours))
    clock = p.both_of(p.fill("look.clock", hour=h) for h in distinct)
    form = "one" if count == 1 else "many" if count == len(distinct) else "crowded"
    return count_id, p.fill(f"{key}.{form}", n=count, clock=clock)


def clock_hours(marks: Iterable[Mark]) -> list[int]:
    """Hours of the marks, in order round the clock."""
    return sorted(m.clock for m in marks if m.clock is not None)
