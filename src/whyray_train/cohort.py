"""Studies as arrays: which signs and diagnoses each one carries, whose it is, and which part it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from whyray_train.padchest import Study, in_train
from whyray_train.terms import Shown, Terms

Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Cohort:
    """Studies in rows.

    Attributes
    ----------
    signs, diagnoses
        Ids of the columns of `has` and `ill`; `signs` holds the devices and lines of the pack as well.
    has
        bool [study, sign].
    ill
        bool [study, diagnosis].
    patient
        int [study], a number for each patient.
    train, physician
        bool [study]: patient in the train part; labels written by a physician.
    """

    studies: tuple[Study, ...]
    terms: Terms
    signs: tuple[str, ...]
    diagnoses: tuple[str, ...]
    has: Bools
    ill: Bools
    patient: NDArray[np.int64]
    train: Bools
    physician: Bools

    @cached_property
    def column(self) -> dict[str, int]:
        """Column of `has` by sign id."""
        return {sign: i for i, sign in enumerate(self.signs)}

    def diseased(self, diagnosis: str) -> Bools:
        """Studies with that diagnosis, bool [study]."""
        column: Bools = self.ill[:, self.diagnoses.index(diagnosis)]
        return column

    def countable(self, diagnosis: str) -> tuple[str, ...]:
        """Signs that may speak for or against: no device or line, and no label of the diagnosis itself."""
        return tuple(s for s in self.signs if s in self.terms.signs and not self.terms.identical(s, diagnosis))

    def part(self, rows: NDArray[np.int64], signs: Sequence[str]) -> Bools:
        """`has` of these studies and signs."""
        chosen: Bools = self.has[rows][:, [self.column[s] for s in signs]]
        return chosen

    def described(self, diagnosis: str) -> Bools:
        """Studies whose report names a countable sign or calls the film normal, bool [study].

        The others tell a conclusion or a device only: there the signs are unknown rather than absent.
        """
        normal = np.array([NORMAL in study.labels for study in self.studies])
        found: Bools = self.part(np.arange(len(self.studies)), self.countable(diagnosis)).any(axis=1) | normal
        return found

    def places(self, row: int, sign: str) -> frozenset[str]:
        """Locations that the report of a study names for a sign."""
        study, shown = self.studies[row], self.terms.signs.get(sign) or self.terms.confounders[sign]
        found = (study.places.get(label, frozenset()) for label in shown.words & study.labels)
        return frozenset().union(*found)


NORMAL = "normal"


def build(studies: Sequence[Study], terms: Terms) -> Cohort:
    """Arrays of `studies` under `terms`."""
    shown = dict(terms.signs) | dict(terms.confounders)
    signs, diagnoses = tuple(shown), tuple(terms.diagnoses)
    numbers: dict[str, int] = {}
    for study in studies:
        numbers.setdefault(study.patient, len(numbers))
    wanted = {d: Shown(labels) for d, labels in terms.diagnoses.items()}
    return Cohort(
        studies=tuple(studies),
        terms=terms,
        signs=signs,
        diagnoses=diagnoses,
        has=_matrix(studies, [shown[s] for s in signs]),
        ill=_matrix(studies, [wanted[d] for d in diagnoses]),
        patient=np.array([numbers[s.patient] for s in studies], dtype=np.int64),
        train=np.array([in_train(s.patient) for s in studies], dtype=np.bool_),
        physician=np.array([s.physician for s in studies], dtype=np.bool_),
    )


def _matrix(studies: Sequence[Study], columns: Sequence[Shown]) -> Bools:
    by_label: dict[str, list[int]] = {}
    placed: dict[str, list[int]] = {}
    for i, shown in enumerate(columns):
        for label in shown.labels:
            by_label.setdefault(label, []).append(i)
        for label in shown.placed:
            placed.setdefault(label, []).append(i)
    found = np.zeros((len(studies), len(columns)), dtype=np.bool_)
    for row, study in enumerate(studies):
        for label in study.labels:
            found[row, by_label.get(label, [])] = True
            if label in study.places:
                for i in placed.get(label, ()):
                    found[row, i] |= columns[i].holds(study.labels, study.places)
    return found
