import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perception import scenery
from whyray.domain import LooksAgain, ModelError, SecondLook
from whyray.engines import create, read_card
from whyray.engines.folder import verify

WEIGHTS = b"a second network"
ROWS, COLS, CELL, STRIDE = 8, 4, 4, 2


def code(action: Callable[[], Any]) -> str:
    with pytest.raises(ModelError) as caught:
        action()
    assert "\n" not in caught.value.line("zh") + caught.value.line("en")
    return caught.value.code


def entry(data: bytes = WEIGHTS, **changes: Any) -> dict[str, Any]:
    """The card's entry of a second network with two channels."""
    return {
        "weights": {"file": "second.onnx", "sha256": hashlib.sha256(data).hexdigest()},
        "size": 16,
        "crop": [ROWS, COLS],
        "cell": CELL,
        "stride": STRIDE,
        "lungs": ["right_lung", "left_lung"],
        "beside": [["heart"], ["right_clavicle", "left_clavicle"]],
        "channels": ["nodule", "effusion"],
        **changes,
    }


def folder_of(folder: Path, data: bytes = WEIGHTS, **changes: Any) -> Path:
    """Model folder with both weights files."""
    scenery.write_card(folder, second=entry(data, **changes))
    (folder / "second.onnx").write_bytes(data)
    return folder


def test_the_cards_entry_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_card(folder_of(tmp_path)).second == SecondLook(
        file="second.onnx",
        sha256=hashlib.sha256(WEIGHTS).hexdigest(),
        size=16,
        crop=(ROWS, COLS),
        cell=CELL,
        stride=STRIDE,
        lungs=("right_lung", "left_lung"),
        beside=(("heart",), ("right_clavicle", "left_clavicle")),
        channels=("nodule", "effusion"),
    )


def test_weights_of_the_first_look_are_read_for_channels_of_both(tmp_path: Path) -> None:
    (both, *_), more = scenery.sign_channels(), ["elsewhere"]
    found = read_card(folder_of(tmp_path, channels=[both, *more], first={both: 0.4})).second
    assert found is not None
    assert found.first == {both: 0.4}
    folder_of(tmp_path, channels=[both, *more], first={"elsewhere": 0.4})  # no channel of the first look
    assert code(lambda: read_card(tmp_path)) == "CARD_INVALID"


def test_a_card_without_the_entry_has_no_second_look(tmp_path: Path) -> None:
    assert read_card(scenery.write_card(tmp_path)).second is None


@pytest.mark.parametrize("key", sorted(entry()))
def test_each_field_of_the_entry_is_needed(tmp_path: Path, key: str) -> None:
    broken = entry()
    del broken[key]
    scenery.write_card(tmp_path, second=broken)
    assert code(lambda: read_card(tmp_path)) == "CARD_INVALID"


@pytest.mark.parametrize(
    "changes",
    [
        {"weights": {"file": "second.onnx"}},
        {"weights": {"sha256": "0"}},
        {"weights": "second.onnx"},
        {"size": "large"},
        {"crop": [512]},
        {"crop": 512},
        {"crop": [512, 256, 1]},
        {"crop": ["high", "wide"]},
        {"cell": None},
        {"stride": [2]},
        {"lungs": ["right_lung"]},
        {"lungs": None},
        {"lungs": "rl"},
        {"beside": 3},
        {"beside": [None]},
        {"beside": "heart"},
        {"beside": ["heart"]},
        {"beside": [["heart"], "left_clavicle"]},
        {"channels": None},
        {"channels": "nodule"},
        {"first": ["nodule"]},
        {"first": {"nodule": "half"}},
        {"first": {"nodule": 0}},
        {"first": {"nodule": 1}},
        {"first": {"Kerley": 0.5}},
    ],
)
def test_wrong_types_in_the_entry_are_invalid(tmp_path: Path, changes: dict[str, Any]) -> None:
    folder_of(tmp_path, **changes)
    assert code(lambda: read_card(tmp_path)) == "CARD_INVALID"


@pytest.mark.parametrize("broken", [None, [], "second.onnx", 3])
def test_an_entry_that_is_no_mapping_is_invalid(tmp_path: Path, broken: object) -> None:
    scenery.write_card(tmp_path, second=broken)
    assert code(lambda: read_card(tmp_path)) == "CARD_INVALID"


