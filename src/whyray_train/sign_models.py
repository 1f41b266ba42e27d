"""From the network's sign maps to calibrated scores and masks: one small model a channel, kept in the card.

``score = sigmoid(scale x strength + shift)``. The slope comes from films with and without the sign: val films with the
study label against normal val films, and inserted signs on val films against the same films without them, each of the
two counting alike where both exist. The shift lets at most `FALSE` of the train films without the sign, and none of
the val films without it, reach strong evidence. The mask's level is the one with the best Dice on inserted signs and
on the areas drawn on val films, each of the two counting alike where enough were drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyray_train.calibrate import fit_logistic, logit
from whyray_train.films import NORMAL_LABEL, Film
from whyray_train.gating import Channel

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Bools = NDArray[np.bool_]

STRONG = 0.85
FALSE = 0.004  # of normal train films, a channel; on unseen ones more of them get a strong score (model card)
MARGIN = 0.15  # strength by which a film read by the reader may differ from its cached array
SLOPES = (1.0, 4.0)  # flatter ones would call many films possible and none sure
FEWEST = 3  # drawn films with a sign from which they have a say in its level
LEVELS = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True, slots=True)
class Masks:
    """One channel on n films: its logits (n, h, w), where the sign is, and which cells are told (both bool)."""

    maps: NDArray[np.floating[Any]]
    sign: Bools
    told: Bools

    @property
    def shown(self) -> Bools:
        """(n,) films that show the sign."""
        return np.asarray(self.sign.any(axis=(1, 2)), dtype=np.bool_)


def slope(real: F64, real_truth: Bools, made: F64, made_truth: Bools) -> float:
    """Slope of the logistic of the strength; real and inserted films count alike where both hold both classes."""
    groups = [(x, y) for x, y in ((real, real_truth), (made, made_truth)) if min(y.sum(), (~y).sum()) >= 3]
    if not groups:
        return 1.0
    x = np.concatenate([g[0] for g in groups])
    y = np.concatenate([g[1] for g in groups])
    weights = np.concatenate([np.where(t, 0.5 / t.sum(), 0.5 / (~t).sum()) for _, t in groups])
    fitted = fit_logistic(x[:, None], y, weights / weights.mean(), ridge=1e-3)
    coefficients = fitted["coefficients"]
    if not isinstance(coefficients, list):
        raise TypeError("coefficients are a list")
    return float(np.clip(coefficients[0], *SLOPES))


def cut(without_val: F64, without_train: F64) -> float:
    """Strength at which a film becomes strong evidence: `FALSE` of the train films without the sign, no such val film.

    The network learned from the train films, so that they alone would promise too much.
    """
    return float(max(np.quantile(without_train, 1 - FALSE), without_val.max() + MARGIN))


def without(items: Sequence[Film], channel: Channel) -> Bools:
    """Films that do not show the sign: the normal ones; all without its label where no other label hints at it."""
    if channel.labels and not channel.hint:
        return np.array([not f.labels & channel.labels for f in items])
    return np.array([NORMAL_LABEL in f.labels for f in items])


def truth(items: Sequence[Film], channel: Channel) -> tuple[Bools, Bools]:
    """(used, positive): films with one of the channel's study labels, and normal films."""
    positive = np.array([bool(f.labels & channel.labels) for f in items])
    normal = np.array([NORMAL_LABEL in f.labels for f in items])
    return positive | normal, positive


def best_level(groups: Mapping[str, Masks]) -> tuple[float, dict[str, float]]:
    """(level, mean Dice by group) of one channel; 0.3 where no film of any group shows the sign.

    The level is a part of each map's highest probability. Groups count alike; one without the sign is left out.
    """
    scores = {name: _dice(group) for name, group in groups.items() if group.shown.any()}
    if not scores:
        return 0.3, {}
    best = int(np.argmax(np.mean(list(scores.values()), axis=0)))
    return LEVELS[best], {name: round(float(row[best]), 3) for name, row in scores.items()}


def _dice(group: Masks) -> F64:
    """(levels,) mean Dice on the films that show the sign, over the cells that are told."""
    rows = group.shown
    p, sign, told = 1 / (1 + np.exp(-group.maps[rows].astype(np.float32))), group.sign[rows], group.told[rows]
    top, out = p.max(axis=(1, 2), keepdims=True), []
    for level in LEVELS:
        found = (p >= level * top) & told
        both = 2 * (found & sign).sum(axis=(1, 2))
        out.append(float(np.mean(both / (found.sum(axis=(1, 2)) + sign.sum(axis=(1, 2))))))
    return np.array(out)


def model(
    channel: Channel,
    cells: float,
    seen: Mapping[str, F64],
    items: Mapping[str, Sequence[Film]],
    made: tuple[NDArray[np.floating[Any]], NDArray[np.uint8], Bools],
    drawn: Masks,
) -> dict[str, Any]:
    """The card's entry of one channel.

    Parameters
    ----------
    cells
        Part of the map whose mean logit is the strength.
    seen
        Strengths (n,) of ``train`` and ``val`` films and of the ``made`` ones.
    items
        The real films of ``train`` and ``val``.
    made
        Inserted val films: sign logits (n, h, w), masks likewise in 0..255, and what is known (n,).
    drawn
        Val films judged for the sign by eye, with or without it.
    """
    maps, masks, clear = made
    used, positive = truth(items["val"], channel)
    shown = masks.max(axis=(1, 2)) > 0
    factor = slope(seen["val"][used], positive[used], seen["made"][clear], shown[clear])
    clean = {part: without(items[part], channel) for part in ("train", "val")}
    edge = cut(seen["val"][clean["val"]], seen["train"][clean["train"]])
    inside = masks > 127
    groups = {"inserted": Masks(maps, inside, np.ones_like(inside))}
    level, dice = best_level(groups | ({"drawn": drawn} if drawn.shown.sum() >= FEWEST else {}))
    return {
        "scale": round(factor, 4),
        "shift": round(logit(STRONG) - factor * edge, 4),
        "cells": round(cells, 7),
        "level": level,
        "dice": dice,
        "validation_positives": {"real": int(positive.sum()), "inserted": int((shown & clear).sum())},
    }
