"""``understand``: a question in Chinese or English -> `Query`, without a model, the same every time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast, get_args

from whyray.dialogue.grammar import Reading, fire, interpret, rules_of
from whyray.dialogue.lexicon import Hit, Lexicon
from whyray.dialogue.normalise import detect_lang, han_count, latin_words
from whyray.domain import Intent, Lang, Pack, Query, Session

_ASKING = frozenset({"why", "negation", "exclude", "presence", "locate", "measure", "compare", "help", "basis"})
_TARGETED: tuple[Intent, ...] = ("WHY", "WHY_NOT")


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
        The grammar line that fired; empty when none did.
    """

    text: str
    lang: Lang
    hits: tuple[Hit, ...]
    corrections: tuple[tuple[str, str], ...]
    reading: Reading
    rule: str
    intent: Intent

    @property
    def targets(self) -> tuple[str, ...]:
        """Diagnosis ids named; none when the question is outside the reader's scope."""
        return () if self.intent in ("OUT_OF_SCOPE", "HELP", "COMPARE") else self.reading.diagnoses


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
    scan = Lexicon.of(pack).scan(text)
    reading = interpret(scan, pack)
    rule = fire(rules_of(pack), reading.features)
    return Parse(
        scan.text,
        _language(scan.text, scan.hits, fallback),
        scan.hits,
        scan.corrections,
        reading,
        rule.source if rule else "",
        rule.intent if rule else "OUT_OF_SCOPE",
    )


def understand(text: str, pack: Pack, session: Session | None = None, lang: Lang | None = None) -> Query:
    """Read a question.

    Parameters
    ----------
    text
        The question as typed.
    pack
        Names, synonyms, terms and grammar.
    session
        The conversation so far: a WHY without a named target means the last target spoken of.
    lang
        Answer in this language instead of the question's own.

    Returns
    -------
    Query
        ``target`` is None when none is named and none can be taken from the session.
    """
    parse = explain_parse(text, pack, fallback=session.lang if session else "en")
    return Query(text, lang or parse.lang, parse.intent, _target(parse, pack, session))


def _target(parse: Parse, pack: Pack, session: Session | None) -> str | None:
    targets = parse.targets
    if parse.intent == "SCREEN":
        targets = tuple(t for t in targets if not _is_normal(t, pack))
    if targets:
        return targets[0]
    if parse.intent not in _TARGETED or parse.reading.unclear or session is None:
        return None
    return next((t.query.target for t in reversed(session.turns) if t.query.target is not None), None)


def _is_normal(diagnosis_id: str, pack: Pack) -> bool:
    diagnosis = pack.diagnosis(diagnosis_id)
    return diagnosis is not None and diagnosis.normal


def _language(text: str, hits: tuple[Hit, ...], fallback: Lang) -> Lang:
    asked = next((lang for h in hits if h.kind == "answer" for lang in get_args(Lang) if lang in h.values), None)
    if asked is not None:
        return cast(Lang, asked)
    cues = [h.lang for h in hits if h.kind == "cue" and _ASKING & set(h.values)]
    return detect_lang(han_count(text), len(latin_words(text)), cues.count("zh"), cues.count("en"), fallback)
