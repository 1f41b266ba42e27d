"""What detectors read from the card: the normal opacity atlas, the sign models, the error of the heart ratio."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyray.domain import SignDefinition
from whyray.perception.detectors import central, costophrenic, opacities
from whyray.perception.detectors.common import parameter
from whyray.perception.opacity import above_normal, bins, density_index, opacity_map
from whyray.perception.scene import Scene
from whyray_train.calibrate import balanced, fit_logistic
from whyray_train.films import NORMAL_LABEL, Film

ATLAS_ROWS, ATLAS_COLS = 12, 6
MIN_SPREAD = 0.06
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]


def opacity_atlas(scenes: Sequence[Scene], heart: str) -> dict[str, dict[str, list[list[float]]]]:
    """Mean of the density index by lung coordinate over normal films; then shift and spread of what lies above it.

    The second pass counts from each film's own clear quarter, as reading does. The spread is that of the films' bin
    means plus the mean spread inside a bin: what a single place may differ by on a healthy film.
    """
    whole = [s for s in scenes if len(s.lungs) == 2 and density_index(s, heart) is not None]
    first = _collect([(s, density_index(s, heart)) for s in whole])
    atlas = {lung_id: {"mean": _rounded(np.nanmean(rows[:, 0], axis=0))} for lung_id, rows in first.items()}
    for scene in whole:
        scene.card.reference["opacity_atlas"] = atlas
    second = _collect([(s, _difference(s, heart)) for s in whole])
    for lung_id, rows in second.items():
        spread = np.sqrt(np.nanvar(rows[:, 0], axis=0) + np.nanmean(rows[:, 1], axis=0))
        atlas[lung_id]["shift"] = _rounded(np.nanmean(rows[:, 0], axis=0))
        atlas[lung_id]["spread"] = _rounded(np.maximum(np.nan_to_num(spread, nan=MIN_SPREAD), MIN_SPREAD))
    return atlas


def _difference(scene: Scene, heart: str) -> F32:
    index = density_index(scene, heart)
    if index is None:
        raise ValueError("only films with a density index are collected")
    return above_normal(scene, index)


def _collect(pairs: Sequence[tuple[Scene, F32 | None]]) -> dict[str, F64]:
    """Lung id -> (films, 2, bins): mean and variance of the values in each bin of each film."""
    collected: dict[str, list[F64]] = {}
    for scene, values in pairs:
        if values is None:
            continue
        for lung_id, lung in scene.lungs.items():
            v, u = bins(lung, ATLAS_ROWS, ATLAS_COLS)
            cell, inside = (v * ATLAS_COLS + u)[lung.mask], values[lung.mask].astype(np.float64)
            n = np.bincount(cell, minlength=ATLAS_ROWS * ATLAS_COLS)
            with np.errstate(invalid="ignore", divide="ignore"):
                mean = np.bincount(cell, inside, n.size) / n
                variance = np.bincount(cell, inside**2, n.size) / n - mean**2
            collected.setdefault(lung_id, []).append(np.stack([mean, variance]))
    return {lung_id: np.stack(rows) for lung_id, rows in collected.items()}


def _rounded(values: F64) -> list[list[float]]:
    table: list[list[float]] = np.round(np.nan_to_num(values).reshape(ATLAS_ROWS, ATLAS_COLS), 4).tolist()
    return table


def sign_rows(scene: Scene, sign: SignDefinition) -> list[tuple[tuple[float, ...], float]]:
    """(features, network strength) of a sign on one film: one row a side for side-wise detectors, else one; or none."""
    if sign.detector is None or len(scene.lungs) < 2:
        return []
    opacity = opacity_map(scene, parameter(sign, "heart"))
    if opacity is None:
        return []
    heads = list(sign.detector.params.get("heads", ()))
    match sign.detector.kind:
        case "lung_opacity":
            level = parameter(sign, "level")
            local = opacities.strength(scene, opacity, level, heads)
            return [(opacities.features(scene, opacity, level), local)]
        case "central_opacity":
            return [(central.features(scene, opacity), central.strength(scene, heads))]
        case "costophrenic_angle":
            sides = [scene.lungs[i] for i in parameter(sign, "lungs")]
            return [
                (costophrenic.features(lung, other, opacity), costophrenic.strength(scene, lung, heads))
                for lung, other in zip(sides, reversed(sides), strict=True)
            ]
    raise ValueError(f"{sign.detector.kind} has no sign model")


def model_key(sign: SignDefinition) -> str:
    """Name of a sign's model in the card: the detector kind and its level."""
    if sign.detector is None:
        raise ValueError(f"{sign.id} has no detector")
    level = sign.detector.params.get("level")
    return sign.detector.kind if level is None else f"{sign.detector.kind}/{level}"


Rows = Sequence[list[tuple[tuple[float, ...], float]]]


def measured_model(rows: Rows, films: Sequence[Film], positive: set[str]) -> dict[str, Any]:
    """Logistic model of the measured features, from films with a positive label against normal films.

    Both sides of a side-wise detector on a positive film would be labelled positive though one may be healthy; so the
    more suspicious side (larger sum of standardised features) stands for the film.
    """
    everything = np.array([values for film in rows for values, _ in film])
    centre, spread = everything.mean(axis=0), everything.std(axis=0) + 1e-6
    chosen, truth, views = [], [], []
    for sides, film in zip(rows, films, strict=True):
        hit = bool(film.labels & positive)
        if sides and (hit or NORMAL_LABEL in film.labels):
            chosen.append(max((values for values, _ in sides), key=lambda x: float(((x - centre) / spread).sum())))
            truth.append(hit)
            views.append(film.view)
    y = np.array(truth)
    model = fit_logistic(np.array(chosen, dtype=np.float64), y, balanced(y, views))
    return {**model, "positives": int(y.sum()), "normals": int((~y).sum())}


def weighed(model: dict[str, Any], rows: Rows, films: Sequence[Film], positive: set[str]) -> dict[str, Any]:
    """The model with the weights of its measured part and of the network's strength, fitted on other films."""
    points, truth, views = [], [], []
    for sides, film in zip(rows, films, strict=True):
        hit = bool(film.labels & positive)
        if sides and (hit or NORMAL_LABEL in film.labels):
            pairs = [(float(np.dot(model["coefficients"], x)) + model["intercept"], local) for x, local in sides]
            points.append(max(pairs, key=sum))
            truth.append(hit)
            views.append(film.view)
    y = np.array(truth)
    fitted = fit_logistic(np.array(points), y, balanced(y, views))
    coefficients = fitted["coefficients"]
    if not isinstance(coefficients, list):
        raise TypeError("coefficients are a list")
    return {
        **model,
        "measured_weight": coefficients[0],
        "network_weight": coefficients[1],
        "bias": fitted["intercept"],
        "validation_positives": int(y.sum()),
    }
