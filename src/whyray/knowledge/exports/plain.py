"""JSON: every value of the pack under its own field names."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from typing import Any

from whyray.domain import Pack

SCHEMA = "whyray.pack/1"


def to_json(pack: Pack) -> str:
    """The whole pack; the weights of diagnoses include the counted ones."""
    document = {"schema": SCHEMA, **values(pack)}
    return json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def values(value: Any) -> Any:
    """Dataclasses as objects, tuples as lists; fields that are None stay, so that the shape is the same for all."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: values(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): values(inner) for key, inner in value.items()}
    if isinstance(value, (tuple, list)):
        return [values(inner) for inner in value]
    return value
