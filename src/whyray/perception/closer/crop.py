"""The lesion's surroundings, cut from the source pixels without loss."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Geometry, Image, Observations, Pack, Region
from whyray.perception.scene import hearts, lung_ids

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Mask = NDArray[np.bool_]
Window = tuple[int, int, int, int]

MASK_CELLS = 80  # cells of a sign map along the longer side of the film: the grid a given mask comes from
MARGIN = 0.75  # of the lesion's diameter: what is cut around it
TYPICAL_WIDTH_MM = 270.0  # inner width of an adult chest; only scales limits on films without spacing, never told
FALLBACK_WIDTH = 0.85  # of the film's columns: inner width of the chest where no lung is seen


@dataclass(frozen=True, eq=False)
class Crop:
    """A window of the film with what is known of it.

    Attributes
    ----------
    geometry
        Of the whole film.
    window
        (x0, y0, x1, y1) in source pixels.
    grey
        float32 (y1 - y0, x1 - x0): the film in the window.
    given
        The mask that was asked about: its largest connected part.
    lung
        Lungs and `given`, without heart.
    chest
        Where a lesion may lie: between the outer edges of the lungs, one cell of the mask's grid beyond them, `given`.
    dense
        Grey of thick soft tissue on this film (median of the heart); None when the heart cannot be seen.
    cell_px
        Source pixels of a cell of the grid that `given` comes from: its uncertainty.
    mm
        Millimetres of a source pixel; from the spacing, or a guess from the width of the chest that is used for
        limits only.
    """

    geometry: Geometry
    window: Window
    grey: F32
    given: Mask
    lung: Mask
    chest: Mask
    dense: float | None
    cell_px: float
    mm: float

    @property
    def diameter(self) -> float:
        """Diameter in source pixels of the disc that has the given mask's area."""
        return equivalent(self.given)

    def region(self, mask: Mask) -> Region | None:
        """Source-pixel region of a mask of the window."""
        return Region.from_window(self.geometry.rows, self.geometry.cols, self.window, mask)

    def to_source(self, x: float, y: float) -> tuple[float, float]:
        """Window coordinates as source pixels."""
        return x + self.window[0], y + self.window[1]

    def length(self, start: F64, end: F64) -> tuple[float, str]:
        """Distance of two points (x, y) in mm or px."""
        return self.geometry.distance(float(end[0] - start[0]), float(end[1] - start[1]))

    def px(self, mm: float) -> float:
        """Source pixels of a limit in mm."""
        return mm / self.mm


def cut(image: Image, region: Region, observations: Observations, pack: Pack) -> Crop:
    """Cuts the window around the largest connected part of `region`."""
    geometry = image.geometry
    given = largest_part(region)
    size = equivalent(given.crop)
    cell = max(geometry.rows, geometry.cols) / MASK_CELLS
    pad = round(max(MARGIN * size, 1.5 * cell))
    x0, y0, x1, y1 = given.bbox
    window = (max(x0 - pad, 0), max(y0 - pad, 0), min(x1 + pad, geometry.cols), min(y1 + pad, geometry.rows))
    here = part(given, window)
    seen = {s.id: s.region for s in observations.structures if s.region is not None}
    lungs = [seen[i] for i in lung_ids(pack) if i in seen]
    hidden = [seen[i] for i in hearts(pack) if i in seen]
    width = inner_width(lungs) or FALLBACK_WIDTH * geometry.cols
    lung = here.copy()
    for one in lungs:
        lung |= part(one, window)
    for one in hidden:
        lung &= ~part(one, window) | here
    return Crop(
        geometry=geometry,
        window=window,
        grey=image.pixels[0, window[1] : window[3], window[0] : window[2]],
        given=here,
        lung=lung,
        chest=_between(lungs, window, round(cell)) | here,
        dense=_dense(image, hidden),
        cell_px=cell,
        mm=_pixel_mm(geometry, width),
    )


def largest_part(region: Region) -> Region:
    """The connected part with the most pixels."""
    from scipy import ndimage

    parts, count = ndimage.label(region.crop)
    if count < 2:
        return region
    kept = Region.from_window(
        region.rows, region.cols, region.bbox, parts == 1 + int(np.bincount(parts.ravel())[1:].argmax())
    )
    return region if kept is None else kept


def part(region: Region, window: Window) -> Mask:
    """Mask of a region inside a window."""
    out = np.zeros((window[3] - window[1], window[2] - window[0]), dtype=np.bool_)
    x0, y0 = max(region.bbox[0], window[0]), max(region.bbox[1], window[1])
    x1, y1 = min(region.bbox[2], window[2]), min(region.bbox[3], window[3])
    if x0 < x1 and y0 < y1:
        left, top = region.bbox[:2]
        out[y0 - window[1] : y1 - window[1], x0 - window[0] : x1 - window[0]] = region.crop[
            y0 - top : y1 - top, x0 - left : x1 - left
        ]
    return out


def equivalent(mask: Mask) -> float:
    """Diameter of the disc with the mask's area."""
    return 2 * sqrt(int(np.count_nonzero(mask)) / pi)


def inner_width(lungs: list[Region]) -> float | None:
    """Greatest width of the chest in pixels, from the lungs' outer edges; None unless two are seen."""
    if len(lungs) < 2:
        return None
    return float(max(r.bbox[2] for r in lungs) - min(r.bbox[0] for r in lungs))


def _pixel_mm(geometry: Geometry, width_px: float) -> float:
    if geometry.spacing_mm is None:
        return TYPICAL_WIDTH_MM / width_px
    return hypot(*geometry.spacing_mm) / sqrt(2)


def _dense(image: Image, hidden: list[Region]) -> float | None:
    """Median grey of the heart, read on every fourth pixel."""
    if not hidden:
        return None
    x0, y0, x1, y1 = hidden[0].bbox
    inside = image.pixels[0, y0:y1:4, x0:x1:4][hidden[0].crop[::4, ::4]]
    return float(np.median(inside)) if inside.size else None


def _between(lungs: list[Region], window: Window, rim: int) -> Mask:
    """What lies between the outermost lung edges of each row, widened by `rim` pixels; all of it without lungs."""
    shape = (window[3] - window[1], window[2] - window[0])
    if not lungs:
        return np.ones(shape, dtype=np.bool_)
    first, last = np.full(shape[0], np.inf), np.full(shape[0], -np.inf)
    for lung in lungs:
        top, bottom = max(lung.bbox[1], window[1]), min(lung.bbox[3], window[3])
        if top >= bottom:
            continue
        rows = lung.crop[top - lung.bbox[1] : bottom - lung.bbox[1]]
        filled = rows.any(axis=1)
        at = np.flatnonzero(filled) + top - window[1]
        first[at] = np.minimum(first[at], rows[filled].argmax(axis=1) + lung.bbox[0])
        last[at] = np.maximum(last[at], lung.bbox[2] - 1 - rows[filled][:, ::-1].argmax(axis=1))
    x = np.arange(window[0], window[2])[None, :]
    return np.asarray((x >= first[:, None] - rim) & (x <= last[:, None] + rim), dtype=np.bool_)
