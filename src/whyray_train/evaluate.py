"""``python -m whyray_train.evaluate --data DIR``: the numbers of the shipped (or given) model on unseen films.

Every film goes through the reader as a user's would. Prints AUC per finding with 95 % intervals (bootstrap by
patient), by view, beside the frozen-feature probe of the same run; calibration error; Dice and the gate on val.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from whyray.domain import ArgumentError, ImageRefused, Region, SignDefinition
from whyray.service import Reader, Reading, Settings
from whyray_train import films, metrics, model_card, sign_eval
from whyray_train.gating import channels
from whyray_train.probe import probe

HEART_LABEL = "Cardiomegaly"
F64 = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Scores:
    """Probabilities of one split: ``fused`` (reasoning) and ``film`` (network head alone), (n, c), and their labels."""

    films: list[films.Film]
    names: list[str]
    labels: Bools
    fused: F64
    film: F64
    signs: dict[str, F64]


def main() -> None:
    """Parses the command line, prints the tables, writes JSON and the card's numbers when asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, help="model folder; default: the shipped one")
    parser.add_argument("--split", default="devtest", choices=["val", "devtest"])
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"))
    parser.add_argument("--json", type=Path, help="write all numbers here")
    parser.add_argument("--card", type=Path, help="model folder whose card takes the numbers")
    parser.add_argument("--page", type=Path, help="with --card: also write the numbers as a page")
    options = parser.parse_args()
    reader = Reader(Settings(model=options.model, cached_readings=1))
    table, heads = films.read_table(options.data)
    numbers: dict[str, Any] = {
        "command": f"python -m whyray_train.evaluate --data DATA --split {options.split}",
        "commit": _commit(),
        "split": options.split,
    }
    numbers["anatomy"] = anatomy(reader, [f for f in table if f.split == "val" and f.anatomy is not None])
    numbers["gate"] = gate_numbers(reader, options.data, [f for f in table if f.split == "val"])
    scores = collect(reader, [f for f in table if f.split == options.split], heads)
    size = reader.engine(reader.packs[0]).card.input_size
    train = [f for f in table if f.split == "train"]
    frozen = probe(train, scores.films, heads, size, options.cache)[:, [heads.index(n) for n in scores.names]]
    numbers["findings"] = findings(scores, frozen)
    numbers["signs"] = sign_numbers(scores)
    pack, engine = reader.packs[0], reader.engine(reader.packs[0])
    channel_labels = {c.name: c.labels for c in channels()}
    of = {s.id: sign_labels(s, channel_labels) for s in pack.signs if s.id in scores.signs}
    numbers["signs_against_labels"] = sign_eval.against_labels(scores.films, scores.signs, of)
    numbers["signs_on_inserted"] = sign_eval.on_inserted(engine, options.data, options.cache)
    numbers["pointing"] = sign_eval.pointing(reader, options.data, scores.films)
    show(numbers)
    if options.json is not None:
        options.json.write_text(json.dumps(numbers, indent=1), "utf-8")
    if options.card is not None:
        keep(numbers, options.card / "card.yaml", options.page)


def keep(numbers: dict[str, Any], file: Path, page: Path | None) -> None:
    """Writes the numbers into a card, and as a page where one is wanted."""
    document = yaml.safe_load(file.read_text("utf-8"))
    document["numbers"] = numbers
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110, default_flow_style=None)
    file.write_text(text, "utf-8")
    if page is not None:
        page.write_text(model_card.page(document, numbers), "utf-8")


