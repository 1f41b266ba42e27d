"""Where an outline is cut: structures that no real film has marked get the level that overlaps best with projections.

On real films their training weighs a missed cell more than one too many (`loop.placed_loss`), so that at one half the
thin ones come out too thick. The exported logits are shifted: a probability of one half is the cut of all outlines. The
gate of the signs reads the outlines as they are.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from whyray_train import films
from whyray_train.calibrate import logit
from whyray_train.network import ReaderNet
from whyray_train.sources import Source

LEVELS = (0.5, 0.55, 0.45, 0.6, 0.4, 0.65)  # of equal ones the first
FIRST = len(films.STRUCTURE_BITS)  # from this structure on: those that only projections mark
MOST = 120  # projections, evenly taken
BATCH = 8


def best(net: ReaderNet, projected: Source) -> dict[str, float]:
    """Level of each structure by the mean Dice over (some of) the projections that show it."""
    net.eval()
    found: dict[str, list[NDArray[np.float64]]] = {name: [] for name in films.STRUCTURES[FIRST:]}
    rows = np.linspace(0, len(projected.images) - 1, min(MOST, len(projected.images))).astype(np.int64)
    for start in range(0, len(rows), BATCH):
        drawn = projected.draw(rows[start : start + BATCH])
        with torch.no_grad():
            p = net.outlines(drawn.images).sigmoid()[:, FIRST:]
        truth = drawn.anatomy[:, FIRST:] > 0.5
        cut = torch.stack([p > level for level in LEVELS])
        both, total = (cut & truth).sum(dim=(3, 4)), cut.sum(dim=(3, 4)) + truth.sum(dim=(2, 3))
        dice = (2 * both / total.clamp_min(1)).double().numpy()
        for film, plane in zip(*np.nonzero(truth.any(dim=3).any(dim=2).numpy()), strict=True):
            found[films.STRUCTURES[FIRST + plane]].append(dice[:, film, plane])
    return {name: LEVELS[int(np.argmax(np.mean(d, axis=0)))] for name, d in found.items() if d}


def shifts(levels: Mapping[str, float]) -> torch.Tensor:
    """(k, 1, 1) what is taken off the logits of each structure."""
    return torch.tensor([logit(levels.get(name, 0.5)) for name in films.STRUCTURES]).float()[:, None, None]
