"""The lesion's contour: a body fitted to the film from which the lung's shading and ribs have been taken away.

The body (`dome`) is found twice: once over the shading and ribs of its surroundings, and once more over those that
are found with the body taken away, so that ribs are carried through it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from whyray.perception.closer.bands import Bands, find_bands
from whyray.perception.closer.crop import F32, F64, Crop, Mask, equivalent
from whyray.perception.closer.dome import calmed, fit, marked, solid
from whyray.perception.closer.rays import RAYS, inside, on_rays, reach, read

WORK_PX = 72.0  # the lesion is about so wide where its contour is sought
CLEAR = 1.5  # contrast over the clutter of the surrounding lung from which a lesion stands out
PEAK = 60  # percentile of the inside that is its level: a rib across it must not set it
ROUGH_AREA = (0.06, 3.0)  # of the given mask's area: a contour outside this is another thing
LEAST_SHARED = 0.4  # intersection over union with a mask that is larger than its own grid's error
COARSE_CELLS = 3.0  # a mask narrower than this many cells says little about the outline
LEAST_SOLID = 0.8  # area over that of the hull: less is a leak along a vessel or rib, not a lesion
EDGE_STEP, LEAST_EDGE = 0.35, 0.6  # step across the outline over the contrast, and the part of the outline with it


@dataclass(frozen=True, eq=False)
class Contour:
    """A lesion's outline.

    Attributes
    ----------
    centre
        (x, y) in window pixels.
    radii
        (RAYS,) distance of the outline in pixels; ray k points at ``2 pi k / RAYS`` from the x axis towards growing y.
    mask
        Bool, the window's size: the inside.
    shade
        float32, the window's size: grey of the lung without the lesion.
    contrast
        Grey of the lesion above it.
    clutter
        Standard deviation of the surrounding lung, smoothed as the lesion was, about its shading.
    refined
        False when the given mask stands for the outline, because the lesion does not stand out.
    reason
        Why it was not refined.
    misfit
        Of the body's profile, as in `dome.Dome`.
    ribs
        Share of the surroundings' variance that straight bands explain; they are part of `shade` from
        `bands.EXPLAINS` on. ``ribs_along`` is their direction in degrees from the x axis.
    """

    centre: tuple[float, float]
    radii: F64
    mask: Mask
    shade: F32
    contrast: float
    clutter: float
    refined: bool
    reason: str | None = None
    misfit: float = 0.0
    ribs: float = 0.0
    ribs_along: float = 0.0

    @property
    def diameter(self) -> float:
        """Diameter in pixels of the disc with the same area."""
        return equivalent(self.mask)

    @property
    def points(self) -> F64:
        """(RAYS, 2) outline as (x, y) in window pixels."""
        return on_rays(self.centre, self.radii)


def refine(crop: Crop) -> Contour:
    """The outline of the lesion in `crop`, or the given mask's when it does not stand out."""
    from scipy import ndimage

    step = max(1, int(crop.diameter / WORK_PX))
    grey = shrink(crop.grey, step)
    given, lung = (_fit(m[step // 2 :: step, step // 2 :: step], grey.shape) for m in (crop.given, crop.lung))
    smooth = np.asarray(ndimage.gaussian_filter(grey, 1.0), dtype=np.float32)
    cell = crop.cell_px / step
    wide = widened(given, 0.6 * cell)
    ring = lung & ~wide
    shade, ribs = background(smooth, ring if ring.sum() > 0.1 * ring.size else ~wide, ring)
    centre = _middle(given)
    near = calmed(reach(given, centre), cell)
    starts = marked(smooth - shade, given, centre, near)
    whole = solid(smooth - shade, starts[0]) + shade
    bodies = fit(whole - shade, starts, near, cell)
    all_lung = lung | wide
    shade, ribs = background(whole - bodies[0].level * bodies[0].profile(grey.shape), all_lung, all_lung)
    flat = whole - shade
    found = [inside(body.centre, body.radii, grey.shape) for body in bodies]
    centre = _middle(found[0])
    near = calmed(reach(given, centre), cell)
    starts = tuple(replace(b, centre=centre, radii=reach(m, centre)) for b, m in zip(bodies, found, strict=True))
    body = fit(flat, starts, near, cell)[0]
    shade_full = enlarge(shade + np.float32(body.ground), step, crop.grey.shape)
    flat = flat - np.float32(body.ground)
    around = (flat - body.level * body.profile(grey.shape))[ring if ring.sum() > 50 else ~given]
    clutter = 1.4826 * float(np.median(np.abs(around - np.median(around)))) if around.size else 0.0
    mask = inside(body.centre, body.radii, grey.shape)
    level = float(np.percentile(flat[mask if mask.any() else given], PEAK))
    if not level > CLEAR * max(clutter, 1e-4):
        return _as_given(crop, shade_full, level, clutter, "too_faint", ribs)
    around_px = (centre[0] * step + (step - 1) / 2, centre[1] * step + (step - 1) / 2)
    radii = body.radii * step
    mask = inside(around_px, radii, crop.grey.shape) & crop.chest
    if not _plausible(crop, mask, radii) or edged(flat, centre, body.radii, level) < LEAST_EDGE:
        return _as_given(crop, shade_full, level, clutter, "not_visible", ribs)
    return Contour(
        around_px, radii, mask, shade_full, level, clutter, True, None, body.misfit, ribs.explained, ribs.direction
    )


def background(grey: F32, ring: Mask, lung: Mask) -> tuple[F32, Bands]:
    """(shading with ribs, ribs): the smooth surface through `ring` and the bands of `lung` above it."""
    shade = shading(grey, ring)
    ribs = find_bands(grey - shade, lung)
    return shade + ribs.grey, ribs


def _middle(mask: Mask) -> tuple[float, float]:
    ys, xs = np.nonzero(mask)
    return float(xs.mean()), float(ys.mean())


def _plausible(crop: Crop, mask: Mask, radii: F64) -> bool:
    """Whether an outline can be that of the lesion that the given mask marks."""
    ratio = mask.sum() / max(int(crop.given.sum()), 1)
    if not ROUGH_AREA[0] < ratio < ROUGH_AREA[1]:
        return False
    shared = int((mask & crop.given).sum())
    if not shared or solidity(on_rays((0.0, 0.0), radii)) < LEAST_SOLID:
        return False
    coarse = crop.diameter < COARSE_CELLS * crop.cell_px
    return coarse or shared / int((mask | crop.given).sum()) > LEAST_SHARED


def edged(flat: F32, centre: tuple[float, float], radii: F64, level: float) -> float:
    """Part of the outline across which the grey falls as it does from a lesion to lung."""
    spread = max(1.5, 0.25 * float(np.median(radii)))
    at = radii[:, None] + np.linspace(-1.0, 1.0, 9)[None, :] * spread
    angle = np.arange(RAYS)[:, None] * (2 * np.pi / RAYS)
    values = read(flat, centre[0] + at * np.cos(angle), centre[1] + at * np.sin(angle))
    return float((values[:, :3].mean(axis=1) - values[:, -3:].mean(axis=1) > EDGE_STEP * level).mean())


def hull(points: F64) -> NDArray[np.intp]:
    """Indices of the convex hull of (n, 2) points, in turning order (Andrew's monotone chain)."""
    order = np.lexsort((points[:, 1], points[:, 0]))
    halves = []
    for sequence in (order, order[::-1]):
        kept: list[int] = []
        for i in sequence:
            while len(kept) > 1 and _turn(points[kept[-2]], points[kept[-1]], points[i]) <= 0:
                kept.pop()
            kept.append(int(i))
        halves.append(kept[:-1])
    return np.array(halves[0] + halves[1], dtype=np.intp)


def _turn(a: F64, b: F64, c: F64) -> float:
    return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))


def area(points: F64) -> float:
    """Area of a polygon (n, 2)."""
    x, y = points[:, 0], points[:, 1]
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def solidity(points: F64) -> float:
    """Area of a polygon over that of its convex hull."""
    return area(points) / max(area(points[hull(points)]), 1e-9)


def shading(grey: F32, ring: Mask) -> F32:
    """Smooth surface through the lung of `ring`; ribs and vessels, brighter than it, count little."""
    rows, cols = grey.shape
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : cols * 1j]
    sides = [(ring & half).sum() for half in (x < 0, x > 0, y < 0, y > 0)]
    full = [np.ones_like(x), x, y]
    if min(sides) > 0.12 * max(int(ring.sum()), 1):
        full += [x * y, x * x, y * y]
    basis = np.stack(full, axis=-1)
    thin = max(1, int(np.sqrt(ring.sum() / 3000)))
    at = np.zeros_like(ring)
    at[::thin, ::thin] = ring[::thin, ::thin]
    if at.sum() < 30:
        at = np.ones_like(ring)
    design, values = basis[at], grey[at].astype(np.float64)
    weight = np.ones(len(values))
    fit = np.zeros(design.shape[1])
    for _ in range(4):
        root = np.sqrt(weight)
        fit = np.linalg.lstsq(design * root[:, None], values * root, rcond=None)[0]
        rest = values - design @ fit
        spread = 1.4826 * float(np.median(np.abs(rest - np.median(rest)))) + 1e-6
        weight = np.clip(1 - (rest / (3 * spread)) ** 2, 0, 1) ** 2
    return np.asarray(basis @ fit, dtype=np.float32)


