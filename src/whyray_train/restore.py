"""``python -m whyray_train.restore --data DIR --model MODELDIR --runs RUNS``: networks to train on, from what ships.

A model folder holds what a read needs: batch norms are folded into the convolutions before them, large weights are at
half precision. Here the weights go back into the networks, and every batch norm gets the mean and the spread that train
films give at its place, so that it changes nothing now and can learn on. ``RUNS`` gets ``net.pt`` and, where the folder
has a second look, ``fine/fine.pt``; the commands that made the weights are taken over from the card.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from whyray.domain import Engine
from whyray.engines import create
from whyray.engines.folder import read_card, verify
from whyray_train import export, films, fine, fine_data
from whyray_train.basis import commit, save
from whyray_train.fine_network import FineNet
from whyray_train.network import ReaderNet

COMMAND = "python -m whyray_train.restore"
FILMS = 48  # train films that set the batch norms
LEAST = 1e-4  # least variance: of a channel that is nothing on these films
PREFIX = "net."  # of the reader network's tensors in its file (`export.Exported`)


def main(argv: list[str] | None = None) -> None:
    """Parses the command line and writes the networks."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="model folder, such as src/whyray/models/chest")
    parser.add_argument("--runs", type=Path, required=True, help="folder for net.pt and fine/fine.pt")
    parser.add_argument("--cache", type=Path, help="folder of decoded films; default: in the runs folder")
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    cache = options.runs / "cache" if options.cache is None else options.cache
    options.runs.mkdir(parents=True, exist_ok=True)
    card = read_card(options.model)
    plan, done = card.document["training"]["plan"], card.document["training"]["commands"]
    again = {"command": COMMAND, "commit": commit()}
    made = {finer: [e for e in done if e["command"].startswith(fine.COMMAND) == finer] for finer in (False, True)}
    net = ReaderNet(len(films.STRUCTURES), len(card.outputs["maps"]))
    restore(net, weights(verify(options.model, card)), pictures(options.data, card.input_size, cache), PREFIX)
    kept = {"state": net.state_dict(), "heads": list(card.outputs["maps"]), "plan": plan}
    save({**kept, "history": [*made[False], again]}, options.runs / "net.pt")
    if card.second is not None:
        finer = FineNet()
        base = create("onnx", options.model)
        restore(finer, weights(verify(options.model, card.second)), lungs(options.data, cache, base))
        (options.runs / "fine").mkdir(exist_ok=True)
        fine.begin(finer, [*made[True], again], options.runs / "fine")


def chosen(data: Path) -> list[films.Film]:
    """Train films, evenly drawn from the table."""
    items = [f for f in films.read_table(data)[0] if f.split == "train"]
    return items[:: max(1, len(items) // FILMS)][:FILMS]


def pictures(data: Path, size: int, cache: Path) -> tuple[Tensor]:
    """(n, 1, size, size) in 0..1, what the reader network reads."""
    found = films.cached([f.path for f in chosen(data)], size, cache)
    return (torch.from_numpy(found[:, None] / np.float32(255)),)


def lungs(data: Path, cache: Path, base: Engine) -> tuple[Tensor, Tensor]:
    """(n, 1, h, w) in 0..1 and (n, p, h / 4, w / 4), what the second look reads."""
    found = fine_data.normal_lungs(chosen(data), cache, base)
    images, places = found.images[:FILMS, None] / np.float32(255), found.places[:FILMS].astype(np.float32)
    return torch.from_numpy(images), torch.from_numpy(places)


def weights(file: Path) -> dict[str, Tensor]:
    """Tensors of an ONNX file by name, float32."""
    model = export.widened(onnx.load(str(file)))
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    return {name: torch.from_numpy(np.array(a, np.float32)) for name, a in arrays.items()}


def restore(net: nn.Module, found: Mapping[str, Tensor], inputs: Sequence[Tensor], prefix: str = "") -> None:
    """Fills `net` with the tensors of its file; it then gives what the file gives.

    A norm takes what it sees of `inputs` as its mean and variance, and as its own scale and shift what undoes them and
    adds the bias that the exporter made of it.

    Raises
    ------
    ValueError
        When a tensor is missing, or has another shape.
    """
    folded = set(norms(net, inputs).values())
    own = {name for name, _ in net.named_parameters()}
    own -= {f"{norm}.{part}" for norm in folded for part in ("weight", "bias")}
    absent = [n for n in own if prefix + n not in found or found[prefix + n].shape != net.get_parameter(n).shape]
    if absent:
        raise ValueError(f"the file is of another network: {sorted(absent)[:3]}")
    net.load_state_dict({name: found[prefix + name] for name in own}, strict=False)
    hooks = []
    for convolution, norm in norms(net, inputs).items():
        bias = found.get(f"{prefix}{convolution}.weight_bias")
        if bias is None:
            raise ValueError(f"the file has no norm behind {convolution}")
        hooks.append(net.get_submodule(norm).register_forward_pre_hook(partial(_settle, bias)))
    with torch.no_grad():
        net.eval()(*inputs)
    for hook in hooks:
        hook.remove()


def norms(net: nn.Module, inputs: Sequence[Tensor]) -> dict[str, str]:
    """Names of convolutions and of the batch norm that follows each when `net` runs."""
    found: dict[str, str] = {}
    before: list[str] = []

    def seen(name: str, module: nn.Module, _: object) -> None:
        if isinstance(module, nn.BatchNorm2d):
            found[before[-1]] = name
        else:
            before.append(name)

    hooks = [
        module.register_forward_pre_hook(partial(seen, name))
        for name, module in net.named_modules()
        if isinstance(module, nn.BatchNorm2d | nn.Conv2d)
    ]
    with torch.no_grad():
        net.eval()(*(part[:1] for part in inputs))
    for hook in hooks:
        hook.remove()
    return found


def _settle(bias: Tensor, norm: nn.BatchNorm2d, inputs: tuple[Tensor]) -> None:
    variance, mean = torch.var_mean(inputs[0], dim=(0, 2, 3), correction=0)
    variance = variance.clamp_min(LEAST)
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    norm.weight.copy_(torch.sqrt(variance + norm.eps))
    norm.bias.copy_(mean + bias)


if __name__ == "__main__":
    main()
