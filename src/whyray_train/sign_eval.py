"""How well the signs hold: against study labels, on inserted signs of held-out films, and against NIH's boxes.

Numbers from inserted signs and from real films stand under different keys and are never mixed.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.metrics import average_precision_score

from whyray.domain import Engine, Geometry, Image, Pack
from whyray.perception import observe
from whyray.perception.detectors.mapped import strength
from whyray.perception.scene import Scene, build_scene, hearts
from whyray.service import Reader
from whyray_train import films, looks, metrics
from whyray_train.anatomy_eval import HEART_LABEL
from whyray_train.gating import Channel, channels

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
INSERTED, SEED = 400, 1007  # other draws than those that the scores were calibrated on
MAPPED = "sign_map"  # detector kind of the signs that the network marks
BOXES = {"Infiltrate": "Infiltration"}  # the box table's spelling -> the label table's


def against_labels(
    items: Sequence[films.Film], scores: dict[str, F64], of: dict[str, frozenset[str]]
) -> dict[str, Any]:
    """AUROC of each sign's score: films with one of its study labels against all others, and against normal films.

    Films whose score is NaN, on which the sign could not be looked for, do not count.
    """
    patients = [f.patient for f in items]
    normal = np.array([films.NORMAL_LABEL in f.labels for f in items])
    out: dict[str, Any] = {}
    for sign, labels in of.items():
        positive = np.array([bool(f.labels & labels) for f in items])
        if not labels or sign not in scores:
            continue
        seen = np.isfinite(scores[sign])
        if (positive & seen).sum() < 3:
            continue
        groups = {"all_films": seen, "against_normal": seen & (positive | normal)}
        out[sign] = {
            "labels": sorted(labels),
            **{
                name: metrics.auc_interval(
                    positive[used], scores[sign][used], [p for p, u in zip(patients, used, strict=True) if u]
                ).as_dict()
                for name, used in groups.items()
            },
        }
    return out


def hinting(channel: str) -> frozenset[str]:
    """The first of the labels that hint at a channel, in the order of ``sign_templates.yaml``."""
    raw = yaml.safe_load((Path(__file__).parent / "sign_templates.yaml").read_text("utf-8"))
    return frozenset(raw["channels"][channel]["hint"][:1])


def together_against_labels(items: Sequence[films.Film], names: Sequence[str], log_odds: F64) -> dict[str, Any]:
    """As `against_labels` for all named signs of a finding together: the log-odds (n, findings) that they give it."""
    wanted = [c for c, name in enumerate(names) if name != films.NORMAL_LABEL]
    rows = {f"all named signs of {names[c]}": c for c in wanted}
    of = {row: frozenset({names[c]}) for row, c in rows.items()}
    return against_labels(items, {row: log_odds[:, c] for row, c in rows.items()}, of)


def on_inserted(engine: Engine, data: Path, cache: Path) -> dict[str, Any]:
    """Image AUROC and mask AUPRC a channel on signs inserted into val films (SIMULATED signs)."""
    made = looks.inserted_films(data, "val", cache, INSERTED, SEED, engine.card)
    out: dict[str, Any] = {"films": len(made.images), "source": "signs inserted into val films with accepted anatomy"}
    for c, (channel, maps, masks) in enumerate(looks.pairs(engine, made)):
        share = looks.cells(channel, engine.card)
        scores = np.array([strength(m.astype(np.float32), share) for m in maps])
        shown, known = made.shown[:, c], made.known[:, c]
        groups = [str(b) for b in made.base[known]]
        cells = masks[shown].ravel() > 127
        out[channel.name] = {
            "auroc": metrics.auc_interval(shown[known], scores[known], groups).as_dict(),
            "mask_auprc": round(float(average_precision_score(cells, maps[shown].ravel())), 3),
            "mask_share": round(float(cells.mean()), 4),
        }
    return out


def as_read(engine: Engine, pack: Pack, data: Path, cache: Path) -> dict[str, Any]:
    """AUROC a channel on the films of `on_inserted` (SIMULATED signs), of the score that a reading gives its sign.

    A reading leaves out what lies in a larger opacity and what is on one side only where the sign has two; films on
    which a sign cannot be looked for do not count. Of the signs that one channel shows the highest score counts.
    """
    made = looks.inserted_films(data, "val", cache, INSERTED, SEED, engine.card)
    items = looks.insertable(data, "val")
    detectors = [(s.id, s.detector) for s in pack.signs if s.detector is not None and s.detector.kind == MAPPED]
    of: dict[str, list[str]] = {}
    for sign, detector in detectors:
        of.setdefault(str(detector.params["channel"]), []).append(sign)
    rows, cols = made.images.shape[1:]
    seen: list[dict[str, float]] = []
    for image, base in zip(made.images, made.base, strict=True):
        pixels = (image / np.float32(255))[None]
        item = items[int(base)]
        geometry = Geometry(rows, cols, (item.mm_per_px(rows),) * 2, "caller")
        film = Image(pixels, geometry, str(len(seen)), "inserted", view=item.known_view)
        found = {s.id: s.score for s in observe(film, pack, engine, only=set(chain(*of.values()))).signs if s.ran}
        told = {name: [found[i] for i in ids if i in found] for name, ids in of.items()}
        seen.append({name: max(scores) for name, scores in told.items() if scores})
    out: dict[str, Any] = {}
    for c, channel in enumerate(channels()):
        name = channel.name
        used = np.array([bool(known) and name in told for known, told in zip(made.known[:, c], seen, strict=True)])
        if not used.any():
            continue
        scores = np.array([told[name] for told, use in zip(seen, used, strict=True) if use])
        groups = [str(b) for b in made.base[used]]
        out[channel.name] = metrics.auc_interval(made.shown[used, c], scores, groups).as_dict()
    return out


def boxes(data: Path) -> list[tuple[str, str, tuple[float, float, float, float]]]:
    """(film id, label, (x0, y0, x1, y1) in pixels of the 1024 px film) of NIH's boxes."""
    with (data / "nih" / "boxes.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    found = []
    for row in rows:
        x, y, w, h = (float(row[k]) for k in ("x", "y", "w", "h"))
        found.append((row["image"], BOXES.get(row["label"], row["label"]), (x, y, x + w, y + h)))
    return found


def pointing(reader: Reader, data: Path, items: Sequence[films.Film]) -> dict[str, Any]:
    """Share of NIH boxes that hold the `place` of the label.

    Baselines: the centre of the lung field on the box's side of the film, and the chance of a random lung pixel.
    """
    kept = {f.id: f for f in items}
    hits, centre, chance = [], [], []
    for film_id, label, box in boxes(data):
        if film_id not in kept:
            continue
        film = kept[film_id]
        reading = reader.read(film.path, view=film.known_view, spacing_mm=film.spacing_mm)
        point = place(build_scene(reading.image, reading.pack, reader.engine(reading.pack)), label)
        lungs = [s.region for s in reading.observations.structures[:2] if s.region is not None]
        if point is None or not lungs:
            continue
        hits.append(_inside(point, box))
        side = min(lungs, key=lambda r: abs(r.centroid[0] - (box[0] + box[2]) / 2))
        centre.append(_inside(side.centroid, box))
        mask = np.any([r.mask() for r in lungs], axis=0)
        inside = mask[int(box[1]) : int(box[3]), int(box[0]) : int(box[2])]
        chance.append(float(inside.sum() / mask.sum()))
    rng = np.random.default_rng(0)
    draws = [np.mean(rng.choice(hits, len(hits))) for _ in range(1000)]
    low, high = np.percentile(draws, (2.5, 97.5))
    return {
        "boxes": len(hits),
        "hit": round(float(np.mean(hits)), 3),
        "low": round(float(low), 3),
        "high": round(float(high), 3),
        "centre_of_lung": round(float(np.mean(centre)), 3),
        "random_lung_pixel": round(float(np.mean(chance)), 3),
    }


def place(scene: Scene, label: str) -> tuple[float, float] | None:
    """Where (x, y) in source pixels the label is seen most; None when the network has no map for it.

    The mean logit of the sign channels that mark the label, over squares of a quarter of the area that their scores
    are taken from: one cell of an opacity says little. An enlarged heart is where the heart is; another label that no
    channel marks has its class map.
    """
    heart = next((s.region for s in scene.structures if s.id in hearts(scene.pack) and s.region is not None), None)
    if label == HEART_LABEL and heart is not None:
        return heart.centroid
    marking = [c for c in channels() if label in c.marks and c.name in scene.signs]
    if marking:
        soft: F64 | F32 = smoothed(marking, scene)
    elif label in scene.maps:
        soft = scene.maps[label]
    else:
        return None
    y, x = np.unravel_index(int(soft.argmax()), soft.shape)
    cell = scene.frame.size / soft.shape[0]
    return scene.frame.point_to_source((float(x) + 0.5) * cell, (float(y) + 0.5) * cell)


def smoothed(marking: Sequence[Channel], scene: Scene) -> F64:
    """Mean logit (n, n) of channels on the finest of their grids, over squares of a quarter of their scores' area."""
    side = max(len(scene.signs[c.name]) for c in marking)
    planes = [np.kron(m, np.ones((side // len(m), side // len(m)))) for m in (scene.signs[c.name] for c in marking)]
    share = float(np.mean([looks.cells(c, scene.card) for c in marking]))
    width = max(1, round(np.sqrt(share) * side / 2))
    return np.asarray(ndimage.uniform_filter(np.mean(planes, axis=0), width, mode="nearest"), dtype=np.float64)


def _inside(point: tuple[float, float], box: tuple[float, float, float, float]) -> bool:
    return box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]
