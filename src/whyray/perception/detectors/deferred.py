"""Signs that the first look leaves to a closer one."""

from __future__ import annotations

from whyray.domain import SignDefinition, SignObservation
from whyray.perception.detectors.common import missing
from whyray.perception.scene import Scene


def closer(scene: Scene, sign: SignDefinition) -> SignObservation:  # noqa: ARG001
    """A property of one lesion: not looked for on the whole film."""
    return missing(sign.id, "needs_closer_look")
