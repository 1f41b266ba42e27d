"""Finding entries of a pack by words of either language."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from whyray.domain import Bilingual, Pack, Synonyms
from whyray.knowledge.vocabulary import entries, plain

# Scores of how a word fits; below `LEAST` only the definition can still bring the entry up.
EXACT_NAME, EXACT_WORD, WHOLE, BEGINS, INSIDE, TOLD, LEAST = 100.0, 98.0, 95.0, 92.0, 88.0, 60.0, 72.0
# What is made of signs and diagnoses comes behind them.
_BEHIND = {"rule": 15.0, "differential": 10.0}


@dataclass(frozen=True, slots=True)
class Hit:
    """An entry that fits: ``kind`` as headings call it, ``word`` the name or synonym that fits best, score to 100."""

    kind: str
    id: str
    name: Bilingual
    word: str
    score: float


def search(pack: Pack, words: str, limit: int = 20) -> tuple[Hit, ...]:
    """Entries that fit `words`, best first.

    Ids, names and synonyms of both languages are compared without regard to case, width, hyphens and
    traditional characters, then with typing errors; signs and diagnoses whose definition holds the words come last.

    Parameters
    ----------
    words
        One or more words, Chinese or English.
    limit
        At most so many entries.
    """
    folded = _folds(pack)
    asked = plain(words.translate(folded))
    if not asked:
        return ()
    found = []
    for kind, entry, name, synonyms in _everything(pack):
        score, word = _best(asked, entry, name, synonyms)
        if score < LEAST and any(asked in plain(text) for text in _told(pack, entry)):
            score, word = TOLD, name.en
        elif score < LEAST:
            continue
        found.append(Hit(kind, entry, name, word, score - _BEHIND.get(kind, 0.0)))
    return tuple(sorted(found, key=lambda h: (-h.score, h.kind != "diagnosis", h.kind != "sign", h.id))[:limit])


def _everything(pack: Pack) -> Iterator[tuple[str, str, Bilingual, Synonyms]]:
    yield from entries(pack)
    none = Synonyms()
    yield from (("rule", r.id, r.name, none) for r in pack.rules)
    yield from (("differential", d.id, d.name, none) for d in pack.differentials)
    yield from (("measure", key, name, none) for key, name in pack.measures.items())


def _best(asked: str, entry: str, name: Bilingual, synonyms: Synonyms) -> tuple[float, str]:
    """Score and word of the name, synonym or id that fits best."""
    words = [(name.zh, True), (name.en, True), (entry, True)]
    words += [(word, False) for word in (*synonyms.zh, *synonyms.en)]
    scored = ((_fit(asked, plain(word), named), word) for word, named in words)
    return max(scored, key=lambda pair: pair[0])


def _fit(asked: str, word: str, named: bool) -> float:
    from rapidfuzz import fuzz

    if asked == word:
        return EXACT_NAME if named else EXACT_WORD
    if word.isascii() and set(asked.split()) <= set(word.split()):
        return WHOLE - len(word.split()) / 10
    if len(asked) >= 2 and asked in word:
        return (BEGINS if word.startswith(asked) else INSIDE) - len(word) / 100
    return float(fuzz.ratio(asked, word)) - 5.0


def _told(pack: Pack, entry: str) -> tuple[str, ...]:
    """Definition and significance of a sign or diagnosis, each in both languages."""
    sign, diagnosis = pack.sign(entry), pack.diagnosis(entry)
    if sign is not None:
        return (sign.definition.zh, sign.definition.en, sign.significance.zh, sign.significance.en)
    return (diagnosis.definition.zh, diagnosis.definition.en) if diagnosis is not None else ()


def _folds(pack: Pack) -> dict[int, str]:
    """Traditional -> simplified characters by the pack's ``fold`` terms."""
    terms = (term for term in pack.terms if term.kind == "fold")
    return {ord(old): new for term in terms for zh in term.zh for old, new in zip(zh, term.value, strict=False)}
