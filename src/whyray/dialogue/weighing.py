"""What is asked where no rule says it: the words lean towards intents, and the heaviest wins.

The pack's ``hint`` terms name the words of an intent (verbs of reasoning, words of extent ...), in their base form;
English ones are found in their regular forms too. What a default rule says has a weight of its own.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, get_args

from whyray.domain import Intent

if TYPE_CHECKING:
    from whyray.dialogue.grammar import GrammarRule
    from whyray.dialogue.lexicon import Hit

HINT = 2.0
_THINGS = frozenset({"target", "sign", "lesion", "reference", "place", "anchor"})
# An intent is possible only with one of these features, and without any of those.
_NEEDED: dict[Intent, frozenset[str]] = {
    "WHY": frozenset({"target", "sign", "verdict", "reference"}),
    "WHY_NOT": frozenset({"target", "sign", "verdict"}),
    "DESCRIBE": _THINGS,
    "MEASURE": _THINGS,
    "LOCATE": _THINGS,
    "CHECKLIST": frozenset({"target", "sign", "sign_word"}),
    "COMPARE": frozenset({"two"}),
    "CORRECT": _THINGS,
    "REPORT": frozenset({"write", "report"}),
}
_BARRED: dict[Intent, frozenset[str]] = {
    "CORRECT": frozenset({"question", "asker", "mark", "presence"}),
    "HELP": frozenset({"target", "sign"}),
    "WHY": frozenset({"presence"}),
}


def weigh(features: frozenset[str], hints: tuple[Hit, ...], default: GrammarRule | None) -> tuple[Intent, str] | None:
    """Return the intent that the hints speak for and the sum that says so; None when they do not outweigh `default`.

    Parameters
    ----------
    features
        Features of the question.
    hints
        Words that lean towards an intent.
    default
        The default rule that would decide else.
    """
    weights: Counter[Intent] = Counter()
    words: dict[Intent, list[str]] = {}
    for hit in hints:
        for intent in get_args(Intent):
            meant: Intent = "WHY_NOT" if intent == "WHY" and "negated" in features else intent
            if intent in hit.values and _possible(meant, features):
                weights[meant] += 1
                words.setdefault(meant, []).append(hit.text)
    if not weights:
        return None
    order = get_args(Intent)
    best = min(weights, key=lambda i: (-weights[i], order.index(i)))
    if HINT * weights[best] <= _weight(default, features):
        return None
    return best, f"hints {best}: {', '.join(words[best])}"


def _possible(intent: Intent, features: frozenset[str]) -> bool:
    needed = _NEEDED.get(intent)
    return (needed is None or bool(needed & features)) and not _BARRED.get(intent, frozenset()) & features


def _weight(default: GrammarRule | None, features: frozenset[str]) -> float:
    """The more a default rule rests on, the heavier: a word that asks whether something is there counts most."""
    if default is None:
        return 0.0
    return 1.0 + (1.5 * ("presence" in features) if default.intent == "SCREEN" else 0.0)
