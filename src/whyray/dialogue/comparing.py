"""Answers to "this or that?" and "what has changed?": two diagnoses side by side, and a prior film."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import log

from whyray.dialogue.draft import Draft, Film
from whyray.dialogue.locating import zones_of
from whyray.dialogue.phrases import Phrases, Words
from whyray.dialogue.sources import looks_for
from whyray.dialogue.ticking import why_unseen
from whyray.domain import (
    Bilingual,
    Change,
    DiagnosisDefinition,
    Differential,
    Fact,
    Measurement,
    SignDefinition,
    SignObservation,
)

# A sign tells two diagnoses apart when it multiplies the odds of one this many times more than those of the other.
APART = 1.5
# This many signs are told when only the weights tell two diagnoses apart; so many are named in one list.
MOST_ROWS, MOST_LISTED = 8, 6
# Verdicts, the firmest last.
_FIRM = ("not_supported", "possible", "supported")
_TRENDS = ("new", "larger", "smaller", "gone", "unchanged")
_GRADED = frozenset({"larger", "smaller", "unchanged"})
_SHARES = ("_share", "_fraction")


@dataclass(frozen=True, eq=False, slots=True)
class Row:
    """A sign that, when there, favours the diagnosis `favours`; ``note`` or the ratios of the diagnoses say why."""

    sign: SignDefinition
    favours: DiagnosisDefinition
    note: Bilingual | None
    ratios: tuple[tuple[DiagnosisDefinition, float], ...]
    source: str


def compare(draft: Draft) -> None:
    """Answer COMPARE: two diagnoses when they are named, else the prior film."""
    film, query = draft.film, draft.film.query
    named = query.targets or ((query.target,) if query.target is not None else ())
    known = [d for i in dict.fromkeys(named) if (d := film.pack.diagnosis(i)) is not None]
    if len(known) == 1 and film.context.changes is None:
        known = _beside(draft, known[0])
    if len(known) >= 2:
        _side_by_side(draft, known[0], known[1])
        if known[2:]:
            draft.say("also_asked", names=film.phrases.listed(film.phrases.diagnosis(d) for d in known[2:]))
    elif film.context.changes is not None or film.context.prior_note is not None:
        compare_prior(draft)
    elif known:
        first, second = film.phrases.diagnosis(known[0]), film.examples()[1]
        draft.say("compare.ask", first=first, second=second)
    else:
        draft.say("prior.none")


def _beside(draft: Draft, named: DiagnosisDefinition) -> list[DiagnosisDefinition]:
    """Return the diagnosis named alone after what the conversation was about, or before its likeliest rival."""
    film = draft.film
    here = draft.asked - {named.id}
    topic = next(iter(here)) if len(here) == 1 else film.context.topic
    spoken = film.pack.diagnosis(topic) if topic not in {None, named.id} else None
    if spoken is not None and not spoken.normal:
        return [spoken, named]
    rival = _rival(film, named)
    return [named, rival] if rival is not None else [named]


def _rival(film: Film, diagnosis: DiagnosisDefinition) -> DiagnosisDefinition | None:
    """Return the most probable diagnosis that is mistaken for this one."""
    ids = {i for d in film.pack.differentials if diagnosis.id in d.between for i in d.between} - {diagnosis.id}
    findings = sorted((f for f in film.findings if f.id in ids), key=lambda f: -f.probability)
    return film.diagnosis(findings[0]) if findings else None


def _side_by_side(draft: Draft, first: DiagnosisDefinition, second: DiagnosisDefinition) -> None:
    film, p = draft.film, draft.film.phrases
    for diagnosis in (first, second):
        _say_probability(draft, diagnosis)
    _say_limits(draft, first, second)
    found = [d for d in film.pack.differentials if first.id in d.between and second.id in d.between]
    rows = rows_of(film, found, first, second)
    observed = [(row, film.seen(row.sign.id)) for row in rows]
    seen = [(r, o) for r, o in observed if o is not None and o.ran and o.region is not None]
    if not rows:
        draft.say("compare.no_rows")
    else:
        _say_balance(draft, first, second, [r.favours.id for r, _ in seen])
        draft.say("compare.rows")
    absent = [(r, o) for r, o in observed if o is not None and o.ran and o.region is None]
    told = [*seen, *absent]
    for number, (row, one) in enumerate(told, 1):
        _say_row(draft, number, row, one)
    _say_missing(draft, [r for r, _ in observed if all(r is not t for t, _ in told)], (first, second))
    for differential in found:
        draft.say("compare.decide", text=p.inside(differential.decide))


def _say_balance(draft: Draft, first: DiagnosisDefinition, second: DiagnosisDefinition, favoured: list[str]) -> None:
    """Which of the two the signs seen favour, and that the probabilities say otherwise where they do."""
    film, p = draft.film, draft.film.phrases
    a, b = favoured.count(first.id), favoured.count(second.id)
    draft.say("compare.counted", a=a, b=b, first=p.diagnosis(first), second=p.diagnosis(second))
    findings = [film.finding(d.id) for d in (first, second)]
    if a == b or None in findings or not all(looks_for(film.pack, d) for d in (first, second)):
        return
    by_signs, other = (first, second) if a > b else (second, first)
    here, there = (next(f.probability for f in findings if f is not None and f.id == d.id) for d in (by_signs, other))
    if there > here and p.percent(there) != p.percent(here):
        draft.say("compare.torn", signs=p.diagnosis(by_signs), other=p.diagnosis(other))


def _say_probability(draft: Draft, diagnosis: DiagnosisDefinition) -> None:
    film, p = draft.film, draft.film.phrases
    finding, name = film.finding(diagnosis.id), p.diagnosis(diagnosis)
    if finding is None:
        draft.say("verdict.unavailable", name=name)
    elif finding.verdict == "not_supported" and not looks_for(film.pack, diagnosis):
        draft.say("compare.p.undetected", name=name)
    elif not film.usable and finding.verdict == "not_supported":
        draft.say("verdict.not_excluded", name=name, p=p.percent(finding.probability))
    else:
        verdict = p.fill(f"compare.{finding.verdict}")
        draft.say("compare.p", name=name, p=p.percent(finding.probability), verdict=verdict)


def _say_limits(draft: Draft, first: DiagnosisDefinition, second: DiagnosisDefinition) -> None:
    """Say why the less firm of two verdicts has no lower probability: each diagnosis has a limit of its own.

    Not where a sign that defines the firmer one is seen: that makes it possible whatever its probability.
    """
    film, p = draft.film, draft.film.phrases
    told = [f for d in (first, second) if looks_for(film.pack, d) and (f := film.finding(d.id)) is not None]
    if len(told) < 2 or not film.usable:
        return
    weaker, firmer = sorted(told, key=lambda f: _FIRM.index(f.verdict))
    shown = p.percent(weaker.probability) == p.percent(firmer.probability)
    if any(e.region is not None and film.diagnosis(firmer).defined_by(e.sign) for e in firmer.evidence):
        return
    if weaker.verdict != firmer.verdict and (shown or weaker.probability > firmer.probability):
        draft.say("compare.limits", weaker=film.name(weaker), firmer=film.name(firmer))


def rows_of(
    film: Film, differentials: Iterable[Differential], first: DiagnosisDefinition, second: DiagnosisDefinition
) -> list[Row]:
    """Return the rows of the pack's differentials of both, each sign once; without one, the signs weighed apart."""
    by_id = {d.id: d for d in (first, second)}
    stated = [
        Row(sign, by_id[row.favours], row.note, (), row.source)
        for differential in differentials
        for row in differential.rows
        if row.favours in by_id and (sign := film.pack.sign(row.sign)) is not None
    ]
    return list({r.sign.id: r for r in reversed(stated)}.values())[::-1] or _weighed_rows(film, first, second)


