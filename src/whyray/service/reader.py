"""The application service: one method per use case."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np

from whyray import dialogue, explain, imaging, knowledge, perception, reasoning, render, store
from whyray.domain import (
    ArgumentError,
    Bilingual,
    Counterfactual,
    Engine,
    Evidence,
    Finding,
    Image,
    Lang,
    Look,
    Observations,
    Pack,
    Query,
    Region,
    Revision,
    Sentence,
    Session,
    StructuredReport,
    Turn,
    View,
)
from whyray.service.files import write
from whyray.service.interview import Interview
from whyray.service.library import Library
from whyray.service.reading import Reading, Source, Spacing, donors, fusion, reasons, together
from whyray.service.reports import rendered, spoken, written
from whyray.service.settings import Settings

TESTS_KEPT = 64  # counterfactual tests that stay in memory
POINT = 0.02  # radius of a place that the user points at, as a part of the film's longer side
TESTERS = 2  # films without a region that are read at once: while one runs the network another is painted or drawn up


class Reader(Library):
    """Opens, reads and answers. Safe to share between threads; every conversation has its own session id.

    Parameters
    ----------
    settings
        Engine, model folder, packs.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__(settings or Settings())
        self.store = store.MemoryStore()
        self._readings: OrderedDict[tuple[str, str, str], Reading] = OrderedDict()
        self._films: dict[str, Reading] = {}
        self._tested: OrderedDict[tuple[int, str, frozenset[str]], tuple[Reading, Finding]] = OrderedDict()
        self._priors: dict[str, Reading] = {}
        self._looks: dict[str, dict[str, Look]] = {}

    def read(
        self, source: Source, *, name: str | None = None, spacing_mm: Spacing = None, view: View | None = None
    ) -> Reading:
        """Reads one film.

        Parameters
        ----------
        source
            Path or bytes of a DICOM file or picture.
        name
            What to call bytes.
        spacing_mm
            Pixel spacing when the file has none; one number or (row, column).
        view
            Projection when the caller knows it better than the file.

        Raises
        ------
        ImageRefused, ArgumentError, ModelError, PackError
            See ``domain.errors``.
        """
        started = perf_counter()
        image = imaging.load(source, name=name, spacing_mm=spacing_mm)
        image = image if view is None else replace(image, view=view)
        loaded = perf_counter()
        pack = knowledge.choose_pack(self.packs, image)
        engine = self.engine(pack)
        key = (f"{image.sha256}/{image.geometry.spacing_mm}/{image.view}", engine.card.sha256, pack.version)
        with self._lock:
            known = self._readings.get(key)
        if known is not None:
            return known
        observations, findings = self._look(image, pack, engine)
        timing = {"load": 1000 * (loaded - started), **observations.timing_ms}
        timing["total"] = 1000 * (perf_counter() - started)
        reading = Reading(image, pack, engine.card, engine.label, observations, findings, timing)
        with self._lock:
            self._readings[key] = reading
            while len(self._readings) > self.settings.cached_readings:
                self._readings.popitem(last=False)
        return reading

    def open(
        self,
        source: Source,
        *,
        name: str | None = None,
        spacing_mm: Spacing = None,
        view: View | None = None,
        lang: Lang = "zh",
        prior: Source | None = None,
    ) -> Session:
        """Reads one film, and an earlier one to compare it with, and starts a conversation about it."""
        reading = self.read(source, name=name, spacing_mm=spacing_mm, view=view)
        earlier = None if prior is None else self.read(prior)
        session = self.store.create(reading.image.sha256, lang)
        return self._bind(session.id, reading, earlier)

    def reopen(
        self,
        session_id: str,
        source: Source,
        *,
        name: str | None = None,
        spacing_mm: Spacing = None,
        view: View | None = None,
        prior: Source | None = None,
    ) -> Session:
        """Goes on with another film in the same conversation; anchors on the old one are stale from now on.

        Raises
        ------
        ImageRefused, ArgumentError
            As `read`; SESSION_UNKNOWN. The conversation then stays as it was.
        """
        self.store.get(session_id)
        reading = self.read(source, name=name, spacing_mm=spacing_mm, view=view)
        return self._bind(session_id, reading, None if prior is None else self.read(prior))

    def _bind(self, session_id: str, reading: Reading, prior: Reading | None) -> Session:
        with self._lock:
            self._films[session_id] = reading
            self._looks[session_id] = {}
            self._priors.pop(session_id, None)
            if prior is not None:
                self._priors[session_id] = prior
        earlier = None if prior is None else prior.image.sha256
        return self.store.rebind(session_id, reading.image.sha256, earlier)

    def reading(self, session_id: str) -> Reading:
        """The film that a session is about.

        Raises
        ------
        ArgumentError
            SESSION_UNKNOWN.
        """
        self.store.get(session_id)
        return self._films[session_id]

    def ask(self, session_id: str, text: str, *, lang: Lang | None = None) -> Turn:
        """Answers one question about the session's film.

        Parameters
        ----------
        text
            The question, Chinese or English.
        lang
            Language of the answer; None = that of the question.

        Raises
        ------
        ArgumentError
            SESSION_UNKNOWN or QUESTION_EMPTY.
        """
        if not text.strip():
            raise ArgumentError(
                "QUESTION_EMPTY",
                Bilingual("问题是空的。", "The question is empty."),
                Bilingual("例如：为什么判断为肺水肿？", "For example: why edema?"),
            )
        return self.store.append(session_id, self._interview(session_id).answer(text, lang))

    def mark(self, session_id: str, box: tuple[float, float, float, float]) -> Turn:
        """Makes an anchor of a place that the user draws on the film.

        Parameters
        ----------
        box
            (x0, y0, x1, y1) in source pixels; a point when both corners are the same.

        Raises
        ------
        ArgumentError
            SESSION_UNKNOWN, or BOX_OUTSIDE when the box leaves the film.
        """
        interview = self._interview(session_id)
        region = drawn_region(interview.reading, box)
        return self.store.append(session_id, interview.drawn(region, Bilingual("框选区域", "marked area")))

    def _interview(self, session_id: str) -> Interview:
        reading = self.reading(session_id)
        with self._lock:
            prior, looks = self._priors.get(session_id), self._looks.setdefault(session_id, {})
        return Interview(self.store.get(session_id), reading, prior, self.test, looks, partial(spoken, reading))

    def summary(self, reading: Reading, lang: Lang) -> tuple[Sentence, ...]:
        """The screening answer about a film: the text of its report."""
        return self._screened(reading, lang).sentences

    def report_text(self, reading: Reading, lang: Lang) -> str:
        """A reading as terminal text: the impression, then what is seen, each with its leading conclusion first."""
        ranked = reasoning.rank(reading.findings, reading.pack).spoken
        shown = [f for f in ranked if f.verdict != "not_supported"]
        return render.format_report(
            reading.image,
            reading.observations,
            shown,
            reading.pack,
            lang,
            lines=[s.text for s in self.summary(reading, lang)],
        )

    def turn_text(self, turn: Turn) -> str:
        """An answer as terminal text, in the language of its question."""
        return render.format_turn(turn, self.reading(turn.session).pack, turn.query.lang)

    def picture(self, reading: Reading, turn: Turn | None, out: Path) -> Path:
        """Writes the picture of a turn (None = the screening answer) into the folder `out`; returns the file.

        Raises
        ------
        OutputError
            OUTPUT_UNWRITABLE.
        """
        data = self._overview(reading) if turn is None else self._drawn(reading, turn)
        suffix = "read" if turn is None else f"turn{turn.turn}"
        file = out / f"{Path(reading.image.path).stem}-{suffix}.png"
        write(file, data)
        return file

    def svg(self, turn: Turn, *, embed: bool = True) -> str:
        """The picture of a turn for a web page, see ``render.turn_svg``."""
        reading = self.reading(turn.session)
        anchors = self.store.get(turn.session).made
        return render.turn_svg(reading.image, turn, reading.pack, anchors=anchors, embed=embed)

    def revise(self, session_id: str, revision: Revision) -> StructuredReport:
        """The report with one more sentence changed by a doctor; the change stays with the conversation.

        Raises
        ------
        ArgumentError
            SESSION_UNKNOWN, SENTENCE_UNKNOWN, EDIT_EMPTY; nothing is kept then.
        """
        session = self.store.get(session_id)
        report = self._written(session, (*session.revisions, revision))
        self.store.revise(session_id, revision)
        return report

    def report(self, session_id: str, lang: Lang, form: str = "text") -> bytes:
        """The structured report of a conversation's film, with the doctor's corrections and changes.

        Parameters
        ----------
        form
            ``text``, ``markdown``, ``html`` or ``pdf``.

        Raises
        ------
        ArgumentError
            SESSION_UNKNOWN or FORM_UNKNOWN.
        """
        session, reading = self.store.get(session_id), self.reading(session_id)
        report = self._written(session, session.revisions)
        return rendered(report, form, lang, partial(self._overview, reading))

    def _written(self, session: Session, revisions: tuple[Revision, ...]) -> StructuredReport:
        with self._lock:
            prior = self._priors.get(session.id)
        return written(self.reading(session.id), session.rejected, revisions, prior)

    def _overview(self, reading: Reading) -> bytes:
        """PNG of the whole film with what the screening answer speaks of."""
        return render.overlay(
            reading.image,
            render.evidence_layers(self._screened(reading, "zh").items, reading.pack),
            title=Bilingual("读片", "Reading"),
            notes=_notes(reading),
            footer=_footer(reading),
        )

    def _drawn(self, reading: Reading, turn: Turn) -> bytes:
        session = self.store.get(turn.session)
        with self._lock:
            looks, prior = dict(self._looks.get(turn.session, {})), self._priors.get(turn.session)
        earlier = None if prior is None or not any(f.kind == "change" for f in turn.facts) else prior
        return render.turn_picture(
            reading.image,
            turn,
            reading.pack,
            anchors=session.made,
            looks=looks,
            prior=None if earlier is None else render.PriorFilm(earlier.image),
            rejected=session.rejected,
            observations=reading.observations,
            title=Bilingual(turn.query.text, turn.query.text),
            lines=(self._headline(reading, turn),),
            notes=_notes(reading),
            footer=_footer(reading),
        )

    def _look(self, image: Image, pack: Pack, engine: Engine) -> tuple[Observations, tuple[Finding, ...]]:
        observations = perception.observe(image, pack, engine)
        return observations, reasoning.conclude(observations, pack, fusion(pack, engine.card))

    def _screened(self, reading: Reading, lang: Lang) -> dialogue.Answer:
        """The screening answer about a film outside of any conversation."""
        session = Session("", reading.image.sha256, lang)
        interview = Interview(session, reading, None, self.test, {}, partial(spoken, reading))
        return interview.compose(Query("", lang, "SCREEN"), reading.findings, frozenset(), dialogue.Context())

    def test(self, finding: Finding, reading: Reading, rejected: frozenset[str] = frozenset()) -> Finding:
        """The finding with each of its heaviest located reasons erased in turn, then all at once, and the drops stored.

        A conclusion that the film does not bear out is not tested with all of them erased, and a hardly possible one
        not at all: there is nothing to fall.

        Parameters
        ----------
        rejected
            Sign ids that a doctor struck out: they are no reasons on the changed films either.
        """
        key = (id(reading), finding.id, rejected)
        with self._lock:
            known = self._tested.get(key)
        if known is not None and known[0] is reading:
            return known[1]
        most = int(reading.pack.settings["counterfactual_max"])
        testable = finding.probability >= reading.pack.settings["counterfactual_least"]
        carrying = reasons(finding)[:most] if testable else ()
        score = self.score(finding.id, reading, rejected)
        several = len(reasons(finding)) > 1 and finding.verdict != "not_supported"
        with ThreadPoolExecutor(TESTERS) as pool:
            whole = pool.submit(self.test_together, finding, reading, rejected) if several else None
            tested = list(pool.map(lambda e: self._erased(e, finding, reading, score), carrying))
        tests = {e.id: e for e in tested}
        evidence = tuple(tests.get(e.id, e) for e in finding.evidence)
        result = replace(finding, evidence=evidence, counterfactual=None if whole is None else whole.result())
        with self._lock:
            self._tested[key] = (reading, result)
            while len(self._tested) > TESTS_KEPT:
                self._tested.popitem(last=False)
        return result

    def test_together(
        self, finding: Finding, reading: Reading, rejected: frozenset[str] = frozenset()
    ) -> Counterfactual | None:
        """All located reasons for the finding erased at once; None where none is located.

        A sign that is seen in several ways (a veil, a consolidation, a learned pattern) keeps the conclusion up when
        one of them is erased; without all of them it must fall.
        """
        found = together(reasons(finding), reading)
        if found is None:
            return None
        return explain.counterfactual(
            self.score(finding.id, reading, rejected),
            reading.image,
            *found,
            before=finding.probability,
            minimum=least_drop(finding, reading.pack),
            eraser=explain.eraser(self.settings.eraser),
        )

    def forget_tests(self) -> None:
        """Drops the counterfactual tests in memory, so that the next question does them again."""
        with self._lock:
            self._tested.clear()

    def score(
        self, finding_id: str, reading: Reading, rejected: frozenset[str] = frozenset()
    ) -> Callable[[Image], float]:
        """Function film -> probability of `finding_id`, with the reading's model and pack."""
        pack, engine = reading.pack, self.engine(reading.pack)
        signs, weights = reasoning.needed(pack, finding_id), fusion(pack, reading.card)

        def probability(image: Image) -> float:
            observations = reasoning.strike(perception.observe(image, pack, engine, signs), rejected)
            (finding,) = reasoning.conclude(observations, pack, weights, only=(finding_id,))
            return finding.probability

        return probability

    def _erased(
        self, evidence: Evidence, finding: Finding, reading: Reading, score: Callable[[Image], float]
    ) -> Evidence:
        region = evidence.erase or evidence.region
        if region is None:
            return evidence
        result = explain.counterfactual(
            score,
            reading.image,
            region,
            donors(evidence, reading),
            before=finding.probability,
            minimum=least_drop(finding, reading.pack),
            eraser=explain.eraser(self.settings.eraser),
        )
        return replace(evidence, counterfactual=result)

    def _headline(self, reading: Reading, turn: Turn | None) -> Bilingual:
        finding = reading.finding(turn.query.target if turn is not None else None)
        definition = reading.pack.diagnosis(finding.id) if finding is not None else None
        if finding is None or definition is None:
            return Bilingual("", "")
        percent = f"{100 * finding.probability:.0f}%"
        return Bilingual(f"{definition.name.zh} {percent}", f"{definition.name.en} {percent}")


