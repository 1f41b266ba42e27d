"""``python -m whyray_train.fine --data DIR --runs DIR --base MODELDIR``: trains the network of the second look.

It learns from signs inserted into train films at twice the resolution of the reader network
(``fine_templates.yaml``) and from places of normal films that it mistook for signs. The chest as the reader network
(``--base``) sees it on the same film goes in beside the pixels, as it does when a film is read. ``--runs`` gets
``fine.pt``, a log and ``fine.yaml`` with its numbers on val films. A stopped run goes on where it was saved.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import yaml
from numpy.typing import NDArray
from torch import Tensor

from whyray.domain import Engine
from whyray.engines import create
from whyray.perception import second
from whyray_train import fine_data, fine_eval
from whyray_train.basis import average, commit
from whyray_train.export import plain
from whyray_train.fine_data import Crops, Lungs
from whyray_train.fine_network import FineNet, bank, pooled
from whyray_train.loop import sign_loss

log = logging.getLogger(__name__)
COMMAND = "python -m whyray_train.fine"
F32 = NDArray[np.float32]
ALIGNED = 16  # pixels: the coarsest cell of the network
BATCH = tuple[Tensor, Tensor, Tensor, Tensor]


@dataclass(frozen=True, slots=True)
class Plan:
    """Numbers of one run.

    A step sees ``batch`` squares of ``side`` pixels. After every ``segment`` the normal films are searched for what the
    network takes for signs, for the first time after ``mine`` steps.
    """

    made: int = 300
    seeds: tuple[int, ...] = (11, 12, 13, 14)
    steps: int = 1200
    segment: int = 250
    batch: int = 8
    side: int = 160
    rate: float = 6e-3
    decay: float = 0.01
    average: float = 0.99
    film_weight: float = 1.0
    mine: int = 500
    seed: int = 1


def main() -> None:
    """Parses the command line, trains and measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--base", type=Path, required=True, help="model folder of the reader network")
    parser.add_argument("--cache", type=Path, help="folder of decoded films; default: in the runs folder")
    parser.add_argument("--steps", type=int, default=Plan().steps)
    parser.add_argument("--rate", type=float, default=Plan().rate)
    parser.add_argument("--seed", type=int, default=Plan().seed)
    parser.add_argument("--start", type=Path, help="runs folder of an earlier run to start from")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    cache = options.runs / "cache" if options.cache is None else options.cache
    options.runs.mkdir(parents=True, exist_ok=True)
    base = create("onnx", options.base)
    plan = Plan(steps=options.steps, rate=options.rate, seed=options.seed)
    net = train(options.data, options.runs, cache, base, plan, options.start)
    found = fine_eval.measured(net, options.data, cache, base)
    (options.runs / "fine.yaml").write_text(yaml.safe_dump(found, sort_keys=False, width=110), "utf-8")


