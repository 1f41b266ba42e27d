"""What is truly on the demonstration films: silhouettes of structures and of each added sign."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Region
from whyray_train.chest_ct import ChestCT, Mask

Film = NDArray[np.float32]
Projector = Callable[[NDArray[np.float32]], Film]


@dataclass(frozen=True, slots=True)
class Silhouette:
    """A structure's outline: path through `of` over `over_mm`, path through `hidden_by` at most `hidden_mm`.

    Attributes
    ----------
    smooth_px
        Parts thinner than twice this are not part of the outline.
    convex
        Whether the outline is the convex hull of what remains.
    """

    of: tuple[str, ...]
    over_mm: float
    hidden_by: tuple[str, ...] = ()
    hidden_mm: float = 0.0
    smooth_px: int = 2
    convex: bool = False


@dataclass(frozen=True, slots=True)
class SignTruth:
    """Added attenuation from which a sign is visible, its smoothing, and the changes behind each of its parts."""

    visible_nepers: float
    smooth_px: int
    parts: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Truth:
    """What to record.

    Attributes
    ----------
    lung_field
        Anatomy ids whose union is the field in which an added opacity can be seen.
    heart, heart_sign
        Anatomy id of the heart, sign id of its enlargement.
    anatomy
        Anatomy id -> silhouette.
    signs
        Sign id -> how it is recognised.
    """

    lung_field: tuple[str, ...]
    heart: str
    heart_sign: str
    anatomy: Mapping[str, Silhouette]
    signs: Mapping[str, SignTruth]


def outline(ct: ChestCT, shape: Silhouette, project: Projector) -> Mask:
    """Bool (rows, cols): the largest connected part of the structure's silhouette."""
    from scipy import ndimage

    shadow = project(ct.mask(shape.of).astype(np.float32)) > shape.over_mm
    if shape.hidden_by:
        shadow &= project(ct.mask(shape.hidden_by).astype(np.float32)) <= shape.hidden_mm
    parts, count = ndimage.label(_opened(shadow, shape.smooth_px))
    if count == 0:
        return np.zeros(shadow.shape, dtype=np.bool_)
    largest = parts == 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
    return _hull(largest) if shape.convex else np.asarray(ndimage.binary_fill_holes(largest), dtype=np.bool_)


def _opened(mask: Mask, radius: int) -> Mask:
    """Morphological opening by a disc of `radius` pixels; what lies outside the film counts as mask."""
    from scipy import ndimage

    wide = np.pad(mask, radius + 1, mode="edge")
    core = ndimage.distance_transform_edt(wide) > radius
    if not core.any():
        return np.zeros(mask.shape, dtype=np.bool_)
    opened = ndimage.distance_transform_edt(~core) <= radius
    return np.asarray(opened[radius + 1 : -radius - 1, radius + 1 : -radius - 1], dtype=np.bool_)


def _hull(mask: Mask) -> Mask:
    """Convex hull of a bool (rows, cols) mask."""
    from scipy.spatial import Delaunay

    corners = Delaunay(np.argwhere(mask))
    grid = np.indices(mask.shape).reshape(2, -1).T
    return np.asarray(corners.find_simplex(grid) >= 0, dtype=np.bool_).reshape(mask.shape)


def anatomy(ct: ChestCT, truth: Truth, project: Projector) -> dict[str, Mask]:
    """Anatomy id -> bool (rows, cols)."""
    return {name: outline(ct, shape, project) for name, shape in truth.anatomy.items()}


def sign_parts(added: Mapping[str, Film], field: Mask, truth: Truth) -> dict[str, dict[str, tuple[Mask, Mask]]]:
    """Sign id -> part -> (visible, full) masks.

    Parameters
    ----------
    added
        Name of a change -> attenuation that it adds, in nepers, float32 (rows, cols).
    field
        Lung field before the changes; an opacity is visible inside it, `full` also counts what lies behind
        heart and diaphragm.
    """
    found: dict[str, dict[str, tuple[Mask, Mask]]] = {}
    for sign, rule in truth.signs.items():
        found[sign] = {}
        for part, changes in rule.parts.items():
            total = np.sum([added[change] for change in changes], axis=0)
            full = _opened(np.asarray(total > rule.visible_nepers, dtype=np.bool_), rule.smooth_px)
            found[sign][part] = (_opened(full & field, rule.smooth_px), full)
    return found


def cardiothoracic_ratio(heart: Mask, lungs: Mask) -> float:
    """Greatest width of the heart over greatest width of the lungs (Danzer 1919), on the film."""
    heart_cols, lung_cols = np.flatnonzero(heart.any(axis=0)), np.flatnonzero(lungs.any(axis=0))
    return float((heart_cols[-1] - heart_cols[0] + 1) / (lung_cols[-1] - lung_cols[0] + 1))


def entry(mask: Mask) -> dict[str, Any] | None:
    """bbox, area and COCO run-length mask; None for an empty mask."""
    region = Region.from_mask(mask)
    if region is None:
        return None
    return {"bbox": list(region.bbox), "area_px": region.area_px, "mask": region.rle()}
