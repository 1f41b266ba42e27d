"""Checks of conditions: language, references, contradiction, repetition, and what they rest on."""

from __future__ import annotations

import math
from collections.abc import Iterator

from whyray.knowledge.conditions import Condition, ConditionError
from whyray.knowledge.problems import Problem, problem
from whyray.knowledge.references import Scope, Stated


def rules(scope: Scope) -> Iterator[Problem]:
    """Diagnosis and weight of every rule."""
    for rule in scope.pack.rules:
        where = f"rules.{rule.id}"
        yield from scope.unknown("diagnosis", [rule.diagnosis], where)
        if not math.isfinite(rule.weight) or rule.weight == 0:
            yield problem("RULE_WEIGHT", where, value=rule.weight)


def conditions(scope: Scope) -> Iterator[Problem]:
    """Every condition of rules, variants and checklists."""
    for stated in scope.stated:
        if isinstance(stated.condition, ConditionError):
            error = stated.condition
            yield problem("RULE_SYNTAX", stated.where, place=error.place, reason=error.reason)
        else:
            yield from _names(scope, stated.condition, stated.where)
            yield from _logic(stated.condition, stated)


def repetitions(scope: Scope) -> Iterator[Problem]:
    """Rules of one diagnosis with the same condition: a repetition, or two opposite opinions."""
    seen: dict[tuple[str, str], Stated] = {}
    for stated in scope.stated:
        if stated.kind != "rule" or not isinstance(stated.condition, Condition):
            continue
        first = seen.setdefault((stated.diagnosis, stated.condition.key), stated)
        if first is not stated:
            code = "RULE_OPPOSED" if first.weight * stated.weight < 0 else "RULE_TWICE"
            yield problem(code, stated.where, id=first.where.split(".", 1)[1])


def confounders(scope: Scope) -> Iterator[Problem]:
    """Devices as reasons: only a diagnosis about a device may rest on one."""
    pack = scope.pack
    devices = {sign.id for sign in pack.signs if sign.morphology is not None and sign.morphology.kind == "device"}
    banned = {sign.id for sign in pack.signs if sign.confounder}
    about = {d.id for d in pack.diagnoses if devices & set(d.core_signs)}
    for diagnosis in pack.diagnoses:
        for weight in diagnosis.weights:
            if weight.sign in banned and diagnosis.id not in about:
                yield problem("CONFOUNDER_REASON", f"diagnoses.{diagnosis.id}.weights.{weight.sign}", id=weight.sign)
    for stated in scope.stated:
        if stated.diagnosis not in about and isinstance(stated.condition, Condition):
            for sign in stated.condition.positive:
                if sign in banned:
                    yield problem("CONFOUNDER_REASON", stated.where, id=sign)


def _names(scope: Scope, condition: Condition, where: str) -> Iterator[Problem]:
    yield from scope.unknown("sign", condition.signs, where)
    nodes = tuple(condition.walk())
    yield from scope.unknown("zone", [node.zone for node in nodes if node.zone], where)
    yield from scope.unknown("measure", [node.measure for node in nodes if node.measure], where)
    for sign in condition.signs:
        if sign in scope.learned:
            yield problem("SIGN_LEARNED_IN_RULE", where, id=sign)


def _logic(condition: Condition, stated: Stated) -> Iterator[Problem]:
    if not condition.can_hold():
        yield problem("RULE_CONTRADICTORY", stated.where)
    elif any(condition.dead_parts()):
        yield problem("RULE_DEAD_PART", stated.where)
    # A checklist may tick an absence; a rule or a variant must rest on something seen.
    if stated.kind != "checklist" and condition.holds(dict.fromkeys(condition.signs, "absent")):
        yield problem("RULE_WITHOUT_SIGN", stated.where)
