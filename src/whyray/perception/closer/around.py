"""What lies round the lesion: the tail to the pleura, and the neighbours."""

from __future__ import annotations

import numpy as np

from whyray.domain import Attribute, Region
from whyray.perception.closer.bands import EXPLAINS
from whyray.perception.closer.crop import F64, largest_part
from whyray.perception.closer.lesion import FINE_MM, Lesion, unknown
from whyray.perception.closer.rays import read
from whyray.perception.closer.spicules import CONTRAST, NOISE_SD, Ray
from whyray.perception.places import gap, lung_border

TAIL_MM = (5.0, 30.0)  # length of a pleural tail as the pack's morphology has it
TAIL_CONTACT_MM = 2.5  # nearer than this the lesion lies on the pleura
TAIL_FAN = np.linspace(-0.6, 0.6, 25)  # radians about the shortest way to the pleura
TAIL_SD = 4.5  # strength over the other lines of the fan
TAIL_WIDTH_MM = 0.8
NEAR_MM = 15.0  # neighbours are named up to this distance


def tail(lesion: Lesion) -> Attribute:
    """A line from the lesion to the lateral or apical border of the lung."""
    crop = lesion.crop
    reason = lesion.unclear() or ("low_resolution" if crop.mm > FINE_MM else None)
    region = None if reason else crop.region(lesion.contour.mask)
    border = None if region is None else lung_border(lesion.observations, lesion.pack, region)
    if reason is None and border is None:
        reason = "outside_lung"
    if reason is not None or border is None:
        return unknown("tail", reason or "outside_lung")
    points, _ = lesion.normals
    local = border - np.array(crop.window[:2], dtype=np.float64)
    apart = np.linalg.norm(points[:, None] - local[None, ::2], axis=2)
    i, j = np.unravel_index(int(apart.argmin()), apart.shape)
    shortest = float(apart[i, j])
    if not crop.px(TAIL_CONTACT_MM) < shortest < crop.px(TAIL_MM[1]) or shortest < crop.px(TAIL_MM[0]) * 0.6:
        return Attribute("tail", "none")
    way = local[::2][j] - points[i]
    best = _strongest(lesion, points[i], float(np.arctan2(way[1], way[0])), shortest)
    if best is None:
        return Attribute("tail", "none")
    foot, tip = best
    return Attribute("tail", "present", (lesion.measured("tail_length", foot, tip),), (lesion.mark(tip),))


def _strongest(lesion: Lesion, near: F64, heading: float, shortest: float) -> tuple[F64, F64] | None:
    """The line of the fan from the lesion's centre to the pleura that stands out of the others; None without one."""
    crop, contour = lesion.crop, lesion.contour
    half = max(1.0, crop.px(TAIL_WIDTH_MM) / 2)
    start = np.asarray(contour.centre)
    strengths, ends = [], []
    for turn in TAIL_FAN:
        way = np.array([np.cos(heading + turn), np.sin(heading + turn)])
        out = float((near - start) @ way)
        foot, length = start + way * (out + 2.0), shortest * 0.9 / max(np.cos(turn), 0.5)
        along = np.arange(0.0, max(length - 2.0, 3.0))
        side = np.array([-way[1], way[0]])
        lines = [foot + along[:, None] * way + k * side for k in (0.0, 2.5 * half + 1, -2.5 * half - 1)]
        middle, left, right = (read(crop.grey, line[:, 0], line[:, 1]) for line in lines)
        rise = middle - np.maximum(left, right)
        thirds = [float(p.mean()) for p in np.array_split(rise, 3)]
        strengths.append(float(rise.mean()) if min(thirds) > 0.35 * float(rise.mean()) else 0.0)
        ends.append((foot, foot + way * length))
    usual = float(np.median(strengths))
    spread = 1.4826 * float(np.median(np.abs(np.array(strengths) - usual)))
    grain = lesion.noise * np.sqrt(1.5 / max(shortest * half, 1.0))
    k = int(np.argmax(strengths))
    limit = max(usual + TAIL_SD * spread, NOISE_SD * grain, CONTRAST * contour.contrast)
    return ends[k] if strengths[k] > limit else None


def neighbours(lesion: Lesion, lines: tuple[Ray, ...]) -> Attribute:
    """Structures within 15 mm, nearest first; then rib, vessel and pleura where they are seen at the lesion."""
    crop = lesion.crop
    region = crop.region(lesion.contour.mask)
    if region is None:
        return unknown("neighbours", "not_visible")
    region = largest_part(region)
    limit = crop.px(NEAR_MM)
    found: list[tuple[float, str]] = []
    for structure in lesion.observations.structures:
        if structure.region is None or _holds(structure.region, region):
            continue
        distance = gap(region, structure.region, limit)
        if distance is not None:
            found.append((distance, structure.id))
    border = lung_border(lesion.observations, lesion.pack, region)
    if border is not None:
        local = border - np.array(crop.window[:2], dtype=np.float64)
        nearest = float(np.linalg.norm(lesion.contour.points[:, None] - local[None, ::2], axis=2).min())
        if nearest < limit:
            found.append((nearest, "pleura"))
    if lesion.contour.ribs > EXPLAINS:
        found.append((0.0, "rib"))
    if any(not line.ends for line in lines):
        found.append((1.0, "vessel"))
    words = tuple(name for _, name in sorted(found))
    return Attribute("neighbours", "named" if words else "none", neighbours=words)


def _holds(structure: Region, region: Region) -> bool:
    """True for a structure that the lesion lies in, as in a lung."""
    return structure.overlap_px(region) > 0.5 * region.area_px
