"""Several questions in one text -> its clauses, each a question of its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from whyray.dialogue.parsing import Parse
from whyray.domain import Intent

# Features with which a clause asks by itself; a bare "why?" asks about the clause before it.
ASKING = frozenset(
    (
        *("locate", "measure", "relation", "quantity", "figure", "extent", "property", "describe"),
        *("checklist", "presence", "screen", "report", "write", "help"),
    )
)
# Questions that are refused; a greeting or small talk beside a question is none.
REFUSED = frozenset(("treatment", "prognosis", "etiology", "body", "modality"))
REASONS = frozenset(("why", "basis", "against"))
# What a text asks as a whole is not cut at its commas when it is one of these.
WHOLE: tuple[Intent, ...] = ("COMPARE", "CORRECT", "CHECKLIST", "REPORT", "HELP", "OUT_OF_SCOPE")
_SENTENCE = re.compile(r"[?？!！;；。\n]+|(?<=[a-z])\.(?=\s+\S)", re.IGNORECASE)
_CLAUSE = re.compile(
    r"[,，]|(?=(?:另外|还有|并且|而且|以及|顺便|同时))|"
    r"\s+(?:and|also|plus)\s+(?=(?:is|are|does|do|did|has|have|can|could|was|were|where|what|which|how|why|who|describe|"
    r"measure|tell|show|give|write|compare|locate)\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A clause as typed and as read."""

    text: str
    parse: Parse


def split(whole: Piece, read: Callable[[str], Parse]) -> tuple[Piece, ...]:
    """Cut a text into its questions.

    Parameters
    ----------
    whole
        The text and how it reads as a whole.
    read
        How a clause reads.

    Returns
    -------
    tuple of Piece
        In order; `whole` alone when the text asks one thing only.
    """
    if whole.parse.intent == "OUT_OF_SCOPE" and whole.parse.rule.startswith(("injection", "foreign", "code", "long")):
        return (whole,)
    pieces: list[Piece] = []
    for sentence in _cut(_SENTENCE, whole.text):
        one = Piece(sentence, read(sentence))
        pieces += [one] if one.parse.intent in WHOLE else _joined(_cut(_CLAUSE, sentence), read)
    asked = _attached(pieces, read)
    return tuple(asked) if len(asked) > 1 else (whole,)


def _joined(clauses: list[str], read: Callable[[str], Parse]) -> list[Piece]:
    return _attached([Piece(c, read(c)) for c in clauses], read, inside=True)


def _attached(pieces: list[Piece], read: Callable[[str], Parse], *, inside: bool = False) -> list[Piece]:
    """Join what asks nothing by itself to the question before it, else to the one after it.

    With ``inside`` the pieces are clauses of one sentence: a denial there belongs to what is asked beside it.
    """
    out: list[Piece] = []
    waiting = ""
    for piece in pieces:
        if not asks(piece.parse) or (inside and _leans(piece.parse)):
            if out:
                joined = f"{out[-1].text}, {piece.text}"
                out[-1] = Piece(joined, read(joined))
            else:
                waiting = f"{waiting}{piece.text}, "
        elif waiting:
            joined, waiting = f"{waiting}{piece.text}", ""
            out.append(Piece(joined, read(joined)))
        else:
            out.append(piece)
    if not out:
        return [Piece(waiting.rstrip(", "), read(waiting))] if waiting else []
    return out


def _leans(parse: Parse) -> bool:
    """Tell whether a clause inside a sentence only goes with what is asked beside it ("have a look, ...")."""
    only = not parse.reading.features & (ASKING | REASONS | {"target", "sign"}) - {"screen"}
    return parse.intent in ("CORRECT", "OUT_OF_SCOPE") or only


def asks(parse: Parse) -> bool:
    """Tell whether a clause is a question (or a correction) of its own."""
    features = parse.reading.features
    if "hearsay" in features and not features & (REASONS | {"question"}):
        return False
    if parse.intent == "OUT_OF_SCOPE":
        return bool(features & REFUSED)
    if parse.intent in ("CORRECT", "COMPARE"):
        return True
    if features & REASONS and not features & {"target", "sign"}:
        return False
    return bool(features & (ASKING | REASONS))


def _cut(pattern: re.Pattern[str], text: str) -> list[str]:
    """Return the clauses with their closing mark, without blank ones."""
    out, start = [], 0
    for mark in pattern.finditer(text):
        out.append(text[start : mark.end()])
        start = mark.end()
    out.append(text[start:])
    return [c.strip(" ,，\t") for c in out if re.search(r"\w", c)]
