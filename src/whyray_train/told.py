"""Anatomy that a network told of films without usable labels (written by ``whyray_train.relabel``)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Told:
    """Masks of a network: ``ids`` (n,), ``masks`` (n, k, s, s) uint8 coverage, ``weights`` (n, k) in [0, 1]."""

    ids: NDArray[np.str_]
    masks: U8
    weights: F32

    @classmethod
    def load(cls, file: Path) -> Told:
        """The file that ``python -m whyray_train.relabel`` wrote."""
        saved = np.load(file)
        return cls(saved["ids"], saved["masks"], saved["weights"])
