"""Films in words: a vignette of ``vignettes.yaml`` as observations, and the ranked conclusions a doctor would read."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from whyray.domain import Finding, Measurement, Observations, Pack, Quality, Region, SignObservation
from whyray.reasoning import Fusion, conclude, rank

FILE = Path(__file__).with_name("vignettes.yaml")
SCORE = 0.9
CELL = 4


@dataclass(frozen=True, slots=True)
class Vignette:
    """Signs with places in; `expected` (or one of `accept`) and the pathway that must be named out."""

    id: str
    source: str
    text: dict[str, str]
    signs: list[dict[str, Any]]
    absent: list[str]
    expected: str
    pathway: str
    accept: list[str] = field(default_factory=list)

    @property
    def right(self) -> frozenset[str]:
        return frozenset((self.expected, *self.accept))


def read_vignettes() -> tuple[Vignette, ...]:
    return tuple(Vignette(**entry) for entry in yaml.safe_load(FILE.read_text(encoding="utf-8")))


def observe(vignette: Vignette, pack: Pack) -> Observations:
    """Each zone of the pack is a small square of one film; a sign covers the squares of its zones."""
    zones = {zone.id: _square(number, len(pack.zones)) for number, zone in enumerate(pack.zones)}
    there = {entry["id"]: _present(entry, zones) for entry in vignette.signs}
    gone = {sign: SignObservation(sign, True, 0.0) for sign in vignette.absent}
    told = {**there, **gone}
    signs = tuple(told.get(s.id, SignObservation(s.id, False, 0.0, reason="no_detector")) for s in pack.signs)
    return Observations("0" * 64, pack.model, (), zones, signs, {}, Quality(True, None))


def read(vignette: Vignette, pack: Pack) -> tuple[Finding, ...]:
    """What the pack concludes from the signs alone."""
    priors = {d.id: pack.prior(d) for d in pack.diagnoses}
    base = {name: math.log(value / (1 - value)) for name, value in priors.items()}
    return conclude(observe(vignette, pack), pack, Fusion(0.0, 1.0, base, priors))


def ranked(findings: tuple[Finding, ...], pack: Pack, kind: str) -> tuple[Finding, ...]:
    """The list that `kind` stands in, impression or what is seen, as it is read."""
    ranking = rank(findings, pack)
    return next(told for told in (ranking.impression, ranking.seen) if kind in {f.id for f in told})


def by_evidence(findings: tuple[Finding, ...], pack: Pack, kind: str) -> tuple[Finding, ...]:
    """The same conclusions by the sum of their evidence alone, as if all were equally frequent."""
    same = ranked(findings, pack, kind)
    return tuple(sorted((f for f in findings if f in same), key=lambda f: -sum(e.log_lr for e in f.evidence)))


def named_pathways(findings: tuple[Finding, ...]) -> set[str]:
    """Pathways that an item of evidence names."""
    return {e.rule for f in findings for e in f.evidence if e.rule is not None}


def _present(entry: dict[str, Any], zones: dict[str, Region]) -> SignObservation:
    names = entry["zones"]
    first = next(iter(zones.values()))
    mask = np.zeros((first.rows, first.cols), dtype=np.bool_)
    for name in names:
        mask |= zones[name].mask()
    if not names:
        mask[0, -1] = True
    measures = tuple(Measurement(key, value, "ratio") for key, value in entry.get("measures", {}).items())
    region = Region.from_mask(mask)
    score = entry.get("score", SCORE)
    return SignObservation(entry["id"], True, score, region, measurements=measures, zones=tuple(names))


def _square(number: int, count: int) -> Region:
    mask = np.zeros((CELL, CELL * (count + 1)), dtype=np.bool_)
    mask[:, CELL * number : CELL * (number + 1)] = True
    region = Region.from_mask(mask)
    assert region is not None
    return region
