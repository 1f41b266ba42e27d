"""Proof that a text says no more than the film carries, and the same in both languages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

from whyray.dialogue.claims import Claim, Cues, claims
from whyray.domain import Bilingual, Evidence, Fact, Lang, Observations, Pack, Sentence, StructuredReport

Fault = Literal["UNCITED", "NO_MASK", "NOT_ON_FILM", "NOT_LOOKED_FOR", "ID_UNKNOWN", "NAMES_DIFFER", "NUMBERS_DIFFER"]
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Problem:
    """A sentence that says more than it may.

    Attributes
    ----------
    code
        ``UNCITED``: it states a sign as seen and cites no evidence or fact of that sign. ``NO_MASK``: what it cites
        has no region. ``NOT_ON_FILM``: the film as observed does not show the sign. ``NOT_LOOKED_FOR``: it says that
        a sign is absent which was not looked for. ``ID_UNKNOWN``: it cites an id that is not there.
        ``NAMES_DIFFER``, ``NUMBERS_DIFFER``: Chinese and English do not say the same.
    what
        The words, ids or numbers in question.
    """

    code: Fault
    sentence: str
    what: str


def check_text(
    sentences: Iterable[Sentence],
    items: Iterable[Evidence | Fact],
    observations: Observations,
    pack: Pack,
    lang: Lang,
) -> list[Problem]:
    """Check that every sign stated as seen has a mask, and every sign stated as absent was looked for.

    Parameters
    ----------
    sentences
        Of an answer or report, in `lang`.
    items
        Evidence and facts that they may cite.
    observations
        What the film showed, without the signs that the doctor struck out.
    pack
        The words.

    Returns
    -------
    list of Problem
        Empty when the text keeps to the film.
    """
    known, cues = {item.id: item for item in items}, Cues.of(pack, lang)
    return [problem for sentence in sentences for problem in _check_one(sentence, known, observations, cues)]


def check_report(
    report: StructuredReport, items: Iterable[Evidence | Fact], observations: Observations, pack: Pack
) -> list[Problem]:
    """Check a report in both languages; sentences that a doctor changed rest on the doctor's word."""
    own = [s for section in report.sections for s in section.sentences if s.edit is None]
    known = tuple(items)
    return [
        problem
        for lang in get_args(Lang)
        for problem in check_text(
            (Sentence(s.text.get(lang), s.evidence) for s in own), known, observations, pack, lang
        )
    ] + same_facts(report, pack)


def same_facts(report: StructuredReport, pack: Pack) -> list[Problem]:
    """Check that both languages of each sentence name the same signs, diagnoses, zones and numbers."""
    return same_words((s.text for section in report.sections for s in section.sentences), pack)


def same_words(texts: Iterable[Bilingual], pack: Pack) -> list[Problem]:
    """Check texts: the same signs, diagnoses and zones in both languages, and the same numbers equally often.

    A remark (advice, the meaning of a sign, a source) states nothing about the film and is not compared: its two
    languages are written freely.
    """
    zh, en = Cues.of(pack, "zh"), Cues.of(pack, "en")
    problems: list[Problem] = []
    for text in texts:
        plain = zh.without_remark(zh.plain(text.zh)), en.without_remark(en.plain(text.en))
        named = _named(plain[0], zh), _named(plain[1], en)
        alone = {
            "|".join(ids)
            for own, other in (named, named[::-1])
            for ids in own
            if not any(set(ids) & set(others) for others in other)
        }
        numbers = Counter(_NUMBER.findall(plain[0])), Counter(_NUMBER.findall(plain[1]))
        odd = ((numbers[0] - numbers[1]) + (numbers[1] - numbers[0])).elements()
        for code, what in (("NAMES_DIFFER", sorted(alone)), ("NUMBERS_DIFFER", sorted(odd))):
            if what:
                problems.append(Problem(cast(Fault, code), f"{text.zh} / {text.en}", ", ".join(what)))
    return problems


def _named(plain: str, cues: Cues) -> list[tuple[str, ...]]:
    """Ids of every sign, diagnosis and zone named in a normalised text; zones with one name are written out."""
    zones = (h for h in cues.match(cues.written_out(plain)) if h.kind == "zone")
    return [h.values for h in (*cues.names(plain), *cues.sideless(plain)[1], *zones)]


def _check_one(
    sentence: Sentence, known: Mapping[str, Evidence | Fact], observations: Observations, cues: Cues
) -> list[Problem]:
    problems = [Problem("ID_UNKNOWN", sentence.text, i) for i in sentence.evidence if i not in known]
    cited = [known[i] for i in sentence.evidence if i in known]
    for claim in claims(sentence.text, cues):
        fault: Fault | None = None
        if claim.mode == "seen":
            fault = _unproved(claim, cited, observations)
        elif claim.mode == "absent" and not _looked_for(claim, cited, observations):
            fault = "NOT_LOOKED_FOR"
        if fault is not None:
            problems.append(Problem(fault, sentence.text, claim.words))
    return problems


def _unproved(claim: Claim, cited: list[Evidence | Fact], observations: Observations) -> Fault | None:
    """Why a sign stated as seen is not proved; None when it is."""
    own = [item for item in cited if item.sign in claim.signs]
    if not own:
        return "UNCITED"
    masked = [item for item in own if item.region is not None]
    if not masked:
        return "NO_MASK"
    if any(isinstance(item, Fact) for item in masked):
        return None
    seen = (observations.sign(item.sign) for item in masked if item.sign is not None)
    return None if any(sign is not None and sign.region is not None for sign in seen) else "NOT_ON_FILM"


def _looked_for(claim: Claim, cited: list[Evidence | Fact], observations: Observations) -> bool:
    """Tell whether the sign was looked for: at first look, or at the closer look that a cited fact tells of."""
    if any(isinstance(item, Fact) for item in cited):
        return True
    return any((seen := observations.sign(sign)) is not None and seen.ran for sign in claim.signs)
