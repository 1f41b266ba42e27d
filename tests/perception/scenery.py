"""Drawn chests whose every measure is known, and a fake engine that answers with their masks.

All shapes are given in fractions of the picture's rows and columns; the patient's right lung lies at the image's left.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from whyray import knowledge
from whyray.domain import Engine, Frame, Geometry, Image, Pack
from whyray.engines import create

F32 = NDArray[np.float32]
Mask = NDArray[np.bool_]

SIZE, STRIDE, COARSE = 320, 2, 10
RIGHT, LEFT, HEART = "right_lung", "left_lung", "heart"
CHANNELS = (RIGHT, LEFT, HEART, "right_clavicle", "left_clavicle")
TISSUE, AIR, DENSE = 0.55, 0.20, 0.70


@lru_cache(maxsize=1)
def pack() -> Pack:
    """The shipped pack."""
    return knowledge.load_packs()[0]


def heads() -> list[str]:
    """Film-level heads that the pack's diagnoses name."""
    return [d.head for d in pack().diagnoses if d.head is not None]


def sign_model(coefficients: list[float], intercept: float, network_weight: float = 0.0) -> dict[str, Any]:
    """What was measured counts as it is; the network's strength counts `network_weight` times."""
    return {
        "coefficients": coefficients,
        "intercept": intercept,
        "measured_weight": 1.0,
        "network_weight": network_weight,
        "bias": 0.0,
    }


