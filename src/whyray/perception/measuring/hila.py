"""Widths of the hila: how far from the midline their shadow reaches at the level of the interlobar arteries."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from whyray.domain import Line, Measurement
from whyray.perception.measuring.borders import inner, level, middle, outer
from whyray.perception.measuring.chart import F64, Chart, Unseen

LEVELS = {"right": (0.46, 0.64), "left": (0.42, 0.60)}  # shares of the height between apices and domes
BLOCKS = 9  # of rows in which the width is taken
PEAK, LUNG = (0.02, 0.38), (0.5, 0.8)  # shares of the lung's width: where the hilum is densest; plain lung
FAR, DARK = 0.9, 25  # of the lung's width; percentile of the grey up to there that is aerated lung
FLAT = 0.01  # grey of [0, 1]: a lung that varies less has no shadow
CLEAR = 2.0  # standard deviations of plain lung that a hilum stands out by
LEAST = 0.5  # of the blocks that must show a hilum
LEAST_WIDTH = 12  # cells: a narrower lung shows no hilum beside plain lung
NOT_HILUM = 0.48  # of the lung's width: a shadow that reaches farther is more than a hilum


@dataclass(frozen=True, slots=True)
class Shadow:
    """Width of a hilum in px with its uncertainty, and the line of the block that has it."""

    px: float
    sigma: float
    line: Line


def hilum_width(chart: Chart, name: str, params: Mapping[str, Any]) -> Iterator[Measurement]:
    """From the midline to the lateral edge of one hilum (``side``), median of the interlobar levels.

    The midline is the middle between the inner ends of the clavicles. Where no hilar shadow stands out of the lung its
    edge is that of the mediastinum.

    Raises
    ------
    Unseen
        ``structure_not_visible``; ``hilum_unclear`` where opacities run on into the lung at most levels.
    """
    shadow = _shadow(chart, params, params["side"])
    yield chart.length(name, shadow.line, shadow.sigma, params)


def hilum_ratio(chart: Chart, name: str, params: Mapping[str, Any]) -> Iterator[Measurement]:
    """Width of the right hilum over that of the left."""
    right, left = (_shadow(chart, params, side) for side in ("right", "left"))
    ratio = right.px / left.px
    sigma = ratio * float(np.hypot(right.sigma / right.px, left.sigma / left.px))
    yield Measurement(name, ratio, "ratio", sigma, (right.line, left.line))


def _shadow(chart: Chart, params: Mapping[str, Any], side: str) -> Shadow:
    return chart.once(("hilum", params[side]), lambda: _measured(chart, params, side))


def _measured(chart: Chart, params: Mapping[str, Any], side: str) -> Shadow:
    right = side == "right"
    start, end = inner(chart, params[side], right), outer(chart, params[side], right)
    centre = middle(chart, params)[0]
    outward = -1.0 if right else 1.0
    first, last = (level(chart, params, share) for share in LEVELS[side])
    bounds = np.linspace(first, last, BLOCKS + 1)
    found = []
    for top, bottom in itertools.pairwise(bounds):
        row = int((top + bottom) / 2)
        a, b = float(start[row]), float(end[row])
        if abs(b - a) > LEAST_WIDTH * chart.cell:
            reach = _reach(chart, int(top), int(bottom), a, b)
            if reach is not None and outward * (a - centre) + reach > 0:
                found.append((outward * (a - centre) + reach, float(row)))
    if len(found) < LEAST * BLOCKS:
        raise Unseen("hilum_unclear")
    widths = np.array([f[0] for f in found])
    usual = float(np.median(widths))
    px, at = min(found, key=lambda f: abs(f[0] - usual))
    spread = 1.4826 * float(np.median(np.abs(widths - usual)))
    sigma = float(np.hypot(np.sqrt(2.0) * chart.edge, spread / np.sqrt(len(found) / 2)))
    return Shadow(px, sigma, Line((centre, at), (centre + outward * px, at)))


def _reach(chart: Chart, top: int, bottom: int, start: float, end: float) -> float | None:
    """Pixels from the mediastinal border to where the hilum has lost half its contrast.

    0 where no shadow stands out of the lung, None where one reaches too far to be a hilum.
    """
    profile = _profile(chart, top, bottom, start, end)
    n = len(profile)
    dense = profile[int(PEAK[0] * n) : int(PEAK[1] * n)]
    plain = profile[int(LUNG[0] * n) : int(LUNG[1] * n)]
    base, spread = float(np.percentile(profile[int(PEAK[1] * n) : int(FAR * n)], DARK)), float(plain.std())
    if np.median(plain) - base > (dense.max() - base) / 2 > CLEAR * FLAT:
        return None
    if dense.max() - base < CLEAR * spread:
        return 0.0
    peak = int(dense.argmax())
    past = np.flatnonzero(profile[peak:] < (dense.max() + base) / 2)
    if not len(past) or (peak + past[0]) > NOT_HILUM * n:
        return None
    return float(peak + past[0]) * abs(end - start) / n


def _profile(chart: Chart, top: int, bottom: int, start: float, end: float) -> F64:
    """Mean grey from the mediastinal border (0) to the chest wall, smoothed over a third of a cell."""
    from scipy import ndimage

    x0, x1 = sorted((int(start), int(end)))
    rows = chart.image.pixels[0, top : max(bottom, top + 1), x0:x1].astype(np.float64).mean(axis=0)
    smooth = ndimage.gaussian_filter1d(rows, max(1.0, chart.cell / 3))
    return np.asarray(smooth[::-1] if start > end else smooth)
