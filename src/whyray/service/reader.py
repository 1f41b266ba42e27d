"""The application service: one method per use case."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from math import log
from pathlib import Path
from threading import Lock
from time import perf_counter
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from whyray import dialogue, engines, explain, imaging, knowledge, perception, reasoning, render, store
from whyray.domain import (
    Anchor,
    ArgumentError,
    Bilingual,
    Engine,
    Evidence,
    Finding,
    Image,
    Lang,
    ModelCard,
    Observations,
    OutputError,
    Pack,
    Query,
    Sentence,
    Session,
    Turn,
    Verdict,
    View,
)
from whyray.service.settings import Settings

Source = str | os.PathLike[str] | bytes
Spacing = float | tuple[float, float] | None
VERDICTS = get_args(Verdict)
TESTERS = 2  # films without a region that are read at once: while one runs the network another is painted or drawn up


@dataclass(frozen=True, eq=False, slots=True)
class Reading:
    """One film, read: everything later turns need without running the network again."""

    image: Image
    pack: Pack
    card: ModelCard
    engine: str
    observations: Observations
    findings: tuple[Finding, ...]
    timing_ms: dict[str, float]

    def finding(self, finding_id: str | None) -> Finding | None:
        """The finding of that id."""
        return next((f for f in self.findings if f.id == finding_id), None)


class Reader:
    """Opens, reads and answers. Safe to share between threads; every conversation has its own session id.

    Parameters
    ----------
    settings
        Engine, model folder, packs.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.store = store.MemoryStore()
        self._lock = Lock()
        self._packs: tuple[Pack, ...] | None = None
        self._engines: dict[str, Engine] = {}
        self._readings: OrderedDict[tuple[str, str, str], Reading] = OrderedDict()
        self._films: dict[str, Reading] = {}

    @property
    def packs(self) -> tuple[Pack, ...]:
        """All knowledge packs, loaded once.

        Raises
        ------
        PackError
            When one breaks its schema.
        """
        with self._lock:
            if self._packs is None:
                self._packs = knowledge.load_packs(self.settings.packs)
            return self._packs

    def engine(self, pack: Pack) -> Engine:
        """The engine of a pack's model, made once.

        Raises
        ------
        ModelError
            When the model folder is missing, altered, or made for another pack.
        """
        with self._lock:
            if pack.model not in self._engines:
                folder = engines.find_folder(pack.model, self.settings.model)
                self._engines[pack.model] = engines.create(self.settings.engine, folder)
            return self._engines[pack.model]

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
    ) -> Session:
        """Reads one film and starts a conversation about it."""
        reading = self.read(source, name=name, spacing_mm=spacing_mm, view=view)
        session = self.store.create(reading.image.sha256, lang)
        with self._lock:
            self._films[session.id] = reading
        return session

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
        started = perf_counter()
        if not text.strip():
            raise ArgumentError(
                "QUESTION_EMPTY",
                Bilingual("问题是空的。", "The question is empty."),
                Bilingual("例如：为什么判断为肺水肿？", "For example: why edema?"),
            )
        session, reading = self.store.get(session_id), self.reading(session_id)
        query = self._resolve(dialogue.understand(text, reading.pack, session, lang), reading)
        tested = perf_counter()
        findings = self._tested(query, reading)
        tested = perf_counter() - tested
        answer = self._compose(query, findings, reading)
        first = len(session.anchors) + 1
        number = len(session.turns) + 1
        anchors = tuple(
            Anchor(f"A{first + i}", label, region, (), number) for i, (label, region) in enumerate(answer.anchors)
        )
        turn = Turn(
            session=session.id,
            turn=number,
            query=query,
            sentences=answer.sentences,
            items=answer.items,
            anchors=anchors,
            timing_ms={"counterfactual": 1000 * tested, "total": 1000 * (perf_counter() - started)},
        )
        return self.store.append(session.id, turn)

    def summary(self, reading: Reading, lang: Lang) -> tuple[Sentence, ...]:
        """The screening answer about a film: the text of its report."""
        query = Query("", lang, "SCREEN")
        return self._compose(query, reading.findings, reading).sentences

    def report_text(self, reading: Reading, lang: Lang) -> str:
        """A reading as terminal text: the impression, then what is seen, each with its leading conclusion first."""
        spoken = reasoning.rank(reading.findings, reading.pack).spoken
        shown = [f for f in spoken if f.verdict != "not_supported"]
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
        """Writes the overlay of a turn (None = the screening answer) into the folder `out`; returns the file.

        Raises
        ------
        OutputError
            OUTPUT_UNWRITABLE.
        """
        if turn is None:
            spoken_of = self._compose(Query("", "zh", "SCREEN"), reading.findings, reading).items
            items = tuple({e.sign: e for e in reversed(spoken_of)}.values())[::-1]
            title, suffix = Bilingual("读片", "Reading"), "read"
        else:
            items, suffix = turn.items, f"turn{turn.turn}"
            title = Bilingual(turn.query.text, turn.query.text)
        data = render.overlay(
            reading.image,
            render.evidence_layers(items, reading.pack),
            title=title,
            lines=(self._headline(reading, turn),),
            notes=tuple(n.sentence for n in (*reading.image.warnings, *reading.observations.quality.reasons)),
            footer=f"{reading.card.id} · {reading.card.sha256[:8]} · {reading.pack.id} {reading.pack.version}",
        )
        file = out / f"{Path(reading.image.path).stem}-{suffix}.png"
        _write(file, data)
        return file

    def check_packs(self) -> tuple[knowledge.Problem, ...]:
        """Cross-checks every pack against the detectors and the outputs of its model."""
        problems: list[knowledge.Problem] = []
        for pack in self.packs:
            outputs = self.engine(pack).card.outputs
            problems += knowledge.check(
                pack,
                set(perception.DETECTORS),
                set(perception.ZONES),
                set(outputs["logits"]),
                set(outputs["anatomy"]),
                knowledge.folder_of(pack, self.settings.packs),
            )
        return tuple(problems)

    def describe(self, entry: str, lang: Lang) -> str:
        """One entry of the first pack that has it, in words.

        Raises
        ------
        ArgumentError
            ID_UNKNOWN.
        """
        *others, last = self.packs
        for pack in others:
            with suppress(ArgumentError):
                return knowledge.describe(pack, entry, lang)
        return knowledge.describe(last, entry, lang)

    def search(self, words: str, limit: int = 20) -> tuple[knowledge.Hit, ...]:
        """Entries of all packs that fit words of either language, best first."""
        found = [hit for pack in self.packs for hit in knowledge.search(pack, words, limit)]
        return tuple(sorted(found, key=lambda hit: -hit.score)[:limit])

    def statistics(self) -> dict[str, dict[str, int | float]]:
        """Pack id and version -> counts and shares."""
        return {f"{p.id} {p.version}": dict(knowledge.statistics(p)) for p in self.packs}

    def pathways(self) -> dict[str, dict[str, dict[str, int]]]:
        """Pack id and version -> diagnosis id -> numbers of its pathways, core signs, variants and weights."""
        return {f"{p.id} {p.version}": knowledge.by_diagnosis(p) for p in self.packs}

    def export(self, form: str, out: Path | None = None, pack_id: str | None = None) -> str:
        """A pack in another form, written to the file `out` when given; the first pack when none is named.

        Raises
        ------
        ArgumentError
            FORM_UNKNOWN or PACK_UNKNOWN.
        OutputError
            OUTPUT_UNWRITABLE.
        """
        pack = next((p for p in self.packs if pack_id in (None, p.id)), None)
        if pack is None:
            known = ", ".join(p.id for p in self.packs)
            raise ArgumentError(
                "PACK_UNKNOWN",
                Bilingual(f"没有知识包“{pack_id}”。", f'There is no pack "{pack_id}".'),
                Bilingual(f"可用的有 {known}。", f"There are {known}."),
            )
        text = knowledge.export(pack, form)
        if out is not None:
            _write(out, text.encode("utf-8"))
        return text

    def places(self) -> dict[str, Path]:
        """Where the shipped films, models, packs and schemas lie."""
        root = Path(__file__).parent.parent
        return {
            "demo": root / "demo" / "edema.dcm",
            "healthy": root / "demo" / "healthy_twin.dcm",
            "model": root / "models",
            "packs": self.settings.packs or root / "packs",
            "schemas": root / "schemas",
        }

    def _look(self, image: Image, pack: Pack, engine: Engine) -> tuple[Observations, tuple[Finding, ...]]:
        observations = perception.observe(image, pack, engine)
        return observations, reasoning.conclude(observations, pack, fusion(pack, engine.card))

    def _resolve(self, query: Query, reading: Reading) -> Query:
        """Fills in the conclusion that a screening names first when the question names none."""
        if query.intent not in ("WHY", "WHY_NOT") or query.target is not None:
            return query
        seen = {d.id for d in reading.pack.diagnoses if d.head is not None and not d.normal}
        normal = {d.id for d in reading.pack.diagnoses if d.normal}
        spoken = reasoning.rank(reading.findings, reading.pack).spoken
        leading = (f for f in spoken if f.id in seen or f.verdict != "not_supported")
        first = min((f for f in leading if f.id not in normal), key=lambda f: VERDICTS.index(f.verdict))
        return replace(query, target=first.id)

    def _tested(self, query: Query, reading: Reading) -> tuple[Finding, ...]:
        """Findings with the counterfactual test done on what carries the asked conclusion."""
        if query.intent not in ("WHY", "WHY_NOT"):
            return reading.findings
        return tuple(self.test(f, reading) if f.id == query.target else f for f in reading.findings)

    def test(self, finding: Finding, reading: Reading) -> Finding:
        """The finding with each of its heaviest located reasons erased in turn and the drop stored."""
        most = int(reading.pack.settings["counterfactual_max"])
        carrying = [e for e in finding.evidence if e.polarity == "for" and e.region is not None][:most]
        score = self.score(finding.id, reading)
        with ThreadPoolExecutor(TESTERS) as pool:
            tested = list(pool.map(lambda e: self._erased(e, finding, reading, score), carrying))
        tests = {e.id: e for e in tested}
        return replace(finding, evidence=tuple(tests.get(e.id, e) for e in finding.evidence))

    def score(self, finding_id: str, reading: Reading) -> Callable[[Image], float]:
        """Function film -> probability of `finding_id`, with the reading's model and pack."""
        engine = self.engine(reading.pack)

        def probability(image: Image) -> float:
            _, findings = self._look(image, reading.pack, engine)
            return next(f.probability for f in findings if f.id == finding_id)

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
            minimum=reading.pack.settings["counterfactual_min_drop"],
        )
        return replace(evidence, counterfactual=result)

    def _compose(self, query: Query, findings: tuple[Finding, ...], reading: Reading) -> dialogue.Answer:
        return dialogue.compose(
            query,
            reasoning.rank(findings, reading.pack).spoken,
            reading.observations,
            reading.pack,
            simulated=reading.image.simulated,
            calibrated=reading.image.geometry.calibrated,
            warnings=reading.image.warnings,
        )

    def _headline(self, reading: Reading, turn: Turn | None) -> Bilingual:
        finding = reading.finding(turn.query.target if turn is not None else None)
        definition = reading.pack.diagnosis(finding.id) if finding is not None else None
        if finding is None or definition is None:
            return Bilingual("", "")
        percent = f"{100 * finding.probability:.0f}%"
        return Bilingual(f"{definition.name.zh} {percent}", f"{definition.name.en} {percent}")


