"""Small logistic fits: Platt scaling, sign models, the gate, and the two fusion weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_expit, log_ndtr

F64 = NDArray[np.float64]


def logit(p: float) -> float:
    """Log-odds of a probability."""
    return float(np.log(p / (1 - p)))


def log_loss(z: F64, labels: F64, weights: F64 | None = None) -> float:
    """Mean binary cross-entropy of log-odds."""
    losses = -(labels * log_expit(z) + (1 - labels) * log_expit(-z))
    return float(np.average(losses, weights=weights))


def shared_platt(logits: F64, labels: F64, prior: F64, strength: float = 10.0) -> tuple[float, F64]:
    """One scale for all heads and one shift a head.

    Parameters
    ----------
    logits, labels
        (n, c) of the validation films.
    prior
        (c,) prevalence that a head's mean probability is shrunk to, as `strength` extra films.

    Returns
    -------
    float
        Scale shared by all heads: with three positives in a head a scale of its own would be noise.
    ndarray
        (c,) shifts.
    """
    rate = (labels.sum(axis=0) + strength * prior) / (len(labels) + strength)

    def shifts(scale: float) -> F64:
        return np.array([matched_shift(scale * logits[:, c], rate[c]) for c in range(logits.shape[1])])

    def loss(scale: float) -> float:
        return log_loss((scale * logits + shifts(scale)).ravel(), labels.ravel())

    best = minimize_scalar(loss, bounds=(0.2, 3.0), method="bounded")
    return float(best.x), shifts(float(best.x))


def matched_shift(z: F64, rate: float) -> float:
    """Shift for which the mean of sigmoid(z + shift) equals `rate`."""
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if expit(z + middle).mean() < rate else (low, middle)
    return (low + high) / 2


def balanced(labels: NDArray[np.bool_], groups: Sequence[str]) -> F64:
    """Weights that make each (class, group) pair count the same, so that a model cannot win by telling the group."""
    keys = [f"{group}/{int(label)}" for group, label in zip(groups, labels, strict=True)]
    counts = {k: keys.count(k) for k in set(keys)}
    weights = np.array([1 / counts[k] for k in keys])
    return np.asarray(weights / weights.mean(), dtype=np.float64)


def limit_spread(beyond: F64, labels: NDArray[np.bool_], least: float) -> float:
    """Standard deviation about a limit for which the normal probability of lying beyond it tells the label best.

    Parameters
    ----------
    beyond
        (n,) what was measured less the limit.
    labels
        (n,) whether readers call it beyond; both classes count alike.
    least
        Error of the measurement: readers differ by more than that.
    """
    weights = np.where(labels, 0.5 / max(labels.sum(), 1), 0.5 / max((~labels).sum(), 1))

    def loss(spread: float) -> float:
        told = np.where(labels, log_ndtr(beyond / spread), log_ndtr(-beyond / spread))
        return -float((weights * told).sum())

    return float(minimize_scalar(loss, bounds=(least, 5 * least), method="bounded").x)


def fit_logistic(
    features: F64, labels: NDArray[np.bool_], weights: F64, ridge: float = 1e-2
) -> dict[str, list[float] | float]:
    """Weighted logistic regression with non-negative effects where a feature rises with the sign.

    All features of the sign models are oriented so that more means more of the sign; coefficients below zero
    would let one part of a sign speak against another, so they are kept at zero or above.
    """
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-6
    x = (features - mean) / spread
    y = labels.astype(np.float64)

    def loss(theta: F64) -> float:
        return log_loss(x @ theta[:-1] + theta[-1], y, weights) + ridge * float(np.square(theta[:-1]).sum())

    bounds = [(0.0, None)] * features.shape[1] + [(None, None)]
    theta = minimize(loss, np.zeros(features.shape[1] + 1), bounds=bounds, method="L-BFGS-B").x
    coefficients = theta[:-1] / spread
    return {
        "coefficients": [round(float(c), 5) for c in coefficients],
        "intercept": round(float(theta[-1] - (coefficients * mean).sum()), 5),
    }


def fused(weights: Sequence[float] | F64, terms: Sequence[F64], fixed: F64) -> F64:
    """(n, c) log-odds without base: kinds of `terms` (n, c) by their weights, and what is added to them whole."""
    return fixed + sum((w * term for w, term in zip(weights, terms, strict=True)), np.zeros_like(fixed))


def fit_fusion(terms: Sequence[F64], fixed: F64, labels: F64, prior: F64, strength: float = 10.0) -> tuple[F64, F64]:
    """Weights of the kinds of terms and the base log-odds of each diagnosis.

    Parameters
    ----------
    terms
        For each kind (n, c) summed log-odds terms of the validation films, unweighted.
    fixed
        (n, c) log-odds that are added with a weight of one: pathways.
    labels
        (n, c) in {0, 1}.
    prior
        (c,) prevalence for the shrinkage of the base.

    Returns
    -------
    tuple
        (kinds,) weights in [0.05, 1.5], (c,) base log-odds.
    """
    rate = (labels.sum(axis=0) + strength * prior) / (len(labels) + strength)

    def bases(theta: F64) -> F64:
        z = fused(theta, terms, fixed)
        return np.array([matched_shift(z[:, c], rate[c]) for c in range(z.shape[1])])

    def loss(theta: F64) -> float:
        return log_loss((fused(theta, terms, fixed) + bases(theta)).ravel(), labels.ravel())

    first = np.array([0.8, *[0.3] * (len(terms) - 1)])
    best = np.asarray(minimize(loss, first, bounds=[(0.05, 1.5)] * len(terms), method="L-BFGS-B").x, dtype=np.float64)
    return best, bases(best)


def youden(labels: NDArray[np.bool_], scores: F64) -> float:
    """Score with the largest sensitivity + specificity - 1."""
    if labels.all() or not labels.any():
        return 0.5
    order = np.unique(scores)
    values = [(scores[labels] >= t).mean() + (scores[~labels] < t).mean() for t in order]
    return float(order[int(np.argmax(values))])
