"""The training loop of the reader network: anatomy and film-level heads together, resumable, seeded."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from whyray_train import augment
from whyray_train.network import ReaderNet

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """Numbers of one training run."""

    size: int = 320
    epochs: int = 14
    batch: int = 16
    rate: float = 1e-3
    backbone_rate: float = 4e-4
    decay: float = 0.02
    average: float = 0.995
    anatomy_weight: float = 1.0
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Data:
    """Arrays of one split.

    ``images`` (n, s, s) uint8; ``masks`` (m, k, s, s) uint8 for the films with ``mask_index`` >= 0;
    ``targets`` (n, c) float32; ``weights`` (n,) sampling weights.
    """

    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    mask_index: NDArray[np.int64]
    targets: NDArray[np.float32]
    weights: NDArray[np.float64]


def batches(data: Data, plan: Plan, epoch: int) -> Iterator[NDArray[np.int64]]:
    """Indices of one epoch, drawn with the sampling weights (without replacement where they are equal)."""
    rng = np.random.default_rng((plan.seed, epoch))
    n = len(data.images)
    edges = np.cumsum(data.weights) / data.weights.sum() * n
    picks = np.searchsorted(edges, rng.random() + np.arange(n), side="right")
    order = rng.permutation(np.minimum(picks, n - 1))
    for start in range(0, n - plan.batch + 1, plan.batch):
        yield order[start : start + plan.batch]


def anatomy_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Binary cross-entropy plus soft Dice, mean over structures; masks are soft coverage in [0, 1]."""
    bce = F.binary_cross_entropy_with_logits(logits, masks)
    p = logits.sigmoid()
    overlap = 2 * (p * masks).sum(dim=(2, 3)) + 1
    total = p.sum(dim=(2, 3)) + masks.sum(dim=(2, 3)) + 1
    return bce + (1 - overlap / total).mean()


def step(
    net: ReaderNet, data: Data, index: NDArray[np.int64], plan: Plan, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """(film-level loss, anatomy loss) of one batch."""
    images = torch.from_numpy(data.images[index].astype(np.float32) / 255).unsqueeze(1)
    rows = data.mask_index[index]
    masks = torch.zeros(len(index), data.masks.shape[1], plan.size, plan.size)
    known = torch.from_numpy(rows >= 0)
    if known.any():
        masks[known] = torch.from_numpy(data.masks[rows[rows >= 0]].astype(np.float32) / 255)
    strength = augment.Strength()
    images, masks = augment.warp(images, masks, strength, rng)
    images, painted = augment.paint(images, masks, strength, rng)
    images = augment.expose(images, strength, rng)
    out = net(images.contiguous(memory_format=torch.channels_last))
    labels = torch.from_numpy(data.targets[index])
    per_film = F.binary_cross_entropy_with_logits(out["logits"], labels, reduction="none").mean(dim=1)
    film = (per_film * (~painted)).sum() / (~painted).sum().clamp_min(1)
    anatomy = torch.zeros(())
    if known.any():
        anatomy = anatomy_loss(out["anatomy"][known], F.avg_pool2d(masks[known], 2))
    return film, anatomy


class Average:
    """Exponential moving average of the weights and buffers."""

    def __init__(self, net: ReaderNet, decay: float) -> None:
        self.decay = decay
        self.state = {k: v.detach().clone() for k, v in net.state_dict().items()}
        self.steps = 0

    def update(self, net: ReaderNet) -> None:
        """One step towards the current weights; early steps move faster."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for key, value in net.state_dict().items():
            if value.dtype.is_floating_point:
                self.state[key].lerp_(value.detach(), 1 - decay)
            else:
                self.state[key].copy_(value)


def fit(net: ReaderNet, data: Data, plan: Plan, folder: Path) -> dict[str, Tensor]:
    """Trains `net`; writes ``checkpoint.pt`` and ``log.jsonl`` to `folder` each epoch and resumes from them."""
    torch.manual_seed(plan.seed)
    net.to(memory_format=torch.channels_last)
    backbone = set(map(id, net.backbone.parameters()))
    groups = [
        {"params": [p for p in net.parameters() if id(p) in backbone], "lr": plan.backbone_rate},
        {"params": [p for p in net.parameters() if id(p) not in backbone], "lr": plan.rate},
    ]
    optimiser = torch.optim.AdamW(groups, weight_decay=plan.decay)
    per_epoch = len(data.images) // plan.batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, [plan.backbone_rate, plan.rate], total_steps=plan.epochs * per_epoch, pct_start=0.15
    )
    average = Average(net, plan.average)
    first = _resume(folder, net, optimiser, schedule, average)
    for epoch in range(first, plan.epochs):
        started, losses = time.time(), []
        net.train()
        rng = torch.Generator().manual_seed(plan.seed * 1000 + epoch)
        torch.manual_seed(plan.seed * 1000 + epoch)
        for index in batches(data, plan, epoch):
            film, anatomy = step(net, data, index, plan, rng)
            optimiser.zero_grad(set_to_none=True)
            (film + plan.anatomy_weight * anatomy).backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimiser.step()
            schedule.step()
            average.update(net)
            losses.append((film.detach().item(), anatomy.detach().item()))
        mean = np.mean(losses, axis=0)
        line = {"epoch": epoch, "film": round(float(mean[0]), 4), "anatomy": round(float(mean[1]), 4)}
        line["seconds"] = round(time.time() - started, 1)
        log.info("%s", line)
        with (folder / "log.jsonl").open("a") as handle:
            handle.write(json.dumps(line) + "\n")
        _save(folder, net, optimiser, schedule, average, epoch + 1, plan)
    return average.state


def _save(
    folder: Path,
    net: ReaderNet,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    average: Average,
    epoch: int,
    plan: Plan,
) -> None:
    state = {
        "net": net.state_dict(),
        "optimiser": optimiser.state_dict(),
        "schedule": schedule.state_dict(),
        "average": average.state,
        "steps": average.steps,
        "epoch": epoch,
        "plan": asdict(plan),
    }
    temporary = folder / "checkpoint.tmp"
    torch.save(state, temporary)
    temporary.rename(folder / "checkpoint.pt")


def _resume(
    folder: Path,
    net: ReaderNet,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    average: Average,
) -> int:
    file = folder / "checkpoint.pt"
    if not file.exists():
        return 0
    state = torch.load(file, map_location="cpu", weights_only=True)
    net.load_state_dict(state["net"])
    optimiser.load_state_dict(state["optimiser"])
    schedule.load_state_dict(state["schedule"])
    average.state, average.steps = state["average"], state["steps"]
    return int(state["epoch"])
