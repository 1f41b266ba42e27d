"""Loading with the line of a fault: what `loading` raises, with the line of the place that it names."""

from __future__ import annotations

import re
from pathlib import Path

from whyray.domain import Bilingual, Pack, PackError
from whyray.knowledge import loading
from whyray.knowledge.locating import Locator

# The two sentences of `schema` and `loading` that name a place without its line, in English.
_PLACE = re.compile(r"(?P<file>\S+\.yaml) at (?P<place>\S+): ")
_TWICE = re.compile(r'The id "(?P<id>.+)" of \w+ is there twice: in \S+ and (?P<file>\S+\.yaml)\.')
_HEADER = "pack.yaml"
_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


def load_pack(folder: Path) -> Pack:
    """Load the pack of a folder.

    Raises
    ------
    PackError
        A file is missing, unknown, unparsable or against the schema, or an id is there twice; file, line and
        what is wrong in one sentence.
    """
    try:
        return loading.load_pack(folder)
    except PackError as error:
        raise _lined(error, folder) from error


def load_packs(root: Path | None = None) -> tuple[Pack, ...]:
    """Load every pack below `root` (the installed ones when None), ordered by folder name.

    Raises
    ------
    PackError
        ``PACK_NONE`` when there is none, ``PACK_ID_TWICE`` when two share an id, and what `load_pack` raises.
    """
    try:
        return loading.load_packs(root)
    except PackError as error:
        for folder in _folders(root):
            load_pack(folder)
        raise error from None


def folder_of(pack: Pack, root: Path | None = None) -> Path | None:
    """Folder below `root` (the installed packs when None) whose header has the pack's id."""
    header = re.compile(rf"^id: *{re.escape(pack.id)} *$", re.MULTILINE)
    folders = (f for f in _folders(root) if header.search((f / _HEADER).read_text(encoding="utf-8")))
    return next(folders, None)


def _folders(root: Path | None) -> list[Path]:
    return sorted(path.parent for path in (loading.PACKS if root is None else root).glob(f"*/{_HEADER}"))


def _lined(error: PackError, folder: Path) -> PackError:
    """The same error with ``file:line`` in place of ``file``, where its sentence names a place."""
    locator, sentence = Locator(folder), error.sentence.en
    if place := _PLACE.match(sentence):
        steps = tuple(int(n) if n else key for n, key in _STEP.findall(place["place"]))
        file, line = place["file"], locator.line(place["file"], steps)
    elif twice := _TWICE.match(sentence):
        file, line = twice["file"], locator.twice(twice["file"], twice["id"])
    else:
        return error
    words = Bilingual(*(_last(text, file, f"{file}:{line}") for text in (error.sentence.zh, sentence)))
    return PackError(error.code, words, error.hint)


def _last(text: str, old: str, new: str) -> str:
    before, found, after = text.rpartition(old)
    return f"{before}{new}{after}" if found else text
