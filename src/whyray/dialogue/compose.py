"""``compose``: findings -> the words of an answer, every one of them from the pack's templates."""

from __future__ import annotations

from whyray.dialogue.draft import Answer, Draft, Film
from whyray.dialogue.grammar import rules_of
from whyray.dialogue.phrases import Phrases
from whyray.dialogue.reasons import explain
from whyray.dialogue.screening import screen
from whyray.dialogue.sources import looks_for
from whyray.dialogue.understand import explain_parse
from whyray.domain import Finding, Notice, Observations, Pack, Query

_READING = {"WHY": explain, "WHY_NOT": explain, "SCREEN": screen}


def compose(
    query: Query,
    findings: tuple[Finding, ...],
    observations: Observations,
    pack: Pack,
    *,
    simulated: bool,
    calibrated: bool,
    warnings: tuple[Notice, ...] = (),
) -> Answer:
    """Answer `query` from what was concluded, in ``query.lang``.

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

    Raises
    ------
    PackError
        ``TEMPLATE_MISSING`` when the pack lacks a template.
    """
    film = Film(
        query,
        explain_parse(query.text, pack),
        findings,
        observations,
        pack,
        Phrases(pack, query.lang),
        simulated,
        calibrated,
        warnings,
    )
    draft = Draft(film)
    reading = _READING.get(query.intent)
    if reading is not None:
        _preface(draft)
        reading(draft)
        _also_out_of_scope(draft)
    elif query.intent == "HELP":
        _help(draft)
    elif query.intent == "OUT_OF_SCOPE":
        _out_of_scope(draft)
    else:
        first, second = film.examples()
        draft.say(f"cannot.{query.intent}", first=first, second=second)
    draft.say("research")
    return draft.answer()


def _preface(draft: Draft) -> None:
    """First what makes the film special, in one sentence; then the warnings, each once."""
    film, p = draft.film, draft.film.phrases
    quality = film.observations.quality
    clauses = [p.fill("preface.simulated")] if film.simulated else []
    if not quality.usable:
        reasons = p.join(p.inside(r.sentence) for r in quality.reasons)
        clauses.append(p.fill("preface.unusable", reasons=reasons) if reasons else p.fill("preface.unusable.plain"))
    if clauses:
        draft.sentences.append(p.closed(p.join(clauses)))
    said = set() if quality.usable else {r.code for r in quality.reasons}
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
    draft.say("help.diagnoses", names=p.listed(p.diagnosis(d) for d in read))


def _out_of_scope(draft: Draft) -> None:
    """Why the question is not answered: the reason is the feature of the rule that fired."""
    film, parse = draft.film, draft.film.parse
    fired = next((r for r in rules_of(film.pack) if r.source == parse.rule), None)
    reasons = sorted(n for n in fired.needs if film.phrases.has(f"scope.{n}")) if fired else []
    reason = reasons[0] if reasons else "other"
    words = [h.text for h in parse.hits if h.kind == "scope" and reason in h.values] or list(parse.reading.unknown)
    draft.say(f"scope.{reason}", word=words[0][:24] if words else film.query.text[:24], first=film.examples()[0])
