"""What detectors read from the card: the normal opacity atlas, the sign models, the error of the heart ratio."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyray.domain import SignDefinition
from whyray.perception.detectors.central import features as central_features
from whyray.perception.detectors.common import parameter
from whyray.perception.detectors.costophrenic import features as costophrenic_features
from whyray.perception.detectors.lung_opacity import features as opacity_features
from whyray.perception.opacity import bins, density_index, opacity_map
from whyray.perception.scene import Scene
from whyray_train.calibrate import balanced, fit_logistic
from whyray_train.films import NORMAL_LABEL

ATLAS_ROWS, ATLAS_COLS = 12, 6
MIN_SPREAD = 0.06
F64 = NDArray[np.float64]


def opacity_atlas(scenes: Iterable[Scene], heart: str) -> dict[str, dict[str, list[list[float]]]]:
    """Mean and spread of the density index by lung coordinate over normal films.

    The spread is that of the films' bin means plus the mean spread inside a bin: what a single place may differ
    by on a healthy film.
    """
    collected: dict[str, list[F64]] = {}
    for scene in scenes:
        index = density_index(scene, heart)
        if index is None or len(scene.lungs) < 2:
            continue
        for lung_id, lung in scene.lungs.items():
            v, u = bins(lung, ATLAS_ROWS, ATLAS_COLS)
            cell = (v * ATLAS_COLS + u)[lung.mask]
            values = index[lung.mask].astype(np.float64)
            n = np.bincount(cell, minlength=ATLAS_ROWS * ATLAS_COLS)
            total = np.bincount(cell, values, ATLAS_ROWS * ATLAS_COLS)
            squares = np.bincount(cell, values**2, ATLAS_ROWS * ATLAS_COLS)
            with np.errstate(invalid="ignore", divide="ignore"):
                mean = total / n
                inner = squares / n - mean**2
            collected.setdefault(lung_id, []).append(np.stack([mean, inner]))
    return {lung_id: _summary(np.stack(rows)) for lung_id, rows in collected.items()}


def _summary(rows: F64) -> dict[str, list[list[float]]]:
    means, inner = rows[:, 0], rows[:, 1]
    spread = np.sqrt(np.nanvar(means, axis=0) + np.nanmean(inner, axis=0))
    shape = (ATLAS_ROWS, ATLAS_COLS)
    return {
        "mean": np.round(np.nan_to_num(np.nanmean(means, axis=0)).reshape(shape), 4).tolist(),
        "spread": np.round(np.maximum(np.nan_to_num(spread, nan=MIN_SPREAD), MIN_SPREAD).reshape(shape), 4).tolist(),
    }


def sign_features(scene: Scene, sign: SignDefinition) -> list[tuple[float, ...]]:
    """Feature rows of a sign on one film: one a side for side-wise detectors; empty when it cannot be looked for."""
    if sign.detector is None or len(scene.lungs) < 2:
        return []
    opacity = opacity_map(scene, parameter(sign, "heart"))
    if opacity is None:
        return []
    match sign.detector.kind:
        case "lung_opacity":
            return [opacity_features(scene, opacity, parameter(sign, "level"))]
        case "central_opacity":
            return [central_features(scene, opacity)]
        case "costophrenic_angle":
            return [costophrenic_features(scene.lungs[i], opacity) for i in parameter(sign, "lungs")]
    raise ValueError(f"{sign.detector.kind} has no sign model")


def model_key(sign: SignDefinition) -> str:
    """Name of a sign's model in the card: the detector kind and its level."""
    if sign.detector is None:
        raise ValueError(f"{sign.id} has no detector")
    level = sign.detector.params.get("level")
    return sign.detector.kind if level is None else f"{sign.detector.kind}/{level}"


def sign_model(
    rows: Sequence[list[tuple[float, ...]]],
    labels: Sequence[frozenset[str]],
    views: Sequence[str],
    positive: Iterable[str],
    orientation: Mapping[int, int],
) -> dict[str, Any]:
    """Logistic model of one sign from films with a positive label against normal films.

    For side-wise rows the film's more suspicious side (largest first feature) stands for it.
    ``orientation`` says for which features less means more of the sign (-1).
    """
    wanted = set(positive)
    features, truth, groups = [], [], []
    for film, names, view in zip(rows, labels, views, strict=True):
        hit = bool(names & wanted)
        if not film or not (hit or NORMAL_LABEL in names):
            continue
        features.append(max(film))
        truth.append(hit)
        groups.append(view)
    x = np.array(features, dtype=np.float64)
    signs = np.array([orientation.get(i, 1) for i in range(x.shape[1])])
    y = np.array(truth)
    model = fit_logistic(x * signs, y, balanced(y, groups))
    coefficients = model["coefficients"]
    if not isinstance(coefficients, list):
        raise TypeError("coefficients are a list")
    return {
        "coefficients": [c * int(s) for c, s in zip(coefficients, signs, strict=True)],
        "intercept": model["intercept"],
        "positives": int(y.sum()),
        "normals": int((~y).sum()),
    }
