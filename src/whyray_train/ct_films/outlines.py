"""From path lengths to the outlines that a radiologist would draw, in the convention of the weak labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whyray_train.ct_films.parts import Part

F32 = NDArray[np.float32]
Mask = NDArray[np.bool_]

STRUCTURES = (
    "right_lung",
    "left_lung",
    "heart",
    "right_clavicle",
    "left_clavicle",
    "trachea",
    "aortic_knob",
    "right_hilum",
    "left_hilum",
    "right_hemidiaphragm",
    "left_hemidiaphragm",
    "spine",
)
_CLAVICLES = (Part.RIGHT_CLAVICLE, Part.LEFT_CLAVICLE)
_BELOW = (Part.RIGHT_BELOW, Part.LEFT_BELOW)
_HILA = (Part.RIGHT_HILUM, Part.LEFT_HILUM)
_CELL = 2  # pixels of a cell of the path maps


@dataclass(frozen=True, slots=True)
class Outlines:
    """Thresholds; lengths along the ray in mm unless said.

    Attributes
    ----------
    lung_mm, lung_open_mm
        Least path through lung; radius on the film of the opening that drops slivers.
    hidden_mm, drowned_mm, below_mm
        Greatest path through mediastinum, through pleural fluid, and through what lies under the diaphragm, at
        which lung is still seen.
    heart_mm, heart_open_mm
        Path through the heart that makes its silhouette; radius on the film of the opening that drops vessels.
    clavicle_mm, airway_mm, knob_mm, spine_mm
        Least paths through the structures.
    knob_open_mm, spine_open_mm
        Radius on the film of the opening that rounds the knob, and drops processes from the vertebral bodies.
    rib_cage_mm
        Margin around the lungs' hull, on the film, up to which a clavicle counts.
    hilum_mm, hilum_close_mm
        Path through hilar tissue; radius on the film of the closing that joins vessels to one shadow.
    root_mm
        Greatest path through heart and mediastinum at which a hilum is seen as its own shadow.
    dome_mm
        Path through what lies under the diaphragm that makes the dome's edge.
    slope
        Steepness, rows a column, at which the dome ends toward the spine.
    band_mm
        Thickness of a hemidiaphragm's band.
    """

    lung_mm: float
    lung_open_mm: float
    hidden_mm: float
    drowned_mm: float
    below_mm: float
    heart_mm: float
    heart_open_mm: float
    clavicle_mm: float
    airway_mm: float
    knob_mm: float
    knob_open_mm: float
    spine_mm: float
    spine_open_mm: float
    rib_cage_mm: float
    hilum_mm: float
    hilum_close_mm: float
    root_mm: float
    dome_mm: float
    slope: float
    band_mm: float


def outline(paths: F32, rows: int, cols: int, pitch_mm: float, how: Outlines) -> Mask:
    """Bool (structures, rows, cols) in the order of `STRUCTURES`.

    Parameters
    ----------
    paths
        float32 (parts, ceil(rows / 2), ceil(cols / 2)), path in mm through each `Part`.
    rows, cols
        Film size in pixels.
    pitch_mm
        Pixel pitch.
    """
    cell = pitch_mm * _CELL

    def sum_of(*parts: Part) -> F32:
        return np.asarray(paths[list(parts)].sum(axis=0), dtype=np.float32)

    def fine(grid: F32, level: float) -> Mask:
        return _enlarge(grid, rows, cols) > level

    middle = sum_of(Part.HEART, Part.MEDIASTINUM, Part.KNOB, Part.AIRWAY)
    fluid = sum_of(Part.RIGHT_FLUID, Part.LEFT_FLUID)
    below = sum_of(Part.RIGHT_BELOW, Part.LEFT_BELOW)
    heart = _heart(paths[Part.HEART], middle, cell, how)
    hidden = np.maximum.reduce(
        [middle / how.hidden_mm, fluid / how.drowned_mm, below / how.below_mm, 2.0 * heart]  # 1 hides
    )
    airs = [sum_of(Part.RIGHT_LUNG, Part.RIGHT_HILUM), sum_of(Part.LEFT_LUNG, Part.LEFT_HILUM)]
    right, left = (_lung(air, hidden, cell, how) for air in airs)
    cage = _near(_hull(right > 0.0) | _hull(left > 0.0), how.rib_cage_mm / cell)
    heart_mask, right_mask = fine(heart, 0.5), fine(right, 1.0)
    spine_mask = fine(_spine(paths[Part.SPINE], cell, how), 0.5)
    dry = ~fine(fluid, how.drowned_mm)
    bands = [
        _band(fine(_soft(paths[under], 0.7), how.dome_mm), dry & fine(air, how.lung_mm), way, pitch_mm, how)
        for under, air, way in zip(_BELOW, airs, (1, -1), strict=True)
    ]
    return np.stack(
        [
            right_mask & ~heart_mask,
            fine(left, 1.0) & ~heart_mask & ~right_mask,
            heart_mask,
            *(fine(np.where(cage, _soft(paths[p], 0.5), 0.0), how.clavicle_mm) for p in _CLAVICLES),
            fine(_main(paths[Part.AIRWAY], how.airway_mm), how.airway_mm),
            fine(_knob(paths[Part.KNOB], cell, how), 0.5),
            *(fine(_hilum(paths[p], middle, heart, cell, how), 0.5) for p in _HILA),
            bands[0] & ~spine_mask & ~heart_mask,
            bands[1] & ~spine_mask,
            spine_mask,
        ]
    )


def _lung(air: F32, hidden: F32, cell: float, how: Outlines) -> F32:
    """One lung as seen: above 1 inside its outline, zero away from it."""
    seen = _soft(np.clip(np.minimum(air / how.lung_mm, 2.0 - hidden), 0.0, 2.0), 0.9)
    kept = _near(_largest(round_off(seen > 1.0, how.lung_open_mm / cell)), 1.0)
    return np.where(kept, seen, 0.0).astype(np.float32)


def _main(path: F32, least: float) -> F32:
    """Slightly blurred path, zero outside the largest piece above `least`."""
    soft = _soft(path, 0.7)
    return np.where(_largest(soft > least), soft, 0.0).astype(np.float32)


def _heart(path: F32, middle: F32, cell: float, how: Outlines) -> F32:
    """Soft silhouette of the heart: convex, without the vessels that leave it, inside the mediastinum's shadow."""
    core = _largest(round_off(path > how.heart_mm, how.heart_open_mm / cell))
    return _soft(_hull(core) & ((middle > how.heart_mm) | core), 1.5)


