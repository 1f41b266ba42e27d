"""Bat-wing opacity: both inner lungs white, the outer third spared, both sides alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Measurement, SignDefinition, SignObservation
from whyray.perception.detectors.common import evidence_threshold, local_strength, missing, parameter, sign_score, solid
from whyray.perception.detectors.opacities import RAISED
from whyray.perception.opacity import OpacityMap, opacity_map
from whyray.perception.scene import LungFrame, Scene
from whyray.perception.zones import touched

Mask = NDArray[np.bool_]
INNER = 0.66  # depth (medial 0, lateral 1) of the wing
HEIGHTS = (0.18, 0.85)  # the apices and the very base stay free


def inner_part(lung: LungFrame) -> Mask:
    """The two inner thirds of a lung between the apex and the base."""
    part: Mask = lung.mask & (lung.u <= INNER) & (lung.v >= HEIGHTS[0]) & (lung.v <= HEIGHTS[1])
    return part


def features(scene: Scene, opacity: OpacityMap) -> tuple[float, float, float]:
    """(least mean excess of the two inner parts, centrality, symmetry).

    Centrality: mean excess of the inner parts minus that of the outer thirds (standard deviations).
    Symmetry: 1 - |right - left| / (|right| + |left| + 1), in [0, 1].
    """
    inner, outer = [], []
    for lung in scene.lungs.values():
        heights = lung.mask & (lung.v >= HEIGHTS[0]) & (lung.v <= HEIGHTS[1])
        inner.append(_mean(opacity, inner_part(lung)))
        outer.append(_mean(opacity, heights & (lung.u > INNER)))
    difference = abs(inner[0] - inner[1]) / (abs(inner[0]) + abs(inner[1]) + 1)
    return min(inner), float(np.mean(inner) - np.mean(outer)), 1 - difference


def _mean(opacity: OpacityMap, mask: Mask) -> float:
    return float(opacity.excess[mask].mean()) if mask.any() else 0.0


def strength(scene: Scene, heads: list[str]) -> float:
    """Network strength of the weaker side's inner part."""
    return min(local_strength(scene, heads, inner_part(lung)) for lung in scene.lungs.values())


def central_opacity(scene: Scene, sign: SignDefinition) -> SignObservation:
    """Score: the card's model on `features` and `strength`; present only when both sides carry a mask."""
    opacity = opacity_map(scene, parameter(sign, "heart"))
    if opacity is None or not scene.sees(*parameter(sign, "lungs")):
        return missing(sign.id, "structure_not_visible")
    least, centrality, symmetry = features(scene, opacity)
    wings = [solid(inner_part(lung) & (opacity.excess > RAISED)) for lung in scene.lungs.values()]
    bilateral = all(w.any() for w in wings)
    values, local = (least, centrality, symmetry), strength(scene, parameter(sign, "heads"))
    score = sign_score(scene, "central_opacity", values, local) if bilateral else 0.0
    present = score >= evidence_threshold(scene)
    mask = np.any(wings, axis=0)
    return SignObservation(
        id=sign.id,
        ran=True,
        score=score,
        region=scene.region(mask) if present else None,
        within=tuple(parameter(sign, "lungs")),
        measurements=(
            Measurement(parameter(sign, "measure"), centrality, "sd"),
            Measurement("opacity_symmetry", symmetry, "ratio"),
        ),
        zones=touched(scene, mask) if present else (),
    )
