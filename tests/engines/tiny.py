"""A model folder whose network can be computed by hand."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZE = 8
HEADS = ("bright", "dark")
TOLD = {
    "anatomy": "the film averaged over 2 x 2 pixels, times 4, minus 2",
    "maps": "the same over 4 x 4 pixels for one head, its negative for the other",
    "logits": "their means",
    "gate": "the brightest pixel",
}


def graph(opset: int = 17) -> onnx.ModelProto:
    """Four outputs, see `TOLD`."""
    film = helper.make_tensor_value_info("film", TensorProto.FLOAT, [1, 1, SIZE, SIZE])
    shapes = {"anatomy": [1, 1, 4, 4], "maps": [1, 2, 2, 2], "logits": [1, 2], "gate": [1, 1]}
    constants = {
        "four": np.array(4, dtype=np.float32),
        "two": np.array(2, dtype=np.float32),
        "signs": np.array([1, -1], dtype=np.float32).reshape(1, 2, 1, 1),
        "flat": np.array([1, 1], dtype=np.int64),
    }
    nodes = [
        helper.make_node("AveragePool", ["film"], ["half"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Mul", ["half", "four"], ["scaled"]),
        helper.make_node("Sub", ["scaled", "two"], ["anatomy"]),
        helper.make_node("AveragePool", ["film"], ["quarter"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Mul", ["quarter", "signs"], ["maps"]),
        helper.make_node("ReduceMean", ["maps"], ["logits"], axes=[2, 3], keepdims=0),
        helper.make_node("GlobalMaxPool", ["film"], ["top"]),
        helper.make_node("Reshape", ["top", "flat"], ["gate"]),
    ]
    outputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in shapes.items()]
    initial = [numpy_helper.from_array(v, k) for k, v in constants.items()]
    made = helper.make_graph(nodes, "tiny", [film], outputs, initial)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def write(folder: Path, weights: bytes | None = None) -> Path:
    """Model folder of the tiny network, or of other weights under a card that vouches for them."""
    data = graph().SerializeToString() if weights is None else weights
    card = {
        "id": "tiny",
        "pack": "none",
        "weights": {"file": "model.onnx", "sha256": hashlib.sha256(data).hexdigest()},
        "input": {"size": SIZE},
        "outputs": {
            "anatomy": {"channels": ["bright"], "stride": 2},
            "maps": {"channels": list(HEADS), "stride": 4},
            "logits": {"channels": list(HEADS)},
            "gate": {"channels": ["top"]},
        },
        "thresholds": {},
        "calibration": {},
        "fusion": {},
        "reference": {},
    }
    (folder / "model.onnx").write_bytes(data)
    (folder / "card.yaml").write_text(json.dumps(card), "utf-8")
    return folder


def answer(film: np.ndarray) -> dict[str, np.ndarray]:
    """What the tiny network says to a (1, 8, 8) film, in numpy."""
    quarter = film[0].reshape(2, 4, 2, 4).mean(axis=(1, 3))
    maps = np.stack([quarter, -quarter])
    return {
        "anatomy": film.reshape(1, 4, 2, 4, 2).mean(axis=(2, 4)) * 4 - 2,
        "maps": maps,
        "logits": maps.mean(axis=(1, 2)),
        "gate": film.max().reshape(1),
    }
