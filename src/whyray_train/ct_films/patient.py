"""The scanned patient, cleaned, parted, resampled and continued past the scan's edges; kept in a cache file."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyray_train.chest_ct import Beam, ChestCT, Cleaning, Repair, clean, load_ct, repair
from whyray_train.ct_films.parts import Part, PartRules, partition

Volume = NDArray[np.float32]
_AIR = -1000.0
_VERSION = 12


@dataclass(frozen=True, slots=True)
class Scan:
    """How the CT becomes a patient.

    Attributes
    ----------
    cleaning, repair
        As for the demonstration film; None leaves lesions alone. The extension of ``cleaning`` is not used.
    parts
        Rules of the partition.
    beam
        Attenuation of a density.
    thin
        Whole factor by which depth and column are thinned before anything but cleaning.
    shrink
        Whole factors by which depth and column are averaged.
    row_mm
        Height of a row after interpolation.
    top_mm, bottom_mm, side_mm
        How far neck and shoulders, abdomen and arms are continued.
    neck_mm
        (width, depth) half axes of the neck.
    coarse_mm
        Pitch of the distance fields that steer the warp.
    """

    cleaning: Cleaning
    repair: Repair | None
    parts: PartRules
    beam: Beam
    thin: int
    shrink: tuple[int, int]
    row_mm: float
    top_mm: float
    bottom_mm: float
    side_mm: float
    neck_mm: tuple[float, float]
    coarse_mm: float


@dataclass(frozen=True, eq=False, slots=True)
class Patient:
    """A chest ready for warping and projection.

    Attributes
    ----------
    attenuation
        float32 (depth, rows, cols) in 1/mm.
    parts
        uint8, same shape, values of `Part`.
    spacing
        Voxel size in mm.
    centre
        (depth, row, column) in mm, from the first voxel, of the middle of the lungs: origin of all other points.
    fields
        float32 (4, depth, rows, cols) at ``coarse_mm``: distance in mm to the chest wall (0 outside the thorax),
        to the heart, to the spine, and, from outside, to the thorax.
    coarse_mm
        Pitch of ``fields``; both grids begin at the same point.
    lungs
        (2, 3) lowest and highest (depth, row, column) of the lungs in mm from ``centre``.
    """

    attenuation: Volume
    parts: NDArray[np.uint8]
    spacing: tuple[float, float, float]
    centre: NDArray[np.float64]
    fields: Volume
    coarse_mm: float
    lungs: NDArray[np.float64]


def prepare(folder: Path, scan: Scan, cache: Path | None = None) -> Patient:
    """The patient of the CT in `folder`, from `cache` (a folder) when the same scan was prepared before."""
    key = hashlib.sha256(repr((_VERSION, asdict(scan), (folder / "cxr.nii.gz").stat().st_size)).encode()).hexdigest()
    file = cache / f"ct-patient-{key[:12]}.npz" if cache else None
    if file is not None and file.is_file():
        with np.load(file) as saved:
            kept: dict[str, Any] = {name: saved[name] for name in saved.files}
        kept["spacing"] = tuple(float(s) for s in kept["spacing"])
        return Patient(
            **kept | {"coarse_mm": float(kept["coarse_mm"]), "attenuation": kept["attenuation"].astype(np.float32)}
        )
    patient = build(load_ct(folder), scan)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(
            file.with_suffix(".tmp.npz"),
            attenuation=patient.attenuation.astype(np.float16),
            parts=patient.parts,
            spacing=patient.spacing,
            centre=patient.centre,
            fields=patient.fields,
            coarse_mm=patient.coarse_mm,
            lungs=patient.lungs,
        )
        file.with_suffix(".tmp.npz").rename(file)
    return patient


def build(raw: ChestCT, scan: Scan) -> Patient:
    """The patient of a labelled CT."""
    from dataclasses import replace

    whole = replace(scan.cleaning, extend_top_mm=0.0, extend_bottom_mm=0.0)
    ct = _thinned(clean(repair(raw, scan.repair) if scan.repair else raw, whole), scan.thin)
    parts, wall = partition(ct, scan.parts)
    hu, small, spacing = _resampled(ct, parts, scan)
    hu, small, first = _continued(hu, small, spacing, ct, scan)
    lungs = np.argwhere((small == Part.RIGHT_LUNG) | (small == Part.LEFT_LUNG))
    ends = np.stack([lungs.min(axis=0), lungs.max(axis=0)]) * spacing
    centre = ends.mean(axis=0)
    fields = _fields(small, wall, ct.spacing, first, spacing, scan.coarse_mm)
    return Patient(scan.beam.attenuation(hu), small, spacing, centre, fields, scan.coarse_mm, ends - centre)


def _thinned(ct: ChestCT, n: int) -> ChestCT:
    """`ct` with density averaged over, and labels taken at the middle of, `n` x `n` voxels of a slice."""
    depth, rows, cols = (ct.hu.shape[0] // n, ct.hu.shape[1], ct.hu.shape[2] // n)
    cut = ct.hu[: depth * n, :, : cols * n].reshape(depth, n, rows, cols, n)
    labels = ct.labels[n // 2 : depth * n : n, :, n // 2 : cols * n : n]
    spacing = (ct.spacing[0] * n, ct.spacing[1], ct.spacing[2] * n)
    return ChestCT(cut.mean(axis=(1, 4)).astype(np.float32), np.ascontiguousarray(labels), spacing, ct.structures)


def _resampled(
    ct: ChestCT, parts: NDArray[np.uint8], scan: Scan
) -> tuple[Volume, NDArray[np.uint8], tuple[float, float, float]]:
    """HU averaged in plane and cubic along rows; parts by the greatest share."""
    from scipy import ndimage

    f, g = scan.shrink
    depth, rows, cols = (ct.hu.shape[0] // f, ct.hu.shape[1], ct.hu.shape[2] // g)
    factor = (1.0, round(rows * ct.spacing[1] / scan.row_mm) / rows, 1.0)
    how: dict[str, Any] = {"grid_mode": True, "mode": "nearest"}

    def binned(volume: NDArray[Any]) -> Volume:
        cut = volume[: depth * f, :, : cols * g].astype(np.float32)
        return np.asarray(cut.reshape(depth, f, rows, cols, g).mean(axis=(1, 4)), dtype=np.float32)

    hu = ndimage.zoom(binned(ct.hu), factor, order=3, **how)
    best = np.full(hu.shape, 0.5, dtype=np.float32)
    small = np.zeros(hu.shape, dtype=np.uint8)
    for part in np.unique(parts[parts > 0]):
        share = ndimage.zoom(binned(parts == part), factor, order=1, **how)
        more = share >= best
        small[more], best[more] = part, share[more]
    spacing = (ct.spacing[0] * f, ct.spacing[1] / factor[1], ct.spacing[2] * g)
    return np.clip(hu, _AIR, None).astype(np.float32), small, spacing


def _continued(
    hu: Volume, parts: NDArray[np.uint8], spacing: tuple[float, float, float], ct: ChestCT, scan: Scan
) -> tuple[Volume, NDArray[np.uint8], tuple[int, int, int]]:
    """Neck, shoulders, arms and abdomen beyond the scan; also the index of the scan's first voxel."""
    body = np.flatnonzero((hu > -500).any(axis=(1, 2)))
    hu, parts = hu[body[0] : body[-1] + 1], parts[body[0] : body[-1] + 1]
    side = round(scan.side_mm / spacing[2])
    hu = np.concatenate([_arm(hu[:, :, :4], side, spacing)[:, :, ::-1], hu, _arm(hu[:, :, -4:], side, spacing)], axis=2)
    bones = ct.mask(scan.parts.roles.spine)[:, :3].any(axis=1)
    column = np.argwhere(bones).mean(axis=0) if bones.any() else np.array(ct.hu.shape)[[0, 2]] / 2
    spine = (column[0] / scan.shrink[0] - body[0], column[1] / scan.shrink[1] + side)
    top, bottom = (round(mm / spacing[1]) for mm in (scan.top_mm, scan.bottom_mm))
    last = np.minimum(hu[:, -4:].mean(axis=1), 60.0)
    hu = np.concatenate(
        [_neck(hu[:, :4].mean(axis=1), top, spine, spacing, scan), hu, np.repeat(last[:, None], bottom, axis=1)], axis=1
    )
    parts = np.pad(parts, ((0, 0), (top, bottom), (side, side)))
    for part in (Part.RIGHT_BELOW, Part.LEFT_BELOW):
        parts[:, -bottom:][np.repeat((parts[:, -bottom - 1] == part)[:, None], bottom, axis=1)] = part
    return np.ascontiguousarray(hu, dtype=np.float32), np.ascontiguousarray(parts), (-int(body[0]), top, side)