def _weighed_rows(film: Film, first: DiagnosisDefinition, second: DiagnosisDefinition) -> list[Row]:
    a, b = ({w.sign: w for w in d.weights} for d in (first, second))
    rows: list[tuple[float, Row]] = []
    for sign in film.pack.signs:
        if sign.learned or (sign.id not in a and sign.id not in b):
            continue
        ratios = tuple(w[sign.id].lr_present if sign.id in w else 1.0 for w in (a, b))
        apart = log(ratios[0]) - log(ratios[1])
        if abs(apart) >= log(APART):
            favours, weights = (first, a) if apart > 0 else (second, b)
            weight = weights.get(sign.id) or a.get(sign.id) or b[sign.id]
            rows.append(
                (abs(apart), Row(sign, favours, None, ((first, ratios[0]), (second, ratios[1])), weight.source))
            )
    return [row for _, row in sorted(rows, key=lambda pair: -pair[0])[:MOST_ROWS]]


def _say_row(draft: Draft, number: int, row: Row, observed: SignObservation) -> None:
    there = observed.region is not None
    text = _row_text(row, observed)

    def line(p: Phrases) -> str:
        source, limit = p.source(row.source), draft.film.limit(row.sign, p) if there else ""
        said = p.join((text(p), _why(row, p), p.fill("item.source", text=source) if source else "", limit))
        return p.fill("numbered", n=number, text=said[:1].upper() + said[1:])

    draft.state(
        "difference",
        lambda p: p.inside(row.sign.name),
        text,
        line=line,
        state="met" if there else "unmet",
        sign=row.sign.id if there else None,
        region=observed.region,
        source=row.source,
    )


