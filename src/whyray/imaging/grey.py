"""From colour samples to grey, and from stored grey values to [0, 1]."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Notice
from whyray.imaging.checks import cell_means
from whyray.imaging.film import Pixels
from whyray.imaging.messages import limits, notice, refused

_STRIP = 256
_COLOUR_CELLS = 96


def from_colour(samples: NDArray[np.integer[Any]]) -> tuple[NDArray[np.integer[Any]], tuple[Notice, ...]]:
    """(rows, cols, 3) RGB that is really grey -> (rows, cols) of the same dtype (ITU-R BT.601 luma).

    Equal channels give exactly that channel. Small coloured marks and an even tint only raise a warning.

    Raises
    ------
    ImageRefused
        COLOUR_IMAGE when more than a few averaged cells are coloured (averaging removes JPEG chroma noise).
    """
    notices = _colour_notices(samples)
    out = np.empty(samples.shape[:2], dtype=samples.dtype)
    for top in range(0, samples.shape[0], _STRIP):
        red, green, blue = np.moveaxis(samples[top : top + _STRIP].astype(np.uint32), -1, 0)
        out[top : top + _STRIP] = (299 * red + 587 * green + 114 * blue + 500) // 1000
    return out, notices


def _colour_notices(samples: NDArray[np.integer[Any]]) -> tuple[Notice, ...]:
    own = limits("colour")
    step = max(1, min(samples.shape[:2]) // 1024)
    cells = min(_COLOUR_CELLS, min(samples.shape[:2]) // 2)
    top = float(int(np.iinfo(samples.dtype).max))
    red, green, blue = (cell_means(samples[::step, ::step, i], cells) / top for i in range(3))
    spread = np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)
    coloured = float(np.mean(spread > own["cell_difference"]))
    if coloured > own["max_coloured"]:
        if max(_untinted(red, green), _untinted(blue, green)) > own["tint_residual"]:
            raise refused("COLOUR_IMAGE")
        return (notice("TINTED"),)
    return (notice("COLOUR_MARKS"),) if coloured > own["mark_share"] else ()


def _untinted(channel: NDArray[np.float64], green: NDArray[np.float64]) -> float:
    """Root mean square of `channel` - `green` left after a cubic in `green`: small for a tinted grey film."""
    basis = np.stack([green.ravel() ** k for k in range(4)], axis=-1)
    difference = (channel - green).ravel()
    return float(np.std(difference - basis @ np.linalg.lstsq(basis, difference, rcond=None)[0]))


def sample_of(array: NDArray[Any], most: int = 1_000_000) -> NDArray[Any]:
    """At most about `most` values on a regular grid, for percentiles without copies of the whole matrix."""
    step = max(1, int(np.ceil(np.sqrt(array.size / most))))
    return array[::step, ::step].ravel()


def from_integers(values: NDArray[Any]) -> Pixels:
    """Scale by 255 (8 bit), else as `from_deep`."""
    if values.dtype == np.uint8:
        return np.asarray(np.divide(values, np.float32(255), dtype=np.float32))
    return from_deep(values)


def from_deep(values: NDArray[Any]) -> Pixels:
    """Scale 16-bit, 32-bit integer or float grey to [0, 1]; the rule is written in `load`."""
    own = limits("scale")
    low, high = (float(v) for v in np.percentile(sample_of(values), own["percentiles"]))
    share = own["full_range_share"]
    if values.dtype == np.uint16 and high - low >= share * 65535:
        low, high = 0.0, 65535.0
    elif values.dtype.kind == "f" and high - low >= share and values.min() >= 0 and values.max() <= 1:
        low, high = 0.0, 1.0
    return _stretch(values, low, high)


def _stretch(values: NDArray[Any], low: float, high: float) -> Pixels:
    out = np.empty(values.shape, dtype=np.float32)
    width = max(high - low, 1e-30)
    for top in range(0, values.shape[0], _STRIP):
        strip = (values[top : top + _STRIP].astype(np.float64) - low) / width
        out[top : top + _STRIP] = np.clip(strip, 0.0, 1.0)
    return out


def apply_table(values: NDArray[np.integer[Any]], first: int, entries: Pixels) -> Pixels:
    """``entries[value - first]`` for every stored value, strip by strip."""
    out = np.empty(values.shape, dtype=np.float32)
    table = np.concatenate([np.zeros(max(first, 0), dtype=np.float32), entries])
    for top in range(0, values.shape[0], _STRIP):
        strip = values[top : top + _STRIP]
        index = strip if first >= 0 else strip.astype(np.int32) - first
        np.take(table, index, out=out[top : top + _STRIP], mode="clip")
    return out
