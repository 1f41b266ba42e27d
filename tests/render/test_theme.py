import itertools

import numpy as np
import pytest
import yaml

from whyray.domain import OutputError
from whyray.render import load_theme
from whyray.render.theme import FOLDER, parse_theme, rgb

THEME = load_theme()
# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB.
SIGHT = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def lab(color, sight):
    values = np.asarray(rgb(color)) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.asarray(sight) @ linear, 0, 1)
    to_xyz = np.asarray([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ seen / np.asarray([0.9505, 1.0, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.asarray([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_any_two_slots_differ_for_every_kind_of_colour_vision():
    for a, b in itertools.combinations(THEME.slots, 2):
        distance = min(np.linalg.norm(lab(a.color, m) - lab(b.color, m)) for m in SIGHT.values())
        assert a.dash != b.dash or distance >= 20, (a, b, distance)


def test_the_first_six_slots_differ_in_pattern_and_in_colour():
    first = THEME.slots[:6]
    assert len({slot.dash for slot in first}) == 6
    assert len({slot.color for slot in first}) == 6


def test_slots_stand_out_from_a_dark_panel():
    panel = lab(THEME.colors["panel"], SIGHT["normal"])
    assert all(lab(slot.color, SIGHT["normal"])[0] - panel[0] > 40 for slot in THEME.slots)


def test_slot_numbers_cycle_and_names_are_roles():
    assert THEME.slot(str(len(THEME.slots))) == THEME.slots[0]
    assert THEME.slot("absent") == THEME.roles["absent"]


@pytest.mark.parametrize("broken", [{"slots": 3}, {"surprise": 1}, {"styles": {"evidence": {"fill": 1}}}])
def test_a_wrong_theme_is_an_error_that_names_the_key(broken):
    document = yaml.safe_load((FOLDER / "theme.yaml").read_text(encoding="utf-8")) | broken
    with pytest.raises(OutputError, match="THEME_INVALID") as caught:
        parse_theme(document)
    assert next(iter(broken)) in caught.value.sentence.en
