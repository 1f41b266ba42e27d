"""The training loop of the reader network: anatomy, signs and film-level heads together, resumable, seeded."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from whyray_train import augment
from whyray_train.basis import average
from whyray_train.films import STRUCTURE_BITS
from whyray_train.gating import pooled
from whyray_train.network import ReaderNet
from whyray_train.sources import Batch, Source, joined

log = logging.getLogger(__name__)
CHEST = slice(0, 3)  # right lung, left lung, heart
UNMARKED = len(STRUCTURE_BITS)  # from this plane on: structures that no real film has marked
COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
SURE = 0.05  # distance from a code of an atlas, in 0..1, beyond which a warp has left it between two
MARGIN = 3  # cells of the sign map beyond which no sign lies: pleura and hidden bases are nearer

SIGNS = ("lateral", "narrow", "smooth", "beside", "signs")
LEARNS: Mapping[str, tuple[str, ...]] = {
    "film": ("backbone", "classify", "bias", "dropout"),
    "anatomy": ("trunk", "anatomy"),
    "signs": SIGNS,
    "dense": ("trunk", "anatomy", *SIGNS),
}


def learns(name: str, plan: Plan) -> bool:
    """Whether a part or a parameter of the network learns."""
    return name.split(".")[0] in LEARNS[plan.learns]


@dataclass(frozen=True, slots=True)
class Plan:
    """Numbers of one training run.

    ``real``, ``inserted``, ``projected``, ``human``, ``marked`` and ``drawn`` films make one batch; ``segment`` steps
    are logged and saved together. What ``learns`` (`LEARNS`): the film-level part; after it anatomy and signs, or one
    of the two.
    """

    size: int = 320
    steps: int = 600
    segment: int = 60
    real: int = 5
    inserted: int = 5
    projected: int = 4
    human: int = 1
    marked: int = 1
    drawn: int = 0
    rate: float = 3e-3
    backbone_rate: float = 8e-4
    decay: float = 0.02
    average: float = 0.99
    film_weight: float = 3.0
    anatomy_weight: float = 1.0
    signs_weight: float = 1.0
    film_signs_weight: float = 0.5
    outside_weight: float = 1.0
    placed_weight: float = 1.0
    sized_weight: float = 1.0
    learns: str = "dense"
    seed: int = 1


def picks(source: Source, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """`count` different rows, drawn with the source's weights."""
    return rng.choice(len(source.images), count, replace=False, p=source.weights / source.weights.sum())


def anatomy_loss(logits: Tensor, masks: Tensor, weights: Tensor) -> Tensor:
    """Cross-entropy plus soft Dice of (n, k, h, w) logits; ``weights`` (n, k) counts each structure of each film."""
    bce = F.binary_cross_entropy_with_logits(logits, masks, reduction="none").mean(dim=(2, 3))
    p = logits.sigmoid()
    overlap = 2 * (p * masks).sum(dim=(2, 3)) + 1
    total = p.sum(dim=(2, 3)) + masks.sum(dim=(2, 3)) + 1
    return ((4 * bce + 1 - overlap / total) * weights).sum() / weights.sum().clamp_min(1)


def sign_loss(logits: Tensor, masks: Tensor, weights: Tensor, told: Tensor | None = None) -> Tensor:
    """As `anatomy_loss`, with Dice only where there is something to overlap, and positives counted three times.

    ``told`` (n, j, h, w): 1 where the masks are known; everywhere without it.
    """
    told = torch.ones_like(masks) if told is None else told
    masks = masks * told
    heavy = (1 + 2 * masks) * told
    bce = F.binary_cross_entropy_with_logits(logits, masks, weight=heavy, reduction="none").sum(dim=(2, 3))
    bce = bce / told.sum(dim=(2, 3)).clamp_min(1)
    p = logits.sigmoid() * told
    overlap = 2 * (p * masks).sum(dim=(2, 3)) + 1
    total = p.sum(dim=(2, 3)) + masks.sum(dim=(2, 3)) + 1
    shown = (masks.amax(dim=(2, 3)) > 0.3).float()
    return ((8 * bce + shown * (1 - overlap / total)) * weights).sum() / weights.sum().clamp_min(1)


