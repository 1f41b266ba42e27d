"""The shipped network with one more output: the embedding that its gate reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyray.domain import ModelCard
from whyray.engines import read_card
from whyray.engines.folder import verify
from whyray.engines.onnx import OnnxEngine

F32 = NDArray[np.float32]
OUTPUT = "gate"
THREADS = 2


class EmbeddingEngine:
    """Runs the network of a model folder and keeps the embedding of the last film.

    The embedding is what the last node before the output ``gate`` takes in, so it needs no second file.
    """

    label = "onnx"

    def __init__(self, folder: Path) -> None:
        import onnx
        import onnxruntime

        self.card: ModelCard = read_card(folder)
        self._second = OnnxEngine(folder)
        model = onnx.load(str(verify(folder, self.card)))
        self.name = before(model.graph, OUTPUT)
        model.graph.output.append(onnx.helper.make_tensor_value_info(self.name, onnx.TensorProto.FLOAT, None))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(model.SerializeToString(), options)
        self.last: F32 = np.zeros(0, np.float32)

    def run(self, array: F32, want: Iterable[str]) -> Mapping[str, F32]:
        """Outputs named in `want`, as every engine's; the embedding is in ``last`` afterwards."""
        names = [*want, self.name]
        values = self._session.run(names, {self._session.get_inputs()[0].name: array[None].astype(np.float32)})
        found = {name: np.asarray(value[0], dtype=np.float32) for name, value in zip(names, values, strict=True)}
        self.last = found.pop(self.name).ravel()
        return found

    def look_again(self, films: F32, places: F32) -> F32:
        """The second look of the same folder."""
        return self._second.look_again(films, places)

    def embedding(self, array: F32) -> F32:
        """Embedding (d,) of a float32 (1, size, size) array in [0, 1]."""
        self.run(array, [])
        return self.last


def before(graph: Any, output: str) -> str:
    """Name of the tensor that the node of `output` reads; raises ValueError where nothing is computed."""
    node = next((n for n in graph.node if output in n.output), None)
    if node is None:
        raise ValueError(f"the network has no output {output}")
    return str(node.input[0])
