"""What all forms of a document share: the marks behind a sentence, and the languages to show."""

from __future__ import annotations

from collections.abc import Iterator

from whyray.domain import Edit, Lang, ReportSentence
from whyray.render.theme import Display, load_theme

_STOP = {"zh": "；", "en": "; "}


def languages(lang: Display) -> tuple[Lang, ...]:
    """The languages to show, in order."""
    return ("zh", "en") if lang == "both" else (lang,)


def ids(sentence: ReportSentence) -> str:
    """Evidence ids of a sentence in brackets; empty without any."""
    return f"[{', '.join(sentence.evidence)}]" if sentence.evidence else ""


def edits(sentence: ReportSentence, lang: Display) -> Iterator[str]:
    """Say who changed a sentence, when, and what stood there: a line a language, the latest change first."""
    edit = sentence.edit
    while edit is not None:
        for one in languages(lang):
            yield _one(edit, one)
        edit = edit.earlier


def _one(edit: Edit, lang: Lang) -> str:
    words = load_theme().words
    changed = words["edited"].format(who=edit.who, when=edit.when).get(lang)
    return f"{changed}{_STOP[lang]}{words['before'].format(text=edit.before.get(lang)).get(lang)}"
