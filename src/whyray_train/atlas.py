"""Where structures lie round the lungs: a probability atlas of projected films, laid on real ones.

Public film sets mark lungs, heart and clavicles only; trachea, aortic knob, hila, diaphragms and spine are learned
from projections of a CT. A network that sees their masks on projections alone says anything on real films. So every
real film with known lungs gets, for each of them, where the structure cannot lie and where it surely does: the share
of projected films in which it covers a place, in coordinates of the lungs' own box.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

SIDE = 64  # cells of the atlas across
REACH = 0.5  # of the lungs' box beyond each of its edges that the atlas covers
NEVER = 0.02  # share of projected films below which a structure cannot lie at a place
CORE = 0.75  # of its highest share, from which it surely lies there; poses differ, so no share is near one
LEAST = 0.35  # highest share of a structure that has such a core
SMOOTH = 1.0  # cells
UNDER = 6  # cells below a lung in which no heart may lie where its edge is a dome
CANNOT, UNKNOWN, MUST = 0, 128, 255  # codes of a laid atlas


@dataclass(frozen=True, slots=True)
class Atlas:
    """``shares`` float32 (k, SIDE, SIDE): part of the projected films in which structure i covers a cell."""

    shares: F32

    @staticmethod
    def of(masks: U8, lungs: U8) -> Atlas:
        """Atlas of ``masks`` (n, k, s, s) coverage in 0..255 round ``lungs`` (n, 2, s, s)."""
        total = np.zeros((masks.shape[1], SIDE, SIDE), np.float32)
        for planes, pair in zip(masks, lungs, strict=True):
            ys, xs = _grid(*box(pair))
            total += np.stack([_at(plane, ys, xs) for plane in planes]) > 127
        return Atlas(ndimage.gaussian_filter(total / len(masks), (0, SMOOTH, SMOOTH)).astype(np.float32))

    def laid(self, lungs: U8, free: frozenset[int] = frozenset()) -> U8:
        """Codes uint8 (k, s, s) on a film with ``lungs`` (2, s, s): `CANNOT`, `UNKNOWN` or `MUST`.

        The structures `free` have no core: theirs is that of the one patient, beside which other people's lie.
        """
        size = lungs.shape[-1]
        x0, y0, x1, y1 = box(lungs)
        steps = np.arange(size) + 0.5
        across = ((steps - x0) / (x1 - x0) + REACH) / (1 + 2 * REACH) * SIDE
        down = ((steps - y0) / (y1 - y0) + REACH) / (1 + 2 * REACH) * SIDE
        inside = ((across >= 0) & (across < SIDE))[None, :] & ((down >= 0) & (down < SIDE))[:, None]
        cells = np.ix_(np.clip(down.astype(int), 0, SIDE - 1), np.clip(across.astype(int), 0, SIDE - 1))
        out = np.full((len(self.shares), size, size), UNKNOWN, np.uint8)
        for i, (code, share) in enumerate(zip(out, self.shares, strict=True)):
            here = share[cells]
            code[(here < NEVER) & inside] = CANNOT
            if share.max() >= LEAST and i not in free:
                code[(here >= CORE * share.max()) & inside] = MUST
        return out


def tell_dome(codes: U8, lung: U8, heart: U8) -> None:
    """Writes into codes (s, s) that the diaphragm shows along a lung's (s, s) lower edge, its outer fifths left out.

    Where that edge lies on the `heart` (s, s) no diaphragm shows: half of a left lung's lower edge often does.
    """
    seen = lung > 127
    xs = np.flatnonzero(seen.any(axis=0))
    middle = xs[len(xs) // 5 : len(xs) - len(xs) // 5]
    lowest = seen.shape[0] - 1 - seen[::-1, middle].argmax(axis=0)
    below = np.minimum(lowest + np.arange(1, UNDER + 1)[:, None], seen.shape[0] - 1)
    on_heart = (heart[below, middle] > 127).any(axis=0)
    for down in (0, 1, 2):
        codes[np.minimum(lowest + down, seen.shape[0] - 1), middle] = np.where(on_heart, CANNOT, MUST)


def box(lungs: U8) -> tuple[float, float, float, float]:
    """(x0, y0, x1, y1) of both lungs together in cells.

    Raises
    ------
    ValueError
        When there are none.
    """
    seen = lungs.max(axis=0) > 127
    ys, xs = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    if not ys.size:
        raise ValueError("no lungs")
    return float(xs[0]), float(ys[0]), float(xs[-1] + 1), float(ys[-1] + 1)


def _grid(x0: float, y0: float, x1: float, y1: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Film cells (rows, columns) at the centres of the atlas' cells."""
    steps = (np.arange(SIDE) + 0.5) / SIDE * (1 + 2 * REACH) - REACH
    return np.floor(y0 + steps * (y1 - y0)).astype(np.intp), np.floor(x0 + steps * (x1 - x0)).astype(np.intp)


def _at(plane: U8, ys: NDArray[np.intp], xs: NDArray[np.intp]) -> U8:
    """The plane at rows and columns; nothing outside of it."""
    size = plane.shape[0]
    kept = plane[np.ix_(np.clip(ys, 0, size - 1), np.clip(xs, 0, size - 1))]
    inside = ((ys >= 0) & (ys < size))[:, None] & ((xs >= 0) & (xs < size))[None, :]
    found: U8 = np.where(inside, kept, 0).astype(np.uint8)
    return found
