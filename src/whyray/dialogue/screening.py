"""Answers to "anything abnormal?" and "is there ...?"."""

from __future__ import annotations

from collections.abc import Mapping

from whyray.dialogue.draft import Draft, Film
from whyray.dialogue.evidence import (
    MOST_NAMED,
    brief,
    is_learned,
    say_absent,
    say_asked_signs,
    say_unseen,
    sign_of,
    sort_evidence,
)
from whyray.dialogue.locating import sides_of
from whyray.dialogue.phrases import Phrases
from whyray.dialogue.reasons import ask_back, core_seen, say_core, say_sides, say_verdict, spoken_of
from whyray.dialogue.sources import looks_for
from whyray.domain import Evidence, Finding


def screen(draft: Draft) -> None:
    """Answer for each diagnosis asked about, or with the whole list."""
    film = draft.film
    unclear = film.parse.reading.unclear
    if film.query.target is None and unclear and not film.parse.targets:
        _screen_sign(draft)
    elif film.query.target is None:
        _screen_all(draft)
    else:
        named = film.query.targets if film.query.parts else film.parse.targets
        asked = named if film.query.target in named else (film.query.target,)
        for diagnosis_id in asked:
            _screen_one(draft, diagnosis_id)


def _screen_sign(draft: Draft) -> None:
    """Answer for a sign that belongs to no single diagnosis; ask back when nothing can be said of it."""
    film = draft.film
    named = {v for h in film.parse.hits if h.kind == "sign" for v in h.values}
    finding = next((f for f in film.findings if any(e.sign in named for e in f.evidence)), None)
    before = len(draft.sentences)
    if finding is not None:
        say_asked_signs(draft, finding, seen_too=True)
    if len(draft.sentences) == before:
        ask_back(draft, *film.parse.reading.unclear[0])


def _screen_one(draft: Draft, diagnosis_id: str) -> None:
    found = spoken_of(draft, diagnosis_id)
    if found is None:
        return
    film, (diagnosis, finding) = draft.film, found
    positive = finding.verdict != "not_supported"
    main, evidence = _main(film, finding, measured=True) if positive else ("", ())
    failed = film.phrases.fill("main.failed") if any(e.failed and not is_learned(film, e) for e in evidence) else ""
    say_verdict(draft, finding, film.phrases.join((main, failed)), evidence)
    pro = sort_evidence(film, finding).pro
    say_core(draft, finding, pro)
    if positive:
        say_sides(draft, pro)
    seen = () if positive else tuple(e for e in pro if e.region is not None)
    if seen:
        draft.add(film.phrases.fill("short.little", signs=brief(film, seen)), finding, seen)
    say_asked_signs(draft, finding, seen_too=True)
    say_absent(draft, finding, sort_evidence(film, finding).absent)
    say_unseen(draft, diagnosis, finding.evidence)


def _screen_all(draft: Draft) -> None:
    film, p = draft.film, draft.film.phrases
    diseases = [f for f in film.findings if not film.diagnosis(f).normal]
    supported = [f for f in diseases if f.verdict == "supported"]
    possible = [f for f in diseases if f.verdict == "possible"]
    signed = [f for f in possible if _signed(film, f)]
    bare = [f for f in possible if f not in signed]
    _say_seen(draft, [*supported, *signed])
    _listed(draft, supported, "head.screen.supported")
    if not supported and film.usable:
        draft.say("screen.only_possible" if possible else "screen.none")
    elif not supported and not possible:
        draft.say("screen.none.unusable")
    _listed(draft, signed, "head.screen.possible")
    _say_bare(draft, bare)
    if any(f.tier == "low" for f in (*supported, *signed)):
        draft.say("screen.review")
    checked = [f for f in diseases if looks_for(film.pack, film.diagnosis(f))]
    below = [f for f in checked if f.verdict == "not_supported"]
    cored = {f.id: seen for f in below if (seen := core_seen(film, f, sort_evidence(film, f).pro))}
    _say_cored(draft, [f for f in below if f.id in cored], cored)
    rest = [film.name(f) for f in below if f.id not in cored]
    if rest:
        draft.say("screen.checked.rest" if film.usable else "screen.checked", names=p.listed(rest))
    unchecked = [film.name(f) for f in diseases if f not in checked]
    if unchecked:
        key = "screen.unchecked.many" if len(unchecked) > MOST_NAMED else "screen.unchecked"
        draft.say(key, n=len(unchecked), names=p.listed(unchecked[:MOST_NAMED]))
    say_unseen(draft, None, (e for f in film.findings for e in f.evidence))