def _row_text(row: Row, observed: SignObservation) -> Words:
    """Seen or not, and whom that favours."""

    def words(p: Phrases) -> str:
        sign, name = p.inside(row.sign.name), p.diagnosis(row.favours)
        if observed.region is None:
            return p.join((p.fill("compare.absent", sign=sign), p.fill("compare.would", name=name)))
        place = p.zones(observed.zones)
        said = p.fill("compare.seen.place" if place else "compare.seen", sign=sign, place=place)
        return p.join((said, p.fill("compare.favours", name=name)))

    return words


def _why(row: Row, p: Phrases) -> str:
    """Note of the differential unless it only repeats the sign's name, else the two likelihood ratios."""
    if row.note is not None:
        same = row.note.zh == row.sign.name.zh or row.note.en == row.sign.name.en
        return "" if same else p.inside(row.note)
    (first, a), (second, b) = row.ratios
    return p.fill("compare.ratio", first=p.diagnosis(first), second=p.diagnosis(second), a=f"{a:.3g}", b=f"{b:.3g}")


def _say_missing(draft: Draft, rows: list[Row], between: tuple[DiagnosisDefinition, ...]) -> None:
    """Signs that were not looked for, by the diagnosis that they would favour."""
    p = draft.film.phrases
    for diagnosis in between:
        mine = [r for r in rows if r.favours.id == diagnosis.id]
        facts = [_note_missing(draft, r) for r in mine]
        if mine:
            key = "compare.missing.many" if len(mine) > MOST_LISTED else "compare.missing"
            names = p.listed([p.inside(r.sign.name) for r in mine][:MOST_LISTED])
            text = p.fill(key, name=p.diagnosis(diagnosis), n=len(mine), signs=names)
            draft.put(p.closed(text, (f.id for f in facts)))


def _note_missing(draft: Draft, row: Row) -> Fact:
    film = draft.film
    code = why_unseen(film, row.sign)
    return draft.note(
        "difference",
        lambda p: p.inside(row.sign.name),
        lambda p: p.fill("state.undetermined"),
        state="undetermined",
        reason=film.phrases.both(lambda p: p.reason(code)),
        source=row.source,
    )


def compare_prior(draft: Draft) -> None:
    """Say what is new, larger, smaller, gone or unchanged against the prior film, and what cannot be compared."""
    film, p = draft.film, draft.film.phrases
    if film.context.prior_note is not None:
        draft.say("notice", text=p.text(film.context.prior_note.sentence))
    changes = film.context.changes or ()
    named = [c for c in changes if _name(film, c)(p)]
    if not named:
        if film.context.prior_note is None:
            draft.say("prior.nothing")
        return
    draft.say("prior.head")
    neither = [c for c in named if c.trend == "unchanged" and c.region is None and c.before is None and c.now is None]
    measured = {c.id for c in named if film.pack.sign(c.id) is None}
    told = [c for c in named if c not in neither and not _repeats(c, measured)]
    number = 0
    for trend in _TRENDS:
        for change in (c for c in told if c.trend == trend):
            number += 1
            _say_change(draft, number, change, _is_part(change, named))
    if neither:
        facts = [_note_neither(draft, c) for c in neither]
        names = p.listed(_name(film, c)(p) for c in neither)
        draft.put(p.closed(p.fill("change.neither", names=names), (f.id for f in facts)))
    groups: dict[str, list[Change]] = {}
    for change in (c for c in named if c.trend == "undetermined"):
        groups.setdefault(change.reason or "unknown", []).append(change)
    for code, group in groups.items():
        _say_undetermined(draft, code, group)


