"""Figures: numbers of a whole film or of a sign's mask, as the pack defines them and as one film has them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from whyray.domain.observation import Measurement
from whyray.domain.text import Bilingual

_STRICT = {"extra": "forbid"}


@dataclass(frozen=True, slots=True)
class Leaning:
    """What the sign of a signed figure means; ``none`` when it is smaller than twice its uncertainty."""

    __pydantic_config__ = _STRICT
    below: Bilingual
    none: Bilingual
    above: Bilingual


@dataclass(frozen=True, slots=True)
class FigureDefinition:
    """A figure of the pack: one entry of ``figures.yaml`` that perception works out by itself.

    Attributes
    ----------
    kind
        Measuring kind of perception; ``params`` are its numbers, structure and zone ids.
    asked
        Aspect of a question that asks for it; figures of one family share it. Empty: no question asks for it.
    signs
        Signs that speak of it: it is among their measurements as soon as they are looked for.
    deferred
        Takes filters of the film: worked out when asked for, not in every reading.
    limits
        View (``PA``, ``AP``, ``UNKNOWN``) -> upper limit of the normal, in ``limit_unit``; empty without one.
    limit_unit
        Unit of the limits: a figure in another unit (pixels of a film without spacing) is not compared.
    source
        Where the definition and the limits come from.
    leaning
        Words for the sign of a signed figure.
    """

    __pydantic_config__ = _STRICT
    name: Bilingual
    kind: str
    source: str
    asked: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    signs: tuple[str, ...] = ()
    deferred: bool = False
    limits: dict[str, float] = field(default_factory=dict)
    limit_unit: str = ""
    leaning: Leaning | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of one film.

    Attributes
    ----------
    id
        Key of the definition in the pack.
    measurements
        The number with its uncertainty and lines; several when there are several masks; empty when undetermined.
    signs
        For figures of masks: the sign of each measurement.
    reason
        Why it is undetermined: a word of the pack's templates.
    """

    id: str
    measurements: tuple[Measurement, ...] = ()
    reason: str | None = None
    signs: tuple[str, ...] = ()
