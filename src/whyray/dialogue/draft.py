"""What an answer is made of: the question with everything known about the film, and the growing text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import get_args

from whyray.dialogue.phrases import Phrases
from whyray.dialogue.understand import Parse
from whyray.domain import (
    Bilingual,
    DiagnosisDefinition,
    Evidence,
    Finding,
    Lang,
    Notice,
    Observations,
    Pack,
    Query,
    Region,
    Sentence,
)


@dataclass(frozen=True, eq=False, slots=True)
class Answer:
    """The reply to one question.

    Attributes
    ----------
    sentences
        In the query's language; each that states a sign carries its evidence ids.
    items
        The evidence spoken of, in order.
    anchors
        Proposed (label, region) of the places spoken of.
    """

    sentences: tuple[Sentence, ...]
    items: tuple[Evidence, ...] = ()
    anchors: tuple[tuple[Bilingual, Region], ...] = ()

    @property
    def text(self) -> str:
        """The answer as lines."""
        return "\n".join(s.text for s in self.sentences)


@dataclass(frozen=True, eq=False, slots=True)
class Film:
    """The question and what is known about the film it is asked of; `findings` are in the order to speak of them."""

    query: Query
    parse: Parse
    findings: tuple[Finding, ...]
    observations: Observations
    pack: Pack
    phrases: Phrases
    simulated: bool
    calibrated: bool
    warnings: tuple[Notice, ...]

    @property
    def usable(self) -> bool:
        """Whether the film can be read."""
        return self.observations.quality.usable

    def finding(self, diagnosis_id: str) -> Finding | None:
        """Return the finding of a diagnosis, or None."""
        return next((f for f in self.findings if f.id == diagnosis_id), None)

    def diagnosis(self, finding: Finding) -> DiagnosisDefinition:
        """Return a finding's definition; raises ValueError when the pack is not the one it was read with."""
        found = self.pack.diagnosis(finding.id)
        if found is None:
            raise ValueError(f"finding {finding.id} is not in pack {self.pack.id}")
        return found

    def name(self, finding: Finding) -> str:
        """Return the name of a finding's diagnosis inside a sentence."""
        return self.phrases.diagnosis(self.diagnosis(finding))

    def key(self, key: str, finding: Finding) -> str:
        """Return the template key, in its form for the normal study where the pack has one."""
        special = f"{key}.normal"
        return special if self.diagnosis(finding).normal and self.phrases.has(special) else key

    def examples(self) -> tuple[str, str]:
        """Return two diagnosis names for suggested questions: those asked about, then the pack's first."""
        asked = [d for i in self.parse.reading.diagnoses if (d := self.pack.diagnosis(i)) is not None]
        known = [d for d in (*asked, *self.pack.diagnoses) if not d.normal]
        names = list(dict.fromkeys(self.phrases.diagnosis(d) for d in known))
        return (names[0], names[min(1, len(names) - 1)]) if names else ("", "")


@dataclass(slots=True)
class Draft:
    """Sentences and evidence so far."""

    film: Film
    sentences: list[Sentence] = field(default_factory=list)
    spoken: dict[str, tuple[Finding, Evidence]] = field(default_factory=dict)

    def say(self, key: str, evidence: tuple[Evidence, ...] = (), **values: object) -> None:
        """Add the sentence of template `key`."""
        self.sentences.append(self.film.phrases.sentence(key, (e.id for e in evidence), **values))

    def add(self, text: str, finding: Finding, evidence: tuple[Evidence, ...]) -> None:
        """Add a sentence that speaks of `evidence` of `finding`."""
        self.sentences.append(self.film.phrases.closed(text, (e.id for e in evidence)))
        self.cite(finding, evidence)

    def cite(self, finding: Finding, evidence: tuple[Evidence, ...]) -> None:
        """Remember evidence as spoken of."""
        for item in evidence:
            self.spoken.setdefault(item.id, (finding, item))

    def answer(self) -> Answer:
        """Return the finished reply."""
        items = tuple(item for _, item in self.spoken.values())
        anchors = tuple(
            (self._label(finding, item), item.region)
            for finding, item in self.spoken.values()
            if item.region is not None
        )
        return Answer(tuple(self.sentences), items, anchors)

    def _label(self, finding: Finding, item: Evidence) -> Bilingual:
        return Bilingual(*(self._label_in(Phrases(self.film.pack, lang), finding, item) for lang in get_args(Lang)))

    def _label_in(self, phrases: Phrases, finding: Finding, item: Evidence) -> str:
        sign = self.film.pack.sign(item.sign)
        if sign is None or sign.learned:
            label = phrases.fill("anchor.learned", name=phrases.text(self.film.diagnosis(finding).name))
        elif place := phrases.text(item.location):
            label = phrases.fill("anchor.place", sign=phrases.text(sign.name), place=place)
        else:
            label = phrases.fill("anchor", sign=phrases.text(sign.name))
        return label
