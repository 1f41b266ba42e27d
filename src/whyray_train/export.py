"""From a trained network to one ONNX file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from whyray_train.network import ReaderNet

LARGE = 1024  # weights of a tensor from which on it is stored at half precision
OUTPUTS = ("anatomy", "signs", "maps", "logits", "gate")


class Exported(nn.Module):
    """The reader network with its gate; outputs in the order of ``OUTPUTS``."""

    def __init__(self, net: ReaderNet, weights: NDArray[np.float32], bias: float) -> None:
        super().__init__()
        self.net = net
        self.gate = nn.Linear(weights.size, 1)
        with torch.no_grad():
            self.gate.weight.copy_(torch.from_numpy(weights)[None])
            self.gate.bias.fill_(bias)

    def forward(self, film: Tensor) -> tuple[Tensor, ...]:
        """(1, 1, s, s) -> the outputs in order."""
        out = self.net(film)
        return out["anatomy"], out["signs"], out["maps"], out["logits"], self.gate(out["embedding"])


def write(net: ReaderNet, weights: NDArray[np.float32], bias: float, size: int, file: Path) -> None:
    """Writes a self-contained ONNX file for batches of one; batch norms are folded by the exporter."""
    module = Exported(net, weights, bias).eval()
    film = torch.zeros(1, 1, size, size)
    program = torch.onnx.export(
        module, (film,), input_names=["film"], output_names=list(OUTPUTS), dynamo=True, optimize=True
    )
    if program is None:
        raise RuntimeError("the exporter returned nothing")
    program.save(str(file), external_data=False)


def halve(file: Path) -> None:
    """Stores the large float32 weights of an ONNX file at half precision, in half the space; rewrites it.

    A cast stands before each, which onnxruntime folds when it loads the file: it computes in float32 as before.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(str(file))
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or int(np.prod(tensor.dims)) < LARGE:
            continue
        name, stored = tensor.name, f"{tensor.name}.half"
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), stored))
        casts.append(helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, str(file))
