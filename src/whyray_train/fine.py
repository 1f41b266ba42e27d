"""``python -m whyray_train.fine --data DIR --runs DIR --base MODELDIR``: trains the fine network and measures it.

It learns from signs inserted into train films at twice the resolution of the reader network
(``fine_templates.yaml``), beside look-alikes and other signs. ``--runs`` gets ``fine.pt``, a log, ``fine.onnx`` and
``fine.yaml``: the entry of the model card. A run that was stopped goes on where it was saved.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
import yaml
from numpy.typing import NDArray
from torch import Tensor

from whyray.domain import Engine, Frame
from whyray.engines import create
from whyray_train import films, fine_eval, inserted, lung_crops, sign_models
from whyray_train.fine_network import FineNet, bank, pooled
from whyray_train.gating import channels
from whyray_train.loop import sign_loss

log = logging.getLogger(__name__)
U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
SHIFT = 3  # cells of the planes by which a crop may lie beside its place
ALIGNED = 16  # pixels: the coarsest cell of the network


@dataclass(frozen=True, slots=True)
class Plan:
    """Numbers of one run; a step sees ``batch`` squares of ``side`` pixels."""

    made: int = 360
    seeds: tuple[int, ...] = (11, 12)
    steps: int = 1500
    segment: int = 100
    batch: int = 8
    side: int = 160
    rate: float = 6e-3
    decay: float = 0.01
    average: float = 0.98
    film_weight: float = 1.0
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Crops:
    """Lungs: ``images`` (m, h, w) and ``signs`` (m, j, h/2, w/2) uint8, ``places`` (m, PLANES, h/4, w/4).

    ``known`` and ``shown`` (m, j): the mask is the whole truth; it is not empty.
    """

    images: U8
    places: NDArray[np.float16]
    signs: U8
    known: NDArray[np.bool_]
    shown: NDArray[np.bool_]


def main() -> None:
    """Parses the command line, trains, exports and measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--base", type=Path, required=True, help="model folder of the reader network")
    parser.add_argument("--cache", type=Path, help="folder of decoded films; default: in the runs folder")
    parser.add_argument("--steps", type=int, default=Plan().steps)
    parser.add_argument("--seed", type=int, default=Plan().seed)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    cache = options.runs / "cache" if options.cache is None else options.cache
    options.runs.mkdir(parents=True, exist_ok=True)
    net = train(options.data, options.runs, cache, Plan(steps=options.steps, seed=options.seed))
    file = options.runs / "fine.onnx"
    write(net, file)
    entry = {"weights": {"file": "fine.onnx", "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}}
    entry |= measured(net, options.data, cache, create("onnx", options.base))
    (options.runs / "fine.yaml").write_text(yaml.safe_dump(entry, sort_keys=False, width=110), "utf-8")


def measured(net: FineNet, data: Path, cache: Path, base: Engine) -> dict[str, Any]:
    """Scores of the channels, calibrated, and their numbers on inserted and on real films of train and val."""
    table, _ = films.read_table(data)
    items = {s: [f for f in table if f.split == s] for s in ("train", "val")}
    maps = {}
    for split, some in items.items():
        images = films.cached([f.path for f in some], bank().size, cache)
        maps[split] = fine_eval.maps(net, images, first_look(base, images)[0])
    made, anatomy = made_films(data, "val", cache, fine_eval.INSERTED, fine_eval.SEED, ())
    other, _ = made_films(data, "val", cache, fine_eval.INSERTED, fine_eval.CALIBRATION_SEED, ())
    drawn = [
        (fine_eval.maps(net, m.images, anatomy[m.base]), fine_eval.truths(m.signs, anatomy[m.base]), m)
        for m in (made, other)
    ]
    found, masks, _ = drawn[0]
    accepted = [f for f in items["val"] if f.anatomy is not None]
    normal = np.array([films.NORMAL_LABEL in accepted[i].labels for i in made.base])
    cell_mm = np.array([accepted[i].mm_per_px(bank().size) * bank().stride for i in made.base])
    lines = {
        c.name: fine_eval.free_response(found[:, i], masks[:, i], normal & ~made.shown[:, i], cell_mm)
        for i, c in enumerate(bank().channels)
        if c.name in bank().counted
    }
    return {
        "sign_models": fine_eval.models(maps, items, (drawn[1][0], drawn[1][1], other.known)),
        "on_inserted": fine_eval.on_inserted(found, masks, made, first_look(base, made.images)[1]),
        "short_lines": lines,
        "against_labels": {s: fine_eval.on_real(maps[s], items[s]) for s in items},
    }


def first_look(base: Engine, images: U8) -> tuple[F32, F64]:
    """Anatomy planes (n, 4, s/4, s/4) and strengths (n, signs) that the reader network finds on the same films."""
    frame = Frame(images.shape[1], images.shape[1], base.card.input_size)
    names = [c.name for c in channels()]
    order = [names.index(c.name) for c in bank().channels]
    seen, scores = [], []
    for image in images:
        out = base.run(frame.to_grid(image / np.float32(255))[None], ["anatomy", "signs"])
        seen.append((255 / (1 + np.exp(-out["anatomy"][:5])) + 0.5).astype(np.uint8))
        scores.append(sign_models.strengths(out["signs"][None], channels())[0, order])
    return planes(np.stack(seen), bank().size // lung_crops.CELL), np.stack(scores)


def made_films(
    data: Path, split: str, cache: Path, count: int, seed: int, kinds: tuple[str, ...]
) -> tuple[inserted.Set, F32]:
    """Films with inserted signs, and the planes (m, 4, s/4, s/4) in 0..1 of the films they were made from."""
    table, _ = films.read_table(data)
    items = [f for f in table if f.split == split and f.anatomy is not None]
    detail = inserted.Detail(bank().work, bank().stride, kinds, tuple(c.name for c in bank().channels))
    made = inserted.make(items, count, bank().size, seed, cache, detail)
    masks = films.cached([f.anatomy for f in items if f.anatomy], inserted.WORK, cache, films.load_anatomy)
    return made, planes(masks, bank().size // lung_crops.CELL)


def planes(masks: U8, cells: int) -> F32:
    """(m, 4, cells, cells) in 0..1: right lung, left lung, heart, clavicles, of (m, 5, s, s) anatomy in 0..255."""
    frame = Frame(masks.shape[-1], masks.shape[-1], cells)
    small = np.stack([frame.to_grid(m / np.float32(255)) for m in masks])
    return np.concatenate([small[:, :3], small[:, 3:5].max(axis=1, keepdims=True)], axis=1)


def crops(made: inserted.Set, anatomy: F32, rng: np.random.Generator) -> Crops:
    """Both lungs of every film, each shifted a little."""
    size, found = bank().crop, []
    for image, signs, known, base in zip(made.images, made.signs, made.known, made.base, strict=True):
        for lung in lung_crops.find(anatomy[base], size):
            down, across = rng.integers(-SHIFT, SHIFT + 1, 2) * lung_crops.CELL
            at = lung_crops.Lung((lung.corner[0] + down, lung.corner[1] + across), lung.mirrored, lung.box)
            where, masks = lung_crops.places(anatomy[base], at, size), lung_crops.cut(signs, at, size, bank().stride)
            film, shown = lung_crops.cut(image, at, size), masks.max(axis=(1, 2)) > 0
            found.append((film, where.astype(np.float16), masks, known, shown))
    return Crops(*(np.stack(part) for part in zip(*found, strict=True)))


def joined(parts: Sequence[Crops]) -> Crops:
    """All crops in one."""
    return Crops(*(np.concatenate([getattr(p, name) for p in parts]) for name in Crops.__slots__))


def draw(source: Crops, plan: Plan, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One augmented batch: film (n, 1, side, side), places, signs in 0..1 and known (n, j).

    Half of the windows lie on a sign, every channel as often; the others on any lung, half of them at such places.
    """
    parts, rows = [], []
    for k in range(plan.batch):
        channel = int(rng.integers(source.shown.shape[1]))
        row = int(rng.choice(np.flatnonzero(source.shown[:, channel])))
        marked = np.argwhere(source.signs[row, channel] > 0)
        middle = marked[rng.integers(len(marked))] * bank().stride
        rows.append(row if k % 2 else int(rng.integers(len(source.images))))
        if k % 4 == 0:
            middle = rng.integers(0, source.images.shape[1:])
        parts.append(_window(source, rows[-1], middle, plan.side, rng))
    film, places, signs = (torch.from_numpy(np.stack(p).astype(np.float32)) for p in zip(*parts, strict=True))
    known = torch.from_numpy(source.known[rows].astype(np.float32))
    return film[:, None].contiguous(memory_format=torch.channels_last), places, signs, known


def _window(
    source: Crops, row: int, middle: NDArray[np.int64], side: int, rng: np.random.Generator
) -> tuple[F32, F32, F32]:
    """A square of one crop about a place (row, column), with other brightness and noise."""
    shift = rng.integers(-side // 3, side // 3 + 1, 2)
    most = np.array(source.images.shape[1:]) - side
    top, left = (int(c) for c in np.clip((middle + shift - side // 2) // ALIGNED * ALIGNED, 0, most))
    image, where, mask = (
        array[..., top // k : (top + side) // k, left // k : (left + side) // k]
        for array, k in (
            (source.images[row], 1), (source.places[row], lung_crops.CELL), (source.signs[row], bank().stride),
        )
    )  # fmt: skip
    grey = image.astype(np.float32) / 255
    grey = grey ** np.float32(np.exp(rng.normal(0, 0.15))) * np.float32(rng.uniform(0.85, 1.15))
    grey = grey + rng.uniform(0, 0.012) * rng.standard_normal(grey.shape, dtype=np.float32) + rng.normal(0, 0.03)
    return grey, where.astype(np.float32), mask / np.float32(255)


def losses(net: FineNet, batch: tuple[Tensor, Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """(of the masks, of the lungs' scores)."""
    film, places, signs, known = batch
    logits = net(film, places)
    shown = (signs.amax(dim=(2, 3)) > 0).float()
    seen = F.binary_cross_entropy_with_logits(pooled(logits), shown, weight=known, reduction="sum")
    return sign_loss(logits, signs, known), seen / known.sum().clamp_min(1)


def train(data: Path, runs: Path, cache: Path, plan: Plan) -> FineNet:
    """The averaged network after all steps; goes on from ``runs/fine.pt``."""
    torch.manual_seed(plan.seed)
    net = FineNet().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), lr=plan.rate, weight_decay=plan.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, plan.rate, total_steps=plan.steps, pct_start=0.1)
    kept, done, file = {k: v.detach().clone() for k, v in net.state_dict().items()}, 0, runs / "fine.pt"
    if file.exists():
        saved = torch.load(file, map_location="cpu", weights_only=True)
        if saved["plan"] != json.dumps(asdict(plan)):
            raise ValueError(f"{file} belongs to another plan")
        for part, name in ((net, "net"), (optimiser, "optimiser"), (schedule, "schedule")):
            part.load_state_dict(saved[name])
        kept, done = saved["average"], saved["done"]
    source = _source(data, cache, plan) if done < plan.steps else None
    while source is not None and done < plan.steps:
        started, found = time.time(), []
        for step in range(done, min(done + plan.segment, plan.steps)):
            rng = np.random.default_rng([plan.seed, step])
            parts = losses(net, draw(source, plan, rng))
            optimiser.zero_grad(set_to_none=True)
            (parts[0] + plan.film_weight * parts[1]).backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 2.0)
            optimiser.step()
            schedule.step()
            _average(kept, net, min(plan.average, (1 + step) / (10 + step)))
            found.append([p.item() for p in parts])
        done += len(found)
        masks, scores = np.mean(found, axis=0).round(4).tolist()
        line = {"steps": done, "masks": masks, "scores": scores, "seconds": round(time.time() - started, 1)}
        log.info("%s", line)
        with (runs / "fine.jsonl").open("a") as handle:
            handle.write(json.dumps(line) + "\n")
        states = {"net": net.state_dict(), "optimiser": optimiser.state_dict(), "schedule": schedule.state_dict()}
        torch.save({**states, "average": kept, "done": done, "plan": json.dumps(asdict(plan))}, file)
    net.load_state_dict(kept)
    return net.eval()


def _source(data: Path, cache: Path, plan: Plan) -> Crops:
    rng = np.random.default_rng(plan.seed)
    sets = (made_films(data, "train", cache, plan.made, seed, bank().kinds) for seed in plan.seeds)
    return joined([crops(made, anatomy, rng) for made, anatomy in sets])


def _average(kept: dict[str, Tensor], net: FineNet, decay: float) -> None:
    for key, value in net.state_dict().items():
        if value.dtype.is_floating_point:
            kept[key].lerp_(value.detach(), 1 - decay)
        else:
            kept[key].copy_(value)


def write(net: FineNet, file: Path) -> None:
    """One lung in, its sign logits out."""
    rows, cols = bank().crop
    film = torch.zeros(1, 1, rows, cols)
    places = torch.zeros(1, lung_crops.PLANES, rows // lung_crops.CELL, cols // lung_crops.CELL)
    program = torch.onnx.export(
        net.eval(), (film, places), input_names=["film", "places"], output_names=["signs"], dynamo=True, optimize=True
    )
    if program is None:
        raise RuntimeError("the exporter returned nothing")
    program.save(str(file), external_data=False)


if __name__ == "__main__":
    main()
