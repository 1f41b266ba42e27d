"""The rule language: parsing a condition tree and asking whether it can hold.

A condition is a sign id (the sign is there) or one of
``all: [...]``, ``any: [...]``, ``at_least: {n, of: [...]}``, ``absent: sign``,
``measure: {sign, id, ">=": x}`` (or ``"<="``), ``overlaps: {sign, zone}``, ``symmetric: sign``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

State = Literal["present", "absent", "unknown"]
MOST_SIGNS = 12
_BOUNDS = frozenset((">=", "<="))


class ConditionError(ValueError):
    """A tree that is not of the rule language; `place` is the path to the fault."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}: {reason}")
        self.place = place
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Condition:
    """A parsed node.

    ``op`` is ``present``, ``absent``, ``at_least`` (``all`` and ``any`` are at least all and at least one of
    the parts), ``measure``, ``overlaps`` or ``symmetric``; the last two also need their sign to be there, a
    measure needs it to have been looked for. ``bounds`` are the least and the greatest value of a measure.
    """

    op: str
    sign: str = ""
    parts: tuple[Condition, ...] = ()
    n: int = 0
    measure: str = ""
    zone: str = ""
    bounds: tuple[float, float] = (-math.inf, math.inf)

    def walk(self) -> Iterator[Condition]:
        """Yield the node and all nodes below it."""
        yield self
        for part in self.parts:
            yield from part.walk()

    @property
    def signs(self) -> tuple[str, ...]:
        """Ids of all signs named, each once, in order."""
        return tuple(dict.fromkeys(node.sign for node in self.walk() if node.sign))

    def holds(self, states: Mapping[str, State]) -> bool:
        """Whether it can hold when the signs are as `states` tells; places and measures are taken as met."""
        if self.op == "at_least":
            return not self._impossible() and sum(part.holds(states) for part in self.parts) >= self.n
        if self.op == "measure":
            return states[self.sign] != "unknown"
        return states[self.sign] == ("absent" if self.op == "absent" else "present")

    def _impossible(self) -> bool:
        """Whether the parts that must all be met ask two values of one measure that exclude each other."""
        asked: dict[tuple[str, str], tuple[float, float]] = {}
        for part in self.flat() if self.n == len(self.parts) else ():
            low, high = asked.get((part.sign, part.measure), (-math.inf, math.inf))
            asked[part.sign, part.measure] = (max(low, part.bounds[0]), min(high, part.bounds[1]))
        return any(low > high for low, high in asked.values())

    def flat(self) -> tuple[Condition, ...]:
        """Parts that must all be met, those of an inner ``all`` in its place; the node itself when it is no ``all``."""
        if self.op != "at_least" or self.n < len(self.parts):
            return (self,)
        return tuple(inner for part in self.parts for inner in part.flat())

    @property
    def key(self) -> str:
        """The same text for the same condition, however its parts are ordered or nested."""
        flat = self.flat()
        if flat != (self,):
            keys = sorted({part.key for part in flat})
            return keys[0] if len(keys) == 1 else f"all({','.join(keys)})"
        if self.op == "at_least":
            return f"{self.n}({','.join(sorted(part.key for part in self.parts))})"
        return f"{self.op}:{self.sign}:{self.measure}:{self.zone}:{self.bounds}"

    @property
    def positive(self) -> tuple[str, ...]:
        """Ids of the signs that must or may be there, each once, in order."""
        named = (node.sign for node in self.walk() if node.sign and node.op != "absent")
        return tuple(dict.fromkeys(named))

    def dead_parts(self) -> Iterator[Condition]:
        """Parts below this one that contradict themselves although the whole can hold."""
        yield from (node for node in self.walk() if node is not self and node.parts and not node.can_hold())

    def can_hold(self, undetected: frozenset[str] = frozenset()) -> bool:
        """Whether some state of the signs fulfils it; an undetected sign is neither present nor absent."""
        free: tuple[State, ...] = ("present", "absent")
        none: tuple[State, ...] = ("unknown",)
        choices = [none if sign in undetected else free for sign in self.signs]
        return any(self.holds(dict(zip(self.signs, states, strict=True))) for states in product(*choices))


def parse(tree: Any, place: str = "when") -> Condition:
    """Condition tree as written in YAML -> `Condition`; raises `ConditionError`."""
    condition = _parse(tree, place)
    if len(condition.signs) > MOST_SIGNS:
        raise ConditionError(place, f"more than {MOST_SIGNS} signs")
    return condition


def _parse(tree: Any, place: str) -> Condition:
    if isinstance(tree, str):
        return Condition("present", sign=tree)
    if not isinstance(tree, Mapping) or len(tree) != 1:
        raise ConditionError(place, "a sign id or one operator is expected")
    ((op, value),) = tree.items()
    place = f"{place}.{op}"
    if op in ("all", "any"):
        parts = _parts(value, place)
        return Condition("at_least", parts=parts, n=len(parts) if op == "all" else 1)
    if op == "at_least":
        fields = _fields(value, {"n", "of"}, place)
        return _at_least(fields["n"], _parts(fields["of"], f"{place}.of"), place)
    if op in ("absent", "symmetric"):
        return Condition(op, sign=_text(value, place))
    if op == "overlaps":
        fields = _fields(value, {"sign", "zone"}, place)
        return Condition(op, sign=_text(fields["sign"], place), zone=_text(fields["zone"], place))
    if op == "measure":
        return _measure(value, place)
    raise ConditionError(place, f"unknown operator {op!r}")


def _at_least(n: Any, parts: tuple[Condition, ...], place: str) -> Condition:
    if not isinstance(n, int) or isinstance(n, bool) or not 1 <= n <= len(parts):
        raise ConditionError(place, f"n must be 1 to {len(parts)}")
    return Condition("at_least", parts=parts, n=n)


def _measure(value: Any, place: str) -> Condition:
    bounds = _BOUNDS & set(value) if isinstance(value, Mapping) else _BOUNDS
    if len(bounds) != 1:
        raise ConditionError(place, 'exactly one of ">=" and "<=" is expected')
    (bound,) = bounds
    fields = _fields(value, {"sign", "id", bound}, place)
    if not isinstance(fields[bound], int | float) or isinstance(fields[bound], bool):
        raise ConditionError(place, f"{bound} needs a number")
    limit = float(fields[bound])
    span = (limit, math.inf) if bound == ">=" else (-math.inf, limit)
    sign, measure = _text(fields["sign"], place), _text(fields["id"], place)
    return Condition("measure", sign=sign, measure=measure, bounds=span)


def _parts(value: Any, place: str) -> tuple[Condition, ...]:
    if not isinstance(value, list) or not value:
        raise ConditionError(place, "a list of conditions is expected")
    return tuple(_parse(part, f"{place}[{index}]") for index, part in enumerate(value))


def _fields(value: Any, names: set[str], place: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or set(value) != names:
        raise ConditionError(place, f"exactly the fields {', '.join(sorted(names))} are expected")
    return value


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str) or not value:
        raise ConditionError(place, "an id is expected")
    return value
