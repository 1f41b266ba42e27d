"""The YAML of a pack, parsed once: later starts read the same values from JSON in the user's cache folder.

The name of the kept file is the SHA-256 of every YAML file of the pack (names and bytes), so an edited pack is parsed
anew. What is kept are plain values, checked against the schema at every start like freshly parsed ones. A cache that
cannot be read or written is as good as none.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from whyray.knowledge.reading import read_yaml

FORMAT = "1"
KEPT = 4  # files: a few versions of the packs


class Parsed:
    """Values of the YAML files of one pack folder.

    Parameters
    ----------
    folder
        The pack.
    cache
        Folder of kept values; None keeps nothing.
    """

    def __init__(self, folder: Path, cache: Path | None) -> None:
        self.folder = folder
        self._file = None if cache is None else cache / f"{digest(folder)}.json"
        self._values: dict[str, Any] = {} if self._file is None else _kept(self._file)
        self._new = False

    def read(self, name: str) -> Any:
        """Value of the file `name` (relative to the pack).

        Raises
        ------
        PackError
            As `read_yaml`.
        """
        if name not in self._values:
            self._values[name] = read_yaml(self.folder / name, name)
            self._new = True
        return self._values[name]

    def keep(self) -> None:
        """Writes the values for the next start, when there are new ones that JSON holds without loss."""
        if self._file is None or not self._new:
            return
        with suppress(OSError, TypeError, ValueError):
            text = json.dumps(self._values, ensure_ascii=False, allow_nan=False)
            if json.loads(text) != self._values:
                return
            self._file.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._file.with_suffix(f".{os.getpid()}")
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(self._file)
            _prune(self._file.parent.glob("*.json"))


def cache_folder() -> Path | None:
    """``$XDG_CACHE_HOME/whyray/packs`` (by default below ``~/.cache``); None without a home folder."""
    given = os.environ.get("XDG_CACHE_HOME")
    with suppress(RuntimeError):
        return (Path(given) if given else Path.home() / ".cache") / "whyray" / "packs"
    return None


def digest(folder: Path) -> str:
    """Hex SHA-256 over names and bytes of the pack's YAML files."""
    total = hashlib.sha256(FORMAT.encode())
    for path in sorted(folder.rglob("*.yaml")):
        data = path.read_bytes()
        total.update(f"{path.relative_to(folder).as_posix()}\0{len(data)}\0".encode() + data)
    return total.hexdigest()


def _kept(file: Path) -> dict[str, Any]:
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _prune(files: Iterable[Path]) -> None:
    for old in sorted(files, key=lambda f: f.stat().st_mtime)[:-KEPT]:
        old.unlink()
