"""``understand``: a question in Chinese or English -> `Query`, without a model, the same every time."""

from __future__ import annotations

import re
from dataclasses import replace

from whyray.dialogue.grammar import ids_named, references
from whyray.dialogue.lexicon import Hit, Lexicon, Scan
from whyray.dialogue.naming import Named, covered, name, nouns, place_groups, signs_of
from whyray.dialogue.parsing import Parse, explain_parse
from whyray.dialogue.references import TAKING, Asked, Chosen, Scene, called, resolve
from whyray.dialogue.splitting import Piece, asks, split
from whyray.domain import Intent, Lang, Pack, Query, Session

__all__ = ["Parse", "explain_parse", "understand"]

_TARGETED: tuple[Intent, ...] = ("WHY", "WHY_NOT")
_ABOUT_DISEASE: tuple[Intent, ...] = ("WHY", "WHY_NOT", "SCREEN", "CHECKLIST")
# Which groups of aspects an intent asks about.
_GROUPS: dict[Intent, tuple[str, ...]] = {
    "DESCRIBE": ("property", "extent"),
    "MEASURE": ("relation", "inside", "quantity", "figure", "extent", "mention"),
    "CORRECT": ("restore",),
}
# Features of a text that only names something.
_BARE = frozenset({"diagnosis", "sign", "target", "lesion", "place", "mention", "both_sides"})
# Figures that are read where a sign may be marked, so that its anchor is meant.
MARKED = frozenset({"angle"})
# Figures that count the parts of one lesion where a property of it is named.
_COUNTED = frozenset({"count", "number"})
# A place belongs to the word that starts so many characters after it, or ends so many before it.
AFTER, BEFORE = 3, 10
# Features of an objection that only points to another place, and what it begins with: "no, the left one".
_ELSEWHERE = frozenset(
    {"correct", "lesion", "reference", "opener", "negation", "opposed", "noun", "diagnosis", "target"}
)
_OBJECTING = frozenset({"objected", "contradicted"})
_JOINED = re.compile(r"\d\s*\+\s*a")


def understand(text: str, pack: Pack, session: Session | None = None, lang: Lang | None = None) -> Query:
    """Read a question.

    Parameters
    ----------
    text
        The question as typed.
    pack
        Names, synonyms, terms and grammar.
    session
        The conversation so far: a WHY without a named target means the last target spoken of, and references mean
        its anchors.
    lang
        Answer in this language instead of the question's own.

    Returns
    -------
    Query
        ``target`` is None when none is named and none can be taken from the session; further questions of the same
        text are its ``parts``.
    """
    fallback = session.lang if session else "en"

    def read(clause: str) -> Parse:
        return explain_parse(clause, pack, fallback=fallback)

    whole = Piece(text, read(text))
    pieces = split(whole, read)
    out: list[Query] = []
    for piece in pieces:
        query = _query(piece, pack, session, out[-1] if out else None)
        if out and _same(out[-1], query):
            out[-1] = _merged(out[-1], query)
        else:
            out.append(query)
    if len(out) == 1 and len(pieces) > 1:
        out = [_merged(out[0], _query(whole, pack, session, None))]
    spoken = lang or whole.parse.lang
    parts = tuple(replace(q, lang=spoken) for q in out[1:])
    return replace(out[0], text=text, lang=spoken, parts=parts)


