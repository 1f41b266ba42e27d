"""A structured report as a document: text, Markdown, HTML, PDF.

Every form shows the head (view, film digest, model, pack), each sentence with the ids of its evidence and the doctor
who changed it, and the research-use line. Nothing is loaded from outside: HTML carries its picture, PDF its font.
"""

from whyray.render.document.page import as_html
from whyray.render.document.plain import as_markdown, as_text
from whyray.render.document.sheet import as_pdf

__all__ = ["as_html", "as_markdown", "as_pdf", "as_text"]
