"""What a closer look, a measurement, a checklist or a prior film says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from whyray.domain.observation import Measurement, SignObservation
from whyray.domain.region import Region
from whyray.domain.text import Bilingual

State = Literal["met", "unmet", "undetermined"]
Contact = Literal["apart", "touching", "overlapping", "inside", "around"]
Trend = Literal["new", "larger", "unchanged", "smaller", "gone", "undetermined"]


@dataclass(frozen=True, slots=True)
class Mark:
    """A point (x, y) on source pixels worth drawing: a notch of a margin, the tip of a spicule.

    ``clock`` is its hour (1 to 12) round the lesion's centre as the film is looked at, 12 upwards.
    """

    point: tuple[float, float]
    clock: int | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Attribute:
    """One property of a lesion, looked at on full resolution.

    Attributes
    ----------
    id
        What was looked at, e.g. its margin; a registry name of perception.
    value
        Word of the pack's templates for what was found; None when the film does not tell.
    measurements
        Numbers behind it, with the geometry to draw.
    marks
        Points to draw.
    region
        Part of the lesion that the value speaks of; None for the whole.
    neighbours
        Structure or sign ids that it names, nearest first.
    reason
        Why it is undetermined: a word of the pack's templates.
    """

    id: str
    value: str | None
    measurements: tuple[Measurement, ...] = ()
    marks: tuple[Mark, ...] = ()
    region: Region | None = None
    neighbours: tuple[str, ...] = ()
    reason: str | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Look:
    """A closer look at one region: its contour on full resolution, its properties, and the signs that they make."""

    region: Region
    attributes: tuple[Attribute, ...]
    signs: tuple[SignObservation, ...]

    def attribute(self, attribute_id: str) -> Attribute | None:
        """The property of that id."""
        return next((a for a in self.attributes if a.id == attribute_id), None)


@dataclass(frozen=True, eq=False, slots=True)
class Relation:
    """How a region lies to a structure or to another region.

    Attributes
    ----------
    to
        Structure id or anchor id.
    edge, centre
        Shortest distance between the edges (0 when they touch) and between the centres; mm or px, with their line.
    across
        ``edge`` over the inner width of the chest, when that can be seen; for films without spacing.
    contact
        ``inside``: the region lies in the other one; ``around``: the other one lies in it.
    overlap
        Part of the region that lies in the other one, in [0, 1].
    connected
        Whether a path of soft-tissue density joins them; None when that cannot be told.
    """

    to: str
    edge: Measurement
    centre: Measurement
    across: Measurement | None
    contact: Contact
    overlap: float
    connected: bool | None


@dataclass(frozen=True, eq=False, slots=True)
class Fact:
    """A statement of an answer that is no reason for a diagnosis.

    Attributes
    ----------
    id
        Unique inside the turn, e.g. ``F2``.
    kind
        ``attribute``, ``distance``, ``row`` (of a checklist), ``place``, ``change`` (against a prior film),
        ``difference`` (between two diagnoses) or ``correction``.
    name, text
        What it is about, and what was found, in words.
    state
        Met, unmet or undetermined for a checklist row; None where that means nothing.
    anchor
        Anchor id it speaks of.
    sign
        Sign id that it names as seen; its mask is `region`.
    reason
        Why it is undetermined, in words.
    """

    id: str
    kind: Literal["attribute", "distance", "row", "place", "change", "difference", "correction"]
    name: Bilingual
    text: Bilingual
    state: State | None = None
    measurements: tuple[Measurement, ...] = ()
    marks: tuple[Mark, ...] = ()
    anchor: str | None = None
    sign: str | None = None
    region: Region | None = None
    reason: Bilingual | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Ticked:
    """A checklist row as it stands on a film.

    Attributes
    ----------
    signs
        Those that decided it.
    missing
        Those not looked for.
    away
        Those of ``signs`` that the film shows elsewhere and not at the lesion that the checklist is about.
    instead
        The sign that is seen where the row asks for another, see `ChecklistRow`.
    """

    row: str
    state: State
    signs: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    away: tuple[str, ...] = ()
    instead: str | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Change:
    """A sign or measurement of this film against the prior film.

    Attributes
    ----------
    id
        Sign id or measurement id.
    before, now
        The number compared, in one unit for both films; None where the sign is not there.
    region
        Mask on this film; None when gone.
    prior
        Mask of the prior film laid on this film's pixels by the anatomy; None when new.
    reason
        Why it is undetermined: a word of the pack's templates.
    """

    id: str
    trend: Trend
    before: Measurement | None = None
    now: Measurement | None = None
    region: Region | None = None
    prior: Region | None = None
    reason: str | None = None
