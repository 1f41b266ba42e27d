"""From lexicon hits to features, and from features to an intent by the pack's ordered rules."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import get_args

from whyray.dialogue.lexicon import Hit, Layer, Lexicon, Scan
from whyray.dialogue.normalise import HAN, has_foreign_letter
from whyray.dialogue.wording import idle, scopes, structures
from whyray.domain import Bilingual, Intent, Pack, PackError

# A sign belongs to one diagnosis when it multiplies that one's odds this many times more than any other's.
OWNER_RATIO = 2.0

_CLAUSE = re.compile(r"[,;.?!，；。？！、\n]")
_NEGATIONS = ("negation", "exclude")
_LEFT_OVER = re.compile(rf"[a-z][a-z']{{2,}}|[{HAN}]{{2,}}")
_PROPERTY = "property "
_NAMED = ("diagnosis", "sign")
_CHOICE = re.compile(rf"([{HAN}])[不没]\1|([{HAN}])([{HAN}])[不没]\2\3")
_ANCHOR = re.compile(
    r"(?<![a-z0-9'])a ?([1-9][0-9]?)(?![a-z0-9]|[.,]\d|\s*(?:cm|mm|px|x|year|week|day|month|-|岁|年|天|毫米|厘米|公分))"
)
# "Not X, it's Y" and "it's Y, not X".
_IT_IS = r"(?:it's|its|it is|that's|thats|that is|this is|而是|这是|那是|只是|是)"
_IS_NOT = r"(?:not|不是|并非|并不是)"
_REST, _BREAK = r"[^,;.?!，；。？！]*", r"[,;.，；。] ?"
_CONTRADICTED = re.compile(
    rf"^(?:no,? ?|不,? ?)?{_IS_NOT}{_REST}{_BREAK}(?:but )?{_IT_IS}|^{_IT_IS}{_REST}{_BREAK}(?:and )?{_IS_NOT}"
)
# The same looser: the denial and what it is instead stand in two clauses next to each other.
_DENIAL = (
    r"(?:不(?!对|好意思|过)|没有?|并非|未|(?<![a-z'])(?:not|no|isn't|isnt|aren't|wasn't|ain't|aint|nope|nah)(?![a-z']))"
)
_INSTEAD = r"(?:(?:but|then|rather|just|更|而|那|它)?[ ]?(?:就|只|明明|应该|其实)?" + _IT_IS + ")"
_OPPOSED = re.compile(rf"{_DENIAL}{_REST}{_BREAK}{_INSTEAD}(?![不吗么])")
_OPEN_END = re.compile(r"(?:没有|没|不|否|[吗么呢吧])$")


@dataclass(frozen=True, slots=True)
class GrammarRule:
    """``needs`` must all be there and ``forbids`` must not; ``source`` is the line of the pack."""

    needs: frozenset[str]
    forbids: frozenset[str]
    intent: Intent
    source: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What the hits of one question say together.

    Attributes
    ----------
    diagnoses
        Diagnosis ids named, directly or by a sign of their own, in order.
    unclear
        Words that may mean several diagnoses, each with the ids it may mean.
    unknown
        Words that the lexicon does not have.
    sides
        Sides named.
    aspects
        (group, id) of what is asked of a lesion.
    denied
        Hits of the diagnoses and signs that the text says are not there.
    """

    features: frozenset[str]
    diagnoses: tuple[str, ...]
    unclear: tuple[tuple[str, tuple[str, ...]], ...]
    unknown: tuple[str, ...]
    sides: tuple[str, ...]
    aspects: tuple[tuple[str, str], ...] = ()
    denied: tuple[Hit, ...] = ()


def rules_of(pack: Pack, kind: str = "rule") -> tuple[GrammarRule, ...]:
    """Return the pack's grammar in order; raises PackError (GRAMMAR_RULE) on a malformed line.

    Rules of the kind ``default`` hold where no other does and no word leans towards another intent.
    """
    return tuple(_rule(t.value) for t in pack.terms if t.kind == kind)


@lru_cache(maxsize=1024)
def _rule(line: str) -> GrammarRule:
    left, arrow, right = line.partition("->")
    intent = next((i for i in get_args(Intent) if i == right.strip()), None)
    if not arrow or intent is None or not left.split():
        raise PackError(
            "GRAMMAR_RULE",
            Bilingual(f"语法规则无法读取：{line}。", f"The grammar rule cannot be read: {line}."),
            Bilingual("写成“a b !c -> 意图”。", 'Write it as "a b !c -> INTENT".'),
        )
    words = left.split()
    needs = frozenset(w for w in words if not w.startswith("!"))
    return GrammarRule(needs, frozenset(w[1:] for w in words if w.startswith("!")), intent, line)


def fire(rules: Iterable[GrammarRule], features: frozenset[str]) -> GrammarRule | None:
    """Return the first rule that holds, or None."""
    return next((r for r in rules if r.needs <= features and not r.forbids & features), None)


