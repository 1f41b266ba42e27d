"""Detector kinds: each takes the scene and a sign definition and returns what it saw."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from whyray.domain import SignDefinition, SignObservation
from whyray.perception.detectors.cardiothoracic import cardiothoracic_ratio
from whyray.perception.detectors.deferred import closer
from whyray.perception.detectors.learned import class_map
from whyray.perception.detectors.mapped import sign_map
from whyray.perception.scene import Scene

Detector = Callable[[Scene, SignDefinition], SignObservation]

DETECTORS: Mapping[str, Detector] = {
    "cardiothoracic_ratio": cardiothoracic_ratio,
    "sign_map": sign_map,
    "class_map": class_map,
    "closer": closer,
}

__all__ = ["DETECTORS", "Detector"]
