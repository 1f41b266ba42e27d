"""Structured reports of films and of conversations, in the forms that people read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, get_args

from whyray import dialogue, perception, reasoning, render
from whyray.domain import (
    ArgumentError,
    Bilingual,
    Change,
    Finding,
    Lang,
    Revision,
    Sentence,
    StructuredReport,
)
from whyray.service.reading import Reading

Form = Literal["text", "markdown", "html", "pdf"]


def written(
    reading: Reading,
    rejected: frozenset[str] = frozenset(),
    edits: Iterable[Revision] = (),
    prior: Reading | None = None,
) -> StructuredReport:
    """The report of a film, without the signs that a doctor struck out and with his changes of sentences.

    Raises
    ------
    ArgumentError
        SENTENCE_UNKNOWN, see ``dialogue.write_report``.
    """
    changes: tuple[Change, ...] = ()
    if prior is not None:
        changes = perception.changes(reading.image, reading.observations, prior.image, prior.observations, reading.pack)
    findings = reasoning.rank(reading.concluded(rejected), reading.pack).spoken
    observations = reasoning.strike(reading.observations, rejected)
    return dialogue.write_report(
        findings, observations, reading.pack, image=reading.image, rejected=rejected, edits=edits, changes=changes
    )


def spoken(
    reading: Reading, findings: tuple[Finding, ...], rejected: frozenset[str], lang: Lang
) -> tuple[Sentence, ...]:
    """The report as the sentences of an answer: each section under its title."""
    observations = reasoning.strike(reading.observations, rejected)
    ranked = reasoning.rank(findings, reading.pack).spoken
    report = dialogue.write_report(ranked, observations, reading.pack, image=reading.image, rejected=rejected)
    said: list[Sentence] = []
    for section in report.sections:
        said.append(Sentence(section.title.get(lang) + ("：" if lang == "zh" else ":")))
        said += [Sentence(s.text.get(lang), s.evidence) for s in section.sentences]
    return tuple(said)


def rendered(report: StructuredReport, form: str, lang: Lang, picture: Callable[[], bytes]) -> bytes:
    """A report as bytes of UTF-8 text, Markdown, HTML or of a PDF.

    Parameters
    ----------
    picture
        Makes the PNG of the film with its overlays; called only by forms that show it.

    Raises
    ------
    ArgumentError
        FORM_UNKNOWN.
    """
    match form:
        case "text":
            return render.as_text(report, lang).encode("utf-8")
        case "markdown":
            return render.as_markdown(report, lang).encode("utf-8")
        case "html":
            return render.as_html(report, lang, picture()).encode("utf-8")
        case "pdf":
            return render.as_pdf(report, lang, picture())
    known = ", ".join(get_args(Form))
    raise ArgumentError(
        "FORM_UNKNOWN",
        Bilingual(f"没有报告格式“{form}”。", f'There is no report form "{form}".'),
        Bilingual(f"可用的有 {known}。", f"There are {known}."),
    )
