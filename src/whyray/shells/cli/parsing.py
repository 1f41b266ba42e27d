"""``whyray parse``."""

from __future__ import annotations

import json
import sys
from typing import Any

import typer

from whyray.dialogue import explain_parse, understand
from whyray.domain import ArgumentError, Bilingual, Pack
from whyray.service import Reader, query_document
from whyray.shells.cli.options import Language, chosen, spoken

STANDARD_INPUT = "-"


def run(question: str, language: Language, explain: bool) -> None:
    """Prints how one question, or every line of standard input, is understood; exit 2 when one is empty."""
    pack = Reader().packs[0]
    lines = (line.rstrip("\r\n") for line in sys.stdin) if question == STANDARD_INPUT else iter((question,))
    refused = 0
    for line in lines:
        if not line.strip():
            refused += 1
            print(_empty().line(spoken(language)), file=sys.stderr, flush=True)
            continue
        query = understand(line, pack, lang=chosen(language))
        document = query_document(query)
        if explain:
            document["explain"] = explanation(line, pack)
        print(json.dumps(document, ensure_ascii=False), flush=True)
    if refused:
        raise typer.Exit(2)


def explanation(text: str, pack: Pack) -> dict[str, Any]:
    """Lexicon hits of both layers, corrections, features and the rule that fired."""
    parse = explain_parse(text, pack)
    return {
        "text": parse.text,
        "hits": [{"surface": h.text, "kind": h.kind, "values": list(h.values)} for h in parse.hits],
        "details": [{"surface": h.text, "kind": h.kind, "values": list(h.values)} for h in parse.details],
        "corrections": [{"typed": typed, "read_as": meant} for typed, meant in parse.corrections],
        "unknown": list(parse.reading.unknown),
        "features": sorted(parse.reading.features),
        "rule": parse.rule,
    }


def _empty() -> ArgumentError:
    return ArgumentError(
        "QUESTION_EMPTY",
        Bilingual("问题为空。", "The question is empty."),
        Bilingual("请输入一个问题。", "Type a question."),
    )