def collect(reader: Reader, items: Sequence[films.Film], heads: Sequence[str]) -> Scores:
    """Reads every film of a split."""
    pack = reader.packs[0]
    diagnoses = [d for d in pack.diagnoses if d.head in heads]
    fused, film, kept = [], [], []
    signs: dict[str, list[float]] = {s.id: [] for s in pack.signs if s.detector is not None and not s.learned}
    for item in items:
        reading = reader.read(item.path, view=item.known_view)
        probabilities = {f.id: f.probability for f in reading.findings}
        fused.append([probabilities[d.id] for d in diagnoses])
        film.append([reading.observations.film_scores[d.id] for d in diagnoses])
        for observed in reading.observations.signs:
            if observed.id in signs:
                signs[observed.id].append(observed.score)
        kept.append(item)
        _tick(len(kept), len(items))
    names = [d.head or "" for d in diagnoses]
    labels = np.array([[n in f.labels for n in names] for f in kept])
    arrays = {k: np.array(v) for k, v in signs.items()}
    return Scores(kept, names, labels, np.array(fused), np.array(film), arrays)


def findings(scores: Scores, frozen: F64) -> dict[str, Any]:
    """AUC tables: fused, network head alone and probe; by view; calibration error."""
    patients = [f.patient for f in scores.films]
    disease = [c for c, n in enumerate(scores.names) if n != films.NORMAL_LABEL]
    out: dict[str, Any] = {"per_finding": {}}
    for c, name in enumerate(scores.names):
        out["per_finding"][name] = {
            kind: metrics.auc_interval(scores.labels[:, c], values[:, c], patients).as_dict()
            for kind, values in (("fused", scores.fused), ("film", scores.film), ("probe", frozen))
        }
    for kind, values in (("fused", scores.fused), ("film", scores.film), ("probe", frozen)):
        out[f"mean_{kind}"] = metrics.mean_auc_interval(
            scores.labels[:, disease], values[:, disease], patients
        ).as_dict()
    out["by_view"] = {view: _one_view(scores, view, disease) for view in ("PA", "AP")}
    for kind, values in (("fused", scores.fused), ("film", scores.film)):
        error = metrics.calibration_error(scores.labels[:, disease], values[:, disease])
        out[f"calibration_error_{kind}"] = round(error, 4)
    return out


def _one_view(scores: Scores, view: str, disease: list[int]) -> dict[str, Any]:
    """AUC of the fused probabilities on the films of one projection."""
    rows = np.array([i for i, f in enumerate(scores.films) if f.view == view])
    patients = [scores.films[i].patient for i in rows]
    labels, values = scores.labels[rows], scores.fused[rows]
    per = {n: metrics.auc_interval(labels[:, c], values[:, c], patients).as_dict() for c, n in enumerate(scores.names)}
    mean = metrics.mean_auc_interval(labels[:, disease], values[:, disease], patients)
    return {"mean": mean.as_dict(), "per_finding": per}


