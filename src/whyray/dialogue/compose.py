"""``compose``: findings -> the words of an answer, every one of them from the pack's templates."""

from __future__ import annotations

from dataclasses import replace

from whyray.dialogue.comparing import compare
from whyray.dialogue.context import Context
from whyray.dialogue.correcting import correct
from whyray.dialogue.describing import describe
from whyray.dialogue.draft import Answer, Draft, Film
from whyray.dialogue.grammar import rules_of
from whyray.dialogue.locating import locate
from whyray.dialogue.measuring import measure
from whyray.dialogue.phrases import Phrases
from whyray.dialogue.reasons import explain
from whyray.dialogue.screening import screen
from whyray.dialogue.sources import looks_for
from whyray.dialogue.ticking import tick
from whyray.dialogue.understand import explain_parse
from whyray.domain import Finding, Notice, Observations, Pack, Query

EMPTY = Context()
SIMULATED = "SIMULATED"  # notice of the imaging room that the preface tells already
_READING = {
    "WHY": explain,
    "WHY_NOT": explain,
    "SCREEN": screen,
    "DESCRIBE": describe,
    "MEASURE": measure,
    "CHECKLIST": tick,
    "COMPARE": compare,
    "LOCATE": locate,
    "CORRECT": correct,
}


def compose(
    query: Query,
    findings: tuple[Finding, ...],
    observations: Observations,
    pack: Pack,
    *,
    simulated: bool,
    calibrated: bool,
    warnings: tuple[Notice, ...] = (),
    context: Context = EMPTY,
) -> Answer:
    """Answer `query` and its parts, in order, from what was concluded, in ``query.lang``.

    Parameters
    ----------
    query
        From `understand`; its text is read again for what a Query does not hold (sides, unclear words).
    findings
        All findings of the film with their evidence, in the order to speak of them.
    observations
        What ran, what did not, and whether the film is usable.
    pack
        The pack they were read with: names, measures, rules, templates.
    simulated
        The film says that its pixels are synthetic.
    calibrated
        The pixel spacing is known; without it no millimetre is said.
    warnings
        What the reader must know about the input.
    context
        The conversation so far and what was measured for this question.

    Raises
    ------
    PackError
        ``TEMPLATE_MISSING`` when the pack lacks a template.
    """
    whole = Film(
        query,
        explain_parse(query.text, pack),
        findings,
        observations,
        pack,
        Phrases(pack, query.lang),
        simulated,
        calibrated,
        warnings,
        context,
    )
    draft = Draft(whole, asked=frozenset(q.target for q in (query, *query.parts) if q.target is not None))
    if any(question.intent in _READING for question in (query, *query.parts)):
        _preface(draft)
    for film in (whole, *(replace(whole, query=p, parse=explain_parse(p.text, pack)) for p in query.parts)):
        draft.turn_to(film)
        _answer(draft)
    draft.say("research")
    return draft.answer()


def _answer(draft: Draft) -> None:
    """Answer the question that the draft has come to."""
    film = draft.film
    intent = film.query.intent
    if intent in _READING:
        _READING[intent](draft)
        _also_out_of_scope(draft)
    elif intent == "HELP":
        _help(draft)
    elif intent == "REPORT" and film.context.report_sentences:
        for sentence in film.context.report_sentences:
            draft.put(sentence)
    elif intent == "REPORT":
        first, second = film.examples()
        draft.say("cannot.REPORT", first=first, second=second)
    else:
        _out_of_scope(draft)


def _preface(draft: Draft) -> None:
    """First what makes the film special, in one sentence; then the warnings, each once.

    Later answers about the same film repeat only that it cannot be read.
    """
    film, p = draft.film, draft.film.phrases
    quality, opening = film.observations.quality, film.context.opening
    clauses = [p.fill("preface.simulated")] if film.simulated and opening else []
    if not quality.usable:
        reasons = p.join(p.inside(r.sentence) for r in quality.reasons)
        clauses.append(p.fill("preface.unusable", reasons=reasons) if reasons else p.fill("preface.unusable.plain"))
    if clauses:
        draft.sentences.append(p.closed(p.join(clauses)))
    if not opening:
        return
    said = set() if quality.usable else {r.code for r in quality.reasons}
    said |= {SIMULATED} if film.simulated else set()
    for notice in (*quality.reasons, *film.warnings):
        text = p.text(notice.sentence)
        if notice.code not in said and text:
            draft.say("notice", text=text)
        said.add(notice.code)


def _also_out_of_scope(draft: Draft) -> None:
    """Say of a disease named beside a known one that nothing is said about it."""
    parse = draft.film.parse
    if parse.intent == draft.film.query.intent:
        for word in dict.fromkeys(h.text for h in parse.hits if h.kind == "scope" and "disease" in h.values):
            draft.say("scope.disease", word=word)


def _help(draft: Draft) -> None:
    film, p = draft.film, draft.film.phrases
    first, second = film.examples()
    draft.say("help", first=first, second=second)
    read = (d for d in film.pack.diagnoses if not d.normal and looks_for(film.pack, d))
    draft.say("help.more", first=first, second=second)
    draft.say("help.diagnoses", names=p.listed(p.diagnosis(d) for d in read))


def _out_of_scope(draft: Draft) -> None:
    """Why the question is not answered: the reason is the feature of the rule that fired."""
    film, parse = draft.film, draft.film.parse
    rules = (*rules_of(film.pack), *rules_of(film.pack, "default"))
    fired = next((r for r in rules if r.source == parse.rule), None)
    reasons = sorted(n for n in fired.needs if film.phrases.has(f"scope.{n}")) if fired else []
    reason = reasons[0] if reasons else "other"
    words = [h.text for h in parse.hits if h.kind == "scope" and reason in h.values] or list(parse.reading.unknown)
    draft.say(f"scope.{reason}", word=words[0][:24] if words else film.query.text[:24], first=film.examples()[0])
