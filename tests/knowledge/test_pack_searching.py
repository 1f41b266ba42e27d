from __future__ import annotations

import pytest

from whyray.knowledge import load_pack, load_packs, search


@pytest.fixture(scope="module")
def chest():
    (pack,) = (p for p in load_packs() if p.id == "chest")
    return pack


def ids(pack, words, limit=20):
    return [hit.id for hit in search(pack, words, limit)]


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("Kerley B lines", "kerley_b_lines"),
        ("克氏B线", "kerley_b_lines"),
        ("kerley_b_lines", "kerley_b_lines"),
        ("KERLEY-B", "kerley_b_lines"),
        ("kerley b linse", "kerley_b_lines"),
        ("肺水肿", "pulmonary_edema"),
        ("肺水腫", "pulmonary_edema"),
        ("pulmonry edema", "pulmonary_edema"),
        ("ｐｎｅｕｍｏｔｈｏｒａｘ", "pneumothorax"),
        ("fluid in the fissure", "fissural_effusion"),
        ("bronchogram air", "air_bronchogram"),
        ("chest tube", "chest_drain"),
        ("气胸", "pneumothorax"),
        ("right costophrenic angle", "right_costophrenic_angle"),
    ],
)
def test_the_right_entry_comes_first(chest, words, first):
    assert ids(chest, words)[0] == first


def test_scores_fall_and_are_at_most_a_hundred(chest):
    scores = [hit.score for hit in search(chest, "edema")]
    assert scores == sorted(scores, reverse=True)
    assert 100 >= scores[0] > scores[-1]


def test_several_entries_that_hold_a_word_are_found(chest):
    assert {"kerley_a_lines", "kerley_b_lines", "kerley_c_lines"} <= set(ids(chest, "Kerley"))


def test_definitions_are_looked_through_last(small):
    pack = load_pack(small.folder)
    (hit,) = search(pack, "black area")
    assert (hit.id, hit.kind) == ("black", "sign")
    assert hit.score < 75


def test_the_word_that_fits_is_told(small):
    assert search(load_pack(small.folder), "white patch")[0].word == "white patch"


@pytest.mark.parametrize("words", ["", " ", "-", "qwertyuiop", "量子力学"])
def test_nothing_is_found_for_nothing(chest, words):
    assert ids(chest, words) == []


def test_the_limit_holds(chest):
    assert len(search(chest, "lung", 3)) == 3
