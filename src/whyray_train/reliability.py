"""How much of each log likelihood ratio is left beside the others: one bounded additive model a diagnosis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PENALTY = 10.0
USUAL = 0.6
LEAST = 0.25


@dataclass(frozen=True, eq=False, slots=True)
class Reliability:
    """Log-odds = `base` + own @ `signs` + shared * `common`; factors in [0, 1], the common one at least `LEAST`."""

    base: float
    signs: Floats
    common: float


def fit(own: Floats, shared: Floats, studies: Floats, positives: Floats, penalty: float = PENALTY) -> Reliability:
    """Fit the factors on patterns of signs that several studies share.

    Parameters
    ----------
    own
        [pattern, sign] log likelihood ratios, of the sign being there or not there, that get a factor each.
    shared
        [pattern] sum of the terms that get the common factor: hand-written weights and pathway bonuses.
    studies, positives
        [pattern] number of studies, and of those with the diagnosis.
    penalty
        Weight of the squared distance of each factor from the common one, and of that from `USUAL`.

    Notes
    -----
    Minimises the negative log-likelihood plus the penalty by L-BFGS-B. A factor cannot be negative: a sign may tell
    nothing beside the others, but never the opposite of what it tells alone. The common factor has a floor, because
    hand-written weights stand where the table is silent or misleads: the table may not silence them.
    """
    from scipy.optimize import minimize

    count = own.shape[1]
    share = positives.sum() / studies.sum()

    def loss(x: Floats) -> tuple[float, Floats]:
        base, common, factors = x[0], x[1], x[2:]
        logit = base + own @ factors + shared * common
        slack, drift = factors - common, common - USUAL
        value = (studies * np.logaddexp(0, logit) - positives * logit).sum() + penalty * (slack @ slack + drift**2)
        residual = studies / (1 + np.exp(-logit)) - positives
        pull = 2 * penalty * slack
        slope = [residual.sum(), shared @ residual - pull.sum() + 2 * penalty * drift]
        return float(value), np.concatenate([slope, own.T @ residual + pull])

    start = np.concatenate([[np.log(share / (1 - share))], np.full(count + 1, USUAL)])
    bounds = [(None, None), (LEAST, 1.0), *[(0.0, 1.0)] * count]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 500}).x
    return Reliability(float(found[0]), found[2:], float(found[1]))
