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

    def run(self, array: NDArray[np.float32], want: Iterable[str]) -> Mapping[str, NDArray[np.float32]]:
        """Outputs named in `want` for a float32 (1, size, size) array in [0, 1], without the batch axis."""
        names = list(want)
        if self._session is None:
            self._session = self._open()
        values = self._session.run(names, {self._session.get_inputs()[0].name: array[None].astype(np.float32)})
        return {name: np.asarray(value[0], dtype=np.float32) for name, value in zip(names, values, strict=True)}

    def _open(self) -> Any:
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as state

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            return onnxruntime.InferenceSession(str(self._file), options, providers=["CPUExecutionProvider"])
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
                Bilingual(f"ONNX Runtime 无法读取 {self._file}。", f"ONNX Runtime cannot read {self._file}."),
                Bilingual("请更新 onnxruntime 或重新导出模型。", "Update onnxruntime or export the model again."),
            ) from error
