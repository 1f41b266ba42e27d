"""Questions, answers and the anchors a conversation stands on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from whyray.domain.finding import Evidence
from whyray.domain.look import Fact
from whyray.domain.region import Region
from whyray.domain.report import Revision
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
    """A question as understood.

    Attributes
    ----------
    target
        Diagnosis id that is asked about.
    anchors
        Anchor ids that it speaks of.
    targets
        All diagnosis ids named, ``target`` first; two or more when they are compared.
    places
        Zone and structure ids named, on the patient's side.
    aspects
        What of a lesion is asked: registry names of perception's closer look, and of the measurements between regions.
    signs
        Sign ids named.
    choices
        Anchor ids that a reference may mean, when it may mean several: the answer asks back.
    merged
        The anchors are meant as one place (A1+A2).
    form
        Form of the answer that is asked for: a word of the pack's templates; None for the usual one.
    parts
        Further questions of the same sentence, in order.
    """

    text: str
    lang: Lang
    intent: Intent
    target: str | None = None
    anchors: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    aspects: tuple[str, ...] = ()
    signs: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    form: str | None = None
    merged: bool = False
    parts: tuple[Query, ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Anchor:
    """A place the conversation can return to: id (A1, A2, ...), mask, label, parents and the turn that made it.

    ``sign`` is the sign id whose mask it is; None for a place that the user drew or that was merged from several.
    ``film`` is the SHA-256 of the film that it lies on.
    """

    id: str
    label: Bilingual
    region: Region
    parents: tuple[str, ...] = ()
    turn: int = 1
    sign: str | None = None
    film: str = ""


@dataclass(frozen=True, slots=True)
class Correction:
    """The doctor's word on a sign: ``rejected`` (it is not there) or restored.

    It changes the conclusions of this conversation, never the model.
    """

    sign: str
    rejected: bool
    anchor: str | None
    said: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of an answer and the evidence ids it rests on (empty for framing sentences)."""

    text: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Turn:
    """One question and its answer.

    ``items`` are the evidence the text speaks of, in the order it speaks of them; ``facts`` what else it states.
    ``correction`` is there when the doctor disagreed in this turn.
    ``film`` is the SHA-256 of the film asked about.
    ``audit`` is the hash of this turn's record in the chain (hex SHA-256).
    """

    session: str
    turn: int
    query: Query
    sentences: tuple[Sentence, ...]
    items: tuple[Evidence, ...]
    anchors: tuple[Anchor, ...]
    facts: tuple[Fact, ...] = ()
    correction: Correction | None = None
    film: str = ""
    overlay: str | None = None
    audit: str = ""
    timing_ms: dict[str, float] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The answer as lines."""
        return "\n".join(s.text for s in self.sentences)


@dataclass(frozen=True, eq=False, slots=True)
class Session:
    """A conversation about one film; a value, replaced by each turn.

    ``prior_sha256`` is the earlier film that it is compared with, if any; ``revisions`` are the doctor's changes of
    sentences of its report.
    """

    id: str
    image_sha256: str
    lang: Lang
    turns: tuple[Turn, ...] = ()
    prior_sha256: str | None = None
    revisions: tuple[Revision, ...] = ()

    @property
    def rejected(self) -> frozenset[str]:
        """Sign ids that the doctor struck out and did not restore."""
        out: set[str] = set()
        for said in (t.correction for t in self.turns if t.correction is not None):
            (out.add if said.rejected else out.discard)(said.sign)
        return frozenset(out)

    @property
    def anchors(self) -> tuple[Anchor, ...]:
        """The anchors of the film that the conversation is about now, oldest first."""
        return tuple(a for a in self.made if a.film in ("", self.image_sha256))

    @property
    def made(self) -> tuple[Anchor, ...]:
        """All anchors made so far, those of earlier films too, oldest first."""
        return tuple(a for t in self.turns for a in t.anchors)
