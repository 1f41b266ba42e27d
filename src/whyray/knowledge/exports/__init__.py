"""exports: a pack in the forms that other programs and people read.

``export(pack, form)`` returns text: ``json`` (everything, field by field), ``ttl`` (SKOS concepts in Turtle),
``fhir`` (an R4 Bundle with a CodeSystem and its ValueSets) or ``html`` (one static page in both languages).
"""

from whyray.knowledge.exports.forms import FORMS, export

__all__ = ["FORMS", "export"]
