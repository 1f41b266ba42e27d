"""``whyray chat`` and ``whyray replay``: a conversation at the prompt, written down, and played again."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO, cast

import typer

from whyray.domain import ArgumentError, Bilingual, Lang, OutputError, Turn, View, WhyrayError
from whyray.service import Opened, Reader, check_film, compare, load_log, log_header, turn_document
from whyray.shells.cli.options import Options, chosen, spoken

PROMPT = "whyray> "
HELP = Bilingual(
    ":box x0,y0,x1,y1 框选  :open 文件 换片  :anchors 列出标记  :report 报告  :help 帮助  :quit 退出",
    ":box x0,y0,x1,y1 mark an area  :open FILE another film  :anchors list them  :report  :help  :quit",
)
COMMANDS = (":box", ":open", ":anchors", ":report", ":help", ":quit")


class Chat:
    """One conversation: what is asked, shown, drawn and written down.

    Parameters
    ----------
    reader
        The service.
    opened
        The film.
    options
        Output options.
    log
        Where each step is written; None = nowhere.
    """

    def __init__(self, reader: Reader, opened: Opened, options: Options, log: TextIO | None) -> None:
        self.reader, self.options, self.log = reader, options, log
        self.lang: Lang = spoken(options.lang)
        self.session = open_film(reader, opened, self.lang)
        if log is not None:
            self._write(log_header(opened, reader.reading(self.session), self.lang))

    def ask(self, question: str) -> None:
        """Answers one question."""
        turn = self.reader.ask(self.session, question, lang=chosen(self.options.lang))
        self._done(turn, {"ask": question, "lang": chosen(self.options.lang)})

    def box(self, box: tuple[float, float, float, float]) -> None:
        """Makes an anchor of a box."""
        self._done(self.reader.mark(self.session, box), {"box": list(box)})

    def open(self, film: Path) -> None:
        """Goes on with another film."""
        opened = replace(describe(film, self.options), prior=None)
        reopen_film(self.reader, self.session, opened)
        if self.log is not None:
            self._write({"open": opened.as_dict()})
        if not self.options.as_json:
            print(self.reader.report_text(self.reader.reading(self.session), self.lang))

    def anchors(self) -> None:
        """Lists the anchors of the film."""
        for anchor in self.reader.store.get(self.session).anchors:
            print(f"{anchor.id}  {anchor.label.get(self.lang)}")

    def _done(self, turn: Turn, step: dict[str, Any]) -> None:
        reading = self.reader.reading(self.session)
        document = turn_document(turn, reading)
        if self.log is not None:
            self._write({**step, "turn": document})
        if self.options.out is not None:
            turn = replace(turn, overlay=str(self.reader.picture(reading, turn, self.options.out)))
        show(self.reader, turn, self.options)

    def _write(self, entry: dict[str, Any]) -> None:
        assert self.log is not None
        self.log.write(json.dumps(entry, ensure_ascii=False) + "\n")
        self.log.flush()


def describe(film: Path, options: Options, prior: Path | None = None) -> Opened:
    """How the command line opens a film."""
    import hashlib

    try:
        digest = hashlib.sha256(film.read_bytes()).hexdigest() if film.is_file() else ""
    except OSError:
        digest = ""
    earlier = None if prior is None else str(prior)
    return Opened(str(film), digest, options.spacing_mm, options.known_view, earlier)


def open_film(reader: Reader, opened: Opened, lang: Lang) -> str:
    """Session id of a new conversation."""
    view = cast(View | None, opened.view)
    return reader.open(opened.film, spacing_mm=opened.spacing_mm, view=view, lang=lang, prior=opened.prior).id


def reopen_film(reader: Reader, session: str, opened: Opened) -> None:
    """The conversation goes on with this film."""
    view = cast(View | None, opened.view)
    reader.reopen(session, opened.film, spacing_mm=opened.spacing_mm, view=view, prior=opened.prior)


def run(film: Path, prior: Path | None, log: Path | None, options: Options) -> None:
    """Opens the prompt; it goes on until Ctrl-D or ``:quit``."""
    reader = options.reader()
    with written(log) as file:
        chat = Chat(reader, describe(film, options, prior), options, file)
        if not options.as_json:
            print(reader.report_text(reader.reading(chat.session), chat.lang))
        for line in lines(reader, chat):
            try:
                if not step(chat, line):
                    return
            except WhyrayError as error:
                print(error.line(chat.lang), file=sys.stderr)


def step(chat: Chat, line: str) -> bool:
    """One line of the prompt; False ends the conversation."""
    command, _, rest = line.partition(" ")
    match command:
        case ":quit" | ":q" | ":exit":
            return False
        case ":help":
            print(HELP.get(chat.lang))
        case ":anchors":
            chat.anchors()
        case ":open":
            chat.open(Path(rest.strip()))
        case ":box":
            chat.box(numbers(rest))
        case ":report":
            print(chat.reader.report(chat.session, chat.lang).decode("utf-8"))
        case _ if command.startswith(":"):
            raise ArgumentError(
                "COMMAND_UNKNOWN",
                Bilingual(f"没有命令 {command}。", f"There is no command {command}."),
                HELP,
            )
        case _:
            chat.ask(line)
    return True


def numbers(text: str) -> tuple[float, float, float, float]:
    """``x0,y0,x1,y1`` or ``x,y``.

    Raises
    ------
    ArgumentError
        BOX_UNREADABLE.
    """
    parts = text.replace(",", " ").split()
    try:
        values = [float(p) for p in parts]
    except ValueError:
        values = []
    if len(values) == 2:
        values *= 2
    if len(values) != 4 or not all(abs(v) < 1e9 for v in values):
        raise ArgumentError(
            "BOX_UNREADABLE",
            Bilingual(f"无法读取方框“{text}”。", f'Cannot read the box "{text}".'),
            Bilingual("请写 x0,y0,x1,y1（像素）或一个点 x,y。", "Write x0,y0,x1,y1 in pixels, or a point x,y."),
        )
    return values[0], values[1], values[2], values[3]


class written:  # noqa: N801 - reads as a verb in `with`
    """The log file, open for writing; nothing without a path.

    Raises
    ------
    OutputError
        OUTPUT_UNWRITABLE.
    """

    def __init__(self, path: Path | None) -> None:
        self._path, self._file = path, None if path is None else _opened(path)

    def __enter__(self) -> TextIO | None:
        return self._file

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()


def _opened(path: Path) -> TextIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("w", encoding="utf-8")
    except OSError as error:
        raise OutputError(
            "OUTPUT_UNWRITABLE",
            Bilingual(f"无法写入 {path}。", f"Cannot write {path}."),
            Bilingual("请换一个可写的文件。", "Choose a file that can be written."),
        ) from error


def show(reader: Reader, turn: Turn, options: Options) -> None:
    """One turn as JSON or as text."""
    if options.as_json:
        print(json.dumps(turn_document(turn, reader.reading(turn.session)), ensure_ascii=False), flush=True)
        return
    print(reader.turn_text(turn))
    if turn.overlay is not None:
        print(turn.overlay)


def lines(reader: Reader, chat: Chat) -> Iterator[str]:
    """What the user types, without empty lines; with history and completion at a terminal."""
    interactive = sys.stdin.isatty()
    if interactive:
        _complete(reader, chat)
    while True:
        try:
            line = input(PROMPT if interactive else "")
        except EOFError:
            return
        if line.strip():
            yield line.strip()


def _complete(reader: Reader, chat: Chat) -> None:
    import readline

    names = [d.name.get(chat.lang) for d in reader.reading(chat.session).pack.diagnoses]

    def offered(text: str, state: int) -> str | None:
        anchors = [a.id for a in reader.store.get(chat.session).anchors]
        fitting = [w for w in (*COMMANDS, *anchors, *names) if w.lower().startswith(text.lower())]
        return fitting[state] if state < len(fitting) else None

    readline.set_completer_delims(" ,，。？?")
    readline.set_completer(offered)
    readline.parse_and_bind("tab: complete")


def replay(log: Path, options: Options) -> None:
    """Plays a log again; exit 1 when an answer is not the same."""
    entries = load_log(log)
    lang: Lang = "en" if entries[0].get("lang") == "en" else "zh"
    reader = options.reader()
    opened = Opened(**entries[0]["open"])
    check_film(opened)
    session = open_film(reader, opened, lang)
    reading = reader.reading(session)
    now = log_header(opened, reading, lang)
    for name in ("model", "pack"):
        if now[name] != entries[0].get(name):
            then, is_now = entries[0].get(name, {}), now[name]
            print(f"LOG_OTHER_{name.upper()}: {then.get('id')} -> {is_now['id']}", file=sys.stderr)
    differing = 0
    for entry in entries[1:]:
        differing += not _again(reader, session, entry)
    total = sum("turn" in e for e in entries)
    print(f"{total - differing} of {total} turns the same")
    if differing:
        raise typer.Exit(1)


def _again(reader: Reader, session: str, entry: dict[str, Any]) -> bool:
    """Does one step again; says whether its turn is the same."""
    if "turn" not in entry:
        opened = Opened(**entry["open"])
        check_film(opened)
        reopen_film(reader, session, opened)
        return True
    turn = reader.ask(session, entry["ask"], lang=entry.get("lang")) if "ask" in entry else None
    turn = turn or reader.mark(session, numbers(",".join(map(str, entry["box"]))))
    document = json.loads(json.dumps(turn_document(turn, reader.reading(session)), ensure_ascii=False))
    fields = compare(document, entry["turn"])
    if fields:
        print(f"turn {turn.turn}: {', '.join(fields)} differ")
    return not fields
