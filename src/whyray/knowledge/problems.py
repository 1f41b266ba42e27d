"""What a check finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from whyray.domain import Bilingual
from whyray.knowledge.words import words

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong (``error``) or doubtful (``warning``) in a pack.

    Attributes
    ----------
    where
        Place in the pack, e.g. ``diagnoses.ID.weights.SIGN``.
    code
        Stable upper-case identifier; severity and sentence by code are in ``words.yaml``.
    """

    severity: Severity
    where: str
    code: str
    sentence: Bilingual

    def line(self, lang: Literal["zh", "en"] = "en") -> str:
        """One line: severity, place, code, sentence."""
        return f"{self.severity}: {self.where}: {self.code}: {self.sentence.get(lang)}"


def problem(code: str, where: str, **values: object) -> Problem:
    """Make the problem `code` of ``words.yaml`` with its sentence filled from `values`."""
    entry = words()["problems"][code]
    return Problem(entry["severity"], where, code, Bilingual(entry["zh"], entry["en"]).format(**values))
