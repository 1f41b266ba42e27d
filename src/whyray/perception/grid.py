"""Grid masks: windows, growing and filling, each only where something is set."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Box = tuple[slice, slice]


def box(mask: Mask) -> Box | None:
    """Rows and columns that hold all of `mask`; None when it is empty."""
    ys = np.flatnonzero(mask.any(axis=1))
    if ys.size == 0:
        return None
    xs = np.flatnonzero(mask[ys[0] : ys[-1] + 1].any(axis=0))
    return slice(int(ys[0]), int(ys[-1]) + 1), slice(int(xs[0]), int(xs[-1]) + 1)


def widened(where: Box, cells: int) -> Box:
    """A box with so many cells more on each side, if the array has them."""
    rows, cols = where
    return slice(max(rows.start - cells, 0), rows.stop + cells), slice(max(cols.start - cells, 0), cols.stop + cells)


def grown(mask: Mask, steps: int) -> Mask:
    """Cells at most `steps` up, down, left or right steps from `mask`."""
    out = mask.copy()
    for _ in range(steps):
        last = out.copy()
        out[1:] |= last[:-1]
        out[:-1] |= last[1:]
        out[:, 1:] |= last[:, :-1]
        out[:, :-1] |= last[:, 1:]
    return out


def closed(mask: Mask, steps: int) -> Mask:
    """`mask` grown by `steps` and shrunk again, as if it were surrounded by empty cells."""
    room = 2 * steps
    padded = np.pad(mask, room)
    kept: Mask = ~grown(~grown(padded, steps), steps)
    return kept[room:-room, room:-room]


def filled(mask: Mask) -> Mask:
    """`mask` with the cells that it encloses."""
    from scipy import ndimage

    where = box(mask)
    if where is None:
        return mask
    labels, count = ndimage.label(~np.pad(mask[where], 1))
    if count == 1:  # what lies around it
        return mask
    out = mask.copy()
    out[where] = labels[1:-1, 1:-1] != labels[0, 0]
    return out


def row_edges(mask: Mask) -> NDArray[np.float64]:
    """First and last-plus-one column of each row, (rows, 2); NaN where the row is empty."""
    first = mask.argmax(axis=1)
    edges = np.stack([first, mask.shape[1] - mask[:, ::-1].argmax(axis=1)], axis=1).astype(np.float64)
    edges[~mask[np.arange(first.size), first]] = np.nan
    return edges


def column_centre(mask: Mask) -> float:
    """Mean column of the set cells of a mask that is not empty."""
    counts = np.count_nonzero(mask, axis=0)
    return float((counts * np.arange(counts.size)).sum() / counts.sum())
