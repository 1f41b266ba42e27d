"""A report as A4 pages in PDF, with the shipped font embedded as a subset."""

from __future__ import annotations

import logging
from io import BytesIO
from typing import TYPE_CHECKING

from whyray.domain import ReportSection, ReportSentence, StructuredReport
from whyray.render.document.parts import edits, ids, languages
from whyray.render.theme import FOLDER, Display, load_theme, rgb, show
from whyray.render.wrap import wrap

if TYPE_CHECKING:
    from fpdf import FPDF

# Millimetres and points on A4.
_MARGIN, _FOOT = 18.0, 20.0
_LEADING = 1.5  # line height over font size
_TITLE, _HEAD, _BODY, _SMALL = 16.0, 12.0, 10.5, 8.0
_POINT = 25.4 / 72
_PICTURE_HEIGHT = 105.0
_INDENT = 6.0  # of the changes of a sentence
_FONT = "shipped"
_TAGS = {"zh": "zh-CN", "en": "en-GB", "both": "zh-CN"}


def as_pdf(report: StructuredReport, lang: Display, picture_png: bytes | None = None) -> bytes:
    """Return the report as a PDF file.

    Parameters
    ----------
    lang
        One language, or both with the English below the Chinese of each sentence.
    picture_png
        The annotated film; it is scaled to the text's width or the height kept for it, whichever is smaller.

    Returns
    -------
    bytes
        A4 pages; the shipped OpenType font (CFF outlines) is embedded as a subset of the characters used. A character
        that it lacks is printed as an empty box.
    """
    sheet = _Sheet(report, lang)
    sheet.write_head()
    if picture_png is not None:
        sheet.write_picture(picture_png)
    for section in report.sections:
        sheet.write_section(section)
    return sheet.finished()


