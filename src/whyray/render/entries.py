"""Entries of a list of evidence: a sign that bears on several conclusions is listed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from whyray.domain import Bilingual, Evidence, Lang, Pack, Polarity
from whyray.render.theme import load_theme

_COLON = {"zh": "：", "en": ": "}
_LIST = {"zh": "、", "en": ", "}
_STOP = {"zh": "；", "en": "; "}
_ORDER = ("for", "against", "absent")


@dataclass(frozen=True, eq=False, slots=True)
class Entry:
    """One sign as it is seen, or not, with its evidence for and against each conclusion."""

    items: tuple[Evidence, ...]

    @property
    def first(self) -> Evidence:
        """The evidence that the answer speaks of first."""
        return self.items[0]


def entries(items: Sequence[Evidence]) -> tuple[Entry, ...]:
    """Evidence of the same sign for several conclusions as one entry, in the order of the first of them."""
    groups: dict[tuple[str, bool, float, int], list[Evidence]] = {}
    for item in items:
        same = (item.sign, item.region is None, item.score)
        # Evidence for one conclusion is never joined.
        turn = sum(e.finding == item.finding for key, group in groups.items() if key[:3] == same for e in group)
        groups.setdefault((*same, turn), []).append(item)
    return tuple(Entry(tuple(group)) for group in groups.values())


def numbers(items: Sequence[Evidence]) -> dict[str, int]:
    """Evidence id -> number of its entry, from 1."""
    return {item.id: number for number, entry in enumerate(entries(items), start=1) for item in entry.items}


def conclusions(items: Sequence[Evidence]) -> tuple[str, ...]:
    """Ids of the conclusions that the evidence bears on, as far as they are known."""
    return tuple(dict.fromkeys(item.finding for item in items if item.finding))


def stance(item: Evidence, pack: Pack) -> Polarity:
    """Whether evidence is for, against or absent; a learned pattern without a place still speaks by its weight."""
    sign = pack.sign(item.sign)
    if sign is None or not sign.learned or item.polarity != "absent":
        return item.polarity
    return "for" if item.log_lr >= 0 else "against"


def stances(entry: Entry, pack: Pack) -> Bilingual:
    """Say for which conclusions a sign speaks and against which, each with its share."""
    return Bilingual(_stances(entry, pack, "zh"), _stances(entry, pack, "en"))


def _stances(entry: Entry, pack: Pack, lang: Lang) -> str:
    words = load_theme().words
    told: dict[str, list[str]] = {word: [] for word in _ORDER}
    for item in entry.items:
        definition = pack.diagnosis(item.finding)
        name = definition.name.get(lang) if definition is not None else item.finding
        share = f"{words['share'].get(lang)} {item.share:.0%}" if item.log_lr else words["uncounted"].get(lang)
        told[stance(item, pack)].append(words["about"].get(lang).format(word=name, name=share))
    return _STOP[lang].join(
        f"{words[word].get(lang)}{_COLON[lang]}{_LIST[lang].join(names)}" for word, names in told.items() if names
    )
