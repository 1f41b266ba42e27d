"""Spelling that does not matter: width, case, script variant, spaces."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from whyray.domain import Lang, Term

HAN = "\u3400-\u4dbf\u4e00-\u9fff"
_QUOTES = str.maketrans({"’": "'", "‘": "'", "`": "'", "´": "'", "“": '"', "”": '"'})
_JOINERS = re.compile(r"[-_/‐‑–—·•]+")
_SPACE = re.compile(r"\s+")
_HAN_SPACE = re.compile(rf"(?<=[{HAN}])\s+|\s+(?=[{HAN}])")
_HAN = re.compile(rf"[{HAN}]")
_LATIN_WORD = re.compile(r"[a-z][a-z']*")


def fold_table(terms: Iterable[Term]) -> dict[int, str]:
    """Map traditional -> simplified characters by the ``fold`` terms (zipped strings of equal length)."""
    pairs = ((old, new) for t in terms if t.kind == "fold" for zh in t.zh for old, new in zip(zh, t.value, strict=True))
    return {ord(old): new for old, new in pairs}


def normalise(text: str, table: dict[int, str]) -> str:
    """Apply NFKC, lower case, simplified, plain quotes, joiners as spaces, no space beside Han."""
    # Quotes go first: NFKC turns the acute accent into a space with a combining mark.
    plain = unicodedata.normalize("NFKC", text.translate(_QUOTES)).lower().translate(table)
    spaced = _SPACE.sub(" ", _JOINERS.sub(" ", plain)).strip()
    return _HAN_SPACE.sub("", spaced)


def han_count(text: str) -> int:
    """Count the Han characters."""
    return len(_HAN.findall(text))


def latin_words(text: str) -> list[str]:
    """Split off the ASCII Latin words of a normalised text."""
    return _LATIN_WORD.findall(text)


def has_foreign_letter(text: str) -> bool:
    """Tell whether a letter belongs to neither ASCII Latin nor Han (kana, Cyrillic, accents ...)."""
    return any(c.isalpha() and not c.isascii() and not _HAN.match(c) for c in text)


def detect_lang(han: int, words: int, cue_zh: int, cue_en: int, fallback: Lang) -> Lang:
    """Take the language of the question words, else of the majority of the words, else `fallback`."""
    if cue_zh != cue_en:
        return "zh" if cue_zh > cue_en else "en"
    if han == words == 0:
        return fallback
    return "zh" if han >= words else "en"
