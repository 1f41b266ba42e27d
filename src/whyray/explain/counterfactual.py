"""The drop of a conclusion when a region is erased."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Counterfactual, Image, Region, ScoreFn
from whyray.explain.erase import erase


def counterfactual(
    score: ScoreFn,
    image: Image,
    region: Region,
    donors: NDArray[np.bool_] | None,
    *,
    before: float,
    minimum: float,
) -> Counterfactual:
    """Erases `region`, reads again.

    Parameters
    ----------
    score
        Probability of the conclusion on a film.
    before
        The probability on the film as it is.
    minimum
        Smallest drop that counts as passed.
    """
    drop = before - score(erase(image, region, donors))
    return Counterfactual(drop, drop >= minimum)
