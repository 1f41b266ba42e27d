"""The film on the page: one scale and offset between source pixels and page pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Image, Region

Pixels = NDArray[np.float32]
Mask = NDArray[np.bool_]
Window = tuple[slice, slice]


@dataclass(frozen=True, slots=True)
class Plane:
    """Placement of a (rows, cols) film on a page.

    Attributes
    ----------
    rows, cols
        Source size in pixels.
    width, height
        Size on the page in pixels.
    left, top
        Page position of the film's upper left corner.
    """

    rows: int
    cols: int
    width: int
    height: int
    left: int
    top: int

    @property
    def scale(self) -> tuple[float, float]:
        """Page pixels per source pixel (x, y)."""
        return self.width / self.cols, self.height / self.rows

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Centre of source pixel (x, y) on the page, continuous with the origin at the page's corner."""
        sx, sy = self.scale
        return self.left + (x + 0.5) * sx, self.top + (y + 0.5) * sy


def place(image: Image, size: int, max_upsample: float, left: int, top: int) -> Plane:
    """Return the film with its long side at `size` pixels, never enlarged beyond `max_upsample`."""
    rows, cols = image.geometry.rows, image.geometry.cols
    scale = min(size / max(rows, cols), max_upsample)
    return Plane(rows, cols, max(1, round(cols * scale)), max(1, round(rows * scale)), left, top)


def film_rgb(image: Image, plane: Plane) -> Pixels:
    """Grey film at page size: float32 (height, width, 3) in 0..255."""
    from PIL import Image as Picture

    grey = np.asarray(image.pixels[0], dtype=np.float32)
    if grey.shape != (plane.height, plane.width):
        filter_ = Picture.Resampling.BOX if plane.width < plane.cols / 2 else Picture.Resampling.BICUBIC
        resized = Picture.fromarray(grey).resize((plane.width, plane.height), filter_)
        grey = np.asarray(resized, dtype=np.float32)
    levels = np.clip(np.nan_to_num(grey) * 255.0, 0.0, 255.0)
    return np.repeat(np.rint(levels)[:, :, None], 3, axis=2)


@dataclass(frozen=True, eq=False, slots=True)
class Patch:
    """A window of the page with one value per pixel: `values` (h, w) starts at page pixel (x, y)."""

    x: int
    y: int
    values: NDArray[np.float32]


def cover(region: Region, plane: Plane, margin: int) -> Patch:
    """Share of each page pixel that `region` covers, in [0, 1], with `margin` empty pixels around it."""
    from PIL import Image as Picture

    sx, sy = plane.scale
    x0, y0, x1, y1 = region.bbox
    px0, py0 = int(x0 * sx) - margin, int(y0 * sy) - margin
    px1, py1 = int(np.ceil(x1 * sx)) + margin, int(np.ceil(y1 * sy)) + margin
    pad_x, pad_y = int(np.ceil((margin + 2) / sx)), int(np.ceil((margin + 2) / sy))
    padded = np.pad(region.crop.astype(np.uint8) * 255, ((pad_y, pad_y), (pad_x, pad_x)))
    box = (px0 / sx - x0 + pad_x, py0 / sy - y0 + pad_y, px1 / sx - x0 + pad_x, py1 / sy - y0 + pad_y)
    resized = Picture.fromarray(padded).resize((px1 - px0, py1 - py0), Picture.Resampling.BOX, box=box)
    return Patch(plane.left + px0, plane.top + py0, np.asarray(resized, dtype=np.float32) / 255.0)


def overlap(patch: Patch, shape: tuple[int, ...]) -> tuple[Window, Window]:
    """Windows of the page and of the patch where they overlap on a page of `shape` (empty when off it)."""
    height, width = patch.values.shape
    x0, y0 = min(max(patch.x, 0), shape[1]), min(max(patch.y, 0), shape[0])
    x1, y1 = max(x0, min(patch.x + width, shape[1])), max(y0, min(patch.y + height, shape[0]))
    inside = slice(y0 - patch.y, y1 - patch.y), slice(x0 - patch.x, x1 - patch.x)
    return (slice(y0, y1), slice(x0, x1)), inside
