"""A film, read, and what is concluded from it."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass, field
from math import log

import numpy as np
from numpy.typing import NDArray

from whyray import reasoning
from whyray.domain import Evidence, Figure, Finding, Image, ModelCard, Observations, Pack, Region

Source = str | os.PathLike[str] | bytes
Spacing = float | tuple[float, float] | None


@dataclass(frozen=True, eq=False, slots=True)
class Reading:
    """One film, read: everything later turns need without running the network again.

    ``figures`` are those that were asked for so far, by their id.
    """

    image: Image
    pack: Pack
    card: ModelCard
    engine: str
    observations: Observations
    findings: tuple[Finding, ...]
    timing_ms: dict[str, float]
    figures: dict[str, Figure] = field(default_factory=dict)

    def finding(self, finding_id: str | None) -> Finding | None:
        """The finding of that id."""
        return next((f for f in self.findings if f.id == finding_id), None)

    def concluded(self, rejected: Collection[str]) -> tuple[Finding, ...]:
        """The findings without the signs that a doctor struck out."""
        if not rejected:
            return self.findings
        struck = reasoning.strike(self.observations, rejected)
        return reasoning.conclude(struck, self.pack, fusion(self.pack, self.card))


def donors(evidence: Evidence, reading: Reading) -> NDArray[np.bool_] | None:
    """Source pixels of the structures that naturally surround the evidence."""
    regions = [s.region for s in reading.observations.structures if s.id in evidence.within and s.region is not None]
    if not regions:
        return None
    merged: NDArray[np.bool_] = np.any([r.mask() for r in regions], axis=0)
    return merged


def reasons(finding: Finding) -> tuple[Evidence, ...]:
    """The located reasons for a conclusion, the heaviest first."""
    return tuple(e for e in finding.evidence if e.polarity == "for" and e.region is not None)


def together(evidence: Collection[Evidence], reading: Reading) -> tuple[Region, NDArray[np.bool_] | None] | None:
    """(what is erased to take all of `evidence` away at once, its donors); None where nothing is located."""
    regions = [r for r in (e.erase or e.region for e in evidence) if r is not None]
    if not regions:
        return None
    giving = [d for d in (donors(e, reading) for e in evidence) if d is not None]
    return Region.union(regions), np.any(giving, axis=0) if giving else None


def fusion(pack: Pack, card: ModelCard) -> reasoning.Fusion:
    """The card's weights for the pack's diagnoses.

    A diagnosis without head starts at the pack's prior, and is called possible only when its probability reaches
    the card's limit for such diagnoses and has at least been raised by ``reasoning.RAISED``.
    """
    base, possible = {}, {}
    for diagnosis in pack.diagnoses:
        head = diagnosis.head or ""
        if head in card.calibration:
            base[diagnosis.id] = card.calibration[head]["fused_base"]
            screening = card.thresholds.get(head, card.fusion["possible"])
            possible[diagnosis.id] = max(screening, pack.settings["possible_least"])
        else:
            prior = pack.prior(diagnosis)
            base[diagnosis.id] = log(prior / (1 - prior))
            possible[diagnosis.id] = max(card.fusion["possible"], reasoning.RAISED * prior)
    weights = card.fusion
    return reasoning.Fusion(
        weights["film_weight"], weights["sign_weight"], base, possible, weights.get("defining_weight")
    )
