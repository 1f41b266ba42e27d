"""How well the fine network's maps hold: on inserted signs of val films, and on real films.

Numbers from inserted and from real signs stand under different keys and are never mixed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.metrics import average_precision_score

from whyray_train import films, inserted, lung_crops, metrics, sign_eval, sign_models
from whyray_train.fine_network import FineNet, bank

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
INSERTED, SEED, CALIBRATION_SEED = 240, 1007, 7  # films measured, and other ones that scores are calibrated on
SHUT = -12.0  # logit where there is no lung
FALSE_LINES = 0.5  # a film
LENGTHS_MM = (7.0, 9.0)
BORDER_MM = 2.6  # what an inserted line's mask adds to its length
LEAST = 2  # cells of a found line


def look(net: FineNet, image: U8, anatomy: F32) -> F32:
    """(signs, 2 x rows, columns) logits of the right lung above the left one; `SHUT` for a lung that is not seen."""
    size = bank().crop
    shape = len(bank().channels), 2, size[0] // bank().stride, size[1] // bank().stride
    out = np.full(shape, SHUT, np.float32)
    for lung in lung_crops.find(anatomy, size):
        film = lung_crops.cut(image, lung, size).astype(np.float32) / 255
        film, where = film[None, None], lung_crops.places(anatomy, lung, size)[None]
        with torch.no_grad():
            out[:, int(lung.mirrored)] = net(torch.from_numpy(film), torch.from_numpy(where))[0].numpy()
    return out.reshape(shape[0], -1, shape[3])


def truth(signs: U8, anatomy: F32) -> U8:
    """Masks (signs, s/2, s/2) of a film laid out as `look` lays out its maps."""
    size = bank().crop
    out = np.zeros((len(signs), 2, size[0] // bank().stride, size[1] // bank().stride), np.uint8)
    for lung in lung_crops.find(anatomy, size):
        out[:, int(lung.mirrored)] = lung_crops.cut(signs, lung, size, bank().stride)
    return out.reshape(len(signs), -1, out.shape[3])


def maps(net: FineNet, images: U8, anatomy: F32) -> F32:
    """`look` at each of (n, s, s) films with (n, 4, s/4, s/4) anatomy."""
    return np.stack([look(net, i, a) for i, a in zip(images, anatomy, strict=True)])


def truths(signs: U8, anatomy: F32) -> U8:
    """`truth` of each film."""
    return np.stack([truth(s, a) for s, a in zip(signs, anatomy, strict=True)])


def on_inserted(seen: F32, masks: U8, made: inserted.Set, base: F64 | None = None) -> dict[str, Any]:
    """AUROC of the films and AUPRC of the cells a channel, beside the first look's AUROC on the same films.

    Parameters
    ----------
    seen, masks
        (n, signs, h, w) of `maps` and `truths`.
    base
        (n, signs) strengths of the reader network's channels of the same names.
    """
    scores, out = sign_models.strengths(seen, bank().channels), {}  # type: F64, dict[str, Any]
    for c, channel in enumerate(bank().channels):
        shown, known = made.shown[:, c], made.known[:, c]
        groups = [str(b) for b in made.base[known]]
        cells = masks[shown, c].ravel() > 127
        out[channel.name] = {
            "auroc": metrics.auc_interval(shown[known], scores[known, c], groups).as_dict(),
            "mask_auprc": round(float(average_precision_score(cells, seen[shown, c].ravel())), 3),
            "mask_share": round(float(cells.mean()), 4),
        }
        if base is not None:
            out[channel.name]["first_look"] = metrics.auc_interval(shown[known], base[known, c], groups).as_dict()
    return out


def free_response(seen: F32, masks: U8, clear: NDArray[np.bool_], cell_mm: F64) -> dict[str, Any]:
    """Sensitivity for short lines at `FALSE_LINES` false ones a film.

    Parameters
    ----------
    seen, masks
        (n, h, w) logits and inserted masks of the channel of lines.
    clear
        (n,) films known to have none of its lines: what is found there is false.
    cell_mm
        (n,) millimetres of a cell.
    """
    lines = []
    for i, mask in enumerate(masks):
        parts, _ = ndimage.label(mask > 90)
        for k, place in enumerate(ndimage.find_objects(parts), start=1):
            length = (place[1].stop - place[1].start) * cell_mm[i] - BORDER_MM
            if LENGTHS_MM[0] <= length <= LENGTHS_MM[1]:
                lines.append(float(seen[i][place][parts[place] == k].max()))
    levels = np.quantile(seen[clear].max(axis=(1, 2)), np.linspace(0.02, 0.995, 60))
    false = np.array([np.mean([_lines(m, level) for m in seen[clear]]) for level in levels])
    fit = np.flatnonzero(false <= FALSE_LINES)
    level = float(levels[fit[0]]) if fit.size else float(levels[-1])
    found = np.array(lines) >= level
    return {
        "lines": len(lines),
        "false_lines_a_film": round(float(false[fit[0]] if fit.size else false[-1]), 2),
        "sensitivity": round(float(found.mean()), 3) if lines else None,
        "clear_films": int(clear.sum()),
        "logit": round(level, 3),
    }


def _lines(logits: F32, level: float) -> int:
    parts, count = ndimage.label(logits >= level)
    return int((np.bincount(parts.ravel())[1:] >= LEAST).sum()) if count else 0


def on_real(seen: F32, items: Sequence[films.Film]) -> dict[str, Any]:
    """AUROC of each channel's strength for films with one of its study labels, against all others and normal ones."""
    scores = sign_models.strengths(seen, bank().channels)
    of = {c.name: c.labels for c in bank().channels}
    return sign_eval.against_labels(items, {c.name: scores[:, i] for i, c in enumerate(bank().channels)}, of)


def models(
    real: dict[str, F32], items: Mapping[str, Sequence[films.Film]], made: tuple[F32, U8, NDArray[np.bool_]]
) -> dict[str, Any]:
    """The card's entries of the channels, as `sign_models.model` makes them, with the share of val normals at 0.85."""
    seen = {part: sign_models.strengths(m, bank().channels) for part, m in real.items()}
    seen["made"] = sign_models.strengths(made[0], bank().channels)
    normal = np.array([films.NORMAL_LABEL in f.labels for f in items["val"]])
    out: dict[str, Any] = {}
    for index, channel in enumerate(bank().channels):
        entry = sign_models.model(channel, index, seen, items, made)
        z = entry["scale"] * seen["val"][normal, index] + entry["shift"]
        entry["normals_marked"] = round(float(np.mean(1 / (1 + np.exp(-z)) >= sign_models.STRONG)), 4)
        out[channel.name] = entry
    return out
