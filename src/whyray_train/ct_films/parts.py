"""What each voxel of the chest is on a film: a partition of the CT into the parts that make or hide an outline.

TotalSegmentator labels lungs, heart, aorta, airway and bones, but no hila, no aortic knob and no mediastinal fat;
those are derived here from labels, density and distance.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from whyray_train.chest_ct import ChestCT, Mask
from whyray_train.simulate_edema import Parts as Roles
from whyray_train.simulate_edema import wall_distance

Point = NDArray[np.float64]
Spacing = tuple[float, float, float]


class Part(IntEnum):
    """Value of a voxel; the parts are disjoint."""

    NOTHING = 0
    RIGHT_LUNG = 1
    LEFT_LUNG = 2
    HEART = 3
    MEDIASTINUM = 4
    KNOB = 5
    AIRWAY = 6
    RIGHT_HILUM = 7
    LEFT_HILUM = 8
    RIGHT_CLAVICLE = 9
    LEFT_CLAVICLE = 10
    SPINE = 11
    RIGHT_BELOW = 12
    LEFT_BELOW = 13
    RIGHT_FLUID = 14
    LEFT_FLUID = 15


@dataclass(frozen=True, slots=True)
class PartRules:
    """How parts are found.

    Attributes
    ----------
    roles
        Structure names (shell patterns) by role, as for the simulated edema.
    aorta, right_clavicle, left_clavicle, spine, abdomen
        Structure names of the other roles; ``abdomen`` lies under the diaphragm.
    bronchus_mm
        Length of the main bronchi below the carina that belongs to the airway.
    hilum_mm
        (depth, row, column) half axes of the ellipsoid around the end of the main bronchus that holds the hilum.
    hilum_centre_mm
        Its centre relative to the carina for the left side; the right side is its mirror image.
    hilum_medial_mm
        Distance from the carina's sagittal plane at which the hilum begins.
    vessel_hu, vessel_mm
        Density from which a voxel is vessel or bronchial wall, and the least radius of a hilar vessel.
    heart_mm
        Radius of the opening that parts the heart from the pulmonary arteries.
    heart_top_mm
        Distance below the carina at which the silhouette of the heart begins; the label reaches up to the
        pulmonary trunk, which is counted to the mediastinum.
    knob_end_mm
        Distance above the carina at which the knob ends.
    floor_mm
        Greatest distance from the lung's lowest voxel to the abdominal organ below.
    """

    roles: Roles
    aorta: tuple[str, ...]
    right_clavicle: tuple[str, ...]
    left_clavicle: tuple[str, ...]
    spine: tuple[str, ...]
    abdomen: tuple[str, ...]
    bronchus_mm: float
    hilum_mm: tuple[float, float, float]
    hilum_centre_mm: tuple[float, float, float]
    hilum_medial_mm: float
    vessel_hu: float
    vessel_mm: float
    heart_mm: float
    heart_top_mm: float
    knob_end_mm: float
    floor_mm: float


def partition(ct: ChestCT, rules: PartRules) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Values of `Part`, uint8, and the distance to the chest wall in mm, float32, both shaped like ``ct.hu``."""
    roles = rules.roles
    wall = wall_distance(ct, roles)
    right, left, heart, trachea = (
        ct.mask(names) for names in (roles.right_lung, roles.left_lung, roles.heart, roles.trachea)
    )
    lungs, spine, aorta = right | left, ct.mask(rules.spine), ct.mask(rules.aorta)
    fork = carina(trachea, ct.spacing)
    rows = np.arange(lungs.shape[1]) * ct.spacing[1]
    below = {side: _below(lung, wall, ct, rules) for side, lung in (("right", right), ("left", left))}
    inside = (wall > 0) & ~lungs & ~ct.mask(roles.spine) & ~below["right"] & ~below["left"] & ~ct.mask(rules.abdomen)
    floor = np.flatnonzero(lungs.any(axis=(0, 2)))[-1]
    middle = opened(inside, 5.0, ct.spacing) & (np.arange(lungs.shape[1]) <= floor)[None, :, None]
    out = np.zeros(ct.labels.shape, dtype=np.uint8)
    for part, mask in ((Part.RIGHT_BELOW, below["right"]), (Part.LEFT_BELOW, below["left"])):
        out[mask] = part
    out[middle | aorta] = Part.MEDIASTINUM
    out[right], out[left], out[heart] = Part.RIGHT_LUNG, Part.LEFT_LUNG, Part.HEART
    out[heart & (rows < fork[1] + rules.heart_top_mm)[None, :, None]] = Part.MEDIASTINUM
    pool = _vessels(ct, heart, aorta, trachea, spine, wall, rules)
    for part, sign in ((Part.RIGHT_HILUM, -1), (Part.LEFT_HILUM, 1)):
        out[_hilum(pool, fork, sign, ct.spacing, rules)] = part
    out[knob(aorta, trachea, fork[1] - rules.knob_end_mm, ct.spacing)] = Part.KNOB
    near = _distance_from(fork, ct) <= rules.bronchus_mm
    out[trachea & (near | (rows <= fork[1])[None, :, None])] = Part.AIRWAY
    for part, names in (
        (Part.RIGHT_CLAVICLE, rules.right_clavicle),
        (Part.LEFT_CLAVICLE, rules.left_clavicle),
        (Part.SPINE, rules.spine),
    ):
        out[ct.mask(names)] = part
    return out, wall


