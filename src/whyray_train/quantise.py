"""``python -m whyray_train.quantise --model DIR --data DIR --out DIR``: the network in float32 and INT8, side by side.

Static quantisation (QDQ, weights per channel, activations from train films). Several choices of what stays float32 are
made and measured on val films; the folder that is written holds the fastest network that the loss allows, which is the
float32 one when no INT8 network is both good and faster. Weights keep seven bits: the products of eight-bit weights
overflow their 16-bit sums on processors without VNNI (onnxruntime, "Quantize ONNX Models", reduce_range).

The card of a folder made this way still holds the calibration of its float32 network; ``whyray_train.publish --int8``
quantises before it calibrates.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import onnxruntime
import yaml
from numpy.typing import NDArray

from whyray.engines.onnx import THREADS
from whyray.perception.detectors.mapped import strength
from whyray_train import export, films, metrics, sources
from whyray_train.gating import channels

log = logging.getLogger(__name__)
U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
Outputs = Mapping[str, F32]

CALIBRATED_ON = 96  # train films that set the ranges of the activations
AUC_LOSS, ORGANS, CLAVICLES = 0.003, 0.99, 0.97  # what INT8 may cost: mean AUC, Dice with the float32 masks
INSERTED, INSERTED_SEED = 400, 7  # the val films with inserted signs that publication calibrates on
ROUNDS = 20
HEADS = ("net.signs", "net.anatomy.structures", "net.classify", "gate")
DECODERS = (
    *(f"net.trunk.{part}" for part in ("smooth", "lateral", "narrow", "edge")),
    "net.anatomy.last",
    *(f"net.{part}" for part in ("lateral", "narrow", "smooth", "beside")),
)
FIRST = tuple(f"net.{net}.{part}" for net in ("backbone", "peer") for part in ("stem", "early"))
# What stays float32, by the start of its weights' names; the first entry quantises everything.
KEPT: Mapping[str, tuple[str, ...]] = {
    "INT8": (),
    "INT8, float32 heads": HEADS,
    "INT8, float32 decoders": (*HEADS, *DECODERS),
    "INT8, float32 decoders and first stages": (*HEADS, *DECODERS, *FIRST),
}


@dataclass(frozen=True, slots=True)
class Films:
    """What the networks are compared on.

    ``train`` and ``val`` uint8 (n, s, s); ``labels`` bool (n, heads) of the val films; ``made`` uint8 (m, s, s) val
    films with inserted signs, ``shown`` and ``known`` bool (m, channels): the sign was put in; the answer is certain.
    """

    train: U8
    val: U8
    labels: NDArray[np.bool_]
    made: U8
    shown: NDArray[np.bool_]
    known: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Measured:
    """One network: ``auc`` and ``signs`` are means over heads and channels, Dice is with the float32 masks.

    ``cpu_ms`` is processor time of one film on one thread, ``ms`` wall time on the engine's threads; medians.
    """

    name: str
    auc: float
    signs: float
    lungs: float
    heart: float
    clavicles: float
    cpu_ms: float
    ms: float
    mb: float

    def allowed(self, plain: Measured) -> bool:
        """Whether it may replace the float32 network `plain`."""
        good = plain.auc - self.auc <= AUC_LOSS and min(self.lungs, self.heart) >= ORGANS
        return good and self.clavicles >= CLAVICLES and self.cpu_ms < plain.cpu_ms


def main() -> None:
    """Parses the command line, measures, writes the folder and the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder of the float32 network")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="folder of decoded films; default: in the out folder")
    parser.add_argument("--page", type=Path, help="also write the table as a page of the documentation")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    card = yaml.safe_load((options.model / "card.yaml").read_text("utf-8"))
    cache = options.out / "cache" if options.cache is None else options.cache
    seen = load_films(options.data, int(card["input"]["size"]), cache)
    shutil.copytree(options.model, options.out, dirs_exist_ok=True)
    file = options.out / card["weights"]["file"]
    table, chosen = settle(file, seen, card["outputs"])
    card["weights"]["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    card["quantisation"] = record(table, chosen)
    text = yaml.safe_dump(card, sort_keys=False, allow_unicode=True, width=110, default_flow_style=None)
    (options.out / "card.yaml").write_text(text, "utf-8")
    print(rows(table))
    if options.page is not None:
        options.page.write_text(page(table, chosen, card["id"], processor()), "utf-8")


def load_films(data: Path, size: int, cache: Path) -> Films:
    """The films of a data folder at the network's size."""
    table, heads = films.read_table(data)
    items = {s: [f for f in table if f.split == s] for s in ("train", "val")}
    step = max(1, len(items["train"]) // CALIBRATED_ON)
    arrays = {s: films.cached([f.path for f in items[s]], size, cache) for s in items}
    _, made = sources.inserted_films(data, "val", size, cache, INSERTED, INSERTED_SEED)
    return Films(
        arrays["train"][::step][:CALIBRATED_ON],
        arrays["val"],
        np.array([[h in f.labels for h in heads] for f in items["val"]]),
        made.images,
        made.shown,
        made.known,
    )


def settle(file: Path, seen: Films, outputs: Mapping[str, Any]) -> tuple[list[Measured], Measured]:
    """Replaces `file` by the fastest network that is allowed; all that was measured, float32 first, and the choice.

    Parameters
    ----------
    file
        The float32 ONNX file.
    outputs
        The card's outputs with their channels.
    """
    with tempfile.TemporaryDirectory() as folder:
        networks = {"float32": file}
        for number, (name, kept) in enumerate(KEPT.items()):
            networks[name] = Path(folder) / f"{number}.onnx"
            quantise(file, networks[name], seen.train, kept)
        table = compare(networks, seen, outputs)
        chosen = min((m for m in table if m is table[0] or m.allowed(table[0])), key=lambda m: m.cpu_ms)
        if chosen is not table[0]:
            shutil.copyfile(networks[chosen.name], file)
    log.info("chosen: %s", chosen)
    return table, chosen


def quantise(source: Path, target: Path, images: U8, kept: Sequence[str]) -> None:
    """Writes `source` with INT8 weights and activations; nodes whose weights' names start with `kept` stay float32.

    Parameters
    ----------
    images
        uint8 (n, s, s): films that set the ranges of the activations (smallest and largest value).
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    model = export.widened(onnx.load(source))
    name = model.graph.input[0].name

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.feeds: Iterator[dict[str, F32]] = ({name: fed(image)} for image in images)

        def get_next(self) -> dict[str, F32] | None:
            return next(self.feeds, None)

    quantize_static(
        model,
        str(target),
        Reader(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        reduce_range=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=[n.name for n in model.graph.node if any(i.startswith(tuple(kept)) for i in n.input)],
        op_types_to_quantize=["Conv", "Add", "Clip", "Resize"],
    )


def fed(image: U8) -> F32:
    """uint8 (s, s) -> the network's float32 (1, 1, s, s) in [0, 1]."""
    return (np.asarray(image, dtype=np.float32) / np.float32(255))[None, None]


def compare(networks: Mapping[str, Path], seen: Films, outputs: Mapping[str, Any]) -> list[Measured]:
    """Measures every network against the first one."""
    opened = {name: session(file, 1) for name, file in networks.items()}
    spent = {name: timed(opened, seen.val[0], process_time)[name] for name in opened}
    waited = timed({n: session(f, THREADS) for n, f in networks.items()}, seen.val[0], perf_counter)
    plain = answers(next(iter(opened.values())), seen.val, ("anatomy",))["anatomy"] > 0
    names = list(outputs["anatomy"]["channels"])
    table = []
    for name, network in opened.items():
        told = answers(network, seen.val, ("logits", "anatomy"))
        dice = shared(told["anatomy"] > 0, plain, names)
        auc = float(np.nanmean([metrics.auc(t, s) for t, s in zip(seen.labels.T, told["logits"].T, strict=True)]))
        size = networks[name].stat().st_size / 1e6
        found = sign_auc(answers(network, seen.made, ("signs",))["signs"], seen)
        table.append(Measured(name, auc, found, *dice, spent[name], waited[name], size))
        log.info("%s", table[-1])
    return table


def session(file: Path, threads: int) -> Any:
    """An onnxruntime session on the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def answers(network: Any, images: U8, want: Sequence[str]) -> Outputs:
    """Outputs (n, ...) of a session for uint8 (n, s, s) films."""
    name = network.get_inputs()[0].name
    told = [network.run(list(want), {name: fed(image)}) for image in images]
    return {output: np.concatenate([film[k] for film in told]) for k, output in enumerate(want)}


def timed(networks: Mapping[str, Any], image: U8, clock: Any) -> dict[str, float]:
    """Median milliseconds of one film by network, the networks taking turns."""
    spent: dict[str, list[float]] = {name: [] for name in networks}
    for _ in range(ROUNDS + 2):
        for name, network in networks.items():
            started = clock()
            network.run(None, {network.get_inputs()[0].name: fed(image)})
            spent[name].append(1000 * (clock() - started))
    return {name: float(np.median(values[2:])) for name, values in spent.items()}


def shared(ours: NDArray[np.bool_], theirs: NDArray[np.bool_], names: Sequence[str]) -> tuple[float, float, float]:
    """Mean Dice of lungs, heart and clavicles between masks (n, k, h, w); the structures of a group taken together."""
    groups = (tuple(films.STRUCTURE_BITS)[:2], tuple(films.STRUCTURE_BITS)[2:3], tuple(films.STRUCTURE_BITS)[3:])
    found = []
    for group in groups:
        at = [names.index(n) for n in group]
        pairs = zip(ours[:, at], theirs[:, at], strict=True)
        found.append(float(np.mean([metrics.dice(np.any(a, axis=0), np.any(b, axis=0)) for a, b in pairs])))
    return found[0], found[1], found[2]


def sign_auc(maps: F32, seen: Films) -> float:
    """Mean AUROC of the channels on inserted signs, where the truth is certain."""
    values = []
    for c, channel in enumerate(channels()):
        scores = np.array([strength(film[c], channel.cells) for film in maps])
        known = seen.known[:, c]
        values.append(metrics.auc(seen.shown[known, c], scores[known]))
    return float(np.nanmean(values))


def record(table: Sequence[Measured], chosen: Measured) -> dict[str, Any]:
    """What a card says about it."""
    return {
        "weights": chosen.name,
        "measured": [{k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(m).items()} for m in table],
    }


def processor() -> str:
    """Name of the processor and whether it has the integer dot products that INT8 is made for."""
    file = Path("/proc/cpuinfo")
    text = file.read_text("utf-8") if file.is_file() else ""
    name = next((line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name")), "?")
    units = [unit for unit in ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "amx_int8") if f" {unit}" in text]
    return f"{name} ({', '.join(units) or 'units unknown'})"


HEADINGS = ("network", "mean AUC", "inserted signs", "Dice lungs", "heart", "clavicles", "CPU ms", "ms", "MB")


def rows(table: Sequence[Measured]) -> str:
    """The table in Markdown."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|---" + "|--:" * (len(HEADINGS) - 1) + "|"]
    for measured in table:
        values = [getattr(measured, f.name) for f in fields(measured)[1:]]
        shown = [f"{v:.4f}" if i < 5 else f"{v:.1f}" for i, v in enumerate(values)]
        lines.append(f"| {measured.name} | " + " | ".join(shown) + " |")
    return "\n".join(lines)


def page(table: Sequence[Measured], chosen: Measured, model_id: str, where: str) -> str:
    """The table as a page with what it was made with and the rule behind the choice."""
    return f"""# Quantisation

Made by `python -m whyray_train.quantise` from the network of `{model_id}`, onnxruntime {onnxruntime.__version__},
{where}.

{rows(table)}

Mean AUC: the heads on val films with study labels. Inserted signs: mean AUROC of the sign channels on val films with
inserted signs. Dice: between the masks of this network and of the float32 one. CPU ms: processor time of a film on
one thread; ms: wall time on {THREADS} threads; both medians of {ROUNDS} rounds in which the networks take turns.

An INT8 network is published when it loses at most {AUC_LOSS} of the mean AUC, its lungs and heart agree with the
float32 ones at Dice {ORGANS} or more and its clavicles at {CLAVICLES}, and it takes less processor time.
**Chosen: {chosen.name}.**

The time depends on the processor. With VNNI (avx512_vnni, avx_vnni) one instruction multiplies and sums four
eight-bit pairs; without it INT8 takes three and gains little over float32, whose convolutions run in onnxruntime's
blocked layout (NCHWc), which INT8 convolutions do not have.
"""


if __name__ == "__main__":
    main()
