"""How a pack writes reports: sections, forms, names of several zones together, ready words of signs."""

from __future__ import annotations

from dataclasses import dataclass, field

from whyray.domain.sign import Synonyms
from whyray.domain.text import Bilingual

_STRICT = {"extra": "forbid"}


@dataclass(frozen=True, slots=True)
class SectionDefinition:
    """A section of the report: the signs of the sign files ``groups`` stand in it.

    ``name`` is what the section is about as it stands inside a sentence.
    """

    __pydantic_config__ = _STRICT
    id: str
    title: Bilingual
    name: Bilingual
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReportForm:
    """A form of the report, taken when at least `at_least` of its `signs` are there.

    Attributes
    ----------
    signs
        Sign ids; none: the form for every other film.
    lead
        Ids of the sections that come first; the others follow in the usual order.
    negatives
        Sign ids worth naming when they were looked for and not found; none: all of them.
    """

    __pydantic_config__ = _STRICT
    id: str
    title: Bilingual
    signs: tuple[str, ...] = ()
    at_least: int = 1
    lead: tuple[str, ...] = ()
    negatives: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlaceName:
    """What a report calls the zones ``of`` when a sign touches them all."""

    __pydantic_config__ = _STRICT
    of: tuple[str, ...]
    name: Bilingual


@dataclass(frozen=True, slots=True)
class SignPhrase:
    """Ready words of a sign in a report; ``seen`` may have a field ``{place}``, ``absent`` says the normal state."""

    __pydantic_config__ = _STRICT
    seen: Bilingual | None = None
    absent: Bilingual | None = None


@dataclass(frozen=True, slots=True)
class ReportPlan:
    """``report.yaml``.

    Attributes
    ----------
    sections
        In the usual order; technique and impression stand before and after them.
    forms
        The first that fits is taken.
    zones
        Zones that a report may name for a sign that lives everywhere.
    places
        Names of several zones together.
    phrases
        Sign id -> its ready words.
    before, after
        Words of the answers, beside the pack's terms of negation and uncertainty, that leave open whether what stands
        behind / before them is there.
    remarks
        Words that begin a remark which states nothing about the film: advice, the meaning of a sign, a source.
    """

    __pydantic_config__ = _STRICT
    sections: tuple[SectionDefinition, ...] = ()
    forms: tuple[ReportForm, ...] = ()
    zones: tuple[str, ...] = ()
    places: tuple[PlaceName, ...] = ()
    phrases: dict[str, SignPhrase] = field(default_factory=dict)
    before: Synonyms = field(default_factory=Synonyms)
    after: Synonyms = field(default_factory=Synonyms)
    remarks: Synonyms = field(default_factory=Synonyms)

    def section_of(self, group: str) -> SectionDefinition | None:
        """The section of a sign file, or None."""
        return next((s for s in self.sections if group in s.groups), None)
