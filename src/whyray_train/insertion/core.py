"""Films and the signs put into them.

Optics
------
The grey of a stretched film is a monotone, nearly linear function of the logarithm of exposure (the film's
characteristic curve, or the detector's logarithmic transform). Attenuation multiplies exposure and so adds in grey;
scatter and the toe of the curve let added grey saturate towards the grey of thick soft tissue. `opacify` therefore
moves each pixel a share of the way to a dense level, which keeps ribs and vessels at a contrast that falls with the
share, and puts the film's own grain back on top at full strength.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Film:
    """One real film with its anatomy.

    Attributes
    ----------
    pixels
        (s, s) float32 in [0, 1]: the film letterboxed at size s and stretched by ``films.normalise``; bright is dense.
    right_lung, left_lung, heart
        (s, s) float32 in [0, 1]: soft masks; the lungs include the apex and exclude the heart. The right lung is on
        the image's left.
    mm_per_px
        Millimetres of one cell of the grid.
    """

    pixels: F32
    right_lung: F32
    left_lung: F32
    heart: F32
    mm_per_px: float


@dataclass(frozen=True, slots=True)
class Inserted:
    """A film with a sign: ``pixels`` (s, s) float32 in [0, 1], ``masks`` by channel, each (s, s) float32 in [0, 1]."""

    pixels: F32
    masks: dict[str, F32]


def inserted(pixels: F32, **masks: F32) -> Inserted:
    """Result with its masks named by keyword; everything clipped to [0, 1]."""
    return Inserted(_unit(pixels), {name: _unit(mask) for name, mask in masks.items()})


def _unit(array: F32) -> F32:
    return np.clip(array, 0, 1).astype(np.float32, copy=False)
