"""Questions, answers and the anchors a conversation stands on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from whyray.domain.finding import Evidence
from whyray.domain.region import Region
from whyray.domain.text import Bilingual, Lang

Intent = Literal[
    "WHY",
    "WHY_NOT",
    "SCREEN",
    "DESCRIBE",
    "MEASURE",
    "CHECKLIST",
    "COMPARE",
    "LOCATE",
    "REPORT",
    "CORRECT",
    "HELP",
    "OUT_OF_SCOPE",
]


@dataclass(frozen=True, slots=True)
class Query:
    """A question as understood. ``target`` is a diagnosis id; ``anchors`` are anchor ids."""

    text: str
    lang: Lang
    intent: Intent
    target: str | None = None
    anchors: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Anchor:
    """A place the conversation can return to: id (A1, A2, ...), mask, label, parents and the turn that made it."""

    id: str
    label: Bilingual
    region: Region
    parents: tuple[str, ...] = ()
    turn: int = 1


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of an answer and the evidence ids it rests on (empty for framing sentences)."""

    text: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Turn:
    """One question and its answer.

    ``items`` are the evidence the text speaks of, in the order it speaks of them.
    ``audit`` is the hash of this turn's record in the chain (hex SHA-256).
    """

    session: str
    turn: int
    query: Query
    sentences: tuple[Sentence, ...]
    items: tuple[Evidence, ...]
    anchors: tuple[Anchor, ...]
    overlay: str | None = None
    audit: str = ""
    timing_ms: dict[str, float] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The answer as lines."""
        return "\n".join(s.text for s in self.sentences)


@dataclass(frozen=True, eq=False, slots=True)
class Session:
    """A conversation about one film; a value, replaced by each turn."""

    id: str
    image_sha256: str
    lang: Lang
    turns: tuple[Turn, ...] = ()

    @property
    def anchors(self) -> tuple[Anchor, ...]:
        """All anchors made so far, oldest first."""
        return tuple(a for t in self.turns for a in t.anchors)
