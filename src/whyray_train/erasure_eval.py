"""``python -m whyray_train.erasure_eval --data DIR --split val|train|devtest [--limit N]``: erasers beside each other.

For every eraser of ``whyray.explain``: how far the probability falls on films with the finding when all located reasons
are erased at once; how far it moves when lung without any sign is erased, a part as large as the heaviest reason, on
those films (control) and on normal films; how far the erased film is from real ones. Probabilities are those of the
Report (``fused``: film-level head and signs) and of the film-level head alone (``film``). A film counts when it has the
label, the conclusion is at least possible, and a reason is located; a control needs lung without a sign.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyray import explain, perception, reasoning
from whyray.domain import DiagnosisDefinition, Image, Region
from whyray.engines import find_folder
from whyray.perception.scene import lung_ids
from whyray.service import Reader, Reading, Settings
from whyray.service.reading import fusion, reasons, together
from whyray_train import films
from whyray_train.embedding import EmbeddingEngine

log = logging.getLogger(__name__)
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Mask = NDArray[np.bool_]

LABEL = "Edema"
NEIGHBOURS = 150  # train films that stand for the manifold
SHARE = 0.3  # of the lungs that is erased on normal films when no film has the finding
SEED = 5


@dataclass(frozen=True, slots=True)
class Read:
    """What one look at a film gives: two probabilities of the finding, the gate's logit and the embedding (d,)."""

    fused: float
    film: float
    gate: float
    embedding: F32


@dataclass(slots=True)
class Rows:
    """Changes (before minus after) of one eraser; ``far``: distances of the embeddings from the nearest train film."""

    fused: list[float] = field(default_factory=list)
    film: list[float] = field(default_factory=list)
    gate: list[float] = field(default_factory=list)
    far: list[float] = field(default_factory=list)

    def add(self, before: Read, after: Read, far: float) -> None:
        """Adds one erased film."""
        self.fused.append(before.fused - after.fused)
        self.film.append(before.film - after.film)
        self.gate.append(before.gate - after.gate)
        self.far.append(far)


class Bench:
    """Reads films and erased films with one model."""

    def __init__(self, reader: Reader, cache: Path, train: Sequence[films.Film], label: str = LABEL) -> None:
        self.reader, self.pack = reader, reader.packs[0]
        self.engine = EmbeddingEngine(find_folder(self.pack.model, reader.settings.model))
        self.diagnosis: DiagnosisDefinition = next(d for d in self.pack.diagnoses if d.head == label)
        self.known = self._known(train, cache)
        self.spread = self.known.std(axis=0) + 1e-6

    def _known(self, train: Sequence[films.Film], cache: Path) -> F32:
        """Embeddings of `NEIGHBOURS` train films, kept in the cache as long as the weights are the same."""
        file = cache / f"manifold-{self.engine.card.sha256[:12]}-{len(train)}.npy"
        if not file.exists():
            rng = np.random.default_rng(SEED)
            some = [train[i] for i in rng.permutation(len(train))[:NEIGHBOURS]]
            size = self.engine.card.input_size
            pictures = (np.asarray(films.load_array(f.path, size)[None] / 255, dtype=np.float32) for f in some)
            rows = [self.engine.embedding(array) for array in pictures]
            cache.mkdir(parents=True, exist_ok=True)
            np.save(file, np.stack(rows))
        found: F32 = np.load(file)
        return found

    def look(self, image: Image) -> Read:
        """One look at a film."""
        observations = perception.observe(image, self.pack, self.engine)
        found = reasoning.conclude(observations, self.pack, fusion(self.pack, self.engine.card))
        gate = min(max(observations.quality.gate or 0.0, 1e-6), 1 - 1e-6)
        return Read(
            next(f.probability for f in found if f.id == self.diagnosis.id),
            observations.film_scores[self.diagnosis.id],
            float(np.log(gate / (1 - gate))),
            self.engine.last,
        )

    def far(self, embedding: F32) -> float:
        """Distance from the nearest of the train films, each dimension in their standard deviations."""
        apart = (self.known - embedding) / self.spread
        return float(np.sqrt(np.mean(apart**2, axis=1)).min())


