"""The scene: one film on the model grid with its anatomy, shared by all detectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Engine, Frame, Image, ModelCard, Pack, Region, Structure

F32 = NDArray[np.float32]
Mask = NDArray[np.bool_]

OUTPUTS = ("anatomy", "signs", "maps", "logits", "gate")
MIN_SHARE = 1e-3  # of the grid: smaller components are specks, not structures


@dataclass(frozen=True, slots=True)
class LungFrame:
    """Coordinates of one lung on the grid.

    ``v`` runs from 0 (apex) to 1 (base), ``u`` from 0 (medial edge) to 1 (lateral edge) of each row;
    both are float32 (size, size) and meaningful inside ``mask`` only.
    """

    mask: Mask
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
        Sign channel -> logits (n, n) of the network's sign map.
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
    low, high = np.percentile(pixels[::2, ::2], (1, 99))
    return np.asarray(np.clip((pixels - low) / max(float(high - low), 1e-3), 0, 1), dtype=np.float32)


def to_region(frame: Frame, soft: F32) -> Region | None:
    """Region of the source pixels where a bilinear reading of `soft` (n, n) exceeds one half."""
    if not (soft > 0.5).any():
        return None
    window = frame.window(soft > 0)
    return Region.from_window(frame.rows, frame.cols, window, frame.to_source(soft, window) > 0.5)


def build_scene(image: Image, pack: Pack, engine: Engine) -> Scene:
    """Runs the engine once and lays its outputs out for the detectors."""
    card = engine.card
    rows, cols = image.pixels.shape[1:]
    frame = Frame(rows, cols, card.input_size)
    grid = frame.to_grid(stretch(image.pixels[0]))
    outputs = engine.run(grid[None], OUTPUTS)
    probabilities = 1 / (1 + np.exp(-outputs["anatomy"]))
    channels = dict(zip(card.outputs["anatomy"], probabilities, strict=True))
    masks: dict[str, Mask] = {}
    structures: list[Structure] = []
    for definition in (s for s in pack.structures if s.landmark is None):
        soft = channels.get(definition.channel or "")
        kept = None if soft is None else clean(soft)
        if soft is None or kept is None:
            structures.append(Structure(definition.id, None, 0.0))
            continue
        confidence = float(soft[kept].mean())
        structures.append(Structure(definition.id, to_region(frame, smooth_edge(soft, kept)), confidence))
        masks[definition.id] = enlarge(kept, card.input_size)
    heads = card.outputs["logits"]
    inner = {i: m for i, m in masks.items() if i in {*lung_ids(pack), *hearts(pack)}}
    lungs = {i: lung_frame(lung_field(i, inner), _side(pack, i)) for i in lung_ids(pack) if i in masks}
    return Scene(
        image=image,
        pack=pack,
        card=card,
        frame=frame,
        grid=grid,
        masks=masks,
        structures=tuple(structures),
        lungs=lungs,
        signs=dict(zip(card.outputs["signs"], outputs["signs"], strict=True)),
        logits=dict(zip(heads, map(float, outputs["logits"]), strict=True)),
        maps=dict(zip(heads, outputs["maps"], strict=True)),
        gate=float(1 / (1 + np.exp(-outputs["gate"][0]))),
    )


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

    labels, count = ndimage.label(soft > 0.5)
    if count == 0:
        return None
    sizes = np.bincount(labels.ravel())[1:]
    if sizes.max() < MIN_SHARE * soft.size:
        return None
    filled: Mask = ndimage.binary_fill_holes(labels == sizes.argmax() + 1)
    return filled


def smooth_edge(soft: F32, kept: Mask) -> F32:
    """Probabilities of one structure: holes filled, the edge's own outer cells kept, everything else zero."""
    from scipy import ndimage

    filled = np.where(kept & (soft <= 0.5), 1.0, soft)
    return np.where(ndimage.binary_dilation(kept), filled, 0.0).astype(np.float32)


def enlarge(mask: Mask, size: int) -> Mask:
    """Nearest-neighbour copy of a square mask on a (size, size) grid."""
    index = (np.arange(size) * mask.shape[0]) // size
    return mask[np.ix_(index, index)]


def lung_field(lung: str, masks: Mapping[str, Mask]) -> Mask:
    """The lung as segmented, and what lies below a part of it and above lung or heart in the same column.

    Segmentation leaves dense opacities at the hilum out of the lung; without this they could not be measured.
    """
    mask = masks[lung]
    others = np.any([m for i, m in masks.items() if i != lung and not _crosses(m, mask)], axis=0)
    above = np.maximum.accumulate(mask, axis=0)
    below = np.maximum.accumulate((mask | others)[::-1], axis=0)[::-1]
    lowest = np.flatnonzero(mask.any(axis=1))[-1]
    below[lowest + 1 :] = False  # a misplaced heart must not draw the field into the abdomen
    field: Mask = mask | (above & below & ~others)
    return field


def _crosses(other: Mask, lung: Mask) -> bool:
    """True for a structure that is projected over the lung, as a clavicle is."""
    return int((other & lung).sum()) > int(other.sum()) / 3


def lung_frame(mask: Mask, side: str) -> LungFrame:
    """Apex-to-base and medial-to-lateral coordinates; the patient's right lung lies at the image's left."""
    size = mask.shape[0]
    ys = np.flatnonzero(mask.any(axis=1))
    top, bottom = int(ys[0]), int(ys[-1])
    v = np.clip((np.arange(size) - top) / max(bottom - top, 1), 0, 1).astype(np.float32)
    first = mask.argmax(axis=1)
    last = size - 1 - mask[:, ::-1].argmax(axis=1)
    x = np.arange(size, dtype=np.float32)[None, :]
    across = np.clip((x - first[:, None]) / np.maximum(last - first, 1)[:, None], 0, 1).astype(np.float32)
    return LungFrame(mask, 1 - across if side == "right" else across, np.broadcast_to(v[:, None], mask.shape))
