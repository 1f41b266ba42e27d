"""What a check finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
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
    spot
        ``file:line`` inside the pack's folder, empty when the folder is not known.
    """

    severity: Severity
    where: str
    code: str
    sentence: Bilingual
    spot: str = ""

    def line(self, lang: Literal["zh", "en"] = "en") -> str:
        """One line: severity, file and line when known, place, code, sentence."""
        head = f"{self.severity}: {self.spot}: " if self.spot else f"{self.severity}: "
        return f"{head}{self.where}: {self.code}: {self.sentence.get(lang)}"


def problem(code: str, where: str, **values: object) -> Problem:
    """Make the problem `code` of ``words.yaml`` with its sentence filled from `values`."""
    entry = words()["problems"][code]
    return Problem(entry["severity"], where, code, Bilingual(entry["zh"], entry["en"]).format(**values))


def locate(problems: Iterable[Problem], find: Callable[[str], str]) -> tuple[Problem, ...]:
    """Give every problem the ``file:line`` that `find` knows for its place."""
    return tuple(replace(found, spot=find(found.where)) for found in problems)
