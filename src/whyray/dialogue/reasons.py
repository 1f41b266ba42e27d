"""Answers to "why?" and "why not?": the verdict on the film, then the evidence on both sides."""

from __future__ import annotations

from math import exp

from whyray.dialogue.draft import Draft, Film
from whyray.dialogue.evidence import (
    Sorted,
    brief,
    is_equivocal,
    is_learned,
    say_absent,
    say_asked_signs,
    say_grounds,
    say_items,
    say_unlocated,
    say_unseen,
    sign_of,
    sort_evidence,
)
from whyray.dialogue.sources import looks_for
from whyray.domain import DiagnosisDefinition, Evidence, Finding, Sentence

_MOST_OPTIONS = 4
RISES = 0.005  # a probability that rises by less stays
# An answer in short names this many reasons on a side; so many signs are named as needed.
MOST_BRIEF = 3
# Forms of an answer, words of the pack's templates.
SHORT, ATTRIBUTION = "short", "attribution"


def explain(draft: Draft) -> None:
    """Answer WHY and WHY_NOT; an unclear or missing target is asked for, never guessed."""
    film = draft.film
    first, _ = film.examples()
    unclear = film.parse.reading.unclear
    if unclear and not film.parse.targets:
        ask_back(draft, *unclear[0])
        return
    target = film.query.target
    if target is None and film.query.intent == "WHY_NOT":
        draft.say("ask.target", first=first)
        return
    finding = film.finding(target) if target is not None else leading(film)
    if finding is not None:
        _explain_one(draft, finding)
    elif target is None:
        draft.say("nothing_to_explain", first=first)
    else:
        diagnosis = film.pack.diagnosis(target)
        name = film.phrases.diagnosis(diagnosis) if diagnosis else ""
        draft.say("verdict.unavailable", name=name) if name else draft.say("scope.other", first=first)


def ask_back(draft: Draft, word: str, options: tuple[str, ...]) -> None:
    """Ask which diagnosis a shared word means."""
    film = draft.film
    hits = [h for h in film.parse.hits if h.kind == "sign" and h.text == word]
    signs = [s for h in hits for v in h.values if (s := film.pack.sign(v)) is not None]
    if signs and all(s.detector is None for s in signs):
        draft.say("asked.undetected", sign=film.phrases.listed(film.phrases.inside(s.name) for s in signs))
        return
    names = [film.phrases.diagnosis(d) for i in options[:_MOST_OPTIONS] if (d := film.pack.diagnosis(i)) is not None]
    if names:
        draft.say("ask.sign", word=word, names=film.phrases.listed(names), first=names[0])
    else:
        draft.say("ask.sign.none", word=word, first=film.examples()[0])


def leading(film: Film) -> Finding | None:
    """Return the first supported disease, else the supported normal study, else None."""
    supported = [f for f in film.findings if f.verdict == "supported"]
    return min(supported, key=lambda f: film.diagnosis(f).normal, default=None)


def _explain_one(draft: Draft, finding: Finding) -> None:
    film = draft.film
    if finding.verdict == "not_supported" and not looks_for(film.pack, film.diagnosis(finding)):
        say_unlooked(draft, film.diagnosis(finding))
        return
    parts = sort_evidence(film, finding)
    supported = finding.verdict == "supported"
    if film.query.form == SHORT:
        _explain_shortly(draft, finding, parts)
        return
    if film.query.form == ATTRIBUTION:
        draft.put(Sentence(film.phrases.fill("form.attribution", name=film.phrases.text(film.diagnosis(finding).name))))
    say_verdict(draft, finding, "", (*parts.contra, *parts.absent) if finding.verdict == "not_supported" else parts.pro)
    if not film.usable and film.diagnosis(finding).normal:
        return
    _premise(draft, finding, parts)
    say_core(draft, finding, parts.pro)
    if film.query.intent == "WHY_NOT" and finding.verdict == "not_supported" and not film.diagnosis(finding).normal:
        draft.say("starts", p=film.phrases.percent(1 / (1 + exp(-finding.base_log_odds))))
    say_asked_signs(draft, finding, seen_too=False)
    asked_for = finding.verdict == "possible" and film.query.intent == "WHY"
    if supported:
        _say_for(draft, finding, parts)
    elif asked_for:
        say_items(draft, finding, parts.pro, "head.little")
    say_items(draft, finding, parts.contra, "head.against")
    if supported and parts.pro and not parts.contra:
        draft.say("nothing_against")
    say_absent(draft, finding, parts.absent)
    if not supported and not asked_for:
        say_items(draft, finding, parts.pro, "head.little")
    _say_erased(draft, finding)
    if not (parts.pro or parts.contra or parts.absent):
        draft.say("none_listed")
    say_unlocated(draft, finding, parts.unlocated)
    if film.query.intent == "WHY_NOT" and not supported:
        _say_needed(draft, finding)
    _closing(draft, finding)
    say_grounds(draft, finding, (*parts.pro, *parts.contra, *parts.absent))


