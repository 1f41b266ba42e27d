"""The words of a pack: longest match first, in two layers.

The first layer holds what a question is about (diagnoses, signs, question words); the second what it points to
(properties, places, references to what was spoken of, the form of the answer). A word may be in both.
"""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from threading import Lock

from whyray.dialogue.apart import apart
from whyray.dialogue.normalise import fold_table, han_count, latin_words, normalise
from whyray.dialogue.spelling import correct
from whyray.domain import Bilingual, Lang, Pack, Synonyms

# One surface may be a sign, a diagnosis and a filler at once; the earlier kind wins.
Entry = tuple[str, tuple[str, ...], Lang]
Word = tuple[str, str, Lang, str]
KINDS = ("diagnosis", "sign", "scope", "cue", "answer", "idiom", "zone", "structure", "side", "word")
DETAILS = ("plain", "aspect", "form", "device", "structure", "zone", "place", "reference", "side")
NAMED = ("diagnosis", "sign")
_HINT = "hint"
# A short vowel and one consonant at the end: the consonant is doubled before an ending.
_SHORT_STEM = re.compile(r"^[^aeiou]*[aeiou][bdgklmnprt]$")
_SUFFIX = re.compile(r"(?:'s|es|s)?(?![a-z0-9])")
_INFLECTED = (
    ("'s", ""),
    ("s", ""),
    ("es", ""),
    ("ed", ""),
    ("ed", "e"),
    ("ing", ""),
    ("ing", "e"),
    ("ly", ""),
    ("er", ""),
)
# Words that are never right where a short word was mistyped, if only a question outside the scope has them.
_SHORT_WORD = 5
_SIDED = {"zh": ("{side}{lung}{word}",), "en": ("{side} {lung} {word}", "{word} of the {side} {lung}")}


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
    """Normalised (and corrected) text, its hits in order, and the typing errors that were corrected.

    ``details`` are the hits of the second layer; they may overlap those of the first.
    """

    text: str
    hits: tuple[Hit, ...]
    corrections: tuple[tuple[str, str], ...] = ()
    details: tuple[Hit, ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Layer:
    """Entries by their normalised words."""

    entries: dict[str, Entry]
    longest: int

    @staticmethod
    def of(entries: dict[str, Entry]) -> Layer:
        """Measure the longest entry."""
        return Layer(entries, max(map(len, entries), default=0))

    def find(self, text: str, taken: list[bool]) -> list[Hit]:
        """Find entries in the free places of `text`, longest first; `taken` is not changed."""
        hits, pos = [], 0
        while pos < len(text):
            hit = None if taken[pos] else _at(text, pos, self, taken)
            if hit is not None:
                hits.append(hit)
            pos = hit.end if hit is not None else pos + 1
        return hits


@dataclass(frozen=True, eq=False, slots=True)
class Alike:
    """Characters to the first of those like them, and Chinese words by their characters so translated."""

    table: dict[int, str]
    words: dict[str, tuple[str, ...]]

    @staticmethod
    def of(groups: Iterable[str], surfaces: Iterable[str]) -> Alike:
        """Build it from strings of characters that are typed for one another."""
        table = {ord(c): group[0] for group in groups for c in group}
        words: dict[str, dict[str, None]] = {}
        for surface in surfaces:
            words.setdefault(surface.translate(table), {})[surface] = None
        return Alike(table, {key: tuple(found) for key, found in words.items()})


@dataclass(frozen=True, eq=False, slots=True)
class Lexicon:
    """All names, synonyms and terms of one pack, normalised.

    Attributes
    ----------
    meanings, fillers, details
        First layer, known empty words, second layer.
    table
        Traditional to simplified characters.
    lengths
        English words by their length.
    han_names
        Chinese names of three or more characters by their first one.
    shuffled
        Chinese names by their sorted characters.
    primary
        The names themselves, without synonyms.
    alike
        Tables of characters that are typed for one another: first those that sound, then those that look alike.
    pairs
        Pairs of characters in the pack's own Chinese texts: right spelling.
    seams
        Chinese words that may stand inside a name.
    name_words
        English words of the names, with the number of names that have them.
    loose
        English names of several words, by these words in any order.
    slips
        Usual typing errors and what they mean.
    plain
        Ordinary English words, never corrected.
    sounding
        Ordinary Chinese words that sound like another one of the lexicon.
    outside
        Short words that only questions outside the scope have: nothing is corrected to them.
    properties
        Signs that are a property of a lesion, by sign id.
    hints
        Words that lean towards an intent, for what no rule decides.
    """

    meanings: Layer
    fillers: Layer
    details: Layer
    table: dict[int, str]
    lengths: dict[int, tuple[str, ...]]
    han_names: dict[str, tuple[str, ...]]
    shuffled: dict[str, str]
    primary: frozenset[str]
    alike: tuple[Alike, ...]
    pairs: frozenset[str]
    seams: tuple[str, ...]
    name_words: dict[str, int]
    loose: tuple[tuple[frozenset[str], str], ...]
    slips: dict[str, str]
    plain: frozenset[str]
    sounding: frozenset[str]
    outside: frozenset[str]
    properties: dict[str, Entry]
    hints: Layer

    @staticmethod
    def of(pack: Pack) -> Lexicon:
        """Return the words of `pack`, collected and normalised once for the same value."""
        with _LOCK:
            kept = _BUILT.get(id(pack))
            if kept is None:
                kept = _BUILT[id(pack)] = (pack, _build(pack))
            _BUILT.move_to_end(id(pack))
            while len(_BUILT) > _KEPT:
                _BUILT.popitem(last=False)
        return kept[1]

    def scan(self, raw: str, *, heard: bool = False) -> Scan:
        """Normalise `raw`, correct its typing errors and find all entries, longest first.

        With ``heard`` also characters that only sound right are corrected, as in a question that was typed fast.
        """
        text, corrections = correct(normalise(raw, self.table), self, heard=heard)
        hits = apart(text, self.match(text), self)
        return Scan(text, hits, corrections, self._with_names(hits, self.point(text)))

    def _with_names(self, hits: tuple[Hit, ...], details: tuple[Hit, ...]) -> tuple[Hit, ...]:
        """Add what signs ask of a lesion however they are written, in place of the shorter words inside them."""
        entries = self.details.entries
        found = ((h, entries.get(h.text) or self.properties.get(h.values[0])) for h in hits if h.kind == "sign")
        own = [Hit(h.start, h.end, h.text, *e) for h, e in found if e is not None]
        own = [o for o in own if not any((d.start, d.end) == (o.start, o.end) for d in details)]
        kept = [d for d in details if not any(o.start <= d.start and d.end <= o.end for o in own)]
        return tuple(sorted((*kept, *own), key=lambda h: (h.start, h.end)))

    def match(self, text: str) -> tuple[Hit, ...]:
        """Find the entries of the first layer, then the empty words between them."""
        free = [False] * len(text)
        meaning = self.meanings.find(text, free)
        for hit in meaning:
            free[hit.start : hit.end] = [True] * (hit.end - hit.start)
        return tuple(sorted(meaning + self.fillers.find(text, free), key=lambda h: h.start))

    def point(self, text: str) -> tuple[Hit, ...]:
        """Find the entries of the second layer."""
        return tuple(self.details.find(text, [False] * len(text)))

    def lean(self, text: str) -> tuple[Hit, ...]:
        """Find the words that lean towards an intent."""
        return tuple(self.hints.find(text, [False] * len(text)))

    def ordinary(self, word: str) -> bool:
        """Tell whether it is an ordinary English word or one of its forms."""
        forms = (word.removesuffix(end) + add for end, add in _INFLECTED if word.endswith(end))
        return any(form in self.plain for form in (word, *forms))

    def known(self, word: str) -> bool:
        """Tell whether an English word is in the lexicon, in the singular or the plural, or leans to an intent."""
        forms = (word, word.removesuffix("'s"), word.removesuffix("s"), word.removesuffix("es"))
        return word in self.hints.entries or any(form in self.lengths.get(len(form), ()) for form in forms)


# The pack is kept beside its lexicon, so that its identity is not given to another one.
_BUILT: OrderedDict[int, tuple[Pack, Lexicon]] = OrderedDict()
_LOCK = Lock()
_KEPT = 4


def _build(pack: Pack) -> Lexicon:
    folds = tuple(t for t in pack.terms if t.kind == "fold")
    table = fold_table(folds)
    first = _entries(_words(pack), table, KINDS.index)
    meanings = {s: e for s, e in first.items() if e[0] != "word"}
    fillers = {s: e for s, e in first.items() if e[0] == "word"}
    details = _entries(_pointers(pack), table, DETAILS.index)
    hints = _entries(_hints(pack), table, (_HINT,).index)
    lengths: dict[int, dict[str, None]] = {}
    for surface in (*first, *details):
        for word in latin_words(surface):
            lengths.setdefault(len(word), {})[word] = None
    names: dict[str, tuple[str, ...]] = {}
    for surface, (kind, _, _) in meanings.items():
        if kind in NAMED and han_count(surface) == len(surface) >= 3:
            names[surface[0]] = (*names.get(surface[0], ()), surface)
    primary = {d.name.zh for d in pack.diagnoses} | {s.name.zh for s in pack.signs if not s.learned}
    chinese = [s for s in (*meanings, *details) if han_count(s) == len(s) >= 2]
    named = [s for s, (kind, _, lang) in meanings.items() if kind in NAMED]
    empty = {w for s in fillers for w in latin_words(s)} | {s for s, e in meanings.items() if "opener" in e[1]}
    bags = ((frozenset(w for w in latin_words(s) if w not in empty or len(w) > 3), s) for s in named)
    return Lexicon(
        Layer.of(meanings),
        Layer.of(fillers),
        Layer.of(details),
        table,
        {n: tuple(w) for n, w in lengths.items()},
        names,
        {"".join(sorted(s)): s for s in named if han_count(s) == len(s) >= 2},
        frozenset(normalise(name, table) for name in primary),
        tuple(
            Alike.of([g for t in pack.terms if t.kind == kind for g in t.zh], chinese) for kind in ("sound", "shape")
        ),
        frozenset(a + b for text in _texts(pack, first) for a, b in pairwise(text)),
        tuple(
            sorted((normalise(w, table) for t in pack.terms if t.kind == "seam" for w in t.zh), key=len, reverse=True)
        ),
        dict(Counter(w for s in named for w in latin_words(s))),
        tuple((bag, s) for bag, s in bags if len(bag) > 1),
        _slips(pack, table),
        frozenset(w for t in pack.terms if t.kind == "common" for w in t.en),
        frozenset(normalise(w, table) for t in pack.terms if t.kind == "common" for w in t.zh),
        _outside(first, details),
        {
            v: details[s]
            for s, (kind, values, _) in meanings.items()
            for v in values
            if kind == "sign" and s in details and any(d.startswith("property ") for d in details[s][1])
        },
        Layer.of(hints),
    )


def _hints(pack: Pack) -> Iterator[Word]:
    """Yield the words that lean towards an intent, English ones in their regular forms."""
    for term in pack.terms:
        if term.kind == _HINT:
            yield from ((_HINT, term.value, "zh", w) for w in term.zh)
            yield from ((_HINT, term.value, "en", form) for w in term.en for form in _forms(w))


def _forms(phrase: str) -> tuple[str, ...]:
    """Return a phrase with its first word in the regular forms of a verb ("tip" -> tips, tipped, tipping)."""
    verb, space, rest = phrase.partition(" ")
    stem = verb.removesuffix("e")
    doubled = stem + stem[-1] if _SHORT_STEM.search(stem) and stem == verb else stem
    past = doubled[:-1] + "i" if re.search(r"[^aeiou]y$", stem) else doubled
    return tuple(dict.fromkeys(v + space + rest for v in (verb, f"{verb}s", f"{past}ed", f"{doubled}ing")))


def _slips(pack: Pack, table: dict[int, str]) -> dict[str, str]:
    typed = ((normalise(w, table), t.value) for t in pack.terms if t.kind == "slip" for w in (*t.zh, *t.en))
    return {wrong: right for wrong, right in typed if wrong != right}


def _outside(first: dict[str, Entry], details: dict[str, Entry]) -> frozenset[str]:
    """Return the short words that only entries for questions outside the scope have."""
    other = {w for s, (kind, _, _) in (*first.items(), *details.items()) if kind != "scope" for w in latin_words(s)}
    own = {w for s, (kind, _, _) in first.items() if kind == "scope" for w in latin_words(s)}
    return frozenset(w for w in own - other if len(w) <= _SHORT_WORD)


def _texts(pack: Pack, surfaces: Iterable[str]) -> Iterator[str]:
    yield from surfaces
    yield from (d.definition.zh for d in pack.diagnoses)
    yield from (t.zh for s in pack.signs for t in (s.definition, s.significance))
    yield from (t.zh for t in pack.templates.values())


def _entries(words: Iterator[Word], table: dict[int, str], rank: Callable[[str], int]) -> dict[str, Entry]:
    found: dict[str, dict[str, dict[str, None]]] = {}
    langs: dict[str, Lang] = {}
    for kind, value, lang, word in words:
        surface = normalise(word, table)
        if surface:
            found.setdefault(surface, {}).setdefault(kind, {})[value] = None
            langs[surface] = lang
    kinds = {surface: min(by_kind, key=rank) for surface, by_kind in found.items()}
    return {s: (kind, tuple(found[s][kind]), langs[s]) for s, kind in kinds.items()}


def _at(text: str, pos: int, layer: Layer, taken: list[bool]) -> Hit | None:
    latin = text[pos].isascii() and text[pos].isalnum()
    if latin and pos and re.match(r"[a-z0-9']", text[pos - 1]):
        return None
    for end in range(min(len(text), pos + layer.longest), pos, -1):
        entry = layer.entries.get(text[pos:end])
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
        *_places(pack),
    ]
    for kind, value, name, synonyms in named:
        yield from ((kind, value, "zh", w) for w in (name.zh, *synonyms.zh))
        yield from ((kind, value, "en", w) for w in (name.en, *synonyms.en))
    for term in pack.terms:
        kind = "diagnosis" if term.kind == "target" else term.kind
        if kind in KINDS:
            yield from ((kind, term.value, "zh", w) for w in term.zh)
            yield from ((kind, term.value, "en", w) for w in term.en)