def _repeats(change: Change, measured: set[str]) -> bool:
    """Tell whether a sign that is not there only gives a number that stands for itself among the changes."""
    told = change.now or change.before
    return change.region is None and change.trend in _GRADED and told is not None and told.id in measured - {change.id}


def _is_part(change: Change, changes: list[Change]) -> bool:
    """Tell whether a new or gone place is only one of the places of its sign."""
    others = [c for c in changes if c.id == change.id and c is not change]
    if change.trend == "gone":
        return any(c.region is not None for c in others)
    return change.trend == "new" and any(c.trend in _GRADED for c in others)


def _name(film: Film, change: Change) -> Words:
    """Name of what is compared; the measurement's for a sign that is not there but has a number, empty if unknown."""
    sign = film.pack.sign(change.id)
    told = change.now or change.before
    number = sign is not None and change.region is None and change.trend in _GRADED and told is not None

    def words(p: Phrases) -> str:
        if sign is not None and not number:
            return p.inside(sign.name)
        return p.measure(told.id if told is not None and number else change.id)

    return words


def _say_change(draft: Draft, number: int, change: Change, part: bool) -> None:
    film = draft.film
    sign, seen = film.pack.sign(change.id), change.region is not None and change.trend != "gone"
    if sign is not None and change.id in film.context.rejected:
        draft.say("struck", signs=film.phrases.inside(sign.name))
        return
    key = f"change.{change.trend}.part" if part else f"change.{change.trend}"

    def text(p: Phrases) -> str:
        place = p.zones(_zones(film, change)) if seen else ""
        return p.join((p.fill(key, name=p.beside(_name(film, change)(p), place)), change_numbers(film, change, p)))

    draft.state(
        "change",
        _name(film, change),
        text,
        line=lambda p: p.fill("numbered", n=number, text=text(p)[:1].upper() + text(p)[1:]),
        sign=change.id if sign is not None and seen else None,
        region=change.region,
        measurements=tuple(m for m in (change.before, change.now) if m is not None),
    )


def _note_neither(draft: Draft, change: Change) -> Fact:
    name = _name(draft.film, change)
    return draft.note("change", name, lambda p: p.fill("change.neither", names=name(p)))


def _zones(film: Film, change: Change) -> tuple[str, ...]:
    """Zones of a change: those of the sign where it is the whole sign."""
    observed = film.observations.sign(change.id)
    if change.region is None or (observed is not None and observed.region is change.region):
        return observed.zones if observed is not None else ()
    return zones_of(film, change.region)


def change_numbers(film: Film, change: Change, p: Phrases) -> str:
    """Name the measure and its values before and now, those that are known and can be said."""
    before, now = (_value(film, m, p) if m is not None else "" for m in (change.before, change.now))
    told: Measurement | None = change.now or change.before
    measure = p.measure(told.id) if told is not None and p.measure(told.id) != _name(film, change)(p) else ""
    if before and now:
        text = p.fill("change.numbers", measure=measure, before=before, now=now)
    elif now:
        text = p.fill("change.now", measure=measure, now=now)
    else:
        text = p.fill("change.before", measure=measure, before=before) if before else ""
    return text.strip()


def _value(film: Film, measured: Measurement, p: Phrases) -> str:
    """Value and unit; shares of an area in per cent, as they are small."""
    if measured.unit == "ratio" and measured.id.endswith(_SHARES):
        return p.fill("percent.fine", value=100.0 * measured.value)
    return p.value(measured, film.calibrated)


def _say_undetermined(draft: Draft, code: str, group: list[Change]) -> None:
    film, p = draft.film, draft.film.phrases
    facts = [_note_undetermined(draft, code, change) for change in group]
    names = p.listed(_name(film, c)(p) for c in group)
    draft.put(p.closed(p.fill("change.undetermined", name=names, reason=p.reason(code)), (f.id for f in facts)))


def _note_undetermined(draft: Draft, code: str, change: Change) -> Fact:
    film = draft.film
    name = _name(film, change)
    return draft.note(
        "change",
        name,
        lambda p: p.fill("change.undetermined", name=name(p), reason=p.reason(code)),
        state="undetermined",
        reason=film.phrases.both(lambda p: p.reason(code)),
        region=change.region,
    )
