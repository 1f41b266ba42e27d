from __future__ import annotations

import numpy as np
import pytest

from train.padchest_rows import film, labelled, terms, write
from whyray.knowledge.loading import load_pack
from whyray_train import knowledge, place_eval
from whyray_train.cohort import build
from whyray_train.padchest import studies
from whyray_train.terms import read_terms

PLACES = """
groups: [{id: high, name: {zh: 高, en: high}, zones: [top]}]
locations: [{label: apical, name: {zh: 尖, en: apex}, zones: [top]}, {label: basal, name: {zh: 底, en: base}}]
"""


def rows(telling: bool):
    """White at the apex in the ill and at the base in the others, or anywhere in both."""
    made, high, low = [], "[['white', 'loc apical']]", "[['white', 'loc basal']]"
    for i in range(300):
        made.append(film(f"i{i}", "['white', 'sick']", high if telling or i % 2 else low))
        made.append(film(f"w{i}", "['white']", low if telling or i % 2 else high))
        made += [film(f"s{i}", "['sick']"), *(film(f"o{i}{k}", "['x']") for k in range(3))]
    return made


@pytest.mark.parametrize("telling", [True, False])
def test_places_help_only_where_they_tell(tmp_path, capsys, telling):
    small, path = labelled(tmp_path / "small"), terms(tmp_path)
    small.write("places.yaml", PLACES)
    table = write(tmp_path / "table.csv", rows(telling))
    arguments = ["--table", str(table), "--terms", str(path), "--pack", str(small.folder)]
    knowledge.main([*arguments, "--write"])
    pack = load_pack(small.folder)
    known = read_terms(pack, path)
    cohort = build(studies(rows(telling), known)[0], known)
    places = place_eval.located(cohort, pack)
    assert places["white"].shape == (len(cohort.studies), 2)
    held, count, without, with_places = place_eval.compare(cohort, pack, places, "ill")
    assert held == cohort.diseased("ill")[~cohort.train].sum()
    assert (count > 0) == telling
    assert (with_places > without + 0.05) == telling
    assert place_eval.main(arguments) == 0
    assert "with places" in capsys.readouterr().out


def test_an_absent_sign_has_no_place(tmp_path):
    small, path = labelled(tmp_path / "small"), terms(tmp_path)
    small.write("places.yaml", PLACES)
    pack = load_pack(small.folder)
    known = read_terms(pack, path)
    made = [film("1", "['white']", "[['white', 'loc apical']]"), film("2", "['x']", "[['x', 'loc apical']]")]
    touched = place_eval.located(build(studies(made, known)[0], known), pack)["white"]
    assert np.array_equal(touched, [[True, False], [False, False]])
