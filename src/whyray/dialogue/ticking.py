"""Answers to "how many typical signs are met?": the rows of a diagnosis' checklist as they stand on the film."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from whyray.dialogue.draft import Draft, Film
from whyray.dialogue.locating import chosen, place_fact
from whyray.dialogue.phrases import Phrases, Words
from whyray.dialogue.sources import looks_for
from whyray.domain import ChecklistRow, DiagnosisDefinition, Evidence, SignDefinition, SignObservation, Ticked

_Seen = tuple[SignDefinition, SignObservation]


def tick(draft: Draft) -> None:
    """Answer CHECKLIST for each diagnosis named; ask which when none is."""
    film, query = draft.film, draft.film.query
    targets = query.targets or ((query.target,) if query.target is not None else ())
    if not targets:
        draft.say("tick.ask", first=film.examples()[0])
        return
    anchors = chosen(draft) if query.anchors or query.choices else ()
    if query.choices and not anchors:
        return
    for anchor in anchors[:1]:
        place_fact(draft, anchor, spoken=True)
    for target in targets:
        diagnosis = film.pack.diagnosis(target)
        if diagnosis is None:
            draft.say("scope.other", first=film.examples()[0])
        else:
            _tick_one(draft, diagnosis, anchors[0].id if anchors else None)


def _tick_one(draft: Draft, diagnosis: DiagnosisDefinition, anchor: str | None) -> None:
    film, p = draft.film, draft.film.phrases
    name = p.diagnosis(diagnosis)
    ticked = film.context.ticked.get(diagnosis.id)
    if not diagnosis.checklist:
        draft.say("tick.none", name=name)
        return
    if ticked is None:
        draft.say("tick.unticked", name=name)
        return
    rows = {row.id: row for row in diagnosis.checklist}
    stand = [(rows[t.row], t) for t in ticked if t.row in rows]
    states = [t.state for _, t in stand]
    draft.say(
        "tick.head",
        name=name,
        total=len(stand),
        judged=len(stand) - states.count("undetermined"),
        met=states.count("met"),
        unmet=states.count("unmet"),
        undetermined=states.count("undetermined"),
    )
    for number, (row, one) in enumerate(stand, 1):
        _say_row(draft, number, row, one, anchor, diagnosis)
    finding = film.finding(diagnosis.id)
    if finding is not None and looks_for(film.pack, diagnosis):
        draft.say("tick.note.p", name=name, p=p.percent(finding.probability))
    else:
        draft.say("tick.note")


def _say_row(
    draft: Draft, number: int, row: ChecklistRow, ticked: Ticked, anchor: str | None, diagnosis: DiagnosisDefinition
) -> None:
    film = draft.film
    stand = _standing(film, row, ticked, anchor)
    seen = (*stand.there, *stand.instead, *stand.away)
    reason = _missing(film, ticked, anchor)
    text = _row_text(film, row, ticked, stand, reason)
    cited = [_backing(draft, diagnosis, sign, observed, anchor) for sign, observed in seen[1:]]
    draft.state(
        "row",
        lambda p: p.text(row.name),
        text,
        line=lambda p: p.fill("numbered", n=number, text=_line(film, row, text, seen, p)),
        cited=cited,
        state=ticked.state,
        anchor=anchor,
        sign=seen[0][0].id if seen else None,
        region=seen[0][1].region if seen else None,
        reason=film.phrases.both(reason) if ticked.state == "undetermined" else None,
        source=row.source,
    )


@dataclass(frozen=True, eq=False, slots=True)
class _Standing:
    """The signs that a row is told with: ``there`` at the lesion (or on the film), ``instead`` in place of the one
    asked for, ``away`` from the lesion, ``unseen``."""

    there: tuple[_Seen, ...]
    instead: tuple[_Seen, ...]
    away: tuple[_Seen, ...]
    unseen: tuple[_Seen, ...]


def _standing(film: Film, row: ChecklistRow, ticked: Ticked, anchor: str | None) -> _Standing:
    """Sort the signs of a row; what is not at the lesion goes without saying where another one tells how it stands."""

    def observed(ids: Iterable[str]) -> tuple[_Seen, ...]:
        signs = (s for s in map(film.pack.sign, ids) if s is not None)
        return tuple((s, o) for s in signs if (o := film.seen(s.id, anchor)) is not None and o.ran)

    decided = observed(ticked.signs)
    there = tuple((s, o) for s, o in decided if o.region is not None and s.id not in ticked.away)
    instead = observed([ticked.instead]) if ticked.instead is not None else ()
    away = tuple((s, o) for s, o in decided if o.region is not None and s.id in ticked.away)
    unseen = tuple((s, o) for s, o in decided if o.region is None)
    plain = bool(instead) or (bool(there) and _only_places(row.when))
    return _Standing(there, instead, () if plain else away, () if plain else unseen)


def _told(row: ChecklistRow, ticked: Ticked, observed: SignObservation) -> tuple[str, ...]:
    """Zones of a sign; of a row that asks for places and is met those that it asks for."""
    asked = set(_places(row.when)) if ticked.state == "met" and _only_places(row.when) else set()
    return tuple(z for z in observed.zones if z in asked) or observed.zones


def _places(when: Any) -> Iterator[str]:
    """Zones that a condition of `_only_places` names."""
    ((word, body),) = when.items()
    if word == "overlaps":
        yield body["zone"]
    else:
        for part in body:
            yield from _places(part)


def _only_places(when: Any) -> bool:
    """Whether a condition asks only in which zone something lies."""
    if isinstance(when, str):
        return False
    ((word, body),) = when.items()
    return word == "overlaps" or (word in ("all", "any") and all(map(_only_places, body)))


def _line(film: Film, row: ChecklistRow, text: Words, seen: Iterable[_Seen], p: Phrases) -> str:
    limits = dict.fromkeys(film.limit(sign, p) for sign, _ in seen)
    return p.join((_headed(row, text, p), _source(row.source, p), *limits))


def _headed(row: ChecklistRow, text: Words, p: Phrases) -> str:
    line = p.fill("tick.row", name=p.inside(row.name), state=text(p))
    return line[:1].upper() + line[1:]


def _source(source: str, p: Phrases) -> str:
    return p.fill("item.source", text=p.source(source)) if source else ""


def _row_text(film: Film, row: ChecklistRow, ticked: Ticked, stand: _Standing, reason: Words) -> Words:
    """State of a row with the signs that decided it."""

    def words(p: Phrases) -> str:
        there = p.listed(p.beside(p.inside(s.name), p.zones(_told(row, ticked, o))) for s, o in stand.there)
        away = p.listed(p.beside(p.inside(s.name), p.zones(o.zones)) for s, o in stand.away)
        gone = p.listed(p.inside(s.name) for s, _ in stand.unseen)
        return p.join(
            (
                p.fill(f"state.{ticked.state}"),
                p.fill("tick.seen", signs=there) if there else "",
                _instead(film, row, stand, p),
                p.fill("tick.elsewhere", signs=away) if away else "",
                p.fill("tick.unseen", signs=gone) if gone else "",
                reason(p) if ticked.state == "undetermined" else "",
            )
        )

    return words


def _instead(film: Film, row: ChecklistRow, stand: _Standing, p: Phrases) -> str:
    """What is seen where the row asks for another sign: its first number, its place, and why that does not meet it."""
    if row.instead is None or not stand.instead:
        return ""
    ((sign, observed),) = stand.instead
    number = p.listed(p.measurement(m, film.calibrated) for m in observed.measurements[:1])
    inside = p.lead((number, p.zones(observed.zones)))
    return p.fill("tick.instead", signs=p.beside(p.inside(sign.name), inside), note=p.inside(row.instead.note))


def _missing(film: Film, ticked: Ticked, anchor: str | None) -> Words:
    """Signs that could still change an undetermined row, by the reason why they were not looked for."""
    groups: dict[str, list[SignDefinition]] = {}
    for sign in (s for s in map(film.pack.sign, ticked.missing) if s is not None):
        groups.setdefault(why_unseen(film, sign, anchor), []).append(sign)

    def words(p: Phrases) -> str:
        said = [
            p.fill("tick.missing", signs=p.listed(p.inside(s.name) for s in signs), reason=p.reason(code))
            for code, signs in groups.items()
        ]
        return p.join(said) or p.reason(None)

    return words


def why_unseen(film: Film, sign: SignDefinition, anchor: str | None = None) -> str:
    """Code of the reason why a sign was not looked for."""
    observed = film.seen(sign.id, anchor)
    if sign.detector is None or observed is None:
        return "no_detector"
    return observed.reason or "unknown"


def _backing(
    draft: Draft, diagnosis: DiagnosisDefinition, sign: SignDefinition, observed: SignObservation, anchor: str | None
) -> str:
    """Id of what carries a further sign of a row: the finding's evidence, else a fact of its own."""
    finding = draft.film.finding(diagnosis.id)
    items: tuple[Evidence, ...] = finding.evidence if finding is not None else ()
    item = next((e for e in items if e.sign == sign.id and e.region is observed.region), None)
    if finding is not None and item is not None and item.region is not None:
        draft.cite(finding, (item,))
        return item.id
    fact = draft.note(
        "place",
        lambda p: p.inside(sign.name),
        lambda p: p.zones(observed.zones),
        sign=sign.id,
        region=observed.region,
        anchor=anchor,
    )
    return fact.id
