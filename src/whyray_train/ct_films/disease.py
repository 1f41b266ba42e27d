"""Fluid in the pleural space and fluid in the air spaces, written into the scan before the film is shot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whyray_train.ct_films.parts import Part
from whyray_train.ct_films.patient import Patient

F32 = NDArray[np.float32]
Box = tuple[slice, slice, slice]
_SIDES = ((Part.RIGHT_LUNG, Part.RIGHT_HILUM, Part.RIGHT_FLUID), (Part.LEFT_LUNG, Part.LEFT_HILUM, Part.LEFT_FLUID))


@dataclass(frozen=True, slots=True)
class Disease:
    """How often and how much.

    Attributes
    ----------
    effusion
        Chance of an effusion, for each side.
    level_mm, rise_mm, decay_mm
        Ranges of the fluid's level above the lowest recess, of the meniscus at the wall and of its decay.
    fluid_per_mm
        Attenuation of fluid in 1/mm.
    veil
        Chance of an air-space opacity, for each of two draws.
    veil_mm, fill
        Ranges of its half axes and of the share of air that it replaces.
    grain_mm
        Correlation length of its texture.
    """

    effusion: float
    level_mm: tuple[float, float]
    rise_mm: tuple[float, float]
    decay_mm: tuple[float, float]
    fluid_per_mm: float
    veil: float
    veil_mm: tuple[float, float]
    fill: tuple[float, float]
    grain_mm: float


def fall_ill(patient: Patient, how: Disease, rng: np.random.Generator) -> tuple[F32, NDArray[np.uint8], list[str]]:
    """Attenuation and parts of `patient` with the drawn opacities, and their names; unchanged arrays are not copied."""
    mu, parts, found = patient.attenuation, patient.parts, []
    for lung, hilum, fluid in _SIDES:
        if rng.random() < how.effusion and (parts == lung).any():
            mu, parts = mu.copy(), parts.copy()
            _effuse(mu, parts, patient, (lung, hilum, fluid), how, rng)
            found.append(fluid.name.lower())
    for _ in range(2):
        if rng.random() < how.veil:
            mu = mu.copy()
            _veil(mu, parts, patient, how, rng)
            found.append("veil")
    return mu, parts, found


def _effuse(
    mu: F32,
    parts: NDArray[np.uint8],
    patient: Patient,
    side: tuple[Part, Part, Part],
    how: Disease,
    rng: np.random.Generator,
) -> None:
    """Fills the lowest part of one lung in place, higher at the wall than inside (meniscus)."""
    level, rise, decay = (rng.uniform(*r) for r in (how.level_mm, how.rise_mm, how.decay_mm))
    lung = np.isin(parts, side[:2])
    box = box_of(lung)
    bottom = (box[1].stop - 1) * patient.spacing[1]
    height = bottom - np.arange(box[1].start, box[1].stop) * patient.spacing[1]
    wall = _wall(patient, box)
    surface = level + rise * np.exp(-wall / decay)
    wet = lung[box] & (height[None, :, None] < surface)
    mu[box] = np.where(wet, np.maximum(mu[box], how.fluid_per_mm), mu[box])
    parts[box][wet] = side[2]


def _veil(mu: F32, parts: NDArray[np.uint8], patient: Patient, how: Disease, rng: np.random.Generator) -> None:
    """Raises the density of an ellipsoid of lung in place, patchy and with a soft edge."""
    from scipy import ndimage

    lung = np.argwhere((parts[::2, ::4, ::4] == Part.RIGHT_LUNG) | (parts[::2, ::4, ::4] == Part.LEFT_LUNG))
    if lung.size == 0:
        return
    centre = lung[rng.integers(len(lung))] * (2, 4, 4)
    half = [rng.uniform(*how.veil_mm) / s for s in patient.spacing]
    box: Box = tuple(  # type: ignore[assignment]
        slice(max(0, int(c - h)), min(n, int(c + h) + 1)) for c, h, n in zip(centre, half, parts.shape, strict=True)
    )
    axes = [(np.arange(b.start, b.stop) - c) / h for b, c, h in zip(box, centre, half, strict=True)]
    radius = np.sqrt(sum(a**2 for a in np.meshgrid(*axes, indexing="ij", sparse=True)))
    grain = rng.standard_normal(
        [max(2, int(n * s / how.grain_mm)) for n, s in zip(radius.shape, patient.spacing, strict=True)]
    )
    grain = ndimage.zoom(grain, [n / m for n, m in zip(radius.shape, grain.shape, strict=True)], order=1)
    soft = np.clip((1.0 - radius + 0.25 * grain) / 0.5, 0.0, 1.0) * rng.uniform(*how.fill)
    soft *= np.isin(parts[box], (Part.RIGHT_LUNG, Part.LEFT_LUNG))
    mu[box] += (soft * np.maximum(0.98 * how.fluid_per_mm - mu[box], 0.0)).astype(np.float32)


def box_of(mask: NDArray[np.bool_]) -> Box:
    """Bounding box of a mask that is not empty."""
    ends = []
    for axis in range(3):
        hit = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        ends.append(slice(int(hit[0]), int(hit[-1]) + 1))
    return ends[0], ends[1], ends[2]


def _wall(patient: Patient, box: Box) -> F32:
    """Distance to the chest wall in mm at the voxels of `box`."""
    from scipy import ndimage

    at = [np.arange(b.start, b.stop) * s / patient.coarse_mm for b, s in zip(box, patient.spacing, strict=True)]
    grid = np.stack(np.meshgrid(*(a.astype(np.float32) for a in at), indexing="ij"))
    return np.asarray(ndimage.map_coordinates(patient.fields[0], grid, order=1, mode="nearest"), dtype=np.float32)
