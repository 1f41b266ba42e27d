"""What can be measured on the mask of a sign; the pack names the kind for each sign."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Line, Measurement, Region
from whyray.perception.grid import box
from whyray.perception.scene import Scene

Mask = NDArray[np.bool_]
ROUNDING = 1e-9  # part of a squared distance that is more than its rounding error
Measure = Callable[[Scene, Mask, str], Iterator[Measurement]]


def area_share(scene: Scene, mask: Mask, name: str) -> Iterator[Measurement]:
    """Marked area over the area of both lungs."""
    lungs = sum(int(np.count_nonzero(lung.mask)) for lung in scene.lungs.values())
    yield Measurement(name, min(float(np.count_nonzero(mask)) / max(lungs, 1), 1.0), "ratio")


def symmetry(scene: Scene, mask: Mask, name: str) -> Iterator[Measurement]:
    """1 - |right - left| / (right + left) of the shares of the two lungs that are marked, in [0, 1]."""
    lungs = [lung.mask for lung in scene.lungs.values()]
    shares = [float(np.count_nonzero(mask & lung)) / max(int(np.count_nonzero(lung)), 1) for lung in lungs]
    if len(shares) == 2 and sum(shares) > 0:
        yield Measurement(name, 1 - abs(shares[0] - shares[1]) / sum(shares), "ratio")


def height(scene: Scene, mask: Mask, name: str) -> Iterator[Measurement]:
    """Vertical extent of the tallest connected part, with its line."""
    part = largest(scene, mask, by_height=True)
    x = (part.bbox[0] + part.bbox[2]) / 2
    value, unit = scene.image.geometry.distance(0, part.bbox[3] - part.bbox[1])
    yield Measurement(name, value, unit, None, (Line((x, part.bbox[1]), (x, part.bbox[3])),))


def diameter(scene: Scene, mask: Mask, name: str) -> Iterator[Measurement]:
    """Longest diameter of the largest connected part, with its line."""
    part = largest(scene, mask)
    ys, xs = np.nonzero(part.crop & ~_inner(part.crop))
    points = np.stack([xs + part.bbox[0], ys + part.bbox[1]], axis=1).astype(np.float64)
    points = points[:: max(1, len(points) // 200)]
    row, column = scene.image.geometry.spacing_mm or (1.0, 1.0)
    i, j = farthest(points, (column, row))
    (x0, y0), (x1, y1) = points[i], points[j]
    value, unit = scene.image.geometry.distance(float(x1 - x0), float(y1 - y0))
    yield Measurement(name, value, unit, None, (Line((float(x0), float(y0)), (float(x1), float(y1))),))


def farthest(points: NDArray[np.float64], scale: tuple[float, float]) -> tuple[int, int]:
    """Indices of the first pair of points (n, 2) that lies farthest apart, their coordinates times `scale`.

    Roots are taken only of pairs whose squares are the greatest but for rounding.
    """
    dx, dy = ((along[:, None] - along[None]) * unit for along, unit in zip(points.T, scale, strict=True))
    squares = (dx * dx + dy * dy).ravel()
    near = np.flatnonzero(squares >= (1 - ROUNDING) * squares.max())
    i, j = divmod(int(near[np.hypot(dx.ravel()[near], dy.ravel()[near]).argmax()]), len(points))
    return i, j


def largest(scene: Scene, mask: Mask, by_height: bool = False) -> Region:
    """The connected part of a non-empty grid mask with the most cells (or rows), on source pixels.

    Raises
    ------
    ValueError
        When the mask is empty.
    """
    from scipy import ndimage

    where = box(mask)
    if where is None:
        raise ValueError("an empty mask has no largest part")
    parts, _ = ndimage.label(mask[where])
    sizes = (
        [s[0].stop - s[0].start for s in ndimage.find_objects(parts)] if by_height else np.bincount(parts.ravel())[1:]
    )
    kept = np.zeros_like(mask)
    kept[where] = parts == int(np.argmax(sizes)) + 1
    region = scene.region(kept)
    if region is None:
        raise ValueError("the largest part lies beside the film")
    return region


def _inner(mask: Mask) -> Mask:
    padded = np.pad(mask, 1)
    inner: Mask = padded[1:-1, :-2] & padded[1:-1, 2:] & padded[:-2, 1:-1] & padded[2:, 1:-1]
    return inner


MEASURED: Mapping[str, Measure] = {
    "area_share": area_share,
    "symmetry": symmetry,
    "height": height,
    "diameter": diameter,
}
