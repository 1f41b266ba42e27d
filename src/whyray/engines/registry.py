"""Label -> import path of the engines."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from whyray.domain import ArgumentError, Bilingual, Engine

ENGINES = {
    "onnx": "whyray.engines.onnx:OnnxEngine",
    "fake": "whyray.engines.fake:FakeEngine",
}
DEFAULT = "onnx"


def create(label: str, folder: Path) -> Engine:
    """The engine `label` reading the model in `folder`.

    Raises
    ------
    ArgumentError
        ENGINE_UNKNOWN when no engine has that label.
    ModelError
        When the folder holds no intact model.
    """
    if label not in ENGINES:
        names = ", ".join(sorted(ENGINES))
        raise ArgumentError(
            "ENGINE_UNKNOWN",
            Bilingual(f"没有名为 {label} 的推理引擎。", f"There is no engine called {label}."),
            Bilingual(f"可用：{names}。", f"Known: {names}."),
        )
    module, name = ENGINES[label].split(":")
    engine = getattr(import_module(module), name)(folder)
    if not isinstance(engine, Engine):
        raise TypeError(f"{ENGINES[label]} is no Engine")
    return engine
