"""``whyray ask``."""

from __future__ import annotations

from pathlib import Path

from whyray.shells.cli import chatting
from whyray.shells.cli.chatting import Chat
from whyray.shells.cli.options import Options


def run(
    film: Path, question: str | None, session: str | None, options: Options, prior: Path | None, box: str | None
) -> None:
    """Answers one question, or opens a prompt that goes on until Ctrl-D."""
    if question is None:
        chatting.run(film, prior, None, options)
        return
    reader = options.reader()
    if session is not None:
        reader.store.get(session)
    chat = Chat(reader, chatting.describe(film, options, prior), options, None)
    if box is not None:
        reader.mark(chat.session, chatting.numbers(box))
    chat.ask(question)
