"""Sources in the reader's language: sentences are told, references stand as they are."""

from __future__ import annotations

import pytest

from whyray.domain.sourcing import in_chinese, parts, untold, without_opinion

CHINESE = {
    "expert opinion": "专家意见",
    "septal lines are oedema": "间隔线为肺水肿表现",
    "Smith, Chest 1990: ratio 5": "Smith, Chest 1990：似然比5",
}


@pytest.mark.parametrize(
    ("source", "chinese"),
    [
        ("expert opinion: septal lines are oedema", "专家意见：间隔线为肺水肿表现"),
        ("expert opinion: septal lines are oedema; Smith, Chest 1990 (lines)",
         "专家意见：间隔线为肺水肿表现；Smith, Chest 1990 (lines)"),
        ("septal lines are oedema", "间隔线为肺水肿表现"),
        ("Smith, Chest 1990: ratio 5", "Smith, Chest 1990：似然比5"),
        ("expert opinion: words nobody has put into Chinese", "专家意见"),
        ("expert opinion", "专家意见"),
        ("Jones, Radiology 1984;152:1 (pooled; of all)", "Jones, Radiology 1984;152:1 (pooled; of all)"),
        ("PadChest", "PadChest"),
    ],
)  # fmt: skip
def test_sentences_are_told_and_references_stay(source: str, chinese: str) -> None:
    assert in_chinese(source, CHINESE) == chinese


def test_semicolons_inside_a_reference_cut_nothing() -> None:
    assert list(parts("a (b; c); Jones, Radiology 1984;152:1")) == ["a (b; c)", "Jones, Radiology 1984;152:1"]


def test_what_has_no_chinese_form_is_named() -> None:
    assert untold("expert opinion: septal lines are oedema; and more; Smith, Chest 1990", CHINESE) == ("and more",)


def test_an_opinion_is_called_one_once() -> None:
    assert without_opinion("expert opinion: it is seldom") == "it is seldom"
    assert without_opinion("expert opinion after Smith, Chest 1990") == "after Smith, Chest 1990"
    assert without_opinion("Smith, Chest 1990") == "Smith, Chest 1990"
