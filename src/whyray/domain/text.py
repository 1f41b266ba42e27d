"""Text in the two languages every output speaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Lang = Literal["zh", "en"]


@dataclass(frozen=True, slots=True)
class Bilingual:
    """The same words in Chinese and English."""

    zh: str
    en: str

    def get(self, lang: Lang) -> str:
        """The words in `lang`."""
        return self.zh if lang == "zh" else self.en

    def format(self, **values: object) -> Bilingual:
        """Both templates filled with `values` (``str.format`` fields)."""
        return Bilingual(self.zh.format(**values), self.en.format(**values))

    def as_dict(self) -> dict[str, str]:
        """``{"zh": ..., "en": ...}``."""
        return {"zh": self.zh, "en": self.en}


@dataclass(frozen=True, slots=True)
class Notice:
    """A warning that travels with an image or a reading: stable code and one sentence."""

    code: str
    sentence: Bilingual