def _arm(edge: Volume, count: int, spacing: tuple[float, float, float]) -> Volume:
    """(depth, rows, count) soft tissue that thins out to a rounded end beside the scanner's field of view."""
    from scipy import ndimage

    flat = np.minimum(edge.mean(axis=2), 40.0)
    inner = ndimage.distance_transform_edt(flat > -300, sampling=spacing[:2])
    depth = np.sqrt(1.0 - (np.arange(count) / max(count, 1)) ** 2)
    thick = inner[:, :, None] / max(float(inner.max()), 1.0) > 1.0 - depth
    return np.where(thick, flat[:, :, None], _AIR).astype(np.float32)


def _neck(
    top: NDArray[np.float32], count: int, spine: tuple[float, float], spacing: tuple[float, float, float], scan: Scan
) -> Volume:
    """(depth, count, cols) shoulders that slope up to a neck; bone is kept near the spine only."""
    from scipy import ndimage

    depth, cols = (np.arange(n) * s for n, s in zip(top.shape, (spacing[0], spacing[2]), strict=True))
    y, x = depth[:, None] - spine[0] * spacing[0] - 25.0, cols[None, :] - spine[1] * spacing[2]
    soft = np.minimum(ndimage.gaussian_filter(top, 1.5), 40.0)
    bone = np.hypot(y + 25.0, x) < 28.0
    slice_hu = np.where(bone, np.minimum(top, 350.0), soft)
    slice_hu = np.where((slice_hu > -300) | (np.hypot(y, x) < 40.0), slice_hu, _AIR)
    half, deep = scan.neck_mm
    shoulder = float(np.abs(x[:, (top > -300).any(axis=0)]).max()) if (top > -300).any() else half
    out = np.empty((top.shape[0], count, top.shape[1]), dtype=np.float32)
    for row in range(count):
        height = (count - row) * spacing[1]
        slope = np.clip(1.0 - height / 60.0, 0.0, 1.0)
        width = half + (shoulder - half) * slope**1.5
        reach = deep + (np.abs(depth - spine[0] * spacing[0] - 25.0).max() - deep) * slope
        out[:, row] = np.where((x / width) ** 2 + (y / reach) ** 2 < 1.0, slice_hu, _AIR)
    return out


