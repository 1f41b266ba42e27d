"""One suite over every engine of the registry."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from whyray.domain import Engine, ModelCard
from whyray.engines import ENGINES, create
from whyray.engines.folder import verify

pytest.importorskip("onnxruntime")
tiny = pytest.importorskip("engines.tiny", reason="onnx is not installed")
SHAPES = {"anatomy": (1, 4, 4), "maps": (2, 2, 2), "logits": (2,), "gate": (1,)}


@pytest.fixture(params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    return create(request.param, tiny.write(tmp_path))


@pytest.fixture
def film() -> np.ndarray:
    return np.random.default_rng(1).random((1, tiny.SIZE, tiny.SIZE)).astype(np.float32)


def test_it_is_an_engine_with_the_label_it_was_asked_by(engine: Engine) -> None:
    assert isinstance(engine, Engine)
    assert engine.label in ENGINES
    assert ENGINES[engine.label] == f"{type(engine).__module__}:{type(engine).__name__}"


def test_it_carries_the_card_of_its_folder(engine: Engine, tmp_path: Path) -> None:
    assert isinstance(engine.card, ModelCard)
    assert engine.card.id.split(":")[-1] == "tiny"
    assert verify(tmp_path, engine.card).name == "model.onnx"


def test_outputs_are_float32_without_batch_axis_in_the_cards_shape(engine: Engine, film: np.ndarray) -> None:
    out = engine.run(film, list(SHAPES))
    assert {k: v.shape for k, v in out.items()} == SHAPES
    for name, value in out.items():
        assert value.dtype == np.float32
        assert np.isfinite(value).all()
        assert value.shape[0] == len(engine.card.outputs[name])


def test_it_returns_what_is_wanted_and_no_more(engine: Engine, film: np.ndarray) -> None:
    assert set(engine.run(film, ["gate", "maps"])) == {"gate", "maps"}


def test_any_iterable_of_names_will_do(engine: Engine, film: np.ndarray) -> None:
    assert set(engine.run(film, iter(("gate",)))) == {"gate"}


def test_the_same_film_gives_the_same_answer_and_is_left_alone(engine: Engine, film: np.ndarray) -> None:
    before = film.copy()
    one, two = engine.run(film, list(SHAPES)), engine.run(film, list(SHAPES))
    assert np.array_equal(film, before)
    for name in SHAPES:
        assert np.array_equal(one[name], two[name])
