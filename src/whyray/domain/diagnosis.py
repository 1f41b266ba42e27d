"""What a pack can conclude: diagnoses, their weights, pathways and differentials."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from whyray.domain.sign import SignDefinition, Synonyms
from whyray.domain.text import Bilingual

_STRICT = {"extra": "forbid"}
Basis = Literal["counted", "published", "expert"]
Stage = Literal["redistribution", "interstitial", "alveolar"]
Cause = Literal["cardiac", "overload", "noncardiac"]


@dataclass(frozen=True, slots=True)
class Ratios:
    """A pair of likelihood ratios with 95 % intervals, from `n` studies of which `both` carry sign and diagnosis."""

    __pydantic_config__ = _STRICT
    lr_present: float
    lr_absent: float
    ci_present: tuple[float, float]
    ci_absent: tuple[float, float]
    n: int
    both: int


@dataclass(frozen=True, slots=True)
class SignWeight:
    """How one sign moves one diagnosis.

    Attributes
    ----------
    sign
        Sign id.
    lr_present, lr_absent
        Likelihood ratios P(sign | disease) / P(sign | no disease) of the sign being there / not there.
    basis
        ``counted`` (from labelled studies, with n and interval), ``published`` or ``expert`` (opinion).
    source
        Table, paper or ``expert opinion`` with a word of reasoning.
    n, both
        Studies counted, and those among them that carry both the sign and the diagnosis.
    reliability
        Factor in [0, 1] of the log ratio: what is left of it beside the diagnosis' other signs, so that several
        names of one thing do not count several times.
    physician
        The ratios in studies labelled by physicians alone, where they differ much from those of all studies.
    """

    __pydantic_config__ = _STRICT
    sign: str
    lr_present: float
    lr_absent: float
    basis: Basis
    source: str
    n: int | None = None
    ci_present: tuple[float, float] | None = None
    ci_absent: tuple[float, float] | None = None
    both: int | None = None
    reliability: float = 1.0
    physician: Ratios | None = None


@dataclass(frozen=True, slots=True)
class Variant:
    """A form of the core sign `of`, recognised by the condition `when` (rule language)."""

    __pydantic_config__ = _STRICT
    id: str
    name: Bilingual
    of: str
    when: Any


@dataclass(frozen=True, slots=True)
class Instead:
    """A sign that may be seen where a row asks for another, and why the row is not met by it."""

    __pydantic_config__ = _STRICT
    sign: str
    note: Bilingual


@dataclass(frozen=True, slots=True)
class ChecklistRow:
    """A typical sign that a reader can tick; `when` is a condition of the rule language.

    ``instead`` is told unless the row is met, where its sign is seen: a mass where a nodule is asked for.
    """

    __pydantic_config__ = _STRICT
    id: str
    name: Bilingual
    when: Any
    source: str
    instead: Instead | None = None


@dataclass(frozen=True, slots=True)
class Prior:
    """Probability of a diagnosis before anything is seen, where no table counts it."""

    __pydantic_config__ = _STRICT
    value: float
    basis: Basis
    source: str


@dataclass(frozen=True, slots=True)
class DiagnosisDefinition:
    """A conclusion the pack can draw.

    Attributes
    ----------
    head
        The model's film-level output (card); None when the network has none.
    label
        Class name in the public label table the head was trained on.
    normal
        Marks the normal study: every present sign speaks against it.
    descriptive
        Only names what is seen; true beside the disease that explains it.
    core_signs
        Ids of the signs that define the diagnosis.
    prior
        Stated probability for a diagnosis that no table counts.
    """

    __pydantic_config__ = _STRICT
    id: str
    name: Bilingual
    definition: Bilingual
    source: str
    advice: Bilingual
    head: str | None = None
    label: str | None = None
    normal: bool = False
    descriptive: bool = False
    synonyms: Synonyms = field(default_factory=Synonyms)
    codes: dict[str, str] = field(default_factory=dict)
    core_signs: tuple[str, ...] = ()
    variants: tuple[Variant, ...] = ()
    checklist: tuple[ChecklistRow, ...] = ()
    weights: tuple[SignWeight, ...] = ()
    prior: Prior | None = None

    def shows(self, sign: SignDefinition) -> bool:
        """Whether the sign is one of the diagnosis' own; others only go along with it."""
        return sign.id in self.core_signs or self.id in sign.diagnoses

    def defined_by(self, sign_id: str) -> bool:
        """Whether the diagnosis only names what is seen and this is the sign it names: its first core sign."""
        return self.descriptive and sign_id in self.core_signs[:1]


@dataclass(frozen=True, slots=True)
class Rule:
    """An IF-THEN pathway.

    ``when`` is a condition tree of the small rule language: a sign id (present), ``all: [...]``, ``any: [...]``,
    ``at_least: {n: 2, of: [...]}``, ``absent: sign``, ``measure: {sign, id, ">=": x}`` or ``"<="``,
    ``overlaps: {sign, zone}``, ``symmetric: sign``.
    ``weight`` is added to the log-odds when it fires, shared equally by the present signs that it names.
    ``stage`` and ``cause`` say which stage or cause of the diagnosis the pathway stands for.
    """

    __pydantic_config__ = _STRICT
    id: str
    diagnosis: str
    name: Bilingual
    when: Any
    weight: float
    basis: Basis
    source: str
    stage: Stage | None = None
    cause: Cause | None = None


@dataclass(frozen=True, slots=True)
class DifferentialRow:
    """A sign that, when there, favours one entry of a differential (`favours`) over the others."""

    __pydantic_config__ = _STRICT
    sign: str
    favours: str
    note: Bilingual
    source: str


@dataclass(frozen=True, slots=True)
class Differential:
    """Diagnoses (or signs that imitate them) that are mistaken for each other, and what tells them apart.

    ``between`` holds two or more ids of diagnoses or signs, ``decide`` the further examination that decides.
    """

    __pydantic_config__ = _STRICT
    id: str
    name: Bilingual
    between: tuple[str, ...]
    rows: tuple[DifferentialRow, ...]
    decide: Bilingual
