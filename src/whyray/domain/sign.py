"""A radiographic sign of a pack: its words, its form, where it lives and how it is found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from whyray.domain.image import View
from whyray.domain.text import Bilingual

_STRICT = {"extra": "forbid"}


@dataclass(frozen=True, slots=True)
class Synonyms:
    """Other words for the same thing, by language."""

    __pydantic_config__ = _STRICT
    zh: tuple[str, ...] = ()
    en: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DetectorSpec:
    """How a sign is detected: ``kind`` is a detector kind of perception, ``params`` its numbers and structure ids."""

    __pydantic_config__ = _STRICT
    kind: str
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Morphology:
    """The form of a sign on the film; ``knowledge`` holds the words that `kind`, `shape` and `density` may be.

    Attributes
    ----------
    kind
        What a detector would have to look for, e.g. a line or an area.
    shape
        Outline.
    density
        Against the surroundings.
    size_mm
        (smallest, largest) typical size on the film in mm; None when size means nothing for it.
    """

    __pydantic_config__ = _STRICT
    kind: str
    shape: str
    density: str
    size_mm: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class TableLabels:
    """Labels of a public report table that mean the sign, and how many films carry one of them."""

    __pydantic_config__ = _STRICT
    labels: tuple[str, ...]
    n: int | None = None


@dataclass(frozen=True, slots=True)
class SignDefinition:
    """A radiographic sign (or, with ``learned: true``, a network pattern that is not a named sign).

    Attributes
    ----------
    detector
        None when nothing finds the sign today.
    diagnoses
        Ids of the diagnoses that the sign belongs to.
    padchest
        Labels of the PadChest table that mean the sign; None when it has none.
    confounder
        A device, line or wire: it tells that a patient is ill, not what the film shows, and is never a reason.
    group
        Name of the pack's sign file that defines it, e.g. the one of the pleura; empty when it came from no file.
    on_view
        View -> what of the significance does not hold on a film of that view, a sentence of its own.
    """

    __pydantic_config__ = _STRICT
    id: str
    name: Bilingual
    definition: Bilingual
    significance: Bilingual
    source: str
    detector: DetectorSpec | None
    learned: bool = False
    synonyms: Synonyms = field(default_factory=Synonyms)
    morphology: Morphology | None = None
    zones: tuple[str, ...] = ()
    laterality: Literal["any", "bilateral", "unilateral", "midline"] = "any"
    mimics: tuple[Bilingual, ...] = ()
    diagnoses: tuple[str, ...] = ()
    codes: dict[str, str] = field(default_factory=dict)
    padchest: TableLabels | None = None
    confounder: bool = False
    group: str = ""
    on_view: dict[View, Bilingual] = field(default_factory=dict)

    def meaning(self, view: View) -> Bilingual:
        """Its significance on a film of `view`, with what of it does not hold there."""
        said, limit = self.significance, self.on_view.get(view)
        return said if limit is None else Bilingual(f"{said.zh}{limit.zh}", f"{said.en} {limit.en}")
