"""The log of a conversation, and playing it again.

A log is JSON lines. The first says which film, read how and by which model and pack; each further line is one step
(``ask``, ``box`` or ``open``) with the Turn that it gave. ``compare`` says in which fields two Turns of the same step
differ; ids and times of the run are left out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whyray.domain import ArgumentError, Bilingual
from whyray.service.reading import Reading

LOG = "whyray.log/1"
OF_THE_RUN = ("session", "audit", "timing_ms", "overlay")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Opened:
    """How a film was opened: its path, its digest, spacing, view and the prior film."""

    film: str
    sha256: str
    spacing_mm: float | None = None
    view: str | None = None
    prior: str | None = None

    def as_dict(self) -> Json:
        """For the log."""
        return {name: getattr(self, name) for name in self.__slots__}


def header(opened: Opened, reading: Reading, lang: str) -> Json:
    """First line of a log."""
    return {
        "schema": LOG,
        "lang": lang,
        "model": {"id": reading.card.id, "sha256": reading.card.sha256, "engine": reading.engine},
        "pack": {"id": reading.pack.id, "version": reading.pack.version},
        "open": opened.as_dict(),
    }


def load(file: Path) -> list[Json]:
    """Lines of a log, the header first.

    Raises
    ------
    ArgumentError
        LOG_UNREADABLE, with the line that is wrong.
    """
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(file, 0) from error
    entries: list[Json] = []
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line)
        except ValueError as error:
            raise _unreadable(file, number) from error
        if not isinstance(entry, dict) or (number == 1) != (entry.get("schema") == LOG) or not _whole(entry, number):
            raise _unreadable(file, number)
        entries.append(entry)
    if not entries:
        raise _unreadable(file, 0)
    return entries


def _whole(entry: Json, number: int) -> bool:
    opened = entry.get("open")
    if opened is not None and not (isinstance(opened, dict) and {"film", "sha256"} <= set(opened)):
        return False
    return (number == 1 and opened is not None) or any(k in entry for k in ("ask", "box", "open"))


def _unreadable(file: Path, line: int) -> ArgumentError:
    place = (f"第 {line} 行", f"line {line}") if line else ("文件", "file")
    return ArgumentError(
        "LOG_UNREADABLE",
        Bilingual(
            f"{file} 不是完整的对话记录（{place[0]}）。", f"{file} is no whole log of a conversation ({place[1]})."
        ),
        Bilingual("请使用 whyray chat --log 写出的文件。", "Use a file that `whyray chat --log` wrote."),
    )


def check_film(opened: Opened) -> None:
    """Refuses to replay on another film than the one logged.

    Raises
    ------
    ArgumentError
        LOG_FILM_CHANGED.
    """
    file = Path(opened.film)
    if file.exists() and hashlib.sha256(file.read_bytes()).hexdigest() == opened.sha256:
        return
    raise ArgumentError(
        "LOG_FILM_CHANGED",
        Bilingual(f"{file} 不存在或已改变，与记录不符。", f"{file} is gone or is not the film of the log."),
        Bilingual("请放回原来的影像文件。", "Put the film of the log back."),
    )


def compare(now: Json, then: Json) -> tuple[str, ...]:
    """Fields in which two Turn documents differ, apart from those that every run has its own of."""
    return tuple(k for k in _fields(now, then) if now.get(k) != then.get(k))


def _fields(*documents: Json) -> Iterable[str]:
    return dict.fromkeys(k for d in documents for k in d if k not in OF_THE_RUN)
