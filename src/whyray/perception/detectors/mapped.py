"""A sign that the network marks: its map of the sign, cleaned, scored and measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp

import numpy as np
from numpy.typing import NDArray

from whyray.domain import SignDefinition, SignObservation
from whyray.perception.detectors.common import chest_field, evidence_threshold, missing, parameter
from whyray.perception.grid import box, grown, widened
from whyray.perception.measures import MEASURED
from whyray.perception.scene import F32, Scene, enlarge
from whyray.perception.zones import touched

Mask = NDArray[np.bool_]
SAMPLED = 16  # every so many cells are looked at for where the highest begin
MIN_CELLS = 2  # of the map: a smaller part is a speck
FAINT = 0.25  # of the stronger lung's highest probability: what stays below it on the other side is no sign there
SIDE = 0.1  # of the more marked lung: less on the other side is no sign of both sides
HELD = 2 / 3  # of a part: so much of it in an opacity is in it
LARGER = 2.0  # times a part: an opacity of less size is the lesion itself
HINTED = 0.5  # score below which a sign of some size is not looked at part by part: nothing near evidence is there
ROUNDS = 5  # at most, in which parts of another size are put aside; fainter ones come up each time


def sign_map(scene: Scene, sign: SignDefinition) -> SignObservation:
    """Score = calibrated probability from the map's highest cells; the mask is the map above the card's level.

    Parts that lie in a larger opacity, marked on one of the channels ``apart_from``, do not count, nor do those whose
    longest diameter is not within ``span_mm`` (more than the first number, at most the second). All lungs must
    show, or ``enough`` of them where the sign lies in one: then it can be seen there, but not be absent.
    On the projections ``not_on`` the sign has no meaning and is not looked for.
    """
    if scene.image.view in parameter(sign, "not_on", ()):
        return missing(sign.id, "view_unsuitable")
    channel, lungs = parameter(sign, "channel"), parameter(sign, "lungs")
    if channel not in scene.signs:
        return missing(sign.id, "no_network_output")
    within = tuple(i for i in lungs if scene.sees(i))
    if len(within) < parameter(sign, "enough", len(lungs)):
        return missing(sign.id, "structure_not_visible")
    logits = scene.signs[channel]
    model = scene.card.reference["sign_models"][channel]
    score = scored(logits, model)
    limit, others, span = evidence_threshold(scene), parameter(sign, "apart_from", ()), parameter(sign, "span_mm", ())
    if span and span[0] > 0 and not scene.image.geometry.calibrated:
        return missing(sign.id, "no_spacing")
    if score >= limit and others:
        logits = apart(scene, logits, model["level"], others)
        score = scored(logits, model)
    if score >= HINTED and span and scene.image.geometry.calibrated:
        logits = sized(scene, logits, model, span)
        score = scored(logits, model)
    both = sign.laterality == "bilateral"
    soft = marked(scene, logits, model["level"], parameter(sign, "peak", 0.0), both) if score >= limit else None
    if soft is not None and both and not two_sided(scene, soft):
        soft = None
    region = None if soft is None else scene.region(soft)
    if soft is None or region is None:
        if len(within) < len(lungs):
            return missing(sign.id, "structure_not_visible")
        return SignObservation(sign.id, True, min(score, limit - 0.01), within=within)
    mask = enlarge(soft > 0.5, scene.grid.shape[0])
    measure = MEASURED[parameter(sign, "measured")]
    return SignObservation(
        id=sign.id,
        ran=True,
        score=score,
        region=region,
        within=within,
        measurements=tuple(measure(scene, mask, parameter(sign, "measure"))),
        zones=touched(scene, mask),
    )


def apart(scene: Scene, logits: F32, level: float, others: Sequence[str]) -> F32:
    """The map (n, n) of logits without the parts that lie in a larger or two-sided opacity, marked on `others`.

    What has no aerated lung around it is no lesion of its own (Hansell et al., Radiology 2008: "Nodule").
    """
    from scipy import ndimage

    around = {name: mask for name in others if (mask := _seen(scene, name, logits.shape[0])) is not None}
    if not around:
        return logits
    everywhere = 1 / (1 + np.exp(-logits))
    likely = everywhere >= cut_of(level, float(everywhere.max()))
    found = box(likely)
    if found is None:
        return logits
    where = widened(found, 1)
    parts, count = ndimage.label(likely[where])
    opacities, wide = _opacities(scene, around)
    area, pieces = np.bincount(opacities.ravel()), opacities[where]
    sizes = np.bincount(parts.ravel(), minlength=count + 1)
    held = np.bincount(parts[pieces > 0], minlength=count + 1) >= HELD * sizes
    inside, boxes = np.zeros(count + 1, dtype=np.bool_), ndimage.find_objects(parts)
    for part in np.flatnonzero(held[1:]) + 1:
        its = boxes[part - 1]
        lies_in = np.setdiff1d(pieces[its][parts[its] == part], 0)
        inside[part] = bool(wide & set(lies_in.tolist())) or area[lies_in].sum() >= LARGER * sizes[part]
    rest = logits.copy()
    rest[where][grown(inside[parts], 1)] = logits.min()
    return rest


def sized(scene: Scene, logits: F32, model: Mapping[str, float], span: Sequence[float]) -> F32:
    """The map (n, n) of logits without the parts whose longest diameter in mm is not in (``span[0]``, ``span[1]``]."""
    from scipy import ndimage

    cell = max(scene.frame.rows, scene.frame.cols) / logits.shape[0]  # source pixels
    row, column = scene.image.geometry.spacing_mm or (1.0, 1.0)
    for _ in range(ROUNDS):
        soft = marked(scene, logits, model["level"])
        if soft is None:
            break
        parts, count = ndimage.label(soft > 0.5)
        other = np.zeros(count + 1, dtype=np.bool_)
        for number, (rows, columns) in enumerate(ndimage.find_objects(parts), 1):
            high, wide = ((s.stop - s.start) * cell * mm for s, mm in ((rows, row), (columns, column)))
            edge = 2 * cell * max(row, column)  # a mark may end so much before or behind its cells
            if np.hypot(high + edge, wide + edge) <= span[0] or max(high, wide) - edge > span[1]:
                other[number] = True
            elif max(high, wide) - edge <= span[0] or np.hypot(high + edge, wide + edge) > span[1]:
                other[number] = not span[0] < longest(scene, soft, parts == number) <= span[1]
        if not other.any():
            break
        logits = np.where(grown(other[parts], 1), logits.min(), logits)
        if scored(logits, model) < HINTED:
            break
    return logits


def longest(scene: Scene, soft: F32, part: Mask) -> float:
    """Longest diameter in mm of one part (n, n) of a soft map, as it is measured where it is a sign of its own."""
    alone = enlarge(np.where(grown(part, 1), soft, 0.0) > 0.5, scene.grid.shape[0])
    return next(MEASURED["diameter"](scene, alone, "")).value


def _opacities(scene: Scene, around: Mapping[str, Mask]) -> tuple[NDArray[np.intp], set[int]]:
    """Numbers (n, n) of the opacities that the masks make together, and which of them lie on both sides.

    The halves of a two-sided sign are one, and no lesion of whatever size.
    """
    from scipy import ndimage

    wide: set[int] = set()
    pieces, count = ndimage.label(np.any(list(around.values()), axis=0))
    numbers = np.arange(count + 1)
    for channel in _bilateral(scene) & around.keys():
        halves = np.setdiff1d(numbers[pieces[around[channel]]], 0)
        numbers[np.isin(numbers, halves)] = halves[0]
        wide.add(int(halves[0]))
    return numbers[pieces], wide


def _bilateral(scene: Scene) -> set[str]:
    """Channels of the signs that lie in both lungs."""
    both = (s.detector.params for s in scene.pack.signs if s.laterality == "bilateral" and s.detector is not None)
    return {str(params["channel"]) for params in both if "channel" in params}


def _seen(scene: Scene, channel: str, size: int) -> Mask | None:
    """Mask (size, size) of a channel's marked map; None where its sign is not present."""
    if channel not in scene.signs:
        return None
    logits, model = scene.signs[channel], scene.card.reference["sign_models"][channel]
    score = scored(logits, model)
    both = channel in _bilateral(scene)
    soft = marked(scene, logits, model["level"], both=both) if score >= evidence_threshold(scene) else None
    if soft is None or (both and not two_sided(scene, soft)):
        return None
    return enlarge(soft > 0.5, size)


