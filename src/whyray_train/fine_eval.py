"""How well the maps of the second look hold: on inserted signs of val films, and on real films.

Numbers from inserted and from real signs stand under different keys and are never mixed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from whyray.domain import Engine, Frame
from whyray.perception.detectors.mapped import strength
from whyray_train import films, fine, fine_data, inserted, metrics, sign_eval
from whyray_train.fine_network import FineNet, bank, film_share
from whyray_train.gating import channels

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
INSERTED, SEED = 240, 7  # val films that scores are calibrated on; `evaluate` draws others


def strengths(maps: F32) -> F64:
    """(n, channels) of maps laid on the film."""
    return np.array([[strength(m, film_share(c.cells)) for m, c in zip(f, bank().channels, strict=True)] for f in maps])


def measured(net: FineNet, data: Path, cache: Path, base: Engine) -> dict[str, Any]:
    """Numbers of all channels beside the first look's, on the val films."""
    table, _ = films.read_table(data)
    made = fine_data.made_films(data, "val", cache, INSERTED, SEED, ())
    seen = fine_data.first_look(base, made.images)
    first = first_scores(base, made.images)
    out: dict[str, Any] = {"on_inserted": on_inserted(fine.maps(net, made.images, seen), made, first)}
    items = [f for f in table if f.split == "val"]
    images = films.cached([f.path for f in items], bank().look.size, cache)
    planes = fine_data.first_look(base, images)
    scores = np.array([strengths(fine.maps(net, i[None], [p]))[0] for i, p in zip(images, planes, strict=True)])
    out["against_labels"] = {"second": on_real(scores, items), "first": on_real(first_scores(base, images), items)}
    return out


def first_scores(base: Engine, images: NDArray[np.uint8]) -> F64:
    """(n, channels) strengths of the first look's own maps, in the second's order."""
    order = [[c.name for c in channels()].index(name) for name in bank().look.channels]
    frame = Frame(images.shape[1], images.shape[2], base.card.input_size)
    grids = (frame.to_grid(image / np.float32(255))[None] for image in images)
    found = (base.run(grid, ["signs"])["signs"] for grid in grids)
    return np.array([[strength(m[i], channels()[i].cells) for i in order] for m in found])


def on_inserted(maps: F32, made: inserted.Set, base: F64) -> dict[str, Any]:
    """AUROC of the films and AUPRC of the cells a channel, beside the first look's AUROC on the same films."""
    scores, out = strengths(maps), {}  # type: F64, dict[str, Any]
    for c, channel in enumerate(bank().channels):
        shown, known = made.shown[:, c], made.known[:, c]
        groups = [str(b) for b in made.base[known]]
        cells = made.signs[shown, c].ravel() > 127
        out[channel.name] = {
            "auroc": metrics.auc_interval(shown[known], scores[known, c], groups).as_dict(),
            "first_look": metrics.auc_interval(shown[known], base[known, c], groups).as_dict(),
            "mask_auprc": round(float(average_precision_score(cells, maps[shown, c].ravel())), 3),
            "mask_share": round(float(cells.mean()), 4),
        }
    return out


def on_real(scores: F64, items: Sequence[films.Film]) -> dict[str, Any]:
    """AUROC of each channel's strength for films with one of its study labels, or with the first that hints at it."""
    of = {c.name: c.labels or sign_eval.hinting(c.name) for c in bank().channels}
    return sign_eval.against_labels(items, {c.name: scores[:, i] for i, c in enumerate(bank().channels)}, of)
