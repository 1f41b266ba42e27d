"""What an answer is made of: the question with everything known about the film, and the growing text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from whyray.dialogue.context import Context
from whyray.dialogue.phrases import Phrases, Words
from whyray.dialogue.understand import Parse
from whyray.domain import (
    Bilingual,
    DiagnosisDefinition,
    Evidence,
    Fact,
    Finding,
    Notice,
    Observations,
    Pack,
    Query,
    Region,
    Sentence,
    SignDefinition,
    SignObservation,
)

# Reason of a sign that the doctor struck out: a word of the pack's templates.
REJECTED = "rejected"

FactKind = Literal["attribute", "distance", "row", "place", "change", "difference", "correction"]


@dataclass(frozen=True, eq=False, slots=True)
class Place:
    """A place spoken of, proposed as an anchor.

    ``sign`` is the sign id whose mask `region` is, if any; ``id`` is what the answer calls it: the id of its anchor, or
    of the one that it is to have. Empty outside of a conversation.
    """

    label: Bilingual
    region: Region
    sign: str | None = None
    id: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class Answer:
    """The reply to one question.

    Attributes
    ----------
    sentences
        In the query's language; each that states a sign carries the ids of its evidence or facts.
    items
        The evidence spoken of, in order.
    anchors
        The places of the signs spoken of, each sign once; not those of facts about an anchor.
    facts
        What else is stated, ``F1``, ``F2``, ... in order.
    """

    sentences: tuple[Sentence, ...]
    items: tuple[Evidence, ...] = ()
    anchors: tuple[Place, ...] = ()
    facts: tuple[Fact, ...] = ()

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
    context: Context = field(default_factory=Context)

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

    def seen(self, sign_id: str, anchor_id: str | None = None) -> SignObservation | None:
        """Return a sign as the closer look at an anchor saw it when that could tell, else as the film shows it.

        Without an anchor the film comes first, then any closer look. A sign that the doctor struck out is given as not
        looked for.
        """
        if sign_id in self.context.rejected:
            return SignObservation(sign_id, False, 0.0, reason=REJECTED)
        looks = self.context.looks.values() if anchor_id is None else filter(None, (self.context.looks.get(anchor_id),))
        closer = [s for look in looks for s in look.signs if s.id == sign_id]
        film = self.observations.sign(sign_id)
        if film is not None and film.ran and anchor_id is None:
            return film
        told = [s for s in closer if s.ran] or ([film] if film is not None and film.ran else [])
        return next(iter((*told, *closer)), film)

    def limit(self, sign: SignDefinition, p: Phrases) -> str:
        """What of a sign's significance does not hold on a film of this view; empty when all of it does."""
        said = sign.on_view.get(self.observations.view)
        return p.inside(said) if said is not None else ""

    def examples(self) -> tuple[str, str]:
        """Return two diagnosis names for suggested questions: those asked about, those found, then the pack's first."""
        asked = [d for i in self.parse.reading.diagnoses if (d := self.pack.diagnosis(i)) is not None]
        likely = sorted(self.findings, key=lambda f: (f.verdict != "supported", -f.probability))
        found = [self.diagnosis(f) for f in likely if f.verdict != "not_supported"]
        known = [d for d in (*asked, *found, *self.pack.diagnoses) if not d.normal]
        names = list(dict.fromkeys(self.phrases.diagnosis(d) for d in known))
        return (names[0], names[min(1, len(names) - 1)]) if names else ("", "")


