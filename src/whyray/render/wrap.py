"""Line breaking for mixed Chinese and Latin text, in any unit of width."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

_NO_START = frozenset("，。、；：？！）》】”’％%,.;:?!)]}…·/／°℃")
_NO_END = frozenset("（《【“‘([{")


def columns(text: str) -> int:
    """Terminal columns of `text`: two for a wide character (UAX #11), none for combining marks."""
    return sum(_column(char) for char in text)


def _column(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def pieces(text: str) -> list[str]:
    """Unbreakable pieces: Latin words with the spaces after, ideographs with the punctuation that clings."""
    out: list[str] = []
    for char in text:
        if out and _clings(out[-1], char):
            out[-1] += char
        else:
            out.append(char)
    return out


def _clings(before: str, char: str) -> bool:
    last = before[-1]
    if last in _NO_END or char in _NO_START or char == " ":
        return True
    breakable = last in " /_" or (last == "-" and char.isalpha())
    return not breakable and _column(last) == 1 and _column(char) == 1


def wrap(text: str, width: float, measure: Callable[[str], float]) -> list[str]:
    """Break `text` into lines no wider than `width`; a piece wider than a line is cut.

    Parameters
    ----------
    text
        One paragraph; runs of white space count as one space.
    width
        Room of a line, in the unit of `measure`.
    measure
        Width of a string, e.g. `columns` or a font's length in pixels.
    """
    lines = [""]
    for piece in pieces(" ".join(text.split())):
        if measure((lines[-1] + piece).rstrip()) <= width or not lines[-1]:
            lines[-1] += piece
        else:
            lines.append(piece)
        while measure(lines[-1].rstrip()) > width and len(lines[-1]) > 1:
            cut = _fitting(lines[-1], width, measure)
            lines[-1:] = [lines[-1][:cut], lines[-1][cut:]]
    return [line.rstrip() for line in lines]


def _fitting(text: str, width: float, measure: Callable[[str], float]) -> int:
    """Return the number of leading characters that fit, at least one."""
    low, high = 1, len(text) - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if measure(text[:middle]) <= width else (low, middle - 1)
    return low