def _query(piece: Piece, pack: Pack, session: Session | None, before: Query | None) -> Query:
    """Read one clause; `before` is the question before it in the same text."""
    parse = piece.parse
    named = name(parse.scan, parse.reading, pack)
    scene = Scene.of(session, pack, before)
    if _goes_on(parse, pack, session, before) or _only_named(parse, scene, pack):
        return _follow_up(piece, named, scene, pack, session, before)
    if parse.intent == "OUT_OF_SCOPE" or parse.intent == "HELP":
        return Query(piece.text, parse.lang, parse.intent)
    groups = _GROUPS.get(parse.intent, ())
    aspects = tuple(dict.fromkeys(a for group, a in parse.reading.aspects if group in groups))
    chosen = resolve(_asked(parse, parse.intent, named, pack), scene, pack)
    if parse.intent in _TARGETED and not (parse.targets or chosen.named or parse.reading.unclear):
        chosen = _last_dealt_with(session, before)
    if parse.intent == "COMPARE" and parse.targets and not (chosen.named or "prior" in parse.reading.features):
        chosen = _last_dealt_with(session, before)
    if parse.intent == "CHECKLIST" and not chosen.named and not _fits(chosen, parse.targets, scene, pack):
        chosen = Chosen()
    target = _target(parse, pack, session)
    topic = scene.topic if _keeps_topic(parse, named, chosen) else None
    if topic is not None:
        chosen, target = Chosen(), topic.target
    if target is None and before is not None and parse.intent in (*_TARGETED, "CHECKLIST"):
        target = None if parse.reading.unclear else before.target or target
    signs = _corrected(parse, chosen, session, pack) if parse.intent == "CORRECT" else named.signs
    if topic is not None:
        signs = topic.signs
    elif _weighs_sides(parse) and not (parse.targets or signs):
        signs = _signs_spoken_of(scene, session, before)
    return Query(
        piece.text,
        parse.lang,
        parse.intent,
        target,
        chosen.anchors,
        _targets(parse, target, pack),
        named.places,
        aspects,
        signs,
        chosen.choices,
        named.form,
        chosen.merged,
    )


def _fits(chosen: Chosen, targets: tuple[str, ...], scene: Scene, pack: Pack) -> bool:
    """Tell whether the lesion last spoken of may be one of the diagnoses named: any may where none is named."""
    core = {s for i in targets if (d := pack.diagnosis(i)) is not None for s in d.core_signs}
    meant = [a for a in scene.anchors if a.id in (*chosen.anchors, *chosen.choices)]
    return not core or all(a.sign is None or a.sign in core for a in meant)


def _keeps_topic(parse: Parse, named: Named, chosen: Chosen) -> bool:
    """Tell whether a question for a place or side names none and nothing that has one: it goes on with the topic."""
    weighs = _weighs_sides(parse)
    naming = parse.targets or parse.reading.unclear or named.signs
    placing = named.places or parse.reading.sides or chosen.named
    pointing = ids_named(parse.text) or nouns(parse.scan)  # "is it worse on the left?" is no more than the topic
    return (parse.intent == "LOCATE" and not (naming or placing)) or (weighs and not (naming or pointing))


def _signs_spoken_of(scene: Scene, session: Session | None, before: Query | None) -> tuple[str, ...]:
    """Signs of the anchors last spoken of; none after an overview, which speaks of the whole film."""
    last = before or (session.turns[-1].query if session is not None and session.turns else None)
    overview = last is not None and last.intent in ("SCREEN", "REPORT") and not (last.target or last.signs)
    return () if overview else tuple(dict.fromkeys(a.sign for a in scene.spoken if a.sign is not None))


def _weighs_sides(parse: Parse) -> bool:
    return "balance" in parse.reading.features and parse.intent == "MEASURE"


def _last_dealt_with(session: Session | None, before: Query | None) -> Chosen:
    """The one anchor of the question just before: a bare "why?" goes on about it."""
    last = before or (session.turns[-1].query if session is not None and session.turns else None)
    return Chosen(last.anchors) if last is not None and len(last.anchors) == 1 else Chosen()


def _asked(parse: Parse, intent: Intent, named: Named, pack: Pack) -> Asked:
    scan = parse.scan
    groups = {g for g, _ in parse.reading.aspects}
    measuring, related = intent == "MEASURE", bool(groups & {"relation", "inside"})
    things = nouns(scan)
    where = _beside(scan, (*things, *references(scan))) if related else scan.details
    zones = {v for h in where if h.kind in ("zone", "place") for v in h.values if pack.zone(v) is not None}
    if not related:
        zones |= {v for h in _beside(scan, references(scan)) if h.kind == "structure" for v in h.values}
    figures = {a for g, a in parse.reading.aspects if g == "figure"}
    counted = figures <= _COUNTED and "property" in groups
    marked = measuring and bool(figures) and figures <= MARKED
    groups_of = place_groups(scan, parse.reading, pack)
    own = tuple(g for g in groups_of if not measuring or marked or all(p in zones for p in g))
    if intent == "CORRECT":
        things = parse.reading.denied or things
    elif intent == "COMPARE" and len(parse.targets) > 1:
        things = ()
    if measuring and groups == {"figure"} and not marked and not references(scan):
        things = ()
    also = covered(scan)
    if marked and not related and not (things or also):
        also = _bearing(figures, pack)
    return Asked(
        intent,
        ids_named(parse.text),
        bool(_JOINED.search(parse.text)),
        references(scan),
        tuple(v for h in scan.details if h.kind == "side" for v in h.values),
        own,
        things,
        (measuring and bool(figures) and not counted)
        or (intent in ("MEASURE", "LOCATE") and bool(named.places) and not related),
        related,
        also,
        intent == "CORRECT" and not parse.reading.denied,
        "restore" in groups,
    )


