"""The error tree: one class per way a reading can fail.

``WhyrayError`` carries a stable ``code``, one sentence in Chinese and English and a hint, so that every
shell prints the same line. ``exit_code`` is what a command ends with (1 runtime, 2 arguments, 3 image refused).

    WhyrayError
    |-- ArgumentError        a wrong argument, option or identifier            exit 2
    |-- ImageRefused         the input is no readable adult frontal chest film exit 3
    |-- PackError            a knowledge pack breaks its schema or references  exit 1
    |-- ModelError           a model folder is missing, altered or unreadable  exit 1
    `-- OutputError          a result could not be written                     exit 1
"""

from __future__ import annotations

from whyray.domain.text import Bilingual, Lang


class WhyrayError(Exception):
    """Base of every expected failure.

    Parameters
    ----------
    code
        Stable upper-case identifier, e.g. ``IMAGE_EMPTY``.
    sentence
        What is wrong, in both languages, without a final line break.
    hint
        What the user can do about it.
    """

    exit_code = 1

    def __init__(self, code: str, sentence: Bilingual, hint: Bilingual) -> None:
        super().__init__(f"{code}: {sentence.en}")
        self.code = code
        self.sentence = sentence
        self.hint = hint

    def line(self, lang: Lang = "en") -> str:
        """One line: code, sentence and hint in `lang`."""
        return " ".join(f"{self.code}: {self.sentence.get(lang)} {self.hint.get(lang)}".split())


class ArgumentError(WhyrayError):
    """An argument, option or identifier is wrong."""

    exit_code = 2


class ImageRefused(WhyrayError):
    """The input cannot be read as an adult frontal chest radiograph."""

    exit_code = 3


class PackError(WhyrayError):
    """A knowledge pack breaks its schema or its cross references."""


class ModelError(WhyrayError):
    """A model folder is missing, altered or unreadable."""


class OutputError(WhyrayError):
    """A result could not be written."""
