"""``python -m whyray_train.anatomy --data DIR --runs DIR``: trains the anatomy decoder on the frozen backbone.

The film-level heads stay as ``whyray_train.chest`` left them. Beside the accepted weak labels, single structures of
rejected films are used where they look like an organ (`plausible`), at half weight: the accepted films alone are
too easy, and a decoder trained on them leaks over the abdomen of portable films.
"""

from __future__ import annotations

import argparse
import csv
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from whyray_train import augment, films
from whyray_train.network import ReaderNet

log = logging.getLogger(__name__)
F32 = NDArray[np.float32]

HARD = augment.Strength(degrees=20, scale=0.3, shift=0.14, gamma=0.6, noise=0.04, paint=0.5)
LUNG_PX, HEART_PX = (8_000, 75_000), (6_000, 42_000)  # plausible areas on the 512 px labels
DOUBTFUL = 0.5  # weight of a structure that comes from a rejected film


@dataclass(frozen=True, slots=True)
class Plan:
    """Numbers of one run."""

    steps: int = 1200
    batch: int = 16
    rate: float = 3e-3
    decay: float = 0.01
    average: float = 0.995
    seed: int = 1


def plausible(row: Mapping[str, str]) -> F32:
    """Weight of each structure of a ``quality.csv`` row: 1 accepted, 0.5 organ-like though rejected, 0 unusable."""
    if row["accept"] == "1":
        return np.ones(len(films.STRUCTURE_BITS), dtype=np.float32)
    tidy = float(row["stray_lung"]) < 0.12
    right, left = (
        tidy and LUNG_PX[0] < float(row[f"{s}_lung_px"]) < LUNG_PX[1] and float(row[f"solidity_{s}"]) > 0.7
        for s in ("right", "left")
    )
    heart = HEART_PX[0] < float(row["heart_px"]) < HEART_PX[1] and float(row["solidity_heart"]) > 0.85
    clavicles = [tidy and float(row[f"{s}_clavicle"]) == 1 for s in ("right", "left")]
    return np.array([right, left, heart, *clavicles], dtype=np.float32) * DOUBTFUL


def weighted_loss(logits: Tensor, masks: Tensor, weights: Tensor) -> Tensor:
    """Cross-entropy plus soft Dice of (n, k, h, w) logits; ``weights`` (n, k) counts each structure of each film."""
    bce = F.binary_cross_entropy_with_logits(logits, masks, reduction="none").mean(dim=(2, 3))
    p = logits.sigmoid()
    overlap = 2 * (p * masks).sum(dim=(2, 3)) + 1
    total = p.sum(dim=(2, 3)) + masks.sum(dim=(2, 3)) + 1
    losses = 4 * bce + 1 - overlap / total
    return (losses * weights).sum() / weights.sum().clamp_min(1)


def shade(images: Tensor, rng: torch.Generator) -> Tensor:
    """Slow brightness gradients and dark or bright borders, as grids, collimators and portable exposures leave them."""
    n, _, size, _ = images.shape
    field = F.interpolate(
        torch.randn(n, 1, 3, 3, generator=rng), size=(size, size), mode="bicubic", align_corners=False
    )
    strength = 0.12 * torch.rand(n, 1, 1, 1, generator=rng)
    return (images + strength * field).clamp(0, 1)


def decoder_parameters(net: ReaderNet) -> list[torch.nn.Parameter]:
    """Everything but the backbone and the film-level head."""
    parts = (net.lateral, net.narrow, net.smooth, net.anatomy)
    return [p for part in parts for p in part.parameters()]


