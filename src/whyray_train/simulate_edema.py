"""Cardiac pulmonary edema, written into a chest CT before projection.

Three changes, each known voxel by voxel: the heart swells and the mediastinum with it, fluid fills air spaces around
both hila (bat-wing), and fluid collects in the lowest pleural recesses (upright meniscus). A warp below one also gives
the healthy twin a heart of normal width.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whyray_train.chest_ct import ChestCT, Hounsfield, Mask

Field = NDArray[np.float32]
_AXIAL = (0, 2)


@dataclass(frozen=True, slots=True)
class Swelling:
    """Scaling of the heart about its centre.

    Attributes
    ----------
    scale
        Factor along (depth, row, column); 1 leaves the axis alone.
    centre_shift_mm
        Fixed point relative to the heart's centre of mass, (depth, row, column).
    plateau_mm, reach_mm
        Full effect up to `plateau_mm` outside the heart, none from `reach_mm` on.
    wall_mm, spine_mm
        (from, to) distance from the chest wall, and from the spine, over which the effect fades in.
    """

    scale: tuple[float, float, float]
    centre_shift_mm: tuple[float, float, float]
    plateau_mm: float
    reach_mm: float
    wall_mm: tuple[float, float]
    spine_mm: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Wings:
    """Perihilar air-space fluid.

    Attributes
    ----------
    below_carina_mm
        Height of the centre under the end of the trachea.
    half_height_mm
        (up, down) distance at which the effect has fallen to 1 / e.
    lateral
        (full, none): fraction of the way from the mediastinum to the ribs with full and with no effect.
    cortex_mm
        (from, to) distance from the chest wall over which the effect fades in.
    filling
        Peak share of the air that fluid replaces.
    fluid_hu
        Density of a wholly filled air space.
    grain_mm, grain_strength
        Correlation lengths of the patchy texture and the standard deviations of its logarithm.
    """

    below_carina_mm: float
    half_height_mm: tuple[float, float]
    lateral: tuple[float, float]
    cortex_mm: tuple[float, float]
    filling: float
    fluid_hu: float
    grain_mm: tuple[float, ...]
    grain_strength: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Effusion:
    """Free pleural fluid of an upright patient.

    Attributes
    ----------
    level_mm
        (right, left) fluid level away from the wall, above the bottom of the lateral recess.
    rise_mm
        (right, left) height that the meniscus adds at the chest wall.
    decay_mm
        Distance from the wall over which the meniscus falls to 1 / e.
    lateral_mm
        Width of the lateral strip in which the bottom of the recess is sought.
    soft_mm
        Thickness of the surface, over which voxels are partly filled.
    fluid_hu
        Density of the fluid.
    sink
        Slope by which the surface sinks away from the wall, so that no level line shows.
    """

    level_mm: tuple[float, float]
    rise_mm: tuple[float, float]
    decay_mm: float
    lateral_mm: float
    soft_mm: float
    fluid_hu: float
    sink: float


@dataclass(frozen=True, slots=True)
class Parts:
    """Structure names (shell patterns) by the role that they play here.

    ``mediastinum`` hides lung on the film; ``contents`` fill the chest beside the lungs, and with them, closed by
    ``closing_mm``, make up the inside of the rib cage.
    """

    heart: tuple[str, ...]
    right_lung: tuple[str, ...]
    left_lung: tuple[str, ...]
    trachea: tuple[str, ...]
    mediastinum: tuple[str, ...]
    spine: tuple[str, ...]
    contents: tuple[str, ...]
    closing_mm: float


@dataclass(frozen=True, eq=False, slots=True)
class Edema:
    """The changed scan and what each change added.

    Attributes
    ----------
    ct
        The scan with every change.
    wings, right_fluid, left_fluid
        float32 rise in Hounsfield units by each change alone, same shape as ``ct.hu``.
    """

    ct: ChestCT
    wings: Field
    right_fluid: Field
    left_fluid: Field


def swell_heart(ct: ChestCT, how: Swelling, parts: Parts, wall: Field) -> ChestCT:
    """`ct` with its heart scaled by `how`; lung gives way, spine and chest wall (`wall_distance`) do not move.

    The inverse map is ``source = p - w(p) (1 - 1 / scale) (p - centre)``; densities are interpolated linearly,
    labels by nearest neighbour.
    """
    from scipy import ndimage

    heart, spine = ct.mask(parts.heart), ct.mask(parts.spine)
    box = _box(heart, how.reach_mm, ct.spacing)
    inside = heart[box]
    spacing = np.asarray(ct.spacing)
    weight = _fall(_outside_mm(inside, ct.spacing), how.plateau_mm, how.reach_mm)
    weight *= 1.0 - _fall(_outside_mm(spine[box], ct.spacing), *how.spine_mm)
    weight *= 1.0 - _fall(wall[box], *how.wall_mm)
    centre = np.asarray(ndimage.center_of_mass(inside)) + np.asarray(how.centre_shift_mm) / spacing
    grid = np.indices(inside.shape, dtype=np.float32)
    for axis in range(3):
        grid[axis] -= weight * (1.0 - 1.0 / how.scale[axis]) * (grid[axis] - centre[axis])
    hu, labels = ct.hu.copy(), ct.labels.copy()
    hu[box] = ndimage.map_coordinates(ct.hu[box], grid, order=1, mode="nearest")
    labels[box] = ndimage.map_coordinates(ct.labels[box], grid, order=0, mode="nearest")
    return ct.with_hu(hu, labels)


def fill_lungs(
    ct: ChestCT, parts: Parts, wings: Wings, effusion: Effusion, wall: Field, rng: np.random.Generator
) -> Edema:
    """`ct` with bat-wing and pleural fluid; `wall` as from `wall_distance`, `rng` draws the texture."""
    lungs = [_rimmed(ct.mask(parts.right_lung), ct), _rimmed(ct.mask(parts.left_lung), ct)]
    carina = int(np.flatnonzero(ct.mask(parts.trachea).any(axis=_AXIAL))[-1])
    grain = _grain(ct, lungs[0] | lungs[1], wings, rng)
    hidden = np.asarray(ct.mask(parts.mediastinum).any(axis=0), dtype=np.bool_)
    inner = 1.0 - _fall(wall, *wings.cortex_mm)
    planes = [lung * _wing_plane(ct, lung, hidden, carina, wings)[None] for lung in lungs]
    share = (planes[0] + planes[1]) * inner * grain
    rise = np.clip(share, 0.0, 1.0) * np.maximum(wings.fluid_hu - ct.hu, 0.0)
    hu = ct.hu + rise
    pools = [_pool(ct, lung, wall, effusion) for lung in lungs]
    fluid = [(pool * np.maximum(effusion.fluid_hu - hu, 0.0)).astype(np.float32) for pool in pools]
    labels = np.where(np.maximum(pools[0], pools[1]) > 0.5, 0, ct.labels).astype(np.uint8)
    changed = ct.with_hu((hu + fluid[0] + fluid[1]).astype(np.float32), labels)
    return Edema(changed, rise.astype(np.float32), fluid[0], fluid[1])


def _rimmed(lung: Mask, ct: ChestCT) -> Mask:
    """`lung` with the rim of aerated voxels that labels leave out, so that no dark line stays around the fluid."""
    from scipy import ndimage

    grown = ndimage.binary_dilation(lung, structure=np.ones((5, 3, 5)))
    return np.asarray(lung | (grown & (ct.hu < -200.0) & (ct.labels == 0)), dtype=np.bool_)


def _wing_plane(ct: ChestCT, lung: Mask, hidden: Mask, carina: int, how: Wings) -> Field:
    """(rows, cols) share of filled air spaces of one lung, before texture; `hidden` is the mediastinum's shadow."""
    height = (np.arange(lung.shape[1]) - carina) * ct.spacing[1] - how.below_carina_mm
    half = np.where(height < 0, how.half_height_mm[0], how.half_height_mm[1])
    vertical = np.exp(-((height / half) ** 2))
    lateral = _fall(_lateral_fraction(lung, hidden), *how.lateral)
    return np.asarray(how.filling * vertical[:, None] * lateral, dtype=np.float32)


