from __future__ import annotations

import pytest

from whyray.knowledge import load_packs
from whyray_train.places import groups_of, is_bilateral, zones_of


@pytest.fixture(scope="module")
def chest():
    return load_packs()[0]


@pytest.mark.parametrize(
    ("locations", "zones"),
    [
        (["right upper lobe"], {"right_apex", "right_upper_field"}),
        (["apical", "left"], {"left_apex"}),
        (["basal", "bilateral"], {"right_lower_field", "left_lower_field"}),
        (["basal"], set()),
        (["right"], set()),
        (["cardiac"], set()),
        (["retrocardiac"], {"retrocardiac"}),
        (["perihilar", "right", "left"], {"right_perihilar", "left_perihilar"}),
        (["no such place"], set()),
    ],
)
def test_zones_are_touched_on_the_side_that_is_told(chest, locations, zones):
    assert set(zones_of(locations, chest)) == zones


def test_groups_do_not_need_a_side(chest):
    assert groups_of(["basal"], chest) == {"lower_zones"}
    assert groups_of(["right upper lobe", "perihilar"], chest) == {"upper_zones", "central_zones"}
    assert groups_of(["cardiac"], chest) == set()


@pytest.mark.parametrize(
    ("locations", "both"),
    [(["bilateral"], True), (["right", "left"], True), (["right upper lobe", "left"], True), (["right"], False)],
)
def test_both_sides(chest, locations, both):
    assert is_bilateral(locations, chest) is both


def test_all_104_locations_are_there_once_and_name_zones_of_the_pack(chest):
    labels = [place.label for place in chest.places.locations]
    zones = {zone.id for zone in chest.zones}
    assert len(labels) == len(set(labels)) == 104
    for entry in (*chest.places.locations, *chest.places.groups):
        assert set(entry.zones) <= zones


def test_a_place_of_one_side_names_zones_of_that_side(chest):
    side = {zone.id: zone.side for zone in chest.zones}
    for place in chest.places.locations:
        if place.side in ("right", "left"):
            assert {side[zone] for zone in place.zones} <= {place.side, None}, place.label
