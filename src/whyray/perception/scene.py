"""The scene: one film on the model grid with its anatomy, shared by all detectors."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Engine, Frame, Image, LooksAgain, ModelCard, Pack, Region, Structure
from whyray.perception import second
from whyray.perception.grid import Box, box, filled, grown

F32 = NDArray[np.float32]
Mask = NDArray[np.bool_]

OUTPUTS = ("anatomy", "signs", "maps", "logits", "gate")
MIN_SHARE = 1e-3  # of the grid: smaller components are specks, not structures


@dataclass(frozen=True, slots=True)
class LungFrame:
    """Coordinates of one lung on the grid.

    ``v`` runs from 0 (apex) to 1 (base), ``u`` from 0 (medial edge) to 1 (lateral edge) of each row;
    both are float32 (size, size) and meaningful inside ``mask`` only. ``box`` holds all of it.
    """

    mask: Mask
    box: Box
    u: F32
    v: F32


@dataclass(frozen=True, eq=False)
class Scene:
    """One film as perception works on it.

    Attributes
    ----------
    grid
        float32 (size, size): the film letterboxed and stretched to its own 1st..99th percentile.
    masks
        Structure id -> bool grid mask, only of structures that can be seen.
    structures
        The same as values on source pixels.
    lungs
        Structure id -> coordinates, for the structures used as lungs.
    signs
        Sign channel -> logits (n, n) of its map; channels of the second look have a finer one.
    logits
        Film-level logits by head; ``maps`` their class maps (n, n) by head.
    """

    image: Image
    pack: Pack
    card: ModelCard
    frame: Frame
    grid: F32
    masks: Mapping[str, Mask]
    structures: tuple[Structure, ...]
    lungs: Mapping[str, LungFrame]
    signs: Mapping[str, F32]
    logits: Mapping[str, float]
    maps: Mapping[str, F32]
    gate: float
    zones: dict[str, Mask] = field(default_factory=dict)
    memo: dict[str, object] = field(default_factory=dict)

    def region(self, grid_mask: NDArray[np.generic]) -> Region | None:
        """Source-pixel region of a grid mask (or of a soft map in [0, 1], cut at one half)."""
        return to_region(self.frame, np.asarray(grid_mask, dtype=np.float32))

    def sees(self, *ids: str) -> bool:
        """True when every structure named is visible."""
        return all(i in self.masks for i in ids)


def stretch(pixels: F32) -> F32:
    """Film stretched to its own 1st and 99th percentile, in [0, 1]; every model input goes through this."""
    low, high = percentiles(pixels[::2, ::2], (1, 99))
    out = pixels - np.float32(low)
    out /= np.float32(max(high - low, 1e-3))
    return np.clip(out, 0, 1, out=out)


def percentiles(values: F32, percents: Sequence[float]) -> list[float]:
    """``np.percentile`` of finite values to the last bit; selecting one after the other is several times faster."""
    flat = values.flatten()
    found = []
    for percent in percents:
        place = percent / 100 * (flat.size - 1)
        rank = int(place)
        flat.partition(rank)
        lower = flat[rank]
        upper = flat[rank + 1 :].min() if rank + 1 < flat.size else lower
        step, part = float(upper - lower), place - rank
        found.append(float(upper) - step * (1 - part) if part >= 0.5 else float(lower) + step * part)
    return found


def to_region(frame: Frame, soft: F32) -> Region | None:
    """Region of the source pixels where a bilinear reading of `soft` (n, n) exceeds one half."""
    if not (soft > 0.5).any():
        return None
    window = frame.window(soft > 0)
    return Region.from_window(frame.rows, frame.cols, window, frame.to_source(soft, window) > 0.5)


def build_scene(image: Image, pack: Pack, engine: Engine, wanted: Collection[str] | None = None) -> Scene:
    """Runs the engine once and lays its outputs out for the detectors.

    `wanted` are the sign channels that will be read (none = all): without one of the second look's, there is none.
    """
    card = engine.card
    rows, cols = image.pixels.shape[1:]
    frame = Frame(rows, cols, card.input_size)
    stretched = stretch(image.pixels[0])
    grid = frame.to_grid(stretched)
    outputs = engine.run(grid[None], OUTPUTS)
    probabilities = 1 / (1 + np.exp(-outputs["anatomy"]))
    channels = dict(zip(card.outputs["anatomy"], probabilities, strict=True))
    kept_masks = outlined(channels, pack)
    structures: list[Structure] = []
    for definition in (s for s in pack.structures if s.landmark is None):
        if (kept := kept_masks.get(definition.id)) is None:
            structures.append(Structure(definition.id, None, 0.0))
            continue
        soft = channels[definition.channel or ""]
        confidence = float(soft[kept].mean())
        structures.append(Structure(definition.id, to_region(frame, smooth_edge(soft, kept)), confidence))
    heads, size = card.outputs["logits"], card.input_size
    own, inside = lung_ids(pack), {*lung_ids(pack), *hearts(pack)}
    inner = {i: m for i, m in kept_masks.items() if i in inside}
    fields = {i: enlarge(lung_field(i, inner), size) for i in own if i in inner}
    masks = {i: enlarge(m, size) for i, m in kept_masks.items()}
    lungs = {i: lung_frame(field, _side(pack, i)) for i, field in fields.items()}
    return Scene(
        image=image,
        pack=pack,
        card=card,
        frame=frame,
        grid=grid,
        masks=masks,
        structures=tuple(structures),
        lungs=lungs,
        signs=sign_maps(stretched, probabilities, outputs["signs"], engine, wanted),
        logits=dict(zip(heads, map(float, outputs["logits"]), strict=True)),
        maps=dict(zip(heads, outputs["maps"], strict=True)),
        gate=float(1 / (1 + np.exp(-outputs["gate"][0]))),
    )


def outlined(channels: Mapping[str, NDArray[np.floating[Any]]], pack: Pack) -> dict[str, Mask]:
    """Structure id -> cells (n, n) of those that stand, from the probabilities (n, n) of the model's channels.

    A piece that is narrower than its definition asks for is none (`Span`); neither is one that is measured against a
    structure that is not there.
    """
    found = {s.id: clean(channels[c]) for s in pack.structures if (c := s.channel or "") in channels}
    kept = {name: mask for name, mask in found.items() if mask is not None}
    spans = {s.id: s.least for s in pack.structures if s.least is not None}
    narrow = {i for i, span in spans.items() if i in kept and _width(kept.get(span.of)) * span.share > _width(kept[i])}
    return {name: mask for name, mask in kept.items() if name not in narrow}


def _width(mask: Mask | None) -> float:
    """Columns from the first to the last of a mask's cells; infinite without a mask."""
    columns = None if mask is None else np.flatnonzero(mask.any(axis=0))
    return np.inf if columns is None else float(columns[-1] - columns[0] + 1)