def train(data: Path, runs: Path, cache: Path, base: Engine, plan: Plan, start: Path | None = None) -> FineNet:
    """The averaged network after all steps; goes on from ``runs/fine.pt``, begins with the network of `start`."""
    torch.manual_seed(plan.seed)
    net, history = (FineNet(), []) if start is None else load(start)  # type: FineNet, list[dict[str, str]]
    net = net.to(memory_format=torch.channels_last)
    command = f"{COMMAND} --steps {plan.steps} --rate {plan.rate} --seed {plan.seed}"
    history = [*history, {"command": command + ("" if start is None else " --start RUNS"), "commit": commit()}]
    optimiser = torch.optim.AdamW(net.parameters(), lr=plan.rate, weight_decay=plan.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, plan.rate, total_steps=plan.steps, pct_start=0.1)
    kept, done, file = {k: v.detach().clone() for k, v in net.state_dict().items()}, 0, runs / "fine.pt"
    if file.exists():
        saved = torch.load(file, map_location="cpu", weights_only=True)
        if saved.get("plan") != json.dumps(asdict(plan)):
            raise ValueError(f"{file} belongs to another plan")
        for part, name in ((net, "net"), (optimiser, "optimiser"), (schedule, "schedule")):
            part.load_state_dict(saved[name])
        kept, done, history = saved["average"], saved["done"], json.loads(saved["history"])
    if done < plan.steps:
        made, normal = fine_data.gathered(data, cache, base, plan.made, plan.seeds, plan.seed)
    while done < plan.steps:
        started, found = time.time(), []
        mistaken = mined(net, normal) if done >= plan.mine else None
        net.train()
        for step in range(done, min(done + plan.segment, plan.steps)):
            rng = np.random.default_rng([plan.seed, step])
            parts = losses(net, draw(made, normal, mistaken, plan, rng))
            optimiser.zero_grad(set_to_none=True)
            (parts[0] + plan.film_weight * parts[1]).backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 2.0)
            optimiser.step()
            schedule.step()
            average(kept, net, min(plan.average, (1 + step) / (10 + step)))
            found.append([p.item() for p in parts])
        done += len(found)
        masks, scores = np.mean(found, axis=0).round(4).tolist()
        line = {"steps": done, "masks": masks, "scores": scores}
        line["seconds"] = round(time.time() - started, 1)
        log.info("%s", line)
        states = {"net": net.state_dict(), "optimiser": optimiser.state_dict(), "schedule": schedule.state_dict()}
        extra = {"average": kept, "done": done, "plan": json.dumps(asdict(plan)), "history": json.dumps(history)}
        extra["channels"] = list(bank().look.channels)
        torch.save({**states, **extra}, file.with_suffix(".tmp"))
        file.with_suffix(".tmp").rename(file)
        with (runs / "fine.jsonl").open("a") as handle:
            handle.write(json.dumps(line) + "\n")
    net.load_state_dict(kept)
    return net.eval()


def load(runs: Path) -> tuple[FineNet, list[dict[str, str]]]:
    """The averaged network that `train` saved, and the commands that made it.

    Raises
    ------
    ValueError
        When its channels are others.
    """
    saved = torch.load(runs / "fine.pt", map_location="cpu", weights_only=True)
    net, known = FineNet(), list(bank().look.channels)
    trained = list(saved.get("channels", known))
    if trained != known:
        raise ValueError(f"{runs / 'fine.pt'} has the channels {trained}")
    net.load_state_dict(saved["average"])
    return net.eval(), list(json.loads(saved["history"]))


def begin(net: FineNet, history: list[dict[str, str]], runs: Path) -> None:
    """Writes what `load` reads: a network whose training was another's."""
    torch.save({"average": net.state_dict(), "history": json.dumps(history)}, runs / "fine.pt")


def draw(made: Crops, normal: Lungs, mistaken: NDArray[np.int64] | None, plan: Plan, rng: np.random.Generator) -> BATCH:
    """One augmented batch: film (n, 1, side, side), places, signs in 0..1 and known (n, j).

    Of eight windows four lie on an inserted sign, every channel as often; one at such a place of another lung, one
    anywhere; two on normal films, where the network was mistaken (m, j, 2) once that is known.
    """
    parts, known = [], []
    for k in range(plan.batch):
        channel = int(rng.integers(made.shown.shape[1]))
        if k % 4 == 3:
            row = int(rng.integers(len(normal.images)))
            middle = rng.integers(0, normal.images.shape[1:]) if mistaken is None else mistaken[row, channel]
            parts.append(_window(normal.images[row], normal.places[row], None, middle, plan.side, rng))
            known.append(np.ones(made.known.shape[1], np.bool_))
            continue
        row = int(rng.choice(np.flatnonzero(made.shown[:, channel])))
        marked = np.argwhere(made.signs[row, channel] > 0)
        middle = marked[rng.integers(len(marked))] * bank().look.stride
        if k % 4 == 1:
            row = int(rng.integers(len(made.images)))
            middle = middle if k % 8 == 1 else rng.integers(0, made.images.shape[1:])
        parts.append(_window(made.images[row], made.places[row], made.signs[row], middle, plan.side, rng))
        known.append(made.known[row])
    film, places, signs = (torch.from_numpy(np.stack(p).astype(np.float32)) for p in zip(*parts, strict=True))
    told = torch.from_numpy(np.stack(known).astype(np.float32))
    return film[:, None].contiguous(memory_format=torch.channels_last), places, signs, told


