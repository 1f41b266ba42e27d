"""``explain_parse``: one text -> lexicon hits, features, the rule that fired and the intent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast, get_args

from whyray.dialogue.grammar import Reading, fire, interpret, rules_of
from whyray.dialogue.lexicon import Hit, Lexicon, Scan
from whyray.dialogue.normalise import detect_lang, han_count, latin_words
from whyray.dialogue.weighing import weigh
from whyray.domain import Intent, Lang, Pack

# A question has so many characters at most; of a longer text only the beginning is read, and it is not answered.
LONGEST = 800
_ASKING = frozenset({"why", "negation", "exclude", "presence", "locate", "measure", "compare", "help", "basis"})
_UNTARGETED: tuple[Intent, ...] = ("OUT_OF_SCOPE", "HELP")


@dataclass(frozen=True, slots=True)
class Parse:
    """How a question was read: for ``--explain-parse`` and for the answer's wording.

    Attributes
    ----------
    text
        Normalised, corrected text.
    hits
        Lexicon entries found, in order.
    corrections
        (typed, understood as) pairs.
    reading
        Features, diagnoses, unclear and unknown words.
    rule
        The grammar line that fired, or the hints that weighed most; empty when none did.
    details
        What the text points to: properties, places, references; they may overlap ``hits``.
    """

    text: str
    lang: Lang
    hits: tuple[Hit, ...]
    corrections: tuple[tuple[str, str], ...]
    reading: Reading
    rule: str
    intent: Intent
    details: tuple[Hit, ...] = ()

    @property
    def targets(self) -> tuple[str, ...]:
        """Diagnosis ids named; none when the question is outside the reader's scope."""
        return () if self.intent in _UNTARGETED else self.reading.diagnoses

    @property
    def scan(self) -> Scan:
        """The hits of both layers."""
        return Scan(self.text, self.hits, self.corrections, self.details)


def explain_parse(text: str, pack: Pack, *, fallback: Lang = "en") -> Parse:
    """Show lexicon hits, features and the rule that fired for `text`.

    Parameters
    ----------
    text
        The question as typed.
    pack
        Names, synonyms, terms and grammar.
    fallback
        Language of the answer when the text has no letters.
    """
    scan = Lexicon.of(pack).scan(text[:LONGEST], heard=True)
    hints = Lexicon.of(pack).lean(scan.text)
    reading = interpret(scan, pack, long=len(text) > LONGEST, hints=hints)
    rule = fire(rules_of(pack), reading.features)
    source, intent = (rule.source, rule.intent) if rule else _leaning(reading, hints, pack)
    return Parse(
        scan.text,
        _language(scan.text, scan.hits, fallback),
        scan.hits,
        scan.corrections,
        reading,
        source,
        intent,
        scan.details,
    )


def _leaning(reading: Reading, hints: tuple[Hit, ...], pack: Pack) -> tuple[str, Intent]:
    """Decide where no rule does: by the words that lean towards an intent, else by the default rules."""
    default = fire(rules_of(pack, "default"), reading.features)
    found = weigh(reading.features, hints, default)
    if found is not None:
        return found[1], found[0]
    return (default.source, default.intent) if default else ("", "OUT_OF_SCOPE")


def _language(text: str, hits: tuple[Hit, ...], fallback: Lang) -> Lang:
    asked = next((lang for h in hits if h.kind == "answer" for lang in get_args(Lang) if lang in h.values), None)
    if asked is not None:
        return cast(Lang, asked)
    cues = [h.lang for h in hits if h.kind == "cue" and _ASKING & set(h.values)]
    return detect_lang(han_count(text), len(latin_words(text)), cues.count("zh"), cues.count("en"), fallback)
