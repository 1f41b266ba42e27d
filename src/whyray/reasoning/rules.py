"""The rule language: condition trees over signs, places and measures, as the pack writes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from whyray.domain import Pack, SignObservation


def fires(when: Any, seen: Mapping[str, SignObservation], pack: Pack) -> bool:
    """Whether the condition tree holds.

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
    if isinstance(when, str):
        return present(seen.get(when))
    ((word, body),) = ((k, v) for k, v in when.items())
    match word:
        case "all":
            return all(fires(part, seen, pack) for part in body)
        case "any":
            return any(fires(part, seen, pack) for part in body)
        case "at_least":
            return sum(fires(part, seen, pack) for part in body["of"]) >= int(body["n"])
        case "absent":
            observed = seen.get(body)
            return observed is not None and observed.ran and observed.region is None
        case "measure":
            return _measure(body, seen)
        case "overlaps":
            observed = seen.get(body["sign"])
            return observed is not None and observed.region is not None and body["zone"] in observed.zones
        case "symmetric":
            return _symmetric(seen.get(body), pack)
    raise ValueError(f"unknown word in a rule: {word}")


def present(observed: SignObservation | None) -> bool:
    """A sign counts as present when a mask carries it."""
    return observed is not None and observed.region is not None


def _measure(body: Mapping[str, Any], seen: Mapping[str, SignObservation]) -> bool:
    observed = seen.get(body["sign"])
    if observed is None or not observed.ran:
        return False
    values = [m.value for m in observed.measurements if m.id == body["id"]]
    if not values:
        return False
    return all(
        values[0] >= float(body[k]) if k == ">=" else values[0] <= float(body[k]) for k in (">=", "<=") if k in body
    )


def _symmetric(observed: SignObservation | None, pack: Pack) -> bool:
    if observed is None or observed.region is None:
        return False
    sides = {zone.side for zone in pack.zones if zone.id in observed.zones}
    return {"right", "left"} <= sides


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
