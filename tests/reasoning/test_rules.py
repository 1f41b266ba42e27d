from dataclasses import replace
from typing import Any

import pytest

from reasoning import worlds
from reasoning.worlds import measured, region, seen
from whyray import knowledge
from whyray.domain import Measurement, SignObservation
from whyray.reasoning import fires, signs_of
from whyray.reasoning.rules import present

PACK = worlds.pack((), ())
WORLD = {
    "yes": seen("yes", 0.9, zones=("upper_r", "middle"), measurements=measured("size", 0.55)),
    "both": seen("both", 0.9, zones=("upper_r", "upper_l")),
    "right": seen("right", 0.9, zones=("upper_r", "lower_r")),
    "no": seen("no", 0.1, measurements=measured("size", 0.30)),
    "blind": seen("blind", None),
}
TABLE: list[tuple[Any, bool]] = [
    ("yes", True),
    ("no", False),
    ("blind", False),
    ("unheard_of", False),
    ({"all": ["yes", "both"]}, True),
    ({"all": ["yes", "no"]}, False),
    ({"all": ["no", "blind"]}, False),
    ({"any": ["yes", "no"]}, True),
    ({"any": ["no", "blind"]}, False),
    ({"at_least": {"n": 2, "of": ["yes", "both", "no"]}}, True),
    ({"at_least": {"n": 3, "of": ["yes", "both", "no"]}}, False),
    ({"at_least": {"n": 1, "of": [{"all": ["yes", "no"]}, {"any": ["no", "both"]}]}}, True),
    ({"absent": "no"}, True),
    ({"absent": "yes"}, False),
    ({"absent": "blind"}, False),
    ({"absent": "unheard_of"}, False),
    ({"measure": {"sign": "yes", "id": "size", ">=": 0.55}}, True),
    ({"measure": {"sign": "yes", "id": "size", ">=": 0.56}}, False),
    ({"measure": {"sign": "yes", "id": "size", "<=": 0.55}}, True),
    ({"measure": {"sign": "yes", "id": "size", "<=": 0.54}}, False),
    ({"measure": {"sign": "yes", "id": "size", ">=": 0.5, "<=": 0.6}}, True),
    ({"measure": {"sign": "yes", "id": "size", ">=": 0.5, "<=": 0.52}}, False),
    ({"measure": {"sign": "no", "id": "size", "<=": 0.5}}, True),
    ({"measure": {"sign": "yes", "id": "weight", ">=": 0.0}}, False),
    ({"measure": {"sign": "blind", "id": "size", ">=": 0.0}}, False),
    ({"measure": {"sign": "unheard_of", "id": "size", ">=": 0.0}}, False),
    ({"overlaps": {"sign": "yes", "zone": "upper_r"}}, True),
    ({"overlaps": {"sign": "yes", "zone": "lower_r"}}, False),
    ({"overlaps": {"sign": "no", "zone": "upper_r"}}, False),
    ({"overlaps": {"sign": "blind", "zone": "upper_r"}}, False),
    ({"overlaps": {"sign": "unheard_of", "zone": "upper_r"}}, False),
    ({"symmetric": "both"}, True),
    ({"symmetric": "right"}, False),
    ({"symmetric": "yes"}, False),
    ({"symmetric": "no"}, False),
    ({"symmetric": "blind"}, False),
    ({"symmetric": "unheard_of"}, False),
]


@pytest.mark.parametrize(("when", "truth"), TABLE, ids=str)
def test_truth_table(when: Any, truth: bool) -> None:
    assert fires(when, WORLD, PACK) is truth


def test_an_absent_sign_below_the_threshold_does_not_overlap_even_with_a_zone() -> None:
    world = {"faint": SignObservation("faint", True, 0.4, zones=("upper_r", "upper_l"))}
    assert not fires({"overlaps": {"sign": "faint", "zone": "upper_r"}}, world, PACK)
    assert not fires({"symmetric": "faint"}, world, PACK)


@pytest.mark.parametrize(("measured", "truth"), [(0.28, False), (0.5, True), (0.9, True)])
def test_a_sign_with_most_of_it_on_one_side_is_not_symmetric(measured: float, truth: bool) -> None:
    pack = replace(PACK, settings={**PACK.settings, "symmetric_least": 0.5})
    both = replace(WORLD["both"], measurements=(Measurement("veil_symmetry", measured, "ratio"),))
    assert fires({"symmetric": "both"}, {"both": both}, pack) is truth
    assert fires({"symmetric": "both"}, {"both": both}, PACK)  # a pack that states no limit


def test_the_measures_that_a_rule_on_symmetry_reads_are_there() -> None:
    pack = next(p for p in knowledge.load_packs() if p.id == "chest")
    assert 0 < pack.settings["symmetric_least"] < 1
    own = {s.detector.params.get("measure") for s in pack.signs if s.detector is not None}
    names = {m for m in {*own, *pack.figures} if m and m.endswith("symmetry")}
    assert names == {"opacity_symmetry", "redistribution_symmetry", "veil_symmetry"}


def test_a_sign_is_present_by_its_mask() -> None:
    assert present(SignObservation("s", True, 0.1, region=region()))
    assert not present(SignObservation("s", True, 0.99))
    assert not present(None)


@pytest.mark.parametrize("when", [{"perhaps": ["yes"]}, {"not": "yes"}, {"all": ["yes"], "any": ["no"]}, {}])
def test_other_words_are_errors(when: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  any wording: the pack check reports it first
        fires(when, WORLD, PACK)


def test_named_signs_leave_out_the_absent_ones_and_keep_the_order() -> None:
    when = {
        "all": [
            "a",
            {"any": ["b", {"absent": "c"}]},
            {"at_least": {"n": 1, "of": ["d", {"symmetric": "e"}]}},
            {"measure": {"sign": "f", "id": "size", ">=": 1}},
            {"overlaps": {"sign": "g", "zone": "upper_r"}},
        ]
    }
    assert list(signs_of(when)) == ["a", "b", "d", "e", "f", "g"]


def test_every_rule_of_the_shipped_packs_can_be_evaluated_and_names_its_signs() -> None:
    for pack in knowledge.load_packs():
        everything = {s.id: seen(s.id, 0.9) for s in pack.signs}
        for rule in pack.rules:
            assert isinstance(fires(rule.when, everything, pack), bool)
            named = set(signs_of(rule.when))
            assert named <= set(everything)
            assert named, rule.id
            assert not fires(rule.when, {s.id: seen(s.id, None) for s in pack.signs}, pack), rule.id
