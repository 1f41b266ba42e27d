"""What the detectors share: parameters, thresholds, calibrated scores, clean masks."""

from __future__ import annotations

from collections.abc import Sequence
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


def sign_score(scene: Scene, key: str, features: Sequence[float], strength: float) -> float:
    """Calibrated probability of a sign from the card's model `key`.

    Parameters
    ----------
    features
        What was measured; weighed by coefficients fitted on training films.
    strength
        `local_strength` of the network in the sign's own place; the two are weighed against each other on
        validation films, because the network has seen the training films.
    """
    model = scene.card.reference["sign_models"][key]
    measured = float(np.dot(model["coefficients"], features)) + float(model["intercept"])
    z = model["measured_weight"] * measured + model["network_weight"] * strength + model["bias"]
    return 1 / (1 + exp(-min(max(z, -30.0), 30.0)))


def local_strength(scene: Scene, heads: Sequence[str], mask: Mask) -> float:
    """Calibrated log-odds above base rate that the heads' class maps give inside `mask`, mean over heads."""
    values = []
    for head in heads:
        numbers, scores = scene.card.calibration[head], scene.maps[head]
        bias = scene.logits[head] - float(scores.mean())
        here = float(_enlarged(scores, mask.shape[0])[mask].mean()) if mask.any() else float(scores.min())
        values.append(numbers["scale"] * (here + bias) + numbers["shift"] - numbers["base"])
    return float(np.mean(values))


def _enlarged(scores: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    index = (np.arange(size) * scores.shape[0]) // size
    return scores[np.ix_(index, index)]


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
