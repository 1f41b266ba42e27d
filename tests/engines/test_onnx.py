from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from whyray.domain import ModelError
from whyray.engines import create

pytest.importorskip("onnxruntime")
tiny = pytest.importorskip("engines.tiny", reason="onnx is not installed")
FILM = np.random.default_rng(3).random((1, tiny.SIZE, tiny.SIZE)).astype(np.float32)


def code(action: Callable[[], Any]) -> str:
    with pytest.raises(ModelError) as caught:
        action()
    return caught.value.code


def test_a_real_network_answers_what_numpy_computes(tmp_path: Path) -> None:
    engine = create("onnx", tiny.write(tmp_path))
    out = engine.run(FILM, list(tiny.TOLD))
    for name, expected in tiny.answer(FILM).items():
        np.testing.assert_allclose(out[name], expected, atol=1e-5, err_msg=name)
        assert out[name].dtype == np.float32
        assert out[name].shape == expected.shape


def test_only_what_is_wanted_comes_back_under_its_name(tmp_path: Path) -> None:
    engine = create("onnx", tiny.write(tmp_path))
    assert list(engine.run(FILM, ["gate"])) == ["gate"]
    out = engine.run(FILM, ["logits", "anatomy"])
    np.testing.assert_allclose(out["logits"], tiny.answer(FILM)["logits"], atol=1e-5)
    np.testing.assert_allclose(out["anatomy"], tiny.answer(FILM)["anatomy"], atol=1e-5)


def test_a_double_film_is_read_as_float(tmp_path: Path) -> None:
    engine = create("onnx", tiny.write(tmp_path))
    out = engine.run(FILM.astype(np.float64), ["gate"])  # type: ignore[arg-type]
    assert out["gate"] == pytest.approx(FILM.max())


def test_several_threads_get_their_own_answers(tmp_path: Path) -> None:
    engine = create("onnx", tiny.write(tmp_path))
    films = [FILM * k / 8 for k in range(8)]
    with ThreadPoolExecutor(4) as pool:
        tops = list(pool.map(lambda film: float(engine.run(film, ["gate"])["gate"][0]), films))
    assert tops == pytest.approx([float(film.max()) for film in films])


def test_weights_that_are_no_network_are_unreadable(tmp_path: Path) -> None:
    engine = create("onnx", tiny.write(tmp_path, b"no network at all"))
    assert code(lambda: engine.run(FILM, ["gate"])) == "MODEL_UNREADABLE"


@pytest.mark.parametrize("change", ["empty file", "newer opset", "unknown operator"])
def test_a_network_that_this_runtime_cannot_run_is_unreadable(tmp_path: Path, change: str) -> None:
    model = tiny.graph(opset=999 if change == "newer opset" else 17)
    if change == "unknown operator":
        model.graph.node[0].op_type = "Dream"
    weights = b"" if change == "empty file" else model.SerializeToString()
    engine = create("onnx", tiny.write(tmp_path, weights))
    assert code(lambda: engine.run(FILM, ["gate"])) == "MODEL_UNREADABLE"
