"""One closer look: outline, attributes, signs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from whyray.domain import Attribute, Image, Look, Observations, Pack, Region, SignDefinition, SignObservation
from whyray.perception.closer import around, inside, margin, spicules
from whyray.perception.closer.contour import refine
from whyray.perception.closer.crop import cut
from whyray.perception.closer.lesion import Lesion

KIND = "closer"  # detector kind of the signs that only a closer look decides
# A closer look measures and compares; it is not calibrated. Its scores say only: over or under the evidence threshold.
SEEN_ABOVE, UNSEEN = 0.05, 0.2
AGREED = 0.7  # overlap (IoU) of outline and mark from which the mark was good enough to start from


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

    Where the outline differs much from the mark it is found once more from itself, so that a mark that missed a part
    of the lesion does not pull it.
    """
    crop = cut(image, region, observations, pack)
    first = refine(crop)
    found = crop.region(first.mask)
    if found is None or found.iou(region) >= AGREED:
        return Lesion(crop, first, observations, pack)
    crop = cut(image, found, observations, pack)
    return Lesion(crop, refine(crop), observations, pack)


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