def _knob(path: F32, cell: float, how: Outlines) -> F32:
    """Soft outline of the aortic knob, corners rounded."""
    return _soft(_largest(round_off(path > how.knob_mm, how.knob_open_mm / cell)), 1.2)


def _spine(path: F32, cell: float, how: Outlines) -> F32:
    """Soft outline of the vertebral bodies, discs included."""
    radius = how.spine_open_mm / cell
    return _soft(_largest(round_off(~_near(~_near(path > how.spine_mm, radius / 2), radius / 2), radius)), 1.2)


def _hilum(path: F32, middle: F32, heart: F32, cell: float, how: Outlines) -> F32:
    """Soft outline of one hilar shadow beside the mediastinum."""
    dense = (path > how.hilum_mm) & (middle < how.root_mm) & (heart < 0.5)
    radius = how.hilum_close_mm / cell
    closed = ~_near(~_near(dense, radius), radius)
    return _soft(_largest(round_off(closed & (middle < how.root_mm), 0.4 * radius)), 2.0)


def _band(dome: Mask, lung: Mask, inward: int, pitch_mm: float, how: Outlines) -> Mask:
    """The dome's contour where lung lies right above it, as a band around the topmost row of what lies below.

    `lung` may be hidden by the heart: the contour still shows there. From the middle it is followed toward the chest
    wall however steeply it falls, and toward the spine (`inward` is that step) until it turns down or the lung ends.
    """
    from scipy import ndimage

    edge = np.zeros(dome.shape, dtype=np.bool_)
    dome = _largest(dome)
    cols = np.flatnonzero(dome.any(axis=0))
    reach, calm = max(1, round(8.0 / pitch_mm)), 2 * round(4.0 / pitch_mm) + 1
    top = np.where(dome.any(axis=0), dome.argmax(axis=0), dome.shape[0])
    if cols.size:
        seen = slice(cols[0], cols[-1] + 1)
        calmed = ndimage.median_filter(top[seen], calm, mode="nearest").astype(np.float64)
        top[seen] = ndimage.gaussian_filter1d(calmed, calm / 4, mode="nearest").round()
    close = np.abs(np.arange(dome.shape[0])[:, None] - top[None]) <= reach
    good = dome.any(axis=0) & (top < dome.shape[0]) & (lung & close).any(axis=0)
    if not good.any():
        return edge
    start = int(np.flatnonzero(good)[np.count_nonzero(good) // 2])
    for way in (1, -1):
        medial, before = way == inward, int(top[start])
        for col in range(start, cols[-1] + 1 if way == 1 else cols[0] - 1, way):
            down = int(top[col]) - before
            if not good[col] or down < -how.slope or down > (how.slope if medial else 4 * reach):
                break
            edge[min(before, top[col]) : max(before, top[col]) + 1, col] = True
            before = int(top[col])
    return np.asarray(ndimage.distance_transform_edt(~edge) * pitch_mm <= how.band_mm / 2, dtype=np.bool_)


def _enlarge(grid: F32, rows: int, cols: int) -> F32:
    """Bilinear (h, w) -> (rows, cols); cell k covers the pixels 2 k and 2 k + 1 but was sampled at pixel 2 k."""
    import torch
    import torch.nn.functional as F

    whole = [(n - 1) * _CELL + 1 for n in grid.shape]
    tensor = torch.from_numpy(np.ascontiguousarray(grid, dtype=np.float32))[None, None]
    big = F.interpolate(tensor, size=whole, mode="bilinear", align_corners=True)[0, 0].numpy()
    return np.pad(big, ((0, max(0, rows - whole[0])), (0, max(0, cols - whole[1]))), mode="edge")[:rows, :cols]


def _soft(array: NDArray[np.generic], sigma: float) -> F32:
    from scipy import ndimage

    return np.asarray(ndimage.gaussian_filter(array.astype(np.float32), sigma, mode="nearest"), dtype=np.float32)


def _largest(mask: Mask) -> Mask:
    """The largest connected piece, holes filled; an empty mask stays empty."""
    from scipy import ndimage

    pieces, count = ndimage.label(mask)
    if count == 0:
        return mask
    return np.asarray(
        ndimage.binary_fill_holes(pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))), dtype=np.bool_
    )


def _near(mask: Mask, radius: float) -> Mask:
    """Cells at most `radius` cells from `mask`."""
    from scipy import ndimage

    if not mask.any():
        return mask
    return np.asarray(ndimage.distance_transform_edt(~mask) <= radius, dtype=np.bool_)


def round_off(mask: Mask, radius: float) -> Mask:
    """Opening by a disc of `radius` cells."""
    from scipy import ndimage

    core = ndimage.distance_transform_edt(np.pad(mask, 1, mode="edge")) > radius
    return _near(core, radius)[1:-1, 1:-1]


def _hull(mask: Mask) -> Mask:
    """Convex hull of a mask."""
    from scipy.spatial import ConvexHull

    points = np.argwhere(mask)
    if len(points) < 3:
        return mask
    planes = ConvexHull(points).equations
    grid = np.indices(mask.shape).reshape(2, -1)
    return np.asarray((planes[:, :2] @ grid + planes[:, 2:] <= 1e-6).all(axis=0), dtype=np.bool_).reshape(mask.shape)
