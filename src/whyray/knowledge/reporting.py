"""Checks of what ``report.yaml`` names: signs, zones, sign files and sections."""

from __future__ import annotations

from collections.abc import Iterator

from whyray.knowledge.problems import Problem, problem
from whyray.knowledge.references import Scope


def plan(scope: Scope) -> Iterator[Problem]:
    """Unknown names, signs that no section holds, and forms that no film can reach; silent without sections."""
    report = scope.pack.report
    if not report.sections:
        return
    sections = {s.id for s in report.sections}
    groups = {s.group for s in scope.pack.signs if not s.learned}
    listed = [group for s in report.sections for group in s.groups]
    yield from (problem("SIGN_FILE_UNKNOWN", "report.sections", id=g) for g in listed if g not in groups)
    yield from (problem("SIGN_FILE_UNREPORTED", "report.sections", id=g) for g in sorted(groups - set(listed)))
    for form in report.forms:
        where = f"report.forms.{form.id}"
        yield from scope.unknown("sign", (*form.signs, *form.negatives), where)
        yield from (problem("SECTION_UNKNOWN", where, id=s) for s in form.lead if s not in sections)
    if not report.forms or report.forms[-1].signs or any(not f.signs for f in report.forms[:-1]):
        yield problem("FORM_LAST", "report.forms")
    yield from scope.unknown("zone", report.zones, "report.zones")
    for place in report.places:
        yield from scope.unknown("zone", place.of, f"report.places.{place.name.en}")
    yield from scope.unknown("sign", tuple(report.phrases), "report.phrases")