def outside_loss(logits: Tensor, anatomy: Tensor, weights: Tensor) -> Tensor:
    """Signs where there is no chest: mean cross-entropy against nothing on cells far from lungs and heart.

    ``anatomy`` (n, k, 2h, 2w) coverage with ``weights`` (n, k); only films whose lungs and heart are known count.
    """
    chest = F.avg_pool2d(anatomy[:, CHEST].amax(dim=1, keepdim=True), 2)
    near = F.max_pool2d(chest, 2 * MARGIN + 1, 1, MARGIN)
    far = (near < 0.05).float() * (weights[:, CHEST].amin(dim=1) > 0).float().view(-1, 1, 1, 1)
    return (8 * F.softplus(logits) * far).sum() / (far.sum() * logits.shape[1]).clamp_min(1)


def placed_loss(logits: Tensor, anatomy: Tensor, placed: Tensor) -> Tensor:
    """Structures that no real film has marked, held to an atlas: mean cross-entropy where it tells yes or no.

    ``anatomy`` (n, k, h, w) holds the codes of `atlas` in 0..1 in its last planes, for the rows with ``placed`` = 1;
    what a warp leaves between two codes is not told.
    """
    codes = anatomy[:, UNMARKED:]
    told = ((codes < SURE) | (codes > 1 - SURE)).float() * placed.view(-1, 1, 1, 1)
    loss = F.binary_cross_entropy_with_logits(logits[:, UNMARKED:], codes.round(), reduction="none")
    heavy = 1 + 3 * codes.round()
    return 4 * (loss * told * heavy).sum() / told.sum().clamp_min(1)


def sized_loss(logits: Tensor, anatomy: Tensor, placed: Tensor, shares: Tensor) -> Tensor:
    """Structures that no real film has marked, held to their size: mean squared excess or lack of area.

    Where the atlas says neither yes nor no, a network that is unsure fills everything, or nothing. ``shares`` (2, k'):
    least and greatest area of each of these structures over that of both lungs; films without lungs are left out (size
    constraints as a loss: Kervadec et al., Med Image Anal 2019).
    """
    lungs = anatomy[:, CHEST][:, :2].sum(dim=(1, 2, 3))
    share = logits[:, UNMARKED:].sigmoid().sum(dim=(2, 3)) / lungs[:, None].clamp_min(1)
    excess = F.relu(share / shares[1].clamp_min(1e-6) - 1).clamp_max(4)
    lack = F.relu(1 - share / shares[0].clamp_min(1e-6)) * (shares[0] > 0)
    counted = placed * (lungs > 0)
    return ((excess.square() + lack.square()).mean(dim=1) * counted).sum() / counted.sum().clamp_min(1)


def losses(net: ReaderNet, batch: Batch, plan: Plan, shares: Tensor | None = None) -> dict[str, Tensor]:
    """The losses of one augmented batch, by name; ``shares`` as for `sized_loss`."""
    if batch.images.shape[-1] != plan.size:
        raise ValueError("batch of another size than the plan's")
    picture = batch.images.contiguous(memory_format=torch.channels_last)
    if plan.learns == "film":
        logits = net.film(net.backbone(picture)[1])["logits"]
        film = F.binary_cross_entropy_with_logits(logits, batch.labels, reduction="none").mean(dim=1)
        return {"film": (film * batch.label_weight).sum() / batch.label_weight.sum().clamp_min(1)}
    if plan.learns == "anatomy":
        return outline_losses(net.outlines(picture), batch, shares)
    out = net.dense(net.backbone(picture)[0])
    marks = mark_losses(out["signs"], batch)
    return marks if plan.learns == "signs" else outline_losses(out["anatomy"], batch, shares) | marks


def mark_losses(logits: Tensor, batch: Batch) -> dict[str, Tensor]:
    """The losses of sign logits (n, j, h, w), by name."""
    seen = F.binary_cross_entropy_with_logits(pooled(logits), batch.film_signs, reduction="none")
    coded = batch.drawn.view(-1, 1, 1, 1)
    told = 1 - coded * ((batch.signs > SURE) & (batch.signs < 1 - SURE)).float()
    return {
        "signs": sign_loss(logits, torch.where(coded > 0, batch.signs.round(), batch.signs), batch.sign_weight, told),
        "outside": outside_loss(logits, batch.anatomy, batch.anatomy_weight),
        "film_signs": (seen * batch.film_sign_weight).sum() / batch.film_sign_weight.sum().clamp_min(1),
    }


