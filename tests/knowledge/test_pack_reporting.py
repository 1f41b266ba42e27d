"""``report.yaml``: what it names must be in the pack."""

from __future__ import annotations

import pytest

from whyray.domain import PackError
from whyray.knowledge import check, load_pack

PLAN = """
sections:
  - {id: lungs, title: {zh: 肺, en: Lungs}, name: {zh: 肺, en: lungs}, groups: [all]}
forms:
  - {id: whiteness, title: {zh: 白, en: white}, signs: [white], lead: [lungs], negatives: [black]}
  - {id: general, title: {zh: 报告, en: report}}
zones: [top]
places:
  - {of: [top], name: {zh: 上, en: the top}}
phrases:
  white: {seen: {zh: "{place}白", en: "white {place}"}}
"""

BROKEN = [
    ("SIGN_UNKNOWN", lambda d: d["forms"][0].update(signs=["ghost"])),
    ("SIGN_UNKNOWN", lambda d: d["forms"][0].update(negatives=["ghost"])),
    ("SIGN_UNKNOWN", lambda d: d["phrases"].update(ghost={})),
    ("ZONE_UNKNOWN", lambda d: d.update(zones=["nowhere"])),
    ("ZONE_UNKNOWN", lambda d: d["places"][0].update(of=["nowhere"])),
    ("SECTION_UNKNOWN", lambda d: d["forms"][0].update(lead=["kidneys"])),
    ("SIGN_FILE_UNKNOWN", lambda d: d["sections"][0]["groups"].append("other")),
    ("SIGN_FILE_UNREPORTED", lambda d: d["sections"][0].update(groups=[])),
    ("FORM_LAST", lambda d: d["forms"].pop()),
    ("FORM_LAST", lambda d: d["forms"].reverse()),
    ("FORM_LAST", lambda d: d.update(forms=[])),
]


def codes(small) -> set[str]:
    return {p.code for p in check(load_pack(small.folder), {"seen"}, {"box"}, {"Ill"}, {"r", "l"}, small.folder)}


@pytest.fixture
def planned(small):
    small.write("report.yaml", PLAN)
    return small


def test_a_whole_plan_has_no_problem(planned):
    assert codes(planned) == set()
    plan = load_pack(planned.folder).report
    assert plan.section_of("all").id == "lungs"
    assert plan.section_of("none") is None
    assert plan.phrases["white"].absent is None


def test_a_pack_may_have_no_plan(small):
    assert load_pack(small.folder).report.sections == ()
    assert codes(small) == set()


def test_signs_know_the_file_that_defines_them(small):
    assert {s.group for s in load_pack(small.folder).signs} == {"all"}


@pytest.mark.parametrize(("code", "change"), BROKEN)
def test_a_wrong_name_is_found(planned, code, change):
    planned.edit("report.yaml", change)
    assert code in codes(planned)


def test_an_unknown_key_is_refused(planned):
    planned.edit("report.yaml", lambda d: d.update(colour="red"))
    with pytest.raises(PackError) as refused:
        load_pack(planned.folder)
    assert refused.value.code == "PACK_SCHEMA"
