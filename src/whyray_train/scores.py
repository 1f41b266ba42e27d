"""AUC with an interval over patients, and the expected calibration error."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

BINS = 15
RESAMPLES = 200
SEED = 20190201


def auc(score: Floats, ill: Bools, weight: Floats | None = None) -> float:
    """Area under the ROC curve; ties count half; `weight` counts a study so many times."""
    weight = np.ones(len(score)) if weight is None else weight
    _, place = np.unique(score, return_inverse=True)
    there = np.bincount(place, weight * ill)
    missing = np.bincount(place, weight * ~ill)
    below = np.cumsum(missing) - missing / 2
    return float((there * below).sum() / (there.sum() * missing.sum()))


def interval(score: Floats, ill: Bools, patient: NDArray[np.int64], resamples: int = RESAMPLES) -> tuple[float, float]:
    """95 % interval of the AUC by resampling patients."""
    _, number = np.unique(patient, return_inverse=True)
    size = int(number.max()) + 1
    rng = np.random.default_rng(SEED)
    drawn = (np.bincount(rng.integers(size, size=size), minlength=size)[number] for _ in range(resamples))
    values = [auc(score, ill, weight.astype(np.float64)) for weight in drawn if (weight * ill).any()]
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def calibration_error(probability: Floats, ill: Bools, bins: int = BINS) -> float:
    """Expected calibration error over `bins` equal steps of probability (Naeini et al., AAAI 2015)."""
    step = np.minimum((probability * bins).astype(np.int64), bins - 1)
    gap = np.bincount(step, probability - ill, minlength=bins)
    return float(np.abs(gap).sum() / len(probability))
