"""service: the application; the only place where the rooms meet.

``Reader`` has one method per use case: ``open`` a film as a session, ``read`` it into a Report, ``ask`` a question
about it, ``picture`` an answer, ``check_packs``. Shells call it and show what it returns; it never prints.
``report_document`` and ``turn_document`` are the JSON of DESIGN section 6; ``schema`` returns their JSON Schemas.
"""

from whyray.service.documents import report_document, schema, turn_document
from whyray.service.reader import Reader, Reading
from whyray.service.settings import Settings

__all__ = ["Reader", "Reading", "Settings", "report_document", "schema", "turn_document"]
