"""service: the application; the only place where the rooms meet.

``Reader`` has one method per use case: ``open`` a film as a session, ``read`` it into a Report, ``ask`` a question
about it, ``picture`` an answer, ``check_packs``. Shells call it and show what it returns; it never prints.
``report_document`` and ``turn_document`` are the JSON of DESIGN section 6; ``schema`` returns their JSON Schemas.
"""

from whyray.service.documents import query_document, report_document, schema, turn_document
from whyray.service.files import write as save
from whyray.service.logbook import Opened, check_film, compare
from whyray.service.logbook import header as log_header
from whyray.service.logbook import load as load_log
from whyray.service.reader import Reader
from whyray.service.reading import Reading
from whyray.service.settings import Settings

__all__ = [
    "Opened",
    "Reader",
    "Reading",
    "Settings",
    "check_film",
    "compare",
    "load_log",
    "log_header",
    "query_document",
    "report_document",
    "save",
    "schema",
    "turn_document",
]