def _notes(reading: Reading) -> tuple[Bilingual, ...]:
    return tuple(n.sentence for n in (*reading.image.warnings, *reading.observations.quality.reasons))


def _footer(reading: Reading) -> str:
    return f"{reading.card.id} · {reading.card.sha256[:8]} · {reading.pack.id} {reading.pack.version}"


def drawn_region(reading: Reading, box: tuple[float, float, float, float]) -> Region:
    """Region of a box (x0, y0, x1, y1) in source pixels, or of a disc round a point.

    Raises
    ------
    ArgumentError
        BOX_OUTSIDE.
    """
    rows, cols = reading.image.geometry.rows, reading.image.geometry.cols
    x0, y0, x1, y1 = box
    if not (0 <= x0 <= x1 <= cols and 0 <= y0 <= y1 <= rows and x0 < cols and y0 < rows):
        raise ArgumentError(
            "BOX_OUTSIDE",
            Bilingual("框不在影像内。", "The box is not on the film."),
            Bilingual(
                f"请给出 x0,y0,x1,y1，范围 0 至 {cols} 和 0 至 {rows}。",
                f"Give x0,y0,x1,y1 within 0 to {cols} and 0 to {rows}.",
            ),
        )
    mask = np.zeros((rows, cols), dtype=np.bool_)
    if x0 == x1 and y0 == y1:
        ys, xs = np.ogrid[:rows, :cols]
        mask[(ys - y0) ** 2 + (xs - x0) ** 2 <= (POINT * max(rows, cols)) ** 2] = True
    else:
        mask[int(y0) : max(int(np.ceil(y1)), int(y0) + 1), int(x0) : max(int(np.ceil(x1)), int(x0) + 1)] = True
    found = Region.from_mask(mask)
    assert found is not None
    return found


def least_drop(finding: Finding, pack: Pack) -> float:
    """The drop of probability that passes the counterfactual test.

    Where the conclusion is improbable already it has little to lose: a part of its probability then.
    """
    part = pack.settings["counterfactual_min_part"] * finding.probability
    return min(pack.settings["counterfactual_min_drop"], part)
