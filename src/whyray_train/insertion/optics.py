"""Smoothing, grain and the mixing of soft tissue into grey. Arrays are (h, w) float32, lengths in pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


def blur(array: F32, sigma: float) -> F32:
    """Gaussian-like blur with edge values carried on; wide ones work on block means, so that they cost less."""
    if sigma < 0.15:
        return array
    factor = int(sigma / 1.3)
    if factor < 2:
        return _binomial(array, sigma**2)
    left = sigma**2 - (factor**2 - 1) / 12 - factor**2 / 6  # what block means and linear growth do not add
    return grow(_binomial(shrink(array, factor), left / factor**2), array.shape, factor)


def shrink(array: F32, factor: int) -> F32:
    """Means of square blocks; the last row and column repeat where the size is no multiple."""
    if factor == 1:
        return array
    rows, cols = array.shape
    whole = array
    if rows % factor or cols % factor:
        whole = np.pad(array, ((0, -rows % factor), (0, -cols % factor)), mode="edge")
    tall = sum((whole[i::factor] for i in range(1, factor)), whole[::factor])
    wide = sum((tall[:, j::factor] for j in range(1, factor)), tall[:, ::factor])
    out: F32 = wide * np.float32(1 / factor**2)
    return out


def grow(array: F32, shape: tuple[int, ...], factor: int) -> F32:
    """Linear interpolation of block means back to `shape`."""
    if factor == 1:
        return array
    return _linear(_linear(array, shape[0], factor).T, shape[1], factor).T


def _linear(array: F32, size: int, factor: int) -> F32:
    at = (np.arange(size, dtype=np.float32) + 0.5) / factor - 0.5
    at = np.clip(at, 0, array.shape[0] - 1)
    low = np.minimum(at.astype(np.intp), max(array.shape[0] - 2, 0))
    part = (at - low).astype(np.float32)[:, None]
    first = array[low]
    out: F32 = first + part * (array[np.minimum(low + 1, array.shape[0] - 1)] - first)
    return out


def _binomial(array: F32, variance: float) -> F32:
    """Repeated (w, 1 - 2 w, w) filters of that variance, rows then columns."""
    passes = max(1, int(np.ceil(variance / 0.55)))
    weight = np.float32(variance / (2 * passes))
    for _ in range(passes):
        array = _three(_three(array, weight).T, weight).T
    return array


def _three(array: F32, weight: np.float32) -> F32:
    out = array * (1 - 2 * weight)
    side = array * weight
    out[1:] += side[:-1]
    out[:-1] += side[1:]
    out[0] += side[0]
    out[-1] += side[-1]
    return out


def smear(mask: F32, length: float, axis: int) -> F32:
    """Spreads a mask by `length` pixels towards higher indices (lower ones where negative): a running maximum."""
    work = mask if axis == 0 else mask.T
    work = work if length > 0 else work[::-1]
    left, step = abs(round(length)), 1
    work = work.copy()
    while left > 0:
        now = min(step, left)
        work[now:] = np.maximum(work[now:], work[:-now])
        left, step = left - now, step * 2
    work = work if length > 0 else work[::-1]
    return work if axis == 0 else work.T


def blur_inside(array: F32, weight: F32, sigma: float) -> F32:
    """Blur of `array` that sees only where `weight` is (normalised convolution)."""
    below = np.maximum(blur(weight, sigma), np.float32(1e-3))
    return (blur(array * weight, sigma) / below).astype(np.float32, copy=False)


def opacify(grey: F32, share: F32, dense: F32 | float, detail: F32 | float = 0.0) -> F32:
    """Moves grey a `share` of the way to `dense` where it is darker, grain at full strength.

    Parameters
    ----------
    grey
        The film.
    share
        0 leaves a pixel alone, 1 makes it `dense`: 1 - exp(-attenuation added, in units of the saturation).
    dense
        Grey of thick soft tissue.
    detail
        Added on top, for example rib contrast that outlasts the share.
    """
    grain = grey - blur(grey, 0.8)
    smooth = grey - grain
    out = smooth + share * np.maximum(dense - smooth, 0) + grain + detail
    return out.astype(np.float32, copy=False)


def ceiling(grey: F32, dense: float) -> F32:
    """Grey that a small body tends to: soft tissue's, but over dense parts 0.18 above the surroundings.

    There the film still answers to more attenuation, though less and less.
    """
    out: F32 = np.maximum(np.float32(dense), np.minimum(blur(grey, 2.5) + np.float32(0.18), 1.02))
    return out


def shows(before: F32, after: F32, mask: F32, least: float) -> bool:
    """Whether the upper half of the change under the mask averages `least` or more (grey of [0, 1])."""
    change = np.abs(after - before)[mask > 0.5]
    if change.size == 0:
        return False
    return bool(change[change >= np.median(change)].mean() >= least)


def ramp(array: F32, low: float, high: float) -> F32:
    """Smooth step from 0 at `low` to 1 at `high`."""
    t = np.clip((array - low) / (high - low), 0, 1)
    out: F32 = t * t * (3 - 2 * t)
    return out


def clouds(rng: np.random.Generator, shape: tuple[int, int], scale: float, octaves: int = 3) -> F32:
    """Smooth random field (h, w), mean about 0 and standard deviation about 1, with features of `scale` pixels."""
    out = np.zeros(shape, dtype=np.float32)
    for octave in range(octaves):
        step = max(1.0, scale / 2**octave)
        small = (int(shape[0] / step) + 4, int(shape[1] / step) + 4)
        noise = rng.standard_normal(small, dtype=np.float32)
        phase = rng.random(2)
        rows = np.arange(shape[0], dtype=np.float32) / step + phase[0]
        cols = np.arange(shape[1], dtype=np.float32) / step + phase[1]
        out += np.float32(0.6**octave * 1.4) * _lattice(noise, rows, cols)
    return out


def _lattice(noise: F32, rows: F32, cols: F32) -> F32:
    """Quadratic B-spline interpolation of a grid of values at the outer product of `rows` and `cols`."""
    return _spline(_spline(noise, rows).T, cols).T


def _spline(values: F32, at: F32) -> F32:
    """Interpolates (k, n) values along their rows at `at`: (len(at), n)."""
    k = at.astype(np.intp)
    f = (at - k).astype(np.float32)[:, None]
    out: F32 = values[k] * (0.5 * (1 - f) ** 2) + values[k + 1] * (0.5 + f - f**2) + values[k + 2] * (0.5 * f**2)
    return out
