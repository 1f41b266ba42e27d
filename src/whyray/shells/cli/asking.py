"""``whyray ask``."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

from whyray.domain import Turn, WhyrayError
from whyray.service import Reader, turn_document
from whyray.shells.cli.options import Options, chosen, spoken

PROMPT = "whyray> "


def run(film: Path, question: str | None, session: str | None, options: Options) -> None:
    """Answers one question, or opens a prompt that goes on until Ctrl-D."""
    reader = options.reader()
    if session is not None:
        reader.store.get(session)
    opened = reader.open(film, spacing_mm=options.spacing_mm, view=options.known_view, lang=spoken(options.lang))
    if question is not None:
        answer(reader, opened.id, question, options)
        return
    if not options.as_json:
        print(reader.report_text(reader.reading(opened.id), spoken(options.lang)))
    prompt(reader, opened.id, options)


def answer(reader: Reader, session: str, question: str, options: Options) -> None:
    """Prints one turn and writes its picture."""
    turn = reader.ask(session, question, lang=chosen(options.lang))
    reading = reader.reading(session)
    if options.out is not None:
        turn = replace(turn, overlay=str(reader.picture(reading, turn, options.out)))
    show(reader, turn, options)


def show(reader: Reader, turn: Turn, options: Options) -> None:
    """One turn as JSON or as text."""
    if options.as_json:
        print(json.dumps(turn_document(turn, reader.reading(turn.session)), ensure_ascii=False), flush=True)
        return
    print(reader.turn_text(turn))
    if turn.overlay is not None:
        print(turn.overlay)


def prompt(reader: Reader, session: str, options: Options) -> None:
    """Reads questions until the end of input; an error in one does not end the conversation."""
    interactive = sys.stdin.isatty()
    if interactive:
        import readline  # noqa: F401 - line editing and history of input()
    while True:
        try:
            question = input(PROMPT if interactive else "")
        except EOFError:
            return
        if not question.strip():
            continue
        try:
            answer(reader, session, question, options)
        except WhyrayError as error:
            print(error.line(spoken(options.lang)), file=sys.stderr)
