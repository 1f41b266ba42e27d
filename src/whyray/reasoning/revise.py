"""The doctor's corrections, applied to what was seen before anything is concluded from it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from whyray.domain import Observations, SignObservation

REJECTED = "rejected"  # word of the pack's templates


def strike(observations: Observations, rejected: Collection[str]) -> Observations:
    """The observations without the signs that the doctor struck out.

    A struck sign stands as not looked for: it is neither present nor said to be absent, so it leaves the sum of
    every conclusion. Everything not named stays, the network's film-level scores and patterns among it; ids that
    the observations do not know change nothing.

    Parameters
    ----------
    observations
        What was seen on the film.
    rejected
        Sign ids; with none of them the observations come back unchanged.
    """
    kept = tuple(_struck(s.id) if s.id in rejected else s for s in observations.signs)
    return replace(observations, signs=kept)


def _struck(sign_id: str) -> SignObservation:
    return SignObservation(sign_id, ran=False, score=0.0, reason=REJECTED)
