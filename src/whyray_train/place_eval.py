"""Whether the place of a sign tells more than the sign: AUC on held-out patients with and without place terms.

    python -m whyray_train.place_eval --table FILE [--pack FOLDER]

For each diagnosis and each of its counted signs, the zone groups (and "both sides") of the present sign get a log
ratio counted among the train studies with that sign; those that are certain enter the additive model as further
terms, fitted like the others. Both models are fitted here on the same patterns, so the difference is the places'.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from math import log
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Pack
from whyray.knowledge.loading import load_pack
from whyray_train.cohort import Cohort, build
from whyray_train.knowledge import shipped_pack
from whyray_train.padchest import read_studies
from whyray_train.places import groups_of, is_bilateral
from whyray_train.ratios import associate
from whyray_train.reason_eval import FREQUENT
from whyray_train.reliability import fit
from whyray_train.scores import auc
from whyray_train.terms import TERMS, read_terms

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
SUPPORT = 10


def located(cohort: Cohort, pack: Pack) -> dict[str, Bools]:
    """By sign, bool [study, group]: the present sign touches that zone group; the last column is both sides."""
    groups = [group.id for group in pack.places.groups]
    known: dict[frozenset[str], list[bool]] = {}
    found = {}
    for sign in cohort.terms.signs:
        touched = np.zeros((len(cohort.studies), len(groups) + 1), dtype=np.bool_)
        for row in np.flatnonzero(cohort.has[:, cohort.column[sign]]):
            places = cohort.places(int(row), sign)
            if places not in known:
                at = groups_of(places, pack)
                known[places] = [*(g in at for g in groups), is_bilateral(places, pack)]
            touched[row] = known[places]
        found[sign] = touched
    return found


def place_terms(cohort: Cohort, places: dict[str, Bools], signs: list[str], ill: Bools) -> Iterator[Floats]:
    """One term [study] for each sign and zone group whose ratio among the sign's train studies is certain."""
    for sign in signs:
        there = cohort.has[:, cohort.column[sign]]
        rows = np.flatnonzero(there & cohort.train)
        found = associate(places[sign][rows], ill[rows], cohort.patient[rows])
        for group in np.flatnonzero((found.support >= SUPPORT) & found.certain):
            term = np.where(places[sign][:, group], found.present[group], found.absent[group])
            yield np.where(there, term, 0.0)


def compare(cohort: Cohort, pack: Pack, places: dict[str, Bools], diagnosis: str) -> tuple[int, int, float, float]:
    """Held-out studies with the diagnosis, number of place terms, AUC without and with them."""
    definition = pack.diagnosis(diagnosis)
    if definition is None:
        raise ValueError(f"{pack.id} has no {diagnosis}")
    ill = cohort.diseased(diagnosis)
    usable = set(cohort.countable(diagnosis))
    weights = [w for w in definition.weights if w.sign in usable]
    has = cohort.part(np.arange(len(cohort.studies)), [w.sign for w in weights])
    bare = np.where(has, [log(w.lr_present) for w in weights], [log(w.lr_absent) for w in weights])
    more = list(place_terms(cohort, places, [w.sign for w in weights], ill))
    without = _auc(cohort, ill, bare)
    return int(ill[~cohort.train].sum()), len(more), without, _auc(cohort, ill, np.column_stack([bare, *more]))


def _auc(cohort: Cohort, ill: Bools, terms: Floats) -> float:
    lines, index = np.unique(terms[cohort.train], axis=0, return_inverse=True)
    studies, positives = np.bincount(index), np.bincount(index, ill[cohort.train], minlength=len(lines))
    found = fit(lines, np.zeros(len(lines)), studies.astype(np.float64), positives.astype(np.float64))
    return auc(terms[~cohort.train] @ found.signs, ill[~cohort.train])


def main(argv: list[str] | None = None) -> int:
    """Compare and print."""
    lead = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m whyray_train.place_eval", description=lead)
    parser.add_argument("--table", type=Path, required=True, help="PadChest table, or its wheel")
    parser.add_argument("--pack", type=Path, default=shipped_pack(), help="folder of the pack")
    parser.add_argument("--terms", type=Path, default=TERMS, help="which labels stand for which id")
    options = parser.parse_args(argv)
    pack = load_pack(options.pack)
    terms = read_terms(pack, options.terms)
    cohort = build(read_studies(options.table, terms)[0], terms)
    places = located(cohort, pack)
    counted = pack.counted.weights if pack.counted is not None else {}
    found = {d: compare(cohort, pack, places, d) for d in cohort.diagnoses if d in counted}
    for diagnosis, (studies, terms_of, without, with_places) in found.items():
        print(
            f"{diagnosis:24}{studies:6d}  {terms_of:3d} place terms  AUC {without:.4f}  with places {with_places:.4f}"
        )
    frequent = np.array([row[2:] for row in found.values() if row[0] >= FREQUENT]).reshape(-1, 2)
    if len(frequent):
        without, with_places = frequent.mean(axis=0)
        print(f"mean of {len(frequent)} diagnoses with n >= {FREQUENT}: {without:.4f}, with places {with_places:.4f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
