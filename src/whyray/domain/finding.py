"""Conclusions and what carries them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from whyray.domain.observation import Measurement
from whyray.domain.region import Region
from whyray.domain.text import Bilingual

Polarity = Literal["for", "against", "absent"]
Tier = Literal["high", "medium", "low"]
Verdict = Literal["supported", "possible", "not_supported"]


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """Result of erasing a region: probability before minus after, and whether it passes the set minimum."""

    drop: float
    passed: bool


@dataclass(frozen=True, eq=False, slots=True)
class Evidence:
    """One reason for or against a conclusion.

    Attributes
    ----------
    id
        Unique inside the reading, e.g. ``E3``.
    sign
        Sign id.
    polarity
        ``for`` / ``against``: the sign is there and raises / lowers the log-odds;
        ``absent``: it was looked for in a visible zone and not found.
    score
        The sign's calibrated score in [0, 1].
    log_lr
        Exact contribution to the log-odds of the conclusion (natural log), pathway bonus included.
    share
        |log_lr| over the sum of |log_lr| of all evidence of the finding, in [0, 1].
    rule
        Id of the pathway that fired with this sign, or None.
    location
        Where it is, in words, and the zone ids.
    region
        Source-pixel mask; None for an absent sign.
    finding
        Id of the conclusion that it bears on; empty when that is not known.
    """

    id: str
    sign: str
    polarity: Polarity
    score: float
    log_lr: float
    share: float
    rule: str | None
    location: Bilingual
    zones: tuple[str, ...]
    significance: Bilingual
    source: str
    region: Region | None = None
    erase: Region | None = None
    within: tuple[str, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    counterfactual: Counterfactual | None = None
    finding: str = ""

    @property
    def failed(self) -> bool:
        """Whether it was erased and the conclusion held."""
        return self.counterfactual is not None and not self.counterfactual.passed


@dataclass(frozen=True, eq=False, slots=True)
class Finding:
    """A diagnosis of the pack with its probability and its evidence.

    ``logit(probability) == base_log_odds + sum(e.log_lr for e in evidence)`` holds exactly.
    ``evidence`` is ordered: for, against, absent; each by decreasing |log_lr|.
    ``rules`` are the ids of all pathways that fired. ``counterfactual`` is the test with all located reasons erased at
    once, where it was done.
    """

    id: str
    probability: float
    base_log_odds: float
    tier: Tier
    verdict: Verdict
    evidence: tuple[Evidence, ...]
    rules: tuple[str, ...] = ()
    counterfactual: Counterfactual | None = None
