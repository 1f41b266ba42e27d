"""Settings of the application service."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator may choose.

    Attributes
    ----------
    engine
        Registry label of the engine.
    model
        Model folder; None = the one that the package ships for the pack.
    packs
        Folder of packs; None = the shipped ones.
    cached_readings
        How many films stay read in memory.
    eraser
        How the counterfactual test takes a reason away, a name of ``explain.ERASERS``.
    """

    engine: str = "onnx"
    model: Path | None = None
    packs: Path | None = None
    cached_readings: int = 8
    eraser: str = "clear"