def outline_losses(logits: Tensor, batch: Batch, shares: Tensor | None) -> dict[str, Tensor]:
    """The losses of anatomy logits (n, k, h, w), by name."""
    nothing = torch.zeros(())
    return {
        "anatomy": anatomy_loss(logits, batch.anatomy, batch.anatomy_weight),
        "placed": placed_loss(logits, batch.anatomy, batch.placed),
        "sized": nothing if shares is None else sized_loss(logits, batch.anatomy, batch.placed, shares),
    }


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
        average(self.state, net, decay)


@dataclass(eq=False, slots=True)
class Run:
    """A network with what its training needs to go on after a stop."""

    net: ReaderNet
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    average: Average
    done: int = 0

    @classmethod
    def new(cls, net: ReaderNet, plan: Plan) -> Run:
        """Optimiser and schedule for `net`; the backbone learns at its own rate."""
        backbone = set(map(id, (*net.backbone.parameters(), *net.trunk.own.parameters())))
        for name, parameter in net.named_parameters():
            parameter.requires_grad_(learns(name, plan))
        groups = [
            {"params": [p for p in net.parameters() if id(p) in backbone], "lr": plan.backbone_rate},
            {"params": [p for p in net.parameters() if id(p) not in backbone], "lr": plan.rate},
        ]
        optimiser = torch.optim.AdamW(groups, weight_decay=plan.decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, [plan.backbone_rate, plan.rate], total_steps=plan.steps, pct_start=0.1
        )
        return cls(net, optimiser, schedule, Average(net, plan.average))

    def step(self, found: Mapping[str, Tensor], plan: Plan) -> None:
        """One weighted step down."""
        total = sum((getattr(plan, f"{name}_weight") * loss for name, loss in found.items()), torch.zeros(()))
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimiser.step()
        self.schedule.step()
        self.average.update(self.net)
        self.done += 1

    def save(self, file: Path, plan: Plan) -> None:
        """Writes everything, whole or not at all."""
        state = {
            "net": self.net.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "average": self.average.state,
            "averaged": self.average.steps,
            "done": self.done,
            "plan": asdict(plan),
        }
        temporary = file.with_suffix(".tmp")
        torch.save(state, temporary)
        temporary.rename(file)

    def resume(self, file: Path) -> None:
        """Takes up where `file` was written; nothing when there is no file."""
        if not file.exists():
            return
        state = torch.load(file, map_location="cpu", weights_only=True)
        self.net.load_state_dict(state["net"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        self.average.state, self.average.steps = state["average"], state["averaged"]
        self.done = int(state["done"])


def fit(
    net: ReaderNet,
    sources: Sequence[tuple[Source, int]],
    plan: Plan,
    folder: Path,
    shares: NDArray[np.float32] | None = None,
) -> dict[str, Tensor]:
    """Trains `net` on batches of (source, rows a batch), resuming from `folder`; returns the averaged weights."""
    torch.manual_seed(plan.seed)
    net.to(memory_format=torch.channels_last)
    run, file = Run.new(net, plan), folder / "checkpoint.pt"
    run.resume(file)
    with Progress(*COLUMNS, console=Console(stderr=True)) as bar:
        task = bar.add_task("training", total=plan.steps, completed=run.done)
        known = None if shares is None else torch.from_numpy(shares)
        _segments(run, sources, plan, folder, lambda: bar.advance(task), known)
    return run.average.state


def _segments(
    run: Run,
    sources: Sequence[tuple[Source, int]],
    plan: Plan,
    folder: Path,
    tick: Callable[[], None],
    shares: Tensor | None,
) -> None:
    """Goes on from ``run.done`` to the last step; logs and saves after each segment."""
    net = run.net
    while run.done < plan.steps:
        started, kept = time.time(), []
        for name, part in net.named_modules():
            part.training = learns(name, plan)
        torch.manual_seed(plan.seed * 100_000 + run.done)
        rng = torch.Generator().manual_seed(plan.seed * 100_000 + run.done)
        choice = np.random.default_rng((plan.seed, run.done))
        for _ in range(min(plan.segment, plan.steps - run.done)):
            batch = joined([source.draw(picks(source, count, choice)) for source, count in sources if count])
            found = losses(net, augment.batch(batch, rng), plan, shares)
            run.step(found, plan)
            tick()
            kept.append([loss.detach().item() for loss in found.values()])
        line = {"steps": run.done} | dict(zip(found, np.mean(kept, axis=0).round(4).tolist(), strict=True))
        line["seconds"] = round(time.time() - started, 1)
        log.info("%s", line)
        with (folder / "log.jsonl").open("a") as handle:
            handle.write(json.dumps(line) + "\n")
        run.save(folder / "checkpoint.pt", plan)
