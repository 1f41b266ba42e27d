"""Checks of the rules: language, references, contradiction, and whether they can fire today."""

from __future__ import annotations

import math
from collections.abc import Iterator

from whyray.knowledge.conditions import Condition, ConditionError
from whyray.knowledge.problems import Problem, problem
from whyray.knowledge.references import Scope


def rules(scope: Scope) -> Iterator[Problem]:
    """Every problem of every rule."""
    for rule in scope.pack.rules:
        where = f"rules.{rule.id}"
        yield from scope.unknown("diagnosis", [rule.diagnosis], where)
        if not math.isfinite(rule.weight) or rule.weight == 0:
            yield problem("RULE_WEIGHT", where, value=rule.weight)
        condition = scope.conditions[rule.id]
        if isinstance(condition, ConditionError):
            yield problem("RULE_SYNTAX", where, place=condition.place, reason=condition.reason)
        else:
            yield from _names(scope, condition, where)
            yield from _logic(scope, condition, where)


def _names(scope: Scope, condition: Condition, where: str) -> Iterator[Problem]:
    yield from scope.unknown("sign", condition.signs, where)
    nodes = tuple(condition.walk())
    yield from scope.unknown("zone", [node.zone for node in nodes if node.zone], where)
    yield from scope.unknown("measure", [node.measure for node in nodes if node.measure], where)
    for sign in condition.signs:
        if sign in scope.learned:
            yield problem("SIGN_LEARNED_IN_RULE", where, id=sign)


def _logic(scope: Scope, condition: Condition, where: str) -> Iterator[Problem]:
    if not condition.can_hold():
        yield problem("RULE_CONTRADICTORY", where)
    elif not condition.can_hold(scope.undetected):
        missing = [sign for sign in condition.signs if sign in scope.undetected]
        yield problem("RULE_NEVER_FIRES", where, ids=", ".join(missing))
    if condition.holds(dict.fromkeys(condition.signs, "absent")):
        yield problem("RULE_WITHOUT_SIGN", where)
