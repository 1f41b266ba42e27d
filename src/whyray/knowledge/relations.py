"""Checks of what signs, diagnoses, differentials, places, terms and counts say of each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from whyray.domain import DiagnosisDefinition, Differential
from whyray.knowledge.problems import Problem, problem
from whyray.knowledge.references import Scope


def signs(scope: Scope) -> Iterator[Problem]:
    """Diagnoses of the signs."""
    for sign in scope.pack.signs:
        yield from scope.unknown("diagnosis", sign.diagnoses, f"signs.{sign.id}.diagnoses")


def diagnoses(scope: Scope) -> Iterator[Problem]:
    """Core signs, their variants, and rows that are there twice."""
    for diagnosis in scope.pack.diagnoses:
        where = f"diagnoses.{diagnosis.id}"
        yield from scope.unknown("sign", diagnosis.core_signs, f"{where}.core_signs")
        for variant in diagnosis.variants:
            if variant.of not in diagnosis.core_signs:
                yield problem("VARIANT_NOT_CORE", f"{where}.variants.{variant.id}", id=variant.of)
        for row in diagnosis.checklist:
            instead = [row.instead.sign] if row.instead is not None else []
            yield from scope.unknown("sign", instead, f"{where}.checklist.{row.id}.instead")
        yield from _twice(diagnosis, where)


def _twice(diagnosis: DiagnosisDefinition, where: str) -> Iterator[Problem]:
    named = {
        "core_signs": diagnosis.core_signs,
        "variants": [variant.id for variant in diagnosis.variants],
        "checklist": [row.id for row in diagnosis.checklist],
    }
    for field, ids in named.items():
        for entry, times in Counter(ids).items():
            if times > 1:
                yield problem("ENTRY_TWICE", f"{where}.{field}.{entry}", id=entry)


def differentials(scope: Scope) -> Iterator[Problem]:
    """Ids of both kinds, at least two of them, rows that favour one of them, and each favoured by some row."""
    for differential in scope.pack.differentials:
        where = f"differentials.{differential.id}"
        for entry in differential.between:
            if entry not in scope.ids["sign"] | scope.ids["diagnosis"]:
                yield problem("ENTRY_UNKNOWN", f"{where}.between", id=entry)
        if len(set(differential.between)) < 2:
            yield problem("DIFFERENTIAL_SHORT", where)
        yield from _rows(scope, differential, where)


def _rows(scope: Scope, differential: Differential, where: str) -> Iterator[Problem]:
    for row in differential.rows:
        place = f"{where}.rows.{row.sign}"
        yield from scope.unknown("sign", [row.sign], place)
        if row.favours not in differential.between:
            yield problem("FAVOURS_OUTSIDE", place, id=row.favours)
        if not row.source.strip():
            yield problem("SOURCE_EMPTY", place)
    for (sign, favours), times in Counter((row.sign, row.favours) for row in differential.rows).items():
        if times > 1:
            yield problem("ENTRY_TWICE", f"{where}.rows.{sign}", id=f"{sign} / {favours}")
    for entry in differential.between:
        if entry not in {row.favours for row in differential.rows}:
            yield problem("DIFFERENTIAL_ONE_SIDED", where, id=entry)


def places(scope: Scope) -> Iterator[Problem]:
    """Zones of the locations and groups of ``places.yaml``."""
    for location in scope.pack.places.locations:
        yield from scope.unknown("zone", location.zones, f"places.locations.{location.label}")
    for group in scope.pack.places.groups:
        yield from scope.unknown("zone", group.zones, f"places.groups.{group.id}")


def terms(scope: Scope) -> Iterator[Problem]:
    """Everyday words point to a diagnosis or a sign that is there; folded characters come in pairs."""
    kinds = {"target": "diagnosis", "sign": "sign"}
    for index, term in enumerate(scope.pack.terms):
        where = f"terms.{index}"
        if term.kind in kinds:
            yield from scope.unknown(kinds[term.kind], [term.value], where)
        if term.kind == "fold" and any(len(zh) != len(term.value) for zh in term.zh):
            yield problem("FOLD_UNEQUAL", where)


def counted(scope: Scope) -> Iterator[Problem]:
    """Diagnoses and signs that the counted file names; those of unknown diagnoses would silently be lost."""
    table = scope.pack.counted
    if table is None:
        return
    yield from scope.unknown("diagnosis", (*table.weights, *table.diagnoses), "counted.weights")
    yield from scope.unknown("sign", tuple(table.places), "counted.places")