def lungs_of(reading: Reading) -> Mask | None:
    """Both lungs on source pixels."""
    ids = lung_ids(reading.pack)
    regions = [s.region for s in reading.observations.structures if s.id in ids and s.region is not None]
    return Region.union(regions).mask() if len(regions) == len(ids) else None


def free_lung(reading: Reading) -> Mask | None:
    """Lung without any sign, learned patterns included."""
    lungs = lungs_of(reading)
    if lungs is None:
        return None
    for sign in reading.observations.signs:
        if sign.region is not None:
            lungs &= ~sign.region.mask()
    return lungs


def with_finding(bench: Bench, items: Iterable[films.Film], limit: int | None) -> list[Reading]:
    """Films on which the conclusion is reached and a reason is located, at most `limit`."""
    kept: list[Reading] = []
    for item in items:
        reading = bench.reader.read(item.path, view=item.known_view, spacing_mm=item.spacing_mm)
        finding = reading.finding(bench.diagnosis.id)
        if finding is not None and finding.verdict != "not_supported" and reasons(finding):
            kept.append(reading)
        if limit is not None and len(kept) == limit:
            break
    return kept


def part_of(lungs: Mask, share: float, seed: int) -> Region | None:
    """A random disc-like part of the lungs with `share` of their area."""
    ys, xs = np.nonzero(lungs)
    if not ys.size:
        return None
    centre = int(np.random.default_rng(seed).integers(ys.size))
    nearest = np.argsort((ys - ys[centre]) ** 2 + (xs - xs[centre]) ** 2, kind="stable")
    chosen = nearest[: max(1, round(share * ys.size))]
    mask = np.zeros_like(lungs)
    mask[ys[chosen], xs[chosen]] = True
    return Region.from_mask(mask)


def measure(bench: Bench, readings: Sequence[Reading], normals: Sequence[Reading]) -> dict[str, Any]:
    """The table: by eraser, on films with the finding, on their controls and on normal films."""
    found = {name: {part: Rows() for part in ("all_reasons", "control", "normal")} for name in explain.ERASERS}
    shares, covered, plain = [], [], []
    for number, reading in enumerate(readings):
        finding, lungs = reading.finding(bench.diagnosis.id), lungs_of(reading)
        carried = None if finding is None else together(reasons(finding), reading)
        if finding is None or carried is None or lungs is None:
            continue
        before = bench.look(reading.image)
        plain.append(bench.far(before.embedding))
        covered.append(float((carried[0].mask() & lungs).sum() / lungs.sum()))
        _erase(bench, reading, before, carried, {n: r["all_reasons"] for n, r in found.items()})
        free, heaviest = free_lung(reading), reasons(finding)[0].region
        shares += [] if heaviest is None else [min(1.0, heaviest.area_px / float(lungs.sum()))]
        control = None if free is None or heaviest is None else explain.random_region(heaviest, free, SEED + number)
        if control is not None:
            _erase(bench, reading, before, (control, lungs), {n: r["control"] for n, r in found.items()})
        log.info("%d of %d", number + 1, len(readings))
    share = float(np.median(shares)) if shares else SHARE
    normal_plain = []
    for number, reading in enumerate(normals):
        lungs = lungs_of(reading)
        control = None if lungs is None else part_of(lungs, share, SEED + number)
        if control is None:
            continue
        before = bench.look(reading.image)
        normal_plain.append(bench.far(before.embedding))
        _erase(bench, reading, before, (control, lungs), {n: r["normal"] for n, r in found.items()})
    base = {"all_reasons": plain, "control": plain, "normal": normal_plain}
    return {
        "label": LABEL,
        "reasons_cover": round(float(np.median(covered)), 3) if covered else None,
        "share_of_lungs": round(share, 3),
        "erasers": {n: {p: summary(r, base[p]) for p, r in parts.items()} for n, parts in found.items()},
    }


def _erase(
    bench: Bench, reading: Reading, before: Read, target: tuple[Region, Mask | None], into: Mapping[str, Rows]
) -> None:
    for name, rows in into.items():
        after = bench.look(explain.ERASERS[name](reading.image, *target))
        rows.add(before, after, bench.far(after.embedding))