def _lateral_fraction(lung: Mask, hidden: Mask) -> Field:
    """(rows, cols): 0 at the mediastinum's edge (and medial of it), 1 at the lung's lateral border, row by row."""
    from scipy import ndimage

    shadow = lung.any(axis=0)
    seen = shadow & ~hidden
    rows = np.flatnonzero(seen.any(axis=1))
    first = np.array([np.flatnonzero(seen[r])[0] for r in rows], dtype=np.float64)
    last = np.array([np.flatnonzero(seen[r])[-1] for r in rows], dtype=np.float64)
    medial, lateral = (last, first) if _on_right(lung) else (first, last)
    medial, lateral = (ndimage.gaussian_filter1d(edge, 4.0, mode="nearest") for edge in (medial, lateral))
    cols = np.arange(lung.shape[2])
    out = np.ones(shadow.shape, dtype=np.float32)
    out[rows] = np.clip((cols[None] - medial[:, None]) / (lateral - medial)[:, None], 0.0, 1.0)
    return out


def _on_right(lung: Mask) -> bool:
    """True for the patient's right lung (low columns)."""
    return bool(np.flatnonzero(lung.any(axis=(0, 1))).mean() < lung.shape[2] / 2)


def _grain(ct: ChestCT, lungs: Mask, how: Wings, rng: np.random.Generator) -> Field:
    """Log-normal texture of mean about one inside the lungs."""
    from scipy import ndimage

    box = _box(lungs, 0.0, ct.spacing)
    shape = lungs[box].shape
    log = np.zeros(shape, dtype=np.float32)
    for length, strength in zip(how.grain_mm, how.grain_strength, strict=True):
        noise = ndimage.gaussian_filter(
            rng.standard_normal(shape, dtype=np.float32), [length / s for s in ct.spacing], mode="wrap"
        )
        log += strength * noise / noise.std()
    out = np.ones(lungs.shape, dtype=np.float32)
    out[box] = np.exp(log - log.var() / 2)
    return out


