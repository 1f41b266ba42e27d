"""Lines of a description: headings from ``words.yaml``, names of entries, conditions and ratios in words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

from whyray.domain import Bilingual, Lang, Pack, SignWeight, Synonyms
from whyray.knowledge.conditions import Condition
from whyray.knowledge.references import read
from whyray.knowledge.words import label, words


def head(kind: str, entry_id: str, name: Bilingual, lang: Lang) -> str:
    """First line: the name in both languages, kind and id."""
    other = name.get("en" if lang == "zh" else "zh")
    return f"{name.get(lang)} / {other} [{label(kind).get(lang)} {entry_id}]"


def line(key: str, text: str, lang: Lang) -> str:
    """``heading: text``."""
    return f"{label(key).get(lang)}: {text}"


def listed(key: str, items: Iterable[str], lang: Lang) -> Iterator[str]:
    """One line with all items; no line without items."""
    joined = ("；" if lang == "zh" else "; ").join(items)
    if joined:
        yield line(key, joined, lang)


def block(key: str, items: Iterable[str], lang: Lang) -> Iterator[str]:
    """A heading and one indented line an item; nothing without items."""
    items = tuple(items)
    if items:
        yield f"{label(key).get(lang)}:"
        yield from (f"  {item}" for item in items)


def synonyms(words_of: Synonyms, lang: Lang) -> Iterator[str]:
    """All synonyms of both languages."""
    yield from listed("synonyms", (*words_of.zh, *words_of.en), lang)


def codes(codes_of: dict[str, str], lang: Lang) -> Iterator[str]:
    """``system code`` pairs."""
    yield from listed("codes", (f"{system} {code}" for system, code in codes_of.items()), lang)


def basis(key: str, lang: Lang) -> str:
    """What a number stands on."""
    return str(words()["basis"][key][lang])


def ratio(weight: SignWeight, lang: Lang) -> str:
    """Likelihood ratios with their intervals, basis and source."""
    pairs = ((weight.lr_present, weight.ci_present), (weight.lr_absent, weight.ci_absent))
    numbers = " / ".join(
        f"{value:.3g}" if interval is None else f"{value:.3g} ({interval[0]:.3g}-{interval[1]:.3g})"
        for value, interval in pairs
    )
    kept = f", {line('reliability', f'{weight.reliability:.2f}', lang)}" if weight.reliability < 1 else ""
    return f"{numbers}, {stands_on(weight.basis, weight.source, lang)}{kept}"


def stands_on(key: str, source: str, lang: Lang) -> str:
    """Basis and source; the basis is not said twice where the source opens with it."""
    reason = source.removeprefix(basis(key, "en")).lstrip(":; ")
    return f"{basis(key, lang)}: {reason}" if reason else basis(key, lang)


def name_of(pack: Pack, entry_id: str, lang: Lang) -> str:
    """Name of a sign or diagnosis; the id when the pack has neither."""
    entry = pack.sign(entry_id) or pack.diagnosis(entry_id)
    return entry.name.get(lang) if entry else entry_id


def condition(pack: Pack, tree: Any, lang: Lang) -> str:
    """A condition of the rule language in words."""
    parsed = read(tree)
    return _told(pack, parsed, lang, outer=True) if isinstance(parsed, Condition) else str(tree)


def _told(pack: Pack, node: Condition, lang: Lang, *, outer: bool = False) -> str:
    name = name_of(pack, node.sign, lang)
    if node.op == "at_least":
        parts = [_told(pack, part, lang) for part in node.parts]
        if node.n == len(parts):
            text = label("and").get(lang).join(parts)
        elif node.n == 1:
            text = label("or").get(lang).join(parts)
        else:
            return _filled("at_least", lang, n=node.n, parts=("、" if lang == "zh" else ", ").join(parts))
        return text if outer or len(parts) == 1 else f"({text})"
    if node.op == "measure":
        low, high = node.bounds
        bound = f"≥ {low:g}" if high == math.inf else f"≤ {high:g}"
        measure = pack.measures.get(node.measure)
        return _filled("measured", lang, name=name, measure=measure.get(lang) if measure else node.measure, bound=bound)
    if node.op == "overlaps":
        zone = pack.zone(node.zone)
        return _filled("located", lang, name=name, zone=zone.name.get(lang) if zone else node.zone)
    return name if node.op == "present" else _filled(node.op, lang, name=name)


def _filled(key: str, lang: Lang, **values: object) -> str:
    entry = words()["conditions"][key]
    return Bilingual(entry["zh"], entry["en"]).get(lang).format(**values)
