"""Answers about a lesion: what it looks like, how large and how far it is, where it lies."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from dialogue import films
from dialogue.lesions import A1, A2, NODULE, PACK, context, look, observations, relation, reply
from whyray.dialogue import Answer
from whyray.dialogue.context import Context
from whyray.domain import Anchor, Attribute, Bilingual, DetectorSpec, Look, Mark, Measurement, Query, SignObservation

MM = re.compile(r"\d ?mm\b|毫米|mm²")


def fact_of(answer: Answer, name: str) -> str:
    """Text of the sentence that rests on the fact of that English name."""
    (fact,) = (f for f in answer.facts if f.name.en == name)
    return next(s.text for s in answer.sentences if fact.id in s.evidence)


@pytest.mark.parametrize(("lang", "said"), [
    ("zh", "轮廓有分叶，2 点、5 点方向各一切迹，最深切迹 1.4 mm"),
    ("en", "The outline is lobulated, with notches at 2 and 5 o'clock, deepest notch 1.4 mm"),
    ("zh", "周边可见毛刺，3 条，分别位于 1 点、4 点、11 点方向，毛刺平均长 4.2 mm"),
    ("en", "Spicules are seen at the margin, 3 in number, at 1, 4 and 11 o'clock, mean length 4.2 mm"),
    ("zh", "大小约 21.3 mm × 18.4 mm（长径 × 短径），面积 305 mm²"),
    ("en", "It measures about 21.3 mm × 18.4 mm (long × short diameter), area 305 mm²"),
    ("zh", "未见：钙化、空洞。"),
    ("en", "Not seen: calcification, cavity."),
    ("zh", "由近及远，邻近：肋骨、右肺门"),
    ("en", "Neighbours, nearest first: rib, right hilum"),
])  # fmt: skip
def test_everything_determined_is_described_with_numbers_and_clock(lang: str, said: str) -> None:
    assert said in reply("DESCRIBE", lang, anchors=("A1",)).text


def test_margin_shape_size_and_density_come_first_and_the_place_before_them() -> None:
    answer = reply("DESCRIBE", "en", anchors=("A1",))
    assert [f.name.en for f in answer.facts][:5] == ["A1", "margin", "shape", "size", "density"]
    assert answer.sentences[0].text == "A1: nodular shadow, in the right lower zone."


def test_only_what_is_asked_is_described_and_the_undetermined_with_its_reason() -> None:
    answer = reply("DESCRIBE", "en", anchors=("A1",), aspects=("bubbles", "tail"))
    assert [f.name.en for f in answer.facts] == ["A1", "small lucencies", "pleural tail"]
    assert fact_of(answer, "small lucencies").endswith("the lesion is too small for the pixels of this film.")
    assert fact_of(answer, "pleural tail") == "Not assessed: pleural tail."
    assert [f.state for f in answer.facts] == [None, "undetermined", "undetermined"]
    assert "空泡不能判断：病灶太小" in reply("DESCRIBE", "zh", anchors=("A1",), aspects=("bubbles",)).text


@pytest.mark.parametrize(("hours", "zh", "en"), [
    ((3,), "3 点方向一处切迹", "with a notch at 3 o'clock"),
    ((3, 3, 9), "3 点、9 点方向共 3 处切迹", "with 3 notches, at 3 and 9 o'clock"),
    ((12, 6, 9), "6 点、9 点、12 点方向各一切迹", "with notches at 6, 9 and 12 o'clock"),
])  # fmt: skip
def test_notches_are_counted_right(hours: tuple[int, ...], zh: str, en: str) -> None:
    marks = tuple(Mark((1.0, 1.0), h) for h in hours)
    count = Measurement("notch_count", len(hours), "count")
    given = context(looks={"A1": Look(NODULE, (Attribute("lobulation", "present", (count,), marks),), ())})
    for lang, said in (("zh", zh), ("en", en)):
        text = fact_of(reply("DESCRIBE", lang, given=given, anchors=("A1",), aspects=("lobulation",)), "lobulation")
        assert said in text
        assert "number of notches" not in text


def test_meaning_is_said_once_and_only_of_a_sign_that_the_look_makes() -> None:
    text = reply("DESCRIBE", "en", anchors=("A1",)).text
    assert text.count("spiculated margin suggests cancer; source: Fleischner 2008") == 1
    bare = context(looks={"A1": replace(look(), signs=())})
    assert "significance" not in reply("DESCRIBE", "en", given=bare, anchors=("A1",)).text


def test_a_property_that_makes_a_sign_is_a_fact_with_that_signs_mask() -> None:
    answer = reply("DESCRIBE", "en", anchors=("A1",), aspects=("spicules",))
    fact = answer.facts[-1]
    assert (fact.sign, fact.anchor, fact.region) == ("spiculated_margin", "A1", NODULE)
    assert [m.clock for m in fact.marks] == [11, 1, 4]
    unseen = SignObservation("spiculated_margin", True, 0.1)
    given = context(looks={"A1": replace(look(), signs=(unseen,))})
    assert reply("DESCRIBE", "en", given=given, anchors=("A1",), aspects=("spicules",)).facts[-1].sign is None


def test_a_property_of_a_sign_that_was_struck_out_is_not_told_as_seen() -> None:
    given = context(rejected=frozenset({"spiculated_margin", "nodular_shadow"}))
    answer = reply("DESCRIBE", "en", given=given, anchors=("A1",), aspects=("spicules",))
    assert "Struck out by the doctor and not taken as a reason: spiculated margin." in answer.text
    assert "Spicules are seen" not in answer.text
    assert answer.sentences[0].text == "A1: mark struck out by the doctor, in the right lower zone."
    assert all(f.sign is None for f in answer.facts)


@pytest.mark.parametrize("intent", ["DESCRIBE", "MEASURE", "LOCATE", "CHECKLIST"])
def test_several_possible_places_are_asked_back_by_name(intent: str) -> None:
    more = {"choices": ("A1", "A2"), "targets": ("nodule",)}
    zh, en = (reply(intent, lang, **more) for lang in ("zh", "en"))
    assert zh.sentences[0].text == "您指的是 A1（结节影，右下肺野）还是 A2（框选区域，左下肺野）？请说明是哪一处。"
    assert en.sentences[0].text.startswith("Do you mean A1 (nodular shadow, right lower zone) or A2 (drawn region, ")
    assert len(en.sentences) == 2
    assert en.sentences[0].evidence == ("F1", "F2")


def test_without_any_place_the_answer_tells_how_to_get_one() -> None:
    for intent in ("DESCRIBE", "MEASURE"):
        text = reply(intent, "en", given=Context(), aspects=("size",)).text
        assert 'ask "anything abnormal?" first, or click or draw a box' in text


def test_distance_edge_and_centre_with_uncertainty_and_the_lines_to_draw() -> None:
    zh, en = (
        reply("MEASURE", lang, anchors=("A1",), aspects=("distance",), places=("right_hilum",)) for lang in ("zh", "en")
    )
    assert "A1 至右肺门：边缘间距 42.0 ± 1.5 mm；中心间距 55.3 ± 1.5 mm。" in zh.text
    assert "A1 to the right hilum: edge to edge 42.0 ± 1.5 mm; centre to centre 55.3 ± 1.5 mm." in en.text
    (fact,) = (f for f in en.facts if f.kind == "distance")
    assert [len(m.lines) for m in fact.measurements] == [1, 1]
    assert "frontal projection" in en.text


def test_no_millimetre_without_spacing_and_one_sentence_why() -> None:
    given = context(relations={"A1": (relation(unit="px"),)}, looks={"A1": look("px")})
    for intent, aspects in (("MEASURE", ("distance", "size")), ("DESCRIBE", ())):
        for lang in ("zh", "en"):
            answer = reply(intent, lang, given=given, calibrated=False, anchors=("A1",), aspects=aspects)
            kept = [s.text for s in answer.sentences if "millimetres" not in s.text and "不能换算为毫米" not in s.text]
            assert len(kept) == len(answer.sentences) - 1
            assert not MM.search("\n".join(kept))
    text = reply("MEASURE", "en", given=given, calibrated=False, anchors=("A1",), aspects=("distance",)).text
    assert "168 ± 2 px (0.21 of the inner width of the chest)" in text


def test_millimetres_are_withheld_when_the_film_has_no_scale() -> None:
    text = reply("MEASURE", "en", calibrated=False, anchors=("A1",), aspects=("distance", "size")).text
    assert not MM.search(text)


@pytest.mark.parametrize(("change", "zh", "en"), [
    ({"contact": "touching"}, "两者边缘相贴", "their edges touch"),
    ({"contact": "inside", "overlap": 1.0}, "A1 位于右肺门之内", "A1 lies inside the right hilum"),
    ({"contact": "around", "overlap": 0.4}, "右肺门位于 A1 之内", "the right hilum lies inside A1"),
    ({"contact": "overlapping", "overlap": 0.3}, "A1 的 30% 与之重叠", "30% of A1"),
    ({"contact": "overlapping", "overlap": 0.0}, "A1 与右肺门重叠", "A1 overlaps the right hilum"),
    ({"connected": True}, "其间有软组织密度影相连", "a path of soft-tissue density joins them"),
    ({"connected": False}, "其间未见软组织密度影相连", "no path of soft-tissue density joins them"),
    ({"connected": None}, "是否相连无法判断", "whether they are joined cannot be judged"),
])  # fmt: skip
def test_contact_and_connection_in_words(change: dict[str, object], zh: str, en: str) -> None:
    given = context(relations={"A1": (relation(**change),)})
    for lang, said in (("zh", zh), ("en", en)):
        asked = {"anchors": ("A1",), "aspects": ("connection", "overlap"), "places": ("right_hilum",)}
        assert said in reply("MEASURE", lang, given=given, **asked).text


def test_two_places_are_measured_once() -> None:
    given = context(relations={"A1": (relation("A2"),), "A2": (relation("A1"),)})
    answer = reply("MEASURE", "zh", given=given, anchors=("A1", "A2"), aspects=("distance",))
    assert [f.name.zh for f in answer.facts] == ["A1", "A2", "A1 至 A2"]


def test_a_structure_that_does_not_show_is_said_to_be_unmeasured() -> None:
    answer = reply("MEASURE", "en", anchors=("A1",), aspects=("distance",), places=("spine",))
    assert "The distance to the spine cannot be measured: it does not show on this film." in answer.text
    assert "right hilum" not in answer.text


@pytest.mark.parametrize(("aspect", "said"), [
    ("ratio", "Cardiothoracic ratio 0.46 ± 0.02, width 131.0 mm."),
    ("angle", "This film gives no measurement of what was asked."),
])  # fmt: skip
def test_measurements_of_the_film(aspect: str, said: str) -> None:
    answer = reply("MEASURE", "en", given=Context(), aspects=(aspect,))
    assert answer.sentences[0].text == said
    assert all(f.sign is None for f in answer.facts)


def test_film_measurement_of_a_struck_out_sign_is_not_told() -> None:
    given = Context(rejected=frozenset({"enlarged_heart"}))
    assert "0.46" not in reply("MEASURE", "en", given=given, aspects=("ratio",)).text


def test_location_with_side_and_nearest_structure() -> None:
    assert reply("LOCATE", "en", anchors=("A1",)).sentences[0].text == (
        "A1: nodular shadow, in the right lower zone (patient's right), "
        "nearest structures: right hilum (42.0 ± 1.5 mm away)."
    )
    assert "（患者右侧），邻近结构：右肺门（相距 42.0 ± 1.5 mm）" in reply("LOCATE", "zh", anchors=("A1",)).text


def test_a_sign_is_located_found_missing_or_not_looked_for() -> None:
    answer = reply("LOCATE", "en", signs=("bat_wing_opacity", "hazy_opacity", "kerley_b"))
    first, second, third = (s.text for s in answer.sentences[:3])
    assert first.startswith(
        "Bat-wing opacity, in the right lower zone (patient's right), projecting over the right hil"
    )
    assert second == "Looked for and not found: hazy opacity."
    assert third.startswith("Not assessed (neither present nor absent): Kerley B lines; reason: this version cannot")
    assert [(p.sign, p.label.en) for p in answer.anchors] == [
        ("bat_wing_opacity", "Bat-wing opacity (right lower zone)")
    ]


def test_the_evidence_of_a_diagnosis_is_located() -> None:
    answer = reply("LOCATE", "en", target="nodule")
    assert "1. Bat-wing" not in answer.text
    assert "1. Nodular shadow, in the right lower zone (patient's right)." in answer.text
    assert [e.id for e in answer.items] == ["E20"]


def test_what_lies_in_a_place() -> None:
    text = reply("LOCATE", "en", places=("right_lower_field", "left_lower_field")).text
    assert "Seen in the right lower zone: bat-wing opacity, nodular shadow." in text
    assert "Left lower zone: none of the signs looked for is seen there (this does not mean normal)." in text


@pytest.mark.parametrize("lesions", [(), ("nodular_shadow",), ("mass_shadow",)])
def test_the_meaning_of_a_property_is_told_of_the_lesions_that_it_is_one_of(lesions: tuple[str, ...]) -> None:
    detector = DetectorSpec("closer", {"aspect": "spicules", "lesions": list(lesions)})
    signs = (replace(s, detector=detector) if s.id == "spiculated_margin" else s for s in PACK.signs)
    answer = reply("DESCRIBE", "en", pack=replace(PACK, signs=tuple(signs)), anchors=("A1",), aspects=("margin",))
    meant = lesions != ("mass_shadow",)
    assert ("suggests cancer" in answer.text) == meant
    assert ("spiculated_margin" in {f.sign for f in answer.facts}) == meant
    assert "The margin is spiculated" in answer.text


def test_parts_are_answered_in_order_with_one_research_line_and_nothing_twice() -> None:
    parts = (
        Query("", "en", "MEASURE", anchors=("A1",), aspects=("distance",)),
        Query("", "en", "WHY", "nodule", targets=("nodule",)),
        Query("", "en", "WHY", "nodule", targets=("nodule",)),
    )
    answer = reply("DESCRIBE", "en", anchors=("A1",), aspects=("margin",), parts=parts)
    texts = [s.text for s in answer.sentences]
    assert texts[0].startswith("A1: nodular")
    assert texts[1].startswith("The margin")
    assert texts[2].startswith("A1 to the right hilum")
    assert texts.count("Research use only, not for diagnosis.") == 1
    assert sum(t.startswith("A1: nodular shadow") for t in texts) == 1
    assert sum(t.startswith("1. Nodular shadow") for t in texts) == 1
    assert sum(t.startswith("The film is read as nodule") for t in texts) == 1
    assert len({f.id for f in answer.facts}) == len(answer.facts)


def test_a_drawn_place_on_no_zone_is_said_to_lie_in_none() -> None:
    lone = Anchor("A3", Bilingual("框选区域", "Drawn region"), films.region(0, 60, 3))
    given = context(anchors=(A1, A2, lone))
    assert "A3：框选区域，不在已知的肺区内。" in reply("LOCATE", "zh", given=given, anchors=("A3",)).text


def test_a_film_that_cannot_be_read_is_said_first() -> None:
    observed = replace(observations(), quality=films.observations(usable=False).quality)
    for intent in ("DESCRIBE", "MEASURE", "LOCATE", "COMPARE", "CHECKLIST"):
        first = reply(intent, "en", observed=observed, anchors=("A1",), targets=("nodule",)).sentences[0].text
        assert first.startswith("This film is not suitable for reading")
