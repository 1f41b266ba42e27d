"""Answers to "that is wrong": what the doctor struck out or restored, and what it does to the conclusions."""

from __future__ import annotations

from whyray.dialogue.draft import Draft, Film
from whyray.dialogue.locating import ask_which
from whyray.dialogue.phrases import Phrases
from whyray.domain import Correction, Finding, Region

# A conclusion changes noticeably from half a percent on, or when its verdict changes; so many are told.
NOTICEABLE = 0.005
MOST_TOLD = 5


def correct(draft: Draft) -> None:
    """Answer CORRECT: what was struck out or restored, the conclusions before and after, and how to take it back."""
    film, correction = draft.film, draft.film.context.correction
    if correction is None or film.pack.sign(correction.sign) is None:
        options = [a for i in film.query.choices if (a := film.context.anchor(i)) is not None]
        ask_which(draft, options) if options else draft.say("correct.ask", first=film.examples()[0])
        return
    _say_correction(draft, correction)
    changed = _changed(film, correction.sign)
    draft.say("correct.head" if changed else "correct.same")
    for number, (before, now) in enumerate(changed[:MOST_TOLD], 1):
        _say_change(draft, number, before, now)
    draft.say("correct.model" if correction.rejected else "correct.model.restored")


def _say_correction(draft: Draft, correction: Correction) -> None:
    film, sign = draft.film, draft.film.pack.sign(correction.sign)
    observed = film.observations.sign(correction.sign)
    region = observed.region if observed is not None and observed.ran else None
    key = "struck" if correction.rejected else "restored" if region is not None else "restored.unseen"
    anchor = film.context.anchor(correction.anchor) if correction.anchor is not None else None
    marked = anchor.region if anchor is not None else region or _region_before(film, correction.sign)

    def text(p: Phrases) -> str:
        name = p.inside(sign.name) if sign is not None else ""
        return p.fill(f"correct.{key}", sign=p.beside(name, anchor.id if anchor is not None else ""))

    draft.state(
        "correction",
        lambda p: p.inside(sign.name) if sign is not None else "",
        text,
        anchor=correction.anchor,
        sign=correction.sign if key == "restored" else None,
        region=marked if key != "restored" else region,
    )


def _region_before(film: Film, sign_id: str) -> Region | None:
    """Return the mask that the sign had before it was struck out."""
    return next((e.region for f in film.context.before for e in f.evidence if e.sign == sign_id and e.region), None)


def _changed(film: Film, sign_id: str) -> list[tuple[Finding, Finding]]:
    """Conclusions that the sign carries and that change noticeably, largest change first."""
    pairs = [(before, now) for before in film.context.before if (now := film.finding(before.id)) is not None]
    carried = [
        (before, now)
        for before, now in pairs
        if any(e.sign == sign_id for f in (before, now) for e in f.evidence)
        and (abs(before.probability - now.probability) >= NOTICEABLE or before.verdict != now.verdict)
    ]
    return sorted(carried, key=lambda pair: -abs(pair[0].probability - pair[1].probability))


def _say_change(draft: Draft, number: int, before: Finding, now: Finding) -> None:
    film, p = draft.film, draft.film.phrases
    said = p.fill(
        "correct.change", name=film.name(now), before=p.percent(before.probability), now=p.percent(now.probability)
    )
    verdicts = [p.fill(f"compare.{f.verdict}") for f in (before, now)]
    verdict = p.fill("correct.verdict", before=verdicts[0], now=verdicts[1]) if verdicts[0] != verdicts[1] else ""
    text = p.join((said, verdict))
    draft.put(p.closed(p.fill("numbered", n=number, text=text[:1].upper() + text[1:])))
