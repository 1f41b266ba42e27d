"""One closer look: outline, attributes, signs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from whyray.domain import Attribute, Image, Look, Observations, Pack, Region, SignDefinition, SignObservation
from whyray.perception.closer import around, inside, margin, spicules
from whyray.perception.closer.contour import refine
from whyray.perception.closer.crop import cut
from whyray.perception.closer.lesion import Lesion

KIND = "closer"  # detector kind of the signs that only a closer look decides
# A closer look measures and compares; it is not calibrated. Its scores say only: over or under the evidence threshold.
SEEN_ABOVE, UNSEEN = 0.05, 0.2
AGREED = 0.7  # overlap (IoU) of outline and mark from which the mark was good enough to start from
HELD, GROWN = 0.95, 1.02  # part of the mark inside the outline, and outline over mark, that tell of a mark too small
AHEAD, PASSES = 2.0, 3


def look_closer(image: Image, region: Region, observations: Observations, pack: Pack) -> Look:
    """Looks at one region on the source pixels.

    Parameters
    ----------
    image
        The film.
    region
        A lesion as marked by a detector or drawn by the reader; its largest connected part is looked at.
    observations
        First look at the same film: its lungs, heart and other structures.
    pack
        Says which signs a closer look decides (detector kind ``closer``).

    Returns
    -------
    Look
        The outline refined on full resolution (the given one where the lesion does not stand out), one attribute
        for each name of `ATTRIBUTES`, one sign for each of the pack's closer signs.
    """
    lesion = make_lesion(image, region, observations, pack)
    outline = lesion.crop.region(lesion.contour.mask) or region
    attributes = describe(lesion)
    return Look(outline, attributes, decide(attributes, outline, lesion))


def make_lesion(image: Image, region: Region, observations: Observations, pack: Pack) -> Lesion:
    """The crop of a region with its outline.

    Where the outline differs much from the mark, or holds it and more, it is found again from itself, so that a mark
    that missed a part of the lesion does not pull it.
    """
    crop = cut(image, region, observations, pack)
    first = refine(crop)
    for _ in range(PASSES - 1):
        found = crop.region(first.mask)
        if found is None or not (found.iou(region) < AGREED or _grown(region, found)):
            break
        region = _ahead(region, found) if _grown(region, found) else found
        crop = cut(image, region, observations, pack)
        first = refine(crop)
    return Lesion(crop, first, observations, pack)


def _grown(mark: Region, found: Region) -> bool:
    """Whether an outline holds its mark and is larger."""
    return found.overlap_px(mark) >= HELD * mark.area_px and found.area_px > GROWN * mark.area_px


def _ahead(mark: Region, found: Region) -> Region:
    """`found` widened by twice as much as it is wider than its mark: what a small mark held back is met in one step."""
    from scipy import ndimage

    step = round(AHEAD * (np.sqrt(found.area_px / np.pi) - np.sqrt(mark.area_px / np.pi)))
    if step < 1:
        return found
    padded = np.pad(found.crop, step)
    wide = ndimage.binary_dilation(padded, iterations=step)
    x0, y0, x1, y1 = found.bbox
    left, top = min(step, x0), min(step, y0)
    right, low = min(step, found.cols - x1), min(step, found.rows - y1)
    rows, columns = wide.shape
    kept = wide[step - top : rows - step + low, step - left : columns - step + right]
    return Region(found.rows, found.cols, (x0 - left, y0 - top, x1 + right, y1 + low), kept)


def describe(lesion: Lesion) -> tuple[Attribute, ...]:
    """All attributes, in the order of `ATTRIBUTES`."""
    lines = spicules.rays(lesion) if lesion.blind() is None else ()
    strands, lobes = spicules.spicules(lesion, lines), margin.lobulation(lesion)
    return (
        margin.margin(lesion, lobes, strands),
        lobes,
        strands,
        margin.shape(lesion),
        margin.size(lesion),
        inside.density(lesion),
        inside.homogeneity(lesion),
        inside.calcification(lesion),
        inside.hollow(lesion),
        inside.bubbles(lesion),
        inside.bronchogram(lesion),
        around.tail(lesion),
        around.neighbours(lesion, lines),
    )


ATTRIBUTES = (
    "margin",
    "lobulation",
    "spicules",
    "shape",
    "size",
    "density",
    "homogeneity",
    "calcification",
    "hollow",
    "bubbles",
    "bronchogram",
    "tail",
    "neighbours",
)


def decide(attributes: Sequence[Attribute], outline: Region, lesion: Lesion) -> tuple[SignObservation, ...]:
    """The pack's closer signs, from the attributes that their parameters name."""
    by_id = {a.id: a for a in attributes}
    signs = [s for s in lesion.pack.signs if s.detector is not None and s.detector.kind == KIND]
    return tuple(_sign(sign, _params(sign), by_id, outline, lesion) for sign in signs)


def _params(sign: SignDefinition) -> Mapping[str, Any]:
    return sign.detector.params if sign.detector is not None else {}


def _sign(
    sign: SignDefinition, params: Mapping[str, Any], by_id: Mapping[str, Attribute], outline: Region, lesion: Lesion
) -> SignObservation:
    attribute = by_id[params["aspect"]]
    if attribute.value is None:
        return SignObservation(sign.id, False, 0.0, reason=attribute.reason)
    present = _holds(attribute, params)
    score = min(lesion.pack.settings["evidence_threshold"] + SEEN_ABOVE, 1.0) if present else UNSEEN
    region = (attribute.region or outline) if present else None
    return SignObservation(
        id=sign.id,
        ran=True,
        score=score,
        region=region,
        measurements=attribute.measurements,
        zones=zones(outline, lesion.observations) if present else (),
    )


def _holds(attribute: Attribute, params: Mapping[str, Any]) -> bool:
    """Whether an attribute has one of the wanted values, and each measurement reaches its least value."""
    wanted = params.get("value")
    words = [wanted] if isinstance(wanted, str) else wanted
    if words is not None and attribute.value not in words:
        return False
    numbers = {m.id: m.value for m in attribute.measurements}
    least: Mapping[str, float] = params.get("at_least", {})
    return all(numbers.get(name, float("-inf")) >= value for name, value in least.items())


def zones(region: Region, observations: Observations) -> tuple[str, ...]:
    """Zones that hold at least a tenth of the region, largest share first."""
    shares = ((zone.overlap_px(region) / region.area_px, name) for name, zone in observations.zones.items())
    return tuple(name for share, name in sorted(shares, reverse=True) if share >= 0.1)
