"""The forms of an export by name."""

from __future__ import annotations

from collections.abc import Callable

from whyray.domain import ArgumentError, Bilingual, Pack
from whyray.knowledge.exports.bundle import to_fhir
from whyray.knowledge.exports.page import to_html
from whyray.knowledge.exports.plain import to_json
from whyray.knowledge.exports.turtle import to_turtle

FORMS: dict[str, Callable[[Pack], str]] = {"json": to_json, "ttl": to_turtle, "fhir": to_fhir, "html": to_html}


def export(pack: Pack, form: str) -> str:
    """The pack as text.

    Parameters
    ----------
    form
        A key of `FORMS`.

    Raises
    ------
    ArgumentError
        ``FORM_UNKNOWN``.
    """
    if form not in FORMS:
        known = ", ".join(FORMS)
        raise ArgumentError(
            "FORM_UNKNOWN",
            Bilingual(f"不支持导出格式“{form}”。", f'There is no export form "{form}".'),
            Bilingual(f"可用的有 {known}。", f"There are {known}."),
        )
    return FORMS[form](pack)
