"""Enlarged heart: the cardiothoracic ratio, measured on source pixels.

Danzer 1919: greatest transverse width of the heart over the greatest inner width of the thorax;
0.50 is the usual limit on PA films, AP films magnify the heart.
"""

from __future__ import annotations

from math import erf, sqrt

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Line, Measurement, Region, SignDefinition, SignObservation
from whyray.perception.detectors.common import evidence_threshold, missing, parameter
from whyray.perception.grid import row_edges
from whyray.perception.scene import Scene

IMPLAUSIBLE = 0.8  # a ratio beyond it is a misdrawn heart
Extent = tuple[float, float, float]  # y, x0, x1


def cardiothoracic_ratio(scene: Scene, sign: SignDefinition) -> SignObservation:
    """Score = probability that the heart is called enlarged: the ratio against the view's limit.

    The card tells the standard deviation about it for which that agrees best with films that readers labelled; one that
    does not tell it has the measurement error alone.
    """
    heart_id, lung_ids = parameter(sign, "heart"), parameter(sign, "lungs")
    if not scene.sees(heart_id, *lung_ids):
        return missing(sign.id, "structure_not_visible")
    regions = {s.id: s.region for s in scene.structures}
    heart, right, left = regions[heart_id], regions[lung_ids[0]], regions[lung_ids[1]]
    if heart is None or right is None or left is None:
        return missing(sign.id, "structure_not_visible")
    chest = thorax_extent(right, left)
    heart = above(heart, max(right.bbox[3], left.bbox[3]))
    if chest is None or heart is None:
        return missing(sign.id, "structure_not_visible")
    width = heart.bbox[2] - heart.bbox[0]
    thorax = chest[2] - chest[1]
    ratio = width / thorax
    if ratio > IMPLAUSIBLE:
        return missing(sign.id, "structure_not_visible")
    limits = parameter(sign, "limit")
    limit = float(limits.get(scene.image.view, limits["UNKNOWN"]))
    sigma = float(scene.card.reference["cardiothoracic_error"])
    spread = float(scene.card.reference.get("cardiothoracic_spread", sigma))
    score = 0.5 * (1 + erf((ratio - limit) / (spread * sqrt(2))))
    present = score >= evidence_threshold(scene)
    return SignObservation(
        id=sign.id,
        ran=True,
        score=score,
        region=heart if present else None,
        erase=beyond_limit(heart, thorax * limit) if present else None,
        within=tuple(lung_ids),
        measurements=measurements(scene, parameter(sign, "measure"), heart, chest, ratio, sigma),
    )


def above(heart: Region, base: int) -> Region | None:
    """The heart above the lowest lung row `base`: what lies lower is abdomen."""
    rows = max(base - heart.bbox[1], 0)
    return Region.from_window(heart.rows, heart.cols, heart.bbox, heart.crop[:rows]) if rows else None


def thorax_extent(right: Region, left: Region) -> Extent | None:
    """Row and columns of the greatest distance from the right lung's outer edge to the left lung's."""
    outer_right, outer_left = source_edges(right), source_edges(left)
    both = np.isfinite(outer_right[:, 0]) & np.isfinite(outer_left[:, 1])
    if not both.any():
        return None
    widths = np.where(both, outer_left[:, 1] - outer_right[:, 0], -np.inf)
    y = int(widths.argmax())
    if widths[y] <= 0:
        return None
    return float(y), float(outer_right[y, 0]), float(outer_left[y, 1])


def source_edges(region: Region) -> NDArray[np.float64]:
    """`row_edges` of a region's mask, from its crop alone."""
    edges = np.full((region.rows, 2), np.nan)
    edges[region.bbox[1] : region.bbox[3]] = row_edges(region.crop) + region.bbox[0]
    return edges


def beyond_limit(heart: Region, allowed: float) -> Region | None:
    """The heart's outer strips beyond `allowed` width (px), split evenly over both sides."""
    x0, x1 = heart.bbox[0], heart.bbox[2]
    margin = max((x1 - x0 - allowed) / 2, 0) + 0.04 * (x1 - x0)
    x = np.arange(x0, x1)
    strips = heart.crop & ((x < x0 + margin) | (x >= x1 - margin))[None, :]
    return Region.from_window(heart.rows, heart.cols, heart.bbox, strips)


def measurements(
    scene: Scene, name: str, heart: Region, chest: Extent, ratio: float, sigma: float
) -> tuple[Measurement, ...]:
    """The ratio with the two transverse lines that make it."""
    edges = source_edges(heart)
    y_left = float(np.nanargmin(edges[:, 0]))
    y_right = float(np.nanargmax(edges[:, 1]))
    level = (y_left + y_right) / 2
    lines = (
        Line((heart.bbox[0], level), (heart.bbox[2], level)),
        Line((chest[1], chest[0]), (chest[2], chest[0])),
    )
    heart_width, unit = scene.image.geometry.distance(heart.bbox[2] - heart.bbox[0], 0)
    thorax_width, _ = scene.image.geometry.distance(chest[2] - chest[1], 0)
    return (
        Measurement(name, ratio, "ratio", sigma, lines),
        Measurement("heart_width", heart_width, unit),
        Measurement("thorax_width", thorax_width, unit),
    )
