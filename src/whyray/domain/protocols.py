"""What the rooms promise each other. Extra powers are separate protocols, so nothing raises NotImplementedError."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from whyray.domain.image import Image
from whyray.domain.model import ModelCard
from whyray.domain.report import Revision
from whyray.domain.text import Lang
from whyray.domain.turn import Session, Turn

Array = NDArray[np.float32]
ScoreFn = Callable[[Image], float]


@runtime_checkable
class Engine(Protocol):
    """Runs a network.

    ``run(array, want)`` takes float32 (1, size, size) in [0, 1] and returns the wanted outputs by name, without the
    batch axis; maps are (channels, n, n) logits, vectors are (channels,) logits.
    """

    @property
    def label(self) -> str:
        """Registry label, e.g. the execution back end; part of every result."""

    @property
    def card(self) -> ModelCard:
        """The model's card."""

    def run(self, array: Array, want: Iterable[str]) -> Mapping[str, Array]:
        """Outputs named in `want`."""


@runtime_checkable
class LooksAgain(Protocol):
    """An engine whose folder holds a finer network (``ModelCard.second``)."""

    def look_again(self, films: Array, places: Array) -> Array:
        """Sign logits (n, signs, rows / stride, columns / stride) of lungs.

        ``films`` float32 (n, 1, rows, columns) in [0, 1]; ``places`` float32 (n, planes, rows / cell, columns / cell).
        """


@runtime_checkable
class Store(Protocol):
    """Keeps sessions and the audit chain."""

    def create(self, image_sha256: str, lang: Lang) -> Session:
        """A new empty session."""

    def rebind(self, session_id: str, image_sha256: str, prior_sha256: str | None) -> Session:
        """The session, from now on about other films; its turns stay."""

    def revise(self, session_id: str, revision: Revision) -> Session:
        """The session with one more change of its report."""

    def get(self, session_id: str) -> Session:
        """The session; raises ArgumentError (SESSION_UNKNOWN) when there is none."""

    def append(self, session_id: str, turn: Turn) -> Turn:
        """Adds the turn with its audit hash and returns it as stored."""
