"""How well the structures hold: on held-out projections of a CT, on lungs that people outlined, and as a heart ratio.

The three sources of truth are told apart in every result (``truth``): exact masks of a CT's projections, human masks,
study labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Engine, Pack, Region, SignDefinition, SignObservation
from whyray.perception.scene import hearts, lung_ids, outlined
from whyray.service import Reader
from whyray_train import films, metrics, open_lungs, sources

F64 = NDArray[np.float64]
Mask = NDArray[np.bool_]
SIZE = 512  # side at which human outlines are compared
LEAST = 32  # cells of half the network's resolution: less of a structure is not in the projection
ROUNDS = 1000
VIEW = "PA"
HEART_LABEL = "Cardiomegaly"


def mean_interval(values: Sequence[float], groups: Sequence[str]) -> dict[str, Any]:
    """Mean with a percentile bootstrap over the groups; ``films`` counts the values."""
    array = np.asarray(values, dtype=np.float64)
    draws = [array[rows].mean() for rows in metrics.resamples(groups, ROUNDS)]
    low, high = np.percentile(draws, (2.5, 97.5))
    numbers = {"value": array.mean(), "low": low, "high": high}
    return {**{k: round(float(v), 4) for k, v in numbers.items()}, "films": len(array)}


def on_projections(engine: Engine, pack: Pack, file: Path) -> dict[str, Any]:
    """Dice of each structure, left as the reader leaves it, on the projections of `file` (`sources.projected_films`).

    Intervals are over projections; they come from one CT, so they say nothing about other patients.
    """
    channels = engine.card.outputs["anatomy"]
    of = {s.channel: s.id for s in pack.structures}
    rows = sources.projected_films(file, engine.card.input_size, 1)
    values: dict[str, list[float]] = {c: [] for c in channels}
    for image, row in zip(rows.images, rows.anatomy, strict=True):
        logits = engine.run(image[None] / np.float32(255), ["anatomy"])["anatomy"]
        kept = outlined(dict(zip(channels, 1 / (1 + np.exp(-logits)), strict=True)), pack)
        for name in channels:
            truth = row[films.STRUCTURES.index(name)] > 127
            if truth.sum() >= LEAST:
                values[name].append(metrics.dice(kept.get(of[name], np.zeros_like(truth)), truth))
    out: dict[str, Any] = {"truth": "exact masks of held-out projections of one CT", "films": len(rows.images)}
    for name, found in values.items():
        if found:
            out[name] = mean_interval(found, [str(i) for i in range(len(found))])
    return out


def on_human_lungs(reader: Reader, data: Path) -> dict[str, Any]:
    """Dice of both lungs on the held-out half of ``open_lungs``, outside the heart as the reader sees it."""
    values, patients = [], []
    for film in open_lungs.read(data)[1]:
        reading = reader.read(film.path)
        found = {s.id: s.region for s in reading.observations.structures}
        heart = laid([found.get(i) for i in hearts(reading.pack)], SIZE)
        ours = laid([found.get(i) for i in lung_ids(reading.pack)], SIZE)
        drawn = open_lungs.load_mask(film.mask, SIZE) > 127
        values.append(metrics.dice(*(open_lungs.outside_heart(m, heart) for m in (ours, drawn))))
        patients.append(film.patient)
    return {"truth": "human", "outside": "the heart as found", "lungs": mean_interval(values, patients)}


def laid(regions: Iterable[Region | None], size: int) -> Mask:
    """Union of regions of one film, letterboxed to (size, size)."""
    out = np.zeros((size, size), dtype=np.bool_)
    for region in regions:
        if region is not None:
            mask = region.mask()
            side = max(mask.shape)
            y, x = (side - mask.shape[0]) // 2, (side - mask.shape[1]) // 2
            padded = np.pad(mask, ((y, side - mask.shape[0] - y), (x, side - mask.shape[1] - x)))
            index = ((np.arange(size) + 0.5) * side / size).astype(int)
            out |= padded[np.ix_(index, index)]
    return out


def heart_sign(pack: Pack) -> SignDefinition | None:
    """The sign that measures the heart."""
    named = (s for s in pack.signs if s.detector is not None and "heart" in s.detector.params)
    return next(named, None)


def heart_ratio(sign: SignDefinition, observed: SignObservation) -> float:
    """The measured cardiothoracic ratio; NaN where it could not be measured."""
    name = "" if sign.detector is None else sign.detector.params["measure"]
    found = (m.value for m in observed.measurements if m.id == name)
    return next(found, float("nan")) if observed.ran else float("nan")


def ratio_against_label(items: Sequence[films.Film], ratios: F64) -> dict[str, Any]:
    """AUC of the cardiothoracic ratio for the study label on films of one view; films without a ratio are left out."""
    used = np.array([f.view == VIEW for f in items], dtype=np.bool_) & np.isfinite(ratios)
    unmeasured = int(sum(f.view == VIEW for f in items) - used.sum())
    labels = np.array([HEART_LABEL in f.labels for f in items], dtype=np.bool_)[used]
    out: dict[str, Any] = {"truth": "study label", "label": HEART_LABEL, "view": VIEW, "unmeasured": unmeasured}
    if labels.any() and not labels.all():
        patients = [f.patient for f, u in zip(items, used, strict=True) if u]
        out["auc"] = metrics.auc_interval(labels, ratios[used], patients).as_dict()
        out["mean_ratio"] = [round(float(ratios[used][labels == k].mean()), 3) for k in (True, False)]
    return out


def cells(numbers: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """(structure, interval) of a result."""
    return [(name, value) for name, value in numbers.items() if isinstance(value, Mapping)]
