"""Drawn chests whose every measure is known, and a fake engine that answers with their masks.

All shapes are given in fractions of the picture's rows and columns; the patient's right lung lies at the image's left.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from whyray import knowledge
from whyray.domain import Engine, Frame, Geometry, Image, Pack, SignDefinition
from whyray.engines import create

F32 = NDArray[np.float32]
Mask = NDArray[np.bool_]

SIZE, STRIDE, COARSE = 320, 2, 10
SIGN_STRIDE, SIGN_CELLS = 4, 80
RIGHT, LEFT, HEART = "right_lung", "left_lung", "heart"
CLAVICLES = ("right_clavicle", "left_clavicle")
CHANNELS = (
    RIGHT, LEFT, HEART, *CLAVICLES, "trachea", "aortic_knob", "right_hilum", "left_hilum",
    "right_hemidiaphragm", "left_hemidiaphragm", "spine",
)  # fmt: skip
SILENT = -8.0  # logit of a sign map where there is no sign
TISSUE, AIR, DENSE = 0.55, 0.20, 0.70


@lru_cache(maxsize=1)
def pack() -> Pack:
    """The shipped pack."""
    return knowledge.load_packs()[0]


def heads() -> list[str]:
    """Film-level heads that the pack's diagnoses name."""
    return [d.head for d in pack().diagnoses if d.head is not None]


def mapped() -> list[SignDefinition]:
    """Signs of the pack that the network marks; of those that one map shows, the first."""
    found: dict[str, SignDefinition] = {}
    for sign in pack().signs:
        if sign.detector is not None and sign.detector.kind == "sign_map":
            found.setdefault(channel(sign), sign)
    return list(found.values())


def channel(sign: SignDefinition) -> str:
    """The sign map that a mapped sign reads."""
    assert sign.detector is not None
    return str(sign.detector.params["channel"])


def sign_channels() -> list[str]:
    """Channels of the sign maps, in the order of the pack's signs."""
    return [channel(s) for s in mapped()]


def sign_model(**changes: float) -> dict[str, float]:
    """A score that is the probability of the mean of the hundredth of cells with the highest logits."""
    return {"scale": 1.0, "shift": 0.0, "cells": 0.01, "level": 0.5, **changes}


def card(**changes: Any) -> dict[str, Any]:
    """A card whose numbers are round: no calibration of heads or signs."""
    return {
        "id": "drawn",
        "pack": pack().id,
        "weights": {"file": "model.onnx", "sha256": hashlib.sha256(b"").hexdigest()},
        "input": {"size": SIZE},
        "outputs": {
            "anatomy": {"channels": list(CHANNELS), "stride": STRIDE},
            "signs": {"channels": sign_channels(), "stride": SIGN_STRIDE},
            "maps": {"channels": heads(), "stride": SIZE // COARSE},
            "logits": {"channels": heads()},
            "gate": {"channels": ["chest"]},
        },
        "thresholds": {"gate": 0.5, "contrast": 0.1},
        "calibration": {h: {"scale": 1.0, "shift": 0.0, "base": -2.0, "fused_base": -2.0} for h in heads()},
        "fusion": {"film_weight": 1.0, "sign_weight": 1.0, "base": -3.0, "possible": 0.2},
        "reference": {
            "cardiothoracic_error": 0.02,
            "sign_models": {c: sign_model() for c in sign_channels()},
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


def lung(rows: int, cols: int, cx: float, outward: float) -> Mask:
    """A boxy lung with a base that slopes down to the outside."""
    y, x = axes(rows, cols)
    shape = ((x - cx) / 0.16) ** 4 + ((y - 0.5) / 0.38) ** 4 < 1
    inside: Mask = shape & (y < 0.74 + 0.07 * (x - cx) / 0.16 * outward)
    return inside


def disc(shape: tuple[int, int], cx: float, cy: float, radius: float) -> Mask:
    """A disc in fractions of the picture."""
    y, x = axes(*shape)
    inside: Mask = np.hypot(x - cx, y - cy) < radius
    return inside


def heart(rows: int, cols: int, width: float) -> Mask:
    """A boxy oval `width` wide (fraction of the columns) that ends above the base of the lungs."""
    y, x = axes(rows, cols)
    inside: Mask = ((x - 0.5) / (width / 2)) ** 4 + ((y - 0.5) / 0.12) ** 4 < 1
    return inside


def grown(mask: Mask) -> Mask:
    """The mask with a rim."""
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

    def image(self, **changes: Any) -> Image:
        rows, cols = self.shape
        fields: dict[str, Any] = {"geometry": Geometry(rows, cols), "sha256": "0" * 64, "path": "drawn", **changes}
        return Image(pixels=self.pixels[None].astype(np.float32), **fields)


def chest(rows: int = 480, cols: int = 480, *, heart_width: float = 0.26) -> Chest:
    """A film with two dark lungs and a heart between them.

    The heart stands on the diaphragm: no lung lies below it, so that its rim is not taken for a gap in a lung.
    """
    masks = {RIGHT: lung(rows, cols, 0.28, -1), LEFT: lung(rows, cols, 0.72, 1)}
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


def sign_maps(shape: tuple[int, int], **shown: tuple[Mask, float]) -> F32:
    """Sign logits on the quarter-size grid: each channel named is as loud as its number where its mask covers."""
    frame = Frame(*shape, SIGN_CELLS)
    maps = np.full((len(sign_channels()), SIGN_CELLS, SIGN_CELLS), SILENT, dtype=np.float32)
    for name, (mask, logit) in shown.items():
        maps[sign_channels().index(name)][frame.to_grid(mask.astype(np.float32)) > 0.5] = logit
    return maps


def engine(folder: Path, drawn: Chest, **outputs: F32) -> Engine:
    """A fake engine that sees `drawn`: its masks, no sign, heads silent, the gate open, unless `outputs` differ."""
    fake = create("fake", write_card(folder))
    told = {
        "anatomy": answers(drawn.masks, drawn.shape),
        "signs": sign_maps(drawn.shape),
        "maps": np.full((len(heads()), COARSE, COARSE), -4.0, dtype=np.float32),
        "logits": np.full(len(heads()), -4.0, dtype=np.float32),
        "gate": np.array([4.0], dtype=np.float32),
    }
    fake.answers.update({**told, **outputs})  # type: ignore[attr-defined]
    return fake
