"""``write_report``: findings and observations -> a structured report."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from whyray.dialogue.report.case import Case, Said
from whyray.dialogue.report.edits import revise
from whyray.dialogue.report.impression import impression
from whyray.dialogue.report.sections import section
from whyray.domain import (
    Bilingual,
    Change,
    Finding,
    Image,
    Notice,
    Observations,
    Pack,
    ReportSection,
    ReportSentence,
    Revision,
    SectionDefinition,
    StructuredReport,
)

TECHNIQUE, IMPRESSION = "technique", "impression"


def write_report(
    findings: tuple[Finding, ...],
    observations: Observations,
    pack: Pack,
    *,
    image: Image,
    rejected: Collection[str] = frozenset(),
    edits: Iterable[Revision] = (),
    changes: Iterable[Change] = (),
) -> StructuredReport:
    """Write the report of one film.

    Parameters
    ----------
    findings
        All findings of the film with their evidence, without the signs that the doctor struck out.
    observations
        What ran, what did not, and whether the film is usable.
    pack
        The pack they were read with; its ``report`` says how reports are written.
    image
        View, size, pixel spacing, warnings and digest of the film; its pixels are not used.
    rejected
        Sign ids that the doctor struck out: never said to be there, and never to be absent.
    edits
        The doctor's changes of sentences, made again on this report.
    changes
        What changed since the prior film.

    Returns
    -------
    StructuredReport
        Technique, the pack's sections with those of the form first, impression; sentences are numbered in that order.

    Raises
    ------
    PackError
        ``TEMPLATE_MISSING`` when the pack lacks a template.
    ArgumentError
        ``SENTENCE_UNKNOWN`` when a sentence that was changed is no longer there.
    ValueError
        When a finding is not of this pack, or the pack has no form for the film.
    """
    case = Case(findings, observations, pack, image, frozenset(rejected), tuple(changes))
    written: list[tuple[str, Bilingual, tuple[Said, ...]]] = [
        (TECHNIQUE, pack.templates[f"report.section.{TECHNIQUE}"], _technique(case)),
        *((d.id, d.title, section(case, d)) for d in _ordered(case)),
        (IMPRESSION, pack.templates[f"report.section.{IMPRESSION}"], impression(case)),
    ]
    sections: list[ReportSection] = []
    number = 1
    for section_id, title, said in written:
        sentences = tuple(
            ReportSentence(f"S{n}", s.text, s.evidence, s.signs) for n, s in enumerate(said, start=number)
        )
        number += len(sentences)
        if sentences:
            sections.append(ReportSection(section_id, title, sentences))
    report = StructuredReport(case.form.id, case.form.title, _head(case), tuple(sections), pack.templates["research"])
    return revise(report, edits)


def _ordered(case: Case) -> list[SectionDefinition]:
    """Sections of the form first, the others in the usual order; the usual one on a film that cannot be read."""
    lead = case.form.lead if case.observations.quality.usable else ()
    usual = case.pack.report.sections
    return sorted(usual, key=lambda s: (lead.index(s.id) if s.id in lead else len(lead), usual.index(s)))


def _head(case: Case) -> tuple[tuple[Bilingual, Bilingual], ...]:
    """Lines of the head: view, size, film digest, model, pack."""
    templates, image, pack = case.pack.templates, case.image, case.pack
    model = case.observations.model_id
    geometry = image.geometry
    size = templates["report.size"].format(cols=geometry.cols, rows=geometry.rows)
    if geometry.spacing_mm is not None:
        row, col = geometry.spacing_mm
        size = templates["report.size.spacing"].format(cols=geometry.cols, rows=geometry.rows, row=row, col=col)
    return (
        (templates["report.head.view"], templates[f"report.view.{image.view}"]),
        (templates["report.head.size"], size),
        (templates["report.head.film"], Bilingual(image.sha256, image.sha256)),
        (templates["report.head.model"], Bilingual(model, model)),
        (templates["report.head.pack"], Bilingual(f"{pack.id} {pack.version}", f"{pack.id} {pack.version}")),
    )


def _technique(case: Case) -> tuple[Said, ...]:
    """View and quality, what the reader must know about the input, and structures that cannot be seen."""
    image, quality = case.image, case.observations.quality
    view = case.both(
        lambda p: p.fill("report.technique", name=p.text(case.pack.name), view=p.fill(f"report.view.{image.view}"))
    )
    said = [Said(view)]
    if quality.usable:
        said.append(case.say("report.readable"))
        said += [_notice(case, reason) for reason in quality.reasons]
    elif quality.reasons:
        text = case.both(
            lambda p: p.fill("report.unreadable", reasons=p.join(p.inside(r.sentence) for r in quality.reasons))
        )
        said.append(Said(text))
    else:
        said.append(case.say("report.unreadable.plain"))
    told = {reason.code for reason in quality.reasons}
    said += [_notice(case, warning) for warning in image.warnings if warning.code not in told]
    if not image.geometry.calibrated:
        said.append(case.say("uncalibrated"))
    hidden = [
        s
        for s in case.pack.structures
        if (found := case.observations.structure(s.id)) is not None and found.region is None
    ]
    if hidden and quality.usable:
        said.append(Said(case.both(lambda p: p.fill("report.unclear", names=p.listed(p.text(s.name) for s in hidden)))))
    return tuple(said)


def _notice(case: Case, notice: Notice) -> Said:
    return Said(case.both(lambda p: p.text(notice.sentence)))
