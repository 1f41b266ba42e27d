"""Likelihood ratios of many signs for one diagnosis, with intervals that know of patients seen more than once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

CELL = 0.5
SPREAD = 1.5
Z95 = 1.959964


@dataclass(frozen=True, eq=False, slots=True)
class Association:
    """Signs against one diagnosis; every array has one entry a sign.

    Attributes
    ----------
    n, ill
        Studies, and those with the diagnosis.
    both, sign_only
        Studies with the sign, with and without the diagnosis.
    present, absent
        Log likelihood ratios of the sign being there / not there, shrunk towards 0.
    present_error, absent_error
        Standard errors of the shrunk log ratios.
    """

    n: int
    ill: int
    both: NDArray[np.int64]
    sign_only: NDArray[np.int64]
    present: Floats
    absent: Floats
    present_error: Floats
    absent_error: Floats

    @property
    def support(self) -> Floats:
        """Studies that speak: those with sign and diagnosis, or as many as chance would give when fewer."""
        chance = self.ill * (self.both + self.sign_only) / max(self.n, 1)
        larger: Floats = np.maximum(self.both, chance)
        return larger

    @property
    def certain(self) -> Bools:
        """Whether both 95 % intervals leave out 1."""
        clear: Bools = np.abs(self.present) > Z95 * self.present_error
        clear &= np.abs(self.absent) > Z95 * self.absent_error
        return clear

    def interval(self, sign: int, absent: bool = False) -> tuple[float, float]:
        """95 % interval of a likelihood ratio."""
        value, error = (self.absent, self.absent_error) if absent else (self.present, self.present_error)
        low, high = np.exp(value[sign] + np.array([-Z95, Z95]) * error[sign])
        return float(low), float(high)


def associate(has: Bools, ill: Bools, patient: NDArray[np.int64]) -> Association:
    """Count every sign against one diagnosis.

    Parameters
    ----------
    has
        bool [study, sign].
    ill
        bool [study].
    patient
        int [study].

    Notes
    -----
    0.5 is added to each cell of the 2 x 2 table, so that empty cells give no 0 or infinity (Haldane 1956; Simel,
    Samsa & Matchar, J Clin Epidemiol 1991;44:763). The variance of a log ratio is the larger of theirs and of the
    sandwich estimate over patients. The log ratio and its error are then shrunk by a normal prior around 0 with
    standard deviation `SPREAD`, which matters for small counts only.
    """
    both, alone = has[ill].sum(axis=0), has[~ill].sum(axis=0)
    cases, others = int(ill.sum()), int((~ill).sum())
    hit = (both + CELL) / (cases + 2 * CELL)
    false = (alone + CELL) / (others + 2 * CELL)
    error = _simel(both, cases, alone, others), _simel(cases - both, cases, others - alone, others)
    groups = np.argsort(patient, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(patient[groups]) > 0]) if len(patient) else groups
    clustered = _sandwich(has[groups], ill[groups], starts, hit, false)
    shrunk = [
        _shrink(np.log(ratio), np.sqrt(np.maximum(simel, cluster)))
        for ratio, simel, cluster in zip((hit / false, (1 - hit) / (1 - false)), error, clustered, strict=True)
    ]
    (present, present_error), (absent, absent_error) = shrunk
    return Association(len(ill), cases, both, alone, present, absent, present_error, absent_error)


def _simel(hits: NDArray[np.int64], of: int, false_hits: NDArray[np.int64], of_others: int) -> Floats:
    a, b = hits + CELL, false_hits + CELL
    variance: Floats = 1 / a - 1 / (of + 2 * CELL) + 1 / b - 1 / (of_others + 2 * CELL)
    return variance


def _sandwich(has: Bools, ill: Bools, starts: NDArray[np.int64], hit: Floats, false: Floats) -> tuple[Floats, Floats]:
    """Variances of log(hit / false) and log((1 - hit) / (1 - false)), from sums over patients; rows go by patient."""
    cases, others = ill.sum() + 2 * CELL, (~ill).sum() + 2 * CELL
    influence = np.where(ill[:, None], (has - hit) / cases, 0.0)
    rival = np.where(ill[:, None], 0.0, (has - false) / others)
    case_sums = np.add.reduceat(influence, starts, axis=0)
    rival_sums = np.add.reduceat(rival, starts, axis=0)
    there = ((case_sums / hit - rival_sums / false) ** 2).sum(axis=0)
    missing = ((case_sums / (1 - hit) - rival_sums / (1 - false)) ** 2).sum(axis=0)
    return there, missing


def _shrink(value: Floats, error: Floats) -> tuple[Floats, Floats]:
    kept = SPREAD**2 / (SPREAD**2 + error**2)
    return value * kept, error * np.sqrt(kept)
