"""A report as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from html import escape

from whyray.domain import Bilingual, Lang, ReportSection, ReportSentence, StructuredReport
from whyray.render.document.parts import edits, ids, languages
from whyray.render.theme import Display, load_theme

_TAGS = {"zh": "zh-CN", "en": "en"}
_STYLE = """
:root {{ color-scheme: light; }}
* {{ box-sizing: border-box; }}
body {{ margin: 0 auto; max-width: 52rem; padding: 1.5rem; background: {paper}; color: {print};
  font: 1rem/1.6 "Noto Sans", "Helvetica Neue", Arial, "Noto Sans CJK SC", "Source Han Sans SC", "PingFang SC",
  "Microsoft YaHei", sans-serif; overflow-wrap: anywhere; }}
h1 {{ font-size: 1.45rem; line-height: 1.3; margin: 0 0 .75rem; color: {print_head}; }}
h2 {{ font-size: 1.05rem; margin: 1.1rem 0 .3rem; padding-bottom: .15rem; border-bottom: 1px solid {print_rule};
  color: {print_head}; break-after: avoid; }}
.notice {{ border: 1px solid {print_notice}; color: {print_notice}; padding: .3rem .7rem; font-weight: bold; }}
dl {{ display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .8rem 0; font-size: .88rem; }}
dt {{ color: {print_muted}; }}
dd {{ margin: 0; }}
figure {{ margin: 1rem 0; break-inside: avoid; text-align: center; }}
figure img {{ max-width: 100%; max-height: 26rem; }}
figcaption, .ids, .edit {{ color: {print_muted}; font-size: .82rem; }}
p {{ margin: .25rem 0; break-inside: avoid; orphans: 2; widows: 2; }}
.other {{ display: block; color: {print_muted}; }}
.edit {{ display: block; padding-left: 1.5rem; }}
@page {{ size: A4; margin: 18mm 16mm; }}
@media print {{ body {{ max-width: none; padding: 0; font-size: 10.5pt; }} figure img {{ max-height: 120mm; }} }}
@media (max-width: 30rem) {{ dl {{ display: block; }} dd {{ margin: 0 0 .4rem; }} }}
"""
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def as_html(report: StructuredReport, lang: Display, picture_png: bytes | None = None) -> str:
    """Return the report as a self-contained HTML document.

    Parameters
    ----------
    lang
        One language, or both with the English below the Chinese of each sentence.
    picture_png
        The annotated film; it is embedded.

    Returns
    -------
    str
        UTF-8 text without scripts and without addresses of other files.
    """
    main = languages(lang)[0]
    title = " / ".join(report.title.get(one) for one in languages(lang))
    body = [
        f"<h1>{_words(report.title, lang)}</h1>",
        f'<p class="notice" role="note">{_words(report.notice, lang)}</p>',
        "<dl>",
        *(f"<dt>{_words(name, lang)}</dt><dd>{_words(value, lang)}</dd>" for name, value in report.facts),
        "</dl>",
        *_figure(picture_png, lang),
        *(line for section in report.sections for line in _section(section, lang)),
    ]
    return "\n".join(
        (
            "<!DOCTYPE html>",
            f'<html lang="{_TAGS[main]}">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>",
            f"<style>{_STYLE.format(**load_theme().colors)}</style>",
            "</head>",
            "<body>",
            "<main>",
            *body,
            "</main>",
            f'<footer><p class="notice">{_words(report.notice, lang)}</p></footer>',
            "</body>",
            "</html>",
            "",
        )
    )


def _figure(picture_png: bytes | None, lang: Display) -> list[str]:
    if picture_png is None:
        return []
    data = base64.b64encode(picture_png).decode("ascii")
    caption = load_theme().words["annotated"]
    alt = escape(" / ".join(caption.get(one) for one in languages(lang)), quote=True)
    return [
        f'<figure><img src="data:image/png;base64,{data}" alt="{alt}">',
        f"<figcaption>{_words(caption, lang)}</figcaption></figure>",
    ]


def _section(section: ReportSection, lang: Display) -> Iterator[str]:
    head = escape(f"section-{section.id}", quote=True)
    yield f'<section aria-labelledby="{head}">'
    yield f'<h2 id="{head}">{_words(section.title, lang)}</h2>'
    yield from (_sentence(sentence, lang) for sentence in section.sentences)
    yield "</section>"


def _sentence(sentence: ReportSentence, lang: Display) -> str:
    first, *others = languages(lang)
    parts = [_tagged(sentence.text, first)]
    if sentence.evidence:
        label = load_theme().words["evidence"].get(first)
        said = escape(f"{label} {', '.join(sentence.evidence)}", quote=True)
        parts.append(f' <span class="ids" role="note" aria-label="{said}">{escape(ids(sentence))}</span>')
    parts += [_tagged(sentence.text, one, "other") for one in others]
    parts += [f'<span class="edit">{escape(line)}</span>' for line in edits(sentence, lang)]
    return f'<p id="{escape(sentence.id, quote=True)}">{"".join(parts)}</p>'


def _tagged(text: Bilingual, lang: Lang, name: str = "") -> str:
    kind = f' class="{name}"' if name else ""
    return f'<span lang="{_TAGS[lang]}"{kind}>{escape(text.get(lang))}</span>'


def _words(text: Bilingual, lang: Display) -> str:
    """A text in the languages to show; once when they are the same."""
    shown = languages(lang) if text.zh != text.en else languages(lang)[:1]
    return " / ".join(_tagged(text, one) for one in shown)
