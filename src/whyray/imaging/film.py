"""What a decoder hands over: display pixels in stored orientation and the facts that may leave the file."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Notice, View
from whyray.domain.image import SpacingSource
from whyray.imaging.messages import argument_error, limits, refused
from whyray.imaging.orientation import Orientation

Pixels = NDArray[np.float32]
Spacing = tuple[float, float]


@dataclass(frozen=True, eq=False, slots=True)
class Film:
    """A decoded film.

    Attributes
    ----------
    pixels
        float32 (rows, cols) in [0, 1], 0 air, 1 dense, in stored orientation.
    orientation
        Turn to standard orientation.
    spacing, spacing_source
        (row, column) mm in stored orientation, or None.
    """

    pixels: Pixels
    orientation: Orientation = field(default_factory=Orientation)
    spacing: Spacing | None = None
    spacing_source: SpacingSource = "none"
    modality: str = "UNKNOWN"
    view: View = "UNKNOWN"
    age_years: int | None = None
    simulated: bool = False
    notices: tuple[Notice, ...] = ()


def check_shape(rows: int, cols: int, max_pixels: int) -> None:
    """Refuse too many or too few pixels and impossible shapes; called before decoding.

    Raises
    ------
    ImageRefused
        TOO_MANY_PIXELS, TOO_SMALL, EXTREME_ASPECT, or IMAGE_BROKEN for an empty matrix.
    """
    if rows <= 0 or cols <= 0:
        raise refused("IMAGE_BROKEN")
    if rows * cols > max_pixels:
        raise refused("TOO_MANY_PIXELS", rows=rows, cols=cols, limit=f"{max_pixels / 1e6:g}")
    shape = limits("shape")
    short, long = sorted((rows, cols))
    if long > shape["max_aspect"] * short:
        raise refused("EXTREME_ASPECT", rows=rows, cols=cols)
    if long < shape["min_long_side"] or short < shape["min_short_side"]:
        raise refused("TOO_SMALL", rows=rows, cols=cols)


def plausible_spacing(row: float, col: float) -> bool:
    """Tell whether both are finite and inside the limits."""
    low, high = limits("spacing")["min_mm"], limits("spacing")["max_mm"]
    return all(math.isfinite(v) and low <= v <= high for v in (row, col))


def caller_spacing(value: float | tuple[float, float] | None) -> Spacing | None:
    """(row, column) mm from a number or a pair; raises ArgumentError SPACING_INVALID."""
    if value is None:
        return None
    try:
        pair = tuple(float(v) for v in (value if isinstance(value, (tuple, list)) else (value, value)))
    except (TypeError, ValueError):
        pair = ()
    if len(pair) != 2 or not plausible_spacing(pair[0], pair[1]):
        own = limits("spacing")
        raise argument_error("SPACING_INVALID", min=own["min_mm"], max=own["max_mm"])
    return pair[0], pair[1]