def two_sided(scene: Scene, soft: F32) -> bool:
    """Whether a soft map (n, n) marks every lung of the film, none of them with a mere trace of the others."""
    step = scene.grid.shape[0] // soft.shape[0]
    cells = [float(soft[lung.mask[::step, ::step]].sum()) for lung in scene.lungs.values()]
    return len(cells) == 2 and min(cells) >= SIDE * max(cells)


def strength(logits: F32, cells: float) -> float:
    """Mean of the highest `cells` (part of the map) logits: what a film's score rests on."""
    flat = logits.ravel()
    count = max(1, round(cells * flat.size))
    some = flat[::SAMPLED]
    rank = min(2 * count // SAMPLED + SAMPLED, some.size)
    high = flat[flat >= np.partition(some, -rank)[-rank]]  # a tenth of the cells hold the highest nearly always
    if high.size < count:
        high = flat
    return float(np.partition(high, -count)[-count:].mean())


def scored(logits: F32, model: Mapping[str, float]) -> float:
    """Calibrated probability that a map's sign is on the film; `model` is the card's."""
    return probability(model["scale"] * strength(logits, model["cells"]) + model["shift"])


def probability(z: float) -> float:
    """Logistic function, safe for large values."""
    return 1 / (1 + exp(-min(max(z, -30.0), 30.0)))


def cut_of(level: float, top: float) -> float:
    """Probability from which a cell is marked: the card's `level` as a part of the map's highest, `top`.

    A faint sign lies where it is likeliest, and a strong one's halo is no part of it.
    """
    return level * top


def cuts(scene: Scene, p: F32, level: float, both: bool) -> F32:
    """`cut_of` for every column (1, n) of a map of probabilities (n, n).

    A sign of both sides may be fainter on one: each lung then has its own highest, if that is no mere trace.
    """
    step = scene.grid.shape[0] // p.shape[0]
    lungs = [lung.mask[::step, ::step] for lung in scene.lungs.values()] if both else []
    found = np.full((1, p.shape[1]), cut_of(level, float(p.max())), p.dtype)
    tops = [float(p[lung].max(initial=0)) for lung in lungs]
    if len(tops) == 2 and min(tops) >= FAINT * max(tops):
        middles = [float(np.flatnonzero(lung.any(axis=0)).mean()) for lung in lungs]
        weaker = int(np.argmin(tops))
        columns = np.arange(p.shape[1])
        found[0, abs(columns - middles[weaker]) < abs(columns - middles[1 - weaker])] = cut_of(level, tops[weaker])
    return found


def marked(scene: Scene, logits: F32, level: float, peak: float = 0.0, both: bool = False) -> F32 | None:
    """Soft map (n, n), above one half where the sign is; None when nothing inside the chest is large enough.

    ``both``: the sign is one of both sides (`cuts`). Parts whose highest probability stays below the part `peak` of the
    highest of all are dropped: every one of several lesions stands for itself.
    """
    step = scene.grid.shape[0] // logits.shape[0]
    field = chest_field(scene)[::step, ::step]
    everywhere = (1 / (1 + np.exp(-logits))).astype(np.float32, copy=False)
    cut = cuts(scene, everywhere, level, both)
    likely = field & (everywhere >= cut)
    found = box(likely)
    if cut.min() <= 0 or found is None:
        return None
    where = widened(found, 1)
    p, inside, above = everywhere[where], field[where], cut[:, where[1]]
    near = grown(_standing(likely[where], p, peak * float(everywhere[field].max())), 1) & inside
    soft = np.zeros_like(everywhere)
    soft[where] = np.where(near, np.clip(0.5 + 0.5 * (p - above) / np.maximum(above, 1 - above), 0, 1), np.float32(0))
    return soft


def _standing(likely: Mask, p: F32, least: float) -> Mask:
    """The parts of a mask that are no specks and whose highest probability is at least `least`."""
    from scipy import ndimage

    parts, count = ndimage.label(likely)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    peaks = np.zeros(count + 1, p.dtype)
    np.maximum.at(peaks, parts[likely], p[likely])
    kept: Mask = ((sizes >= min(MIN_CELLS, sizes.max())) & (peaks >= least) & (sizes > 0))[parts]
    return kept
