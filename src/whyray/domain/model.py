"""What a model folder says about itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class SecondLook:
    """A finer network of the same folder that sees one lung at a time.

    Attributes
    ----------
    file, sha256
        Weights file inside the folder and its hex SHA-256.
    size
        Side in pixels of the letterboxed film that lungs are cut from.
    crop
        (rows, columns) of a lung in those pixels.
    cell, stride
        Pixels a cell of the planes that go in, and of the maps that come out.
    lungs, beside
        Anatomy channels of the right and the left lung, and groups of those that are told as one plane.
    channels
        Sign channels that come out, in order; they take the place of the first look's but for those of ``first``.
    first
        Channel -> weight in (0, 1) of the first look's map beside the second's, for channels that both see.
    """

    file: str
    sha256: str
    size: int
    crop: tuple[int, int]
    cell: int
    stride: int
    lungs: tuple[str, str]
    beside: tuple[tuple[str, ...], ...]
    channels: tuple[str, ...]
    first: dict[str, float] = field(default_factory=dict)


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
    second
        The finer network, where the folder has one.
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
    second: SecondLook | None = None
