"""A doctor's changes of a report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from whyray.domain import ArgumentError, Bilingual, Edit, ReportSentence, Revision, StructuredReport


def apply_edit(report: StructuredReport, sentence_id: str, text: Bilingual, who: str, when: str) -> StructuredReport:
    """Replace one sentence by the doctor's.

    Parameters
    ----------
    report
        The report; it is not changed.
    sentence_id
        Which sentence, e.g. ``S3``.
    text
        The doctor's words in both languages.
    who, when
        Name or account of the doctor, and the time (ISO 8601, UTC).

    Returns
    -------
    StructuredReport
        The same report with that sentence changed: its evidence and signs are dropped, for it rests on the doctor's
        word now; the edit keeps what stood there and earlier edits.

    Raises
    ------
    ArgumentError
        ``SENTENCE_UNKNOWN``, or ``EDIT_EMPTY`` when the text lacks a language or nobody is named.
    """
    if not (text.zh.strip() and text.en.strip() and who.strip() and when.strip()):
        raise ArgumentError(
            "EDIT_EMPTY",
            Bilingual("修改缺少中文、英文、修改人或时间。", "The edit lacks a language, a name or a time."),
            Bilingual("请补全后再提交。", "Fill it in and send it again."),
        )
    old = next((s for s in _sentences(report) if s.id == sentence_id), None)
    if old is None:
        raise _unknown(sentence_id)
    new = ReportSentence(old.id, text, edit=Edit(who, when, old.text, old.edit))
    sections = tuple(
        replace(section, sentences=tuple(new if s.id == sentence_id else s for s in section.sentences))
        for section in report.sections
    )
    return replace(report, sections=sections)


def revise(report: StructuredReport, edits: Iterable[Revision]) -> StructuredReport:
    """Make kept changes again, oldest first.

    Raises
    ------
    ArgumentError
        ``SENTENCE_UNKNOWN`` when a sentence that was changed is no longer there.
    """
    for edit in edits:
        same = (s.id for s in _sentences(report) if edit.before is not None and s.text == edit.before)
        found = edit.sentence if edit.before is None else next(same, None)
        if found is None:
            raise _unknown(edit.sentence)
        report = apply_edit(report, found, edit.text, edit.who, edit.when)
    return report


def _sentences(report: StructuredReport) -> Iterable[ReportSentence]:
    return (sentence for section in report.sections for sentence in section.sentences)


def _unknown(sentence_id: str) -> ArgumentError:
    return ArgumentError(
        "SENTENCE_UNKNOWN",
        Bilingual(
            f"报告中没有句子 {sentence_id}，或其内容已变。",
            f"The report has no sentence {sentence_id}, or it reads differently now.",
        ),
        Bilingual("请重新打开报告。", "Open the report again."),
    )
