"""A structured report from what was concluded and seen, and a doctor's changes of it.

``write_report`` fills sections of sentences in both languages from the same facts, in the form that the signs call
for; a normal state is said only of what was looked for where it can be seen, everything else is "not assessed".
``apply_edit`` changes one sentence and keeps who, when and what stood there.
"""

from whyray.dialogue.report.edits import apply_edit
from whyray.dialogue.report.writing import write_report

__all__ = ["apply_edit", "write_report"]