class _Sheet:
    """Writes down the page; keeps a sentence together, and a heading with its first sentence."""

    def __init__(self, report: StructuredReport, lang: Display) -> None:
        # Font tables are logged one by one while they are subset.
        logging.getLogger("fontTools").setLevel(logging.WARNING)
        self.report, self.lang, self.theme = report, lang, load_theme()
        self.pdf = self._opened()

    def _opened(self) -> FPDF:
        from fpdf import FPDF

        report, lang, write_foot = self.report, self.lang, self._write_foot

        class Paged(FPDF):
            """Pages with the research-use line and their number at the foot."""

            def footer(self) -> None:
                write_foot(self)

        pdf = Paged(format="A4", unit="mm")
        pdf.set_margins(_MARGIN, _MARGIN, _MARGIN)
        pdf.set_auto_page_break(False)
        pdf.set_title(show(report.title, lang))
        pdf.set_lang(_TAGS[lang])
        pdf.set_creator("whyray")
        pdf.add_font(_FONT, "", FOLDER / "fonts" / self.theme.fonts.shipped)
        pdf.add_page()
        return pdf

    def write_head(self) -> None:
        """Title, research-use line and the lines of the head."""
        self._paragraph(show(self.report.title, self.lang), _TITLE, "print_head")
        self._paragraph(show(self.report.notice, self.lang), _BODY, "print_notice")
        self.pdf.ln(1.5)
        for name, value in self.report.facts:
            colon = ": " if self.lang == "en" else "："
            self._paragraph(f"{show(name, self.lang)}{colon}{show(value, self.lang)}", _SMALL, "print_muted")
        self._rule()

    def write_picture(self, picture_png: bytes) -> None:
        """The annotated film in the middle of the page, whole."""
        from PIL import Image as Picture

        with Picture.open(BytesIO(picture_png)) as picture:
            wide, high = picture.size
        width = min(self.pdf.epw, _PICTURE_HEIGHT * wide / high)
        height = width * high / wide
        self._need(height + 4)
        left, alt = _MARGIN + (self.pdf.epw - width) / 2, show(self.theme.words["annotated"], self.lang)
        self.pdf.image(BytesIO(picture_png), x=left, y=self.pdf.get_y() + 2, w=width, h=height, alt_text=alt)
        self.pdf.set_y(self.pdf.get_y() + height + 4)

    def write_section(self, section: ReportSection) -> None:
        """Heading and sentences."""
        first = len(self._lines(section.sentences[0].text.get(languages(self.lang)[0]), _BODY))
        self._need(_line(_HEAD) + 3 + first * _line(_BODY))
        self.pdf.ln(1.5)
        self._paragraph(show(section.title, self.lang), _HEAD, "print_head")
        for sentence in section.sentences:
            self._sentence(sentence)

    def finished(self) -> bytes:
        """The file."""
        return bytes(self.pdf.output())

    def _sentence(self, sentence: ReportSentence) -> None:
        first, *others = languages(self.lang)
        body = sum(len(self._lines(sentence.text.get(one), _BODY)) for one in (first, *others))
        small = sum(len(self._lines(line, _SMALL, _INDENT)) for line in edits(sentence, self.lang))
        whole = (body + bool(sentence.evidence)) * _line(_BODY) + small * _line(_SMALL)
        if whole < (self.pdf.h - _MARGIN - _FOOT) / 2:
            self._need(whole)
        self._paragraph(sentence.text.get(first), _BODY, "print", ids(sentence))
        for one in others:
            self._paragraph(sentence.text.get(one), _BODY, "print_muted")
        for line in edits(sentence, self.lang):
            self._paragraph(line, _SMALL, "print_muted", indent=_INDENT)
        self.pdf.ln(0.6)

    def _paragraph(self, text: str, size: float, color: str, tail: str = "", indent: float = 0) -> None:
        """Wrapped lines, and behind the last one the small `tail`, on a line of its own where it does not fit."""
        lines = self._lines(text, size, indent)
        for number, line in enumerate(lines, start=1):
            self._need(_line(size))
            self._ink(size, color)
            self.pdf.set_x(_MARGIN + indent)
            used = self.pdf.get_string_width(line)
            self.pdf.cell(used, _line(size), line)
            if number == len(lines) and tail:
                self._tail(tail, used + indent, _line(size))
            self.pdf.ln(_line(size))

    def _tail(self, tail: str, used: float, height: float) -> None:
        self._ink(_SMALL, "print_muted")
        room = self.pdf.epw - used - 2
        if self.pdf.get_string_width(tail) <= room:
            self.pdf.set_x(_MARGIN + used + 1.5)
            self.pdf.cell(room, height, tail)
            return
        for line in wrap(tail, self.pdf.epw, self.pdf.get_string_width):
            self.pdf.ln(height)
            self._need(height)
            self._ink(_SMALL, "print_muted")
            self.pdf.set_x(_MARGIN)
            self.pdf.cell(self.pdf.epw, height, line)

    def _lines(self, text: str, size: float, indent: float = 0) -> list[str]:
        self.pdf.set_font(_FONT, size=size)
        return wrap(text, self.pdf.epw - indent - 1, self.pdf.get_string_width)

    def _need(self, height: float) -> None:
        """Begin a new page unless `height` mm are left above the foot."""
        if self.pdf.get_y() + height > self.pdf.h - _FOOT:
            self.pdf.add_page()

    def _ink(self, size: float, color: str) -> None:
        self.pdf.set_font(_FONT, size=size)
        self.pdf.set_text_color(*self.theme.rgb(color))

    def _rule(self) -> None:
        self.pdf.set_draw_color(*self.theme.rgb("print_rule"))
        y = self.pdf.get_y() + 1
        self.pdf.line(_MARGIN, y, self.pdf.w - _MARGIN, y)
        self.pdf.ln(2)

    def _write_foot(self, pdf: FPDF) -> None:
        """Research-use line at the left, page number at the right."""
        pdf.set_font(_FONT, size=_SMALL)
        pdf.set_text_color(*rgb(self.theme.colors["print_muted"]))
        pdf.set_xy(_MARGIN, pdf.h - _FOOT + 5)
        pdf.cell(pdf.epw, _line(_SMALL), show(self.report.notice, self.lang))
        page = self.theme.words["page"].format(page=pdf.page_no(), pages="{nb}")
        pdf.set_xy(_MARGIN, pdf.h - _FOOT + 5)
        pdf.cell(pdf.epw, _line(_SMALL), show(page, self.lang), align="R")


def _line(size: float) -> float:
    """Line height in mm of a font size in points."""
    return size * _POINT * _LEADING