def summary(rows: Rows, untouched: Sequence[float]) -> dict[str, Any]:
    """Median and quartiles of the drops, median and 90th percentile of the absolute change, distance ratio."""
    out: dict[str, Any] = {"n": len(rows.fused)}
    if not rows.fused:
        return out
    for name, values in (("fused", np.array(rows.fused)), ("film", np.array(rows.film))):
        low, middle, high = np.percentile(values, (25, 50, 75))
        out[name] = {"median": round(middle, 3), "lower": round(low, 3), "upper": round(high, 3)}
        moved = np.percentile(np.abs(values), (50, 90))
        out[name] |= {"abs_median": round(moved[0], 3), "abs_90": round(moved[1], 3)}
        out[name] = {k: float(v) for k, v in out[name].items()}
    out["gate_change"] = round(float(np.median(rows.gate)), 2)
    out["distance_ratio"] = round(float(np.median(rows.far) / np.median(untouched)), 3)
    return out


def erasure(reader: Reader, data: Path, splits: Sequence[str], cache: Path, limit: int | None = None) -> dict[str, Any]:
    """Measures all erasers on films of `splits`, at most `limit` films with the finding and as many normal ones."""
    table, _ = films.read_table(data)
    bench = Bench(reader, cache, [f for f in table if f.split == "train"])
    rng = np.random.default_rng(SEED)
    chosen = [f for f in (table[i] for i in rng.permutation(len(table))) if f.split in splits]
    ill = with_finding(bench, (f for f in chosen if LABEL in f.labels), limit)
    healthy = [f for f in chosen if films.NORMAL_LABEL in f.labels]
    normals = [reader.read(f.path, view=f.known_view, spacing_mm=f.spacing_mm) for f in healthy[: limit or len(ill)]]
    return {"splits": list(splits), "chosen": reader.settings.eraser, **measure(bench, ill, normals)}


def table(numbers: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Rows of the table, the head first."""
    head = (
        "eraser", "all reasons: drop (quartiles), n", "same, film-level head alone",
        "control: median and 90th percentile of the change, n", "normal films: median and 90th percentile, n",
        "distance from train films (1 = untouched)", "gate logit lost",
    )  # fmt: skip
    rows: list[tuple[str, ...]] = [head]
    for name, parts in numbers["erasers"].items():
        ill, control, normal = parts["all_reasons"], parts["control"], parts["normal"]
        cells = [_drop(ill, "fused"), _drop(ill, "film"), _moved(control), _moved(normal)]
        cells += [str(ill.get("distance_ratio", "")), str(ill.get("gate_change", ""))]
        rows.append((name, *cells))
    return rows


def _drop(part: Mapping[str, Any], kind: str) -> str:
    if not part["n"]:
        return "n = 0"
    return f"{part[kind]['median']:.3f} ({part[kind]['lower']:.3f} to {part[kind]['upper']:.3f}), n = {part['n']}"


def _moved(part: Mapping[str, Any]) -> str:
    return (
        f"{part['fused']['abs_median']:.3f}, {part['fused']['abs_90']:.3f}, n = {part['n']}" if part["n"] else "n = 0"
    )


def main() -> None:
    """Parses the command line and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", nargs="+", default=["val"], choices=["train", "val", "devtest"])
    parser.add_argument("--limit", type=int, help="films with the finding, and normal films")
    parser.add_argument("--model", type=Path, help="model folder; default: the shipped one")
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"))
    parser.add_argument("--json", type=Path, help="write all numbers here")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    reader = Reader(Settings(model=options.model, cached_readings=1))
    numbers = erasure(reader, options.data, options.split, options.cache, options.limit)
    print(f"label {numbers['label']}, {' and '.join(numbers['splits'])}; "
          f"{numbers['share_of_lungs']:.2f} of the lungs erased on normal films")  # fmt: skip
    for row in table(numbers):
        print(" | ".join(row))
    if options.json is not None:
        options.json.write_text(json.dumps(numbers, indent=1), "utf-8")


if __name__ == "__main__":
    main()
