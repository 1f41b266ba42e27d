"""What the service knows before it sees a film: packs, engines, shipped files."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from threading import Lock

from whyray import engines, knowledge, perception
from whyray.domain import ArgumentError, Bilingual, Engine, Lang, Pack
from whyray.service.files import write
from whyray.service.settings import Settings


class Library:
    """Packs and engines, each loaded once; safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = Lock()
        self._packs: tuple[Pack, ...] | None = None
        self._engines: dict[str, Engine] = {}

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
                set(perception.CAUTIONS),
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
            write(out, text.encode("utf-8"))
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
