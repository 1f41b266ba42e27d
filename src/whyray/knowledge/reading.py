"""YAML text -> plain values, with duplicate keys as errors."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from whyray.domain import Bilingual, PackError


@lru_cache(maxsize=1)
def _loader() -> Any:
    """Make the fast safe loader, or the plain one where libyaml is missing; both refuse duplicate keys."""
    base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader = type("UniqueKeyLoader", (base,), {})
    yaml.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_mapping, Loader=loader)
    return loader


def _unique_mapping(loader: Any, node: Any) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = key_node.value
        if isinstance(key, str) and key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"duplicate key {key!r}", key_node.start_mark)
        if isinstance(key, str):
            seen.add(key)
    mapping: dict[Any, Any] = loader.construct_mapping(node, deep=True)
    return mapping


def read_yaml(path: Path, name: str) -> Any:
    """Value of a YAML file.

    Parameters
    ----------
    path
        The file.
    name
        What errors call it, e.g. ``signs/pleura.yaml``.

    Raises
    ------
    PackError
        ``PACK_FILE_MISSING`` or ``PACK_YAML`` (broken syntax, duplicate key, not UTF-8).
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise PackError(
            "PACK_FILE_MISSING",
            Bilingual(f"知识包缺少文件 {name}。", f"The pack lacks the file {name}."),
            Bilingual("请补上该文件或重新安装。", "Add the file or install the package again."),
        ) from error
    except UnicodeDecodeError as error:
        raise _broken(name, f"UTF-8: {error.reason}") from error
    try:
        return yaml.load(text, Loader=_loader())
    except yaml.YAMLError as error:
        raise _broken(name, _place(error)) from error


def _place(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return problem if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: {problem}"


def _broken(name: str, what: str) -> PackError:
    return PackError(
        "PACK_YAML",
        Bilingual(f"知识包文件 {name} 无法解析：{what}。", f"The pack file {name} cannot be parsed: {what}."),
        Bilingual("请修正该处的 YAML 语法。", "Correct the YAML at that place."),
    )
