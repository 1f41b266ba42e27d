"""What a text says of the signs that it names: that they are there, that they are not, or neither.

Works on any text by the pack's own words: names and synonyms from the lexicon, cues of negation and uncertainty from
its terms (``negated``, ``uncertain``, ``affirmed``, ``scope_end``, ``phrase``) and from ``report.yaml``.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from threading import Lock
from typing import Literal

from whyray.dialogue.lexicon import Hit, Lexicon
from whyray.dialogue.normalise import normalise
from whyray.domain import Lang, Pack, Synonyms, Term

Mode = Literal["seen", "absent", "open"]
_BRACKETS = {"(": ")", "[": "]"}
_STOPS = ";。!?\n"
_OPEN_UNCERTAIN = ("possible", "cannot_exclude", "indeterminate")
_NORMAL = "normal."
_ARTICLE = re.compile(r"(?:a|an|the|with) ")


@dataclass(frozen=True, slots=True)
class Claim:
    """One mention of a sign: its ids (several when the words are shared) and what is said of it."""

    signs: tuple[str, ...]
    mode: Mode
    words: str


@dataclass(frozen=True, eq=False, slots=True)
class Cues:
    """What the check of a text in one language needs of a pack, normalised; worked out once for many texts.

    Attributes
    ----------
    kinds
        Cue word -> kind.
    cue, quiet, sides
        Patterns of the cue words, of words in which no name counts, and of words for a side.
    place
        Pattern of the names of places, of one zone or structure or of several together.
    places
        Name of several zones together -> their own names.
    zones
        Names of zones without their side.
    known
        Names found in the texts seen lately.
    """

    lexicon: Lexicon
    lang: Lang
    kinds: dict[str, str]
    cue: re.Pattern[str]
    quiet: re.Pattern[str]
    sides: re.Pattern[str]
    place: re.Pattern[str]
    places: dict[str, str]
    zones: frozenset[str]
    known: dict[str, tuple[Hit, ...]] = field(default_factory=dict)

    @staticmethod
    def of(pack: Pack, lang: Lang) -> Cues:
        """Return the words of `pack`, collected once for the same value."""
        with _LOCK:
            kept = _BUILT.get((id(pack), lang))
            if kept is None:
                kept = _BUILT[id(pack), lang] = (pack, Cues._build(pack, lang))
            _BUILT.move_to_end((id(pack), lang))
            while len(_BUILT) > _KEPT:
                _BUILT.popitem(last=False)
        return kept[1]

    @staticmethod
    def _build(pack: Pack, lang: Lang) -> Cues:
        lexicon, plan = Lexicon.of(pack), pack.report

        def plain(words: Iterable[str]) -> list[str]:
            return [normalise(word, lexicon.table) for word in words]

        quiet = [w for t in pack.terms if t.kind == "phrase" and t.value.startswith(_NORMAL) for w in _own(t, lang)]
        quiet += [name.get(lang) for name in pack.measures.values()]
        quiet += [p.absent.get(lang) for p in plan.phrases.values() if p.absent is not None]
        sides = _pattern(plain(w for t in pack.terms if t.kind == "side" for w in _own(t, lang)), after=" ?")
        kinds = _kinds(pack, lang, plain)
        names = {
            zone.id: pack.templates["report.zone"].get(lang).format(zone=zone.name.get(lang)) for zone in pack.zones
        }
        joined = pack.templates["and"].get(lang)
        # What is everywhere is at no place: "the lungs" and "both lungs" say the same.
        parts_of = [p for p in plan.places if not set(p.of) >= set(plan.zones)]
        together = [(p.name.get(lang), joined.join(names[z] for z in p.of if z in names)) for p in parts_of]
        zones = plain(w for z in pack.zones for w in (z.name.get(lang), *_own(z.synonyms, lang)))
        parts = plain(w for s in pack.structures for w in (s.name.get(lang), *_own(s.synonyms, lang)))
        places = {pair[0]: pair[1] for pair in map(plain, together)}
        return Cues(
            lexicon,
            lang,
            kinds,
            _pattern(kinds),
            _pattern(plain(quiet)),
            sides,
            _pattern((*places, *zones, *parts)),
            places,
            frozenset(sides.sub("", zone) for zone in zones),
        )

    def match(self, text: str) -> tuple[Hit, ...]:
        """Names in a normalised text; sentences return in every report, so that the latest are remembered."""
        found = self.known.get(text)
        if found is None:
            if len(self.known) >= _REMEMBERED:
                self.known.clear()
            found = self.known[text] = self.lexicon.match(text)
        return found

    def plain(self, text: str) -> str:
        """Normalise a text."""
        return normalise(text, self.lexicon.table)

    def without_remark(self, text: str) -> str:
        """A normalised text up to where a remark begins that states nothing about the film."""
        marks = (m for m in self.cue.finditer(text) if self.kinds[m.group()] == "remark")
        return text[: next((m.start() for m in marks if _begins(text, m.start())), len(text))]

    def written_out(self, text: str) -> str:
        """Write out what a report calls several zones together, in a normalised text."""
        return self.place.sub(lambda m: self.places.get(m.group(), m.group()), text)

    def names(self, text: str) -> tuple[Hit, ...]:
        """Signs and diagnoses of a normalised text that count as named."""
        spans = [m.span() for m in self.quiet.finditer(text)]
        return tuple(
            h
            for h in self.match(text)
            if h.kind in ("sign", "diagnosis") and not any(a < h.end and h.start < b for a, b in spans)
        )

    def sideless(self, text: str) -> tuple[str, tuple[Hit, ...]]:
        """A normalised text without words for a side, and the signs that it then names."""
        bare = self.sides.sub("", self.written_out(text))
        if bare == text:
            return bare, ()
        return bare, tuple(h for h in self.names(bare) if h.kind == "sign" and h.text not in self.zones)


# The pack is kept beside its words, so that its identity is not given to another one.
_BUILT: OrderedDict[tuple[int, Lang], tuple[Pack, Cues]] = OrderedDict()
_LOCK = Lock()
_KEPT, _REMEMBERED = 8, 4096


def claims(text: str, cues: Cues) -> tuple[Claim, ...]:
    """Find every mention of a sign in one sentence and what is said of it.

    Returns
    -------
    tuple of Claim
        ``seen`` unless the words around it deny it or leave it open; behind the first word of a remark everything is
        open to the end of the sentence. A name with a side inside it ("blunting of the left costophrenic angle")
        counts as the name; one inside the name of a measurement, or inside a ready phrase for a normal state, does
        not count.
    """
    plain = cues.plain(text)
    found = list(_walk(plain, cues.names(plain), cues))
    known = {claim.signs for claim in found}
    found += [c for c in _walk(*cues.sideless(plain), cues) if c.signs not in known]
    return tuple(found)


def _own(words: Term | Synonyms, lang: Lang) -> tuple[str, ...]:
    return words.zh if lang == "zh" else words.en


def _kinds(pack: Pack, lang: Lang, plain: Callable[[Iterable[str]], list[str]]) -> dict[str, str]:
    """Cue word -> kind; ``both`` opens what stands before and behind it."""
    plan = pack.report
    kinds: dict[str, str] = {}
    for term in pack.terms:
        if term.kind == "uncertain" and term.value in _OPEN_UNCERTAIN:
            kind = "open" if term.value == _OPEN_UNCERTAIN[0] else "both"
            kinds.update(dict.fromkeys(plain(_own(term, lang)), kind))
        elif term.kind in ("negated", "affirmed", "scope_end"):
            kinds.update(dict.fromkeys(plain(_own(term, lang)), term.kind))
    kinds.update(dict.fromkeys(plain(_own(plan.before, lang)), "open"))
    for word in plain(_own(plan.after, lang)):
        kinds[word] = {"open": "both", "negated": "denied"}.get(kinds.get(word, ""), "after")
    kinds.update(dict.fromkeys(plain(_own(plan.remarks, lang)), "remark"))
    return kinds


def _pattern(words: Iterable[str], after: str = "") -> re.Pattern[str]:
    """Any of the words, the longest first; an empty list matches nothing."""
    listed = sorted({w for w in words if w}, key=len, reverse=True)
    return re.compile("|".join(_bounded(w) + after for w in listed) or r"(?!)")


def _bounded(word: str) -> str:
    """Pattern of a word that is no part of a longer Latin one."""
    left = r"(?<![a-z0-9])" if word[:1].isascii() else ""
    right = r"(?![a-z0-9])" if word[-1:].isascii() else ""
    return left + re.escape(word) + right


@dataclass(slots=True)
class _State:
    """Where the walk is: what is said of the next name, and whether a list or a remark goes on.

    ``stated`` behind a word that affirms, ``closed`` behind one that denies what went before, ``quoted`` inside
    quotation marks: what is open around a quoted title is open all through it.
    """

    mode: Mode = "seen"
    listed: bool = False
    remark: bool = False
    stated: bool = False
    closed: bool = False
    quoted: bool = False


def _walk(text: str, hits: tuple[Hit, ...], cues: Cues) -> Iterator[Claim]:
    """Go through names, cues and punctuation from left to right; brackets start from what holds around them."""
    tokens = _tokens(text, hits, cues)
    state, around = _State(), list[_State]()
    for index, (kind, start, hit) in enumerate(tokens):
        if hit is not None:
            if hit.kind == "sign":
                yield Claim(hit.values, _mode(state, hit, tokens[index + 1 :], cues.lang), hit.text)
        elif kind in _BRACKETS:
            around.append(state)
            state = _State(state.mode, state.listed, state.remark, state.stated)
        elif kind in _BRACKETS.values():
            state = around.pop() if around else _State()
        elif kind == "stop":
            base = around[-1] if around else _State()
            state = _State(base.mode, base.listed, state.remark, base.stated)
        else:
            _turn(state, kind, text[start + 1 :], cues.lang)


def _turn(state: _State, kind: str, rest: str, lang: Lang) -> None:
    """Change what is said of the next name by one cue or mark."""
    if kind == "remark":
        state.remark = True
    elif kind in ("negated", "denied"):
        state.mode, state.listed, state.stated = "absent", False, False
    elif kind in ("open", "both"):
        state.mode, state.listed, state.stated = "open", False, False
    elif kind == "affirmed" and not state.listed:
        state.mode, state.stated = "seen", True
    elif kind == "scope_end":
        state.mode, state.listed, state.stated = "seen", False, False
    elif kind == "after":
        state.closed = True
    elif kind == '"':
        state.quoted = not state.quoted
        state.listed = state.quoted and state.mode == "open"
    elif kind == ":":
        # "Looked for and not found: ..." denies what follows.
        state.mode = "absent" if state.closed and state.mode == "seen" else state.mode
        state.listed = state.mode != "seen"
    elif kind == "," and not state.listed and (lang == "zh" or _ARTICLE.match(rest.lstrip())):
        state.mode, state.stated = "seen", False


def _mode(state: _State, name: Hit, later: list[tuple[str, int, Hit | None]], lang: Lang) -> Mode:
    """What is said of a name: a remark and a question leave it open, so do some words behind it or behind its list."""
    if state.remark:
        return "open"
    depth, end = 0, name.end
    for kind, start, hit in later:
        end = hit.end if hit is not None else end
        if kind in _BRACKETS:
            depth += 1
        elif kind in _BRACKETS.values():
            depth -= 1
        elif depth == 0 and kind in ("stop", "?"):
            break
        elif depth == 0 and not state.stated and hit is None and kind in ("after", "both", "denied"):
            return "absent" if state.mode == "absent" else "open"
        elif (
            depth == 0
            and kind in (",", "affirmed", "scope_end")
            and not (lang == "en" and kind == "," and start == end)
        ):
            break
    asked = next((kind for kind, _, _ in later if kind in ("stop", "?")), "")
    return "open" if asked == "?" else state.mode


def _tokens(text: str, hits: tuple[Hit, ...], cues: Cues) -> list[tuple[str, int, Hit | None]]:
    """Names, cues and punctuation in order: (kind, start, hit); nothing inside a name counts."""
    taken = [False] * (len(text) + 1)
    for hit in hits:
        taken[hit.start : hit.end] = [True] * (hit.end - hit.start)
    out: list[tuple[str, int, Hit | None]] = [("name", h.start, h) for h in hits]
    for match in cues.cue.finditer(text):
        if not any(taken[match.start() : match.end()]):
            kind = cues.kinds[match.group()]
            if kind != "remark" or _begins(text, match.start()):
                out.append((kind, match.start(), None))
    for place, char in enumerate(text):
        if taken[place]:
            continue
        if char == "?":
            out.append(("?", place, None))
        if char in _STOPS or (char == "." and text[place + 1 : place + 2] in ("", " ")):
            out.append(("stop", place, None))
        elif char in ',:"' or char in _BRACKETS or char in _BRACKETS.values():
            out.append((char, place, None))
    return sorted(out, key=lambda token: token[1])


def _begins(text: str, start: int) -> bool:
    """Tell whether a clause begins here."""
    before = text[:start].rstrip(' "')
    return not before or before[-1] in ";,:.([。、"
