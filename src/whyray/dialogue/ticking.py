"""Answers to "how many typical signs are met?": the rows of a diagnosis' checklist as they stand on the film."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from whyray.dialogue.draft import Draft, Film
from whyray.dialogue.locating import chosen, place_fact
from whyray.dialogue.phrases import Phrases, Words
from whyray.dialogue.sources import looks_for
from whyray.domain import ChecklistRow, DiagnosisDefinition, Evidence, SignDefinition, SignObservation, Ticked


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
    decided = [(s, o) for s in map(film.pack.sign, ticked.signs) if s is not None and (o := film.seen(s.id, anchor))]
    seen = [(s, o) for s, o in decided if o.ran and o.region is not None]
    reason = _missing(film, ticked, anchor)
    away = anchor is not None and ticked.state == "unmet" and not _denies(row.when)
    unseen = [(s, o) for s, o in decided if o.ran and o.region is None]
    text = _row_text(ticked, seen, unseen, reason, "tick.elsewhere" if away else "tick.seen")
    cited = [_backing(draft, diagnosis, sign, observed, anchor) for sign, observed in seen[1:]]
    draft.state(
        "row",
        lambda p: p.text(row.name),
        text,
        line=lambda p: p.fill("numbered", n=number, text=p.join((_headed(row, text, p), _source(row.source, p)))),
        cited=cited,
        state=ticked.state,
        anchor=anchor,
        sign=seen[0][0].id if seen else None,
        region=seen[0][1].region if seen else None,
        reason=film.phrases.both(reason) if ticked.state == "undetermined" else None,
        source=row.source,
    )


def _denies(when: Any) -> bool:
    """Whether a condition is met by what is not there; what is seen may then be why it is not."""
    if isinstance(when, str):
        return False
    return any(word == "absent" or any(map(_denies, _conditions(body))) for word, body in when.items())


def _conditions(body: Any) -> list[Any]:
    held = body.get("of", []) if isinstance(body, dict) else body
    return [part for part in held if isinstance(part, dict)] if isinstance(held, list | tuple) else []


def _headed(row: ChecklistRow, text: Words, p: Phrases) -> str:
    line = p.fill("tick.row", name=p.inside(row.name), state=text(p))
    return line[:1].upper() + line[1:]


def _source(source: str, p: Phrases) -> str:
    return p.fill("item.source", text=p.source(source)) if source else ""


def _row_text(
    ticked: Ticked,
    seen: Iterable[tuple[SignDefinition, SignObservation]],
    unseen: Iterable[tuple[SignDefinition, SignObservation]],
    reason: Words,
    key: str,
) -> Words:
    """State of a row with the signs that decided it; `key` is the template of those that are seen."""
    seen, unseen = list(seen), list(unseen)

    def words(p: Phrases) -> str:
        there = p.listed(p.beside(p.inside(s.name), p.zones(o.zones)) for s, o in seen)
        gone = p.listed(p.inside(s.name) for s, _ in unseen)
        return p.join(
            (
                p.fill(f"state.{ticked.state}"),
                p.fill(key, signs=there) if there else "",
                p.fill("tick.unseen", signs=gone) if gone else "",
                reason(p) if ticked.state == "undetermined" else "",
            )
        )

    return words


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
