"""The map from a point in front of the detector back to the scanned patient: pose, build, diaphragm, heart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from whyray_train.ct_films.patient import Patient
from whyray_train.ct_films.variety import Body, Habitus, Pose

Points = NDArray[np.float64]


def rotation(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, 3) turn about the axes along (depth, row, column), applied in that order to column vectors."""
    out = np.eye(3)
    for axis, angle in enumerate(np.deg2rad(degrees)):
        a, b = [k for k in range(3) if k != axis]
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        out = turn @ out
    return out


def to_patient(points: Points, patient: Patient, body: Body, pose: Pose, how: Habitus) -> Points:
    """Where in the scan the tissue at `points` comes from.

    Parameters
    ----------
    points
        (3, n) mm (depth, row, column) from the rotation centre, in the room.

    Returns
    -------
    ndarray
        (3, n) mm from ``patient.centre``, in the scan.
    """
    turned = rotation(pose.turn_deg).T @ points
    flat = turned / body.scale[:, None]
    moved = _shrug(_thin(flat + _wave(flat, body), patient, body, how), patient, body, how)
    breathed = _breathe(moved, patient, body, how)
    return _beat(breathed, patient, body, how)


def smoothstep(value: Points, none: float, full: float) -> Points:
    """0 at or below `none`, 1 at or above `full`."""
    t = np.clip((value - none) / (full - none), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), dtype=np.float64)


def field(patient: Patient, index: int, points: Points) -> Points:
    """(n,) values of ``patient.fields[index]`` at `points`; beyond the grid the nearest value counts."""
    from scipy import ndimage

    at = (points + patient.centre[:, None]) / patient.coarse_mm
    return np.asarray(ndimage.map_coordinates(patient.fields[index], at, order=1, mode="nearest"), dtype=np.float64)


def _wave(points: Points, body: Body) -> Points:
    """(3, n) smooth deformation in mm: cubic splines through the knots."""
    from scipy import ndimage

    middle = (np.array(body.wave.shape[1:]) - 1) / 2
    at = points / body.knots_mm + middle[:, None]
    return np.stack([ndimage.map_coordinates(w, at, order=3, mode="nearest") for w in body.wave])


def _thin(points: Points, patient: Patient, body: Body, how: Habitus) -> Points:
    """From the drawn thickness of the chest wall back to the scan's, along the axial radius."""
    off = np.clip(field(patient, 3, points) - how.fat_from_mm, 0.0, 90.0)
    radius = np.maximum(np.hypot(points[0], points[2]), 1.0)
    out = points.copy()
    out[[0, 2]] *= 1.0 - (1.0 - 1.0 / body.fat) * off / radius
    return out


def _shrug(points: Points, patient: Patient, body: Body, how: Habitus) -> Points:
    """Lowers the shoulders: the scanned patient's arms are raised. The thorax stays, the clavicles turn with them."""
    top = patient.lungs[0, 1]
    weight = smoothstep(np.abs(points[2]), *how.shoulder_lateral_mm)
    weight *= smoothstep(field(patient, 3, points), *how.shoulder_off_mm)
    weight *= 1.0 - smoothstep(points[1], top, top + how.shoulder_reach_mm)
    out = points.copy()
    out[1] -= body.shoulder_mm * weight
    return out


def _breathe(points: Points, patient: Patient, body: Body, how: Habitus) -> Points:
    """Moves what lies inside the chest wall along rows: nothing at the apex, all at the dome, less below."""
    top, bottom = patient.lungs[:, 1]
    height = bottom - top
    grow = smoothstep(points[1], top, top + 0.72 * height) * (1.0 - smoothstep(points[1], bottom, bottom + height))
    left = smoothstep(points[2], -25.0, 25.0)
    amount = body.floor_mm[0] * (1.0 - left) + body.floor_mm[1] * left
    inside = smoothstep(field(patient, 0, points), *how.wall_mm)
    out = points.copy()
    out[1] -= amount * grow * inside
    return out


def _beat(points: Points, patient: Patient, body: Body, how: Habitus) -> Points:
    """Scales and shifts the heart; its surroundings give way, wall and spine stay."""
    weight = 1.0 - smoothstep(field(patient, 1, points), *how.heart_fade_mm)
    weight *= smoothstep(field(patient, 0, points), *how.wall_mm)
    weight *= smoothstep(field(patient, 2, points), *how.spine_mm)
    inside = np.argwhere(patient.fields[1] == 0)
    centre = inside.mean(axis=0) * patient.coarse_mm - patient.centre
    away = points - centre[:, None]
    shift = (1.0 - 1.0 / body.heart)[:, None] * away + (body.heart_shift / body.heart)[:, None]
    return np.asarray(points - weight * shift, dtype=np.float64)
