from __future__ import annotations

import numpy as np
import pytest

from whyray.domain import ArgumentError, Geometry, Image, ImageRefused, Pack, PackError
from whyray.knowledge import choose_pack, load_pack, load_packs

FILES = ["pack.yaml", "anatomy.yaml", "measures.yaml", "templates.yaml", "terms.yaml"]
BREAKS = [
    ("signs/all.yaml", "source: made up\n", "source: made up\n  colour: red\n", "colour"),
    ("signs/all.yaml", "  significance: {zh: 意义, en: it matters}\n", "", "significance"),
    ("signs/all.yaml", "{zh: 白影, en: white}", "{zh: 白影}", "name.en"),
    ("signs/all.yaml", "{zh: 白影, en: white}", "{zh: 白影, en: ''}", "name.en"),
    ("signs/all.yaml", "{zh: 白影, en: white}", "{zh: 白影, en: white, fr: blanc}", "name.fr"),
    ("signs/all.yaml", "zones: [top]\n  synonyms", "zones: top\n  synonyms", "zones"),
    ("signs/all.yaml", "  detector: null\n", "", "detector"),
    ("signs/all.yaml", "detector: null", "detector: {params: {}}", "detector.kind"),
    ("signs/all.yaml", "learned: true", "laterality: upside", "laterality"),
    ("diagnoses/ill.yaml", "basis: counted", "basis: guessed", "basis"),
    ("diagnoses/ill.yaml", "lr_present: 3.0", "lr_present: much", "lr_present"),
    ("diagnoses/ill.yaml", "ci_present: [2.0, 4.0]", "ci_present: [2.0]", "ci_present"),
    ("rules/all.yaml", "  weight: 0.3\n", "", "weight"),
    ("anatomy.yaml", "side: left", "side: middle", "side"),
    ("pack.yaml", "version: 1.0.0", "version: 1.0", "version"),
    ("pack.yaml", "0.75", "high", "evidence_threshold"),
    ("measures.yaml", ", en: width", "", "width.en"),
    ("templates.yaml", "', '", "''", "joiner.en"),
    ("terms.yaml", "zh: [为什么]", "zh: 为什么", "zh"),
]


def test_a_valid_pack_loads_as_domain_values(small):
    pack = load_pack(small.folder)
    assert isinstance(pack, Pack)
    assert pack.sign("white").name.zh == "白影"
    assert pack.sign("white").zones == ("top",)
    assert pack.diagnosis("ill").weights[0].ci_present == (2.0, 4.0)
    assert pack.zone("top").params["v"] == [0, 0.5]
    assert pack.settings == {"evidence_threshold": 0.75}


@pytest.mark.parametrize(("file", "old", "new", "place"), BREAKS)
def test_a_broken_file_is_named_with_the_place(small, file, old, new, place):
    small.replace(file, old, new)
    with pytest.raises(PackError) as caught:
        load_pack(small.folder)
    assert caught.value.code == "PACK_SCHEMA"
    assert file in caught.value.sentence.en
    assert place in caught.value.sentence.en
    assert place in caught.value.sentence.zh


@pytest.mark.parametrize("file", FILES)
def test_a_missing_file_is_an_error(small, file):
    (small.folder / file).unlink()
    with pytest.raises(PackError) as caught:
        load_pack(small.folder)
    assert caught.value.code == "PACK_FILE_MISSING"
    assert file in caught.value.sentence.en


@pytest.mark.parametrize("name", ["sign/extra.yaml", "rules/extra.yml", "term.yaml", "signs/deep/extra.yaml"])
def test_a_file_that_nothing_reads_is_an_error(small, name):
    small.write(name, "[]\n")
    with pytest.raises(PackError) as caught:
        load_pack(small.folder)
    assert caught.value.code == "PACK_FILE_UNKNOWN"


@pytest.mark.parametrize(
    ("file", "text", "what"),
    [
        ("measures.yaml", "a: {zh: 甲, en: a}\na: {zh: 乙, en: b}\n", "duplicate key 'a'"),
        ("measures.yaml", "a: {zh: 甲, en: a, en: b}\n", "duplicate key 'en'"),
        ("measures.yaml", "a: {zh: 甲\n", "line"),
        ("measures.yaml", "a: !!python/object/apply:os.getcwd []\n", "could not determine a constructor"),
    ],
)
def test_yaml_errors_tell_the_line(small, file, text, what):
    small.write(file, text)
    with pytest.raises(PackError) as caught:
        load_pack(small.folder)
    assert caught.value.code == "PACK_YAML"
    assert what in caught.value.sentence.en


def test_text_that_is_no_utf8_is_an_error(small):
    (small.folder / "measures.yaml").write_bytes(b"a: {zh: \xff, en: a}\n")
    with pytest.raises(PackError, match="PACK_YAML"):
        load_pack(small.folder)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("signs/all.yaml", "id: black", "id: white"),
        ("anatomy.yaml", "id: lung_l", "id: lung_r"),
    ],
)
def test_an_id_twice_is_an_error(small, file, old, new):
    small.replace(file, old, new)
    with pytest.raises(PackError, match="PACK_ID_TWICE"):
        load_pack(small.folder)


def test_an_id_twice_in_two_files_names_both(small):
    text = (small.folder / "rules/all.yaml").read_text(encoding="utf-8")
    small.write("rules/more.yaml", text)
    with pytest.raises(PackError) as caught:
        load_pack(small.folder)
    assert "rules/all.yaml" in caught.value.sentence.en
    assert "rules/more.yaml" in caught.value.sentence.en


def test_packs_of_a_folder(small, tmp_path):
    assert [pack.id for pack in load_packs(tmp_path)] == ["small"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(PackError, match="PACK_NONE"):
        load_packs(tmp_path / "empty")


def test_two_packs_with_one_id_are_refused(small, tmp_path):
    type(small)(tmp_path / "other")
    with pytest.raises(PackError, match="PACK_ID_TWICE"):
        load_packs(tmp_path)


def _image(modality):
    return Image(np.zeros((1, 4, 4), np.float32), Geometry(4, 4), "0" * 64, "x", modality=modality)


def test_the_pack_is_chosen_by_its_own_match(small, tmp_path):
    other = type(small)(tmp_path / "other")
    other.replace("pack.yaml", "id: small", "id: other")
    other.replace("pack.yaml", "[DX]", "[MR, CT]")
    packs = load_packs(tmp_path)
    assert choose_pack(packs, _image("dx")).id == "small"
    assert choose_pack(packs, _image("CT")).id == "other"
    with pytest.raises(ImageRefused) as caught:
        choose_pack(packs, _image("US"))
    assert "CT, DX, MR" in caught.value.hint.en


def test_two_fitting_packs_are_not_guessed_between(small, tmp_path):
    other = type(small)(tmp_path / "other")
    other.replace("pack.yaml", "id: small", "id: other")
    with pytest.raises(ArgumentError, match="PACK_AMBIGUOUS"):
        choose_pack(load_packs(tmp_path), _image("DX"))
