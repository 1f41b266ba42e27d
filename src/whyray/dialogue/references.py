"""References ("this", "the left one", "A2", "the second") -> anchors of the conversation.

Sides are the patient's: the patient's right lies at the image's left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from whyray.dialogue.lexicon import Hit
from whyray.domain import Anchor, Intent, Pack, Query, Session

# Intents that speak of a lesion, and of these the ones that go on with the last one when they name none.
TAKING: tuple[Intent, ...] = ("DESCRIBE", "MEASURE", "CHECKLIST", "LOCATE", "CORRECT")
INHERITING: tuple[Intent, ...] = ("DESCRIBE", "MEASURE", "CHECKLIST", "LOCATE")
# Intents that change no topic.
IDLE: tuple[Intent, ...] = ("OUT_OF_SCOPE", "HELP", "REPORT")
# Aspects that a lesion may have several of, so that "they" are parts of it.
SEVERAL = frozenset({"spicules", "lobulation", "bubbles", "calcification"})
# Two regions are level, or of one size, when they differ by less than this part of the film's height or of the larger.
LEVEL, ALIKE = 0.04, 0.05
# A lung lies about here on a frontal film (parts of its height), for places that no label names.
LUNG_TOP, LUNG_HEIGHT, NEAR = 0.12, 0.70, 0.20


@dataclass(frozen=True, slots=True)
class Chosen:
    """Anchor ids meant; or, in ``choices``, those that may be; ``named`` when the text itself points to them."""

    anchors: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    merged: bool = False
    named: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Scene:
    """What a reference may mean: all anchors, the several last dealt with, and those last spoken of.

    ``counted`` when the last question was about things that one lesion has several of (spicules, notches).
    ``topic`` is the last question where it was about a conclusion or sign that no anchor stands for.
    """

    anchors: tuple[Anchor, ...]
    pool: tuple[Anchor, ...]
    spoken: tuple[Anchor, ...]
    counted: bool = False
    topic: Query | None = None

    @staticmethod
    def of(session: Session | None, pack: Pack, before: Query | None = None) -> Scene:
        """Build it from a conversation; `before` is an earlier question of the same sentence."""
        if session is None:
            return Scene((), (), (), topic=None if before is None or not _topical(before) else before)
        by_id = {a.id: a for a in session.anchors}
        asked = [[*reversed(t.query.parts), t.query] for t in reversed(session.turns)]
        if before is not None:
            asked.insert(0, [before])
        topic = next((q for qs in asked for q in qs if q.intent not in IDLE), None)
        topic = topic if topic is not None and _topical(topic) else None
        spoken = _standing_for(topic, session.anchors, pack) if topic is not None else None
        topic = None if spoken else topic
        spoken = spoken or next((q.anchors for qs in asked for q in qs if any(a in by_id for a in q.anchors)), None)
        if spoken is None:
            spoken = next((ids for t in reversed(session.turns) if (ids := _ids(t.anchors, by_id))), ())
        several = (
            ids
            for turn in reversed(session.turns)
            for ids in (turn.query.choices, turn.query.anchors, _ids(turn.anchors, by_id))
            if len([i for i in ids if i in by_id]) > 1
        )
        pool = next(several, tuple(by_id))
        last = before or (session.turns[-1].query if session.turns else None)
        counted = last is not None and bool(SEVERAL & set(last.aspects))
        return Scene(session.anchors, _of(pool, by_id), _of(spoken, by_id), counted, topic)


def _topical(query: Query) -> bool:
    """Whether a question is about one conclusion or sign, and not about a place."""
    about = query.target is not None or bool(query.signs)
    placed = (query.anchors or query.choices) and not (query.intent == "SCREEN" and query.signs)
    return about and not placed and len(query.targets) < 2 and query.intent != "CORRECT"


def _standing_for(topic: Query, anchors: tuple[Anchor, ...], pack: Pack) -> tuple[str, ...] | None:
    """Anchors of the sign that a question names, or of the first core sign of its target that has some."""
    diagnosis = pack.diagnosis(topic.target or "")
    signs = topic.signs or (diagnosis.core_signs if diagnosis is not None else ())
    return next((ids for s in signs if (ids := tuple(a.id for a in anchors if a.sign == s))), None)


@dataclass(frozen=True, eq=False, slots=True)
class Asked:
    """What the text says about the anchors it means.

    Attributes
    ----------
    ids
        Anchor ids written out; ``joined`` when they are meant as one place.
    references
        Hits of the words that point.
    sides
        Sides named that belong to no place.
    places
        Zones and structures named that may say where the lesion lies, those of one word together.
    nouns
        Names that may stand for a lesion.
    settled
        It asks for something of the film, not of a lesion, unless it points to one.
    related
        It asks how two things lie to each other.
    covered
        Names that are a lesion's only where one is called so.
    claimed
        It says what something is, not what it is not: a name that no lesion has tells what it should be called.
    again
        It goes on with the lesion last spoken of although it names none.
    """

    intent: Intent
    ids: tuple[str, ...]
    joined: bool
    references: tuple[Hit, ...]
    sides: tuple[str, ...]
    places: tuple[tuple[str, ...], ...]
    nouns: tuple[Hit, ...]
    settled: bool
    related: bool = False
    covered: tuple[Hit, ...] = ()
    claimed: bool = False
    again: bool = False

    @property
    def values(self) -> frozenset[str]:
        """What the pointing words stand for."""
        return frozenset(v for h in self.references for v in h.values)


def resolve(asked: Asked, scene: Scene, pack: Pack) -> Chosen:
    """Find the anchors that a question means, choices when several fit equally; ids stand even if there are none."""
    pair = _pair(asked, scene, pack) if asked.related and scene.anchors else ()
    if pair:
        return Chosen(pair, named=True)
    if asked.ids:
        return Chosen(asked.ids, (), asked.joined, True)
    if not scene.anchors:
        return Chosen()
    if asked.intent not in TAKING and not asked.references:
        return Chosen()
    if asked.values & {"former", "latter"} and len(scene.pool) > 1:
        ends = (("former", scene.pool[0]), ("latter", scene.pool[-1]))
        return Chosen(tuple(a.id for value, a in ends if value in asked.values), named=True)
    ordinals = [int(v) for h in asked.references for v in h.values if v.isdigit()]
    if ordinals:
        line = scene.pool if max(ordinals) <= len(scene.pool) else scene.anchors
        return Chosen(tuple(line[n - 1].id for n in ordinals if n <= len(line)), named=True)
    found = _filtered(asked, scene, pack)
    if found is not None:
        return _settle(found, asked, scene)
    return _spoken(asked, scene)


def _pair(asked: Asked, scene: Scene, pack: Pack) -> tuple[str, ...]:
    """The two anchors of a relation that are named in different ways ("it and the second"); () when not two."""
    if "many" in asked.values or len(asked.ids) > 1:
        return ()
    ends: dict[str, None] = dict.fromkeys(asked.ids)
    for hit in asked.references:
        for value in hit.values:
            if value.isdigit() and int(value) <= len(scene.anchors):
                line = scene.pool if int(value) <= len(scene.pool) else scene.anchors
                ends[line[int(value) - 1].id] = None
    for value, key, slack in _EXTREMES:
        if value in asked.values and len(best := _extreme(list(scene.pool), key, slack)) == 1:
            ends[best[0].id] = None
    for noun in (*asked.nouns, *asked.covered):
        fitting = [a for a in scene.anchors if _is(a, noun, pack)]
        if len(fitting) == 1:
            ends[fitting[0].id] = None
    pronoun = bool(asked.values & {"this", "other"})
    if {"this", "other"} <= asked.values and not ends and len(scene.spoken) == 1:
        ends[scene.spoken[0].id] = None
    if len(ends) == 1 and pronoun and len(scene.spoken) == 1:
        ends = dict.fromkeys((scene.spoken[0].id, *ends))
        others = [a.id for a in scene.pool if a.id not in ends]
        if len(ends) == 1 and "other" in asked.values and len(others) == 1:
            ends[others[0]] = None
    if len(ends) == 1 and pronoun and len(scene.pool) == 2 and [a.id for a in scene.spoken] == list(ends):
        ends |= dict.fromkeys(a.id for a in scene.pool)
    return tuple(ends) if len(ends) == 2 else ()


def _filtered(asked: Asked, scene: Scene, pack: Pack) -> list[Anchor] | None:
    """Anchors that the names, places, sides and sizes of the text leave; None when it has none of these."""
    values, some = asked.values, False
    left = list(scene.pool)
    if "every" in values:
        left = list(scene.anchors)
    also = tuple(n for n in asked.covered if called(scene.anchors, n, pack))
    if asked.nouns or also:
        fitting = [a for a in scene.anchors if any(_is(a, noun, pack) for noun in (*asked.nouns, *also))]
        left, some = [a for a in left if a in fitting] or fitting, True
        if not fitting:
            if asked.claimed or asked.intent == "CHECKLIST" or (values and asked.intent != "CORRECT"):
                left, some = list(scene.pool), False
            else:
                return []
    for group in asked.places:
        lying = _lying([a for a in scene.anchors if not some or a in left], group, pack)
        if lying is not None:
            left, some = lying, True
    if len(set(asked.sides)) == 1 and not asked.places:
        beside = [a for a in scene.anchors if _side(a) == asked.sides[0] and (not some or a in left)]
        left, some = [a for a in beside if a in left] or beside, True
    if "other" in values:
        left, some = [a for a in left if a not in scene.spoken], True
    if "opposite" in values and len({_side(a) for a in scene.spoken}) == 1:
        across = [a for a in scene.anchors if _side(a) != _side(scene.spoken[0])]
        left, some = [a for a in across if a in left] or across, True
    for value, key, slack in _EXTREMES:
        if value in values and left:
            left, some = _extreme(left, key, slack), True
    if "middle" in values and left:
        left, some = (
            sorted(left, key=_down)[1:-1] if len(left) > 2 else _extreme(left, _off_middle, lambda _: LEVEL),
            True,
        )
    if "last" in values and left:
        left, some = left[-1:], True
    return left if some else None


def _settle(found: list[Anchor], asked: Asked, scene: Scene) -> Chosen:
    if "many" in asked.values:
        return Chosen(tuple(a.id for a in found), named=True)
    if len(found) > 1 and not asked.sides and asked.values & {"this"}:
        found = [a for a in found if a in scene.spoken] or found
    if len(found) > 1 and not asked.sides:
        newest = max(a.turn for a in found)
        spoken = [a for a in found if a in scene.spoken] if len(scene.spoken) == 1 else []
        found = spoken or [a for a in found if a.turn == newest]
    if len(found) > 1:
        return Chosen((), tuple(a.id for a in found) if asked.intent in TAKING else (), named=True)
    return Chosen(tuple(a.id for a in found), named=True)


def _spoken(asked: Asked, scene: Scene) -> Chosen:
    """The anchors last spoken of, for a pronoun or for a question that goes on."""
    named = bool(asked.references)
    goes_on = named or (asked.again and len(scene.spoken) == 1)
    if not goes_on and (asked.settled or asked.intent not in INHERITING):
        return Chosen()
    if "they" in asked.values and scene.counted and len(scene.spoken) == 1 and not asked.related:
        return Chosen((scene.spoken[0].id,), named=True)
    if "every" in asked.values:
        return Chosen(tuple(a.id for a in scene.anchors), named=True)
    if "many" in asked.values:
        several = scene.spoken if len(scene.spoken) > 1 else scene.pool
        return Chosen(tuple(a.id for a in several), named=True)
    ids = tuple(a.id for a in scene.spoken)
    if len(ids) == 1:
        return Chosen(ids, named=named)
    return Chosen((), ids if asked.intent in TAKING else (), named=named)


def called(anchors: Iterable[Anchor], noun: Hit, pack: Pack) -> bool:
    """Tell whether `noun` may name one of the anchors."""
    return any(_is(a, noun, pack) for a in anchors)


def _is(anchor: Anchor, noun: Hit, pack: Pack) -> bool:
    """Tell whether `noun` may name the anchor: its sign, a diagnosis that the sign leads, a word of its label."""
    if noun.text in anchor.label.zh or noun.text.removesuffix("s") in anchor.label.en.lower():
        return True
    if noun.kind == "sign":
        return anchor.sign in noun.values
    firsts = (d.core_signs[:1] for v in noun.values if (d := pack.diagnosis(v)) is not None)
    return any(anchor.sign in first for first in firsts)


def _lying(anchors: list[Anchor], group: tuple[str, ...], pack: Pack) -> list[Anchor] | None:
    """Anchors in one of the zones or lungs; None when the place tells nothing.

    Those whose label names the place go first, else side and height decide. What lies on the side of a diaphragm, a
    hilum or a clavicle does not lie at it.
    """
    entries = [e for place in group if (e := pack.zone(place) or pack.structure(place)) is not None]
    words = {w.lower() for e in entries for w in (e.name.zh, e.name.en, *e.synonyms.zh, *e.synonyms.en)}
    labelled = [a for a in anchors if any(w in a.label.zh or w in a.label.en.lower() for w in words)]
    lungs = {z.params.get("lung") for z in pack.zones}
    sided = [e for e in entries if e.side is not None and (e.id in lungs or pack.zone(e.id) is not None)]
    if labelled or not sided:
        return labelled or None
    return [a for a in anchors if any(_at_place(a, e.id, e.side, pack) for e in sided)]


def _at_place(anchor: Anchor, place: str, side: str | None, pack: Pack) -> bool:
    zone = pack.zone(place)
    span = zone.params.get("v") if zone is not None else None
    height = LUNG_TOP + LUNG_HEIGHT * (span[0] + span[1]) / 2 if span else None
    level = height is None or abs(anchor.region.centroid[1] / anchor.region.rows - height) <= NEAR
    return _side(anchor) == side and level


def _side(anchor: Anchor) -> str:
    return "right" if anchor.region.centroid[0] < anchor.region.cols / 2 else "left"


def _down(anchor: Anchor) -> float:
    return anchor.region.centroid[1] / anchor.region.rows


def _off_middle(anchor: Anchor) -> float:
    return abs(_down(anchor) - LUNG_TOP - LUNG_HEIGHT / 2)


def _off_midline(anchor: Anchor) -> float:
    return abs(anchor.region.centroid[0] / anchor.region.cols - 0.5)


def _size(anchor: Anchor) -> float:
    return float(anchor.region.area_px)


def _extreme(anchors: list[Anchor], key: Callable[[Anchor], float], slack: Callable[[float], float]) -> list[Anchor]:
    best = min(map(key, anchors))
    return [a for a in anchors if key(a) - best <= slack(best)]


_EXTREMES: tuple[tuple[str, Callable[[Anchor], float], Callable[[float], float]], ...] = (
    ("upper", _down, lambda _: LEVEL),
    ("lower", lambda a: -_down(a), lambda _: LEVEL),
    ("medial", _off_midline, lambda _: LEVEL),
    ("lateral", lambda a: -_off_midline(a), lambda _: LEVEL),
    ("largest", lambda a: -_size(a), lambda best: ALIKE * abs(best)),
    ("smallest", _size, lambda best: ALIKE * best),
)


def _ids(anchors: Iterable[Anchor], known: dict[str, Anchor]) -> tuple[str, ...]:
    return tuple(a.id for a in anchors if a.id in known)


def _of(ids: Iterable[str], known: dict[str, Anchor]) -> tuple[Anchor, ...]:
    return tuple(known[i] for i in ids if i in known)
