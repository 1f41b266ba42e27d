"""Options that several commands share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from whyray.domain import Lang, View
from whyray.service import Reader, Settings


class Language(StrEnum):
    """Choice of ``--lang``."""

    auto = "auto"
    zh = "zh"
    en = "en"


class ViewName(StrEnum):
    """Choice of ``--view``."""

    PA = "PA"
    AP = "AP"


@dataclass(frozen=True, slots=True)
class Options:
    """Common options of ``read`` and ``ask``."""

    as_json: bool
    lang: Language
    out: Path | None
    spacing_mm: float | None
    view: ViewName | None
    model: Path | None

    def reader(self) -> Reader:
        """The service with these settings."""
        return Reader(Settings(model=self.model))

    @property
    def known_view(self) -> View | None:
        """The view for the service."""
        if self.view is None:
            return None
        return "PA" if self.view is ViewName.PA else "AP"


def spoken(language: Language) -> Lang:
    """Language of words that answer no question: the chosen one, else the locale's, else English."""
    if language is Language.zh:
        return "zh"
    if language is Language.en:
        return "en"
    import locale

    return "zh" if (locale.getlocale()[0] or "").lower().startswith(("zh", "chinese")) else "en"


def chosen(language: Language) -> Lang | None:
    """Language of an answer; None = that of the question."""
    return None if language is Language.auto else spoken(language)
