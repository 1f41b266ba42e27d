"""A region: a boolean mask on source pixels, stored as its bounding box and crop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False, slots=True)
class Region:
    """A non-empty set of source pixels.

    Attributes
    ----------
    rows, cols
        Size of the source image in pixels.
    bbox
        (x0, y0, x1, y1) in source pixels; x1 and y1 are exclusive.
    crop
        bool array (y1 - y0, x1 - x0): the mask inside the box.
    """

    rows: int
    cols: int
    bbox: tuple[int, int, int, int]
    crop: Mask

    @staticmethod
    def from_mask(mask: Mask) -> Region | None:
        """Region of a bool array (rows, cols); None when no pixel is set."""
        ys = np.flatnonzero(mask.any(axis=1))
        if ys.size == 0:
            return None
        xs = np.flatnonzero(mask.any(axis=0))
        x0, y0, x1, y1 = int(xs[0]), int(ys[0]), int(xs[-1]) + 1, int(ys[-1]) + 1
        return Region(mask.shape[0], mask.shape[1], (x0, y0, x1, y1), mask[y0:y1, x0:x1].copy())

    @staticmethod
    def from_window(rows: int, cols: int, window: tuple[int, int, int, int], mask: Mask) -> Region | None:
        """Region of a bool array that covers only `window` (x0, y0, x1, y1) of a (rows, cols) image."""
        part = Region.from_mask(mask)
        if part is None:
            return None
        x0, y0, x1, y1 = part.bbox
        left, top = window[0], window[1]
        return Region(rows, cols, (x0 + left, y0 + top, x1 + left, y1 + top), part.crop)

    @staticmethod
    def union(regions: Sequence[Region]) -> Region:
        """All pixels of regions of one image; raises ValueError when there are none or they differ in size."""
        if not regions or len({(r.rows, r.cols) for r in regions}) != 1:
            raise ValueError("a union needs regions of one image")
        merged = np.any([r.mask() for r in regions], axis=0)
        found = Region.from_mask(merged)
        if found is None:
            raise ValueError("empty regions")
        return found

    def mask(self) -> Mask:
        """Bool array (rows, cols)."""
        full = np.zeros((self.rows, self.cols), dtype=np.bool_)
        x0, y0, x1, y1 = self.bbox
        full[y0:y1, x0:x1] = self.crop
        return full

    @property
    def area_px(self) -> int:
        """Number of pixels."""
        return int(np.count_nonzero(self.crop))

    @property
    def centroid(self) -> tuple[float, float]:
        """(x, y) centre of mass in source pixels."""
        across, down = (np.count_nonzero(self.crop, axis=axis) for axis in (0, 1))
        pixels = int(across.sum())
        x, y = (int(counts @ np.arange(counts.size)) / pixels for counts in (across, down))
        return x + self.bbox[0], y + self.bbox[1]

    def overlap_px(self, other: Region) -> int:
        """Number of shared pixels with a region of the same image."""
        x0, y0 = max(self.bbox[0], other.bbox[0]), max(self.bbox[1], other.bbox[1])
        x1, y1 = min(self.bbox[2], other.bbox[2]), min(self.bbox[3], other.bbox[3])
        if x0 >= x1 or y0 >= y1:
            return 0
        return int(np.count_nonzero(self._window(x0, y0, x1, y1) & other._window(x0, y0, x1, y1)))

    def same(self, other: Region) -> bool:
        """Whether a region of the same image holds the same pixels."""
        return self is other or (self.bbox == other.bbox and bool((self.crop == other.crop).all()))

    def iou(self, other: Region) -> float:
        """Intersection over union with a region of the same image, in [0, 1]."""
        shared = self.overlap_px(other)
        return shared / (self.area_px + other.area_px - shared)

    def _window(self, x0: int, y0: int, x1: int, y1: int) -> Mask:
        left, top = self.bbox[:2]
        return self.crop[y0 - top : y1 - top, x0 - left : x1 - left]

    def rle(self) -> dict[str, object]:
        """COCO run-length encoding ``{"size": [rows, cols], "counts": str}`` (column-major, compressed)."""
        flat = self.mask().ravel(order="F")
        edges = np.flatnonzero(np.diff(flat.astype(np.int8))) + 1
        bounds = np.concatenate(([0], edges, [flat.size]))
        counts = np.diff(bounds).tolist()
        if flat[0]:
            counts.insert(0, 0)
        return {"size": [self.rows, self.cols], "counts": _compress(counts)}

    @staticmethod
    def from_rle(rle: dict[str, object]) -> Region | None:
        """Inverse of `rle`."""
        size, text = rle["size"], rle["counts"]
        if not isinstance(size, list) or not isinstance(text, str):
            raise ValueError("an RLE has a size list and a counts string")
        counts = _decompress(text)
        values = np.arange(len(counts)) % 2 == 1
        flat = np.repeat(values, counts)
        return Region.from_mask(flat.reshape((int(size[1]), int(size[0]))).T)


def _compress(counts: list[int]) -> str:
    """COCO's LEB128-like string: five bits a character, deltas to the run two before (cocoapi rleToString)."""
    out: list[str] = []
    for i, count in enumerate(counts):
        x = count - counts[i - 2] if i > 2 else count
        more = True
        while more:
            bits = x & 0x1F
            x >>= 5
            more = x != -1 if bits & 0x10 else x != 0
            out.append(chr((bits | 0x20 if more else bits) + 48))
    return "".join(out)


def _decompress(text: str) -> list[int]:
    counts: list[int] = []
    pos = 0
    while pos < len(text):
        x, shift, more = 0, 0, True
        while more:
            bits = ord(text[pos]) - 48
            x |= (bits & 0x1F) << shift
            more = bool(bits & 0x20)
            pos, shift = pos + 1, shift + 5
            if not more and bits & 0x10:
                x |= -1 << shift
        counts.append(x + counts[-2] if len(counts) > 2 else x)
    return counts
