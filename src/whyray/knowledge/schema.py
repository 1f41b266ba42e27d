"""The shapes of the pack's files, and plain values -> domain values or a `PackError` that names the place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from whyray.domain import (
    Bilingual,
    Caution,
    Counted,
    DiagnosisDefinition,
    Differential,
    FigureDefinition,
    Match,
    PackError,
    Places,
    ReportPlan,
    Rule,
    SignDefinition,
    StructureDefinition,
    Term,
    ZoneDefinition,
)
from whyray.knowledge.words import schema_sentence, words

_LANGUAGES = frozenset(("zh", "en"))


@dataclass(frozen=True, slots=True)
class Header:
    """``pack.yaml``: identity, what it matches, its model folder, its thresholds."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012
    id: str
    version: str
    name: Bilingual
    match: Match
    model: str
    settings: dict[str, float] = field(default_factory=dict)
    cautions: tuple[Caution, ...] = ()


@dataclass(frozen=True, slots=True)
class Anatomy:
    """``anatomy.yaml``: structures and the zones derived from them."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012
    structures: tuple[StructureDefinition, ...]
    zones: tuple[ZoneDefinition, ...]


SHAPES: dict[str, Any] = {
    "header": Header,
    "anatomy": Anatomy,
    "signs": tuple[SignDefinition, ...],
    "diagnoses": tuple[DiagnosisDefinition, ...],
    "rules": tuple[Rule, ...],
    "differentials": tuple[Differential, ...],
    "places": Places,
    "figures": dict[str, FigureDefinition],
    "report": ReportPlan,
    "counted": Counted,
    "terms": tuple[Term, ...],
    "spelling": tuple[Term, ...],
    "templates": dict[str, Bilingual],
    "measures": dict[str, Bilingual],
    "sources": dict[str, str],
}


@lru_cache(maxsize=len(SHAPES))
def _adapter(shape: str) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(SHAPES[shape])


def validate(shape: str, value: Any, name: str) -> Any:
    """`value` as the domain type of `shape` (a key of `SHAPES`).

    Parameters
    ----------
    shape
        Which kind of file it is.
    value
        What `read_yaml` returned.
    name
        What errors call the file.

    Raises
    ------
    PackError
        ``PACK_SCHEMA``: a missing or unknown key, a wrong type, an empty text or a further language.
    """
    from pydantic import ValidationError

    try:
        valid = _adapter(shape).validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        what = schema_sentence(first["type"], first["msg"])
        raise _violation(name, first["loc"], what, error.error_count()) from error
    faults = [*_text_faults(value, ()), *_form_faults(valid)]
    if faults:
        location, kind = faults[0]
        raise _violation(name, location, schema_sentence(kind, kind), len(faults))
    return valid


def _form_faults(valid: Any) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Words of a sign's form that the schema does not have."""
    for index, entry in enumerate(valid if isinstance(valid, tuple) else ()):
        if isinstance(entry, SignDefinition) and entry.morphology is not None:
            for field_name, known in words()["forms"].items():
                if getattr(entry.morphology, field_name) not in known:
                    yield (index, "morphology", field_name), "other"


def _text_faults(value: Any, location: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Empty texts, and keys beside zh and en in a text that has both."""
    if isinstance(value, str):
        if value == "":
            yield location, "text_empty"
    elif isinstance(value, dict):
        if isinstance(value.get("zh"), str):
            yield from (((*location, key), "language_unknown") for key in value if key not in _LANGUAGES)
        for key, item in value.items():
            yield from _text_faults(item, (*location, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _text_faults(item, (*location, index))


def _violation(name: str, location: tuple[Any, ...], what: Bilingual, count: int) -> PackError:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    place = "".join(parts).lstrip(".") or "."
    more_zh, more_en = (f"（另有 {count - 1} 处）", f" (and {count - 1} more)") if count > 1 else ("", "")
    return PackError(
        "PACK_SCHEMA",
        Bilingual(f"{name} 的 {place} 有误：{what.zh}{more_zh}。", f"{name} at {place}: {what.en}{more_en}."),
        Bilingual("请按该处提示修改文件。", "Correct the file at that place."),
    )
