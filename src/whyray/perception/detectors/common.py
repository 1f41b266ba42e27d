"""What the detectors share: parameters, thresholds, calibrated scores, clean masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyray.domain import SignDefinition, SignObservation
from whyray.perception.scene import Scene

Mask = NDArray[np.bool_]


def parameter(sign: SignDefinition, name: str) -> Any:
    """A parameter of the sign's detector; the pack check guarantees the detector."""
    if sign.detector is None:
        raise ValueError(f"{sign.id} has no detector")
    return sign.detector.params[name]


def missing(sign_id: str, reason: str) -> SignObservation:
    """The sign could not be looked for."""
    return SignObservation(id=sign_id, ran=False, score=0.0, reason=reason)


def evidence_threshold(scene: Scene) -> float:
    """Score from which a sign counts as evidence."""
    return scene.pack.settings["evidence_threshold"]


def logistic(model: Mapping[str, Any], features: Sequence[float]) -> float:
    """Probability of a logistic model ``{"coefficients": [...], "intercept": b}`` from the card."""
    z = float(np.dot(model["coefficients"], features)) + float(model["intercept"])
    return 1 / (1 + exp(-min(max(z, -30.0), 30.0)))


def solid(mask: Mask, min_share: float = 0.0015) -> Mask:
    """Mask without specks: opened once, parts smaller than `min_share` of the grid removed, holes filled."""
    from scipy import ndimage

    opened = ndimage.binary_opening(mask, iterations=2)
    labels, count = ndimage.label(opened)
    if count == 0:
        return np.zeros_like(mask)
    sizes = np.bincount(labels.ravel())
    keep = sizes >= min_share * mask.size
    keep[0] = False
    filled: Mask = ndimage.binary_fill_holes(keep[labels])
    return filled
