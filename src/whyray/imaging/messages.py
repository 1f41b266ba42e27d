"""Sentences, limits and words of the room, read from its YAML files when first needed."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Any

from whyray.domain import ArgumentError, Bilingual, ImageRefused, Notice


@lru_cache(maxsize=8)
def table(name: str) -> dict[str, Any]:
    """Read the YAML file `name` of this room as a dict, once."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = files("whyray.imaging").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    document: dict[str, Any] = yaml.load(text, Loader=loader)
    return document


def limits(group: str) -> dict[str, Any]:
    """Numbers of one group of ``limits.yaml``."""
    values: dict[str, Any] = table("limits")[group]
    return values


def words(group: str) -> dict[str, Any]:
    """DICOM words of one group of ``words.yaml``."""
    values: dict[str, Any] = table("words")[group]
    return values


def kind_name(kind: str) -> Bilingual:
    """Name a file kind."""
    entry = table("messages")["kinds"][kind]
    return Bilingual(entry["zh"], entry["en"])


def notice(code: str, **values: object) -> Notice:
    """Fill in the warning `code`."""
    return Notice(code, _sentence(table("messages")["warnings"][code], values))


def refused(code: str, **values: object) -> ImageRefused:
    """Fill in the refusal `code`, to be raised."""
    entry = table("messages")["refusals"][code]
    return ImageRefused(code, _sentence(entry, values), _sentence(entry["hint"], {}))


def argument_error(code: str, **values: object) -> ArgumentError:
    """Fill in the argument error `code`, to be raised."""
    entry = table("messages")["arguments"][code]
    return ArgumentError(code, _sentence(entry, values), _sentence(entry["hint"], {}))


def _sentence(entry: dict[str, Any], values: dict[str, object]) -> Bilingual:
    def fill(lang: str) -> str:
        own = {k: v.as_dict()[lang] if isinstance(v, Bilingual) else v for k, v in values.items()}
        return str(entry[lang]).format(**own)

    return Bilingual(fill("zh"), fill("en"))
