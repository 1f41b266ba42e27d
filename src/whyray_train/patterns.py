"""Labelled studies as what perception would hand to reasoning: one `Observations` for each pattern of signs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Observations, Pack, Quality, Region, SignObservation
from whyray.reasoning import Fusion, conclude, signs_of
from whyray_train.cohort import Cohort
from whyray_train.places import zones_of

Floats = NDArray[np.float64]
_MARK = Region.from_mask(np.ones((1, 1), dtype=np.bool_))


@dataclass(frozen=True, eq=False, slots=True)
class Patterns:
    """The different sign patterns of some studies, as far as one diagnosis asks.

    Attributes
    ----------
    diagnosis
        Its id.
    pack
        The pack with this diagnosis and its pathways only.
    looked
        Signs that the table can tell and that are not the diagnosis' own label; all others count as not looked for.
    seen
        bool [pattern, looked].
    observations
        One a pattern, with zones where a pathway asks for them.
    index
        int [study], pattern of each study.
    """

    diagnosis: str
    pack: Pack
    looked: tuple[str, ...]
    seen: NDArray[np.bool_]
    observations: tuple[Observations, ...]
    index: NDArray[np.int64]

    def totals(self, ill: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Number of studies, and of those with the diagnosis, by pattern."""
        size = len(self.observations)
        studies, positives = np.bincount(self.index, minlength=size), np.bincount(self.index, ill, minlength=size)
        return studies.astype(np.float64), positives.astype(np.float64)

    def log_odds(self, pack: Pack, fusion: Fusion) -> Floats:
        """What `reasoning.conclude` says with another state of the pack's weights: log-odds by study."""
        own = focus(pack, self.diagnosis)
        values = [_sum(observed, own, fusion) for observed in self.observations]
        return np.array(values)[self.index]

    def bonus(self) -> Floats:
        """Sum of the pathway bonuses by pattern, before any reliability."""
        bare = replace(self.pack, counted=None)
        neutral = Fusion(0.0, 0.0, {self.diagnosis: 0.0}, {self.diagnosis: 1.0})
        return np.array([_sum(observed, bare, neutral) for observed in self.observations])


def patterns(cohort: Cohort, rows: NDArray[np.int64], pack: Pack, diagnosis: str) -> Patterns:
    """Patterns of the studies `rows` for one diagnosis; each different one is observed once."""
    own = focus(pack, diagnosis)
    asked = {w.sign for d in own.diagnoses for w in d.weights} | {s for r in own.rules for s in _named(r.when)}
    hidden = {s for s in cohort.signs if cohort.terms.identical(s, diagnosis)}
    looked = tuple(s for s in cohort.signs if s in asked and s not in hidden)
    has = cohort.part(rows, looked)
    zoned = {s for rule in own.rules for s in _placed(rule.when)} & set(looked)
    zones = [_zones(cohort, int(row), line, looked, zoned, own) for row, line in zip(rows, has, strict=True)]
    keys: dict[tuple[bytes, tuple[tuple[str, tuple[str, ...]], ...]], int] = {}
    first: list[int] = []
    index = np.empty(len(rows), dtype=np.int64)
    for i, (line, placed) in enumerate(zip(has, zones, strict=True)):
        index[i] = keys.setdefault((line.tobytes(), tuple(placed.items())), len(keys))
        if index[i] == len(first):
            first.append(i)
    silent = tuple(SignObservation(s.id, False, 0.0) for s in own.signs if s.id not in looked)
    made = tuple(_observe(looked, has[i], zones[i], silent) for i in first)
    return Patterns(diagnosis, own, looked, has[first], made, index)


def focus(pack: Pack, diagnosis: str) -> Pack:
    """The pack with one diagnosis, its pathways and only the signs that they name."""
    kept = tuple(d for d in pack.diagnoses if d.id == diagnosis)
    rules = tuple(r for r in pack.rules if r.diagnosis == diagnosis)
    named = {w.sign for d in kept for w in d.weights} | {s for r in rules for s in _named(r.when)}
    signs = tuple(s for s in pack.signs if s.id in named)
    return replace(pack, diagnoses=kept, rules=rules, signs=signs)


def _sum(observed: Observations, pack: Pack, fusion: Fusion) -> float:
    (finding,) = conclude(observed, pack, fusion)
    return finding.base_log_odds + sum(e.log_lr for e in finding.evidence)


def _observe(
    looked: tuple[str, ...],
    line: NDArray[np.bool_],
    zones: Mapping[str, tuple[str, ...]],
    silent: tuple[SignObservation, ...],
) -> Observations:
    signs = tuple(
        SignObservation(s, True, 1.0, region=_MARK, zones=zones.get(s, ())) if there else SignObservation(s, True, 0.0)
        for s, there in zip(looked, line, strict=True)
    )
    return Observations("", "", (), {}, signs + silent, {}, Quality(True, None))


def _zones(
    cohort: Cohort, row: int, line: NDArray[np.bool_], looked: tuple[str, ...], zoned: set[str], pack: Pack
) -> dict[str, tuple[str, ...]]:
    """Zones of the present signs whose place a pathway asks for."""
    present = (s for s, there in zip(looked, line, strict=True) if there and s in zoned)
    return {s: zones for s in present if (zones := zones_of(cohort.places(row, s), pack))}


def _named(when: Any) -> Iterator[str]:
    """Every sign of a condition, those under ``absent`` too."""
    yield from signs_of(when)
    if isinstance(when, dict):
        for word, body in when.items():
            parts = body["of"] if word == "at_least" else body
            if word == "absent":
                yield body
            elif isinstance(parts, list):
                for part in parts:
                    yield from _named(part)


def _placed(when: Any) -> Iterator[str]:
    """Signs whose place a condition asks for."""
    if not isinstance(when, dict):
        return
    for word, body in when.items():
        if word == "overlaps":
            yield body["sign"]
        elif word == "symmetric":
            yield body
        elif word in ("all", "any", "at_least"):
            for part in body["of"] if word == "at_least" else body:
                yield from _placed(part)
