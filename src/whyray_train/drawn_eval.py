"""How the sign maps agree with signs drawn by eye on val films (`drawn_signs`): no radiologist's, and few.

Study labels say whether a film shows a sign, boxes where a disease lies; this says where the map puts a real sign. The
labels were known, the maps were not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from whyray.perception.detectors.mapped import strength
from whyray.perception.scene import Scene, build_scene
from whyray.service import Reader
from whyray_train import films, looks, metrics
from whyray_train.atlas import CANNOT, MUST, UNKNOWN
from whyray_train.drawn_signs import drawn, names, planes
from whyray_train.gating import Channel, channels
from whyray_train.sign_eval import smoothed

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
LEAST = 3  # films with a sign below which nothing is said of it


@dataclass(frozen=True, slots=True)
class Seen:
    """One channel on one film: its map (n, n), what was drawn as codes on the same cells, and what the map says."""

    film: films.Film
    logits: F32
    codes: U8
    score: float
    hit: bool

    @property
    def shown(self) -> bool:
        """Whether an area is surely there."""
        return bool((self.codes == MUST).any())

    @property
    def told(self) -> NDArray[np.bool_]:
        """Cells (n, n) that are known."""
        known: NDArray[np.bool_] = self.codes != UNKNOWN
        return known


def on_drawn(reader: Reader, items: Sequence[films.Film]) -> dict[str, Any]:
    """A channel's numbers on those of `items` that were drawn on (tuned on: they are val films).

    ``hit``: share of the films with a sure area whose `sign_eval.smoothed` map is highest in one, or in a doubtful one;
    ``area``: their mean share of the film. ``mask_auprc`` over the cells that are told, ``mask_share`` of them in the
    sign. ``auroc``: films with a sure area against films that are clear.
    """
    found: dict[str, list[Seen]] = {}
    for film in items:
        if film.id not in drawn():
            continue
        reading = reader.read(film.path, view=film.known_view, spacing_mm=film.spacing_mm)
        scene = build_scene(reading.image, reading.pack, reader.engine(reading.pack))
        for channel in channels():
            if drawn()[film.id].judged(channel.name) and channel.name in scene.signs:
                found.setdefault(channel.name, []).append(_seen(channel, film, scene))
    out: dict[str, Any] = {"source": "areas drawn by eye on val films, the study labels known; no radiologist's"}
    for channel in channels():
        rows = found.get(channel.name, [])
        if sum(row.shown for row in rows) >= LEAST:
            out[channel.name] = _numbers(channel, rows)
    return out


def _seen(channel: Channel, film: films.Film, scene: Scene) -> Seen:
    logits = scene.signs[channel.name]
    codes = planes(drawn()[film.id], names(), len(logits), films.shape(film.path))[names().index(channel.name)]
    hit = codes.flat[smoothed([channel], scene).argmax()] != CANNOT
    return Seen(film, logits, codes, strength(logits, looks.cells(channel, scene.card)), bool(hit))


def _numbers(channel: Channel, rows: Sequence[Seen]) -> dict[str, Any]:
    shown = [row for row in rows if row.shown]
    clear = [row for row in rows if channel.name in drawn()[row.film.id].clear]
    inside = np.concatenate([row.codes[row.told] == MUST for row in shown])
    logits = np.concatenate([row.logits[row.told] for row in shown])
    both = [*shown, *clear]
    truth = np.arange(len(both)) < len(shown)
    scores = np.array([row.score for row in both])
    return {
        "films": len(shown),
        "hit": round(float(np.mean([row.hit for row in shown])), 3),
        "area": round(float(np.mean([(row.codes != CANNOT).mean() for row in shown])), 3),
        "mask_auprc": round(float(average_precision_score(inside, logits)), 3),
        "mask_share": round(float(inside.mean()), 4),
        "auroc": metrics.auc_interval(truth, scores, [row.film.patient for row in both]).as_dict() if clear else None,
    }
