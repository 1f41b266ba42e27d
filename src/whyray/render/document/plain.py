"""A report as plain text and as Markdown."""

from __future__ import annotations

import re

from whyray.domain import Lang, ReportSentence, StructuredReport
from whyray.render.document.parts import edits, ids
from whyray.render.theme import load_theme
from whyray.render.wrap import columns, wrap

_WIDTH = 80
_COLON = {"zh": "：", "en": ": "}
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!])")
_LEADING = re.compile(r"^(\s*)([-+]|\d+[.)])(?=\s)")


def as_text(report: StructuredReport, lang: Lang, *, width: int = _WIDTH) -> str:
    """Return the report as lines of at most `width` terminal columns; the last is the research-use line."""
    out = [report.title.get(lang), ""]
    for name, value in report.facts:
        out += _folded(f"{name.get(lang)}{_COLON[lang]}{value.get(lang)}", "", width)
    for section in report.sections:
        out += ["", f"{section.title.get(lang)}{_COLON[lang]}".rstrip()]
        for sentence in section.sentences:
            out += _folded(f"{sentence.text.get(lang)} {ids(sentence)}".rstrip(), "  ", width)
            for line in edits(sentence, lang):
                out += _folded(line, "    ", width)
    return "\n".join([*out, "", report.notice.get(lang)])


def _folded(text: str, indent: str, width: int) -> list[str]:
    return [indent + line for line in wrap(text, max(8, width - len(indent)), columns)]


def as_markdown(report: StructuredReport, lang: Lang, picture: str | None = None) -> str:
    """Return the report as CommonMark.

    Parameters
    ----------
    picture
        Address of the annotated film, relative to where the text will lie; None for no picture.
    """
    out = [f"# {_escaped(report.title.get(lang))}", "", f"> **{_escaped(report.notice.get(lang))}**", ""]
    for name, value in report.facts:
        out.append(f"- {_escaped(name.get(lang))}{_COLON[lang]}{_escaped(value.get(lang))}")
    if picture is not None:
        alt = _escaped(load_theme().words["annotated"].get(lang))
        out += ["", f"![{alt}](<{_address(picture)}>)"]
    for section in report.sections:
        out += ["", f"## {_escaped(section.title.get(lang))}", ""]
        for sentence in section.sentences:
            out += _item(sentence, lang)
    return "\n".join([*out, ""])


def _item(sentence: ReportSentence, lang: Lang) -> list[str]:
    """One list item; its changes stand below it as a list of their own."""
    text = f"- {_escaped(sentence.text.get(lang))} {_escaped(ids(sentence))}".rstrip()
    return [text, *(f"  - *{_escaped(line)}*" for line in edits(sentence, lang))]


def _escaped(text: str) -> str:
    """One line of text in which nothing is markup."""
    line = _SPECIAL.sub(r"\\\1", " ".join(text.split()))
    return _LEADING.sub(lambda m: f"{m[1]}{m[2][:-1]}\\{m[2][-1]}", line)


def _address(picture: str) -> str:
    return picture.replace("<", "%3C").replace(">", "%3E").replace("\n", "")
