"""What of the patient's position a reader must bear in mind: turned, breathed in too little, cut off, sides swapped.

Each caution of a pack names one of `KINDS` with parameters; where it holds, its sentence travels with the reading. A
film whose anatomy is not plausible has none: there is nothing to measure them on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from whyray.domain import Bilingual, Caution, Notice, Region
from whyray.perception.scene import Scene

Fields = dict[str, Any]  # what the sentence is filled with; texts as Bilingual


def cautions(scene: Scene) -> Iterator[Notice]:
    """Those of the pack's that hold on this film, in its order."""
    for caution in scene.pack.cautions:
        found = KINDS[caution.kind](scene, caution.params)
        if found is not None:
            yield Notice(caution.code, _filled(caution, found))


def _filled(caution: Caution, fields: Fields) -> Bilingual:
    zh = {k: v.zh if isinstance(v, Bilingual) else v for k, v in fields.items()}
    en = {k: v.en if isinstance(v, Bilingual) else v for k, v in fields.items()}
    return Bilingual(caution.sentence.zh.format(**zh), caution.sentence.en.format(**en))


def off_midline(scene: Scene, params: Mapping[str, Any]) -> Fields | None:
    """The centre of ``structure`` lies more than ``beyond`` thorax widths to the image's left of ``midline``."""
    chest = _chest(scene, params["lungs"])
    of, midline = _regions(scene, (params["structure"], params["midline"]))
    if chest is None or of is None or midline is None:
        return None
    x, y = of.centroid
    share = (middle(midline, y) - x) / (chest[2] - chest[0])
    return {"share": share} if share > params["beyond"] else None


def turned(scene: Scene, params: Mapping[str, Any]) -> Fields | None:
    """The inner ends of two structures lie unlike far from the midline: turned by more than ``beyond`` degrees.

    ``per_degree``: difference of both distances, in thorax widths, that a degree makes.
    """
    chest = _chest(scene, params["lungs"])
    right, left, midline = _regions(scene, (*params["ends"], params["midline"]))
    if chest is None or right is None or left is None or midline is None:
        return None
    x = middle(midline, (right.centroid[1] + left.centroid[1]) / 2)
    unlike = ((x - right.bbox[2]) - (left.bbox[0] - x)) / (chest[2] - chest[0])
    beyond = params["beyond"]  # told itself: the measure spreads by some degrees, and clavicles are found less surely
    return {"degrees": beyond} if abs(unlike) > beyond * params["per_degree"] else None


def short(scene: Scene, params: Mapping[str, Any]) -> Fields | None:
    """Both lungs are less than ``least`` as high as the chest is wide."""
    chest, lungs = _chest(scene, params["lungs"]), _regions(scene, params["lungs"])
    if chest is None:
        return None
    share = max(r.bbox[3] - r.bbox[1] for r in lungs if r is not None) / (chest[2] - chest[0])
    return {"share": share} if share < params["least"] else None


def at_border(scene: Scene, params: Mapping[str, Any]) -> Fields | None:
    """``structures`` that reach the picture's border along ``length`` of its longer side and more."""
    pack, names = scene.pack, []
    for name in params["structures"]:
        (region,) = _regions(scene, (name,))
        definition = pack.structure(name)
        if region is not None and definition is not None and _along_border(region) > params["length"]:
            names.append(definition.name)
    return {"parts": Bilingual("、".join(n.zh for n in names), " and ".join(n.en for n in names))} if names else None


def projection(scene: Scene, params: Mapping[str, Any]) -> Fields | None:
    """The film is a ``view``."""
    return {} if scene.image.view == params["view"] else None


KINDS: Mapping[str, Callable[[Scene, Mapping[str, Any]], Fields | None]] = {
    "off_midline": off_midline,
    "turned": turned,
    "short": short,
    "at_border": at_border,
    "projection": projection,
}


def middle(region: Region, y: float) -> float:
    """Column of the region's middle at row `y` (px), or of its nearest row."""
    rows = np.flatnonzero(region.crop.any(axis=1))
    nearest = rows[np.abs(rows - (y - region.bbox[1])).argmin()]
    return float(np.flatnonzero(region.crop[nearest]).mean()) + region.bbox[0]


def _regions(scene: Scene, ids: Sequence[str]) -> list[Region | None]:
    found = {s.id: s.region for s in scene.structures}
    return [found.get(name) for name in ids]


def _chest(scene: Scene, lungs: Sequence[str]) -> tuple[int, int, int, int] | None:
    """Box (x0, y0, x1, y1) about both lungs; None when one cannot be seen."""
    boxes = [r.bbox for r in _regions(scene, lungs) if r is not None]
    if len(boxes) < len(lungs):
        return None
    left, top, right, bottom = zip(*boxes, strict=True)
    return min(left), min(top), max(right), max(bottom)


def _along_border(region: Region) -> float:
    """Length of the region along one border of the picture, over the picture's longer side; the longest of four."""
    x0, y0, x1, y1 = region.bbox
    lines = [
        region.crop[0] if y0 <= 1 else None,
        region.crop[-1] if y1 >= region.rows - 1 else None,
        region.crop[:, 0] if x0 <= 1 else None,
        region.crop[:, -1] if x1 >= region.cols - 1 else None,
    ]
    return max((int(np.count_nonzero(line)) for line in lines if line is not None), default=0) / max(
        region.rows, region.cols
    )
