from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")

from whyray_train import quantise
from whyray_train.films import STRUCTURES
from whyray_train.gating import channels
from whyray_train.quantise import Films, Measured
from whyray_train.quantise import quantise as convert

SIZE, HEADS = 64, 3
OUTPUTS = {"anatomy": {"channels": list(STRUCTURES)}}


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    from whyray_train import export
    from whyray_train.network import EMBEDDING, ReaderNet

    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("net") / "model.onnx"
    export.write(ReaderNet(len(STRUCTURES), HEADS), np.zeros(EMBEDDING, np.float32), 0.0, SIZE, file)
    return file


@pytest.fixture
def seen() -> Films:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (6, SIZE, SIZE), dtype=np.uint8)
    shown = np.tile(np.arange(6)[:, None] % 2 == 0, (1, len(channels())))
    labels = np.tile(np.arange(6)[:, None] % 2 == 0, (1, HEADS))
    return Films(images, images, labels, images, shown, np.ones_like(shown))


def weights(file: Path) -> dict[str, int]:
    import onnx

    return {i.name: i.data_type for i in onnx.load(file).graph.initializer}


def test_int8_is_smaller_and_keeps_what_it_is_told_to(network: Path, seen: Films, tmp_path: Path) -> None:
    import onnx

    convert(network, tmp_path / "all.onnx", seen.train, ())
    convert(network, tmp_path / "some.onnx", seen.train, ("net.signs", "net.classify"))
    assert (tmp_path / "all.onnx").stat().st_size < 0.5 * network.stat().st_size
    everything, some = weights(tmp_path / "all.onnx"), weights(tmp_path / "some.onnx")
    assert everything["net.classify.weight_quantized"] == onnx.TensorProto.INT8
    assert some["net.classify.weight"] == some["net.signs.match.weight"] == onnx.TensorProto.FLOAT


def test_what_stays_float32_is_there(network: Path) -> None:
    names = weights(network)
    for kept in quantise.KEPT.values():
        assert [part for part in kept if not any(name.startswith(part) for name in names)] == []


def test_a_network_agrees_with_itself(network: Path, seen: Films, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantise, "ROUNDS", 1)
    plain, twin = quantise.compare({"float32": network, "twin": network}, seen, OUTPUTS)
    assert (plain.lungs, plain.heart, plain.clavicles) == (1, 1, 1)
    assert (twin.auc, twin.signs, twin.lungs) == (plain.auc, plain.signs, 1)


def measured(**changed: float) -> Measured:
    values = {
        "auc": 0.8,
        "signs": 0.9,
        "lungs": 1.0,
        "heart": 1.0,
        "clavicles": 1.0,
        "cpu_ms": 40.0,
        "ms": 20.0,
        "mb": 14,
    }
    return Measured("x", **{**values, **changed})


@pytest.mark.parametrize(
    ("changed", "allowed"),
    [
        ({"cpu_ms": 20.0}, True),
        ({"cpu_ms": 41.0}, False),
        ({"cpu_ms": 20.0, "auc": 0.798}, True),
        ({"cpu_ms": 20.0, "auc": 0.796}, False),
        ({"cpu_ms": 20.0, "lungs": 0.989}, False),
        ({"cpu_ms": 20.0, "heart": 0.989}, False),
        ({"cpu_ms": 20.0, "clavicles": 0.971}, True),
        ({"cpu_ms": 20.0, "clavicles": 0.969}, False),
    ],
)
def test_what_may_replace_the_float32_network(changed: dict[str, float], allowed: bool) -> None:
    assert measured(**changed).allowed(measured()) is allowed


@pytest.mark.parametrize(("cost", "name"), [(50.0, "float32"), (10.0, "INT8")])
def test_the_file_is_replaced_only_by_what_is_allowed(
    cost: float, name: str, seen: Films, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(b"float32")
    others = [replace(measured(cpu_ms=cost + i), name=kept) for i, kept in enumerate(quantise.KEPT)]
    monkeypatch.setattr(quantise, "compare", lambda *_: [replace(measured(), name="float32"), *others])
    monkeypatch.setattr(quantise, "quantise", lambda _source, target, _images, kept: target.write_text(f"INT8{kept}"))
    _, chosen = quantise.settle(file, seen, OUTPUTS)
    assert chosen.name == name
    assert file.read_text() == ("float32" if name == "float32" else "INT8()")


def test_the_page_shows_every_network_and_the_choice() -> None:
    table = [measured(), measured(mb=4.0)]
    page = quantise.page(table, table[1], "chest-0", "a processor")
    assert quantise.rows(table) in page
    assert quantise.rows(table).count("\n") == 3
    assert "a processor" in page
