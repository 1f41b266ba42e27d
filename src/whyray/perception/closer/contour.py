"""The lesion's contour: a closed path of least cost around its centre (dynamic programming on rays).

The cost joins the step of grey along each ray with what lies inside and outside, as in Timp and Karssemeijer,
Medical Physics 31:958 (2004), on a film from which the lung's own shading has been taken away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whyray.perception.closer.bands import Bands, find_bands
from whyray.perception.closer.crop import F32, F64, Crop, Mask, equivalent

RAYS = 180
DEPTHS = 72  # samples along a ray
WORK_PX = 72.0  # the lesion is about so wide where its contour is sought
CLEAR = 1.5  # contrast over the clutter of the surrounding lung from which a lesion stands out
OUTER = 0.35  # of the step from lung to lesion: a round body is thin at its edge, half of it lies inside the outline
PEAK = 60  # percentile of the inside that is its level: a rib across it must not set it
MOVES = 2  # depth steps from ray to ray
STEP_COST, EDGE_GAIN, NEAR_COST = 0.012, 0.9, 0.25  # cost of a step; weight of the edge; cost of leaving the mask
GROWTH = 0.5  # of the radius: how far the contour may leave the given mask, beside one cell of its grid
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


def on_rays(centre: tuple[float, float], radii: F64) -> F64:
    """(n, 2) points (x, y) at `radii` on evenly spread rays."""
    angle = np.arange(len(radii)) * (2 * np.pi / len(radii))
    return np.stack([centre[0] + radii * np.cos(angle), centre[1] + radii * np.sin(angle)], axis=1)


def refine(crop: Crop) -> Contour:
    """The outline of the lesion in `crop`, or the given mask's when it does not stand out."""
    from scipy import ndimage

    step = max(1, int(crop.diameter / WORK_PX))
    grey = shrink(crop.grey, step)
    given, lung, chest = (m[step // 2 :: step, step // 2 :: step] for m in (crop.given, crop.lung, crop.chest))
    given, lung, chest = (_fit(m, grey.shape) for m in (given, lung, chest))
    smooth = np.asarray(ndimage.gaussian_filter(grey, 1.0), dtype=np.float32)
    cell = crop.cell_px / step
    ring = lung & ~widened(given, 0.6 * cell)
    shade = shading(smooth, ring if ring.sum() > 0.1 * ring.size else ~widened(given, 0.6 * cell))
    ribs = find_bands(smooth - shade, ring)
    shade = shade + ribs.grey
    flat = smooth - shade
    around = flat[ring] if ring.sum() > 50 else flat[~given]
    clutter = 1.4826 * float(np.median(np.abs(around - np.median(around)))) if around.size else 0.0
    body = core(flat, given)
    level = float(np.percentile(flat[body], PEAK))
    shade_full = enlarge(shade, step, crop.grey.shape)
    if not level > CLEAR * max(clutter, 1e-4):
        return _as_given(crop, shade_full, level, clutter, "too_faint", ribs)
    centre = _middle(body)
    radii = path(flat, given, body, centre, level, cell)
    found = inside(centre, radii, flat.shape)
    centre = _middle(found)  # once more from what was found: the given mask may lack a lobe
    radii = path(flat, given | found, found, centre, level, cell)
    around_px = (centre[0] * step + (step - 1) / 2, centre[1] * step + (step - 1) / 2)
    mask = inside(around_px, radii * step, crop.grey.shape) & crop.chest
    if not _plausible(crop, mask, radii * step) or edged(flat, centre, radii, level) < LEAST_EDGE:
        return _as_given(crop, shade_full, level, clutter, "not_visible", ribs)
    return Contour(
        around_px, radii * step, mask, shade_full, level, clutter, True, None, ribs.explained, ribs.direction
    )


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


def core(flat: F32, given: Mask) -> Mask:
    """The body of the lesion: the part of the mask above half of its middle level, as one piece.

    The middle and not the highest level, so that a rib that crosses the lesion is not taken for all of it.
    """
    from scipy import ndimage

    usual = float(np.percentile(flat[given], PEAK))
    bright = given & (flat > 0.5 * usual)
    if usual <= 0 or not bright.any():
        return given
    opened = ndimage.binary_opening(bright, iterations=max(1, round(0.06 * equivalent(given))))
    parts, count = ndimage.label(opened if opened.any() else bright)
    sizes = np.bincount(parts.ravel(), weights=np.maximum(flat, 0).ravel())
    sizes[0] = 0
    return np.asarray(parts == sizes.argmax(), dtype=np.bool_) if count else given


def path(flat: F32, given: Mask, body: Mask, centre: tuple[float, float], level: float, cell: float) -> F64:
    """(RAYS,) radii of the closed path of least cost."""
    from scipy import ndimage

    limit = reach(given, centre)
    rough = float(np.median(reach(body, centre)))
    limit = limit + np.maximum(GROWTH * rough, 0.6 * cell)
    pitch = float(limit.max()) / DEPTHS
    depth: F64 = np.asarray((np.arange(DEPTHS) + 1) * pitch, dtype=np.float64)
    rays = sample(flat, centre, depth)
    far = np.clip(depth[None, :] / np.maximum(rough, 1e-6), 0, None)
    outer = (far > 1.35) & (far < 2.0)
    base = np.where(outer.any(axis=1), (rays * outer).sum(axis=1) / np.maximum(outer.sum(axis=1), 1), 0.0)
    base = ndimage.gaussian_filter1d(np.clip(base, -0.1 * level, 0.3 * level), RAYS / 24, mode="wrap")
    middle = (base + OUTER * (level - base))[:, None]
    within = np.cumsum(np.clip((middle - rays) / level, -0.5, 0.5), axis=1) * (pitch / rough)
    slope = -ndimage.gaussian_filter1d(rays, 0.05 * rough / pitch + 0.7, axis=1, order=1) / level * (rough / pitch)
    beyond = np.maximum(depth[None, :] - (limit - np.maximum(GROWTH * rough, 0.6 * cell))[:, None], 0) / rough
    cost = within - EDGE_GAIN * np.clip(slope, 0, 3) / 3 + NEAR_COST * beyond
    cost = np.where(depth[None, :] > limit[:, None], 1e3, cost)
    best = closed_path(cost)
    radii = (best + 1) * pitch
    return np.asarray(ndimage.gaussian_filter1d(radii, 1.0, mode="wrap"), dtype=np.float64)


def closed_path(cost: F64) -> F64:
    """Depth index per ray of the cheapest path whose ends meet: the middle of a path twice around."""
    count, depths = cost.shape
    order = np.arange(2 * count) % count
    total = cost[0].copy()
    back = np.zeros((2 * count, depths), dtype=np.int8)
    for i in range(1, 2 * count):
        padded = np.pad(total, MOVES, constant_values=1e6)
        moved = np.stack([padded[MOVES + m : MOVES + m + depths] + STEP_COST * m * m for m in range(-MOVES, MOVES + 1)])
        choice = moved.argmin(axis=0)
        back[i] = choice - MOVES
        total = moved[choice, np.arange(depths)] + cost[order[i]]
    at = int(total.argmin())
    found = np.zeros(2 * count)
    for i in range(2 * count - 1, -1, -1):
        found[i] = at
        at = int(np.clip(at + back[i, at], 0, depths - 1))
    half = count // 2
    return np.roll(found[half : half + count], half)


def reach(mask: Mask, centre: tuple[float, float]) -> F64:
    """(RAYS,) distance of the farthest pixel of `mask` on each ray; at least half a pixel."""
    far = int(np.hypot(*mask.shape)) + 1
    depth = np.arange(0.0, far, 0.5)
    hit = sample(mask.astype(np.float32), centre, depth) > 0.5
    last = depth.size - 1 - hit[:, ::-1].argmax(axis=1)
    return np.where(hit.any(axis=1), depth[last], 0.5)


def sample(array: F32, centre: tuple[float, float], depth: F64) -> F64:
    """(RAYS, n) bilinear values at `depth` pixels from `centre`."""
    angle = np.arange(RAYS)[:, None] * (2 * np.pi / RAYS)
    return read(array, centre[0] + depth[None] * np.cos(angle), centre[1] + depth[None] * np.sin(angle))


def read(array: F32, x: F64, y: F64) -> F64:
    """Bilinear values at window coordinates; the border carries on."""
    from scipy import ndimage

    return np.asarray(ndimage.map_coordinates(array, [y, x], order=1, mode="nearest"), dtype=np.float64)


def inside(centre: tuple[float, float], radii: F64, shape: tuple[int, ...]) -> Mask:
    """Pixels within `radii` of the centre."""
    y, x = np.arange(shape[0])[:, None] - centre[1], np.arange(shape[1])[None, :] - centre[0]
    out = np.zeros(shape, dtype=np.bool_)
    rows = slice(*np.searchsorted(y[:, 0], (-radii.max() - 1, radii.max() + 1)))
    cols = slice(*np.searchsorted(x[0], (-radii.max() - 1, radii.max() + 1)))
    y, x = y[rows], x[:, cols]
    at = (np.arctan2(y, x) / (2 * np.pi) * len(radii)) % len(radii)
    low = at.astype(np.intp) % len(radii)
    share = at - np.floor(at)
    edge = radii[low] * (1 - share) + radii[(low + 1) % len(radii)] * share
    out[rows, cols] = np.hypot(x, y) <= edge
    return out


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
    return Contour(centre, radii, crop.given, shade, level, clutter, False, reason, ribs.explained, ribs.direction)
