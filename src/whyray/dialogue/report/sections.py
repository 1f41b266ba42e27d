"""The sections between technique and impression: what is there, what is not, what was not assessed."""

from __future__ import annotations

from whyray.dialogue.phrases import Phrases
from whyray.dialogue.report.case import NO_DETECTOR, Case, Said, limit, measured, seen_text
from whyray.domain import Change, SectionDefinition, SignDefinition


def section(case: Case, definition: SectionDefinition) -> tuple[Said, ...]:
    """Write one section; on a film that cannot be read it says that nothing was assessed."""
    if not case.observations.quality.usable:
        return (Said(case.both(lambda p: p.fill("report.unread", name=p.text(definition.name)))),)
    signs = tuple(s for s in case.pack.signs if s.group in definition.groups and not s.learned)
    by = {sign.id: case.standing(sign) for sign in signs}

    def of(standing: str) -> tuple[SignDefinition, ...]:
        return tuple(s for s in signs if by[s.id] == standing)

    return (
        *(_seen(case, sign) for sign in of("seen")),
        *_changes(case, signs),
        *_equivocal(case, of("equivocal")),
        *_absent(case, of("absent")),
        *_rejected(case, of("rejected")),
        *_unassessed(case, definition, of("unassessed"), len(signs)),
    )


def _seen(case: Case, sign: SignDefinition) -> Said:
    def words(p: Phrases) -> str:
        text, values = seen_text(case, sign, p), measured(case, sign, p)
        return p.fill("report.measured", text=text, values=values) if values else text

    return Said(case.both(words), case.cited((sign.id,)), (sign.id,))


def _equivocal(case: Case, signs: tuple[SignDefinition, ...]) -> tuple[Said, ...]:
    if not signs:
        return ()

    def name(sign: SignDefinition, p: Phrases) -> str:
        observed = case.observations.sign(sign.id)
        limited = observed is not None and limit(case, sign, observed) is not None
        values = measured(case, sign, p) if limited else ""
        text = p.inside(sign.name)
        return p.fill("report.measured", text=text, values=values) if values else text

    text = case.both(lambda p: p.fill("report.equivocal", signs=p.listed(name(s, p) for s in signs)))
    return (Said(text, case.cited(s.id for s in signs)),)


def _absent(case: Case, signs: tuple[SignDefinition, ...]) -> tuple[Said, ...]:
    """Normal states that have words of their own, one sentence each; then the others in one list."""
    worth = [s for s in signs if not case.form.negatives or s.id in case.form.negatives]
    phrases = case.pack.report.phrases
    own = [s for s in worth if s.id in phrases and phrases[s.id].absent is not None]
    listed = [s for s in worth if s not in own]
    said = [_normal(case, sign) for sign in own]
    if listed:
        text = case.both(lambda p: p.fill("report.absent", signs=_either([p.inside(s.name) for s in listed], p)))
        said.append(Said(text, case.cited(s.id for s in listed)))
    return tuple(said)


def _normal(case: Case, sign: SignDefinition) -> Said:
    absent = case.pack.report.phrases[sign.id].absent
    observed = case.observations.sign(sign.id)

    def words(p: Phrases) -> str:
        text = p.text(absent) if absent is not None else ""
        if observed is None or limit(case, sign, observed) is None:
            return text
        return p.fill("report.measured", text=text, values=measured(case, sign, p))

    return Said(case.both(words), case.cited((sign.id,)))


def _either(names: list[str], p: Phrases) -> str:
    *others, last = names
    return p.fill("report.or").join((p.listed(others), last)) if others else last


def _rejected(case: Case, signs: tuple[SignDefinition, ...]) -> tuple[Said, ...]:
    if not signs:
        return ()
    return (Said(case.both(lambda p: p.fill("report.rejected", signs=p.listed(p.inside(s.name) for s in signs)))),)


def _unassessed(
    case: Case, definition: SectionDefinition, signs: tuple[SignDefinition, ...], total: int
) -> tuple[Said, ...]:
    """One line: the section itself when nothing of it was looked for, else how many further signs, and why others."""
    never = [s for s in signs if case.reason(s) == NO_DETECTOR]
    hindered: dict[str, list[SignDefinition]] = {}
    for sign in signs:
        if sign not in never:
            hindered.setdefault(case.reason(sign), []).append(sign)
    if not signs:
        return ()

    def words(p: Phrases) -> str:
        name = p.text(definition.name)
        parts = [
            p.fill("report.unassessed.some", signs=p.listed(p.inside(s.name) for s in group), reason=p.reason(reason))
            for reason, group in hindered.items()
        ]
        if len(never) == total:
            parts.append(p.fill("report.unassessed", name=name))
        elif never:
            parts.append(p.fill("report.unassessed.rest", name=name, n=len(never)))
        return p.join(parts)

    return (Said(case.both(words)),)


def _changes(case: Case, signs: tuple[SignDefinition, ...]) -> tuple[Said, ...]:
    """What changed since the prior film, of these signs and of what they measure."""
    ids = {s.id for s in signs}
    measures = {s.detector.params.get("measure") for s in signs if s.detector is not None}
    known = (c for c in case.changes if c.id in ids or c.id in measures)
    return tuple(_change(case, change) for change in known if _may_say(case, change))


def _may_say(case: Case, change: Change) -> bool:
    """Tell whether the film bears a change out: a sign that grew must be there, one that went must not."""
    if case.pack.sign(change.id) is None or change.trend == "undetermined":
        return change.id not in case.rejected
    return (change.id in case.seen) == (change.trend != "gone") and change.id not in case.rejected


def _change(case: Case, change: Change) -> Said:
    sign, calibrated = case.pack.sign(change.id), case.image.geometry.calibrated

    def words(p: Phrases) -> str:
        name = p.inside(sign.name) if sign is not None else p.measure(change.id)
        values = [p.value(m, calibrated) for m in (change.before, change.now) if m is not None]
        if len(values) == 2 and all(values):
            name = p.fill("report.change.numbers", name=name, before=values[0], now=values[1])
        return p.fill(f"report.change.{change.trend}", name=name, reason=p.reason(change.reason))

    there = sign is not None and change.id in case.seen and change.trend != "undetermined"
    seen = (change.id,) if there else ()
    return Said(case.both(words), case.cited(seen), seen)
