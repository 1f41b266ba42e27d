from __future__ import annotations

import pytest

from whyray.domain import ArgumentError
from whyray.knowledge import by_diagnosis, describe, load_pack, statistics


def test_statistics_count(small):
    numbers = statistics(load_pack(small.folder))
    assert (numbers["signs"], numbers["signs_detected"], numbers["signs_undetected"]) == (4, 2, 2)
    assert numbers["signs_confounders"] == 1
    assert numbers["patterns_learned"] == 1
    assert numbers["structures_segmented"] == 2
    assert (numbers["weights_counted"], numbers["weights_published"], numbers["weights_expert"]) == (1, 0, 2)
    assert (numbers["signs_coded"], numbers["share_signs_coded"]) == (2, 0.5)
    assert numbers["share_signs_with_a_single_code"] == 0.5
    assert numbers["share_bilingual"] == 1.0
    assert (numbers["core_signs"], numbers["variants"], numbers["checklist_rows"]) == (2, 1, 2)
    assert (numbers["differentials"], numbers["differential_rows"], numbers["places"]) == (1, 2, 1)


def test_a_composed_code_is_counted_apart(small):
    small.replace("signs/all.yaml", ', mesh: "Lung, Hyperlucent"', "")
    numbers = statistics(load_pack(small.folder))
    assert numbers["share_signs_coded"] == 0.5
    assert numbers["share_signs_with_a_single_code"] == 0.25
    assert numbers["share_signs_with_a_composed_code_only"] == 0.25


def test_a_pathway_that_waits_for_a_detector_is_counted(small):
    numbers = statistics(load_pack(small.folder))
    assert (numbers["pathways"], numbers["pathways_that_can_fire_today"]) == (1, 1)
    small.replace("rules/all.yaml", "[white, {absent: black}", "[white, unseen, {absent: black}")
    numbers = statistics(load_pack(small.folder))
    assert (numbers["pathways"], numbers["pathways_that_can_fire_today"]) == (1, 0)


def test_an_untranslated_text_lowers_the_share(small):
    small.replace("signs/all.yaml", "{zh: 白, en: white area}", "{zh: white, en: white area}")
    assert 0.9 < statistics(load_pack(small.folder))["share_bilingual"] < 1.0


def test_numbers_of_a_diagnosis(small):
    assert by_diagnosis(load_pack(small.folder)) == {
        "ill": {"pathways": 1, "core_signs": 2, "variants": 1, "checklist": 2, "weights": 3, "weights_counted": 1}
    }


def test_a_sign_tells_what_it_moves(small):
    text = describe(load_pack(small.folder), "white", "en")
    assert "moves: ill: 3 (2-4) / 0.5 (0.4-0.6), counted: table" in text
    assert "umls C0034063" in text
    assert "belongs to: ill [ill]" in text
    assert text.splitlines()[-1] == "pathways: both"


def test_a_device_is_called_a_confounder(small):
    assert "器械类混杂因素" in describe(load_pack(small.folder), "tube", "zh")


def test_a_diagnosis_tells_its_weights_and_pathways(small):
    text = describe(load_pack(small.folder), "ill", "zh")
    assert "白影: 3 (2-4) / 0.5 (0.4-0.6), 统计: table" in text
    assert "both: 两者 (+0.30)" in text
    assert "核心征象: 白影 [white]；黑影 [black]" in text
    assert "白: 白影或隐影 (book)" in text
    assert "鉴别: 病与隐影 [ill_or_unseen]" in text


def test_a_basis_is_said_once(small):
    small.replace(
        "diagnoses/ill.yaml", "basis: expert, source: opinion", 'basis: expert, source: "expert opinion: seen"'
    )
    text = describe(load_pack(small.folder), "ill", "en")
    assert "2 / 0.9, expert opinion: seen" in text
    assert "expert opinion: opinion" in text


def test_a_rule_is_told_in_words(small):
    pack = load_pack(small.folder)
    assert "when: white + no black + width of white ≥ 3" in describe(pack, "both", "en")
    assert "条件: 白影 + 无黑影 + 白影的宽度 ≥ 3" in describe(pack, "both", "zh")


def test_a_variant_and_a_differential_are_told(small):
    pack = load_pack(small.folder)
    assert "when: white in the top" in describe(pack, "white_top", "en")
    text = describe(pack, "ill_or_unseen", "en")
    assert "for ill [ill]:\n  white: white (book)\nfor unseen [unseen]:" in text
    assert text.endswith("what would decide: look again")


def test_an_undetected_sign_says_so(small):
    assert "目前不自动检测" in describe(load_pack(small.folder), "unseen", "zh")


def test_an_unknown_id_suggests_the_nearest(small):
    with pytest.raises(ArgumentError) as caught:
        describe(load_pack(small.folder), "whit", "en")
    assert caught.value.code == "ID_UNKNOWN"
    assert "white" in caught.value.hint.en


@pytest.mark.parametrize(("lang", "told"), [("zh", "前后位不然"), ("en", "Not on AP films")])
def test_what_a_view_limits_is_told_with_the_sign(small, lang, told):
    pack = load_pack(small.folder)
    assert told in describe(pack, "black", lang)
    black = pack.sign("black")
    assert told in black.meaning("AP").get(lang)
    assert black.meaning("AP").get(lang).startswith(black.significance.get(lang))
    assert black.meaning("PA") == black.meaning("UNKNOWN") == black.significance
