"""What a cohort says about each diagnosis of a pack: weights that matter, their reliability, how often it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import exp, log

import numpy as np
from numpy.typing import NDArray

from whyray.domain import (
    Counted,
    CountedDiagnosis,
    CountedPlaces,
    CountedTable,
    CountedWeight,
    DiagnosisDefinition,
    Pack,
    Ratios,
)
from whyray.knowledge.merging import merge
from whyray_train.cohort import Cohort
from whyray_train.patterns import Patterns, patterns
from whyray_train.places import groups_of, is_bilateral
from whyray_train.ratios import Association, associate
from whyray_train.reliability import fit

Rows = NDArray[np.int64]
MOST = 40
SUPPORT = 10
FITTED = 10
TELLING = 0.05
FACTOR = 2.0
LOCATED = 30
BILATERAL = "both_sides"


@dataclass(frozen=True, eq=False, slots=True)
class Selection:
    """Signs (columns of the association) whose counted ratios one diagnosis keeps, with what was fitted."""

    columns: tuple[int, ...]
    reliability: dict[str, float]
    base: float
    common: float


def bare(pack: Pack) -> Pack:
    """The pack without anything counted."""
    kept = (replace(d, weights=tuple(w for w in d.weights if w.basis != "counted")) for d in pack.diagnoses)
    return replace(pack, diagnoses=tuple(kept), counted=None)


def count(cohort: Cohort, pack: Pack, table: CountedTable) -> Counted:
    """Everything that ``counted.yaml`` holds, from the train patients of `cohort`."""
    rows = np.flatnonzero(cohort.train)
    diagnoses: dict[str, CountedDiagnosis] = {}
    weights: dict[str, tuple[CountedWeight, ...]] = {}
    for definition in bare(pack).diagnoses:
        if definition.id in cohort.diagnoses:
            diagnoses[definition.id], found = count_diagnosis(cohort, rows, bare(pack), definition)
            if found:
                weights[definition.id] = found
    common = [facts.common for facts in diagnoses.values() if facts.studies >= FITTED]
    median = round(float(np.median(common)), 3) if common else 1.0
    facts = {key: f if f.studies >= FITTED else replace(f, common=median) for key, f in diagnoses.items()}
    return Counted(table, median, facts, weights, dict(_places(cohort, rows, pack)))


def count_diagnosis(
    cohort: Cohort, rows: Rows, pack: Pack, definition: DiagnosisDefinition
) -> tuple[CountedDiagnosis, tuple[CountedWeight, ...]]:
    """Facts and weights of one diagnosis from the studies `rows`; `pack` holds nothing counted."""
    signs = cohort.countable(definition.id)
    found = association(cohort, rows, definition.id, signs)
    prior = (found.ill + 0.5) / (found.n + 1)
    stated = {w.sign for w in definition.weights}
    usable = (found.support >= SUPPORT) & found.certain
    columns = tuple(i for i, sign in enumerate(signs) if usable[i] and sign not in stated)
    chosen = _select(cohort, rows, pack, definition, found, columns)
    physicians = association(cohort, rows[cohort.physician[rows]], definition.id, signs)
    weights = tuple(
        _weight(signs[i], found, i, chosen.reliability[signs[i]], _differing(found, physicians, i))
        for i in chosen.columns
    )
    facts = CountedDiagnosis(found.ill, _short(prior), round(chosen.base, 3), round(chosen.common, 3))
    return facts, weights


def association(cohort: Cohort, rows: Rows, diagnosis: str, signs: tuple[str, ...]) -> Association:
    """`signs` against one diagnosis in the studies `rows`."""
    return associate(cohort.part(rows, signs), cohort.diseased(diagnosis)[rows], cohort.patient[rows])


def _select(
    cohort: Cohort,
    rows: Rows,
    pack: Pack,
    definition: DiagnosisDefinition,
    found: Association,
    columns: tuple[int, ...],
) -> Selection:
    """Fit all usable signs, keep those that tell something beside the others (at most `MOST`), fit again."""
    if found.ill < FITTED:
        return Selection((), {}, log((found.ill + 0.5) / (found.n - found.ill + 0.5)), 1.0)
    signs = cohort.countable(definition.id)
    trial = tuple(_weight(signs[i], found, i, 1.0, None) for i in columns)
    seen = patterns(cohort, rows, with_weights(pack, definition, trial), definition.id)
    totals = seen.totals(cohort.diseased(definition.id)[rows])
    own, shared = _terms(seen)
    first = fit(own, shared, *totals)
    told = {i: float(r) * _swing(found, i) for i, r in zip(columns, first.signs, strict=True) if r >= TELLING}
    kept = tuple(sorted(told, key=lambda i: -told[i])[:MOST])
    second = fit(own[:, [columns.index(i) for i in kept]], shared, *totals)
    reliability = {signs[i]: float(r) for i, r in zip(kept, second.signs, strict=True)}
    return Selection(kept, reliability, second.base, second.common)


def _swing(found: Association, sign: int) -> float:
    """Standard deviation over the studies of what the sign adds to the log-odds at full reliability."""
    rate = float(found.both[sign] + found.sign_only[sign]) / found.n
    return float(abs(found.present[sign] - found.absent[sign]) * np.sqrt(rate * (1 - rate)))


def _terms(seen: Patterns) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Log ratios of the counted weights by pattern and sign; sum of hand-written ones and pathway bonuses."""
    (definition,) = seen.pack.diagnoses
    own, shared = [], seen.bonus()
    for weight in definition.weights:
        if weight.sign in seen.looked:
            there = seen.seen[:, seen.looked.index(weight.sign)]
            term = np.where(there, log(weight.lr_present), log(weight.lr_absent))
            if weight.basis == "counted":
                own.append(term)
            else:
                shared = shared + weight.reliability * term
    return np.array(own).T.reshape(len(seen.observations), len(own)), shared


