"""Hazy and dense opacity: parts of the lungs whiter than the same place of a normal film."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Measurement, SignDefinition, SignObservation
from whyray.perception.detectors.common import evidence_threshold, local_strength, missing, parameter, sign_score, solid
from whyray.perception.opacity import OpacityMap, opacity_map
from whyray.perception.scene import Scene
from whyray.perception.zones import touched

Mask = NDArray[np.bool_]
RAISED = 1.5  # standard deviations above normal that begin a hazy area
DENSE = 2.5
DENSE_INDEX = 0.62  # of the way from clear lung to heart: vessels no longer show through


def candidate(scene: Scene, opacity: OpacityMap, level: str) -> Mask:
    """Grid mask of the lung parts that reach the level ``hazy`` or ``dense``."""
    lungs = np.any([lung.mask for lung in scene.lungs.values()], axis=0)
    dense: Mask = lungs & (opacity.excess > DENSE) & (opacity.index > DENSE_INDEX)
    if level == "dense":
        return solid(dense)
    return solid(lungs & (opacity.excess > RAISED) & ~dense) & ~dense


def features(scene: Scene, opacity: OpacityMap, level: str) -> tuple[float, ...]:
    """(candidate's part of the lungs, mean excess there, 90th percentile and mean of the excess in both lungs)."""
    lungs = np.any([lung.mask for lung in scene.lungs.values()], axis=0)
    mask = candidate(scene, opacity, level)
    inside = opacity.excess[lungs]
    mean = float(opacity.excess[mask].mean()) if mask.any() else 0.0
    share = float(mask.sum() / max(lungs.sum(), 1))
    return share, mean, float(np.percentile(inside, 90)), float(inside.mean())


def strength(scene: Scene, opacity: OpacityMap, level: str, heads: list[str]) -> float:
    """Network strength in the candidate mask, or in both lungs when there is none."""
    mask = candidate(scene, opacity, level)
    lungs = np.any([lung.mask for lung in scene.lungs.values()], axis=0)
    return local_strength(scene, heads, mask if mask.any() else lungs)


def lung_opacity(scene: Scene, sign: SignDefinition) -> SignObservation:
    """Score: the card's model on `features` and the network's strength in the candidate mask."""
    level = parameter(sign, "level")
    opacity = opacity_map(scene, parameter(sign, "heart"))
    if opacity is None or not scene.sees(*parameter(sign, "lungs")):
        return missing(sign.id, "structure_not_visible")
    values = features(scene, opacity, level)
    mask = candidate(scene, opacity, level)
    local = strength(scene, opacity, level, parameter(sign, "heads"))
    score = sign_score(scene, f"lung_opacity/{level}", values, local) if mask.any() else 0.0
    present = score >= evidence_threshold(scene)
    return SignObservation(
        id=sign.id,
        ran=True,
        score=score,
        region=scene.region(mask) if present else None,
        within=tuple(parameter(sign, "lungs")),
        measurements=(
            Measurement(parameter(sign, "measure"), values[0], "ratio"),
            Measurement("opacity_mean", values[1], "sd"),
        ),
        zones=touched(scene, mask) if present else (),
    )
