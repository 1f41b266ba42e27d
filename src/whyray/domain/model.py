"""What a model folder says about itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ModelCard:
    """The parts of ``card.yaml`` that reading needs.

    Attributes
    ----------
    id
        Model identity, printed in every result.
    pack
        Id of the pack the model serves.
    file, sha256
        Weights file inside the folder and its hex SHA-256.
    input_size
        Side of the square model input in pixels (letterboxed, one channel, [0, 1]).
    outputs
        Output name -> ordered channel names.
    thresholds
        Named numbers: decision thresholds by head name, gate limits.
    calibration
        Head name -> {"scale", "shift", "base"}: probability = sigmoid(scale * logit + shift); base = log-odds of the
        label in the calibration films.
    fusion
        Weights of the film-level term and of the sign terms in the log-odds sum.
    reference
        Tables that detectors need (normal opacity atlas, measurement errors).
    document
        The whole card.
    """

    id: str
    pack: str
    file: str
    sha256: str
    input_size: int
    outputs: dict[str, tuple[str, ...]]
    thresholds: dict[str, float]
    calibration: dict[str, dict[str, float]]
    fusion: dict[str, float]
    reference: dict[str, Any]
    document: dict[str, Any] = field(default_factory=dict)
