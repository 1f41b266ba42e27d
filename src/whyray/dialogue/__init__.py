"""dialogue: a question in words -> `Query`, and findings -> the words of an answer.

``understand(text, pack, session, lang) -> Query`` is deterministic: spelling is normalised, the pack's
names, synonyms and terms are matched longest first, and the pack's ordered rules turn the words into an
intent. ``explain_parse`` shows the hits and the rule. ``compose(query, findings, observations, pack, ...)
-> Answer`` fills the pack's templates: each sentence that states a sign carries the evidence ids it rests
on, a sign is named as seen only with a region, and what was not found is never mixed with what was not
looked for. Knows no sign, disease or modality by name.
"""

from whyray.dialogue.compose import compose
from whyray.dialogue.draft import Answer
from whyray.dialogue.understand import Parse, explain_parse, understand

__all__ = ["Answer", "Parse", "compose", "explain_parse", "understand"]
