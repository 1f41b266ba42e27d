"""What perception saw: structures, zones, signs, measurements. No opinion about disease."""

from __future__ import annotations

from dataclasses import dataclass, field

from whyray.domain.image import View
from whyray.domain.region import Region
from whyray.domain.text import Notice


@dataclass(frozen=True, slots=True)
class Line:
    """A drawn measurement: segment between two source-pixel points (x, y)."""

    start: tuple[float, float]
    end: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Measurement:
    """A number with its unit, its 1-sigma uncertainty when known, and the geometry to draw.

    ``unit`` is ``mm``, ``px``, ``mm2``, ``px2``, ``deg``, ``ratio`` or ``count``.
    """

    id: str
    value: float
    unit: str
    uncertainty: float | None = None
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Structure:
    """An anatomical structure of the pack.

    ``confidence`` in [0, 1] is the mean probability inside the region; ``region`` is None when the
    structure cannot be seen.
    """

    id: str
    region: Region | None
    confidence: float


@dataclass(frozen=True, eq=False, slots=True)
class SignObservation:
    """One sign as looked for on one film.

    Attributes
    ----------
    id
        Sign id of the pack.
    ran
        False when the detector could not run (a structure it needs is not visible, or no detector exists);
        such a sign is never said to be absent.
    score
        Calibrated probability in [0, 1] that the sign is there; 0.0 when `ran` is False.
    region
        Source-pixel mask of the sign; None unless the score reaches the evidence threshold.
    erase
        Pixels to in-paint in the counterfactual test when they differ from `region`
        (e.g. the part of the heart beyond the normal width).
    within
        Structure ids whose remaining pixels are the natural surroundings of the sign (donors of the in-painting).
    measurements
        Numbers behind the score.
    zones
        Zone ids of the pack that the region touches, by decreasing share.
    reason
        Why it did not run, when it did not.
    """

    id: str
    ran: bool
    score: float
    region: Region | None = None
    erase: Region | None = None
    within: tuple[str, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    zones: tuple[str, ...] = ()
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Quality:
    """Whether the film can be read. ``gate`` is P(frontal adult chest) in [0, 1], None when not computed."""

    usable: bool
    gate: float | None
    reasons: tuple[Notice, ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Observations:
    """Everything perception says about one film.

    ``film_scores`` maps finding id -> calibrated probability of the network's film-level head.
    ``view`` is the view that the film was read as.
    """

    image_sha256: str
    model_id: str
    structures: tuple[Structure, ...]
    zones: dict[str, Region]
    signs: tuple[SignObservation, ...]
    film_scores: dict[str, float]
    quality: Quality
    timing_ms: dict[str, float] = field(default_factory=dict)
    view: View = "UNKNOWN"

    def sign(self, sign_id: str) -> SignObservation | None:
        """The observation of `sign_id`, or None when the pack has no such sign."""
        return next((s for s in self.signs if s.id == sign_id), None)

    def structure(self, structure_id: str) -> Structure | None:
        """The structure `structure_id`, or None."""
        return next((s for s in self.structures if s.id == structure_id), None)
