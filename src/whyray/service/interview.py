"""One question about one film: what must be measured for it, and the turn that answers it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Protocol, get_args

from whyray import dialogue, perception, reasoning
from whyray.domain import (
    Anchor,
    ArgumentError,
    Bilingual,
    Change,
    Correction,
    Figure,
    Finding,
    Lang,
    Look,
    Query,
    Region,
    Relation,
    Sentence,
    Session,
    SignObservation,
    Ticked,
    Turn,
    Verdict,
)
from whyray.service.reading import Reading

VERDICTS = get_args(Verdict)
REASONED = ("WHY", "WHY_NOT")
ON_LESION = ("DESCRIBE", "MEASURE", "CHECKLIST", "LOCATE")
LESIONS = (("shape", "round"), ("kind", "area"))  # morphology of what "this shadow" means, the likelier first
RESTORE = "restore"  # aspect of a correction that takes an earlier one back


class Tester(Protocol):
    """Erases each carrying region of a finding and reads again, without the signs that were struck out."""

    def __call__(self, finding: Finding, reading: Reading, rejected: frozenset[str]) -> Finding:
        """The finding with its tests."""


@dataclass(frozen=True, eq=False, slots=True)
class Interview:
    """A film with the conversation about it so far.

    Attributes
    ----------
    session
        The conversation.
    reading
        The film, read.
    prior
        The earlier film, read.
    test
        The counterfactual test.
    looks
        Closer looks done already, by anchor id; new ones are added.
    report
        Sentences of the structured report, given findings and language.
    """

    session: Session
    reading: Reading
    prior: Reading | None
    test: Tester
    looks: dict[str, Look]
    report: Callable[[tuple[Finding, ...], frozenset[str], Lang], tuple[Sentence, ...]]

    def answer(self, text: str, lang: Lang | None) -> Turn:
        """The turn that answers `text`; it is not stored yet.

        Raises
        ------
        ArgumentError
            ANCHOR_UNKNOWN or ANCHOR_STALE.
        """
        started = perf_counter()
        query, offered = self._understood(text, lang)
        for part in () if offered else (query, *query.parts):
            self._refuse_strangers(part)
        said = self._correction(query, offered)
        query, made = self._seen_by_all(text, lang, *self._placed(query, self._rejected(said), offered))
        said = said or next((c for q in (query, *query.parts) if (c := self._correction(q, made))), None)
        correction, rejected = said, self._rejected(said)
        findings = self.reading.concluded(rejected)
        query = self._resolved(query, findings)
        tested = perf_counter()
        findings = self._tested(query, findings, rejected)
        looked = perf_counter()
        context = self._context(query, made, findings, rejected, correction)
        measured = perf_counter()
        answer = self.compose(query, findings, rejected, context)
        anchors = (*made, *self._proposed(answer, made))
        return Turn(
            session=self.session.id,
            turn=len(self.session.turns) + 1,
            query=query,
            sentences=answer.sentences,
            items=answer.items,
            anchors=anchors,
            facts=answer.facts,
            correction=correction,
            timing_ms={
                "counterfactual": 1000 * (looked - tested),
                "closer_look": 1000 * (measured - looked),
                "total": 1000 * (perf_counter() - started),
            },
        )

    def compose(
        self, query: Query, findings: tuple[Finding, ...], rejected: frozenset[str], context: dialogue.Context
    ) -> dialogue.Answer:
        """The words of an answer."""
        return dialogue.compose(
            query,
            reasoning.rank(findings, self.reading.pack).spoken,
            reasoning.strike(self.reading.observations, rejected),
            self.reading.pack,
            simulated=self.reading.image.simulated,
            calibrated=self.reading.image.geometry.calibrated,
            warnings=self.reading.image.warnings,
            context=context,
        )

    def drawn(self, region: Region, label: Bilingual) -> Turn:
        """The turn in which the user draws a place on the film."""
        anchor = self._anchor(0, label, region, (), None)
        query = Query("", self.session.lang, "LOCATE", anchors=(anchor.id,))
        context = self._context(query, (anchor,), self.reading.findings, self.session.rejected, None)
        answer = self.compose(query, self.reading.concluded(self.session.rejected), self.session.rejected, context)
        return Turn(
            session=self.session.id,
            turn=len(self.session.turns) + 1,
            query=query,
            sentences=answer.sentences,
            items=answer.items,
            anchors=(anchor,),
            facts=answer.facts,
        )

    def _anchor(
        self, after: int, label: Bilingual, region: Region, parents: tuple[str, ...], sign: str | None
    ) -> Anchor:
        number = len(self.session.made) + after + 1
        turn = len(self.session.turns) + 1
        return Anchor(f"A{number}", label, region, parents, turn, sign, self.session.image_sha256)

    def _proposed(self, answer: dialogue.Answer, made: tuple[Anchor, ...]) -> Iterator[Anchor]:
        """Anchors of the places that the answer speaks of and that have none yet, called as it calls them."""
        known = {a.id for a in (*self.session.anchors, *made)}
        turn = len(self.session.turns) + 1
        for place in answer.anchors:
            if place.id not in known:
                yield Anchor(place.id, place.label, place.region, (), turn, place.sign, self.session.image_sha256)

    def _refuse_strangers(self, query: Query) -> None:
        """Refuses an anchor that was never made, or that lies on another film."""
        live = {a.id for a in self.session.anchors}
        known = {a.id for a in self.session.made}
        wrong = next((a for a in query.anchors if a not in live), None)
        if wrong is None:
            return
        names = "、".join(sorted(live)), ", ".join(sorted(live))
        hint = Bilingual(f"现有标记：{names[0]}。", f"There are {names[1]}.") if live else Bilingual(
            "本片尚无标记；请先提问或在片上框选。", "This film has none yet; ask first, or draw a box on it."
        )  # fmt: skip
        if wrong in known:
            raise ArgumentError(
                "ANCHOR_STALE",
                Bilingual(f"标记 {wrong} 属于前一张影像。", f"The anchor {wrong} lies on an earlier film."),
                hint,
            )
        raise ArgumentError(
            "ANCHOR_UNKNOWN",
            Bilingual(f"没有标记 {wrong}。", f"There is no anchor {wrong}."),
            hint,
        )

    def _correction(self, query: Query, made: tuple[Anchor, ...]) -> Correction | None:
        """The doctor's word: about the sign named, that of the anchor, or the one that carries the disease named.

        The anchor may be one that was `made` for another question of the same text.
        """
        if query.intent != "CORRECT":
            return None
        restoring = RESTORE in query.aspects
        struck = self.session.rejected
        pool = struck if restoring else frozenset(s.id for s in self._shown() if s.id not in struck)
        anchors = [a for a in (*self.session.anchors, *made) if a.id in query.anchors and a.sign in pool]
        named = [s for s in query.signs if s in pool] or [a.sign for a in anchors if a.sign is not None]
        if not query.anchors:  # a place that no named sign carries, as a learned pattern's, is not another's
            named = named or [s for s in self._carrying(query.target) if s in pool]
        if not named and restoring and len(struck) == 1 and not (query.signs or query.anchors or query.target):
            named = list(struck)
        if not named:
            return None
        lies = next((a.id for a in anchors if a.sign == named[0]), None)
        return Correction(named[0], not restoring, lies, query.text)

    def _shown(self) -> Iterator[SignObservation]:
        """Named signs that a mask carries."""
        learned = {s.id for s in self.reading.pack.signs if s.learned}
        return (s for s in self.reading.observations.signs if s.region is not None and s.id not in learned)

    def _carrying(self, target: str | None) -> list[str]:
        """Signs that speak for a diagnosis, the heaviest first; also those that were struck out."""
        finding = self.reading.finding(target)
        return [] if finding is None else [e.sign for e in finding.evidence if e.polarity == "for"]

    def _rejected(self, correction: Correction | None) -> frozenset[str]:
        before = self.session.rejected
        if correction is None:
            return before
        return before | {correction.sign} if correction.rejected else before - {correction.sign}

    def _resolved(self, query: Query, findings: tuple[Finding, ...]) -> Query:
        """Fills in the conclusion that a screening names first when a question for reasons names none."""
        parts = tuple(self._resolved(p, findings) for p in query.parts)
        query = replace(query, parts=parts)
        if query.intent not in REASONED or query.target is not None:
            return query
        pack = self.reading.pack
        headed = {d.id for d in pack.diagnoses if d.head is not None and not d.normal}
        normal = {d.id for d in pack.diagnoses if d.normal}
        spoken = reasoning.rank(findings, pack).spoken
        leading = (f for f in spoken if f.id in headed or f.verdict != "not_supported")
        first = min((f for f in leading if f.id not in normal), key=lambda f: VERDICTS.index(f.verdict))
        return replace(query, target=first.id, targets=(first.id,))

    def _understood(self, text: str, lang: Lang | None) -> tuple[Query, tuple[Anchor, ...]]:
        """The question, and the anchors that it needs where none were made yet.

        Whoever opens with "is its margin smooth?" points at what the film shows: its lesions, as if they had been told.
        """
        pack = self.reading.pack
        query = dialogue.understand(text, pack, self.session, lang)
        said = (query, *query.parts)
        named = any(q.anchors or q.choices or q.signs or q.target or self._asks_figures(q) for q in said)
        if self.session.anchors or named or any(q.intent not in ON_LESION for q in said):
            return query, ()
        offered = tuple(self._offered())
        again = self._knowing(offered, text, lang, query)
        return (query, ()) if again is None else (again, offered)

    def _knowing(self, anchors: tuple[Anchor, ...], text: str, lang: Lang | None, query: Query) -> Query | None:
        """The question read again as if `anchors` had been told before; None when that makes it another one."""
        told = Turn(self.session.id, 0, Query("", self.session.lang, "SCREEN"), (), (), anchors)
        session = replace(self.session, turns=(told, *self.session.turns))
        again = dialogue.understand(text, self.reading.pack, session, lang)
        asked = (again, *again.parts)
        alike = [q.intent for q in asked] == [q.intent for q in (query, *query.parts)]
        return again if alike and any(q.anchors or q.choices for q in asked) else None

    def _seen_by_all(
        self, text: str, lang: Lang | None, query: Query, made: tuple[Anchor, ...]
    ) -> tuple[Query, tuple[Anchor, ...]]:
        """A text of several questions, each of which may point at the anchors that another one made.

        "Where is the nodule? That is a vessel" strikes out the nodule.
        """
        pointing = (q for q in query.parts if q.intent in (*ON_LESION, "CORRECT"))
        if not made or all(q.anchors or q.choices for q in pointing):
            return query, made
        again = self._knowing(made, text, lang, query)
        return (query, made) if again is None else self._placed(again, self.session.rejected, made)

    def _asks_figures(self, query: Query) -> bool:
        """Whether a figure of the whole film is asked for."""
        return any(figure.asked in query.aspects for figure in self.reading.pack.figures.values() if figure.asked)

    def _offered(self) -> Iterator[Anchor]:
        """Anchors of the round lesions that are seen, or of the opacities where none is."""
        pack = self.reading.pack
        forms = {s.id: s.morphology for s in pack.signs if s.morphology is not None}
        shown = [s for s in self._shown() if s.id in forms and s.id not in self.session.rejected]
        groups = ([s for s in shown if getattr(forms[s.id], name) == value] for name, value in LESIONS)
        for number, sign in enumerate(next((group for group in groups if group), [])):
            if sign.region is not None:
                yield self._anchor(number, dialogue.label_of(sign, pack), sign.region, (), sign.id)

    def _placed(
        self, query: Query, rejected: frozenset[str], offered: tuple[Anchor, ...]
    ) -> tuple[Query, tuple[Anchor, ...]]:
        """Makes the anchors that a question about a lesion needs beside those `offered`.

        Merged ones, and signs named but not yet anchored.
        """
        made = list(offered)
        parts = [self._with_place(part, rejected, made) for part in (query, *query.parts)]
        return replace(parts[0], parts=tuple(parts[1:])), tuple(made)

    def _with_place(self, query: Query, rejected: frozenset[str], made: list[Anchor]) -> Query:
        if query.intent == "CHECKLIST" and query.target is not None and not self._of_a_lesion(query.target):
            return replace(query, anchors=(), choices=())
        if query.intent not in ON_LESION or query.choices:
            return query
        if len(query.anchors) > 1 and query.merged:
            parents = [a for a in self.session.anchors if a.id in query.anchors]
            union = Region.union([a.region for a in parents])
            label = Bilingual(*(" + ".join(a.label.get(lang) for a in parents) for lang in get_args(Lang)))
            made.append(self._anchor(len(made), label, union, tuple(a.id for a in parents), None))
            return replace(query, anchors=(made[-1].id,))
        anchored = {a.sign: a.id for a in (*self.session.anchors, *made)}
        shown = {s.id: s for s in self._shown() if s.id not in rejected}
        named = [s for s in self._named(query) if s in shown]
        if query.anchors and (not named or self._meant(query, named, made)):
            return query
        ids = []
        for sign in named:
            if sign not in anchored:
                region = shown[sign].region
                assert region is not None
                label = dialogue.label_of(shown[sign], self.reading.pack)
                made.append(self._anchor(len(made), label, region, (), sign))
                anchored[sign] = made[-1].id
            ids.append(anchored[sign])
        return replace(query, anchors=tuple(ids))

    def _meant(self, query: Query, named: list[str], made: list[Anchor]) -> bool:
        """Whether the anchors of a question are what it names: one is of a sign named, or their ids are written out.

        "This nodule" is not the mass spoken of before where a nodule is seen.
        """
        chosen = [a for a in (*self.session.anchors, *made) if a.id in query.anchors]
        return any(a.sign in named or a.sign is None or a.id in query.text.upper() for a in chosen)

    def _named(self, query: Query) -> list[str]:
        """Signs that a question names; without any, the core signs of the diagnoses it names (one that is seen)."""
        if query.signs:
            return list(query.signs)
        if query.intent == "CHECKLIST" and not self._of_a_lesion(query.target):
            return []
        named = (self.reading.pack.diagnosis(t) for t in dict.fromkeys((query.target, *query.targets)) if t)
        core = [s for d in named if d is not None for s in d.core_signs]
        seen = {s.id for s in self._shown()}
        return [s for s in core if s in seen][:1]

    def _of_a_lesion(self, target: str | None) -> bool:
        """Whether a checklist is about one lesion: some row of it takes a closer look."""
        diagnosis = self.reading.pack.diagnosis(target or "")
        rows = () if diagnosis is None else diagnosis.checklist
        named = {sign for row in rows for sign in reasoning.signs_of(row.when)}
        found = (s.detector for s in self.reading.pack.signs if s.id in named and s.detector is not None)
        return any(detector.kind == perception.CLOSER for detector in found)

    def _tested(self, query: Query, findings: tuple[Finding, ...], rejected: frozenset[str]) -> tuple[Finding, ...]:
        """Findings with the counterfactual test done on what carries the conclusions asked for.

        A screening heeds the tests of the questions before it: what failed there is no reason here.
        """
        now = (query, *query.parts)
        told = (t.query for t in self.session.turns if t.film in ("", self.session.image_sha256))
        earlier = (p for q in told for p in (q, *q.parts)) if any(q.intent == "SCREEN" for q in now) else ()
        asked = {q.target for q in (*now, *earlier) if q.intent in REASONED}
        return tuple(self.test(f, self.reading, rejected) if f.id in asked else f for f in findings)

    def _context(
        self,
        query: Query,
        made: tuple[Anchor, ...],
        findings: tuple[Finding, ...],
        rejected: frozenset[str],
        correction: Correction | None,
    ) -> dialogue.Context:
        """Everything that the answer needs beside the findings, measured now."""
        queries = (query, *query.parts)
        anchors = (*self.session.anchors, *made)
        comparing = any(q.intent == "COMPARE" and len(q.targets) < 2 for q in queries)
        reporting = any(q.intent == "REPORT" for q in queries)
        return dialogue.Context(
            anchors=anchors,
            made=len(self.session.made) + len(made),
            looks=self._looks(queries, anchors),
            relations=self._relations(queries, anchors),
            figures=self._figures(queries),
            ticked=self._ticked(queries, anchors, rejected),
            rejected=rejected,
            changes=self._changes() if comparing else None,
            correction=correction,
            before=self.reading.concluded(self.session.rejected) if correction is not None else (),
            topic=next((t.query.target for t in reversed(self.session.turns) if t.query.target is not None), None),
            opening=not any(t.film == self.session.image_sha256 for t in self.session.turns),
            report_sentences=self.report(findings, rejected, query.lang) if reporting else (),
        )

    def _looks(self, queries: tuple[Query, ...], anchors: tuple[Anchor, ...]) -> Mapping[str, Look]:
        wanted = {a for q in queries if q.intent in ("DESCRIBE", "CHECKLIST", "MEASURE") for a in q.anchors}
        for anchor in anchors:
            if anchor.id in wanted and anchor.id not in self.looks:
                self.looks[anchor.id] = perception.look_closer(
                    self.reading.image, anchor.region, self.reading.observations, self.reading.pack
                )
        return {a: self.looks[a] for a in wanted if a in self.looks}

    def _figures(self, queries: tuple[Query, ...]) -> tuple[Figure, ...]:
        """The pack's figures that questions for numbers ask for, each taken once a film."""
        reading = self.reading
        asked = {aspect for q in queries if q.intent == "MEASURE" for aspect in q.aspects}
        wanted = [i for i, definition in reading.pack.figures.items() if definition.asked and definition.asked in asked]
        new = [i for i in wanted if i not in reading.figures]
        for figure in perception.measure(reading.image, reading.observations, reading.pack, new):
            reading.figures[figure.id] = figure
        return tuple(reading.figures[i] for i in wanted)

    def _relations(self, queries: tuple[Query, ...], anchors: tuple[Anchor, ...]) -> Mapping[str, tuple[Relation, ...]]:
        by_id = {a.id: a for a in anchors}
        found: dict[str, tuple[Relation, ...]] = {}
        for query in queries:
            if query.intent not in ("MEASURE", "LOCATE"):
                continue
            asked = [by_id[a] for a in query.anchors if a in by_id]
            for anchor in asked:
                others = [(self._outline(a), a.id) for a in asked if a.id != anchor.id]
                relations = perception.relations(
                    self.reading.image,
                    self._outline(anchor),
                    self.reading.observations,
                    self.reading.pack,
                    query.places,
                    others,
                )
                found[anchor.id] = (*found.get(anchor.id, ()), *relations)
        return found

    def _outline(self, anchor: Anchor) -> Region:
        """The anchor's outline on full resolution where it was looked at closely, else as it was marked."""
        look = self.looks.get(anchor.id)
        return anchor.region if look is None else look.region

    def _ticked(
        self, queries: tuple[Query, ...], anchors: tuple[Anchor, ...], rejected: frozenset[str]
    ) -> Mapping[str, tuple[Ticked, ...]]:
        by_id = {a.id: a for a in anchors}
        observations = reasoning.strike(self.reading.observations, rejected)
        found = {}
        for query in (q for q in queries if q.intent == "CHECKLIST"):
            lesion = by_id.get(query.anchors[0]) if len(query.anchors) == 1 else None
            look = self.looks.get(lesion.id) if lesion is not None else None
            extra = () if look is None else tuple(s for s in look.signs if s.id not in rejected)
            within = None if lesion is None else lesion.region
            named = (self.reading.pack.diagnosis(t) for t in dict.fromkeys((query.target, *query.targets)) if t)
            for diagnosis in (d for d in named if d is not None):
                found[diagnosis.id] = reasoning.tick(diagnosis, observations, self.reading.pack, extra, within)
        return found

    def _changes(self) -> tuple[Change, ...] | None:
        if self.prior is None:
            return None
        now, before = self.reading, self.prior
        return perception.changes(now.image, now.observations, before.image, before.observations, now.pack)
