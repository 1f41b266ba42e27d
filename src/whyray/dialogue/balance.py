"""Answers to "which side is worse?": how much is marked on either side."""

from __future__ import annotations

from collections.abc import Mapping

from whyray.dialogue.draft import Draft
from whyray.dialogue.locating import say_not_there
from whyray.dialogue.phrases import Phrases
from whyray.domain import Figure, Measurement, SignDefinition

# The aspect that asks for it: the pack's figures of it have a side.
SIDES = "sides"
# So much of the more marked lung's share on the other side is about as much.
EVEN = 0.8
_OPPOSITE = {"right": "left", "left": "right"}


def say_balance(draft: Draft) -> bool:
    """Say for each sign that is marked how large its mark is on either side; whether the pack measures this.

    Signs or a diagnosis that the question names come alone, where one of theirs is marked.
    """
    film = draft.film
    figures = [f for f in film.context.figures if film.pack.figures[f.id].asked == SIDES]
    shares = _shares(draft, figures)
    wanted = wanted_signs(draft)
    named = {sign: own for sign, own in shares.items() if sign in wanted}
    measured = {sign for figure in figures for sign in film.pack.figures[figure.id].signs}
    for sign in map(film.pack.sign, film.query.signs):
        if sign is not None and sign.id in measured and sign.id not in shares:
            say_not_there(draft, sign)
    target = film.pack.diagnosis(film.query.target or "")
    if target is not None and shares and not named and not film.query.signs:
        draft.say("sides.none", name=film.phrases.diagnosis(target))
    for sign_id, own in (named or shares).items():
        sign = film.pack.sign(sign_id)
        if sign is not None:
            _say_shares(draft, sign, own)
    if figures and not shares:
        draft.say("sides.nothing")
    return bool(figures)


def wanted_signs(draft: Draft) -> frozenset[str]:
    """Signs that a question for numbers is about: those it names, and the core signs of the diagnoses it names."""
    film = draft.film
    named = (film.pack.diagnosis(i) for i in dict.fromkeys((film.query.target or "", *film.query.targets)))
    return frozenset((*film.query.signs, *(s for d in named if d is not None for s in d.core_signs)))


def _shares(draft: Draft, figures: list[Figure]) -> dict[str, dict[str, Measurement]]:
    """Sign id -> side -> share of the lung, of the signs that were not struck out."""
    film = draft.film
    found: dict[str, dict[str, Measurement]] = {}
    for figure in figures:
        side = str(film.pack.figures[figure.id].params["side"])
        for sign, measured in zip(figure.signs, figure.measurements, strict=True):
            if sign not in film.context.rejected:
                found.setdefault(sign, {})[side] = measured
    return {sign: own for sign, own in found.items() if len(own) == len(_OPPOSITE) and max(_values(own)) > 0}


def _values(own: Mapping[str, Measurement]) -> list[float]:
    return [own[side].value for side in _OPPOSITE]


def _say_shares(draft: Draft, sign: SignDefinition, own: Mapping[str, Measurement]) -> None:
    seen = draft.film.seen(sign.id)

    def text(p: Phrases) -> str:
        told = {side: p.fill("percent.fine", value=100 * own[side].value) for side in _OPPOSITE}
        return p.fill(f"sides.{standing(own)}", **told)

    draft.state(
        "distance",
        lambda p: p.inside(sign.name),
        text,
        line=lambda p: p.fill("distance.line", head=p.text(sign.name), text=text(p)),
        sign=sign.id,
        region=seen.region if seen is not None else None,
        measurements=tuple(own[side] for side in _OPPOSITE),
    )


def standing(own: Mapping[str, Measurement]) -> str:
    """Key of which side has the greater part: ``right``, ``left``, ``right.only``, ``left.only`` or ``even``."""
    more = max(_OPPOSITE, key=lambda side: own[side].value)
    less = own[_OPPOSITE[more]].value
    if less == 0:
        return f"{more}.only"
    return "even" if less >= EVEN * own[more].value else more
