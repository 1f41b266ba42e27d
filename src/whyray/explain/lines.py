"""Lines: thin bright strokes, as septal lines are, are taken out of a region that holds nothing else.

An eraser that replaces the low band leaves them, for they lie in the high one. Where a region is too narrow for
anything but lines, what a top hat keeps along a straight run of cells is subtracted, twice; grain is left.
"""

from __future__ import annotations

import numpy as np

from whyray.domain import Frame, Image, Region
from whyray.explain.grid import F32, tag

LINES = 640  # side of the grid on which thin lines are taken away: a septal line is one or two cells wide
WIDE = 7  # cells: what is wider is no line
NARROW = 9  # cells, 6 mm: what fits into none of these squares is a line
OVER = 3  # cells around the region that are its rim
LONG = 4  # cells that a line runs straight at least: 3 mm of a film of 43 cm
PASSES = 2  # what the first leaves of a line is a line again
ANGLES = 8  # directions in half a turn


def unlined(image: Image, region: Region) -> Image:
    """The film without the lines of `region`; the film itself where the region is wider than lines are."""
    frame = Frame(image.pixels.shape[1], image.pixels.shape[2], LINES)
    mask = frame.to_grid(region.mask().astype(np.float32))
    for _ in range(PASSES if thin(mask) else 0):
        image = without(image, frame, mask, region)
    return image


def thin(mask: F32) -> bool:
    """Whether most of a mask (LINES, LINES), coverage of cells, is too narrow for anything but lines."""
    from scipy import ndimage

    marked = mask > min(0.5, float(mask.max()) / 2)
    return bool(ndimage.binary_opening(marked, np.ones((NARROW, NARROW))).sum() < marked.sum() / 2)


def without(image: Image, frame: Frame, mask: F32, region: Region) -> Image:
    """The film without the lines of `mask` (LINES, LINES) and of its rim: a septal line ends on the pleura."""
    from scipy import ndimage

    inside = ndimage.maximum_filter(mask, 2 * OVER + 1)
    soft = ndimage.uniform_filter(inside, 2 * OVER - 1)
    rows, columns = (np.flatnonzero((soft > 0).any(axis=axis)) for axis in (1, 0))
    part = tuple(slice(max(i[0] - WIDE - LONG, 0), i[-1] + WIDE + LONG + 1) for i in (rows, columns))
    pixels, change = image.pixels[0], np.zeros_like(soft)
    change[part] = strokes(frame.to_grid(pixels)[part]) * soft[part]
    lower = np.clip(pixels - frame.to_source(change), 0, 1)
    return image.with_pixels(lower[None].astype(np.float32), tag(region, "lines"))


def strokes(film: F32) -> F32:
    """What thin bright lines add to a film (h, w): top hat, of which straight runs of `LONG` cells are kept.

    The greatest opening by a segment over all directions (Soille, Morphological Image Analysis 2003, 4.4.3): a line
    lives through that along its own direction; what the film has half of everywhere is its grain.
    """
    from scipy import ndimage

    thin = film - ndimage.grey_opening(film, (WIDE, WIDE))
    found = np.zeros_like(thin)
    for number in range(ANGLES):
        angle = np.pi * number / ANGLES
        steps = np.arange(LONG) - LONG // 2
        down, right = np.rint(steps * np.sin(angle)).astype(int), np.rint(steps * np.cos(angle)).astype(int)
        run = list(zip(down.tolist(), right.tolist(), strict=True))
        eroded = _shifted(thin, run, np.minimum)
        np.maximum(found, _shifted(eroded, [(-y, -x) for y, x in run], np.maximum), out=found)
    return np.asarray(np.maximum(found - np.median(found), 0), dtype=np.float32)


def _shifted(values: F32, run: list[tuple[int, int]], pick: np.ufunc) -> F32:
    """Minimum or maximum of the copies of `values` moved by the steps of `run`; the border is repeated."""
    rows, cols = values.shape
    wide = np.pad(values, LONG, mode="edge")
    copies = (wide[LONG + y : LONG + y + rows, LONG + x : LONG + x + cols] for y, x in run)
    found: F32 = next(copies).copy()
    for copy in copies:
        pick(found, copy, out=found)
    return found