def sign_maps(
    film: F32,
    anatomy: NDArray[np.floating[Any]],
    first: F32,
    engine: Engine,
    wanted: Collection[str] | None = None,
) -> dict[str, F32]:
    """Sign channel -> logits; the second look's where the model folder has one, or the mean of both.

    Scores of its channels are calibrated on these maps: without it their signs are not looked for.

    Parameters
    ----------
    film
        (rows, cols) after `stretch`.
    anatomy
        (k, n, n) probabilities, in the card's order.
    first
        (j, m, m) sign logits of the first look.
    wanted
        As for `build_scene`.
    """
    card = engine.card
    before = dict(zip(card.outputs["signs"], first, strict=True))
    if card.second is None:
        return before
    found = {name: logits for name, logits in before.items() if name not in card.second.channels}
    if not isinstance(engine, LooksAgain):
        return found
    if wanted is None or not set(card.second.channels).isdisjoint(wanted):
        finer = Frame(film.shape[0], film.shape[1], card.second.size).to_grid(film)
        seen = second.planes(anatomy, card.outputs["anatomy"], card.second)
        again = second.look_again(finer, seen, engine, card.second)
        for name, logits in zip(card.second.channels, again, strict=True):
            weight = card.second.first.get(name)
            found[name] = logits if weight is None else second.mixed(logits, before[name], weight)
    return found