def _write(file: Path, data: bytes) -> None:
    """Writes a file whole or not at all."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_suffix(".part")
        temporary.write_bytes(data)
        temporary.replace(file)
    except OSError as error:
        raise OutputError(
            "OUTPUT_UNWRITABLE",
            Bilingual(f"无法写入 {file}。", f"Cannot write {file}."),
            Bilingual("请换一个可写的目录。", "Choose a folder that can be written."),
        ) from error


def donors(evidence: Evidence, reading: Reading) -> NDArray[np.bool_] | None:
    """Source pixels of the structures that naturally surround the evidence."""
    regions = [s.region for s in reading.observations.structures if s.id in evidence.within and s.region is not None]
    if not regions:
        return None
    merged: NDArray[np.bool_] = np.any([r.mask() for r in regions], axis=0)
    return merged


def fusion(pack: Pack, card: ModelCard) -> reasoning.Fusion:
    """The card's weights for the pack's diagnoses.

    A diagnosis without head starts at the pack's prior, and is called possible only when its probability reaches
    the card's limit for such diagnoses and has at least been raised by ``reasoning.RAISED``.
    """
    base, possible = {}, {}
    for diagnosis in pack.diagnoses:
        head = diagnosis.head or ""
        if head in card.calibration:
            base[diagnosis.id] = card.calibration[head]["fused_base"]
            possible[diagnosis.id] = card.thresholds.get(head, card.fusion["possible"])
        else:
            prior = pack.prior(diagnosis)
            base[diagnosis.id] = log(prior / (1 - prior))
            possible[diagnosis.id] = max(card.fusion["possible"], reasoning.RAISED * prior)
    return reasoning.Fusion(card.fusion["film_weight"], card.fusion["sign_weight"], base, possible)
