"""Whether soft tissue joins two places: a path that is brighter than lung all the way."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Image, Observations, Pack, Region
from whyray.perception.closer.bands import find_bands
from whyray.perception.closer.contour import shading, shrink, widened
from whyray.perception.closer.crop import Mask, Window, part
from whyray.perception.scene import hearts, lung_ids

F64 = NDArray[np.float64]

SHARE = 0.5  # of the lesion's contrast to lung: what every pixel of the path has at least
CLEAR = 1.5  # contrast over the clutter of the lung below which nothing can be told
WORK_PX = 240.0  # the window is looked at on about so many cells
CORRIDOR = 0.35  # half width of the straight corridor that a path stays in, over its length


def connected(
    image: Image, region: Region, points: F64, other: Region | None, observations: Observations, pack: Pack
) -> bool | None:
    """Whether a path of soft-tissue density runs through the lung from `region` to `points` (the edge of `other`).

    The path stays near the straight way between both; ribs that cross it are taken away first. None where the region
    hardly stands out of the lung, or no lung lies between.
    """
    from scipy import ndimage

    start = np.array(region.centroid)
    goal = points[int(np.linalg.norm(points - start, axis=1).argmin())]
    window = _window(image, region, goal)
    step = max(1, round(max(window[2] - window[0], window[3] - window[1]) / WORK_PX))
    grey = shrink(image.pixels[0, window[1] : window[3], window[0] : window[2]], step)
    smooth = np.asarray(ndimage.gaussian_filter(grey, 1.0), dtype=np.float32)

    def cells(one: Region) -> Mask:
        return part(one, window)[step // 2 :: step, step // 2 :: step][: grey.shape[0], : grey.shape[1]]

    lesion = cells(region)
    lung = np.zeros_like(lesion)
    for i in lung_ids(pack):
        seen = observations.structure(i)
        if seen is not None and seen.region is not None:
            lung |= cells(seen.region)
    for i in hearts(pack):
        seen = observations.structure(i)
        if seen is not None and seen.region is not None:
            lung &= ~cells(seen.region)
    target = cells(other) if other is not None else _dots(points, window, step, lesion.shape)
    free = lung & ~widened(lesion | target, 2.0)
    if free.sum() < 200 or not lesion.any() or not target.any():
        return None
    shade = shading(smooth, free)
    flat = smooth - shade - find_bands(smooth - shade, free).grey
    clutter = 1.4826 * float(np.median(np.abs(flat[free] - np.median(flat[free]))))
    contrast = float(np.percentile(flat[lesion], 60))
    if not contrast > CLEAR * max(clutter, 1e-4):
        return None
    soft = lesion | target | (lung & _corridor(start, goal, window, step, lesion.shape) & (flat > SHARE * contrast))
    labels, _ = ndimage.label(soft, structure=np.ones((3, 3)))
    return bool(np.isin(labels[target], np.unique(labels[lesion])).any())


def _window(image: Image, region: Region, goal: F64) -> Window:
    x0, y0, x1, y1 = region.bbox
    pad = 0.25 * max(x1 - x0, y1 - y0) + 0.02 * max(image.geometry.rows, image.geometry.cols)
    return (
        max(int(min(x0, goal[0]) - pad), 0),
        max(int(min(y0, goal[1]) - pad), 0),
        min(int(max(x1, goal[0]) + pad), image.geometry.cols),
        min(int(max(y1, goal[1]) + pad), image.geometry.rows),
    )


def _dots(points: F64, window: Window, step: int, shape: tuple[int, ...]) -> Mask:
    out = np.zeros(shape, dtype=np.bool_)
    at = ((points - np.array(window[:2])) / step).astype(np.intp)
    kept = at[(at >= 0).all(axis=1) & (at[:, 0] < shape[1]) & (at[:, 1] < shape[0])]
    out[kept[:, 1], kept[:, 0]] = True
    return out


def _corridor(start: F64, goal: F64, window: Window, step: int, shape: tuple[int, ...]) -> Mask:
    """Cells near the straight way from `start` to `goal`."""
    a, b = ((p - np.array(window[:2])) / step for p in (start, goal))
    y, x = np.ogrid[: shape[0], : shape[1]]
    way = b - a
    length = max(float(np.hypot(*way)), 1e-6)
    along = np.clip(((x - a[0]) * way[0] + (y - a[1]) * way[1]) / length**2, 0, 1)
    away = np.hypot(x - a[0] - along * way[0], y - a[1] - along * way[1])
    return np.asarray(away <= max(CORRIDOR * length, 3.0), dtype=np.bool_)
