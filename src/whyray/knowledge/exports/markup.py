"""Pieces of the page: both languages side by side, of which the style shows one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from html import escape
from typing import get_args

from whyray.domain import Bilingual, Lang, Pack, Synonyms
from whyray.knowledge.phrasing import name_of
from whyray.knowledge.words import label


def both(text: Bilingual) -> str:
    """Text in both languages, escaped."""
    zh, en = escape(text.zh, quote=False), escape(text.en, quote=False)
    return zh if zh == en else f'<span lang="zh">{zh}</span><span lang="en">{en}</span>'


def told(say: Callable[[Lang], str]) -> Bilingual:
    """What `say` says in each language."""
    return Bilingual(*(say(lang) for lang in get_args(Lang)))


def line(key: str, text: Bilingual) -> str:
    """A paragraph under the heading `key`; nothing without text."""
    return f'<p><span class="key">{both(label(key))}:</span> {both(text)}</p>' if text.zh or text.en else ""


def block(title: Bilingual, items: Iterable[Bilingual]) -> str:
    """A heading and a list; nothing without items."""
    rows = "\n".join(f"<li>{both(item)}</li>" for item in items)
    return f'<p class="key">{both(title)}</p>\n<ul>\n{rows}\n</ul>' if rows else ""


def joined(texts: Iterable[Bilingual]) -> Bilingual:
    """Texts in one line."""
    texts = tuple(texts)
    return Bilingual("；".join(text.zh for text in texts), "; ".join(text.en for text in texts))


def same(text: str) -> Bilingual:
    """A text that is the same in both languages."""
    return Bilingual(text, text)


def links(pack: Pack, key: str, ids: Iterable[str]) -> str:
    """Links to entries of the page."""
    named = [(entry, told(partial(name_of, pack, entry))) for entry in ids]
    anchors = ", ".join(f'<a href="#{escape(entry)}">{both(name)}</a>' for entry, name in named)
    return f'<p><span class="key">{both(label(key))}:</span> {anchors}</p>' if anchors else ""


def synonyms(words: Synonyms) -> str:
    """All synonyms of both languages."""
    return line("synonyms", same("; ".join((*words.zh, *words.en))))


def codes(codes_of: dict[str, str]) -> str:
    """``system code`` pairs."""
    return line("codes", same("; ".join(f"{system} {code}" for system, code in codes_of.items())))


def article(entry: str, name: Bilingual, body: Iterable[str], words: Iterable[str]) -> str:
    """One entry that opens and closes; `words` are what the search box looks through."""
    hidden = escape(" ".join((entry.replace("_", " "), *words)).lower().replace("-", " "), quote=True)
    inner = "\n".join(part for part in body if part)
    summary = f"<summary>{both(name)} <code>{escape(entry)}</code></summary>"
    return f'<details class="entry" id="{escape(entry)}" data-words="{hidden}">{summary}\n{inner}\n</details>'


def section(kind: str, articles: Iterable[str]) -> str:
    """All entries of a kind under its heading."""
    return f'<section id="list-{kind}"><h2>{both(label(kind))}</h2>\n' + "\n".join(articles) + "\n</section>"
