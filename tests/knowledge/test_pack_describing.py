from __future__ import annotations

import pytest

from whyray.domain import ArgumentError
from whyray.knowledge import describe, load_pack, statistics


def test_statistics_count(small):
    numbers = statistics(load_pack(small.folder))
    assert numbers["signs"] == 3
    assert numbers["signs_detected"] == 2
    assert numbers["patterns_learned"] == 1
    assert numbers["structures_segmented"] == 1
    assert (numbers["weights_counted"], numbers["weights_published"], numbers["weights_expert"]) == (1, 0, 2)


def test_a_sign_tells_what_it_moves(small):
    text = describe(load_pack(small.folder), "white", "en")
    assert "moves: ill: 3 / 0.5, counted: table" in text
    assert "umls C0034063" in text


def test_a_diagnosis_tells_its_weights_and_pathways(small):
    text = describe(load_pack(small.folder), "ill", "zh")
    assert "白影: 3 / 0.5, 统计: table" in text
    assert "both: 两者 (+0.30)" in text


def test_an_undetected_sign_says_so(small):
    assert "目前不自动检测" in describe(load_pack(small.folder), "unseen", "zh")


def test_an_unknown_id_suggests_the_nearest(small):
    with pytest.raises(ArgumentError) as caught:
        describe(load_pack(small.folder), "whit", "en")
    assert caught.value.code == "ID_UNKNOWN"
    assert "white" in caught.value.hint.en
