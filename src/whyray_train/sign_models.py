"""From the network's sign maps to calibrated scores and masks: one small model a channel, kept in the card.

``score = sigmoid(scale x strength + shift)``. The slope comes from films with and without the sign: val films with the
study label against normal val films, and inserted signs on val films against the same films without them, each of the
two counting alike where both exist. The shift lets at most `FALSE` of the train films without the sign, and none of
the val films without it, reach strong evidence. The mask's level is the one with the best Dice on inserted signs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
LEVELS = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


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


def best_level(maps: NDArray[np.floating[Any]], masks: NDArray[np.uint8]) -> tuple[float, float]:
    """(level, mean Dice) of one channel's probabilities (n, h, w) against inserted masks; 0.3 without any.

    The level is a part of each map's highest probability.
    """
    shown = masks.max(axis=(1, 2)) > 127
    if not shown.any():
        return 0.3, 0.0
    p, m = 1 / (1 + np.exp(-maps[shown].astype(np.float32))), masks[shown] > 127
    top, scores = p.max(axis=(1, 2), keepdims=True), []
    for level in LEVELS:
        found = p >= level * top
        scores.append(float(np.mean(2 * (found & m).sum(axis=(1, 2)) / (found.sum(axis=(1, 2)) + m.sum(axis=(1, 2))))))
    best = int(np.argmax(scores))
    return LEVELS[best], scores[best]


def model(
    channel: Channel,
    cells: float,
    seen: Mapping[str, F64],
    items: Mapping[str, Sequence[Film]],
    made: tuple[NDArray[np.floating[Any]], NDArray[np.uint8], Bools],
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
    """
    maps, masks, clear = made
    used, positive = truth(items["val"], channel)
    shown = masks.max(axis=(1, 2)) > 0
    factor = slope(seen["val"][used], positive[used], seen["made"][clear], shown[clear])
    clean = {part: without(items[part], channel) for part in ("train", "val")}
    edge = cut(seen["val"][clean["val"]], seen["train"][clean["train"]])
    level, dice = best_level(maps, masks)
    return {
        "scale": round(factor, 4),
        "shift": round(logit(STRONG) - factor * edge, 4),
        "cells": round(cells, 7),
        "level": level,
        "inserted_dice": round(dice, 3),
        "validation_positives": {"real": int(positive.sum()), "inserted": int((shown & clear).sum())},
    }
