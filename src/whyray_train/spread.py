"""``python -m whyray_train.spread --data DIR --runs DIR --seeds 2``: how far the findings' AUC moves with the seed.

What varies: the film-level head only. Each seed draws the train patients anew with replacement (bootstrap) and fits
the head of ``whyray_train.heads`` on the frozen backbone of ``net.pt``; the head that ships (fitted on every train
film) stands beside them. Backbone, decoders and calibration stay, so this is a lower bound of what a whole new
training would vary by. Mean AUC of the 14 findings on the split, network head alone.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyray_train import films, gate, heads, metrics
from whyray_train.basis import sampling_weights, whole_net

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]


def drawn_weights(patients: Sequence[str], seed: int) -> F64:
    """How often each film is drawn when as many patients as there are are drawn with replacement."""
    rows = metrics.resamples(patients, 1, seed)[0]
    return np.bincount(rows, minlength=len(patients)).astype(np.float64)


def mean_auc(labels: NDArray[np.bool_], logits: F64) -> float:
    """Mean AUC over the columns of (n, c) arrays that hold both classes."""
    return float(np.nanmean([metrics.auc(labels[:, c], logits[:, c]) for c in range(labels.shape[1])]))


def spread(
    train: tuple[F32, F32, F64, Sequence[str]], test: tuple[F32, NDArray[np.bool_]], columns: Sequence[int], seeds: int
) -> dict[str, Any]:
    """Mean AUC of the head fitted on all train films and on `seeds` draws of their patients.

    Parameters
    ----------
    train
        Embeddings (n, d), soft targets (n, heads), weights (n,) and patients of the train films.
    test
        Embeddings (m, d) and labels (m, heads) of the split.
    columns
        Heads that count.
    """
    x, targets, weights, patients = train
    found = []
    for seed in range(seeds + 1):
        counted = weights if seed == 0 else weights * drawn_weights(patients, seed)
        slope, bias = heads.fit(x, targets, counted)
        logits = (test[0] @ slope.T + bias).astype(np.float64)
        found.append(mean_auc(test[1][:, columns], logits[:, columns]))
    redrawn = np.array(found[1:])
    out: dict[str, Any] = {"all_films": round(found[0], 4), "redrawn": [round(float(v), 4) for v in redrawn]}
    if seeds > 1:
        out["standard_deviation"] = round(float(redrawn.std(ddof=1)), 4)
    return out


def measure(data: Path, runs: Path, split: str, seeds: int, cache: Path) -> dict[str, Any]:
    """`spread` of the network in ``runs/net.pt``."""
    net, saved = whole_net(runs / "net.pt")
    table, names = films.read_table(data)
    size = int(saved["plan"]["size"])
    parts = {part: [f for f in table if f.split == part] for part in ("train", split)}
    embedded = {p: gate.embed(net, films.cached([f.path for f in some], size, cache)) for p, some in parts.items()}
    train = parts["train"]
    labels = np.array([[n in f.labels for n in names] for f in parts[split]], dtype=np.bool_)
    columns = [c for c, n in enumerate(names) if n != films.NORMAL_LABEL]
    weights = sampling_weights(train)
    given = (embedded["train"], films.targets(train, names), weights, [f.patient for f in train])
    return {"split": split, "varies": "film-level head, train patients redrawn", **spread(
        given, (embedded[split], labels), columns, seeds
    )}  # fmt: skip


def main() -> None:
    """Parses the command line and prints the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True, help="folder with net.pt")
    parser.add_argument("--split", default="val", choices=["val", "devtest"])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--cache", type=Path, help="folder of decoded films; default: in the runs folder")
    parser.add_argument("--json", type=Path, help="write the numbers here")
    options = parser.parse_args()
    cache = options.cache or options.runs / "cache"
    numbers = measure(options.data, options.runs, options.split, options.seeds, cache)
    for name, value in numbers.items():
        print(f"{name}: {value}")
    if options.json is not None:
        options.json.write_text(json.dumps(numbers, indent=1), "utf-8")


if __name__ == "__main__":
    main()
