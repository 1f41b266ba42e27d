import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from perception import scenery
from whyray.domain import ArgumentError, ModelError
from whyray.engines import ENGINES, create, find_folder, read_card
from whyray.engines.folder import verify


def code(action: Callable[[], Any]) -> str:
    with pytest.raises(ModelError) as caught:
        action()
    error = caught.value
    assert "\n" not in error.line("zh") + error.line("en")
    assert error.exit_code == 1
    return error.code


def test_a_card_is_read_as_it_was_written(tmp_path: Path) -> None:
    card = read_card(scenery.write_card(tmp_path))
    assert (card.id, card.input_size, card.file) == ("drawn", scenery.SIZE, "model.onnx")
    assert card.outputs["anatomy"] == scenery.CHANNELS
    assert card.thresholds == {"gate": 0.5, "contrast": 0.1}
    assert card.document == scenery.card()


def test_a_folder_without_a_card_is_a_missing_model(tmp_path: Path) -> None:
    assert code(lambda: find_folder("any", tmp_path)) == "MODEL_MISSING"
    assert code(lambda: find_folder("no such model")) == "MODEL_MISSING"


def test_the_callers_folder_wins(tmp_path: Path) -> None:
    assert find_folder("any", scenery.write_card(tmp_path)) == tmp_path


@pytest.mark.parametrize("text", ["{", "a: [1", "\t- x: ]", "", "just words", "- 1\n- 2", "id: x", "\x00"])
def test_a_card_that_is_no_mapping_is_invalid(tmp_path: Path, text: str) -> None:
    (tmp_path / "card.yaml").write_text(text, "utf-8")
    assert code(lambda: read_card(tmp_path)) == "CARD_INVALID"


def test_a_card_in_another_encoding_is_invalid(tmp_path: Path) -> None:
    (tmp_path / "card.yaml").write_bytes("id: 胸片".encode("gbk"))
    assert code(lambda: read_card(tmp_path)) == "CARD_INVALID"


@pytest.mark.parametrize(
    "key", ["id", "pack", "weights", "input", "outputs", "thresholds", "calibration", "fusion", "reference"]
)
def test_each_field_of_the_card_is_needed(tmp_path: Path, key: str) -> None:
    document = scenery.card()
    del document[key]
    (tmp_path / "card.yaml").write_text(yaml.safe_dump(document), "utf-8")
    assert code(lambda: read_card(tmp_path)) == "CARD_INVALID"


@pytest.mark.parametrize(
    "change",
    [
        {"input": {"size": "large"}},
        {"weights": {"file": "model.onnx"}},
        {"outputs": {"anatomy": {"stride": 2}}},
        {"outputs": ["anatomy"]},
        {"thresholds": {"gate": "high"}},
        {"calibration": {"Edema": 3}},
        {"fusion": None},
        {"reference": None},
    ],
)
def test_wrong_types_in_a_card_are_invalid(tmp_path: Path, change: dict[str, Any]) -> None:
    scenery.write_card(tmp_path, **change)
    assert code(lambda: read_card(tmp_path)) == "CARD_INVALID"


def test_an_engine_on_a_folder_without_a_card_is_a_model_error(tmp_path: Path) -> None:
    assert code(lambda: create("onnx", tmp_path)) == "MODEL_MISSING"


def test_missing_weights(tmp_path: Path) -> None:
    (scenery.write_card(tmp_path) / "model.onnx").unlink()
    assert code(lambda: create("onnx", tmp_path)) == "MODEL_MISSING"


def test_one_changed_byte_in_the_weights_is_noticed(tmp_path: Path) -> None:
    weights = bytearray(np.random.default_rng(0).bytes(500))
    digest = hashlib.sha256(weights).hexdigest()
    scenery.write_card(tmp_path, weights={"file": "model.onnx", "sha256": digest})
    file = tmp_path / "model.onnx"
    file.write_bytes(weights)
    assert verify(tmp_path, read_card(tmp_path)) == file
    weights[250] ^= 1
    file.write_bytes(weights)
    assert code(lambda: create("onnx", tmp_path)) == "MODEL_ALTERED"


def test_an_unknown_label_names_those_that_exist(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError) as caught:
        create("torch-and-more", scenery.write_card(tmp_path))
    assert caught.value.code == "ENGINE_UNKNOWN"
    assert all(name in caught.value.line() for name in ENGINES)
    assert caught.value.exit_code == 2


def test_the_fake_engine_says_that_it_is_fake(tmp_path: Path) -> None:
    engine = create("fake", scenery.write_card(tmp_path))
    assert engine.label == "fake"
    assert engine.card.id == "fake:drawn"


def test_no_other_engine_may_call_itself_fake() -> None:
    assert sorted(ENGINES) == ["fake", "onnx"]


def test_the_fake_engine_is_silent_unless_told(tmp_path: Path) -> None:
    engine = create("fake", scenery.write_card(tmp_path))
    film = np.zeros((1, scenery.SIZE, scenery.SIZE), dtype=np.float32)
    out = engine.run(film, ["anatomy", "signs", "maps", "logits", "gate"])
    assert {k: v.shape for k, v in out.items()} == {
        "anatomy": (12, 160, 160),
        "signs": (len(engine.card.outputs["signs"]), 80, 80),
        "maps": (len(scenery.heads()), 10, 10),
        "logits": (len(scenery.heads()),),
        "gate": (1,),
    }
    assert all((v == -4).all() for v in out.values())
    told = np.array([7.0], dtype=np.float32)
    engine.answers["gate"] = told  # type: ignore[attr-defined]
    assert engine.run(film, ["gate"]) == {"gate": told}
    assert engine.calls == 2  # type: ignore[attr-defined]
