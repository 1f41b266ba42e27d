"""Sources of the chest pack in Chinese: everything an answer can cite today is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from whyray.domain import Pack, without_opinion
from whyray.domain.sourcing import parts, untold
from whyray.knowledge import load_pack, load_packs


@pytest.fixture(scope="module")
def chest() -> Pack:
    (pack,) = (p for p in load_packs() if p.id == "chest")
    return pack


def citable(pack: Pack) -> Iterator[str]:
    """Sources that some film can bring into an answer with the detectors of today."""
    detected = {sign.id for sign in pack.signs if sign.detector is not None}
    yield from (sign.source for sign in pack.signs if sign.id in detected)
    yield from (rule.source for rule in pack.rules if can_fire(rule.when, detected))
    yield from (w.source for d in pack.diagnoses for w in d.weights if w.sign in detected)
    yield from (row.source for d in pack.diagnoses for row in d.checklist)
    yield from (row.source for d in pack.differentials for row in d.rows)
    yield from (figure.source for figure in pack.figures.values())


def can_fire(when: Any, detected: set[str]) -> bool:
    if isinstance(when, str):
        return when in detected
    ((word, body),) = when.items()
    match word:
        case "all":
            return all(can_fire(part, detected) for part in body)
        case "any":
            return any(can_fire(part, detected) for part in body)
        case "at_least":
            return sum(can_fire(part, detected) for part in body["of"]) >= body["n"]
    return (body["sign"] if isinstance(body, dict) else body) in detected


def test_every_source_of_an_answer_is_told_in_chinese(chest: Pack) -> None:
    assert {part for source in citable(chest) for part in untold(source, chest.sources)} == set()


def test_no_chinese_form_is_left_behind(chest: Pack) -> None:
    every = {
        *(s.source for s in chest.signs), *(r.source for r in chest.rules), *citable(chest),
        *(w.source for d in chest.diagnoses for w in d.weights), "expert opinion", "PadChest label table",
    }  # fmt: skip
    used = every | {part for source in every for part in parts(without_opinion(source))}
    assert set(chest.sources) - used == set()


def test_counted_sources_are_told_with_their_numbers(chest: Pack) -> None:
    counted = [w.source for d in chest.diagnoses for w in d.weights if w.basis == "counted" and w.both is not None]
    told = [chest.source(source, "zh") for source in counted]
    assert counted
    assert [text for text in told if not text.startswith("PadChest标签表：有诊断的")] == []
    assert [chest.source(source, "en") for source in counted] == counted


def test_a_pack_may_come_without_them(small) -> None:
    assert load_pack(small.folder).sources == {}
    small.write("sources.yaml", '"made up": 虚构\n')
    assert load_pack(small.folder).source("made up", "zh") == "虚构"
