"""What the detectors share: parameters, thresholds, clean masks, where a sign may lie."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyray.domain import SignDefinition, SignObservation
from whyray.perception.grid import closed, grown
from whyray.perception.scene import Scene, enlarge, hearts

Mask = NDArray[np.bool_]
GAP = 12  # grid cells: closes the mediastinum between the lungs
RIM = 10  # grid cells around the structures seen in which pleura and hidden lung base lie


def parameter(sign: SignDefinition, name: str, usual: Any = None) -> Any:
    """A parameter of the sign's detector, `usual` where it may be left out; the pack check guarantees the detector."""
    if sign.detector is None:
        raise ValueError(f"{sign.id} has no detector")
    return sign.detector.params[name] if usual is None else sign.detector.params.get(name, usual)


def missing(sign_id: str, reason: str) -> SignObservation:
    """The sign could not be looked for."""
    return SignObservation(id=sign_id, ran=False, score=0.0, reason=reason)


def evidence_threshold(scene: Scene) -> float:
    """Score from which a sign counts as evidence."""
    return scene.pack.settings["evidence_threshold"]


def body_field(scene: Scene) -> Mask:
    """Lungs, heart and what lies between them on the grid; worked out once a film."""
    return _kept(scene, "body", lambda: _closed(scene))


def chest_field(scene: Scene) -> Mask:
    """The body field with a rim for pleura and hidden lung bases; worked out once a film."""
    return _kept(scene, "rim", lambda: grown(body_field(scene), RIM))


def _kept(scene: Scene, name: str, make: Any) -> Mask:
    kept = scene.memo.get(name)
    if not isinstance(kept, np.ndarray):
        kept = np.asarray(make(), dtype=np.bool_)
        scene.memo[name] = kept
    return kept


def _closed(scene: Scene) -> Mask:
    """Closing at half resolution: four times faster, and finer than any mask that it bounds."""
    ids = {*scene.lungs, *(i for i in scene.masks if i in hearts(scene.pack))}
    seen = np.any([scene.masks[i] for i in ids], axis=0) if ids else np.zeros(scene.grid.shape, np.bool_)
    return enlarge(closed(seen[::2, ::2], GAP // 2), scene.grid.shape[0])
