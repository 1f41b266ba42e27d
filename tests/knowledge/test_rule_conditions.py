from __future__ import annotations

import pytest

from whyray.knowledge.codes import verhoeff
from whyray.knowledge.conditions import MOST_SIGNS, ConditionError, parse

FULL = {
    "all": [
        "a",
        {"any": ["b", {"absent": "c"}]},
        {"at_least": {"n": 2, "of": ["d", "e", {"symmetric": "f"}]}},
        {"measure": {"sign": "a", "id": "width", ">=": 0.5}},
        {"overlaps": {"sign": "b", "zone": "top"}},
    ]
}

TWO = {"at_least": {"n": 2, "of": ["a", "b", "c"]}}
REAL = ["60046008", "36118008", "8186001", "27925004", "4147007", "19242006", "40779009"]
WRONG = [
    (7, "when"),
    ([], "when"),
    ({}, "when"),
    ({"all": ["a"], "any": ["b"]}, "when"),
    ({"none": ["a"]}, "when.none"),
    ({"all": []}, "when.all"),
    ({"all": "a"}, "when.all"),
    ({"any": ["a", {"all": [3]}]}, "when.any[1].all[0]"),
    ({"at_least": {"n": 3, "of": ["a", "b"]}}, "when.at_least"),
    ({"at_least": {"n": 0, "of": ["a"]}}, "when.at_least"),
    ({"at_least": {"n": True, "of": ["a"]}}, "when.at_least"),
    ({"at_least": {"of": ["a"]}}, "when.at_least"),
    ({"absent": ["a"]}, "when.absent"),
    ({"symmetric": ""}, "when.symmetric"),
    ({"overlaps": {"sign": "a"}}, "when.overlaps"),
    ({"overlaps": {"sign": "a", "zone": "z", "share": 1}}, "when.overlaps"),
    ({"measure": {"sign": "a", "id": "w"}}, "when.measure"),
    ({"measure": {"sign": "a", "id": "w", ">=": 1, "<=": 2}}, "when.measure"),
    ({"measure": {"sign": "a", "id": "w", ">": 1}}, "when.measure"),
    ({"measure": {"sign": "a", "id": "w", ">=": "1"}}, "when.measure"),
    ({"measure": "a"}, "when.measure"),
]


def test_the_whole_language_parses():
    condition = parse(FULL)
    assert condition.signs == ("a", "b", "c", "d", "e", "f")
    assert {node.zone for node in condition.walk()} == {"", "top"}
    assert {node.measure for node in condition.walk()} == {"", "width"}


@pytest.mark.parametrize(("tree", "place"), WRONG)
def test_everything_else_is_refused_with_its_place(tree, place):
    with pytest.raises(ConditionError) as caught:
        parse(tree)
    assert caught.value.place == place


def test_too_many_signs_are_refused():
    with pytest.raises(ConditionError):
        parse({"any": [f"s{i}" for i in range(MOST_SIGNS + 1)]})


@pytest.mark.parametrize(
    ("tree", "states", "answer"),
    [
        ("a", {"a": "present"}, True),
        ("a", {"a": "unknown"}, False),
        ({"absent": "a"}, {"a": "absent"}, True),
        ({"absent": "a"}, {"a": "unknown"}, False),
        ({"measure": {"sign": "a", "id": "w", ">=": 1}}, {"a": "absent"}, True),
        ({"measure": {"sign": "a", "id": "w", ">=": 1}}, {"a": "unknown"}, False),
        (TWO, {"a": "present", "b": "absent", "c": "present"}, True),
        (TWO, {"a": "present", "b": "absent", "c": "unknown"}, False),
    ],
)
def test_holds(tree, states, answer):
    assert parse(tree).holds(states) is answer


@pytest.mark.parametrize("code", REAL)
def test_verhoeff_accepts_real_codes_and_refuses_each_single_slip(code):
    assert verhoeff(code)
    for at in range(len(code)):
        wrong = code[:at] + str((int(code[at]) + 1) % 10) + code[at + 1 :]
        assert not verhoeff(wrong)


MEASURE = {"sign": "a", "id": "w"}


@pytest.mark.parametrize(
    ("tree", "answer"),
    [
        ({"all": ["a", {"measure": {**MEASURE, ">=": 2}}, {"measure": {**MEASURE, "<=": 1}}]}, False),
        ({"all": ["a", {"measure": {**MEASURE, ">=": 1}}, {"all": [{"measure": {**MEASURE, "<=": 2}}]}]}, True),
        ({"any": [{"measure": {**MEASURE, ">=": 2}}, {"measure": {**MEASURE, "<=": 1}}]}, True),
        ({"all": [{"measure": {**MEASURE, ">=": 2}}, {"measure": {"sign": "b", "id": "w", "<=": 1}}]}, True),
    ],
)
def test_bounds_that_exclude_each_other_cannot_hold(tree, answer):
    assert parse(tree).can_hold() is answer


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"all": ["a", "b"]}, {"all": ["b", "a"]}, True),
        ({"all": ["a", {"all": ["b", "c"]}]}, {"all": ["c", "b", "a"]}, True),
        ("a", {"any": ["a"]}, True),
        ({"any": ["a", "b"]}, {"at_least": {"n": 1, "of": ["b", "a"]}}, True),
        ({"all": ["a", "b"]}, {"any": ["a", "b"]}, False),
        ("a", {"absent": "a"}, False),
        ("a", {"symmetric": "a"}, False),
        ({"measure": {**MEASURE, ">=": 1}}, {"measure": {**MEASURE, ">=": 2}}, False),
        ({"overlaps": {"sign": "a", "zone": "x"}}, {"overlaps": {"sign": "a", "zone": "y"}}, False),
    ],
)
def test_the_key_tells_whether_two_conditions_are_the_same(one, other, same):
    assert (parse(one).key == parse(other).key) is same


def test_positive_signs_leave_out_what_must_be_absent():
    assert parse({"all": ["a", {"absent": "b"}, {"overlaps": {"sign": "c", "zone": "z"}}]}).positive == ("a", "c")


def test_dead_parts_are_found_below_a_condition_that_can_hold():
    alive = parse({"any": ["a", {"all": ["b", "c"]}]})
    dead = parse({"any": ["a", {"all": ["b", {"absent": "b"}]}]})
    assert not list(alive.dead_parts())
    assert [part.signs for part in dead.dead_parts()] == [("b",)]