def _fields(
    parts: NDArray[np.uint8],
    wall: Volume,
    fine: tuple[float, float, float],
    first: tuple[int, int, int],
    spacing: tuple[float, float, float],
    pitch: float,
) -> Volume:
    """Distance to wall, heart, spine and thorax on a grid of `pitch` mm; `wall` is given on the scan's own grid."""
    from scipy import ndimage

    shape = [int(n * s / pitch) + 1 for n, s in zip(parts.shape, spacing, strict=True)]
    at = np.stack(np.meshgrid(*(np.arange(n) * pitch for n in shape), indexing="ij"))
    to_scan = [(at[a] - first[a] * spacing[a]) / fine[a] for a in range(3)]
    out = [ndimage.map_coordinates(wall, to_scan, order=1, mode="constant")]
    own = [at[a] / spacing[a] for a in range(3)]
    for part in (Part.HEART, Part.SPINE):
        there = ndimage.map_coordinates((parts == part).astype(np.float32), own, order=1, mode="constant") > 0.3
        far = np.full(there.shape, 1e3) if not there.any() else ndimage.distance_transform_edt(~there) * pitch
        out.append(far)
    thorax = out[0] > 0
    out.append(ndimage.distance_transform_edt(~thorax) * pitch if thorax.any() else np.full(thorax.shape, 1e3))
    return np.stack(out).astype(np.float32)
