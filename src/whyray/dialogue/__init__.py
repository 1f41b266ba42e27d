"""dialogue: a question in words -> `Query`, and findings -> the words of an answer.

``understand(text, pack, session, lang) -> Query`` is deterministic: spelling is normalised, the pack's
names, synonyms and terms are matched longest first, and the pack's ordered rules turn the words into an
intent. ``explain_parse`` shows the hits and the rule. ``compose(query, findings, observations, pack, ...)
-> Answer`` fills the pack's templates: each sentence that states a sign carries the evidence ids it rests
on, a sign is named as seen only with a region, and what was not found is never mixed with what was not
looked for. A `Context` brings what the conversation and the question need beside the findings: anchors, closer looks,
distances, ticked checklists, changes against a prior film and the doctor's corrections; what is said of them are facts
of the answer. Knows no sign, disease or modality by name.
"""

from whyray.dialogue.compose import compose
from whyray.dialogue.context import Context
from whyray.dialogue.draft import Answer, Place, label_of
from whyray.dialogue.report import write_report
from whyray.dialogue.understand import Parse, explain_parse, understand

__all__ = ["Answer", "Context", "Parse", "Place", "compose", "explain_parse", "label_of", "understand", "write_report"]
