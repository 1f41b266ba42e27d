"""Numbers with intervals: AUC bootstrapped by patient, expected calibration error, Dice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its 95 % interval and the counts behind it."""

    value: float
    low: float
    high: float
    positives: int
    total: int

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f}-{self.high:.3f}) n={self.positives}/{self.total}"

    def as_dict(self) -> dict[str, float | int]:
        """For a card."""
        return {
            "value": round(self.value, 4),
            "low": round(self.low, 4),
            "high": round(self.high, 4),
            "positives": self.positives,
            "total": self.total,
        }


def auc(labels: NDArray[np.bool_], scores: F64) -> float:
    """Area under the ROC curve (Mann-Whitney, ties half); NaN when a class is missing."""
    from scipy.stats import rankdata

    positives = int(labels.sum())
    negatives = labels.size - positives
    if not positives or not negatives:
        return float("nan")
    ranks = rankdata(scores)
    return float((ranks[labels].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def resamples(patients: Sequence[str], rounds: int, seed: int = 0) -> list[NDArray[np.intp]]:
    """Film indices of `rounds` bootstrap draws of patients."""
    rng = np.random.default_rng(seed)
    names, inverse = np.unique(np.asarray(patients), return_inverse=True)
    rows = [np.flatnonzero(inverse == i) for i in range(names.size)]
    return [np.concatenate([rows[i] for i in rng.integers(names.size, size=names.size)]) for _ in range(rounds)]


def auc_interval(labels: NDArray[np.bool_], scores: F64, patients: Sequence[str], rounds: int = 1000) -> Interval:
    """AUC with a percentile bootstrap by patient."""
    draws = [auc(labels[i], scores[i]) for i in resamples(patients, rounds)]
    low, high = np.nanpercentile(draws, (2.5, 97.5))
    return Interval(auc(labels, scores), float(low), float(high), int(labels.sum()), labels.size)


def mean_auc_interval(labels: NDArray[np.bool_], scores: F64, patients: Sequence[str], rounds: int = 1000) -> Interval:
    """Mean AUC over the columns of (n, c) arrays, bootstrapped by patient; a column without a class is left out."""

    def mean(rows: NDArray[np.intp]) -> float:
        return float(np.nanmean([auc(labels[rows, c], scores[rows, c]) for c in range(labels.shape[1])]))

    draws = [mean(i) for i in resamples(patients, rounds)]
    low, high = np.nanpercentile(draws, (2.5, 97.5))
    return Interval(mean(np.arange(len(labels))), float(low), float(high), int(labels.sum()), len(labels))


def reliability(labels: NDArray[np.bool_], scores: F64, bins: int = 15) -> list[tuple[float, float, int]]:
    """(mean score, share of positives, entries) of each equal-width bin that has any: the reliability diagram."""
    flat_labels, flat = labels.ravel(), scores.ravel()
    index = np.minimum((flat * bins).astype(int), bins - 1)
    filled = [index == b for b in range(bins) if (index == b).any()]
    return [(float(flat[i].mean()), float(flat_labels[i].mean()), int(i.sum())) for i in filled]


def calibration_error(labels: NDArray[np.bool_], scores: F64, bins: int = 15) -> float:
    """Expected calibration error over all entries, equal-width bins (Naeini 2015)."""
    table = reliability(labels, scores, bins)
    return sum(n * abs(share - mean) for mean, share, n in table) / labels.size


def dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Dice coefficient; 1.0 when both are empty."""
    total = int(a.sum()) + int(b.sum())
    return 2 * int((a & b).sum()) / total if total else 1.0
