"""``whyray report``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from whyray.domain import ArgumentError, Bilingual, Revision
from whyray.service import save
from whyray.shells.cli.options import Options, spoken


def run(film: Path, form: str, out: Path | None, prior: Path | None, edits: Path | None, options: Options) -> None:
    """Writes the report to a file or to standard output."""
    reader, lang = options.reader(), spoken(options.lang)
    revisions = () if edits is None else load(edits)
    session = reader.open(film, spacing_mm=options.spacing_mm, view=options.known_view, lang=lang, prior=prior)
    for revision in revisions:
        reader.revise(session.id, revision)
    data = reader.report(session.id, lang, form)
    if out is not None:
        save(out, data)
        print(out)
    else:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def load(file: Path) -> tuple[Revision, ...]:
    """Changes of sentences from a JSON file.

    Raises
    ------
    ArgumentError
        EDITS_UNREADABLE.
    """
    try:
        rows = json.loads(file.read_text("utf-8"))
        return tuple(
            Revision(str(r["sentence"]), Bilingual(str(r["zh"]), str(r["en"])), str(r["who"]), str(r["when"]))
            for r in rows
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArgumentError(
            "EDITS_UNREADABLE",
            Bilingual(f"无法读取修改文件 {file}。", f"Cannot read the edits in {file}."),
            Bilingual(
                "请写成列表，每项含 sentence、zh、en、who、when。",
                "Write a list of objects with sentence, zh, en, who and when.",
            ),
        ) from error
