"""The drop of a conclusion when a region is erased."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Counterfactual, Image, Region, ScoreFn
from whyray.explain.erase import erase
from whyray.explain.grid import Eraser


def counterfactual(
    score: ScoreFn,
    image: Image,
    region: Region,
    donors: NDArray[np.bool_] | None,
    *,
    before: float,
    minimum: float,
    eraser: Eraser = erase,
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
    eraser
        How the region is taken away.
    """
    drop = before - score(eraser(image, region, donors))
    return Counterfactual(drop, drop >= minimum)
