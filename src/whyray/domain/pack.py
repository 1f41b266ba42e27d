"""A knowledge pack: what one modality and body part knows, as data.

These dataclasses are the schema of the YAML files: ``knowledge`` validates a file straight into them, so an
unknown key, a missing translation or a wrong type is an error with the file's name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from whyray.domain.counted import Counted
from whyray.domain.diagnosis import DiagnosisDefinition, Differential, Rule
from whyray.domain.figure import FigureDefinition
from whyray.domain.plan import ReportPlan
from whyray.domain.sign import SignDefinition, Synonyms
from whyray.domain.sourcing import in_chinese
from whyray.domain.text import Bilingual, Lang

_STRICT = {"extra": "forbid"}


@dataclass(frozen=True, slots=True)
class Match:
    """Which images the pack reads: DICOM modalities and body parts (upper case); ``UNKNOWN`` admits plain pictures."""

    __pydantic_config__ = _STRICT
    modalities: tuple[str, ...]
    body_parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Caution:
    """What a reading is told with when it holds on the film: ``kind`` is a caution kind of perception.

    ``sentence`` may name what the kind measures in braces.
    """

    __pydantic_config__ = _STRICT
    code: str
    kind: str
    sentence: Bilingual
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Landmark:
    """A place that is a line or a point of structures: ``kind`` is a landmark kind of perception, ``of`` their ids."""

    __pydantic_config__ = _STRICT
    kind: str
    of: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """How wide an outline must be to stand: ``share`` of the width of the structure ``of`` on the same film."""

    __pydantic_config__ = _STRICT
    of: str
    share: float


@dataclass(frozen=True, slots=True)
class StructureDefinition:
    """An anatomical structure.

    Attributes
    ----------
    channel
        The model's output channel (card); None when not segmented.
    side
        The patient's side.
    landmark
        How it follows from other structures, when it is no area of its own.
    reference
        Distances of a lesion are told to it when the question names no place.
    least
        A shorter piece of it is not outlined: it follows something else. None where any piece stands.
    """

    __pydantic_config__ = _STRICT
    id: str
    name: Bilingual
    channel: str | None = None
    side: Literal["right", "left"] | None = None
    synonyms: Synonyms = field(default_factory=Synonyms)
    landmark: Landmark | None = None
    reference: bool = False
    least: Span | None = None


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
class PlaceLabel:
    """A location of a public report table in the pack's zones.

    ``zones`` are those that it touches, on both sides when the words leave the side open; ``side`` is what the
    words say about it (``both`` for bilateral), None when they say nothing.
    """

    __pydantic_config__ = _STRICT
    label: str
    name: Bilingual
    zones: tuple[str, ...] = ()
    side: Literal["right", "left", "both"] | None = None


@dataclass(frozen=True, slots=True)
class ZoneGroup:
    """Zones that are counted as one place, e.g. everything low."""

    __pydantic_config__ = _STRICT
    id: str
    name: Bilingual
    zones: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Places:
    """``places.yaml``: locations of a report table, and groups of zones."""

    __pydantic_config__ = _STRICT
    locations: tuple[PlaceLabel, ...] = ()
    groups: tuple[ZoneGroup, ...] = ()


@dataclass(frozen=True, slots=True)
class Pack:
    """Everything known about one kind of image; ids are unique inside each tuple.

    ``counted`` tells the table behind the weights of basis ``counted``; those are in the diagnoses already.
    ``figures`` are those of the ``measures`` that perception works out by itself; ``sources`` is what sources say, by
    their English words in Chinese.
    """

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
    differentials: tuple[Differential, ...] = ()
    places: Places = field(default_factory=Places)
    report: ReportPlan = field(default_factory=ReportPlan)
    counted: Counted | None = None
    figures: dict[str, FigureDefinition] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    cautions: tuple[Caution, ...] = ()

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

    def source(self, text: str, lang: Lang) -> str:
        """Return a source of the pack in `lang`: its sentences are told, its references stand as they are."""
        return text if lang == "en" else in_chinese(text, self.sources)

    def prior(self, diagnosis: DiagnosisDefinition) -> float:
        """Probability of a diagnosis before anything is seen: as it states, as counted, or the pack's for rare ones.

        Raises
        ------
        KeyError
            When none of them is there (the setting ``prior`` is missing).
        """
        if diagnosis.prior is not None:
            return diagnosis.prior.value
        facts = self.counted.diagnoses.get(diagnosis.id) if self.counted is not None else None
        return self.settings["prior"] if facts is None else facts.prior
