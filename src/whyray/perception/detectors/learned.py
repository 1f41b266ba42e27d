"""Where the network's film-level score for one finding comes from; a learned pattern, no named sign."""

from __future__ import annotations

from functools import lru_cache
from math import exp

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Measurement, SignDefinition, SignObservation
from whyray.perception.detectors.common import body_field, evidence_threshold, missing, parameter
from whyray.perception.film import log_odds
from whyray.perception.grid import box
from whyray.perception.scene import F32, Scene
from whyray.perception.zones import touched

CARRIES = 0.5  # the region holds the map cells above this part of its maximum


def class_map(scene: Scene, sign: SignDefinition) -> SignObservation:
    """Score = sigmoid(calibrated log-odds minus the base rate's): 0.75 means three times the usual odds."""
    head = parameter(sign, "head")
    if head not in scene.logits:
        return missing(sign.id, "no_network_output")
    if not scene.lungs:
        return missing(sign.id, "structure_not_visible")
    strength = log_odds(scene.card, head, scene.logits[head]) - scene.card.calibration[head]["base"]
    score = 1 / (1 + exp(-strength))
    present = score >= evidence_threshold(scene)
    soft = carrying_part(scene, scene.maps[head]) if present else None
    region = None if soft is None else scene.region(soft)
    if present and region is None:
        score = evidence_threshold(scene) - 0.01
    return SignObservation(
        id=sign.id,
        ran=True,
        score=score,
        region=region,
        within=tuple(scene.lungs),
        measurements=(Measurement("pattern_strength", strength, "log_odds"),),
        zones=touched(scene, soft > 0.5) if soft is not None and region is not None else (),
    )


def carrying_part(scene: Scene, class_scores: F32) -> NDArray[np.float32] | None:
    """Grid map (1 inside) of the cells that carry the positive score, inside lungs and heart; None without any."""
    body = body_field(scene)
    where = box(body)
    if where is None:
        return None
    reading = _reading(scene.grid.shape[0], class_scores.shape[0])
    fine = np.where(body[where], reading[where[0]] @ class_scores @ reading[where[1]].T, -np.inf)
    top = float(fine.max())
    if not top > 0:
        return None
    carrying = np.zeros(body.shape, dtype=np.float32)
    carrying[where] = fine >= CARRIES * top
    return carrying


@lru_cache(maxsize=4)
def _reading(size: int, cells: int) -> NDArray[np.float64]:
    """Matrix (size, cells) that reads a row of `cells` at `size` points, bilinearly between the cells' centres."""
    at = np.clip((np.arange(size) + 0.5) * cells / size - 0.5, 0, cells - 1)
    return np.asarray(np.maximum(0.0, 1.0 - np.abs(at[:, None] - np.arange(cells)[None, :])))
