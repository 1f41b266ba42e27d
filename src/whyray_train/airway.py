"""Where the trachea runs on a real film: the path of a dark band between the upper lungs, by dynamic programming.

No public film set marks the trachea, and the one patient whose projections do has his aorta push it to one side. On
most films its upper part shows as a band 12 to 22 mm wide, darker than what lies right and left of it. What is told
here teaches the anatomy network beside the projections; rows on which the band does not show are left untold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from whyray_train.atlas import CANNOT, MUST, UNKNOWN

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
Mask = NDArray[np.bool_]

WIDTHS_MM = (12.0, 14.0, 16.0, 18.0, 20.0, 22.0)  # of an adult's trachea on a frontal film, and its walls' blur
ABOVE_MM, PART = 22.0, 0.30  # searched from so far above the apices down to this part of the lungs' height
REACH_MM = 22.0  # to both sides of the middle between the lungs
SMOOTH_MM = (4.0, 1.0)  # down, so that vertebral end plates do not cut the band; across
FLANK_MM, GAP_MM = 6.0, 1.5  # tissue compared with the band on each side; its edge is left out
BEND = 0.08  # cost of one pixel aside
WIDER = 0.1  # power of the width that a path's strength is weighed with: half of a wide band is a band too
SHOWN = 0.15  # strength of a row on which the band shows
LEAST_SHARE, LEAST_STRENGTH = 0.5, 0.25  # of a path: rows on which it shows, mean strength
LEAST_CONTRAST = 0.012  # of a path: mean difference of brightness; the best of all paths through noise has less
STRAIGHT_MM = 7.0  # greatest distance of a path from a straight line
ASIDE_MM = 12.0  # farther to one side of where it was last seen no part of it lies
DOUBT_MM = 1.5  # on both sides of each edge: neither trachea nor not


@dataclass(frozen=True, slots=True)
class Band:
    """``rows`` (r,), the band's ``middle`` (r,), a coordinate from the film's left edge, and ``width`` in pixels,
    ``shown`` (r,) whether it is seen there."""

    rows: NDArray[np.intp]
    middle: F32
    width: float
    shown: Mask


def find(film: U8, lungs: U8, mm_per_px: float) -> Band | None:
    """The trachea's upper part; None where no path convinces.

    Parameters
    ----------
    film
        (s, s), the letterboxed film.
    lungs
        (2, s / k, s / k) coverage 0..255 of the right and the left lung.
    mm_per_px
        Millimetres of one pixel of `film`.
    """
    where = _searched(lungs > 127, film.shape[0] // lungs.shape[-1], mm_per_px)
    if where is None:
        return None
    rows, columns = where
    grey = ndimage.gaussian_filter(film.astype(np.float32) / 255, np.array(SMOOTH_MM) / mm_per_px)
    around = grey[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    spread = float(np.median(np.abs(around - np.median(around, axis=1, keepdims=True)))) + 1e-3
    best: tuple[float, Band] | None = None
    for width in WIDTHS_MM:
        strength = _strength(grey, rows, columns, width, mm_per_px) / spread
        path = _path(strength)
        along = strength[np.arange(len(rows)), path]
        middle = columns[path].astype(np.float32)
        straight = np.polyval(np.polyfit(rows, middle, 1), rows)
        told = (
            float((along > SHOWN).mean()) >= LEAST_SHARE
            and float(along.mean()) >= max(LEAST_STRENGTH, LEAST_CONTRAST / spread)
            and float(np.abs(middle - straight).max()) * mm_per_px <= STRAIGHT_MM
        )
        value = float(along.mean()) * width**WIDER
        if best is None or value > best[0]:
            best = (value, Band(rows, middle, width / mm_per_px, (along > SHOWN) & told))
    return best[1] if best is not None and best[1].shown.any() else None


def _searched(lungs: Mask, scale: int, mm: float) -> tuple[NDArray[np.intp], NDArray[np.intp]] | None:
    """Rows and columns of the film among which the band is looked for; None without two lungs side by side."""
    lungs = np.stack([_largest(lung) for lung in lungs])
    seen = [np.flatnonzero(lung.any(axis=1)) for lung in lungs]
    if not all(s.size for s in seen):
        return None
    top, base = min(s[0] for s in seen), max(s[-1] for s in seen)
    end = top + PART * (base - top)
    middles = []
    for y in range(max(s[0] for s in seen) + 2, int(end)):
        right, left = np.flatnonzero(lungs[0, y]), np.flatnonzero(lungs[1, y])
        if right.size and left.size and right[-1] < left[0]:
            middles.append((right[-1] + left[0] + 1) / 2 * scale)
    first, last = max(0, int(top * scale - ABOVE_MM / mm)), int(end * scale)
    if len(middles) < (last - first) / scale / 4:
        return None
    middle, reach = int(np.median(middles)), int(REACH_MM / mm)
    size = lungs.shape[-1] * scale
    columns = np.arange(max(0, middle - reach), min(size, middle + reach + 1))
    return np.arange(first, last), columns


def _largest(mask: Mask) -> Mask:
    """The largest piece: a fleck above a lung would move the rows that are searched."""
    marks, count = ndimage.label(mask)
    if count < 2:
        return mask
    return np.asarray(marks == 1 + np.bincount(marks.ravel())[1:].argmax(), dtype=np.bool_)


def _strength(grey: F32, rows: NDArray[np.intp], columns: NDArray[np.intp], width: float, mm: float) -> F32:
    """(rows, columns): how much darker a band about that column is than the brighter-by-least of its two sides."""
    sums = np.concatenate([np.zeros((len(rows), 1), np.float32), np.cumsum(grey[rows], axis=1)], axis=1)

    def mean(low: float, high: float) -> F32:
        first = np.clip(np.round(columns + low / mm).astype(int), 0, grey.shape[1] - 1)
        after = np.clip(np.round(columns + high / mm).astype(int), first + 1, grey.shape[1])
        return np.asarray((sums[:, after] - sums[:, first]) / (after - first), dtype=np.float32)

    half = width / 2
    inside = mean(GAP_MM - half, half - GAP_MM)
    right = mean(-half - FLANK_MM, -half - GAP_MM / 2)
    left = mean(half + GAP_MM / 2, half + FLANK_MM)
    return np.asarray(np.minimum(right, left) - inside, dtype=np.float32)


def _path(strength: F32) -> NDArray[np.intp]:
    """Column index on each row of the strongest path from the first to the last row."""
    total, back = strength[0].copy(), np.zeros(strength.shape, np.intp)
    for y in range(1, len(strength)):
        near = np.stack([np.r_[-np.inf, total[:-1]] - BEND, total, np.r_[total[1:], -np.inf] - BEND])
        back[y] = near.argmax(axis=0) - 1
        total = near.max(axis=0) + strength[y]
    out = np.zeros(len(strength), np.intp)
    out[-1] = int(total.argmax())
    for y in range(len(strength) - 1, 0, -1):
        out[y - 1] = out[y] + back[y, out[y]]
    return out


def tell(codes: U8, band: Band, mm_per_px: float) -> None:
    """Writes `band` into codes of `atlas` (s / 2, s / 2): rows on which it shows; below, that it goes on near there."""
    columns = np.arange(codes.shape[1]) + 0.5
    doubt, half = DOUBT_MM / mm_per_px / 2, band.width / 4
    for row, middle in zip(band.rows[band.shown] // 2, band.middle[band.shown] / 2, strict=True):
        away = np.abs(columns - middle)
        codes[row] = UNKNOWN
        codes[row, away <= half - doubt] = MUST
        codes[row, away >= half + doubt] = CANNOT
    last = int(band.rows[band.shown][-1]) // 2 + 1
    far = np.abs(columns - float(band.middle[band.shown][-1]) / 2) > half + ASIDE_MM / mm_per_px / 2
    codes[last:, far] = CANNOT
