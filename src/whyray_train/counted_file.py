"""``counted.yaml`` as text."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import yaml

from whyray.domain import Counted
from whyray.knowledge.schema import validate

FILE = "counted.yaml"
_HEAD = """\
# Written by the command below from PadChest's label table; change the signs' labels or the term file, not this file.
# A ratio is an association between words of reports of one hospital. Ratios are shrunk for small numbers, intervals
# are 95 % and know of patients seen more than once; `reliability` is what a sign still tells beside the others.
# `physician` is there where the ratio among physicians' labels differs by more than a factor of two.
"""


def counted_text(counted: Counted) -> str:
    """YAML text that `load_pack` reads back as the same value.

    Raises
    ------
    PackError
        When the values break the schema.
    """
    document = _plain(asdict(counted))
    document["weights"] = {
        key: [_without(weight, "physician") for weight in weights] for key, weights in document["weights"].items()
    }
    validate("counted", document, FILE)
    return _HEAD + "\n".join(_lines(document)) + "\n"


def _lines(document: dict[str, Any]) -> list[str]:
    """Block style down to one entry a line; entries in flow style."""
    lines = ["table:", *(f"  {key}: {_flow(value)}" for key, value in document["table"].items())]
    lines.append(f"common: {document['common']}")
    lines += ["diagnoses:", *(f"  {key}: {_flow(value)}" for key, value in document["diagnoses"].items())]
    lines.append("weights:")
    for key, weights in document["weights"].items():
        lines += [f"  {key}:", *(f"    - {_flow(weight)}" for weight in weights)]
    lines += ["places:", *(f"  {key}: {_flow(value)}" for key, value in document["places"].items())]
    empty = {"diagnoses", "weights", "places"} - {key for key in document if document[key]}
    return [f"{line} {{}}" if line.rstrip(":") in empty and line.endswith(":") else line for line in lines]


def _flow(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=100, sort_keys=False, allow_unicode=True)
    return text.removesuffix("...\n").strip().replace("\n", "\n     ")


def _without(value: dict[str, Any], optional: str) -> dict[str, Any]:
    return {key: entry for key, entry in value.items() if key != optional or entry}


def _plain(value: Any) -> Any:
    """Tuples as lists."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, (list, tuple)) else value