def carina(trachea: Mask, spacing: Spacing) -> Point:
    """(depth, row, column) in mm of the tracheal fork: the row above the first with two tubes of 30 mm2 each."""
    from scipy import ndimage

    rows = np.flatnonzero(trachea.any(axis=(0, 2)))
    least, last = 30.0 / (spacing[0] * spacing[2]), rows[-1]
    for row in rows:
        tubes, _ = ndimage.label(trachea[:, row])
        if np.count_nonzero(np.bincount(tubes.ravel())[1:] >= least) >= 2:
            last = max(row - 1, rows[0])
            break
    depth, col = ndimage.center_of_mass(trachea[:, last])
    return np.array([depth, last, col]) * spacing


def knob(aorta: Mask, trachea: Mask, end_mm: float, spacing: Spacing) -> Mask:
    """The arch left of the trachea, from its top to the row at `end_mm` (level of the pulmonary artery).

    Below the row in which the arch divides, only what lies behind the trachea's centre is kept, so that the
    ascending aorta is left out.
    """
    from scipy import ndimage

    out = np.zeros_like(aorta)
    last = round(end_mm / spacing[1])
    forked = False
    for row in range(min(last + 1, aorta.shape[1])):
        plane, tube = aorta[:, row], trachea[:, row]
        if not plane.any() or not tube.any():
            continue
        forked = forked or ndimage.label(plane)[1] > 1
        kept = plane.copy()
        kept[:, : np.flatnonzero(tube.any(axis=0))[-1] + 1] = False
        if forked:
            kept[int(ndimage.center_of_mass(tube)[0]) :] = False
        out[:, row] = kept
    return out


def _below(lung: Mask, wall: NDArray[np.float32], ct: ChestCT, rules: PartRules) -> Mask:
    """Everything under the base of one lung, line by line.

    The base is where an abdominal organ follows within ``floor_mm``, and whatever else lies as low and has neither
    heart nor aorta nor chest wall under it: fat between diaphragm and organs carries no label.
    """
    from scipy import ndimage

    rows = lung.shape[1]
    reach = max(1, round(rules.floor_mm / ct.spacing[1]))
    covered: Mask = np.asarray(lung.any(axis=1), dtype=np.bool_)
    last = np.where(covered, rows - 1 - np.argmax(lung[:, ::-1], axis=1), rows)
    index = np.clip(last[:, None] + np.arange(1, reach + 1)[None, :, None], 0, rows - 1)
    organ, heart = (
        np.take_along_axis(ct.mask(names), index, axis=1).any(axis=1) & covered
        for names in (rules.abdomen, rules.roles.heart + rules.aorta)
    )
    if not organ.any():
        return np.zeros_like(lung)
    inside = np.take_along_axis(wall, index, axis=1).max(axis=1) > 4.0
    valid = covered & (last >= np.percentile(last[organ], 2)) & inside & ~heart
    flat = ndimage.median_filter(last, size=[2 * max(1, round(4.0 / s)) + 1 for s in ct.spacing[::2]])
    floor = np.maximum(last, np.where(valid, flat, rows))
    return np.asarray(np.arange(rows)[None, :, None] > floor[:, None], dtype=np.bool_)


def _vessels(
    ct: ChestCT, heart: Mask, aorta: Mask, trachea: Mask, spine: Mask, wall: NDArray[np.float32], rules: PartRules
) -> Mask:
    """Soft tissue inside the chest that is neither heart, aorta nor bone: hilar vessels, bronchi and nodes."""
    dense = (ct.hu > rules.vessel_hu) & (wall > 8.0) & ~aorta & ~spine
    dense &= ~opened(heart, rules.heart_mm, ct.spacing)
    return opened(dense | (trachea & (wall > 8.0)), rules.vessel_mm, ct.spacing)


def _hilum(pool: Mask, fork: Point, side: int, spacing: Spacing, rules: PartRules) -> Mask:
    """The part of `pool` in the ellipsoid at the lung root of one side (-1 right, 1 left)."""
    shift = np.asarray(rules.hilum_centre_mm) * (1, 1, side)
    axes = [np.arange(n) * s - c for n, s, c in zip(pool.shape, spacing, fork, strict=True)]
    radius = sum(
        a**2
        for a in np.meshgrid(
            *((x - c) / h for x, c, h in zip(axes, shift, rules.hilum_mm, strict=True)), indexing="ij", sparse=True
        )
    )
    return np.asarray(pool & (radius < 1.0) & (axes[2] * side > rules.hilum_medial_mm)[None, None], dtype=np.bool_)


def _distance_from(point: Point, ct: ChestCT) -> NDArray[np.float64]:
    """Distance in mm of each voxel from `point`."""
    axes = [np.arange(n) * s - c for n, s, c in zip(ct.hu.shape, ct.spacing, point, strict=True)]
    return np.asarray(np.sqrt(sum(a**2 for a in np.meshgrid(*axes, indexing="ij", sparse=True))), dtype=np.float64)


def opened(mask: Mask, radius_mm: float, spacing: Spacing) -> Mask:
    """Morphological opening by a ball of `radius_mm`."""
    from scipy import ndimage

    core = ndimage.distance_transform_edt(mask, sampling=spacing) > radius_mm
    if not core.any():
        return np.zeros_like(mask)
    return np.asarray(mask & (ndimage.distance_transform_edt(~core, sampling=spacing) <= radius_mm), dtype=np.bool_)
