"""The opacity map: how much whiter each lung pixel is than the same place of a normal film.

The film is its own ruler: 0 is its clear lung, 1 its heart. From this index the normal value at the same lung
coordinate (the atlas in the model card, from films labelled normal) is subtracted; what remains is counted from the
film's own clear quarter, because exposure and display processing lift or lower whole lungs; and it is divided by the
normal spread, so the map counts standard deviations: ribs, hila and breast shadows are expected where they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whyray.perception.scene import LungFrame, Scene

F32 = NDArray[np.float32]
CLEAR_PERCENTILE = 15
OWN_PERCENTILE = 25
SMOOTH = 0.014  # Gaussian sigma as a part of the grid's side: wider than a rib edge or a vessel
MIN_CONTRAST = 0.08


@dataclass(frozen=True, slots=True)
class OpacityMap:
    """``index``: 0 clear lung, 1 dense as the heart; ``excess``: standard deviations above normal; (size, size)."""

    index: F32
    excess: F32


def smooth(grid: F32) -> F32:
    """Gaussian blur of the film at the scale of the map."""
    from scipy import ndimage

    return np.asarray(ndimage.gaussian_filter(grid, SMOOTH * grid.shape[0]), dtype=np.float32)


def density_index(scene: Scene, heart: str) -> F32 | None:
    """The film on the scale clear lung = 0, heart = 1; None when lungs or heart are not visible."""
    if not scene.sees(heart, *scene.lungs) or not scene.lungs:
        return None
    blurred = smooth(scene.grid)
    inside = np.concatenate([blurred[lung.mask] for lung in scene.lungs.values()])
    clear = float(np.percentile(inside, CLEAR_PERCENTILE))
    dense = float(np.median(blurred[scene.masks[heart]]))
    if dense - clear < MIN_CONTRAST:
        return None
    return (blurred - clear) / (dense - clear)


def bins(lung: LungFrame, rows: int, cols: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Atlas row (height) and column (depth) of every grid cell."""
    v = np.minimum((lung.v * rows).astype(np.intp), rows - 1)
    u = np.minimum((lung.u * cols).astype(np.intp), cols - 1)
    return v, u


def opacity_map(scene: Scene, heart: str) -> OpacityMap | None:
    """The map of one film, computed once; None when it cannot be measured."""
    if "opacity" not in scene.memo:
        scene.memo["opacity"] = _measure(scene, heart)
    kept = scene.memo["opacity"]
    return kept if isinstance(kept, OpacityMap) else None


def _measure(scene: Scene, heart: str) -> OpacityMap | None:
    index = density_index(scene, heart)
    if index is None:
        return None
    difference = above_normal(scene, index)
    excess = np.zeros_like(index)
    atlas = scene.card.reference["opacity_atlas"]
    for lung_id, lung in scene.lungs.items():
        shift, spread = (np.asarray(atlas[lung_id][k], dtype=np.float32) for k in ("shift", "spread"))
        v, u = bins(lung, *shift.shape)
        excess[lung.mask] = ((difference - shift[v, u]) / spread[v, u])[lung.mask]
    return OpacityMap(index.astype(np.float32), excess)


def above_normal(scene: Scene, index: F32) -> F32:
    """Index minus the atlas mean, counted from the film's own clear quarter; zero outside the lungs. (size, size)."""
    out = np.zeros_like(index)
    atlas = scene.card.reference["opacity_atlas"]
    inside = np.zeros(index.shape, dtype=np.bool_)
    for lung_id, lung in scene.lungs.items():
        mean = np.asarray(atlas[lung_id]["mean"], dtype=np.float32)
        v, u = bins(lung, *mean.shape)
        out[lung.mask] = (index - mean[v, u])[lung.mask]
        inside |= lung.mask
    out[inside] -= np.percentile(out[inside], OWN_PERCENTILE)
    return out
