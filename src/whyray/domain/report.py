"""A structured report: sections of sentences in both languages, each with what it rests on."""

from __future__ import annotations

from dataclasses import dataclass

from whyray.domain.text import Bilingual


@dataclass(frozen=True, slots=True)
class Edit:
    """A doctor's change of a sentence: who, when (ISO 8601, UTC), what stood there before, and an earlier change."""

    who: str
    when: str
    before: Bilingual
    earlier: Edit | None = None


@dataclass(frozen=True, slots=True)
class ReportSentence:
    """One sentence; ``evidence`` ids are empty only where it names no sign as seen.

    ``id`` is ``S1``, ``S2``, ... in reading order; ``signs`` are the sign ids it says are there. A sentence that a
    doctor changed rests on the doctor's word: it carries neither.
    """

    id: str
    text: Bilingual
    evidence: tuple[str, ...] = ()
    signs: tuple[str, ...] = ()
    edit: Edit | None = None


@dataclass(frozen=True, slots=True)
class ReportSection:
    """A part of the report, e.g. the lungs."""

    id: str
    title: Bilingual
    sentences: tuple[ReportSentence, ...]


@dataclass(frozen=True, slots=True)
class StructuredReport:
    """The report of one film.

    ``template`` names the form chosen from the signs; ``facts`` are (name, value) lines of the head: view, film, model.
    """

    template: str
    title: Bilingual
    facts: tuple[tuple[Bilingual, Bilingual], ...]
    sections: tuple[ReportSection, ...]
    notice: Bilingual


@dataclass(frozen=True, slots=True)
class Revision:
    """A change kept in the conversation, to be made again when the report is written anew.

    ``before`` is what stood there: a report written anew may number its sentences differently, so that the sentence
    is found by these words; None: by its id.
    """

    sentence: str
    text: Bilingual
    who: str
    when: str
    before: Bilingual | None = None