def interpret(scan: Scan, pack: Pack, *, long: bool = False, hints: tuple[Hit, ...] = ()) -> Reading:
    """Find features, targets and left-over words of a scanned question; `hints` are words that lean to an intent."""
    diagnoses, unclear = _targets(_meant(scan), pack)
    unknown = _unknown(scan)
    aspects = _aspects(scan)
    features = {v for h in scan.hits if h.kind in ("cue", "scope") for v in h.values} | {a[0] for a in aspects}
    if any(h.kind == "sign" for h in scan.hits) or unclear:
        features.add("sign")
    if any(h.kind == "diagnosis" and len(h.values) == 1 for h in scan.hits):
        features.add("diagnosis")
    if "placed" in features and not diagnoses:
        diagnoses = tuple(dict.fromkeys(v for h in scan.details if h.kind == "device" for v in h.values))
        unclear = () if diagnoses else unclear
    abnormal = "abnormal" in features and not diagnoses and not unclear
    if abnormal and features & {"why", "basis"}:
        diagnoses = tuple(d.id for d in pack.diagnoses if d.normal)[:1]
    if diagnoses:
        features.add("target")
    elif "abnormal" in features:
        features.add("screen")
    denied, denial = _denied(scan, pack)
    features |= structures(scan) | {f"hint:{intent}" for h in hints for intent in h.values}
    features |= {
        name
        for name, holds in (
            ("two", len(diagnoses) > 1),
            ("negated", _is_negated(scan, abnormal)),
            ("unknown", bool(unknown)),
            ("foreign", has_foreign_letter(scan.text)),
            ("long", long),
            ("both_sides", len({v for h in scan.hits if h.kind == "side" for v in h.values}) > 1),
            ("question", _is_question(scan)),
            ("denied", denial),
            ("reference", bool(references(scan))),
            ("several", len(ids_named(scan.text)) > 1 or any("many" in h.values for h in references(scan))),
            ("film", any("film" in h.values for h in scan.details if h.kind == "plain")),
            ("lesion", any({"noun", "lesion", "this"} & set(h.values) for h in scan.details)),
            ("anchor", bool(ids_named(scan.text))),
            ("mark", "?" in scan.text),
            ("opposed", bool(_OPPOSED.search(scan.text))),
            ("contradicted", bool(_CONTRADICTED.search(scan.text))),
            ("place", any(h.kind in ("zone", "structure", "place") for h in scan.details)),
        )
        if holds
    }
    sides = tuple(dict.fromkeys(v for h in scan.hits if h.kind == "side" for v in h.values))
    return Reading(frozenset(features), diagnoses, unclear, unknown, sides, aspects, denied)


def ids_named(text: str) -> tuple[str, ...]:
    """Return the anchor ids written in a normalised text ("a2", "a 2"), in order."""
    return tuple(dict.fromkeys(f"A{int(m.group(1))}" for m in _ANCHOR.finditer(text)))


def references(scan: Scan) -> tuple[Hit, ...]:
    """Return the words that point to something spoken of before."""
    return tuple(h for h in scan.details if h.kind == "reference")


def _aspects(scan: Scan) -> tuple[tuple[str, str], ...]:
    """Return what is asked of a lesion; a word inside the name of a sign or diagnosis is no question of its own."""
    named = [h for h in scan.hits if h.kind in _NAMED]
    own = (
        h
        for h in scan.details
        if h.kind == "aspect"
        and not any(n.start <= h.start and h.end <= n.end and n.end - n.start > h.end - h.start for n in named)
    )
    pairs = (value.partition(" ") for h in own for value in h.values)
    return tuple(dict.fromkeys((group, aspect) for group, _, aspect in pairs))


def _ends(scan: Scan) -> list[int]:
    return [m.start() for m in _CLAUSE.finditer(scan.text)] + [len(scan.text)]


def _is_question(scan: Scan) -> bool:
    """Tell whether it asks: a question mark, a particle, "A or not A", a verb before its subject."""
    if "?" in scan.text or _CHOICE.search(scan.text):
        return True
    start = 0
    for end in _ends(scan):
        clause = scan.text[start:end].strip()
        first = min((h.start for h in scan.hits if "opener" in h.values and h.start >= start), default=end)
        if _OPEN_END.search(clause) or (clause and not scan.text[start:first].strip(" ,.") and first < end):
            return True
        start = end + 1
    return False


def _denied(scan: Scan, pack: Pack) -> tuple[tuple[Hit, ...], bool]:
    """Return the names that the text negates, and whether it negates a name or what it points to."""
    start, names, denial = 0, [], False
    for end in scopes(scan.text):
        clause = [h for h in scan.hits if start <= h.start < end]
        cues = [h for h in clause if h.kind == "cue" and "negation" in h.values]
        pointed = [h for h in references(scan) if start <= h.start < end]
        if len(cues) % 2 == 1:
            named = [h for h in clause if h.kind in _NAMED and not _normal(h, pack)]
            after = [h for h in named if h.start > cues[0].start] or named
            names += after[:1]
            denial = denial or bool(after or pointed)
        start = end + 1
    return tuple(names), denial


