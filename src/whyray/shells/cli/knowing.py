"""``whyray kb`` and ``whyray info``."""

from __future__ import annotations

from pathlib import Path

import typer

from whyray import __version__
from whyray.service import Reader, Settings
from whyray.shells.cli.options import Language, spoken


def check(model: Path | None) -> None:
    """Prints every problem and the totals; exit 1 when one is an error."""
    reader = Reader(Settings(model=model))
    problems = reader.check_packs()
    for problem in problems:
        print(problem.line())
    errors = sum(p.severity == "error" for p in problems)
    for pack in reader.packs:
        print(f"{pack.id} {pack.version}: {errors} errors, {len(problems) - errors} warnings")
    if errors:
        raise typer.Exit(1)


def show(entry: str, language: Language) -> None:
    """Prints one entry of the first pack that has it."""
    print(Reader().describe(entry, spoken(language)))


def stats() -> None:
    """Prints counts of every pack."""
    for name, counts in Reader().statistics().items():
        print(name)
        for what, number in counts.items():
            print(f"  {what}: {number}")


def info(what: str) -> None:
    """Prints where things are."""
    reader = Reader()
    paths = reader.places()
    if what != "all":
        print(paths[what])
        return
    print(f"whyray {__version__}: research use, not for diagnosis")
    for pack in reader.packs:
        card = reader.engine(pack).card
        counts = f"{len(pack.signs)} signs, {len(pack.diagnoses)} diagnoses, {len(pack.rules)} rules"
        print(f"pack {pack.id} {pack.version}: {counts}")
        print(f"model {card.id} sha256 {card.sha256}")
    for name, path in paths.items():
        print(f"{name}: {path}")