def shrink(array: F32, step: int) -> F32:
    """Means of square blocks; a rest that fills no block is left out."""
    if step == 1:
        return array
    rows, cols = array.shape[0] // step * step, array.shape[1] // step * step
    blocks = array[:rows, :cols].reshape(rows // step, step, cols // step, step)
    return np.asarray(blocks.mean(axis=(1, 3)), dtype=np.float32)


def enlarge(array: F32, step: int, shape: tuple[int, ...]) -> F32:
    """Bilinear opposite of `shrink`."""
    if step == 1:
        return array
    ys = np.clip((np.arange(shape[0]) + 0.5) / step - 0.5, 0, array.shape[0] - 1)
    xs = np.clip((np.arange(shape[1]) + 0.5) / step - 0.5, 0, array.shape[1] - 1)
    return _along(_along(array, ys).T, xs).T


def _along(array: F32, at: F64) -> F32:
    low = np.minimum(at.astype(np.intp), max(array.shape[0] - 2, 0))
    share = (at - low).astype(np.float32)[:, None]
    return np.asarray(array[low] * (1 - share) + array[np.minimum(low + 1, array.shape[0] - 1)] * share)


def widened(mask: Mask, radius: float) -> Mask:
    """Pixels at most `radius` from the mask."""
    from scipy import ndimage

    return np.asarray(ndimage.distance_transform_edt(~mask) <= radius, dtype=np.bool_)


def _fit(mask: Mask, shape: tuple[int, ...]) -> Mask:
    return mask[: shape[0], : shape[1]]


def _as_given(crop: Crop, shade: F32, level: float, clutter: float, reason: str, ribs: Bands) -> Contour:
    centre = _middle(crop.given)
    radii = reach(crop.given, centre)
    return Contour(
        centre, radii, crop.given, shade, level, clutter, False, reason, np.inf, ribs.explained, ribs.direction
    )