def _normal(hit: Hit, pack: Pack) -> bool:
    return any((d := pack.diagnosis(v)) is not None and d.normal for v in hit.values)


def _meant(scan: Scan) -> tuple[Hit, ...]:
    """Return the hits that may name a target: a sign that is a property of a lesion stands for no disease."""
    asked = [(h.start, h.end) for h in scan.details if any(v.startswith(_PROPERTY) for v in h.values)]
    return tuple(h for h in scan.hits if h.kind != "sign" or (h.start, h.end) not in asked)


def _targets(hits: tuple[Hit, ...], pack: Pack) -> tuple[tuple[str, ...], tuple[tuple[str, tuple[str, ...]], ...]]:
    direct = dict.fromkeys(h.values[0] for h in hits if h.kind == "diagnosis" and len(h.values) == 1)
    unclear = [(h.text, h.values) for h in hits if h.kind == "diagnosis" and len(h.values) > 1]
    if direct:
        return tuple(direct), ()
    owned: dict[str, None] = {}
    for hit in hits:
        if hit.kind == "sign":
            owners = dict.fromkeys(d for sign in hit.values for d in owners_of(sign, pack)) or _called(hit, pack)
            if len(owners) == 1:
                owned.update(owners)
            else:
                unclear.append((hit.text, tuple(owners)))
    return tuple(owned), tuple(unclear) if not owned else ()


def _called(hit: Hit, pack: Pack) -> dict[str, None]:
    """Return the diagnosis whose name stands inside that of a sign ("signs of pulmonary hypertension")."""
    layer = Lexicon.of(pack).meanings
    inside = Layer({s: e for s, e in layer.entries.items() if e[0] == "diagnosis" and s in hit.text}, len(hit.text))
    return dict.fromkeys(v for h in inside.find(hit.text, [False] * len(hit.text)) for v in h.values)


def owners_of(sign_id: str, pack: Pack) -> tuple[str, ...]:
    """Return the diagnoses that the sign speaks for: one if clearly its own, else all, strongest first.

    Its own is the diagnosis that it names first and that names it first, else one that it favours far above others.
    A sign that nothing detects speaks for none: no reading can rest on it.
    """
    sign = pack.sign(sign_id)
    if sign is None or sign.detector is None:
        return ()
    own = pack.diagnosis(sign.diagnoses[0]) if sign.diagnoses else None
    if own is not None and own.core_signs[:1] == (sign_id,):
        return (own.id,)
    ratios = sorted(
        (
            (w.lr_present, d.id)
            for d in pack.diagnoses
            if not d.normal
            for w in d.weights
            if w.sign == sign_id and w.lr_present > 1.0
        ),
        key=lambda pair: -pair[0],
    )
    if len(ratios) > 1 and ratios[0][0] >= OWNER_RATIO * ratios[1][0]:
        ratios = ratios[:1]
    return tuple(d for _, d in ratios)


def _is_negated(scan: Scan, abnormal: bool) -> bool:
    """Tell whether a clause of the question word or the first name has an odd number of negations.

    A clause that only goes on with a negation counts too; "abnormal" negates "normal".
    """
    ends, spared = scopes(scan.text), idle(scan.text)

    def clause(hit: Hit) -> int:
        return next(i for i, end in enumerate(ends) if hit.start <= end)

    named = {clause(h) for h in scan.hits if h.kind in _NAMED}
    first = {clause(h) for h in [h for h in scan.hits if h.kind in _NAMED][:1]}
    asked = first | {clause(h) for h in scan.hits if h.kind == "cue" and {"why", "basis"} & set(h.values)}
    counted = (*_NEGATIONS, "abnormal") if abnormal else _NEGATIONS
    negations = [
        h
        for h in scan.hits
        if h.kind == "cue" and set(counted) & set(h.values) and not any(s < h.end and h.start < e for s, e in spared)
    ]
    going_on = {
        clause(h)
        for h in negations
        if clause(h) not in named and not scan.text[ends[clause(h) - 1] + 1 if clause(h) else 0 : h.start].strip()
    }
    total = Counter(clause(h) for h in negations if clause(h) in asked | (going_on if asked else set()))
    if "why" not in {v for h in scan.hits if h.kind == "cue" for v in h.values}:
        return sum(total.values()) % 2 == 1
    return any(n % 2 == 1 for n in total.values())


def _unknown(scan: Scan) -> tuple[str, ...]:
    left = list(scan.text)
    for hit in (*scan.hits, *scan.details):
        left[hit.start : hit.end] = " " * (hit.end - hit.start)
    return tuple(_LEFT_OVER.findall("".join(left)))
