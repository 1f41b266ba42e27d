"""What a question names beside its target: places, signs, the form of the answer."""

from __future__ import annotations

from dataclasses import dataclass

from whyray.dialogue.grammar import Reading, owners_of
from whyray.dialogue.lexicon import Hit, Scan
from whyray.domain import Pack

_PLACES = ("zone", "structure", "place")
_NAMED = ("diagnosis", "sign")
_MENTION = "mention "


@dataclass(frozen=True, slots=True)
class Named:
    """``places`` are zone and structure ids, ``signs`` sign ids, ``form`` a word of the pack's templates or None."""

    places: tuple[str, ...]
    signs: tuple[str, ...]
    form: str | None


def name(scan: Scan, reading: Reading, pack: Pack) -> Named:
    """Collect places (on the side that the words say), signs and the form of a scanned question."""
    forms = [v for h in scan.details if h.kind == "form" for v in h.values]
    signs = (v for h in scan.hits if h.kind == "sign" for v in h.values)
    return Named(places(scan, reading, pack), tuple(dict.fromkeys(signs)), forms[0] if forms else None)


def places(scan: Scan, reading: Reading, pack: Pack) -> tuple[str, ...]:
    """Return zone and structure ids; a word for both sides means the one side that is named beside it, if any."""
    return tuple(dict.fromkeys(p for group in place_groups(scan, reading, pack) for p in group))


def place_groups(scan: Scan, reading: Reading, pack: Pack) -> tuple[tuple[str, ...], ...]:
    """Return the ids of each word for a place; one word may stand for several."""
    side = reading.sides[0] if len(reading.sides) == 1 else None
    found = []
    for hit in scan.details:
        if hit.kind in _PLACES:
            own = tuple(v for v in hit.values if side_of(v, pack) == side) if hit.kind == "place" and side else ()
            found.append(own or hit.values)
    return tuple(found)


def side_of(place: str, pack: Pack) -> str | None:
    """Return the side of a zone or structure."""
    found = pack.zone(place) or pack.structure(place)
    return found.side if found is not None else None


def signs_of(hits: tuple[Hit, ...], pack: Pack) -> tuple[str, ...]:
    """Return the signs that `hits` name; a diagnosis stands for the detected signs that are its own."""
    out: dict[str, None] = {}
    for hit in hits:
        if hit.kind == "sign":
            out |= dict.fromkeys(hit.values)
        elif hit.kind == "diagnosis":
            for value in hit.values:
                own = [s.id for s in pack.signs if not s.learned and owners_of(s.id, pack) == (value,)]
                found = pack.diagnosis(value)
                out |= dict.fromkeys(own or (found.core_signs[:1] if found is not None else ()))
    return tuple(out)


def nouns(scan: Scan) -> tuple[Hit, ...]:
    """Return the names that may stand for a lesion; a property of one ("spicules") does not."""
    asked = [h for h in scan.details if h.kind == "aspect"]
    return tuple(
        h for h in scan.hits if h.kind in _NAMED and not any(a.start < h.end and h.start < a.end for a in asked)
    )


def covered(scan: Scan) -> tuple[Hit, ...]:
    """Return the names with a word for a property inside them ("hazy opacity"): a lesion where one is called so."""
    asked = [h for h in scan.details if h.kind == "aspect"]
    mentioned = tuple(h for h in asked if any(v.startswith(_MENTION) for v in h.values))
    return mentioned + tuple(
        h
        for h in scan.hits
        if h.kind in _NAMED
        and any(a.start < h.end and h.start < a.end and a.end - a.start < h.end - h.start for a in asked)
    )