def wall_distance(ct: ChestCT, parts: Parts) -> Field:
    """Distance in mm, within each axial slice, from a voxel of the thorax to the chest wall; zero outside.

    The thorax is the morphological closing of lungs and ``parts.contents`` by ``parts.closing_mm``.
    """
    from scipy import ndimage

    lungs = ct.mask(parts.right_lung + parts.left_lung)
    contents = lungs | ct.mask(parts.contents)
    out = np.zeros(lungs.shape, dtype=np.float32)
    plane = (ct.spacing[0], ct.spacing[2])
    for row in np.flatnonzero(lungs.any(axis=_AXIAL)):
        grown = ndimage.distance_transform_edt(~contents[:, row], sampling=plane) <= parts.closing_mm
        inner = ndimage.distance_transform_edt(grown, sampling=plane) - parts.closing_mm
        out[:, row] = np.maximum(inner, 0.0)
    return out


def _pool(ct: ChestCT, lung: Mask, wall: Field, how: Effusion) -> Field:
    """Share of each voxel of one lung that lies under the fluid's surface."""
    shadow = np.asarray(lung.any(axis=0), dtype=np.bool_)
    cols = np.flatnonzero(shadow.any(axis=0))
    strip = round(how.lateral_mm / ct.spacing[2])
    side = 0 if _on_right(lung) else 1
    edge = cols[-strip:] if side else cols[:strip]
    bottom = int(np.flatnonzero(shadow[:, edge].any(axis=1))[-1])
    height = (bottom - np.arange(lung.shape[1])) * ct.spacing[1]
    surface = how.level_mm[side] + how.rise_mm[side] * np.exp(-wall / how.decay_mm) - how.sink * wall
    share = np.clip((surface - height[None, :, None]) / how.soft_mm + 0.5, 0.0, 1.0)
    return np.asarray(lung * share, dtype=np.float32)


def _box(mask: Mask, margin_mm: float, spacing: tuple[float, float, float]) -> tuple[slice, slice, slice]:
    """Bounding box of `mask`, grown by `margin_mm` and cut at the array's edges."""
    slices = []
    for axis in range(3):
        hit = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        margin = int(np.ceil(margin_mm / spacing[axis]))
        slices.append(slice(max(0, int(hit[0]) - margin), min(mask.shape[axis], int(hit[-1]) + 1 + margin)))
    return slices[0], slices[1], slices[2]


def _outside_mm(mask: Mask, spacing: tuple[float, float, float]) -> Hounsfield:
    """Distance in mm to `mask`, zero inside it."""
    from scipy import ndimage

    return np.asarray(ndimage.distance_transform_edt(~mask, sampling=spacing), dtype=np.float32)


def _fall(value: NDArray[np.float32], full: float, none: float) -> Field:
    """Smoothstep from 1 at or below `full` to 0 at or above `none`."""
    t = np.clip((none - value) / (none - full), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), dtype=np.float32)