def load(data: Path, size: int, cache: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8], F32]:
    """Films, soft masks and structure weights of the train films with at least one usable structure."""
    table, _ = films.read_table(data)
    split = {f.id: f for f in table if f.split == "train"}
    with (data / "nih_anatomy" / "quality.csv").open(newline="") as handle:
        rows = [r for r in csv.DictReader(handle) if r["id"] in split]
    rows = [r for r in rows if plausible(r).any()]
    images = films.cached([split[r["id"]].path for r in rows], size, cache)
    labels = [data / "nih_anatomy" / f"{r['id']}.png" for r in rows]
    masks = films.cached(labels, size // 2, cache, films.load_anatomy)
    return images, masks, np.stack([plausible(r) for r in rows])


def batch(
    images: NDArray[np.uint8], masks: NDArray[np.uint8], index: NDArray[np.int64], rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """One augmented batch: (n, 1, s, s) films and (n, k, s/2, s/2) masks."""
    x = torch.from_numpy(images[index].astype(np.float32) / 255).unsqueeze(1)
    y = torch.from_numpy(masks[index].astype(np.float32) / 255)
    y = F.interpolate(y, scale_factor=2.0, mode="bilinear", align_corners=False)
    x, y = augment.warp(x, y, HARD, rng)
    x, _ = augment.paint(x, y, HARD, rng)
    x = shade(augment.expose(x, HARD, rng), rng)
    return x.contiguous(memory_format=torch.channels_last), F.avg_pool2d(y, 2)


def fit(net: ReaderNet, data: tuple[NDArray[np.uint8], NDArray[np.uint8], F32], plan: Plan, runs: Path) -> None:
    """Trains the decoder in place; averaged weights at the end."""
    images, masks, weights = data
    generator = np.random.default_rng(plan.seed)
    torch.manual_seed(plan.seed)
    rng = torch.Generator().manual_seed(plan.seed)
    net.to(memory_format=torch.channels_last).eval()
    for part in (net.lateral, net.narrow, net.smooth, net.anatomy):
        part.train()
    parameters = decoder_parameters(net)
    optimiser = torch.optim.AdamW(parameters, lr=plan.rate, weight_decay=plan.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, plan.rate, total_steps=plan.steps, pct_start=0.1)
    kept = {k: v.detach().clone() for k, v in net.state_dict().items()}
    started, recent = time.time(), []
    for number in range(1, plan.steps + 1):
        index = generator.choice(len(images), plan.batch, replace=False)
        x, y = batch(images, masks, index, rng)
        with torch.no_grad():
            taps, _ = net.features(x)
        loss = weighted_loss(net.decode(taps), y, torch.from_numpy(weights[index]))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 5.0)
        optimiser.step()
        schedule.step()
        pace = 1 - min(plan.average, (1 + number) / (10 + number))
        for key, value in net.state_dict().items():
            if value.dtype.is_floating_point:
                kept[key].lerp_(value.detach(), pace)
        recent.append(loss.detach().item())
        if number % 100 == 0:
            line = {
                "step": number,
                "anatomy": round(float(np.mean(recent)), 4),
                "seconds": round(time.time() - started),
            }
            recent.clear()
            log.info("%s", line)
            with (runs / "anatomy.jsonl").open("a") as handle:
                handle.write(json.dumps(line) + "\n")
    net.load_state_dict(kept)


def main() -> None:
    """Parses the command line; reads and rewrites ``net.pt`` of the run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=Plan().steps)
    parser.add_argument("--seed", type=int, default=Plan().seed)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    saved = torch.load(options.runs / "net.pt", map_location="cpu", weights_only=True)
    net = ReaderNet(len(films.STRUCTURE_BITS), len(saved["heads"]))
    own = net.state_dict()
    net.load_state_dict({**own, **{k: v for k, v in saved["state"].items() if k in own and own[k].shape == v.shape}})
    data = load(options.data, int(saved["plan"]["size"]), options.runs / "cache")
    log.info("%d films, structures by weight: %s", len(data[0]), data[2].sum(axis=0).tolist())
    fit(net, data, Plan(steps=options.steps, seed=options.seed), options.runs)
    saved["state"] = net.state_dict()
    saved["plan"] = {**saved["plan"], "anatomy_steps": options.steps, "anatomy_seed": options.seed}
    torch.save(saved, options.runs / "net.pt")


if __name__ == "__main__":
    main()