def _bearing(figures: set[str], pack: Pack) -> tuple[Hit, ...]:
    """The names of what has a figure ("costophrenic angle" for an angle), as if the text had them."""
    wanted = {f"mention {figure}" for figure in figures}
    entries = Lexicon.of(pack).details.entries.items()
    return tuple(Hit(0, 0, surface, *entry) for surface, entry in entries if wanted & set(entry[1]))


def _beside(scan: Scan, things: tuple[Hit, ...]) -> tuple[Hit, ...]:
    """Places written right before or after what they tell the place of; others are ends of a distance."""
    return tuple(
        h for h in scan.details if any(0 <= t.start - h.end <= AFTER or 0 <= h.start - t.end <= BEFORE for t in things)
    )


def _goes_on(parse: Parse, pack: Pack, session: Session | None, before: Query | None) -> bool:
    """Tell whether the text only names or points ("and the other one?"), so that the last question is asked again."""
    started = session is not None and bool(session.turns)
    if _points_elsewhere(parse):
        return started or before is not None
    if session is None or not started or parse.intent in ("CORRECT", "COMPARE") or asks(parse):
        return False
    features = parse.reading.features
    # "Is the left diaphragm elevated?" asks what is not understood, whatever lies on the left.
    if {"unknown", "opener"} <= features and not features & {"reference", "again"}:
        return False
    refused = parse.intent == "OUT_OF_SCOPE" and parse.rule
    if refused or features & {"why", "basis", "against", "counter", "sure", "report"}:
        return False
    if _asks_for_disease(parse, pack):
        return False
    # "Is the heart enlarged?" asks anew, whatever anchor lies in the heart.
    if parse.intent == "SCREEN" and {"opener", "target"} <= features and not features & {"reference", "again"}:
        return False
    return bool(features & {"reference", "again"} or ids_named(parse.text) or (parse.details and session.anchors))


def _asks_for_disease(parse: Parse, pack: Pack) -> bool:
    """Tell whether it asks what a lesion stands for ("is it lung cancer?"), not for a lesion by its name."""
    features = parse.reading.features
    named = [d for i in parse.targets if (d := pack.diagnosis(i)) is not None]
    pointing = "reference" in features and "again" not in features
    return parse.intent == "SCREEN" and pointing and any(not d.descriptive for d in named)


def _points_elsewhere(parse: Parse) -> bool:
    """Tell whether an objection only says which place is meant instead: nothing is struck out by it."""
    told = parse.reading.features
    other = any(set(h.values) - {"this", "lesion"} for h in references(parse.scan))
    only = bool(told & _OBJECTING) and told <= _ELSEWHERE | _OBJECTING
    return parse.intent == "CORRECT" and only and bool(parse.reading.sides or other)


def _only_named(parse: Parse, scene: Scene, pack: Pack) -> bool:
    """Tell whether the text is the bare name of a lesion of the conversation, as when asked back which is meant."""
    if parse.intent != "SCREEN" or parse.reading.features - _BARE:
        return False
    return any(called(scene.anchors, noun, pack) for noun in (*nouns(parse.scan), *covered(parse.scan)))


