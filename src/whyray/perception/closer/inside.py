"""What is inside the outline: density, evenness, calcium, cavity, bubbles, air bronchogram."""

from __future__ import annotations

import numpy as np

from whyray.domain import Attribute, Measurement
from whyray.perception.closer.contour import shrink
from whyray.perception.closer.crop import F32, Mask, equivalent
from whyray.perception.closer.lesion import Lesion, unknown

FAINT, DENSE = 0.25, 0.6  # contrast to the lung over that of the heart: a veil; nearly as dense as the heart
UNIFORM = 0.22  # spread inside over the contrast, without grain and the round fall to the edge
SATURATION_MM = 55.0  # thickness of soft tissue that takes the grey 63 % of the way from lung to heart (insertion)
CALCIUM = 0.35  # of the heart's contrast: what a spot must rise above the tissue round it to be nearly bone
CALCIUM_NOISE = 6.0
METAL = 1.5  # of the heart's contrast: denser than a calcified lesion of that size can be
SPOT_RATIO = 2.2  # length over width: what is longer is a rib, a vessel or a wire across
CENTRAL = 0.35  # of the radius: how far from the centre a central spot lies
RIM = 0.65  # of the depth: a rim lies in the outer part
HOLE, HOLE_SHARE, HOLE_MM = 0.55, 0.06, 4.0  # of the wall's contrast; of the area; diameter of the smallest cavity
WALL_LEVEL = 75  # percentile of the inside that is the wall's grey
THIN_MM = 4.0  # walls up to this are thin (Woodring, Fried and Chuang, AJR 135:1269, 1980)
BUBBLE_MM = (1.0, 3.0)  # as the pack defines the sign
BUBBLE_PX = 4.0  # samples across the smallest bubble: fewer cannot be told from grain
BUBBLES, BUBBLE_NOISE, BUBBLE_DEPTH = 2, 5.0, 0.12  # how many; depth over the grain and over the contrast
TUBE_MM, TUBE_LENGTH_MM, TUBE_RATIO = (1.0, 4.0), 10.0, 3.0  # width, length and length over width of a bronchus
TUBE_DEPTH = 0.2  # of the contrast
TUBE_RIB, TUBE_RIB_TURN = 0.2, 25.0  # as for spicules: the gap between two ribs is no bronchus
TUBE_FROM_MM = 20.0  # smaller lesions hold no bronchus of that length


def density(lesion: Lesion) -> Attribute:
    """Contrast against the surrounding lung as a share of the heart's; of the film's range without a heart."""
    contour = lesion.contour
    if contour.reason == "too_faint":
        return unknown("density", "too_faint")
    ratio = contour.contrast / heart_contrast(lesion)
    word = "faint" if ratio < FAINT else "moderate" if ratio < DENSE else "dense"
    error = lesion.contour.clutter / heart_contrast(lesion)
    return Attribute("density", word, (Measurement("contrast", ratio, "ratio", error),))


def heart_contrast(lesion: Lesion) -> float:
    """Grey from the lung at the lesion to the heart; half of the film's range when no heart is seen."""
    shade = float(np.median(lesion.contour.shade[lesion.contour.mask]))
    dense = lesion.crop.dense
    return max(dense - shade, 0.1) if dense is not None else 0.5


def homogeneity(lesion: Lesion) -> Attribute:
    """Spread inside about a smooth dome, over the contrast."""
    reason = lesion.blind()
    if reason is not None:
        return unknown("homogeneity", reason)
    rest, core = _rest(lesion)
    if core.sum() < 40:
        return unknown("homogeneity", "too_small")
    spread = 1.4826 * float(np.median(np.abs(rest[core] - np.median(rest[core]))))
    clean = float(np.sqrt(max(spread**2 - (0.3 * lesion.noise) ** 2, 0.0)))
    ratio = clean / max(lesion.contour.contrast, 1e-6)
    measured = (Measurement("spread", ratio, "ratio"),)
    return Attribute("homogeneity", "uniform" if ratio < UNIFORM else "mixed", measured)


