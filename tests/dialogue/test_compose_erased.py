"""What answers say of erasing one reason and of erasing all of them at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dialogue import films
from dialogue.test_compose import ask
from whyray.domain import Counterfactual, Finding, Pack


def erased(alone: tuple[bool, bool], whole: Counterfactual) -> tuple[Finding, ...]:
    """The findings with the two tested reasons passing alone or not, and `whole` of all of them at once."""
    first, *others = films.findings()
    passed = dict(zip(("bat_wing_opacity", "enlarged_heart"), alone, strict=True))
    kept = tuple(
        replace(e, counterfactual=Counterfactual(0.2 if passed[e.sign] else 0.0, passed[e.sign]))
        for e in first.evidence
        if e.sign in passed
    )
    rest = tuple(e for e in first.evidence if e.polarity != "for")
    return (replace(first, evidence=(*kept, *rest), counterfactual=whole), *others)


@pytest.mark.parametrize(("drop", "passed", "zh", "en"), [
    (0.22, True, "34% → 12%，该概率确由这些所见支撑", "falls 34% → 12%: it rests on them."),
    (0.1, True, "34% → 24%，该概率部分由这些所见支撑", "falls 34% → 24%: it rests on them in part"),
    (0.01, False, "该概率并非由这些所见支撑", "stays at 33% (was 34%): it does not rest on them"),
    (-0.1, False, "概率不降反升 34% → 44%", "does not fall but rises 34% → 44%: it does not rest on them"),
])  # fmt: skip
def test_all_reasons_erased_at_once(pack: Pack, drop: float, passed: bool, zh: str, en: str) -> None:
    tested = erased((passed, passed), Counterfactual(drop, passed))
    assert zh in ask(pack, "为什么肺水肿", tested).text
    assert en in ask(pack, "why edema?", tested).text
    assert "at once" not in ask(pack, "why edema?").text  # not tested, not told


@pytest.mark.parametrize(("alone", "drop", "zh", "en"), [
    ((True, False), 0.01, "有的通过检验（蝶翼样阴影）", "yet some pass the test when erased alone (bat-wing opacity)"),
    ((True, True), -0.1, "（蝶翼样阴影、心影增大征）", "erased alone (bat-wing opacity, enlarged heart shadow)"),
    ((False, False), 0.2, "共同支撑，单独任一项均未通过检验", "rests on them together, on none of them alone"),
    ((True, False), 0.2, "单独未通过检验者除外（心影增大征）", "save what fails its own test (enlarged heart shadow)"),
])  # fmt: skip
def test_a_test_of_one_reason_and_the_test_of_all_do_not_deny_each_other(
    pack: Pack, alone: tuple[bool, bool], drop: float, zh: str, en: str
) -> None:
    tested = erased(alone, Counterfactual(drop, drop > 0.1))
    for question, said, none in (
        ("为什么肺水肿", zh, "并非由这些所见支撑"),
        ("why edema?", en, "it does not rest on them"),
    ):
        text = ask(pack, question, tested).text
        assert said in text
        assert none not in text
