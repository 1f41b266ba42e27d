"""The impression: conclusions with probability and tier, what cannot be excluded, next steps, one differential."""

from __future__ import annotations

from whyray.dialogue.phrases import Phrases
from whyray.dialogue.report.case import Case, Said, seen_text
from whyray.domain import Differential, Evidence, Finding, SignDefinition

MOST_POSSIBLE = 3  # that cannot be excluded are named; the others are counted


def impression(case: Case) -> tuple[Said, ...]:
    """Write the impression; none on a film that cannot be read."""
    if not case.observations.quality.usable:
        return (case.say("report.unread.impression"),)
    ranked = sorted(case.findings, key=lambda f: -f.probability)
    diseases = [f for f in ranked if not case.diagnosis(f).normal]
    supported = [f for f in diseases if f.verdict == "supported"]
    supported.sort(key=lambda f: case.diagnosis(f).descriptive)
    possible = [f for f in diseases if f.verdict == "possible"]
    normal = next((f for f in ranked if case.diagnosis(f).normal and f.verdict == "supported"), None)
    said = [_item(case, finding, number) for number, finding in enumerate(supported, 1)]
    if not supported:
        said += _without(case, normal, bool(possible))
    said += _possible(case, possible)
    said += _advice(case, supported)
    return (*said, *_differential(case, [*supported, *possible][:2]))


def _item(case: Case, finding: Finding, number: int) -> Said:
    """One supported conclusion with the sign that carries most of it."""
    main = _main(case, finding)

    def words(p: Phrases) -> str:
        line = _verdict(case, finding, p)
        if main is None:
            told = p.fill("only_pattern")
        else:
            key = "report.main" if case.diagnosis(finding).shows(main[0]) else "report.main.beside"
            failed = p.fill("main.failed") if main[1].failed else ""
            told = p.join((p.fill(key, seen=seen_text(case, main[0], p)), failed))
        return p.fill("numbered", n=number, text=p.join((line[:1].upper() + line[1:], told)))

    return Said(case.both(words), () if main is None else (main[1].id,), () if main is None else (main[0].id,))


def _verdict(case: Case, finding: Finding, p: Phrases) -> str:
    name, tier = p.diagnosis(case.diagnosis(finding)), p.fill(f"tier.{finding.tier}")
    return p.fill("screen.item", name=name, p=p.percent(finding.probability), tier=tier)


def _main(case: Case, finding: Finding) -> tuple[SignDefinition, Evidence] | None:
    """The located sign that raises the conclusion most: its own first, those that failed a test last."""
    raising = [e for e in finding.evidence if e.polarity == "for" and e.sign in case.seen]
    raising.sort(key=lambda e: (e.failed, -e.share))
    signs = ((case.pack.sign(e.sign), e) for e in raising)
    pairs = [(sign, item) for sign, item in signs if sign is not None]
    own = (pair for pair in pairs if case.diagnosis(finding).shows(pair[0]))
    return next(own, pairs[0] if pairs else None)


def _without(case: Case, normal: Finding | None, any_possible: bool) -> list[Said]:
    """No disease is supported: the normal study if it is, and what on the film is at odds with it."""
    if normal is None:
        return [case.say("screen.only_possible" if any_possible else "screen.none")]
    said = [Said(case.both(lambda p: _verdict(case, normal, p)))]
    signs = [s for s in case.pack.signs if s.id in case.seen]
    if signs:
        text = case.both(
            lambda p: p.fill("report.normal.but", seen=p.join(dict.fromkeys(seen_text(case, s, p) for s in signs)))
        )
        ids = tuple(s.id for s in signs)
        said.append(Said(text, case.cited(ids), ids))
    return said


def _possible(case: Case, findings: list[Finding]) -> list[Said]:
    if not findings:
        return []
    named, more = findings[:MOST_POSSIBLE], len(findings) - MOST_POSSIBLE

    def words(p: Phrases) -> str:
        items = (
            p.fill("report.possible.item", name=p.diagnosis(case.diagnosis(f)), p=p.percent(f.probability))
            for f in named
        )
        told = p.fill("report.possible", names=p.listed(items))
        return p.join((told, p.fill("report.possible.more", n=more) if more > 0 else ""))

    return [Said(case.both(words))]


def _advice(case: Case, findings: list[Finding]) -> list[Said]:
    """The next step of the leading conclusion."""
    if not findings:
        return []
    advice = case.diagnosis(findings[0]).advice
    return [Said(case.both(lambda p: p.fill("advice", text=p.inside(advice))))]


def _differential(case: Case, findings: list[Finding]) -> tuple[Said, ...]:
    """What would decide between the first two, when the pack knows them to be mistaken for each other."""
    found = _between(case, {f.id for f in findings}) if len(findings) == 2 else None
    if found is None:
        return ()
    name, decide = found.name, found.decide
    return (Said(case.both(lambda p: p.fill("report.differential", name=p.inside(name), decide=p.inside(decide)))),)


def _between(case: Case, ids: set[str]) -> Differential | None:
    both = (d for d in case.pack.differentials if ids <= set(d.between))
    return min(both, key=lambda d: len(d.between), default=None)
