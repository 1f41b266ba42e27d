"""How the sign maps agree with signs drawn by eye on val films (`drawn_signs`): no radiologist's, and few.

Study labels say whether a film shows a sign, boxes where a disease lies; this says where the map puts a real sign. The
labels were known, the maps were not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from whyray.perception.detectors.mapped import strength
from whyray.perception.scene import build_scene
from whyray.service import Reader
from whyray_train import films, looks, metrics
from whyray_train.atlas import CANNOT, MUST, UNKNOWN
from whyray_train.drawn_signs import drawn, planes, shape
from whyray_train.gating import Channel, channels
from whyray_train.sign_eval import smoothed

F32 = NDArray[np.float32]
LEAST = 3  # films with a sign below which nothing is said of it


def on_drawn(reader: Reader, items: Sequence[films.Film]) -> dict[str, Any]:
    """A channel's numbers on those of `items` that were drawn on (tuned on: they are val films).

    ``hit``: share of the films with a sure area whose `sign_eval.smoothed` map is highest in one, or in a doubtful one;
    ``area``: their mean share of the film. ``mask_auprc`` over the cells that are told, ``mask_share`` of them in the
    sign. ``auroc``: films with a sure area against films that are clear.
    """
    found: dict[str, list[tuple[films.Film, float, bool, float, F32, NDArray[np.uint8]]]] = {}
    for film in items:
        if film.id not in drawn():
            continue
        reading = reader.read(film.path, view=film.known_view)
        scene = build_scene(reading.image, reading.pack, reader.engine(reading.pack))
        for channel in channels():
            if not drawn()[film.id].judged(channel.name) or channel.name not in scene.signs:
                continue
            logits = scene.signs[channel.name]
            codes = planes(drawn()[film.id], (channel.name,), len(logits), shape(film.path))[0]
            inside = codes != CANNOT
            hit = bool(inside.flat[smoothed([channel], scene).argmax()])
            score = strength(logits, looks.cells(channel, scene.card))
            row = (film, score, hit, float(inside.mean()), logits, codes)
            found.setdefault(channel.name, []).append(row)
    out: dict[str, Any] = {"source": "areas drawn by eye on val films, the study labels known; no radiologist's"}
    for channel in channels():
        rows = found.get(channel.name, [])
        shown = [r for r in rows if (r[5] == MUST).any()]
        if len(shown) >= LEAST:
            out[channel.name] = _numbers(channel, rows, shown)
    return out


def _numbers(channel: Channel, rows: Sequence[Any], shown: Sequence[Any]) -> dict[str, Any]:
    clear = [r for r in rows if channel.name in drawn()[r[0].id].clear]
    told = np.concatenate([r[5][r[5] != UNKNOWN] == MUST for r in shown])
    logits = np.concatenate([r[4][r[5] != UNKNOWN] for r in shown])
    both = [*shown, *clear]
    truth = np.arange(len(both)) < len(shown)
    scores = np.array([r[1] for r in both])
    return {
        "films": len(shown),
        "hit": round(float(np.mean([r[2] for r in shown])), 3),
        "area": round(float(np.mean([r[3] for r in shown])), 3),
        "mask_auprc": round(float(average_precision_score(told, logits)), 3),
        "mask_share": round(float(told.mean()), 4),
        "auroc": metrics.auc_interval(truth, scores, [r[0].patient for r in both]).as_dict() if clear else None,
    }
