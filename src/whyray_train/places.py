"""Locations of report labels in the pack's zones."""

from __future__ import annotations

from collections.abc import Collection

from whyray.domain import Pack

_BOTH = "both"


def zones_of(locations: Collection[str], pack: Pack) -> tuple[str, ...]:
    """Zones that these locations of one sign touch for certain.

    A location that leaves the side open counts on the side that another one names, on both where one says
    bilateral, and nowhere when none tells the side (unless the zone has no side).
    """
    known = [place for place in pack.places.locations if place.label in locations]
    sides = {place.side for place in known} - {None}
    open_sides = {"right", "left"} if _BOTH in sides else sides
    side_of = {zone.id: zone.side for zone in pack.zones}
    named = dict.fromkeys(zone for place in known for zone in place.zones)
    return tuple(zone for zone in named if side_of[zone] is None or side_of[zone] in open_sides)


def groups_of(locations: Collection[str], pack: Pack) -> frozenset[str]:
    """Zone groups that these locations touch, whatever the side."""
    named = {zone for place in pack.places.locations if place.label in locations for zone in place.zones}
    return frozenset(group.id for group in pack.places.groups if named & set(group.zones))


def is_bilateral(locations: Collection[str], pack: Pack) -> bool:
    """Whether the locations name both sides."""
    sides = {place.side for place in pack.places.locations if place.label in locations}
    return _BOTH in sides or {"right", "left"} <= sides
