"""An engine for tests: answers with given arrays and says that it is fake."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whyray.domain import ModelCard
from whyray.engines.folder import read_card

Array = NDArray[np.float32]


class FakeEngine:
    """Takes a real card (for names and sizes) and returns constant logits, or what ``answers`` holds.

    Its model id starts with ``fake:``, so no result can be taken for a reading.
    """

    label = "fake"

    def __init__(self, folder: Path) -> None:
        card = read_card(folder)
        self.card: ModelCard = replace(card, id=f"fake:{card.id}")
        self.answers: dict[str, Array] = {}
        self.calls = 0

    def run(self, array: Array, want: Iterable[str]) -> Mapping[str, Array]:
        """`answers` by name; -4.0 logits in the card's shape where a name has no answer."""
        self.calls += 1
        return {name: self.answers.get(name, self._silent(name, array.shape[-1])) for name in want}

    def look_again(self, films: Array, places: Array) -> Array:  # noqa: ARG002
        """`answers` of ``second`` for every lung; -4.0 logits in the card's shape without."""
        if self.card.second is None:
            raise ValueError("the card has no second look")
        stride = self.card.second.stride
        rows, cols = (s // stride for s in films.shape[2:])
        silent = np.full((len(self.card.second.channels), rows, cols), -4.0, dtype=np.float32)
        return np.repeat(self.answers.get("second", silent)[None], len(films), axis=0)

    def _silent(self, name: str, size: int) -> Array:
        output = self.card.document["outputs"][name]
        side = size // int(output["stride"]) if "stride" in output else 0
        shape = (len(output["channels"]), side, side) if side else (len(output["channels"]),)
        return np.full(shape, -4.0, dtype=np.float32)
