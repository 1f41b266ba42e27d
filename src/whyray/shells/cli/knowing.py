"""``whyray kb`` and ``whyray info``."""

from __future__ import annotations

import json
import sys
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
    names = ", ".join(f"{pack.id} {pack.version}" for pack in reader.packs)
    print(f"{names}: {errors} errors, {len(problems) - errors} warnings")
    if errors:
        raise typer.Exit(1)


def show(entry: str, language: Language) -> None:
    """Prints one entry of the first pack that has it."""
    print(Reader().describe(entry, spoken(language)))


def search(words: str, language: Language, limit: int, as_json: bool) -> None:
    """Prints the entries that fit, best first; exit 1 when none does."""
    lang, found = spoken(language), Reader().search(words, limit)
    if as_json:
        rows = [{"kind": h.kind, "id": h.id, "name": h.name.as_dict(), "word": h.word, "score": h.score} for h in found]
        print(json.dumps(rows, ensure_ascii=False))
    for hit in () if as_json else found:
        also = "" if hit.word in (hit.name.zh, hit.name.en, hit.id) else f" ({hit.word})"
        print(f"{hit.score:5.1f}  {hit.kind} {hit.id}: {hit.name.get(lang)}{also}")
    if not found:
        raise typer.Exit(1)


def stats(as_json: bool) -> None:
    """Prints counts of every pack and of its diagnoses."""
    reader = Reader()
    totals, pathways = reader.statistics(), reader.pathways()
    if as_json:
        packs = {name: {**counts, "by_diagnosis": pathways[name]} for name, counts in totals.items()}
        print(json.dumps(packs, ensure_ascii=False))
        return
    for name, counts in totals.items():
        print(name)
        for what, number in counts.items():
            shown = f"{100 * number:.1f} %" if what.startswith("share_") else str(number)
            print(f"  {what}: {shown}")
        for diagnosis, row in pathways[name].items():
            print(f"  {diagnosis}: {', '.join(f'{number} {what}' for what, number in row.items() if number)}")


def export(form: str, out: Path | None, pack: str | None) -> None:
    """Prints a pack in another form, or writes it and prints where."""
    text = Reader().export(form, out, pack)
    if out is None:
        sys.stdout.write(text)
    else:
        print(out)


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
