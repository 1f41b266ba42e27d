"""The film on the page: one scale and offset between source pixels and page pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Image, Region

Pixels = NDArray[np.float32]
Mask = NDArray[np.bool_]
Grey = NDArray[np.uint8]
Window = tuple[slice, slice]
_KERNEL = 3  # source pixels that a bicubic sample needs around it


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


def film_grey(image: Image, plane: Plane) -> Grey:
    """Film at page size: uint8 (height, width)."""
    return _shown(image.pixels[0], plane.width, plane.height)


def film_window(image: Image, window: tuple[float, float, float, float], width: int, height: int) -> Grey:
    """Part of the film inside `window` (x0, y0, x1, y1 in source pixels), enlarged to uint8 (height, width).

    What lies beyond the film is black.
    """
    rows, cols = image.geometry.rows, image.geometry.cols
    x0, y0, x1, y1 = window
    left, top = int(np.floor(x0)) - _KERNEL, int(np.floor(y0)) - _KERNEL
    right, bottom = int(np.ceil(x1)) + _KERNEL, int(np.ceil(y1)) + _KERNEL
    part = image.pixels[0, max(0, top) : min(rows, bottom), max(0, left) : min(cols, right)]
    beyond = ((max(0, -top), max(0, bottom - rows)), (max(0, -left), max(0, right - cols)))
    return _shown(np.pad(part, beyond), width, height, (x0 - left, y0 - top, x1 - left, y1 - top))


def _shown(pixels: Pixels, width: int, height: int, box: tuple[float, float, float, float] | None = None) -> Grey:
    from PIL import Image as Picture

    grey = np.asarray(pixels, dtype=np.float32)
    if box is not None or grey.shape != (height, width):
        wide = grey.shape[1] if box is None else box[2] - box[0]
        filter_ = Picture.Resampling.BOX if width < wide / 2 else Picture.Resampling.BICUBIC
        resized = Picture.fromarray(grey).resize((width, height), filter_, box=box)
        grey = np.asarray(resized, dtype=np.float32)
    return bytes_of(grey)


def bytes_of(grey: Pixels) -> Grey:
    """Grey in [0, 1] as uint8; what lies outside is clipped, what is no number is black."""
    levels = np.fmax(grey, 0.0)
    np.fmin(levels, 1.0, out=levels)
    levels *= 255.0
    levels += 0.5
    return levels.astype(np.uint8)


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
