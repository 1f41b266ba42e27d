"""The words of a pack: longest match first, typing errors by strict edit distance."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz.distance import OSA, Hamming

from whyray.dialogue.normalise import fold_table, han_count, latin_words, normalise
from whyray.domain import Bilingual, Lang, Pack, Synonyms, Term

# One surface may be a sign, a diagnosis and a filler at once; the earlier kind wins.
Entry = tuple[str, tuple[str, ...], Lang]
Word = tuple[str, str, Lang, str]
KINDS = ("diagnosis", "sign", "scope", "cue", "answer", "idiom", "zone", "structure", "side", "word")
NAMED = ("diagnosis", "sign")
_FUZZY_NEIGHBOURS = ("zone", "structure", "side", "word")
_SUFFIX = re.compile(r"(?:'s|es|s)?(?![a-z0-9])")


@dataclass(frozen=True, slots=True)
class Hit:
    """A lexicon entry found in the normalised text; several ``values`` when the words are shared."""

    start: int
    end: int
    text: str
    kind: str
    values: tuple[str, ...]
    lang: Lang


@dataclass(frozen=True, slots=True)
class Scan:
    """Normalised (and corrected) text, its hits in order, and the typing errors that were corrected."""

    text: str
    hits: tuple[Hit, ...]
    corrections: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Lexicon:
    """All names, synonyms and terms of one pack, normalised; built once for the same words."""

    entries: dict[str, Entry]
    fillers: dict[str, Entry]
    table: dict[int, str]
    vocabulary: frozenset[str]
    longest: int
    han_names: dict[str, tuple[str, ...]]
    primary: frozenset[str]

    @staticmethod
    def of(pack: Pack) -> Lexicon:
        """Collect and normalise every word of `pack`."""
        names = frozenset(d.name.zh for d in pack.diagnoses) | {s.name.zh for s in pack.signs if not s.learned}
        return _build(tuple(_words(pack)), tuple(t for t in pack.terms if t.kind == "fold"), names)

    def scan(self, raw: str) -> Scan:
        """Normalise `raw`, correct its typing errors and find all entries, longest first."""
        text = normalise(raw, self.table)
        latin = self._correct_latin(text)
        for wrong, right in latin:
            text = re.sub(rf"(?<![a-z0-9']){re.escape(wrong)}(?![a-z0-9'])", right, text)
        han = self._correct_han(text)
        for wrong, right in han:
            text = text.replace(wrong, right, 1)
        return Scan(text, self._match(text), tuple(latin + han))

    def _match(self, text: str) -> tuple[Hit, ...]:
        meaning = self._longest(text, self.entries, [False] * len(text))
        taken = [False] * len(text)
        for hit in meaning:
            taken[hit.start : hit.end] = [True] * (hit.end - hit.start)
        return tuple(sorted(meaning + self._longest(text, self.fillers, taken), key=lambda h: h.start))

    def _longest(self, text: str, entries: dict[str, Entry], taken: list[bool]) -> list[Hit]:
        hits, pos = [], 0
        while pos < len(text):
            hit = None if taken[pos] else _at(text, pos, entries, self.longest, taken)
            if hit is not None:
                hits.append(hit)
            pos = hit.end if hit is not None else pos + 1
        return hits

    def _correct_latin(self, text: str) -> list[tuple[str, str]]:
        out = []
        for word in dict.fromkeys(latin_words(text)):
            if len(word) >= 4 and not self._known(word):
                best = self._nearest(word)
                if best is not None:
                    out.append((word, best))
        return out

    def _known(self, word: str) -> bool:
        forms = {word, word.removesuffix("'s"), word.removesuffix("s"), word.removesuffix("es")}
        return not forms.isdisjoint(self.vocabulary)

    def _nearest(self, word: str) -> str | None:
        """Return the only vocabulary word within the cut-off; None when there is none or a tie.

        Among equally near words the one with the same letters wins: two of them were swapped.
        """
        near = [(OSA.distance(word, w), sorted(word) != sorted(w), w) for w in self.vocabulary if _may_be(word, w)]
        scored = sorted(s for s in near if s[0] <= (2 if min(len(word), len(s[2])) >= 10 else 1))
        if not scored or (len(scored) > 1 and scored[0][:2] == scored[1][:2]):
            return None
        return scored[0][2]

    def _correct_han(self, text: str) -> list[tuple[str, str]]:
        """Correct names of three or more Han characters, one wrong, never the first: it is the organ."""
        blocked = [False] * len(text)
        for hit in self._match(text):
            if hit.kind not in _FUZZY_NEIGHBOURS:
                blocked[hit.start : hit.end] = [True] * (hit.end - hit.start)
        for start in range(len(text)):
            near = [
                s
                for s in self.han_names.get(text[start], ())
                if start + len(s) <= len(text)
                and not any(blocked[start : start + len(s)])
                and Hamming.distance(s, text[start : start + len(s)]) == 1
            ]
            # Where several things are near, a name is meant rather than another word for something else.
            if len({self.entries[s][1] for s in near}) > 1:
                near = [s for s in near if s in self.primary]
            if len({self.entries[s][1] for s in near}) == 1:
                best = max(near, key=len)
                return [(text[start : start + len(best)], best)]
        return []


@lru_cache(maxsize=8)
def _build(words: tuple[Word, ...], folds: tuple[Term, ...], primary: frozenset[str]) -> Lexicon:
    """Build the lexicon; packs are values, so equal words give the same one."""
    table = fold_table(folds)
    found: dict[str, dict[str, dict[str, None]]] = {}
    langs: dict[str, Lang] = {}
    for kind, value, lang, word in words:
        surface = normalise(word, table)
        if surface:
            found.setdefault(surface, {}).setdefault(kind, {})[value] = None
            langs[surface] = lang
    entries: dict[str, Entry] = {}
    fillers: dict[str, Entry] = {}
    for surface, kinds in found.items():
        kind = min(kinds, key=KINDS.index)
        (fillers if kind == "word" else entries)[surface] = (kind, tuple(kinds[kind]), langs[surface])
    names: dict[str, tuple[str, ...]] = {}
    for surface, (kind, _, _) in entries.items():
        if kind in NAMED and han_count(surface) == len(surface) >= 3:
            names[surface[0]] = (*names.get(surface[0], ()), surface)
    vocabulary = frozenset(w for surface in found for w in latin_words(surface))
    primary = frozenset(normalise(name, table) for name in primary)
    return Lexicon(entries, fillers, table, vocabulary, max(map(len, found), default=0), names, primary)


def _may_be(word: str, candidate: str) -> bool:
    """Apply the cheap cut-offs: four letters only transposed, short words keep their first letter."""
    if len(candidate) < 4 or abs(len(word) - len(candidate)) > 2:
        return False
    if min(len(word), len(candidate)) == 4 and len(candidate) == 4:
        return sorted(word) == sorted(candidate) and word[0] == candidate[0]
    return word[0] == candidate[0] or len(candidate) >= 8


def _at(text: str, pos: int, entries: dict[str, Entry], longest: int, taken: list[bool]) -> Hit | None:
    latin = text[pos].isascii() and text[pos].isalnum()
    if latin and pos and re.match(r"[a-z0-9']", text[pos - 1]):
        return None
    for end in range(min(len(text), pos + longest), pos, -1):
        entry = entries.get(text[pos:end])
        if entry is None or any(taken[pos:end]):
            continue
        if text[end - 1].isascii() and text[end - 1].isalnum():
            suffix = _SUFFIX.match(text, end)
            if suffix is None:
                continue
            end = suffix.end()
        return Hit(pos, end, text[pos:end], *entry)
    return None


def _words(pack: Pack) -> Iterator[Word]:
    """Yield (kind, value, language, word) of everything the pack names, learned patterns apart."""
    named: list[tuple[str, str, Bilingual, Synonyms]] = [
        *(("diagnosis", d.id, d.name, d.synonyms) for d in pack.diagnoses),
        *(("sign", s.id, s.name, s.synonyms) for s in pack.signs if not s.learned),
        *(("zone", z.id, z.name, z.synonyms) for z in pack.zones),
        *(("structure", s.id, s.name, s.synonyms) for s in pack.structures),
    ]
    for kind, value, name, synonyms in named:
        yield from ((kind, value, "zh", w) for w in (name.zh, *synonyms.zh))
        yield from ((kind, value, "en", w) for w in (name.en, *synonyms.en))
    for term in pack.terms:
        kind = "diagnosis" if term.kind == "target" else term.kind
        if kind in KINDS:
            yield from ((kind, term.value, "zh", w) for w in term.zh)
            yield from ((kind, term.value, "en", w) for w in term.en)
