"""The second look: each lung at twice the resolution, for signs that are too fine for the first one.

A lung is cut out of the film with its lateral wall at the left, so that both look alike. Beside its pixels the
network gets planes that say where each cell lies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from whyray.domain import LooksAgain, SecondLook
from whyray.perception.grid import box

T = TypeVar("T", bound=np.generic)
F32 = NDArray[np.float32]
BESIDE, BELOW = 24, 32  # pixels of the film between the crop's border and the lung's lateral and lower edge
LEAST = 150  # cells: a smaller lung is none
SHUT = -12.0  # logit where no lung was looked at
LEAST_SEEN = -11.9  # and the least one where one was


@dataclass(frozen=True, slots=True)
class Lung:
    """Where a lung lies: top-left corner (row, column) of its crop on the film, mirrored first when it is the left one.

    ``box`` (top, bottom, lateral, medial) in cells of the planes.
    """

    corner: tuple[int, int]
    mirrored: bool
    box: tuple[int, int, int, int]


def planes(anatomy: NDArray[np.floating[Any]], names: tuple[str, ...], how: SecondLook) -> F32:
    """The chest as the first look saw it, on the cells of the second.

    Parameters
    ----------
    anatomy
        (k, n, n) probabilities of the structures `names`; a cell is ``how.cell`` pixels of the finer film.

    Returns
    -------
    float32
        (p, n, n): right lung, left lung, the structures beside them.
    """
    index = {name: i for i, name in enumerate(names)}
    lungs = [anatomy[index[name]] for name in how.lungs]
    beside = [np.max([anatomy[index[name]] for name in group], axis=0) for group in how.beside]
    return np.stack([*lungs, *beside]).astype(np.float32)


def find(lungs: F32, how: SecondLook) -> list[Lung]:
    """Lungs of a film, right one first, from the first two of its `planes`."""
    found = (_lung(lungs[i] if i == 0 else lungs[i][:, ::-1], i == 1, how) for i in (0, 1))
    return [lung for lung in found if lung is not None]


def _lung(soft: F32, mirrored: bool, how: SecondLook) -> Lung | None:
    from scipy import ndimage

    parts, count = ndimage.label(soft > 0.5)
    sizes = np.bincount(parts.ravel(), minlength=2)[1:]
    if count == 0 or sizes.max() < LEAST:
        return None
    where = box(parts == sizes.argmax() + 1)
    if where is None:
        return None
    rows, cols = where
    found = (rows.start, rows.stop, cols.start, cols.stop)
    return Lung((found[1] * how.cell + BELOW - how.crop[0], found[2] * how.cell - BESIDE), mirrored, found)


def cut(array: NDArray[T], lung: Lung, how: SecondLook, stride: int = 1) -> NDArray[T]:
    """The crop of an array (..., size / stride, size / stride); zero beyond the film."""
    whole = array[..., ::-1] if lung.mirrored else array
    top, left = (c // stride for c in lung.corner)
    rows, cols = how.crop[0] // stride, how.crop[1] // stride
    out = np.zeros((*array.shape[:-2], rows, cols), array.dtype)
    y0, x0 = max(top, 0), max(left, 0)
    y1, x1 = min(top + rows, array.shape[-2]), min(left + cols, array.shape[-1])
    if y0 < y1 and x0 < x1:
        out[..., y0 - top : y1 - top, x0 - left : x1 - left] = whole[..., y0:y1, x0:x1]
    return out


def places(seen: F32, lung: Lung, how: SecondLook) -> F32:
    """Planes (p + 2, rows / cell, columns / cell) of one lung.

    This lung, the other, what lies beside them, the place from apex to base and from wall to middle.
    """
    order = [1, 0] if lung.mirrored else [0, 1]
    part = cut(seen, lung, how, how.cell)
    top, bottom, lateral, medial = lung.box
    rows = np.arange(part.shape[1], dtype=np.float32) + lung.corner[0] // how.cell
    cols = np.arange(part.shape[2], dtype=np.float32) + lung.corner[1] // how.cell
    v = np.clip((rows - top) / max(bottom - top, 1), -0.5, 1.5)
    u = np.clip((cols - lateral) / max(medial - lateral, 1), -0.5, 1.5)
    grid = np.stack(np.broadcast_arrays(v[:, None], u[None, :]))
    return np.concatenate([part[order], part[2:], grid]).astype(np.float32)


def laid(crops: F32, lungs: list[Lung], how: SecondLook) -> F32:
    """Logits (j, size / stride, size / stride) of the film from those of its lungs (n, j, rows / stride, ...).

    Where two crops lie over each other the higher logit counts, and at least `LEAST_SEEN`; `SHUT` elsewhere.
    """
    n = how.size // how.stride
    out = np.full((crops.shape[1], n, n), SHUT, np.float32)
    for crop, lung in zip(crops, lungs, strict=True):
        whole = out[..., ::-1] if lung.mirrored else out
        top, left = (c // how.stride for c in lung.corner)
        y0, x0 = max(top, 0), max(left, 0)
        y1, x1 = min(top + crop.shape[1], n), min(left + crop.shape[2], n)
        if y0 < y1 and x0 < x1:
            part = whole[:, y0:y1, x0:x1]
            seen = np.maximum(crop[:, y0 - top : y1 - top, x0 - left : x1 - left], np.float32(LEAST_SEEN))
            np.maximum(part, seen, out=part)
    return out


def look_again(film: F32, seen: F32, engine: LooksAgain, how: SecondLook) -> F32:
    """Logits (signs, size / stride, size / stride) of the second look.

    Parameters
    ----------
    film
        (size, size) in [0, 1].
    seen
        Its `planes`.
    """
    lungs = find(seen[:2], how)
    if not lungs:
        n = how.size // how.stride
        return np.full((len(how.channels), n, n), SHUT, np.float32)
    films = np.stack([cut(film, lung, how) for lung in lungs])[:, None]
    return laid(engine.look_again(films, np.stack([places(seen, lung, how) for lung in lungs])), lungs, how)


def mixed(again: F32, first: F32, weight: float) -> F32:
    """Mean of a channel's maps from both looks: (n, n) of the second, and (m, m) of the first by `weight`.

    Where the second did not look the first stands alone.
    """
    index = np.arange(again.shape[0]) * first.shape[0] // again.shape[0]
    coarse: F32 = first.take(index, axis=0).take(index, axis=1)
    both = (1 - np.float32(weight)) * again + np.float32(weight) * coarse
    return np.where(again > SHUT, both, coarse)
