"""``whyray read``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import typer

from whyray.domain import ArgumentError, Bilingual, ImageRefused, WhyrayError
from whyray.service import Reader, Reading, report_document
from whyray.shells.cli.options import Options, spoken

SUFFIXES = {".dcm", ".dicom", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".ima", ""}


def run(paths: Sequence[Path], options: Options) -> None:
    """Reads every film; a refused film among several is reported and the rest go on."""
    films = list(expand(paths))
    reader = options.reader()
    if len(films) == 1 and not paths[0].is_dir():
        show(reader, reader.read(films[0], spacing_mm=options.spacing_mm, view=options.known_view), options)
        return
    worst = 0
    for film in progress(films):
        try:
            show(reader, reader.read(film, spacing_mm=options.spacing_mm, view=options.known_view), options)
        except (ImageRefused, ArgumentError) as error:
            worst = max(worst, error.exit_code)
            refuse(film, error, options)
    if worst:
        raise typer.Exit(worst)


def expand(paths: Iterable[Path]) -> Iterator[Path]:
    """Files as given; of a folder, all files below it that may be films, sorted."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = sorted(
            p for p in path.rglob("*") if p.is_file() and p.suffix.lower() in SUFFIXES and not p.name.startswith(".")
        )
        if not found:
            raise ArgumentError(
                "FOLDER_EMPTY",
                Bilingual(f"{path} 中没有影像文件。", f"{path} holds no films."),
                Bilingual(
                    "请给出含 DICOM、PNG、JPEG 或 TIFF 的目录。",
                    "Give a folder with DICOM, PNG, JPEG or TIFF files.",
                ),
            )
        yield from found


def progress(films: list[Path]) -> Iterable[Path]:
    """The films with a progress bar on standard error."""
    from rich.console import Console
    from rich.progress import track

    return track(films, description="whyray", console=Console(stderr=True), disable=not sys.stderr.isatty())


def show(reader: Reader, reading: Reading, options: Options) -> None:
    """Prints one report and writes its picture."""
    picture = reader.picture(reading, None, options.out) if options.out is not None else None
    if options.as_json:
        texts = {lang: "\n".join(s.text for s in reader.summary(reading, lang)) for lang in ("zh", "en")}
        print(json.dumps(report_document(reading, Bilingual(**texts)), ensure_ascii=False), flush=True)
        return
    print(reader.report_text(reading, spoken(options.lang)))
    if picture is not None:
        print(picture)


def refuse(film: Path, error: WhyrayError, options: Options) -> None:
    """Reports a refused film: one line on standard error and, with ``--json``, one object in its place."""
    print(f"{film}: {error.line(spoken(options.lang))}", file=sys.stderr)
    if options.as_json:
        document: dict[str, Any] = {
            "schema": "whyray.error/1",
            "path": str(film),
            "code": error.code,
            "sentence": error.sentence.as_dict(),
            "hint": error.hint.as_dict(),
        }
        print(json.dumps(document, ensure_ascii=False), flush=True)