def calcification(lesion: Lesion) -> Attribute:
    """Spots nearly as white as bone, by their place in the lesion; a lesion denser than its thickness can be."""
    reason = lesion.unclear()
    if reason is not None:
        return unknown("calcification", reason)
    heart = heart_contrast(lesion)
    flat = lesion.smooth - lesion.contour.shade
    mask = lesion.contour.mask
    if float(np.percentile(flat[mask], 75)) > METAL * heart:
        return unknown("calcification", "not_visible")
    depth = lesion.depth
    usual = float(np.percentile(flat[mask], 40))
    limit = usual + max(CALCIUM * heart, CALCIUM_NOISE * lesion.noise)
    spots = mask & (flat > limit) & (depth > 0.12)
    diameter_mm = lesion.contour.diameter * lesion.crop.mm
    thick = 1 - np.exp(-diameter_mm / SATURATION_MM)
    if float(np.median(flat[mask])) > (thick + CALCIUM) * heart:
        return Attribute("calcification", "diffuse", region=lesion.crop.region(mask))
    least = max(4, round(0.01 * mask.sum()))
    parts = [p for p in _parts(spots) if p.sum() >= least]
    if parts:
        ring = np.logical_or.reduce(parts)
        if float((depth[ring] < 1 - RIM).mean()) > 0.7 and _around(lesion, ring) > 0.6:
            return Attribute("calcification", "rim", region=lesion.crop.region(ring))
    parts = [p for p in parts if _long(p)[0] < SPOT_RATIO * _long(p)[1]]
    if not parts:
        return Attribute("calcification", "none")
    together = np.logical_or.reduce(parts)
    region = lesion.crop.region(together)
    away = _away(lesion, together)
    word = "central" if len(parts) == 1 and away < CENTRAL and together.sum() > 0.03 * mask.sum() else "spotty"
    return Attribute("calcification", word, region=region)


def hollow(lesion: Lesion) -> Attribute:
    """A dark middle with a wall all round it; the wall's mean thickness."""
    reason = lesion.blind()
    if reason is not None:
        return unknown("hollow", reason)
    crop, contour = lesion.crop, lesion.contour
    if contour.diameter < 2.5 * crop.px(HOLE_MM):
        return unknown("hollow", "too_small")
    flat, mask, depth = lesion.smooth - contour.shade, contour.mask, lesion.depth
    wall = float(np.percentile(flat[mask], WALL_LEVEL))
    if wall < 3 * lesion.noise:
        return unknown("hollow", "too_faint")
    holes = [
        p
        for p in _parts(mask & (flat < HOLE * wall) & (depth > 0.12))
        if p.sum() > HOLE_SHARE * mask.sum() and equivalent(p) > crop.px(HOLE_MM) and _away(lesion, p) < 0.5
    ]
    if not holes:
        return Attribute("hollow", "none")
    hole = max(holes, key=lambda p: int(p.sum()))
    if _around(lesion, ~hole & mask & (flat > 0.75 * wall) & (depth < 0.6)) < 0.85 or not _compact(hole):
        return Attribute("hollow", "none")
    thickness = (equivalent(mask) - equivalent(hole)) / 2
    word = "thin" if thickness <= crop.px(THIN_MM) else "thick"
    measured = (Measurement("wall", lesion.scaled(thickness), lesion.unit, lesion.scaled(1.0)),)
    return Attribute("hollow", word, measured, region=crop.region(hole))


def bubbles(lesion: Lesion) -> Attribute:
    """Round dark dots of 1 to 3 mm; only on films whose pixels are fine enough for them."""
    reason = lesion.unclear()
    crop = lesion.crop
    if reason is None and not crop.geometry.calibrated:
        reason = "no_spacing"
    if reason is None and crop.px(BUBBLE_MM[0]) < BUBBLE_PX:
        reason = "low_resolution"
    if reason is not None:
        return unknown("bubbles", reason)
    dots = [p for p in _dark(lesion, BUBBLE_MM) if _long(p)[0] < 2.0 * max(_long(p)[1], 1.0)]
    if len(dots) < BUBBLES:
        return Attribute("bubbles", "none")
    marks = tuple(lesion.mark(np.array([np.nonzero(p)[1].mean(), np.nonzero(p)[0].mean()])) for p in dots)
    return Attribute("bubbles", "present", marks=marks, region=crop.region(np.logical_or.reduce(dots)))


def bronchogram(lesion: Lesion) -> Attribute:
    """Dark tubes at least 10 mm long inside a lesion that is dense enough to show them."""
    reason = lesion.unclear()
    crop, contour = lesion.crop, lesion.contour
    if reason is None and contour.diameter < crop.px(TUBE_FROM_MM):
        reason = "too_small"
    if reason is None and crop.px(TUBE_MM[0]) < 2:
        reason = "low_resolution"
    if reason is not None:
        return unknown("bronchogram", reason)
    tubes = []
    for dark in _dark(lesion, TUBE_MM, TUBE_DEPTH):
        long, wide = _long(dark)
        if not _along_ribs(lesion, dark) and long > crop.px(TUBE_LENGTH_MM) and long > TUBE_RATIO * wide:
            tubes.append(dark)
    if not tubes:
        return Attribute("bronchogram", "none")
    return Attribute("bronchogram", "present", region=crop.region(np.logical_or.reduce(tubes)))


