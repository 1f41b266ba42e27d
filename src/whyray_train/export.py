"""From a trained network to one ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from whyray_train.network import ReaderNet

LARGE = 1024  # weights of a tensor from which on it is stored at half precision
OUTPUTS = ("anatomy", "signs", "maps", "logits", "gate")


class Exported(nn.Module):
    """The reader network with its gate; outputs in the order of ``OUTPUTS``."""

    shift: Tensor

    def __init__(self, net: ReaderNet, weights: NDArray[np.float32], bias: float, shift: Tensor) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("shift", shift)
        self.gate = nn.Linear(weights.size, 1)
        with torch.no_grad():
            self.gate.weight.copy_(torch.from_numpy(weights)[None])
            self.gate.bias.fill_(bias)

    def forward(self, film: Tensor) -> tuple[Tensor, ...]:
        """(1, 1, s, s) -> the outputs in order."""
        out = self.net(film)
        return out["anatomy"] - self.shift, out["signs"], out["maps"], out["logits"], self.gate(out["embedding"])


def write(
    net: ReaderNet, weights: NDArray[np.float32], bias: float, size: int, file: Path, shift: Tensor | None = None
) -> None:
    """Writes a self-contained ONNX file for batches of one; batch norms are folded by the exporter.

    ``shift`` (k, 1, 1) is taken off the anatomy logits (`levels.shifts`).
    """
    module = Exported(net, weights, bias, torch.zeros(1) if shift is None else shift).eval()
    film = torch.zeros(1, 1, size, size)
    program = torch.onnx.export(
        module, (film,), input_names=["film"], output_names=list(OUTPUTS), dynamo=True, optimize=True
    )
    if program is None:
        raise RuntimeError("the exporter returned nothing")
    program.save(str(file), external_data=False)
    plain(file)


def plain(file: Path) -> None:
    """Takes the exporter's notes out of an ONNX file; rewrites it.

    They hold the stack of every operation, with the paths of the machine that exported it, and nothing that runs.
    """
    import onnx

    model = onnx.load(str(file))
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.ClearField("doc_string")
    onnx.checker.check_model(model)
    onnx.save(model, str(file))


def halve(file: Path) -> None:
    """Stores the large float32 weights of an ONNX file at half precision, in half the space; rewrites it.

    A cast stands before each, which onnxruntime folds when it loads the file: it computes in float32, on rounded
    weights. A quantised file stays as it is: its large floats are scales, too small for half precision.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(str(file))
    if any(node.op_type == "QuantizeLinear" for node in model.graph.node):
        return
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


def widened(model: Any) -> Any:
    """An ONNX model without the storing of `halve`: float32 weights without a cast, as a quantiser needs them."""
    from onnx import numpy_helper

    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in [n for n in model.graph.node if n.op_type == "Cast" and n.input[0] in stored]:
        tensor = stored[node.input[0]]
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), node.output[0]))
        model.graph.node.remove(node)
    return model
