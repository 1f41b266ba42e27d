"""Names that are written apart: "is the heart enlarged", question words inside a Chinese name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from whyray.dialogue.normalise import latin_words

if TYPE_CHECKING:
    from whyray.dialogue.lexicon import Hit, Lexicon

_NAMED = ("diagnosis", "sign")
# A Chinese name reaches at most so many characters over a word inside it; an English one spans so many words.
_REACH, _SPAN = 6, 8
_WORD = re.compile(r"[a-z][a-z']*")


def apart(text: str, hits: tuple[Hit, ...], lexicon: Lexicon) -> tuple[Hit, ...]:
    """Add the names that are written apart; shorter names inside them go.

    Parameters
    ----------
    text
        Normalised text.
    hits
        What was found in one piece.
    lexicon
        Its names and the words that may stand inside them.
    """
    whole = [h for h in hits if h.kind in _NAMED]
    found = [f for f in _across(text, lexicon) if not any(h.start <= f.start and f.end <= h.end for h in whole)]
    if not found and not any(h.kind == "scope" for h in hits):
        found = _scattered(text, hits, lexicon)
    kept = [h for h in hits if h.kind not in _NAMED or not any(f.start <= h.start and h.end <= f.end for f in found)]
    return tuple(sorted((*kept, *found), key=lambda h: (h.start, h.end)))


def _across(text: str, lexicon: Lexicon) -> list[Hit]:
    """Chinese names with one of the lexicon's seams (or only its ends) inside, the longest at each place."""
    from whyray.dialogue.lexicon import Hit

    out: list[Hit] = []
    pos = 0
    while pos < len(text):
        seam = next((s for s in lexicon.seams if text.startswith(s, pos)), None)
        if seam is None:
            pos += 1
            continue
        after = pos + len(seam)
        best: Hit | None = None
        for left in range(max(0, pos - _REACH), pos):
            for right in range(min(len(text), after + _REACH), after, -1):
                for middle in ("", seam[-1], seam[0], seam[0] + seam[-1]):
                    word = text[left:pos] + middle + text[after:right]
                    entry = lexicon.meanings.entries.get(word) if len(word) > 2 else None
                    longer = best is None or right - left > best.end - best.start
                    if entry is not None and entry[0] in _NAMED and longer:
                        best = Hit(left, right, word, *entry)
        if best is not None:
            out.append(best)
            pos = best.end
        else:
            pos += len(seam)
    return out


def _scattered(text: str, hits: tuple[Hit, ...], lexicon: Lexicon) -> list[Hit]:
    """Return the English name whose words all stand near each other in another order; none when several fit.

    Where names were found in one piece, it must have all their words and more; the words of a question for a place
    ("which lobe") belong to no name.
    """
    from whyray.dialogue.lexicon import Hit

    asking = {w for h in hits if "locate" in h.values for w in latin_words(h.text)}
    words = set(latin_words(text)) - asking
    least = {w for h in hits if h.kind in _NAMED for w in latin_words(h.text)}
    fitting = [(bag, name) for bag, name in lexicon.loose if least < bag <= words]
    if not fitting:
        return []
    most = max(len(bag) for bag, _ in fitting)
    names = [name for bag, name in fitting if len(bag) == most]
    meant = {lexicon.meanings.entries[name][1] for name in names}
    places = [m for m in _WORD.finditer(text) if m.group() in latin_words(names[0])]
    if len(meant) != 1 or len(places) < most:
        return []
    start, end = places[0].start(), places[-1].end()
    asked = any(h.kind == "aspect" and start <= h.start < end for h in lexicon.point(text))
    if asked or len(_WORD.findall(text[start:end])) > _SPAN:
        return []
    return [Hit(start, end, names[0], *lexicon.meanings.entries[names[0]])]