def with_weights(pack: Pack, definition: DiagnosisDefinition, weights: tuple[CountedWeight, ...]) -> Pack:
    """The pack with these counted weights added to one diagnosis, as the loader does."""
    table = CountedTable("", "", "", "", "", "", 0, 0, 0, 0, 0)
    counted = Counted(table, weights={definition.id: weights})
    merged = merge((definition,), counted)
    return replace(pack, diagnoses=tuple(merged[0] if d.id == definition.id else d for d in pack.diagnoses))


def _weight(sign: str, found: Association, i: int, reliability: float, physician: Ratios | None) -> CountedWeight:
    ratios = ratios_of(found, i)
    return CountedWeight(
        sign=sign,
        lr_present=ratios.lr_present,
        lr_absent=ratios.lr_absent,
        ci_present=ratios.ci_present,
        ci_absent=ratios.ci_absent,
        n=ratios.n,
        both=ratios.both,
        sign_only=int(found.sign_only[i]),
        reliability=round(reliability, 3),
        physician=physician,
    )


def ratios_of(found: Association, i: int) -> Ratios:
    """One sign's ratios and intervals, rounded to four digits."""
    low, high = found.interval(i)
    less, more = found.interval(i, absent=True)
    return Ratios(
        lr_present=_short(exp(found.present[i])),
        lr_absent=_short(exp(found.absent[i])),
        ci_present=(_short(low), _short(high)),
        ci_absent=(_short(less), _short(more)),
        n=found.n,
        both=int(found.both[i]),
    )


def _differing(found: Association, physicians: Association, i: int) -> Ratios | None:
    """Physicians' ratios where there are enough of them and the first differs by more than `FACTOR`."""
    apart = abs(physicians.present[i] - found.present[i]) > log(FACTOR)
    return ratios_of(physicians, i) if apart and physicians.support[i] >= SUPPORT else None


def _places(cohort: Cohort, rows: Rows, pack: Pack) -> Iterator[tuple[str, CountedPlaces]]:
    """Where each sign is reported, for signs with enough located studies."""
    groups = [group.id for group in pack.places.groups]
    for sign in cohort.terms.signs:
        holders = rows[cohort.has[rows, cohort.column[sign]]]
        located = [places for row in holders if (places := cohort.places(int(row), sign))]
        found = [(groups_of(places, pack), is_bilateral(places, pack)) for places in located]
        inside = [entry for entry in found if entry[0] or entry[1]]
        if len(inside) >= LOCATED:
            shares = {g: round(sum(g in at for at, _ in inside) / len(inside), 3) for g in groups}
            shares[BILATERAL] = round(sum(both for _, both in inside) / len(inside), 3)
            yield sign, CountedPlaces(len(inside), shares)


def _short(value: float) -> float:
    return float(f"{value:.4g}")
