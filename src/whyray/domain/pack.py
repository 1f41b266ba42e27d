"""A knowledge pack: what one modality and body part knows, as data.

These dataclasses are the schema of the YAML files: ``knowledge`` validates a file straight into them, so an
unknown key, a missing translation or a wrong type is an error with the file's name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from whyray.domain.text import Bilingual

_STRICT = {"extra": "forbid"}
Basis = Literal["counted", "published", "expert"]


@dataclass(frozen=True, slots=True)
class Synonyms:
    """Other words for the same thing, by language."""

    __pydantic_config__ = _STRICT
    zh: tuple[str, ...] = ()
    en: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """Which images the pack reads: DICOM modalities and body parts (upper case); ``UNKNOWN`` admits plain pictures."""

    __pydantic_config__ = _STRICT
    modalities: tuple[str, ...]
    body_parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StructureDefinition:
    """An anatomical structure: ``channel`` names the model's output channel (card), None when not segmented.

    ``side`` is the patient's side (``right``, ``left`` or None).
    """

    __pydantic_config__ = _STRICT
    id: str
    name: Bilingual
    channel: str | None = None
    side: Literal["right", "left"] | None = None
    synonyms: Synonyms = field(default_factory=Synonyms)


@dataclass(frozen=True, slots=True)
class ZoneDefinition:
    """A place derived from structures: ``kind`` is a zone kind of perception, ``params`` its numbers."""

    __pydantic_config__ = _STRICT
    id: str
    name: Bilingual
    kind: str
    params: dict[str, Any]
    side: Literal["right", "left"] | None = None
    synonyms: Synonyms = field(default_factory=Synonyms)


@dataclass(frozen=True, slots=True)
class DetectorSpec:
    """How a sign is detected: ``kind`` is a detector kind of perception, ``params`` its numbers and structure ids."""

    __pydantic_config__ = _STRICT
    kind: str
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SignDefinition:
    """A radiographic sign (or, with ``learned: true``, a network pattern that is not a named sign)."""

    __pydantic_config__ = _STRICT
    id: str
    name: Bilingual
    definition: Bilingual
    significance: Bilingual
    source: str
    detector: DetectorSpec | None
    learned: bool = False
    synonyms: Synonyms = field(default_factory=Synonyms)
    zones: tuple[str, ...] = ()
    laterality: Literal["any", "bilateral", "unilateral", "midline"] = "any"
    mimics: tuple[Bilingual, ...] = ()
    codes: dict[str, str] = field(default_factory=dict)


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


@dataclass(frozen=True, slots=True)
class DiagnosisDefinition:
    """A conclusion the pack can draw.

    ``head`` names the model's film-level output (card); None when the network has none.
    ``excludes_all_signs`` marks the normal study: every present sign speaks against it.
    ``label`` is the class name in the public label table the head was trained on.
    """

    __pydantic_config__ = _STRICT
    id: str
    name: Bilingual
    definition: Bilingual
    source: str
    head: str | None
    weights: tuple[SignWeight, ...]
    advice: Bilingual
    label: str | None = None
    normal: bool = False
    synonyms: Synonyms = field(default_factory=Synonyms)
    codes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rule:
    """An IF-THEN pathway.

    ``when`` is a condition tree of the small rule language: a sign id (present), ``all: [...]``, ``any: [...]``,
    ``at_least: {n: 2, of: [...]}``, ``absent: sign``, ``measure: {sign, id, ">=": x}`` or ``"<="``,
    ``overlaps: {sign, zone}``, ``symmetric: sign``.
    ``weight`` is added to the log-odds when it fires, shared equally by the present signs that it names.
    """

    __pydantic_config__ = _STRICT
    id: str
    diagnosis: str
    name: Bilingual
    when: Any
    weight: float
    basis: Basis
    source: str


@dataclass(frozen=True, slots=True)
class Term:
    """A word of the dialogue lexicon that is no sign, place or diagnosis: intent cues, negation, attributes.

    ``kind`` is e.g. ``intent``, ``negation``, ``uncertainty``, ``attribute``, ``side``, ``scope``;
    ``value`` what it stands for.
    """

    __pydantic_config__ = _STRICT
    kind: str
    value: str
    zh: tuple[str, ...] = ()
    en: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pack:
    """Everything known about one kind of image; ids are unique inside each tuple."""

    id: str
    version: str
    name: Bilingual
    match: Match
    model: str
    structures: tuple[StructureDefinition, ...]
    zones: tuple[ZoneDefinition, ...]
    signs: tuple[SignDefinition, ...]
    diagnoses: tuple[DiagnosisDefinition, ...]
    rules: tuple[Rule, ...]
    terms: tuple[Term, ...]
    templates: dict[str, Bilingual]
    measures: dict[str, Bilingual]
    settings: dict[str, float]

    def sign(self, sign_id: str) -> SignDefinition | None:
        """Sign by id."""
        return next((s for s in self.signs if s.id == sign_id), None)

    def diagnosis(self, diagnosis_id: str) -> DiagnosisDefinition | None:
        """Diagnosis by id."""
        return next((d for d in self.diagnoses if d.id == diagnosis_id), None)

    def zone(self, zone_id: str) -> ZoneDefinition | None:
        """Zone by id."""
        return next((z for z in self.zones if z.id == zone_id), None)

    def structure(self, structure_id: str) -> StructureDefinition | None:
        """Structure by id."""
        return next((s for s in self.structures if s.id == structure_id), None)