def card(**changes: Any) -> dict[str, Any]:
    """A card whose numbers are round: no calibration, an atlas of zeros with spread 0.1, measured signs only."""
    flat = {"mean": [[0.0] * 3] * 4, "shift": [[0.0] * 3] * 4, "spread": [[0.1] * 3] * 4}
    return {
        "id": "drawn",
        "pack": pack().id,
        "weights": {"file": "model.onnx", "sha256": hashlib.sha256(b"").hexdigest()},
        "input": {"size": SIZE},
        "outputs": {
            "anatomy": {"channels": list(CHANNELS), "stride": STRIDE},
            "maps": {"channels": heads(), "stride": SIZE // COARSE},
            "logits": {"channels": heads()},
            "gate": {"channels": ["chest"]},
        },
        "thresholds": {"gate": 0.5, "contrast": 0.1},
        "calibration": {h: {"scale": 1.0, "shift": 0.0, "base": -2.0, "fused_base": -2.0} for h in heads()},
        "fusion": {"film_weight": 1.0, "sign_weight": 1.0, "base": -3.0, "possible": 0.2},
        "reference": {
            "cardiothoracic_error": 0.02,
            "opacity_atlas": {RIGHT: flat, LEFT: flat},
            "sign_models": {
                "lung_opacity/hazy": sign_model([0.0, 2.0, 0.0, 0.0], -2.5),
                "lung_opacity/dense": sign_model([0.0, 2.0, 0.0, 0.0], -2.5),
                "central_opacity": sign_model([1.0, 1.0, 0.0], -0.5),
                "costophrenic_angle": sign_model([40.0, 0.5, 0.5, 0.0], -1.5),
            },
        },
        **changes,
    }


def write_card(folder: Path, **changes: Any) -> Path:
    """Model folder with the drawn card and an empty weights file."""
    (folder / "card.yaml").write_text(json.dumps(card(**changes)), "utf-8")  # JSON is YAML, and quick to write
    (folder / "model.onnx").write_bytes(b"")
    return folder


def axes(rows: int, cols: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(y, x) pixel centres as fractions."""
    return (np.arange(rows)[:, None] + 0.5) / rows, (np.arange(cols)[None, :] + 0.5) / cols


def lung(rows: int, cols: int, cx: float, outward: float, *, cut: bool = False) -> Mask:
    """A boxy lung with a sloping base; its sharp lower outer corner is missing when `cut`."""
    y, x = axes(rows, cols)
    shape = ((x - cx) / 0.16) ** 4 + ((y - 0.5) / 0.38) ** 4 < 1
    depth = (x - cx) / 0.16 * outward
    base = 0.74 + 0.07 * depth
    inside: Mask = shape & (y < base)
    return inside & ~((depth > 0.1) & (y > 0.66)) if cut else inside


def heart(rows: int, cols: int, width: float) -> Mask:
    """A boxy oval `width` wide (fraction of the columns) that ends above the base of the lungs."""
    y, x = axes(rows, cols)
    inside: Mask = ((x - 0.5) / (width / 2)) ** 4 + ((y - 0.5) / 0.12) ** 4 < 1
    return inside


def grown(mask: Mask) -> Mask:
    """The mask with a rim wider than the blur of the opacity map."""
    rim: Mask = ndimage.binary_dilation(mask, iterations=round(0.03 * max(mask.shape)))
    return rim


@dataclass(frozen=True)
class Chest:
    """A drawn film: pixels (rows, cols) in [0, 1] and the masks behind it."""

    pixels: NDArray[np.float64]
    masks: dict[str, Mask]

    @property
    def shape(self) -> tuple[int, int]:
        return self.pixels.shape[0], self.pixels.shape[1]

    def brighter(self, mask: Mask, by: float) -> Chest:
        """The film with `by` added where `mask` is."""
        return replace(self, pixels=np.clip(self.pixels + by * mask, 0, 1))

    def image(self, **changes: Any) -> Image:
        rows, cols = self.shape
        fields: dict[str, Any] = {"geometry": Geometry(rows, cols), "sha256": "0" * 64, "path": "drawn", **changes}
        return Image(pixels=self.pixels[None].astype(np.float32), **fields)


def chest(rows: int = 480, cols: int = 480, *, heart_width: float = 0.26, cut: tuple[str, ...] = ()) -> Chest:
    """A film with two dark lungs and a heart between them; `cut` names lungs without their lower outer corner.

    The dark of the lungs reaches beyond their masks, so that no edge is mistaken for an opacity. The heart stands on
    the diaphragm: no lung lies below it, so that its rim is not taken for a gap in a lung.
    """
    masks = {
        RIGHT: lung(rows, cols, 0.28, -1, cut=RIGHT in cut),
        LEFT: lung(rows, cols, 0.72, 1, cut=LEFT in cut),
    }
    masks[HEART] = heart(rows, cols, heart_width)
    for side in (RIGHT, LEFT):
        masks[side] &= ~np.maximum.accumulate(grown(masks[HEART]), axis=0)
    pixels = np.full((rows, cols), TISSUE)
    pixels[grown(masks[RIGHT] | masks[LEFT])] = AIR
    pixels[masks[HEART]] = DENSE
    noise = np.random.default_rng(0).normal(0, 0.004, pixels.shape)
    return Chest(np.clip(pixels + noise, 0, 1), masks)


def answers(masks: dict[str, Mask], shape: tuple[int, int]) -> F32:
    """Anatomy logits on the engine's half-size grid: the covered part of a cell is its probability."""
    frame = Frame(*shape, SIZE // STRIDE)
    empty = np.zeros(shape, dtype=np.bool_)
    planes = [frame.to_grid(masks.get(c, empty).astype(np.float32)) for c in CHANNELS]
    covered = np.clip(np.stack(planes), 3e-4, 1 - 3e-4)
    return np.asarray(np.log(covered / (1 - covered)), dtype=np.float32)


def engine(folder: Path, drawn: Chest, **outputs: F32) -> Engine:
    """A fake engine that sees `drawn`: its masks, every head silent, the gate open, unless `outputs` says else."""
    fake = create("fake", write_card(folder))
    told = {
        "anatomy": answers(drawn.masks, drawn.shape),
        "maps": np.full((len(heads()), COARSE, COARSE), -4.0, dtype=np.float32),
        "logits": np.full(len(heads()), -4.0, dtype=np.float32),
        "gate": np.array([4.0], dtype=np.float32),
    }
    fake.answers.update({**told, **outputs})  # type: ignore[attr-defined]
    return fake