def test_one_changed_byte_in_the_second_weights_is_noticed(tmp_path: Path) -> None:
    card = read_card(folder_of(tmp_path))
    assert card.second is not None
    assert verify(tmp_path, card.second) == tmp_path / "second.onnx"
    assert verify(tmp_path, card) == tmp_path / "model.onnx"
    create("onnx", tmp_path)
    (tmp_path / "second.onnx").write_bytes(WEIGHTS.replace(b"s", b"t", 1))
    assert code(lambda: create("onnx", tmp_path)) == "MODEL_ALTERED"


def test_missing_second_weights(tmp_path: Path) -> None:
    (folder_of(tmp_path) / "second.onnx").unlink()
    assert code(lambda: create("onnx", tmp_path)) == "MODEL_MISSING"


def test_an_engine_without_a_second_network_cannot_look_again(tmp_path: Path) -> None:
    engine = create("onnx", scenery.write_card(tmp_path))
    assert isinstance(engine, LooksAgain)
    films, places = np.zeros((1, 1, ROWS, COLS), np.float32), np.zeros((1, 1, 2, 1), np.float32)
    assert code(lambda: engine.look_again(films, places)) == "MODEL_MISSING"


def test_second_weights_that_are_no_network_are_unreadable(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    engine = create("onnx", folder_of(tmp_path))
    assert isinstance(engine, LooksAgain)
    films, places = np.zeros((1, 1, ROWS, COLS), np.float32), np.zeros((1, 1, 2, 1), np.float32)
    assert code(lambda: engine.look_again(films, places)) == "MODEL_UNREADABLE"


def network() -> bytes:
    """Two channels: the film averaged over 2 x 2 pixels plus the highest cell of the places, and its negative."""
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node("AveragePool", ["film"], ["half"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("GlobalMaxPool", ["places"], ["top"]),
        helper.make_node("Add", ["half", "top"], ["first"]),
        helper.make_node("Neg", ["first"], ["other"]),
        helper.make_node("Concat", ["first", "other"], ["signs"], axis=1),
    ]
    inputs = [
        helper.make_tensor_value_info("places", kind, [1, 1, ROWS // CELL, COLS // CELL]),
        helper.make_tensor_value_info("film", kind, [1, 1, ROWS, COLS]),
    ]
    output = helper.make_tensor_value_info("signs", kind, [1, 2, ROWS // STRIDE, COLS // STRIDE])
    made = helper.make_graph(nodes, "second", inputs, [output])
    return bytes(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString())


def test_each_lung_gets_its_own_answer(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    engine = create("onnx", folder_of(tmp_path, network()))
    assert isinstance(engine, LooksAgain)
    films = np.random.default_rng(1).random((3, 1, ROWS, COLS), dtype=np.float32)
    places = np.zeros((3, 1, ROWS // CELL, COLS // CELL), np.float32)
    places[:, 0, 1, 0] = [0, 10, 20]
    found = engine.look_again(films, places)
    half = films[:, 0].reshape(3, ROWS // 2, 2, COLS // 2, 2).mean(axis=(2, 4)) + np.reshape([0, 10, 20], (3, 1, 1))
    np.testing.assert_allclose(found, np.stack([half, -half], axis=1), atol=1e-5)
    assert found.dtype == np.float32
    with pytest.raises(ValueError, match="zip"):
        engine.look_again(films, places[:2])


def test_the_fake_engine_looks_again_as_the_card_says(tmp_path: Path) -> None:
    engine = create("fake", folder_of(tmp_path))
    assert isinstance(engine, LooksAgain)
    films, places = np.zeros((2, 1, ROWS, COLS), np.float32), np.zeros((2, 1, 2, 1), np.float32)
    found = engine.look_again(films, places)
    assert found.shape == (2, 2, ROWS // STRIDE, COLS // STRIDE)
    assert (found == -4).all()
    told = np.arange(16, dtype=np.float32).reshape(2, ROWS // STRIDE, COLS // STRIDE)
    engine.answers["second"] = told  # type: ignore[attr-defined]
    np.testing.assert_array_equal(engine.look_again(films, places), np.stack([told, told]))


def test_the_fake_engine_does_not_look_again_without_the_cards_entry(tmp_path: Path) -> None:
    engine = create("fake", scenery.write_card(tmp_path))
    with pytest.raises(ValueError, match="no second look"):
        engine.look_again(np.zeros((1, 1, ROWS, COLS)), np.zeros((1, 1, 2, 1)))  # type: ignore[attr-defined]