def _follow_up(
    piece: Piece, named: Named, scene: Scene, pack: Pack, session: Session | None, before: Query | None
) -> Query:
    parse = piece.parse
    told = (q for t in reversed(session.turns if session else ()) for q in (*reversed(t.query.parts), t.query))
    last = before if before is not None and _points_elsewhere(parse) else next(told, None)
    intent: Intent = last.intent if last is not None and last.intent in TAKING else "DESCRIBE"
    aspects = last.aspects if last is not None and last.intent == intent else ()
    chosen = resolve(_asked(parse, intent, named, pack), scene, pack)
    if (parse.reading.diagnoses and not chosen.named) or (last is not None and not (chosen.anchors or chosen.choices)):
        if last is not None and last.intent in _ABOUT_DISEASE and parse.reading.diagnoses:
            intent = last.intent
        elif not scene.anchors and not _points_elsewhere(parse):
            intent = parse.intent
    target = _target(replace(parse, intent=intent), pack, session)
    if intent in ("OUT_OF_SCOPE", "HELP"):
        return Query(piece.text, parse.lang, intent)
    return Query(
        piece.text,
        parse.lang,
        intent,
        target,
        chosen.anchors,
        _targets(replace(parse, intent=intent), target, pack),
        named.places,
        aspects if intent in TAKING else (),
        named.signs,
        chosen.choices,
        named.form,
        chosen.merged,
    )


def _same(one: Query, other: Query) -> bool:
    """Tell whether two questions of a text are one: same intent, same target, same anchors."""
    alike = one.intent == other.intent and (other.target is None or other.target == one.target or one.target is None)
    places = (one.anchors, one.choices), (other.anchors, other.choices)
    return alike and (places[0] == places[1] or one.intent not in TAKING)


def _merged(one: Query, other: Query) -> Query:
    return replace(
        one,
        text=f"{one.text} {other.text}",
        target=one.target or (other.target if other.intent == one.intent else None),
        targets=_united(one.targets, other.targets),
        places=_united(one.places, other.places),
        aspects=_united(one.aspects, other.aspects),
        signs=_united(one.signs, other.signs),
        form=one.form or other.form,
    )


def _united(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*one, *other)))


def _corrected(parse: Parse, chosen: Chosen, session: Session | None, pack: Pack) -> tuple[str, ...]:
    """Signs that a correction speaks of: those it denies, those of its anchors, the last one struck out."""
    denied = signs_of(parse.reading.denied, pack)
    by_id = {a.id: a for a in session.anchors} if session is not None else {}
    meant = tuple(s for i in chosen.anchors if i in by_id and (s := by_id[i].sign) is not None)
    if meant:
        return meant
    if denied:
        return denied
    restoring = any(group == "restore" for group, _ in parse.reading.aspects)
    proposed = parse.reading.features & {"proposal"}
    told = () if proposed else signs_of(tuple(h for h in parse.hits if h.kind in ("sign", "diagnosis")), pack)
    if told or not restoring or session is None:
        return told
    struck = (t.correction for t in reversed(session.turns) if t.correction is not None and t.correction.rejected)
    last = next((c for c in struck if c.sign in session.rejected), None)
    return (last.sign,) if last is not None else ()


def _targets(parse: Parse, target: str | None, pack: Pack) -> tuple[str, ...]:
    """All diagnoses named, `target` first; none where only an earlier film is compared with."""
    if _with_prior(parse):
        return ()
    named = tuple(t for t in parse.targets if parse.intent != "SCREEN" or not _is_normal(t, pack))
    return tuple(dict.fromkeys(((target,) if target is not None else ()) + named))


def _target(parse: Parse, pack: Pack, session: Session | None) -> str | None:
    targets = () if _with_prior(parse) else parse.targets
    if parse.intent == "SCREEN":
        targets = tuple(t for t in targets if not _is_normal(t, pack))
    if targets:
        return targets[0]
    if parse.intent not in _TARGETED or parse.reading.unclear or session is None:
        return None
    return next((t.query.target for t in reversed(session.turns) if t.query.target is not None), None)


def _with_prior(parse: Parse) -> bool:
    features = parse.reading.features
    return parse.intent == "COMPARE" and "prior" in features and "two" not in features


def _is_normal(diagnosis_id: str, pack: Pack) -> bool:
    diagnosis = pack.diagnosis(diagnosis_id)
    return diagnosis is not None and diagnosis.normal
