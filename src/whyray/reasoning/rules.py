"""The rule language: condition trees over signs, places and measures, as the pack writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from whyray.domain import Pack, SignObservation


def fires(when: Any, seen: Mapping[str, SignObservation], pack: Pack) -> bool:
    """Whether the condition tree holds for certain; what was not looked for never makes it hold.

    Parameters
    ----------
    when
        A sign id (present), or a mapping with one of ``all``, ``any``, ``at_least``, ``absent``, ``measure``,
        ``overlaps``, ``symmetric``.
    seen
        Sign id -> observation.
    pack
        Names the sides of zones for ``symmetric``.

    Raises
    ------
    ValueError
        When the tree uses another word (the pack check reports it first).
    """
    return truth(when, seen, pack) is True


def truth(when: Any, seen: Mapping[str, SignObservation], pack: Pack) -> bool | None:
    """The condition tree in three values (strong Kleene logic, 1952): None when what is unknown could still decide it.

    A sign that was not looked for is unknown, and so is the number of a present sign that was not measured.
    Arguments and errors as in `fires`.
    """
    if isinstance(when, str):
        return _leaf(seen.get(when), lambda _: True)
    ((word, body),) = when.items()
    match word:
        case "all":
            return _all(body, seen, pack)
        case "any":
            return count([truth(part, seen, pack) for part in body], 1)
        case "at_least":
            return count([truth(part, seen, pack) for part in body["of"]], int(body["n"]))
        case "absent":
            there = _leaf(seen.get(body), lambda _: True)
            return None if there is None else not there
        case "measure":
            return _measure(body, seen.get(body["sign"]))
        case "overlaps":
            return _leaf(seen.get(body["sign"]), lambda observed: body["zone"] in observed.zones)
        case "symmetric":
            return _leaf(seen.get(body), lambda observed: _both_sides(observed, pack))
    raise ValueError(f"unknown word in a rule: {word}")


def count(values: Sequence[bool | None], least: int) -> bool | None:
    """Whether at least `least` of the values are true; None while the unknown ones can still decide it."""
    if values.count(True) >= least:
        return True
    return None if len(values) - values.count(False) >= least else False


def _all(parts: Sequence[Any], seen: Mapping[str, SignObservation], pack: Pack) -> bool | None:
    """`count` of all the parts, asked no further than the first false one."""
    known = True
    for part in parts:
        value = truth(part, seen, pack)
        if value is False:
            return False
        known = known and value is not None
    return True if known else None


def present(observed: SignObservation | None) -> bool:
    """A sign counts as present when a mask carries it."""
    return observed is not None and observed.region is not None


def _leaf(observed: SignObservation | None, holds: Callable[[SignObservation], bool]) -> bool | None:
    """What `holds` says of a present sign; false of an absent one, unknown of one that was not looked for."""
    if observed is not None and observed.region is not None:
        return holds(observed)
    return False if observed is not None and observed.ran else None


def _measure(body: Mapping[str, Any], observed: SignObservation | None) -> bool | None:
    if observed is None or not observed.ran:
        return None
    values = [m.value for m in observed.measurements if m.id == body["id"]]
    if not values:
        return None if observed.region is not None else False
    return all(
        values[0] >= float(body[k]) if k == ">=" else values[0] <= float(body[k]) for k in (">=", "<=") if k in body
    )


def _both_sides(observed: SignObservation, pack: Pack) -> bool:
    """Zones of both sides, and where a measurement named ``..._symmetry`` is there, shares that are alike enough."""
    least = pack.settings.get("symmetric_least", 0.0)
    alike = all(m.value >= least for m in observed.measurements if m.id.endswith("symmetry"))
    return alike and {"right", "left"} <= {zone.side for zone in pack.zones if zone.id in observed.zones}


def signs_of(when: Any) -> Iterator[str]:
    """Sign ids that the tree names positively (not under ``absent``)."""
    if isinstance(when, str):
        yield when
        return
    for word, body in when.items():
        if word in ("all", "any"):
            for part in body:
                yield from signs_of(part)
        elif word == "at_least":
            for part in body["of"]:
                yield from signs_of(part)
        elif word in ("measure", "overlaps"):
            yield body["sign"]
        elif word == "symmetric":
            yield body


def mentioned(when: Any) -> Iterator[str]:
    """Sign ids that the tree asks about, those under ``absent`` among them."""
    yield from signs_of(when)
    if isinstance(when, str):
        return
    for word, body in when.items():
        if word == "absent":
            yield body
        elif word in ("all", "any", "at_least"):
            for part in body["of"] if word == "at_least" else body:
                yield from mentioned(part)
