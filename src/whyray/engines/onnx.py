"""ONNX Runtime on the CPU: the default engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Bilingual, ModelCard, ModelError
from whyray.engines.folder import read_card, verify

THREADS = 2


class OnnxEngine:
    """Reads ``model.onnx`` of a model folder; the session is made at the first run.

    Parameters
    ----------
    folder
        Model folder with ``card.yaml``.
    """

    label = "onnx"

    def __init__(self, folder: Path) -> None:
        self.card: ModelCard = read_card(folder)
        self._file = verify(folder, self.card)
        self._session: Any = None
        self._second = None if self.card.second is None else verify(folder, self.card.second)
        self._closer: Any = None

    def run(self, array: NDArray[np.float32], want: Iterable[str]) -> Mapping[str, NDArray[np.float32]]:
        """Outputs named in `want` for a float32 (1, size, size) array in [0, 1], without the batch axis."""
        names = list(want)
        if self._session is None:
            self._session = _open(self._file)
        values = self._session.run(names, {self._session.get_inputs()[0].name: array[None].astype(np.float32)})
        return {name: np.asarray(value[0], dtype=np.float32) for name, value in zip(names, values, strict=True)}

    def look_again(self, films: NDArray[np.float32], places: NDArray[np.float32]) -> NDArray[np.float32]:
        """Sign logits of lungs from the folder's finer network, one lung after the other.

        Raises
        ------
        ModelError
            MODEL_MISSING when the card names none.
        """
        if self._second is None:
            raise ModelError(
                "MODEL_MISSING",
                Bilingual(f"模型 {self.card.id} 没有第二网络。", f"Model {self.card.id} has no second network."),
                Bilingual("请使用含第二网络的模型目录。", "Use a model folder with one."),
            )
        if self._closer is None:
            self._closer = _open(self._second)
        pairs = zip(films, places, strict=True)
        found = [self._closer.run(["signs"], {"film": f[None], "places": p[None]})[0][0] for f, p in pairs]
        return np.stack(found).astype(np.float32)


def _open(file: Path) -> Any:
    """Session of one weights file."""
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.inter_op_num_threads = 1
    # A thread that spins while it waits takes its core from the other network, and from whatever else runs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except (
        RuntimeError,
        ValueError,
        state.Fail,
        state.InvalidArgument,
        state.InvalidGraph,
        state.InvalidProtobuf,
        state.NotImplemented,
    ) as error:
        raise ModelError(
            "MODEL_UNREADABLE",
            Bilingual(f"ONNX Runtime 无法读取 {file}。", f"ONNX Runtime cannot read {file}."),
            Bilingual("请更新 onnxruntime 或重新导出模型。", "Update onnxruntime or export the model again."),
        ) from error