def _say_erased(draft: Draft, finding: Finding) -> None:
    """Say what is left of the probability when all located reasons are erased at once."""
    test, film = finding.counterfactual, draft.film
    if test is None:
        return
    reasons = tuple(e for e in finding.evidence if e.polarity == "for" and e.region is not None)
    after = min(1.0, max(0.0, finding.probability - test.drop))
    # Those whose own test says the other thing: their names stand in the same sentence.
    other = tuple(e for e in reasons if e.counterfactual is not None and e.counterfactual.passed != test.passed)
    key = "erased.falls" if test.passed else "erased.rises" if test.drop < -RISES else "erased.holds"
    names = film.phrases.listed(_called(film, e) for e in other)
    rest = ".together" if test.passed and len(other) == len(reasons) else ".but" if other else ""
    if test.passed and not rest and after > finding.probability / 2:
        rest = ".part"
    text = film.phrases.fill(
        f"{key}{rest}",
        name=film.name(finding), signs=names, **film.phrases.change(finding.probability, after),
    )  # fmt: skip
    draft.add(text, finding, reasons)


def _called(film: Film, item: Evidence) -> str:
    p = film.phrases
    return p.fill("short.pattern") if is_learned(film, item) else p.inside(sign_of(film, item).name)


def _explain_shortly(draft: Draft, finding: Finding, parts: Sorted) -> None:
    """Say the verdict and the weightiest reasons on each side, in two sentences."""
    film, p = draft.film, draft.film.phrases
    supported = finding.verdict == "supported"
    say_verdict(draft, finding)
    if not film.usable and film.diagnosis(finding).normal:
        return
    pro, contra = parts.pro[:MOST_BRIEF], parts.contra[:MOST_BRIEF]
    absent = () if supported and pro else parts.absent[:MOST_BRIEF]
    clauses = [
        p.fill("short.for" if supported else "short.little", signs=brief(film, pro)) if pro else p.fill("main.none"),
        p.fill("short.against", signs=brief(film, contra)) if contra else "",
        p.fill("short.absent", signs=brief(film, absent)) if absent else "",
    ]
    ordered = clauses if finding.verdict != "not_supported" else (*clauses[1:], clauses[0])
    draft.add(p.join(ordered), finding, (*pro, *contra, *absent))


def _say_needed(draft: Draft, finding: Finding) -> None:
    """Name the signs that would raise the probability most and were not found or not assessed."""
    film, p = draft.film, draft.film.phrases
    diagnosis = film.diagnosis(finding)
    weights = sorted(diagnosis.weights, key=lambda w: (w.sign not in diagnosis.core_signs, -w.lr_present))
    signs = [s for w in weights if w.lr_present > 1 and (s := film.pack.sign(w.sign)) is not None and not s.learned]
    there = {e.sign for e in finding.evidence if e.region is not None} - film.context.rejected
    unseen = [s for s in signs if s.id not in there and ((o := film.seen(s.id)) is None or o.region is None)]
    missing = unseen[:MOST_BRIEF]
    if missing and not diagnosis.normal:
        ids = {s.id for s in missing}
        absent = tuple(e for e in finding.evidence if e.sign in ids and e.polarity == "absent")
        text = p.fill("needed", name=film.name(finding), signs=p.listed(p.inside(s.name) for s in missing))
        draft.add(text, finding, absent)


def spoken_of(draft: Draft, diagnosis_id: str) -> tuple[DiagnosisDefinition, Finding] | None:
    """Return a diagnosis with its finding, or say why nothing can be said of it."""
    film = draft.film
    diagnosis, finding = film.pack.diagnosis(diagnosis_id), film.finding(diagnosis_id)
    if diagnosis is None:
        draft.say("scope.other", first=film.examples()[0])
    elif finding is None:
        draft.say("verdict.unavailable", name=film.phrases.diagnosis(diagnosis))
    elif finding.verdict == "not_supported" and not looks_for(film.pack, diagnosis):
        say_unlooked(draft, diagnosis)
    else:
        return diagnosis, finding
    return None


def say_unlooked(draft: Draft, diagnosis: DiagnosisDefinition) -> None:
    """Say plainly that nothing looks for a diagnosis today, and by which signs it would be known."""
    film, p = draft.film, draft.film.phrases
    own = diagnosis.core_signs or tuple(weight.sign for weight in diagnosis.weights)
    named = (sign for sign in map(film.pack.sign, own) if sign is not None)
    signs = p.listed(p.inside(sign.name) for sign in named)
    key = "verdict.undetected.signs" if signs else "verdict.undetected"
    draft.say(key, name=p.diagnosis(diagnosis), signs=signs)


