"""Checks of what the pack's entries call each other, the detectors, the zones and the network's heads."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from whyray.domain import Pack
from whyray.knowledge.conditions import Condition, ConditionError, parse
from whyray.knowledge.problems import Problem, problem
from whyray.knowledge.words import words

_ID = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Stated:
    """A condition, or what is wrong with it, and who states it: ``kind`` is rule, variant or checklist."""

    where: str
    diagnosis: str
    kind: str
    condition: Condition | ConditionError
    weight: float = 0.0


def read(tree: Any) -> Condition | ConditionError:
    """Parse a condition; what is wrong with it is a value here."""
    try:
        return parse(tree)
    except ConditionError as error:
        return error


@dataclass(frozen=True)
class Scope:
    """A pack with what the rest of the program offers.

    ``heads`` and ``channels`` are None when no model is known; they are not checked then.
    """

    pack: Pack
    detector_kinds: Collection[str]
    zone_kinds: Collection[str]
    heads: Collection[str] | None
    channels: Collection[str] | None = None
    caution_kinds: Collection[str] | None = None

    @cached_property
    def ids(self) -> dict[str, frozenset[str]]:
        """Known ids by kind of reference (the keys of ``references`` in ``words.yaml``)."""
        pack = self.pack
        known = {
            "structure": frozenset(s.id for s in pack.structures),
            "zone": frozenset(z.id for z in pack.zones),
            "sign": frozenset(s.id for s in pack.signs),
            "diagnosis": frozenset(d.id for d in pack.diagnoses),
            "measure": frozenset(pack.measures),
        }
        return known if self.heads is None else known | {"head": frozenset(self.heads)}

    @cached_property
    def stated(self) -> tuple[Stated, ...]:
        """Every condition of the pack with the place that states it: rules, variants, checklists."""
        found = [Stated(f"rules.{r.id}", r.diagnosis, "rule", read(r.when), r.weight) for r in self.pack.rules]
        for diagnosis in self.pack.diagnoses:
            for kind, rows in (("variant", diagnosis.variants), ("checklist", diagnosis.checklist)):
                field = "variants" if kind == "variant" else kind
                where = f"diagnoses.{diagnosis.id}.{field}"
                found += [Stated(f"{where}.{row.id}", diagnosis.id, kind, read(row.when)) for row in rows]
        return tuple(found)

    @cached_property
    def undetected(self) -> frozenset[str]:
        """Ids of signs that no detector can find today."""
        return frozenset(
            s.id for s in self.pack.signs if s.detector is None or s.detector.kind not in self.detector_kinds
        )

    @cached_property
    def learned(self) -> frozenset[str]:
        """Ids of learned patterns."""
        return frozenset(s.id for s in self.pack.signs if s.learned)

    def unknown(self, kind: str, ids: Collection[str], where: str) -> Iterator[Problem]:
        """Find every id of `ids` that no entry of `kind` has; silent when the kind cannot be known."""
        known = self.ids.get(kind)
        if known is not None:
            yield from (problem(f"{kind.upper()}_UNKNOWN", where, id=i) for i in ids if i not in known)


def ids(scope: Scope) -> Iterator[Problem]:
    """Form of the ids, and ids that several kinds share."""
    pack = scope.pack
    kinds = {**scope.ids, "rule": frozenset(rule.id for rule in pack.rules)}
    kinds["differential"] = frozenset(differential.id for differential in pack.differentials)
    kinds.pop("head", None)
    owners: dict[str, list[str]] = {}
    for kind, entries in kinds.items():
        for entry in sorted(entries):
            owners.setdefault(entry, []).append(kind)
            if not _ID.fullmatch(entry):
                yield problem("ID_FORM", f"{kind}.{entry}", id=entry)
    for entry, kinds_of in owners.items():
        if len(kinds_of) > 1:
            yield problem("ID_SHARED", entry, id=entry, kinds=", ".join(kinds_of))


def zones(scope: Scope) -> Iterator[Problem]:
    """Zone kinds and what their parameters name."""
    for zone in scope.pack.zones:
        where = f"zones.{zone.id}"
        if zone.kind not in scope.zone_kinds:
            yield problem("ZONE_KIND_UNKNOWN", where, id=zone.kind)
        yield from _params(scope, zone.params, where)


def cautions(scope: Scope) -> Iterator[Problem]:
    """Caution kinds and the structures that their parameters name."""
    for caution in scope.pack.cautions:
        where = f"cautions.{caution.code}"
        if scope.caution_kinds is not None and caution.kind not in scope.caution_kinds:
            yield problem("CAUTION_KIND_UNKNOWN", where, id=caution.kind)
        yield from _params(scope, caution.params, where)


def signs(scope: Scope) -> Iterator[Problem]:
    """Detector kinds, what their parameters name, zones of signs; learned patterns need a detector."""
    for sign in scope.pack.signs:
        where = f"signs.{sign.id}"
        yield from scope.unknown("zone", sign.zones, f"{where}.zones")
        if sign.detector is None:
            if sign.learned:
                yield problem("SIGN_LEARNED_UNDETECTED", where, id=sign.id)
            continue
        if sign.detector.kind not in scope.detector_kinds:
            yield problem("DETECTOR_KIND_UNKNOWN", f"{where}.detector", id=sign.detector.kind)
        yield from _params(scope, sign.detector.params, f"{where}.detector")
        yield from _promises(scope, sign.detector.params, f"{where}.detector")


def channels(scope: Scope) -> Iterator[Problem]:
    """Output channels of the model that structures name, and the structures that they are measured against."""
    for structure in scope.pack.structures:
        against = [] if structure.least is None else [structure.least.of]
        yield from scope.unknown("structure", against, f"structures.{structure.id}.least")
        if structure.channel is not None and scope.channels is not None and structure.channel not in scope.channels:
            yield problem("CHANNEL_UNKNOWN", f"structures.{structure.id}.channel", id=structure.channel)


def diagnoses(scope: Scope) -> Iterator[Problem]:
    """Signs of weights, heads, the one normal study, and diagnoses that nothing can draw."""
    pack = scope.pack
    ruled = {rule.diagnosis for rule in pack.rules}
    for diagnosis in pack.diagnoses:
        where = f"diagnoses.{diagnosis.id}"
        if diagnosis.head is not None:
            yield from scope.unknown("head", [diagnosis.head], f"{where}.head")
        for sign, times in Counter(weight.sign for weight in diagnosis.weights).items():
            place = f"{where}.weights.{sign}"
            yield from scope.unknown("sign", [sign], place)
            if times > 1:
                yield problem("WEIGHT_TWICE", place, id=sign)
            if sign in scope.learned:
                yield problem("SIGN_LEARNED_WEIGHTED", place, id=sign)
        if diagnosis.head is None and not diagnosis.weights and diagnosis.id not in ruled:
            yield problem("DIAGNOSIS_BARE", where, id=diagnosis.id)
    normal = [d.id for d in pack.diagnoses if d.normal]
    if len(normal) > 1:
        yield problem("NORMAL_TWICE", f"diagnoses.{normal[1]}", ids=", ".join(normal))


def orphans(scope: Scope) -> Iterator[Problem]:
    """Named signs that belong to no diagnosis and that nothing uses; a device is there to be named only."""
    used = {weight.sign for diagnosis in scope.pack.diagnoses for weight in diagnosis.weights}
    used.update(sign for diagnosis in scope.pack.diagnoses for sign in diagnosis.core_signs)
    for stated in scope.stated:
        if isinstance(stated.condition, Condition):
            used.update(stated.condition.signs)
    for differential in scope.pack.differentials:
        used.update((*differential.between, *(row.sign for row in differential.rows)))
    for sign in scope.pack.signs:
        if sign.id not in used and not (sign.learned or sign.diagnoses or sign.confounder):
            yield problem("SIGN_ORPHAN", f"signs.{sign.id}", id=sign.id)


def _params(scope: Scope, params: Mapping[str, Any], where: str) -> Iterator[Problem]:
    for kind, names in words()["references"].items():
        for name in names:
            value = params.get(name, ())
            yield from scope.unknown(kind, [value] if isinstance(value, str) else value, f"{where}.{name}")


def _promises(scope: Scope, params: Mapping[str, Any], where: str) -> Iterator[Problem]:
    """A detector cannot run on a structure that no channel of the model shows."""
    for name in words()["references"]["structure"]:
        value = params.get(name, ())
        for structure_id in [value] if isinstance(value, str) else value:
            structure = scope.pack.structure(structure_id)
            if structure is not None and structure.channel is None:
                yield problem("STRUCTURE_UNSEGMENTED", f"{where}.{name}", id=structure_id)