def _along_ribs(lesion: Lesion, dark: Mask) -> bool:
    """Whether a part runs as the ribs of the window do."""
    if lesion.contour.ribs < TUBE_RIB:
        return False
    ys, xs = np.nonzero(dark)
    way = np.linalg.eigh(np.cov(np.stack([xs, ys]).astype(np.float64)))[1][:, 1]
    apart = abs(float(np.degrees(np.arctan2(way[1], way[0]))) - lesion.contour.ribs_along) % 180
    return min(apart, 180 - apart) < TUBE_RIB_TURN


def _dark(lesion: Lesion, width_mm: tuple[float, float], share: float = BUBBLE_DEPTH) -> list[Mask]:
    """Dark parts of the inside no wider than `width_mm`: what a closing of that size fills."""
    from scipy import ndimage

    crop, contour = lesion.crop, lesion.contour
    sigma, side = 0.25 * crop.px(width_mm[0]), max(3, 2 * round(crop.px(width_mm[1]) / 2) + 1)
    wide = lesion.near(2 * side + int(4 * sigma) + 1)
    grey = np.asarray(ndimage.gaussian_filter(crop.grey[wide], sigma), dtype=np.float32)
    filled = np.zeros_like(crop.grey)
    filled[wide] = ndimage.grey_closing(grey, size=(side, side)) - grey
    grain = lesion.noise / max(1.0, 0.25 * crop.px(width_mm[0]) * 3.5)
    deep = max(share * contour.contrast, BUBBLE_NOISE * grain)
    inner = contour.mask & (lesion.depth > 0.2)
    least = 0.5 * crop.px(width_mm[0]) ** 2
    return [p for p in _parts(inner & (filled > deep)) if p.sum() >= least]


def _rest(lesion: Lesion) -> tuple[F32, Mask]:
    """The inside less a dome fitted to it, at a resolution of some 40 cells; and the part away from the edge."""
    step = max(1, int(lesion.contour.diameter / 40))
    flat = shrink(lesion.crop.grey - lesion.contour.shade, step)
    mask = lesion.contour.mask[step // 2 :: step, step // 2 :: step][: flat.shape[0], : flat.shape[1]]
    core = mask & (_depth(mask) > 0.3)
    ys, xs = np.nonzero(core)
    if len(ys) < 40:
        return flat, core
    x, y = (xs - xs.mean()) / (xs.std() + 1e-6), (ys - ys.mean()) / (ys.std() + 1e-6)
    basis = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1)
    fit = np.linalg.lstsq(basis, flat[core].astype(np.float64), rcond=None)[0]
    rest = np.zeros_like(flat)
    rest[core] = flat[core] - basis @ fit
    return rest, core


def _depth(mask: Mask) -> F32:
    """Distance to the edge over its greatest value: 0 at the edge, 1 in the middle."""
    from scipy import ndimage

    away = ndimage.distance_transform_edt(mask)
    return np.asarray(away / max(float(away.max()), 1e-6), dtype=np.float32)


def _parts(mask: Mask) -> list[Mask]:
    from scipy import ndimage

    labels, count = ndimage.label(mask)
    return [np.asarray(labels == k, dtype=np.bool_) for k in range(1, min(count, 64) + 1)]


def _away(lesion: Lesion, part: Mask) -> float:
    """Distance of a part's centre from the lesion's, over its radius."""
    ys, xs = np.nonzero(part)
    x, y = lesion.contour.centre
    return float(np.hypot(xs.mean() - x, ys.mean() - y)) / max(lesion.contour.diameter / 2, 1e-6)


def _around(lesion: Lesion, part: Mask) -> float:
    """Share of 24 directions from the lesion's centre in which the part lies."""
    ys, xs = np.nonzero(part)
    if not xs.size:
        return 0.0
    x, y = lesion.contour.centre
    at = ((np.arctan2(ys - y, xs - x) / (2 * np.pi)) * 24).astype(int) % 24
    return float(np.unique(at).size) / 24


def _compact(part: Mask) -> bool:
    long, wide = _long(part)
    return long < 2.2 * max(wide, 1.0)


def _long(part: Mask) -> tuple[float, float]:
    """Length and width of a part, as those of the rectangle with its moments."""
    ys, xs = np.nonzero(part)
    if len(ys) < 3:
        return 1.0, 1.0
    spread = np.linalg.eigvalsh(np.cov(np.stack([xs, ys]).astype(np.float64)))
    wide, long = (float(np.sqrt(12 * max(float(v), 0.0))) + 1.0 for v in spread)
    return long, wide