def lung_ids(pack: Pack) -> tuple[str, ...]:
    """Structures that zones of the pack measure lungs on, in the pack's order."""
    named = {z.params["lung"] for z in pack.zones if "lung" in z.params}
    return tuple(s.id for s in pack.structures if s.id in named)


def hearts(pack: Pack) -> frozenset[str]:
    """Structures that detectors of the pack measure as the heart."""
    named = (s.detector.params.get("heart") for s in pack.signs if s.detector is not None)
    return frozenset(str(n) for n in named if n is not None)


def _side(pack: Pack, structure: str) -> str:
    definition = pack.structure(structure)
    return definition.side if definition is not None and definition.side else "right"


def clean(soft: F32) -> Mask | None:
    """Largest connected part above one half, holes filled; None when it is only a speck."""
    from scipy import ndimage

    likely = soft > 0.5
    where = box(likely)
    if where is None:
        return None
    labels, _ = ndimage.label(likely[where])
    sizes = np.bincount(labels.ravel())[1:]
    if sizes.max() < MIN_SHARE * soft.size:
        return None
    kept = np.zeros_like(likely)
    kept[where] = filled(labels == sizes.argmax() + 1)
    return kept


def smooth_edge(soft: F32, kept: Mask) -> F32:
    """Probabilities of one structure: holes filled, the edge's own outer cells kept, everything else zero."""
    whole = np.where(kept & (soft <= 0.5), np.float32(1), soft)
    return np.where(grown(kept, 1), whole, np.float32(0))


def enlarge(mask: Mask, size: int) -> Mask:
    """Nearest-neighbour copy of a square mask on a (size, size) grid."""
    index = (np.arange(size) * mask.shape[0]) // size
    out: Mask = mask.take(index, axis=1).take(index, axis=0)
    return out


def lung_field(lung: str, masks: Mapping[str, Mask]) -> Mask:
    """The lung as segmented, and what lies below a part of it and above lung or heart in the same column.

    Segmentation leaves dense opacities at the hilum out of the lung; without this they could not be measured.
    """
    whole = masks[lung]
    where = box(whole)
    if where is None:
        return whole
    rows, cols = slice(where[0].start, None), where[1]  # nothing above the lung or beside it can change
    mask = whole[rows, cols]
    others = np.zeros_like(mask)
    for name, other in masks.items():
        if name != lung and not _crosses(other, whole):
            others |= other[rows, cols]
    above = np.logical_or.accumulate(mask, axis=0)
    below = np.logical_or.accumulate((mask | others)[::-1], axis=0)[::-1]
    below[where[0].stop - where[0].start :] = False  # a misplaced heart must not draw the field into the abdomen
    field = whole.copy()
    field[rows, cols] |= above & below & ~others
    return field


def _crosses(other: Mask, lung: Mask) -> bool:
    """True for a structure that is projected over the lung, as a clavicle is."""
    return bool(np.count_nonzero(other & lung) > np.count_nonzero(other) / 3)


def lung_frame(mask: Mask, side: str) -> LungFrame:
    """Apex-to-base and medial-to-lateral coordinates; the patient's right lung lies at the image's left."""
    rows, cols = box(mask) or (slice(0, 1), slice(0, 1))
    v = np.clip((np.arange(mask.shape[0]) - rows.start) / max(rows.stop - 1 - rows.start, 1), 0, 1)
    part = mask[rows, cols]
    first = part.argmax(axis=1)
    last = part.shape[1] - 1 - part[:, ::-1].argmax(axis=1)
    x = np.arange(part.shape[1])[None, :]
    across = np.clip((x - first[:, None]) / np.maximum(last - first, 1)[:, None], 0, 1).astype(np.float32)
    u = np.zeros(mask.shape, dtype=np.float32)
    u[rows, cols] = 1 - across if side == "right" else across
    return LungFrame(mask, (rows, cols), u, np.broadcast_to(v.astype(np.float32)[:, None], mask.shape))
