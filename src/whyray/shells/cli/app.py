"""The commands and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from whyray.shells.cli import asking, knowing, parsing, reading
from whyray.shells.cli.errors import one_line
from whyray.shells.cli.options import Language, Options, ViewName

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help='whyray: the chest X-ray reader that answers "why?". Research use, not for diagnosis.',
)
kb = typer.Typer(no_args_is_help=True, help="The knowledge packs: check, show, search, count, export.")
app.add_typer(kb, name="kb")

Json = Annotated[bool, typer.Option("--json", help="Print JSON (one object a line for several films).")]
Lang = Annotated[Language, typer.Option("--lang", help="Language of the output; auto = that of the question.")]
Out = Annotated[Path | None, typer.Option("--out", help="Folder for overlay pictures.")]
Spacing = Annotated[float | None, typer.Option("--spacing-mm", help="Pixel spacing of a picture that has none.")]
ViewOption = Annotated[ViewName | None, typer.Option("--view", help="Projection, when the file does not say.")]
Prior = Annotated[Path | None, typer.Option("--prior", help="An earlier film of the same patient to compare with.")]
Model = Annotated[Path | None, typer.Option("--model", help="Model folder (model.onnx and card.yaml).")]


@app.command()
@one_line
def read(
    films: Annotated[list[Path], typer.Argument(help="Films (DICOM, PNG, JPEG, TIFF) or folders of films.")],
    as_json: Json = False,
    lang: Lang = Language.auto,
    out: Out = None,
    spacing_mm: Spacing = None,
    view: ViewOption = None,
    model: Model = None,
) -> None:
    """Read films and report what is seen."""
    reading.run(films, Options(as_json, lang, out, spacing_mm, view, model))


@app.command()
@one_line
def ask(
    film: Annotated[Path, typer.Argument(help="A film.")],
    question: Annotated[str | None, typer.Argument(help='A question, e.g. "why edema?"; none opens a prompt.')] = None,
    as_json: Json = False,
    lang: Lang = Language.auto,
    out: Out = None,
    spacing_mm: Spacing = None,
    view: ViewOption = None,
    model: Model = None,
    prior: Prior = None,
    box: Annotated[
        str | None, typer.Option("--box", help="Area x0,y0,x1,y1 (or point x,y) in pixels that the question is about.")
    ] = None,
    session: Annotated[str | None, typer.Option("--session", help="Session to continue.")] = None,
) -> None:
    """Ask about a film."""
    options = Options(as_json, lang, out, spacing_mm, view, model)
    asking.run(film, question, session, options, prior, box)


@app.command()
@one_line
def chat(
    film: Annotated[Path, typer.Argument(help="A film.")],
    as_json: Json = False,
    lang: Lang = Language.auto,
    out: Out = None,
    spacing_mm: Spacing = None,
    view: ViewOption = None,
    model: Model = None,
    prior: Prior = None,
    log: Annotated[Path | None, typer.Option("--log", help="File to write the conversation to, for replay.")] = None,
) -> None:
    """Talk about a film at a prompt, with history and completion; ":help" lists its commands."""
    from whyray.shells.cli import chatting

    chatting.run(film, prior, log, Options(as_json, lang, out, spacing_mm, view, model))


@app.command()
@one_line
def replay(
    log: Annotated[Path, typer.Argument(help="Log that `whyray chat --log` wrote.")],
    lang: Lang = Language.auto,
    model: Model = None,
) -> None:
    """Play a conversation again; exit 1 when an answer is not the same."""
    from whyray.shells.cli import chatting

    chatting.replay(log, Options(False, lang, None, None, None, model))


@app.command()
@one_line
def report(
    film: Annotated[Path, typer.Argument(help="A film.")],
    form: Annotated[
        Literal["text", "markdown", "html", "pdf"], typer.Option("--format", help="Form of the report.")
    ] = "text",
    lang: Lang = Language.auto,
    out: Annotated[Path | None, typer.Option("--out", help="File to write; standard output without it.")] = None,
    spacing_mm: Spacing = None,
    view: ViewOption = None,
    model: Model = None,
    prior: Prior = None,
    edits: Annotated[
        Path | None, typer.Option("--edits", help="JSON list of changed sentences: sentence, zh, en, who, when.")
    ] = None,
) -> None:
    """Write the structured report of a film."""
    from whyray.shells.cli import reporting

    reporting.run(film, form, out, prior, edits, Options(False, lang, None, spacing_mm, view, model))


@app.command()
@one_line
def parse(
    question: Annotated[str, typer.Argument(help="A question; - reads questions from standard input, one a line.")],
    lang: Lang = Language.auto,
    explain: Annotated[bool, typer.Option("--explain-parse", help="Also show lexicon hits and the rule.")] = False,
) -> None:
    """Show how questions are understood, one JSON object a line; needs no film; exit 2 when one is empty."""
    parsing.run(question, lang, explain)


@kb.command("check")
@one_line
def kb_check(model: Model = None) -> None:
    """Cross-check the packs; exit 1 when one has an error."""
    knowing.check(model)


@kb.command("show")
@one_line
def kb_show(
    id_: Annotated[str, typer.Argument(metavar="ID", help="Sign, diagnosis, zone, structure or rule.")],
    lang: Lang = Language.auto,
) -> None:
    """Show one entry of a pack."""
    knowing.show(id_, lang)


@kb.command("search")
@one_line
def kb_search(
    words: Annotated[list[str], typer.Argument(metavar="WORDS", help="Words, Chinese or English.")],
    lang: Lang = Language.auto,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many entries.")] = 20,
    as_json: Json = False,
) -> None:
    """Find entries by name, synonym or definition; exit 1 when nothing fits."""
    knowing.search(" ".join(words), lang, limit, as_json)


@kb.command("stats")
@one_line
def kb_stats(as_json: Json = False) -> None:
    """Count what the packs hold."""
    knowing.stats(as_json)


@kb.command("export")
@one_line
def kb_export(
    form: Annotated[
        Literal["json", "ttl", "fhir", "html"],
        typer.Option("--format", help="JSON, SKOS Turtle, FHIR R4 bundle or a page to browse."),
    ] = "json",
    out: Annotated[Path | None, typer.Option("--out", help="File to write; standard output without it.")] = None,
    pack: Annotated[str | None, typer.Option("--pack", help="Which pack; the first without it.")] = None,
) -> None:
    """Write a pack in another form."""
    knowing.export(form, out, pack)


@app.command()
@one_line
def doctor(model: Model = None) -> None:
    """Check that everything needed is installed and works; exit 1 when not."""
    from whyray.shells.cli import doctoring

    doctoring.run(model)


@app.command()
@one_line
def info(
    what: Annotated[
        Literal["all", "demo", "model", "packs", "schemas"], typer.Argument(help="Print only this path.")
    ] = "all",
) -> None:
    """Version, model, packs and where the shipped files lie."""
    knowing.info(what)


def main() -> None:
    """Entry point of the console script."""
    app()
