"""What a question may need beside the film's findings: anchors, closer looks, distances, ticks, changes, the doctor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from whyray.domain import Anchor, Change, Correction, Figure, Finding, Look, Notice, Relation, Sentence, Ticked


@dataclass(frozen=True, eq=False, slots=True)
class Context:
    """Known about the conversation and measured for the question; everything empty for a first question.

    Attributes
    ----------
    anchors
        All anchors made so far, oldest first.
    made
        How many anchors the conversation has made, those of earlier films too; None outside of a conversation, where
        no place has a name.
    looks
        Anchor id -> closer look at it.
    relations
        Anchor id -> how it lies to the structures and anchors asked about, or to those near it.
    figures
        Figures of the film that the question asks for, in the order of the pack.
    ticked
        Diagnosis id -> its checklist rows as they stand on the film, in the order of the definition.
    rejected
        Sign ids that the doctor struck out.
    changes
        What differs from the prior film; None when no prior film was given.
    prior_note
        What the reader must know about the prior film, e.g. why it cannot be compared.
    correction
        The doctor's word in this turn.
    before
        The findings as they were before the correction.
    report_sentences
        The report's sentences, printed as they are.
    topic
        The diagnosis last asked about before this text.
    opening
        Nothing was asked of this film yet: the answer begins with what must be known about the film.
    """

    anchors: tuple[Anchor, ...] = ()
    made: int | None = None
    looks: Mapping[str, Look] = field(default_factory=dict)
    relations: Mapping[str, tuple[Relation, ...]] = field(default_factory=dict)
    figures: tuple[Figure, ...] = ()
    ticked: Mapping[str, tuple[Ticked, ...]] = field(default_factory=dict)
    rejected: frozenset[str] = frozenset()
    changes: tuple[Change, ...] | None = None
    prior_note: Notice | None = None
    correction: Correction | None = None
    before: tuple[Finding, ...] = ()
    report_sentences: tuple[Sentence, ...] = ()
    topic: str | None = None
    opening: bool = True

    def anchor(self, anchor_id: str) -> Anchor | None:
        """Return the anchor of that id, or None."""
        return next((a for a in self.anchors if a.id == anchor_id), None)