def _closing(draft: Draft, finding: Finding) -> None:
    """Say what could not be looked for, the advice, the missing scale and what to ask separately."""
    film, p = draft.film, draft.film.phrases
    diagnosis = film.diagnosis(finding)
    say_unseen(draft, diagnosis, finding.evidence)
    advice = p.inside(diagnosis.advice)
    if advice and finding.verdict == "supported":
        draft.say("advice", text=advice)
    if not film.calibrated and any(item.measurements for _, item in draft.spoken.values()):
        draft.say("uncalibrated")
    others = [
        d
        for i in film.parse.targets
        if i not in {finding.id, *draft.asked} and (d := film.pack.diagnosis(i)) is not None
    ]
    if others:
        draft.say("also_asked", names=p.listed(p.diagnosis(d) for d in others))


def say_verdict(draft: Draft, finding: Finding, main: str = "", evidence: tuple[Evidence, ...] = ()) -> None:
    """Say the conclusion; never "normal" and never "excluded" on a film that cannot be read."""
    film, p = draft.film, draft.film.phrases
    key = film.key(f"verdict.{finding.verdict}", finding)
    if not film.usable and film.diagnosis(finding).normal:
        key = "verdict.withheld"
        main, evidence = "", ()
    elif not film.usable and finding.verdict == "not_supported":
        key = "verdict.not_excluded"
    text = p.fill(key, name=film.name(finding), p=p.percent(finding.probability), tier=p.fill(f"tier.{finding.tier}"))
    draft.add(p.join((text, main)), finding, evidence)


def _premise(draft: Draft, finding: Finding, parts: Sorted) -> None:
    film, asked_why = draft.film, draft.film.query.intent == "WHY"
    name = film.name(finding)
    core = film.diagnosis(finding).core_signs
    doubtful = tuple(e for e in parts.absent if e.sign in core and is_equivocal(film, e))
    if asked_why and finding.verdict == "not_supported" and film.query.target is not None and doubtful:
        names = film.phrases.listed(film.phrases.inside(sign_of(film, e).name) for e in doubtful)
        draft.add(film.phrases.fill("premise.equivocal", signs=names), finding, doubtful)
    elif asked_why and finding.verdict == "not_supported" and film.query.target is not None:
        draft.say("premise.not_supported")
    elif not asked_why and finding.verdict in ("supported", "possible"):
        draft.say(film.key(f"premise.{finding.verdict}", finding), name=name)
    supported = [f for f in film.findings if f.verdict == "supported" and f is not finding]
    if film.diagnosis(finding).normal and supported:
        draft.say("premise.instead", names=film.phrases.listed(film.name(f) for f in supported))
    say_sides(draft, parts.pro)


def say_sides(draft: Draft, pro: tuple[Evidence, ...]) -> None:
    """Say so when a side is asked about on which no located sign supports the conclusion."""
    film = draft.film
    placed = [e for e in pro if e.region is not None]
    located = [e for e in placed if not is_learned(film, e)] or placed
    for side in film.parse.reading.sides:
        places = [z for e in located for z in e.zones]
        known = [s for s in (_side(film, z) for z in places) if s is not None]
        if known and side not in known and film.phrases.has(f"side.{side}"):
            draft.say("premise.side", side=film.phrases.fill(f"side.{side}"))


def core_seen(film: Film, finding: Finding, pro: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    """Core signs that are seen of a diagnosis which the probability denies: a mass is cancer until shown otherwise.

    None for a descriptive diagnosis: it only names what is seen, and its verdict heeds that already.
    """
    named = film.diagnosis(finding)
    if finding.verdict != "not_supported" or named.descriptive:
        return ()
    return tuple(e for e in pro if e.region is not None and e.sign in named.core_signs and not is_learned(film, e))


def say_core(draft: Draft, finding: Finding, pro: tuple[Evidence, ...]) -> None:
    """Say that a core sign is seen and that the probability does not exclude the diagnosis."""
    film, seen = draft.film, core_seen(draft.film, finding, pro)
    if seen:
        names = film.phrases.listed(film.phrases.inside(sign_of(film, e).name) for e in seen)
        draft.add(film.phrases.fill("core.seen", signs=names), finding, seen)


def _side(film: Film, place_id: str) -> str | None:
    zone, structure = film.pack.zone(place_id), film.pack.structure(place_id)
    return zone.side if zone else structure.side if structure else None


def _say_for(draft: Draft, finding: Finding, parts: Sorted) -> None:
    film = draft.film
    signs = [e for e in parts.pro if not is_learned(film, e)]
    if not signs and not film.diagnosis(finding).normal:
        draft.say("no_located.pattern" if parts.pro else "no_located")
    say_items(draft, finding, parts.pro, "head.for")
