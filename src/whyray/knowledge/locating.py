"""Places of a pack in its files: ``signs.ID.zones`` -> ``signs/pleura.yaml:120``."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

_FILES = {"structures": "anatomy.yaml", "zones": "anatomy.yaml", "cautions": "pack.yaml"}
_KINDS = {
    "sign": "signs",
    "diagnosis": "diagnoses",
    "rule": "rules",
    "differential": "differentials",
    "structure": "structures",
    "zone": "zones",
    "measure": "measures",
}
_NAMES = ("id", "sign", "label", "code", "value")


class Locator:
    """Finds the line of an entry, or of a field inside it, in the YAML files of one pack.

    Parameters
    ----------
    folder
        The pack's folder; its files are read when first asked for.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, where: str) -> str:
        """``file:line`` of a place as a `Problem` writes it; empty when it is in no file.

        The nearest line above is given for a field that the entry does not have.
        """
        head, _, rest = where.partition(".")
        for kind in (_KINDS.get(head, head), *(_KINDS.values() if not rest else ())):
            for file, root in self._roots(kind):
                found = _walk(root, where if not rest and kind != head else rest)
                if found is not None:
                    return f"{file}:{found}"
        return ""

    def line(self, file: str, location: tuple[str | int, ...]) -> int:
        """Line (from 1) of keys and indices inside `file`, as far down as they lead."""
        node = self._node(file)
        if node is None:
            return 1
        line = node.start_mark.line
        for part in location:
            child = _child(node, part)
            if child is None:
                break
            line, node = child
        return int(line) + 1

    def twice(self, file: str, entry: str) -> int:
        """Line of the last entry of `file` that has the id `entry`."""
        roots = (node for _, node in self._every(file))
        lines = [line for root in roots for item in _items(root) if _name(item) == entry for line in [_line(item)]]
        return lines[-1] if lines else 1

    def _roots(self, kind: str) -> Iterator[tuple[str, Any]]:
        """(file, node) that hold the entries of `kind`, e.g. ``signs`` or ``zones``."""
        if kind in _FILES:
            node = self._node(_FILES[kind])
            child = _child(node, kind) if node is not None else None
            if child is not None:
                yield _FILES[kind], child[1]
        for file, node in self._nodes.items():
            if node is not None and (file.startswith(f"{kind}/") or file == f"{kind}.yaml"):
                yield file, node

    def _every(self, file: str) -> Iterator[tuple[str, Any]]:
        node = self._node(file)
        if isinstance(node, yaml.MappingNode):
            yield from ((file, value) for _, value in node.value)
        elif node is not None:
            yield file, node

    def _node(self, file: str) -> Any:
        return self._nodes.get(file)

    @cached_property
    def _nodes(self) -> dict[str, Any]:
        return {
            path.relative_to(self.folder).as_posix(): _compose(path) for path in sorted(self.folder.rglob("*.yaml"))
        }


def _compose(path: Path) -> Any:
    try:
        return yaml.compose(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, UnicodeDecodeError):
        return None


def _walk(root: Any, path: str) -> int | None:
    """Line of a dotted path below `root`; None when its first part is not there."""
    parts = path.split(".") if path else []
    node, line = root, int(root.start_mark.line) + 1
    while parts:
        child, used = None, 0
        for used in range(len(parts), 0, -1):
            child = _child(node, ".".join(parts[:used]))
            if child is not None:
                break
        if child is None:
            return None if node is root else line
        line, node, parts = child[0] + 1, child[1], parts[used:]
    return line


def _child(node: Any, part: str | int) -> tuple[int, Any] | None:
    """(line from 0, node) of the key, the index or the entry called `part`."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return int(key.start_mark.line), value
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            if _name(item) == part or str(index) == str(part):
                return int(item.start_mark.line), item
    return None


def _items(node: Any) -> tuple[Any, ...]:
    return tuple(node.value) if isinstance(node, yaml.SequenceNode) else ()


def _name(node: Any) -> str | None:
    """What an entry of a list is called: its id, else the sign, label or code that it is about; a plain text itself."""
    if isinstance(node, yaml.ScalarNode):
        return str(node.value)
    if not isinstance(node, yaml.MappingNode):
        return None
    fields = {key.value: value.value for key, value in node.value if isinstance(value, yaml.ScalarNode)}
    return next((str(fields[key]) for key in _NAMES if key in fields), None)


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1
