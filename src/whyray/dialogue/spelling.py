"""Typing errors: strict edit distance for English, like sounds and one wrong character for Chinese."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from rapidfuzz.distance import OSA, Hamming

from whyray.dialogue.normalise import HAN, latin_words

if TYPE_CHECKING:
    from whyray.dialogue.lexicon import Alike, Hit, Lexicon

Correction = tuple[str, str]
_NAMED = ("diagnosis", "sign")
_NEIGHBOURS = ("zone", "structure", "side", "word")
_LONGEST_SPOKEN = 10
# A Chinese name is recognised with one character left out when it has so many.
_GAPPED = 5
_HAN_RUN = re.compile(rf"[{HAN}]+")


def correct(text: str, lexicon: Lexicon, *, heard: bool) -> tuple[str, tuple[Correction, ...]]:
    """Correct the typing errors of a normalised text; also returns the (typed, meant) pairs."""
    text, slips = _slips(text, lexicon)
    latin = _latin(text, lexicon)
    for wrong, right in latin:
        text = re.sub(rf"(?<![a-z0-9']){re.escape(wrong)}(?![a-z0-9'])", right, text)
    spoken: list[Correction] = []
    for alike in lexicon.alike if heard else ():
        text, found = _by_likeness(text, alike, lexicon)
        spoken += found
    han = _by_form(text, lexicon)
    for wrong, right in han:
        text = text.replace(wrong, right, 1)
    return text, (*slips, *latin, *spoken, *han)


def _slips(text: str, lexicon: Lexicon) -> tuple[str, list[Correction]]:
    """Replace the usual slips that the pack lists, twice: one may come out only when another is put right."""
    out = []
    for wrong, right in (*lexicon.slips.items(), *lexicon.slips.items()):
        if wrong not in text:
            continue
        pattern = rf"(?<![a-z0-9']){re.escape(wrong)}(?![a-z0-9'])" if wrong.isascii() else re.escape(wrong)
        text, count = re.subn(pattern, right, text)
        if count:
            out.append((wrong, right))
    return text, out


def _latin(text: str, lexicon: Lexicon) -> list[Correction]:
    out = []
    for word in dict.fromkeys(latin_words(text)):
        if len(word) >= 4 and not lexicon.known(word) and not lexicon.ordinary(word):
            best = _nearest(word, lexicon)
            if best is not None:
                out.append((word, best))
    return out


def _nearest(word: str, lexicon: Lexicon) -> str | None:
    """Return the only word of the lexicon within the cut-off; None when there is none or a tie.

    Among equally near words the one with the same letters wins (two of them were swapped), then that of the most names.
    """
    near: list[tuple[int, bool, int, str]] = []
    for length in range(max(4, len(word) - 2), len(word) + 3):
        most = 2 if min(len(word), length) >= 10 else 1
        for candidate in lexicon.lengths.get(length, ()):
            if candidate not in lexicon.outside and _may_be(word, candidate):
                distance = OSA.distance(word, candidate, score_cutoff=most)
                if distance <= most:
                    common = lexicon.name_words.get(candidate, 0)
                    near.append((distance, sorted(word) != sorted(candidate), -common, candidate))
    near.sort()
    if not near or (len(near) > 1 and near[0][:3] == near[1][:3]):
        return None
    return near[0][3]


def _may_be(word: str, candidate: str) -> bool:
    """Apply the cheap cut-offs: four letters only transposed, short words keep their first letter."""
    if len(word) == len(candidate) == 4:
        return word[0] == candidate[0] and sorted(word) == sorted(candidate)
    return word[0] == candidate[0] or len(candidate) >= 8


def _by_likeness(text: str, alike: Alike, lexicon: Lexicon) -> tuple[str, list[Correction]]:
    """Replace Chinese words that are written with other characters of the same sound or shape, longest first."""
    out: list[Correction] = []
    if not alike.table:
        return text, out
    hits = _meaning(text, lexicon)
    owner = _covered(text, hits)
    single = {h.start for h in lexicon.match(text) if h.end - h.start == 1 and h.kind == "word"}
    key = text.translate(alike.table)
    for run in _HAN_RUN.finditer(text):
        pos = run.start()
        while pos < run.end() - 1:
            found = _alike(text, key, pos, run.end(), alike, lexicon, owner, single)
            if found is None:
                pos += 1
                continue
            wrong, right = text[pos : pos + len(found)], found
            out.append((wrong, right))
            text = text[:pos] + right + text[pos + len(right) :]
            pos += len(right)
    return text, out


def _alike(
    text: str,
    key: str,
    pos: int,
    stop: int,
    alike: Alike,
    lexicon: Lexicon,
    owner: list[Hit | None],
    single: set[int],
) -> str | None:
    for end in range(min(stop, pos + _LONGEST_SPOKEN), pos + 1, -1):
        typed = text[pos:end]
        for word in alike.words.get(key[pos:end], ()):
            wrong = [pos + i for i, (a, b) in enumerate(zip(typed, word, strict=True)) if a != b]
            if not wrong or len(wrong) > len(word) // 2 or typed in lexicon.sounding:
                continue
            inside = all(h is None or (h.start >= pos and h.end <= end) for h in owner[pos:end])
            if (
                not inside
                or any(owner[i] is not None for i in wrong)
                or (not _is_named(word, lexicon) and _joins_on(text, pos, end, wrong, owner, lexicon))
            ):
                continue
            if lexicon.meanings.entries.get(word, ("",))[0] == "scope" and any(owner[pos:end]):
                continue
            empty = single.intersection(wrong)
            if _is_named(word, lexicon) and not (empty and any(owner[pos:end])):
                return word
            if empty and (single.issuperset(range(pos, end)) or (len(word) == 3 and any(owner[pos:end]))):
                continue
            if all(a + b in lexicon.pairs for a, b in pairwise(typed)):
                continue
            if len(word) == 2 and any(c in lexicon.meanings.entries for c in word):
                continue
            return word
    return None


def _joins_on(text: str, pos: int, end: int, wrong: list[int], owner: list[Hit | None], lexicon: Lexicon) -> bool:
    """Tell whether a differing character at the edge belongs to the character next to it, which no word has taken."""
    after = end - 1 in wrong and end < len(text) and owner[end] is None and text[end - 1 : end + 1] in lexicon.pairs
    before = pos in wrong and pos > 0 and owner[pos - 1] is None and text[pos - 1 : pos + 1] in lexicon.pairs
    return after or before


def _is_named(word: str, lexicon: Lexicon) -> bool:
    """Tell whether `word` is a name of three or more characters: nothing else sounds like it."""
    return len(word) >= 3 and lexicon.meanings.entries.get(word, ("",))[0] in _NAMED


def _meaning(text: str, lexicon: Lexicon) -> list[Hit]:
    first = [h for h in lexicon.match(text) if h.kind not in _NEIGHBOURS or h.end - h.start > 1]
    return [*first, *(h for h in lexicon.point(text) if h.end - h.start > 1)]


def _covered(text: str, hits: list[Hit]) -> list[Hit | None]:
    owner: list[Hit | None] = [None] * len(text)
    for hit in sorted(hits, key=lambda h: h.end - h.start):
        owner[hit.start : hit.end] = [hit] * (hit.end - hit.start)
    return owner


def _by_form(text: str, lexicon: Lexicon) -> list[Correction]:
    """Correct a name with two characters swapped, or one of three or more wrong, never the first: it is the organ."""
    blocked = [False] * len(text)
    for hit in lexicon.match(text):
        if hit.kind not in _NEIGHBOURS:
            blocked[hit.start : hit.end] = [True] * (hit.end - hit.start)
    empty = {h.start for h in lexicon.match(text) if h.kind == "word" and h.end - h.start == 1}
    for hit in lexicon.point(text):
        if hit.kind in ("aspect", "zone", "place") and hit.end - hit.start > 1:
            blocked[hit.start : hit.end] = [True] * (hit.end - hit.start)
    for start in range(len(text)):
        for end in range(min(len(text), start + _LONGEST_SPOKEN), start + 1, -1):
            swapped = lexicon.shuffled.get("".join(sorted(text[start:end])))
            if swapped and not any(blocked[start:end]) and OSA.distance(swapped, text[start:end]) == 1:
                return [(text[start:end], swapped)]
        near = [
            s
            for s in lexicon.han_names.get(text[start], ())
            if start + len(s) <= len(text)
            and not any(blocked[start : start + len(s)])
            and Hamming.distance(s, text[start : start + len(s)]) == 1
            and not _spelt_right(s, text, start, empty, lexicon)
        ]
        entries = lexicon.meanings.entries
        if not near:
            whole = _one_missing(text, start, blocked, lexicon)
            if whole:
                return [(text[start : start + len(whole) - 1], whole)]
            continue
        # Where several things are near, a name is meant rather than another word for something else.
        if len({entries[s][1] for s in near}) > 1:
            near = [s for s in near if s in lexicon.primary]
        if len({entries[s][1] for s in near}) == 1:
            best = max(near, key=len)
            return [(text[start : start + len(best)], best)]
    return []


def _one_missing(text: str, start: int, blocked: list[bool], lexicon: Lexicon) -> str:
    """Return the longest name of five or more characters that stands here with one of them left out, else ""."""
    fitting = [
        s
        for s in lexicon.han_names.get(text[start], ())
        if len(s) >= _GAPPED
        and start + len(s) - 1 <= len(text)
        and not any(blocked[start : start + len(s) - 1])
        and any(text.startswith(s[:i] + s[i + 1 :], start) for i in range(1, len(s) - 1))
    ]
    return max(fitting, key=len, default="")


def _spelt_right(word: str, text: str, start: int, empty: set[int], lexicon: Lexicon) -> bool:
    """Tell whether the character that differs from `word` is right: an empty word, no character, or a known pair."""
    typed = text[start : start + len(word)]
    wrong = next(i for i, (a, b) in enumerate(zip(typed, word, strict=True)) if a != b)
    pairs = text[start + wrong - 1 : start + wrong + 1], text[start + wrong : start + wrong + 2]
    known = any(pair in lexicon.pairs for pair in pairs)
    return start + wrong in empty or not _HAN_RUN.fullmatch(typed) or known
