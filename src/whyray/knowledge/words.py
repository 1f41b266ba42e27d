"""The room's own words: sentences of problems, schema errors and headings, kept in ``words.yaml``."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from whyray.domain import Bilingual
from whyray.knowledge.reading import read_yaml

_FILE = Path(__file__).with_name("words.yaml")


@lru_cache(maxsize=1)
def words() -> dict[str, Any]:
    """Read the whole file: ``schema``, ``problems``, ``labels``, ``basis``, ``references``."""
    document: dict[str, Any] = read_yaml(_FILE, _FILE.name)
    return document


def schema_sentence(kind: str, message: str) -> Bilingual:
    """Sentence for a schema error; `message` is the English one when `kind` has no own."""
    sentence = words()["schema"].get(kind)
    if sentence is None:
        return Bilingual(f"{words()['schema']['other']['zh']}（{message}）", message)
    return Bilingual(sentence["zh"], sentence["en"])


def label(key: str) -> Bilingual:
    """Heading `key`."""
    entry = words()["labels"][key]
    return Bilingual(entry["zh"], entry["en"])
