"""Pneumothorax: air between the chest wall and a lung that has shrunk towards its hilum."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from whyray_train.insertion.chest import around, dense_level, pick_side, polar
from whyray_train.insertion.core import F32, Film, Inserted, inserted
from whyray_train.insertion.optics import blur, ramp
from whyray_train.insertion.ribs import along_ribs

F64 = NDArray[np.float64]
# Bearings of the gap's anchors: degrees from straight up, growing towards the lateral wall and down to the base.
BEARINGS = np.array([-110.0, -70.0, -30.0, 5.0, 40.0, 80.0, 115.0, 145.0, 180.0])
LEAST_MM = 2.0  # a thinner space is not marked
SEEN_MM2 = 120.0


def pneumothorax(film: Film, rng: np.random.Generator) -> Inserted | None:
    """Space of air on one side; mask channel of the same name."""
    side = pick_side(film, rng)
    if side is None:
        return None
    mm = film.mm_per_px
    window = side.window(round(4 / mm))
    radius, bearing, extent = polar(side, window)
    width, rounding = gap(rng, extent * mm)
    width = width / mm
    pleura = np.minimum(_smooth(extent, 21) - width, extent)
    pleura = _smooth(pleura, rounding)
    edge = around(pleura, bearing)
    lean = around(np.gradient(pleura, 2 * np.pi / pleura.size), bearing) / np.maximum(radius, 4)
    beyond: F32 = ((radius - edge) / np.sqrt(1 + lean**2)).astype(np.float32)
    lung = side.lung[window]
    here = ramp(around(width, bearing) * mm, LEAST_MM, 2 * LEAST_MM) * (radius > 3)
    medial = ramp(bearing, -2.6, -2.4) * (1 - ramp(bearing, -0.25, -0.05))
    here = here * (1 - medial * (1 - ramp(radius, 0.26 * side.height, 0.32 * side.height)))  # none beside the hilum
    air = ramp(beyond, -0.6, 0.6) * here
    mask = air * ramp(lung, 0.2, 0.7)
    if mask.sum() * mm**2 < SEEN_MM2:
        return None
    kept = 1 - float(mask.sum() / lung.sum())
    pixels = film.pixels.copy()
    grey = release(film, rng, window, air * np.clip(2 * blur(lung, 0.7), 0, 1), lung)
    grey = squeeze(grey, rng, lung * (1 - air), kept, dense_level(film), mm)
    pixels[window] = grey + line(rng, bearing, beyond, mm) * here * ramp(lung, 0.3, 0.9)
    whole = np.zeros_like(pixels)
    whole[window] = mask
    return inserted(pixels, pneumothorax=whole)


def gap(rng: np.random.Generator, extent: F64) -> tuple[F64, int]:
    """Width (mm) of the air along each ray, and the rays over which the lung's outline is rounded.

    `extent` is (rays,) in mm.
    """
    u = rng.uniform
    form = rng.choice(4, p=(0.45, 0.28, 0.17, 0.10))
    if form == 0:  # small: apex, running out along the lateral wall
        apex = u(6, 26)
        side = u(0, 0.6) * apex
        anchors = [0, 0, 0.25 * apex, apex, 0.85 * apex, side, 0.6 * side, 0, 0]
    elif form == 1:  # moderate
        apex, side = u(20, 60), u(8, 35)
        anchors = [0, 0, 0.3 * apex, apex, 0.5 * (apex + side), side, 0.9 * side, u(0, 1) * side, 0]
    elif form == 2:  # large to near total: a share of the way to the hilum
        share = np.array([0, 0.05, 0.4, 1, 1, 1, 1, 0.95, u(0.2, 0.8)]) * u(0.4, 0.82)
        at = np.interp(np.degrees(_rays(extent.size)), BEARINGS, share, period=360)
        return _smooth(at * _wobble(rng, extent.size, 0.05)) * extent, 25
    else:  # supine: air collects at the base, the lateral angle is deep and dark
        low = u(8, 30)
        anchors = [0, 0, 0, u(0, 5), u(0, 5), 0.3 * low, 0.8 * low, low, 0.3 * low]
    at = np.interp(np.degrees(_rays(extent.size)), BEARINGS, anchors, period=360)
    return np.minimum(_smooth(at) * _wobble(rng, extent.size, 0.1), 0.85 * extent), 7


def release(film: Film, rng: np.random.Generator, window: tuple[slice, slice], air: F32, lung: F32) -> F32:
    """The window with vessels taken away and the lung's own weak attenuation gone where `air` is."""
    grey = film.pixels[window]
    ribs = along_ribs(grey, film.mm_per_px, inside=lung, cell_mm=1.3, reach_mm=7)
    soft = blur(grey, 0.8)
    grain = grey - soft
    spread = 1.5 * float(np.abs(grain[lung > 0.5]).mean()) + 1e-4
    extra = soft - ribs
    bare = ribs + np.where(extra > 0, 0.15, 0.5) * extra + np.clip(grain, -spread, spread)
    level = float(np.quantile(grey[lung > 0.5], 0.3))
    depth = rng.uniform(0.03, 0.16) * max(dense_level(film) - level, 0.1)
    out: F32 = grey + air * (np.minimum(bare, grey + 0.02) - depth - grey)
    return out


def squeeze(grey: F32, rng: np.random.Generator, lung: F32, kept: float, dense: float, mm: float) -> F32:
    """Lung that holds less air: brighter by up to half of the way to soft tissue when nearly all air is out."""
    share = rng.uniform(0.15, 0.7) * (1 - kept) * blur(lung, 1.5 / mm)
    out: F32 = grey + share * np.maximum(dense - grey, 0)
    return out.astype(np.float32)


def line(rng: np.random.Generator, bearing: F32, beyond: F32, mm: float) -> F32:
    """The visceral pleura seen edge on: under 1 mm thick, of changing strength along its way."""
    strength = rng.uniform(0.03, 0.11) * np.clip(_wobble(rng, 180, 0.45), 0.25, 1.5)
    sigma = max(0.55, 0.4 / mm)
    out: F32 = around(strength, bearing) * np.exp(-0.5 * (beyond / sigma) ** 2)
    return out


def _rays(count: int) -> F64:
    out: F64 = np.linspace(-np.pi, np.pi, count, endpoint=False)
    return out


def _smooth(table: F64, width: int = 13) -> F64:
    wrapped = np.concatenate([table[-width:], table, table[:width]])
    window = np.hanning(width + 2)[1:-1]
    out: F64 = np.convolve(wrapped, window / window.sum(), mode="same")[width:-width]
    return out


def _wobble(rng: np.random.Generator, count: int, strength: float) -> F64:
    """1 + a periodic random curve of a few waves."""
    angle = _rays(count)
    out = np.ones(count)
    for wave in range(1, 7):
        out += rng.normal(0, strength / wave**0.7) * np.sin(wave * angle + rng.uniform(0, 2 * np.pi)) / 1.8
    return np.maximum(out, 0.1)