@dataclass(slots=True)
class Draft:
    """Sentences, evidence and facts so far; `film` holds the question that is being answered.

    ``asked`` are the diagnosis ids that any question of the same text asks about,
    ``told`` are the evidence ids whose reasons were given in full, ``grounded`` those whose ratio and source were,
    ``earlier`` the sentences of the questions before, ``meant`` the (anchor, sign) pairs whose meaning was said,
    ``places`` the places spoken of so far, by sign.
    """

    film: Film
    asked: frozenset[str] = frozenset()
    sentences: list[Sentence] = field(default_factory=list)
    spoken: dict[str, tuple[Finding, Evidence]] = field(default_factory=dict)
    facts: list[Fact] = field(default_factory=list)
    told: set[str] = field(default_factory=set)
    grounded: set[str] = field(default_factory=set)
    earlier: set[Sentence] = field(default_factory=set)
    meant: set[tuple[str, str]] = field(default_factory=set)
    places: dict[str, Place] = field(default_factory=dict)

    def turn_to(self, film: Film) -> None:
        """Go on with the next question; what was said already is not said again."""
        self.earlier.update(self.sentences)
        self.film = film

    def put(self, sentence: Sentence) -> None:
        """Add a sentence unless an earlier question was answered with the same one; headings may return."""
        if sentence not in self.earlier or sentence.text.endswith((":", "：")):
            self.sentences.append(sentence)

    def say(self, key: str, evidence: tuple[Evidence, ...] = (), **values: object) -> None:
        """Add the sentence of template `key`."""
        self.put(self.film.phrases.sentence(key, (e.id for e in evidence), **values))

    def add(self, text: str, finding: Finding, evidence: tuple[Evidence, ...]) -> None:
        """Add a sentence that speaks of `evidence` of `finding`."""
        self.put(self.film.phrases.closed(text, (e.id for e in evidence)))
        self.cite(finding, evidence)

    def cite(self, finding: Finding, evidence: tuple[Evidence, ...]) -> None:
        """Remember evidence as spoken of."""
        for item in evidence:
            self.spoken.setdefault(item.id, (finding, item))
            if item.region is not None and item.sign not in self.places:
                self._propose(item.sign, self._label(finding, item), item.region)

    def note(self, kind: FactKind, name: Words, text: Words, **more: Any) -> Fact:
        """Keep a fact without a sentence of its own; `more` are further fields of `Fact`."""
        phrases = self.film.phrases
        fact = Fact(f"F{len(self.facts) + 1}", kind, phrases.both(name), phrases.both(text), **more)
        self.facts.append(fact)
        observed = self.film.observations.sign(fact.sign) if fact.sign is not None else None
        if fact.region is not None and fact.anchor is None and observed is not None and observed.id not in self.places:
            self._propose(observed.id, label_of(observed, self.film.pack), fact.region)
        return fact

    def state(
        self,
        kind: FactKind,
        name: Words,
        text: Words,
        *,
        line: Words | None = None,
        cited: Iterable[str] = (),
        **more: Any,
    ) -> Fact:
        """Keep a fact and say it: `line`, or `text` alone; `cited` are further evidence or fact ids of the sentence."""
        fact = self.note(kind, name, text, **more)
        self.put(self.film.phrases.closed((line or text)(self.film.phrases), (fact.id, *cited)))
        return fact

    def answer(self) -> Answer:
        """Return the finished reply."""
        items = tuple(item for _, item in self.spoken.values())
        return Answer(tuple(self.sentences), items, tuple(self.places.values()), tuple(self.facts))

    def called(self, item: Evidence) -> str:
        """Id of the anchor of an evidence spoken of, made or to be made; empty where there is none."""
        place = self.places.get(item.sign)
        return place.id if place is not None and item.region is not None else ""

    def _propose(self, sign: str, label: Bilingual, region: Region) -> None:
        """Remember a place under the name of its anchor, else under the next name that the conversation gives."""
        context = self.film.context
        known = next((a.id for a in context.anchors if a.sign == sign and a.region.same(region)), "")
        if not known and context.made is not None:
            taken = {a.id for a in context.anchors}
            known = f"A{context.made + sum(p.id not in taken for p in self.places.values()) + 1}"
        self.places[sign] = Place(label, region, sign, known)

    def _label(self, finding: Finding, item: Evidence) -> Bilingual:
        return self.film.phrases.both(lambda p: self._label_in(p, finding, item))

    def _label_in(self, phrases: Phrases, finding: Finding, item: Evidence) -> str:
        sign = self.film.pack.sign(item.sign)
        if sign is None or sign.learned:
            label = phrases.fill("anchor.learned", name=phrases.text(self.film.diagnosis(finding).name))
        elif place := phrases.text(item.location):
            label = phrases.fill("anchor.place", sign=phrases.text(sign.name), place=place)
        else:
            label = phrases.fill("anchor", sign=phrases.text(sign.name))
        return label


def label_of(observed: SignObservation, pack: Pack) -> Bilingual:
    """Label of the anchor of a sign that is seen: its name and its zones."""
    sign = pack.sign(observed.id)

    def label(phrases: Phrases) -> str:
        name = phrases.text(sign.name) if sign is not None else ""
        place = phrases.zones(observed.zones)
        return phrases.fill("anchor.place" if place else "anchor", sign=name, place=place)

    return Phrases(pack, "en").both(label)