def sign_labels(sign: SignDefinition, of_channel: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Study labels that say a detected sign is there; a measured heart stands for the label of its own name."""
    if sign.detector is None:
        return frozenset()
    if "heart" in sign.detector.params:
        return frozenset({HEART_LABEL})
    return of_channel.get(str(sign.detector.params.get("channel")), frozenset())


def sign_numbers(scores: Scores) -> dict[str, Any]:
    """False evidence on films labelled normal: share with a named sign at 0.75 and 0.85."""
    normal = np.array([films.NORMAL_LABEL in f.labels for f in scores.films])
    named = {k: v for k, v in scores.signs.items() if v.any()}  # a closer look decides the others
    stacked = np.stack(list(named.values()), axis=1)[normal]
    shares = {str(t): round(float((stacked >= t).any(axis=1).mean()), 3) for t in (0.75, 0.85)}
    return {
        "normals": int(normal.sum()),
        "normals_with_any_named_sign": shares,
        "mean_score_normal_vs_other": {
            k: [round(float(v[normal].mean()), 3), round(float(v[~normal].mean()), 3)] for k, v in named.items()
        },
    }


def anatomy(reader: Reader, items: Sequence[films.Film]) -> dict[str, Any]:
    """Dice against accepted weak labels (pseudo-labels) at 512 px; lungs together, heart, clavicles together."""
    groups = {"lungs": [0, 1], "right_lung": [0], "left_lung": [1], "heart": [2], "clavicles": [3, 4]}
    ids = list(films.STRUCTURE_BITS)
    values: dict[str, list[float]] = {g: [] for g in groups}
    for item in items:
        if item.anatomy is None:
            continue
        truth = films.load_anatomy(item.anatomy, 512) > 127
        reading = reader.read(item.path, view=item.known_view)
        found = {s.id: s.region for s in reading.observations.structures}
        for group, members in groups.items():
            ours = np.any([_at(found.get(ids[m]), 512) for m in members], axis=0)
            values[group].append(metrics.dice(ours, np.any(truth[members], axis=0)))
    out: dict[str, Any] = {"films": len(items), "truth": "accepted pseudo-labels of val"}
    for group, numbers in values.items():
        rng = np.random.default_rng(0)
        draws = [np.mean(rng.choice(numbers, len(numbers))) for _ in range(1000)]
        low, high = np.percentile(draws, (2.5, 97.5))
        summary = {"value": np.mean(numbers), "low": low, "high": high}
        out[group] = {name: round(float(value), 4) for name, value in summary.items()}
    return out


def gate_numbers(reader: Reader, data: Path, val: Sequence[films.Film]) -> dict[str, Any]:
    """Share of not-adult-frontal films warned about, and of val films (all, and normal) that are."""
    children = sorted((data / "not_adult_frontal").iterdir())
    warned = [_warned(reader, p) for p in children]
    flags = [_warned(reader, f.path) for f in val]
    normal = [w for w, f in zip(flags, val, strict=True) if films.NORMAL_LABEL in f.labels]
    return {
        "not_adult_frontal_warned": [int(sum(warned)), len(warned)],
        "val_warned": [int(sum(flags)), len(flags)],
        "val_normal_warned": [int(sum(normal)), len(normal)],
    }


def _warned(reader: Reader, path: Path) -> bool:
    try:
        reading: Reading = reader.read(path)
    except (ImageRefused, ArgumentError):
        return True
    return not reading.observations.quality.usable


def _at(region: Region | None, size: int) -> Bools:
    if region is None:
        return np.zeros((size, size), dtype=np.bool_)
    mask = region.mask()
    side = max(mask.shape)
    padded = np.zeros((side, side), dtype=np.bool_)
    y, x = (side - mask.shape[0]) // 2, (side - mask.shape[1]) // 2
    padded[y : y + mask.shape[0], x : x + mask.shape[1]] = mask
    index = ((np.arange(size) + 0.5) * side / size).astype(int)
    return padded[np.ix_(index, index)]


def show(numbers: dict[str, Any]) -> None:
    """Prints the tables."""
    table = numbers["findings"]
    print(f"# {numbers['split']}, commit {numbers['commit']}; AUC, 95 % bootstrap by patient")
    print(f"{'finding':20s} {'fused (reader)':30s} {'network head':30s} {'frozen probe':30s}")
    kinds = ("fused", "film", "probe")
    for name, row in [*table["per_finding"].items(), ("mean", {k: table[f"mean_{k}"] for k in kinds})]:
        print(f"{name:20s} " + " ".join(f"{_text(row[k]):30s}" for k in kinds))
    for view, part in table["by_view"].items():
        print(f"## {view}: mean {_text(part['mean'])}")
        for name, value in part["per_finding"].items():
            print(f"{name:20s} {_text(value)}")
    errors = f"fused {table['calibration_error_fused']}, network {table['calibration_error_film']}"
    print(f"calibration error (15 bins): {errors}")
    for part in ("anatomy", "gate", "signs", "signs_against_labels", "signs_on_inserted", "pointing"):
        print(f"## {part}")
        for name, value in numbers[part].items():
            print(f"{name}: {value}")


def _text(value: dict[str, Any]) -> str:
    return f"{value['value']:.3f} ({value['low']:.3f}-{value['high']:.3f}) n={value['positives']}"


def _tick(done: int, total: int) -> None:
    if done % 50 == 0 or done == total:
        print(f"{done}/{total}", file=sys.stderr)


def _commit() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parent)
    return run.stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