def _say_seen(draft: Draft, listed: list[Finding]) -> None:
    """What is on the film before what it may mean: every sign seen that bears on a diagnosis, by its name in this
    conversation and its first number.

    The evidence that `listed` conclusions name is cited where there is one, or else the one that weighs most in them;
    that of a normal study comes last.
    """
    film, p = draft.film, draft.film.phrases
    named = {e.id for finding in listed for e in _main(film, finding)[1]}
    best: dict[str, tuple[tuple[bool, bool, bool, float], Finding, Evidence]] = {}
    for finding in film.findings:
        for item in finding.evidence:
            if item.region is None or is_learned(film, item) or item.sign in film.context.rejected:
                continue
            rank = (item.id in named, finding in listed, not film.diagnosis(finding).normal, abs(item.log_lr))
            if item.sign not in best or rank > best[item.sign][0]:
                best[item.sign] = (rank, finding, item)
    if not best:
        return
    seen = sorted(best.values(), key=lambda entry: -entry[0][1])
    for _, finding, item in seen:
        draft.cite(finding, (item,))

    def inside(item: Evidence) -> str:
        return p.also((draft.called(item), *(p.measurement(m, film.calibrated) for m in item.measurements[:1])))

    signs = p.listed(p.beside(p.inside(sign_of(film, e).name), inside(e)) for _, _, e in seen)
    draft.say("screen.seen", tuple(e for _, _, e in seen), signs=signs)
    if len(asked := set(film.parse.reading.sides)) == 1:
        there = [e for _, _, e in seen if asked & sides_of(film, e.zones)]
        names = p.listed(p.beside(p.inside(sign_of(film, e).name), draft.called(e)) for e in there)
        side = p.fill(f"side.{min(asked)}")
        draft.say("screen.side" if there else "screen.side.none", tuple(there), side=side, signs=names)


def _listed(draft: Draft, findings: list[Finding], heading: str) -> None:
    film, p = draft.film, draft.film.phrases
    if findings:
        draft.say(heading)
    for number, finding in enumerate(findings, 1):
        main, evidence = _main(film, finding)
        line = p.fill(
            "screen.item",
            name=film.name(finding),
            p=p.percent(finding.probability),
            tier=p.fill(_tier(p, finding)),
        )
        text = p.join((line[:1].upper() + line[1:], main, *(_standing(film, finding, e) for e in evidence)))
        draft.add(p.fill("numbered", n=number, text=text), finding, evidence)


def _signed(film: Film, finding: Finding) -> bool:
    """Whether a located sign of the diagnosis' own supports it."""
    signs = (e for e in sort_evidence(film, finding).pro if not is_learned(film, e))
    return any(film.diagnosis(finding).shows(sign_of(film, e)) for e in signs)


def _say_bare(draft: Draft, findings: list[Finding]) -> None:
    """Conclusions that the film shows no sign of, all in one sentence."""
    film, p = draft.film, draft.film.phrases
    if findings:
        named = (p.beside(film.name(f), p.percent(f.probability)) for f in findings)
        draft.say("screen.bare", names=p.listed(named))


def _say_cored(draft: Draft, findings: list[Finding], seen: Mapping[str, tuple[Evidence, ...]]) -> None:
    """Improbable conclusions of which a core sign is seen, each with the first of them."""
    film, p = draft.film, draft.film.phrases
    told = [(f, seen[f.id][0]) for f in findings[:MOST_NAMED]]
    names = p.listed(p.beside(film.name(f), p.inside(sign_of(film, e).name)) for f, e in told)
    if told:
        key = "screen.core.many" if len(findings) > MOST_NAMED else "screen.core"
        draft.say(key, tuple(e for _, e in told), n=len(findings), names=names)
    for finding, item in told:
        draft.cite(finding, (item,))


def _tier(p: Phrases, finding: Finding) -> str:
    """Key of a tier as it stands in a list: what it asks for is said once, after the list."""
    key = f"tier.{finding.tier}.listed"
    return key if p.has(key) else f"tier.{finding.tier}"


def _main(film: Film, finding: Finding, *, measured: bool = False) -> tuple[str, tuple[Evidence, ...]]:
    """Name the located sign of the diagnosis' own that carries most, one that passed its test before one that failed.

    Where none of its own supports it, one that only goes along with it is called so. `measured` adds its first number.
    """
    p = film.phrases
    pro = sort_evidence(film, finding).pro
    signs = [e for e in pro if not is_learned(film, e)]
    if not signs:
        return (p.fill("only_pattern"), pro[:1]) if pro else (p.fill("main.none"), ())
    own = [e for e in signs if film.diagnosis(finding).shows(sign_of(film, e))]
    best = min(own or signs, key=lambda e: e.failed)
    number = p.listed(p.measurement(m, film.calibrated) for m in best.measurements[:1]) if measured else ""
    sign, place = p.inside(sign_of(film, best).name), p.also((p.text(best.location), number))
    key = "main" if own else "main.beside"
    words = p.fill(f"{key}.place", sign=sign, place=place) if place else p.fill(key, sign=sign)
    return words, (best,)


def _standing(film: Film, finding: Finding, item: Evidence) -> str:
    """How the main sign stands against an improbable conclusion that it defines, or that it failed its test."""
    p, test = film.phrases, item.counterfactual
    if finding.verdict != "supported" and film.diagnosis(finding).defined_by(item.sign):
        state = ".untested" if test is None else "" if test.passed else ".failed"
        return p.fill(f"main.defined{state}")
    return p.fill("main.failed") if item.failed and not is_learned(film, item) else ""
