"""``python -m whyray_train.cleared --data DIR --model DIR --out FILE``: train films with their reasons erased.

A conclusion must fall when what it rests on is erased, and stay when other lung is. The film-level head
(``whyray_train.heads --cleared``) learns that from the embeddings kept here: for every label of a train film whose
conclusion has located reasons, the film with all of them erased (then the label does not hold); and the film with as
much lung without any sign erased (then all labels hold).
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whyray import explain
from whyray.domain import Frame, Image, Region
from whyray.engines import find_folder
from whyray.explain.grid import Eraser
from whyray.perception.scene import stretch
from whyray.service import Reader, Reading, Settings
from whyray.service.reading import reasons, together
from whyray_train import films
from whyray_train.embedding import EmbeddingEngine
from whyray_train.erasure_eval import free_lung, lungs_of
from whyray_train.told import save

log = logging.getLogger(__name__)
F32 = NDArray[np.float32]
SEED = 3
KEPT = -1  # head of a row whose labels all hold


@dataclass(frozen=True, slots=True)
class Cleared:
    """Rows: ``embeddings`` (m, d); ``films`` (m,) ids; ``heads`` (m,) the label that no longer holds, or `KEPT`."""

    embeddings: F32
    films: NDArray[np.str_]
    heads: NDArray[np.int64]

    @classmethod
    def load(cls, file: Path) -> Cleared:
        """The file that this module wrote."""
        saved = np.load(file)
        return cls(saved["embeddings"], saved["films"], saved["heads"])


def gather(reader: Reader, data: Path, split: str = "train") -> Cleared:
    """Rows of all films of a split."""
    table, heads = films.read_table(data)
    pack = reader.packs[0]
    engine = EmbeddingEngine(find_folder(pack.model, reader.settings.model))
    of = {d.head: d.id for d in pack.diagnoses if d.head in heads}
    erase = explain.eraser(reader.settings.eraser)
    rows: list[tuple[F32, str, int]] = []
    items = [f for f in table if f.split == split]
    for number, film in enumerate(items):
        reading = reader.read(film.path, view=film.known_view, spacing_mm=film.spacing_mm)
        areas = []
        for label in sorted(film.labels & of.keys() - {films.NORMAL_LABEL}):
            finding = reading.finding(of[label])
            found = None if finding is None else together(reasons(finding), reading)
            if found is not None:
                areas.append(found[0])
                rows.append((embedded(engine, erase(reading.image, *found)), film.id, heads.index(label)))
        if areas:
            rows += _control(engine, erase, reading, film, min(areas, key=lambda r: r.area_px), number)
        if number % 100 == 99:
            log.info("%d of %d films, %d rows", number + 1, len(items), len(rows))
    embeddings, ids, labels = zip(*rows, strict=True)
    return Cleared(np.stack(embeddings), np.array(ids), np.array(labels, np.int64))


def _control(
    engine: EmbeddingEngine, erase: Eraser, reading: Reading, film: films.Film, region: Region, number: int
) -> list[tuple[F32, str, int]]:
    free, lungs = free_lung(reading), lungs_of(reading)
    control = None if free is None else explain.random_region(region, free, SEED + number)
    if control is None or lungs is None:
        return []
    return [(embedded(engine, erase(reading.image, control, lungs)), film.id, KEPT)]


def embedded(engine: EmbeddingEngine, image: Image) -> F32:
    """Embedding (d,) of a film."""
    rows, cols = image.pixels.shape[1:]
    grid = Frame(rows, cols, engine.card.input_size).to_grid(stretch(image.pixels[0]))
    return engine.embedding(grid[None])


def main(argv: list[str] | None = None) -> None:
    """Parses the command line and writes the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, help="model folder; default: the shipped one")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    found = gather(Reader(Settings(model=options.model, cached_readings=1)), options.data)
    save(options.out, embeddings=found.embeddings, films=found.films, heads=found.heads)


if __name__ == "__main__":
    main()