def _places(pack: Pack) -> Iterator[tuple[str, str, Bilingual, Synonyms]]:
    yield from (("zone", z.id, z.name, z.synonyms) for z in pack.zones)
    yield from (("structure", s.id, s.name, s.synonyms) for s in pack.structures)


def _pointers(pack: Pack) -> Iterator[Word]:
    """Yield the words of the second layer; a word for places of both sides also with each side before it."""
    for kind, value, name, synonyms in _places(pack):
        yield from ((kind, value, "zh", w) for w in (name.zh, *synonyms.zh))
        yield from ((kind, value, "en", w) for w in (name.en, *synonyms.en))
    sided = {z.id: z.side for z in pack.zones} | {s.id: s.side for s in pack.structures}
    sides = [t for t in pack.terms if t.kind == "side"]
    lungs = [t for t in pack.terms if t.kind == "lung"]
    for term in pack.terms:
        if term.kind in DETAILS and term.kind != "place":
            yield from ((term.kind, term.value, "zh", w) for w in term.zh)
            yield from ((term.kind, term.value, "en", w) for w in term.en)
        elif term.kind in ("place", "lung"):
            ids = [i for i in term.value.split() if i in sided]
            if term.kind == "place":
                yield from (("place", i, "zh", w) for i in ids for w in term.zh)
                yield from (("place", i, "en", w) for i in ids for w in term.en)
            for side in sides:
                own = [i for i in ids if sided[i] == side.value]
                yield from _with_side(term.zh, side.zh, [w for t in lungs for w in t.zh], own, "zh")
                yield from _with_side(term.en, side.en, [w for t in lungs for w in t.en], own, "en")


def _with_side(
    words: tuple[str, ...], sides: tuple[str, ...], lungs: list[str], ids: list[str], lang: Lang
) -> Iterator[Word]:
    for place in ids:
        for word in words:
            for side in sides:
                for lung in ("", *lungs):
                    for form in _SIDED[lang]:
                        yield "zone", place, lang, form.format(side=side, lung=lung, word=word)
