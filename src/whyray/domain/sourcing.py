"""What a source says, in the language of the reader; references stay in their own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

OPINION = "expert opinion"
_LEAD = re.compile(rf"{OPINION}[:;]?(?: |$)")
# A reference names a year, a code or a label in quotes; anything else is a sentence.
_REFERENCE = re.compile(r"\d{4}|['\"“]")


def without_opinion(source: str) -> str:
    """Return a source without the words that call it an opinion, for where that is said already."""
    return _LEAD.sub("", source, count=1)


def in_chinese(source: str, chinese: Mapping[str, str]) -> str:
    """Return a source in Chinese.

    Parameters
    ----------
    source
        English, as the pack states it: parts between semicolons, an opinion behind ``expert opinion: ``.
    chinese
        Parts and whole sources in Chinese, by their English words.

    Returns
    -------
    str
        Parts without a Chinese form are kept when they are references, and left out when they are sentences; a source
        of which nothing could be told stays as it is.
    """
    if source in chinese:
        return chinese[source]
    rest = without_opinion(source)
    said = [chinese.get(part, part if _REFERENCE.search(part) else "") for part in parts(rest)]
    lead = [chinese.get(OPINION, "")] if rest != source else []
    return "：".join(text for text in (*lead, "；".join(filter(None, said))) if text) or source


def parts(source: str) -> Iterator[str]:
    """Cut a source at its semicolons; those inside brackets or inside a reference do not count."""
    depth, start = 0, 0
    for place, char in enumerate(source):
        depth += (char == "(") - (char == ")")
        if char == ";" and depth == 0 and source[place + 1 : place + 2] == " ":
            yield source[start:place].strip()
            start = place + 1
    last = source[start:].strip()
    if last:
        yield last


def untold(source: str, chinese: Mapping[str, str]) -> tuple[str, ...]:
    """Return the sentences of a source that have no Chinese form: `in_chinese` leaves them out."""
    if not source or source in chinese:
        return ()
    return tuple(p for p in parts(without_opinion(source)) if p not in chinese and not _REFERENCE.search(p))
