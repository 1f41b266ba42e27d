"""Blunted costophrenic angle or meniscus: the outer lower corner of a lung is white or missing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Measurement, SignDefinition, SignObservation
from whyray.perception.detectors.common import evidence_threshold, local_strength, missing, parameter, sign_score
from whyray.perception.opacity import OpacityMap, opacity_map
from whyray.perception.scene import LungFrame, Scene
from whyray.perception.zones import touched

Mask = NDArray[np.bool_]
LATERAL = 0.6  # depth from which the corner begins
LOWEST = 0.2  # height of the corner as a part of the lung
RIM = 12  # grid cells around the base in which the network may see fluid
POCKET = 9  # grid cells around the corner that the mask covers


def angle_depth(lung: LungFrame) -> float:
    """How far the outer base hangs below the dome, as a part of the lung's height; small or negative when blunted.

    The base contour is the lowest lung row of each column; the dome is its highest point in the inner 60 %,
    the recess its lowest point in the outer 40 % of the lung's width.
    """
    columns = np.flatnonzero(lung.mask.any(axis=0))
    rows = lung.mask.shape[0]
    lowest = rows - 1 - lung.mask[::-1, columns].argmax(axis=0)
    height = np.ptp(np.flatnonzero(lung.mask.any(axis=1))) + 1
    depth = np.array([lung.u[y, x] for y, x in zip(lowest, columns, strict=True)])
    span = (columns - columns[0]) / max(columns[-1] - columns[0], 1)
    lateral_first = lung.u[:, columns[0]].max() > 0.5 and depth[0] > depth[-1]
    outward = 1 - span if lateral_first else span
    dome = lowest[(outward > 0.2) & (outward <= 0.6)]
    recess = lowest[outward > 0.6]
    if dome.size == 0 or recess.size == 0:
        return 0.0
    return float((recess.max() - dome.min()) / height)


def corner(lung: LungFrame) -> Mask:
    """Outer lower corner of a lung."""
    part: Mask = lung.mask & (lung.u >= LATERAL) & (lung.v >= 1 - LOWEST * 1.6)
    return part


def base(lung: LungFrame) -> Mask:
    """Lowest fifth of a lung."""
    part: Mask = lung.mask & (lung.v >= 1 - LOWEST)
    return part


def features(lung: LungFrame, other: LungFrame, opacity: OpacityMap) -> tuple[float, float, float, float]:
    """(shortening, base against other base, corner against other corner, excess of the base) of one lung.

    Shortening: log of the other lung's height over this one's. Excess in standard deviations above normal.
    """
    heights = [float(np.ptp(np.flatnonzero(part.mask.any(axis=1)))) + 1 for part in (other, lung)]
    bases, corners = ([_mean(opacity, part(side)) for side in (lung, other)] for part in (base, corner))
    return float(np.log(heights[0] / heights[1])), bases[0] - bases[1], corners[0] - corners[1], bases[0]


def strength(scene: Scene, lung: LungFrame, heads: list[str]) -> float:
    """Network strength around the base and corner of one lung, fluid below the visible lung included."""
    from scipy import ndimage

    around = ndimage.binary_dilation(base(lung) | corner(lung), iterations=RIM)
    return local_strength(scene, heads, around)


def _mean(opacity: OpacityMap, mask: Mask) -> float:
    return float(opacity.excess[mask].mean()) if mask.any() else 0.0


def costophrenic_angle(scene: Scene, sign: SignDefinition) -> SignObservation:
    """Each side is scored by the card's logistic model; the sign's score is the higher one."""
    lung_ids = parameter(sign, "lungs")
    opacity = opacity_map(scene, parameter(sign, "heart"))
    if opacity is None or not scene.sees(*lung_ids):
        return missing(sign.id, "structure_not_visible")
    limit = evidence_threshold(scene)
    heads = parameter(sign, "heads")
    scores, excesses, depths = [], [], []
    mask = np.zeros_like(scene.grid, dtype=np.bool_)
    for lung_id, other_id in zip(lung_ids, reversed(lung_ids), strict=True):
        lung = scene.lungs[lung_id]
        values = features(lung, scene.lungs[other_id], opacity)
        scores.append(sign_score(scene, "costophrenic_angle", values, strength(scene, lung, heads)))
        excesses.append(values[-1])
        depths.append(angle_depth(lung))
        if scores[-1] >= limit:
            mask |= blunted(scene, lung)
    present = max(scores) >= limit and mask.any()
    return SignObservation(
        id=sign.id,
        ran=True,
        score=max(scores) if mask.any() or max(scores) < limit else limit - 0.01,
        region=scene.region(mask) if present else None,
        within=tuple(lung_ids),
        measurements=(
            Measurement(parameter(sign, "measure"), max(excesses), "sd"),
            Measurement("costophrenic_depth", min(depths), "ratio"),
        ),
        zones=touched(scene, mask) if present else (),
    )


def blunted(scene: Scene, lung: LungFrame) -> Mask:
    """The outer lower corner of a lung and the pocket around it where fluid stands: below the visible lung.

    The pocket ends at the other structures and keeps to the lung's own width, so that it stays inside the ribs.
    """
    from scipy import ndimage

    part = corner(lung)
    near = ndimage.binary_dilation(part, iterations=POCKET)
    others = np.any([m for m in scene.masks.values() if int((m & lung.mask).sum()) * 2 < int(m.sum())], axis=0)
    columns, corner_columns = (np.flatnonzero(m.any(axis=0)) for m in (lung.mask, part))
    inside = np.zeros_like(part)
    if corner_columns.size:
        inside[:, columns[0] : columns[-1] + 1] = True
        top = int(np.flatnonzero(part.any(axis=1))[0])
        inside[:top] = False
    pocket: Mask = part | (near & inside & ~others & ~lung.mask)
    return pocket