def _window(
    image: NDArray[np.uint8],
    places: NDArray[np.float16],
    signs: NDArray[np.uint8] | None,
    middle: NDArray[np.int64],
    side: int,
    rng: np.random.Generator,
) -> tuple[F32, F32, F32]:
    """A square of one crop about a place (row, column), with other brightness and noise."""
    look = bank().look
    shift = rng.integers(-side // 3, side // 3 + 1, 2)
    most = np.array(image.shape) - side
    top, left = (int(c) for c in np.clip((middle + shift - side // 2) // ALIGNED * ALIGNED, 0, most))
    cells = side // look.stride
    where = places[..., top // look.cell : (top + side) // look.cell, left // look.cell : (left + side) // look.cell]
    mask: F32 = np.zeros((len(look.channels), cells, cells), np.float32)
    if signs is not None:
        rows, cols = top // look.stride, left // look.stride
        mask = np.asarray(signs[..., rows : rows + cells, cols : cols + cells] / np.float32(255), dtype=np.float32)
    return shaded(image[top : top + side, left : left + side], rng), where.astype(np.float32), mask


def shaded(image: NDArray[np.uint8], rng: np.random.Generator) -> F32:
    """The picture in [0, 1] with other brightness, contrast and noise."""
    grey = image.astype(np.float32) / 255
    grey = grey ** np.float32(np.exp(rng.normal(0, 0.15))) * np.float32(rng.uniform(0.85, 1.15))
    grey = grey + rng.uniform(0, 0.012) * rng.standard_normal(grey.shape, dtype=np.float32) + rng.normal(0, 0.03)
    return np.asarray(grey, dtype=np.float32)


def losses(net: FineNet, batch: BATCH) -> tuple[Tensor, Tensor]:
    """(of the masks, of the windows' scores)."""
    film, places, signs, known = batch
    logits = net(film, places)
    shown = (signs.amax(dim=(2, 3)) > 0).float()
    seen = F.binary_cross_entropy_with_logits(pooled(logits), shown, weight=known, reduction="sum")
    return sign_loss(logits, signs, known), seen / known.sum().clamp_min(1)


def mined(net: FineNet, normal: Lungs) -> NDArray[np.int64]:
    """Where (row, column) in every normal lung each channel is highest: (m, j, 2) pixels."""
    net.eval()
    out = np.zeros((len(normal.images), len(bank().channels), 2), np.int64)
    with torch.no_grad():
        for row, (image, places) in enumerate(zip(normal.images, normal.places, strict=True)):
            film = torch.from_numpy(image / np.float32(255))[None, None]
            logits = net(film, torch.from_numpy(places.astype(np.float32))[None])[0]
            best = logits.flatten(1).argmax(dim=1).numpy()
            out[row] = np.stack(np.unravel_index(best, logits.shape[1:]), axis=1) * bank().look.stride
    return out


def write(net: FineNet, file: Path) -> None:
    """One lung in, its sign logits out."""
    look = bank().look
    rows, cols = look.crop
    film = torch.zeros(1, 1, rows, cols)
    places = torch.zeros(1, bank().planes, rows // look.cell, cols // look.cell)
    program = torch.onnx.export(
        net.eval(), (film, places), input_names=["film", "places"], output_names=["signs"], dynamo=True,
        optimize=True,
    )  # fmt: skip
    if program is None:
        raise RuntimeError("the exporter returned nothing")
    program.save(str(file), external_data=False)
    plain(file)


def maps(net: FineNet, images: NDArray[np.uint8], seen: Sequence[F32]) -> F32:
    """(n, channels, size / stride, size / stride) logits of (n, size, size) films with their first look's planes."""
    return np.stack(
        [second.look_again(i / np.float32(255), s, Torch(net), bank().look) for i, s in zip(images, seen, strict=True)]
    )


class Torch:
    """The network as an engine that looks again."""

    def __init__(self, net: FineNet) -> None:
        self.net = net.eval()

    def look_again(self, films: F32, places: F32) -> F32:
        """As ``domain.LooksAgain``."""
        with torch.no_grad():
            return np.asarray(self.net(torch.from_numpy(films), torch.from_numpy(places)).numpy(), dtype=np.float32)


if __name__ == "__main__":
    main()
