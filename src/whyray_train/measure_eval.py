"""What the figures of the pack are worth: against study labels on real films, against exact masks on CT projections.

    python -m whyray_train.measure_eval --data DIR [--ct FILE] [--split val --split train] [--limit N]

On real films (train and val: nothing is fitted) each figure is compared between films with a label and films without
finding, views apart: AUC with an interval over patients. On projections of the CT the figure taken from the network's
outlines is compared with the same figure taken from the exact ones: bias, standard deviation, and the standard
deviation that the figure itself states.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whyray import imaging, perception
from whyray.domain import Engine, Geometry, Image, Observations, Pack, Region, Structure, View
from whyray.service import Reader, Settings
from whyray_train import films, metrics

F64 = NDArray[np.float64]

VIEWS: tuple[View, ...] = ("PA", "AP")
LABELS = ("Edema", "Cardiomegaly", "Emphysema", "Effusion")
FEWEST = 8  # films with the label in one view
ROUNDS = 400
AIRWAY, CLAVICLES = (
    films.STRUCTURES.index("trachea"),
    [films.STRUCTURES.index(f"{s}_clavicle") for s in ("right", "left")],
)


@dataclass(frozen=True, eq=False, slots=True)
class Taken:
    """Figures of films: id -> (n,) values and stated standard deviations, NaN where undetermined."""

    values: Mapping[str, F64]
    sigmas: Mapping[str, F64]


def taken(rows: Sequence[Mapping[str, tuple[float, float]]], ids: Sequence[str]) -> Taken:
    """Columns of the figures of single films."""
    nothing = (float("nan"), float("nan"))
    return Taken(*({i: np.array([row.get(i, nothing)[k] for row in rows]) for i in ids} for k in (0, 1)))


def figures_of(image: Image, observations: Observations, pack: Pack) -> dict[str, tuple[float, float]]:
    """(value, standard deviation) of every figure of a film, and of the numbers that its signs carry."""
    found = {
        m.id: (m.value, m.uncertainty or 0.0)
        for s in observations.signs
        if s.ran
        for m in reversed(s.measurements)
        if m.unit in ("ratio", "mm", "px")
    }
    for figure in perception.measure(image, observations, pack, pack.figures):
        if figure.measurements:
            first = figure.measurements[0]
            found[figure.id] = (first.value, first.uncertainty or 0.0)
    return found


def scaled(film: films.Film) -> Image:
    """A film with the pixel spacing of the label table."""
    return replace(imaging.load(film.path, spacing_mm=film.spacing_mm), view=film.known_view)


def against_labels(items: Sequence[films.Film], figures: Taken) -> Iterator[str]:
    """Lines of the table: figure, view, normals' mean and spread, share determined, AUC against each label."""
    view = np.array([f.known_view for f in items])
    normal = np.array([f.labels == frozenset([films.NORMAL_LABEL]) for f in items])
    patients = np.array([f.patient for f in items])
    yield f"{'figure':34s} view {'normal films':>22s} {'taken':>6s}  AUC against films without finding (95 % interval)"
    for figure, values in figures.values.items():
        for v in VIEWS:
            seen = (view == v) & np.isfinite(values)
            plain = values[seen & normal]
            if len(plain) < FEWEST:
                continue
            share = seen.sum() / max(int((view == v).sum()), 1)
            cells = []
            for label in LABELS:
                ill = np.array([label in f.labels for f in items])
                used = seen & (ill | normal)
                if (seen & ill).sum() >= FEWEST:
                    number = metrics.auc_interval(ill[used], values[used], list(patients[used]), ROUNDS)
                    cells.append(
                        f"{label} {number.value:.2f} ({number.low:.2f}-{number.high:.2f}, n={number.positives})"
                    )
            spread = f"{plain.mean():9.3f} +/- {plain.std():7.3f}"
            yield f"{figure:34s} {v:4s} {spread:>22s} {share:6.2f}  {'; '.join(cells)}"


def projections(file: Path, engine: Engine, pack: Pack) -> Iterator[tuple[Image, Observations, Observations]]:
    """Projected films with what the network outlines and with the exact outlines."""
    saved = np.load(file)
    for grey, bits, spacing in zip(saved["images"], saved["masks"], saved["spacing"], strict=True):
        rows, cols = grey.shape
        geometry = Geometry(rows, cols, (float(spacing), float(spacing)), "caller")
        image = Image((grey / np.float32(255))[None].astype(np.float32), geometry, "0" * 64, "projection")
        seen = perception.observe(image, pack, engine)
        exact = tuple(
            Structure(name, Region.from_mask(np.asarray(bits >> b & 1, dtype=np.bool_)), 1.0)
            for b, name in enumerate(films.STRUCTURES)
        )
        yield image, seen, replace(seen, structures=exact)


def airway_offset(bits: NDArray[np.uint16], spacing: float) -> float:
    """Offset in mm of the exact trachea from the middle between the exact clavicles, over its middle half."""
    trachea = (bits >> AIRWAY & 1).astype(bool)
    ys = np.flatnonzero(trachea.any(axis=1))
    right, left = ((bits >> c & 1).astype(bool) for c in CLAVICLES)
    if not len(ys) or not right.any() or not left.any():
        return float("nan")
    rows = ys[len(ys) // 4 : 3 * len(ys) // 4]
    x = np.median([np.flatnonzero(trachea[y]).mean() for y in rows])
    middle = (np.flatnonzero(right.any(axis=0))[-1] + 1 + np.flatnonzero(left.any(axis=0))[0]) / 2
    return float((x - middle) * spacing)


def against_truth(seen: Taken, exact: Taken) -> Iterator[str]:
    """Lines of the table: figure, films with both, mean of the exact one, bias, standard deviation, stated one."""
    yield f"{'figure':34s} {'n':>4s} {'exact':>9s} {'bias':>9s} {'sd':>9s} {'stated':>9s}"
    for figure, truth in exact.values.items():
        both = np.isfinite(truth) & np.isfinite(seen.values[figure])
        if both.sum() < FEWEST:
            continue
        error = (seen.values[figure] - truth)[both]
        stated = seen.sigmas[figure][both]
        yield (
            f"{figure:34s} {both.sum():4d} {truth[both].mean():9.3f} {error.mean():9.3f} {error.std():9.3f} "
            f"{np.median(stated):9.3f}"
        )


def on_projections(file: Path, engine: Engine, pack: Pack) -> Iterator[str]:
    """The table against exact masks, and the trachea found against the exact one."""
    ids = list(pack.figures)
    seen, exact = [], []
    for image, found, truth in projections(file, engine, pack):
        seen.append(figures_of(image, found, pack))
        exact.append(figures_of(image, truth, pack))
    yield from against_truth(taken(seen, ids), taken(exact, ids))
    saved = np.load(file)
    offsets = np.array([airway_offset(b, float(s)) for b, s in zip(saved["masks"], saved["spacing"], strict=True)])
    for figure, definition in pack.figures.items():
        if definition.leaning is not None:
            values = taken(seen, [figure]).values[figure]
            both = np.isfinite(values) & np.isfinite(offsets)
            if both.sum() >= FEWEST:
                error = (values - offsets)[both]
                told = f"n {both.sum()}, bias {error.mean():.2f}, sd {error.std():.2f} mm"
                yield f"{figure} against the exact structure: {told}"


def on_films(items: Sequence[films.Film], engine: Engine, pack: Pack) -> Taken:
    """Figures of real films."""
    rows = []
    for film in items:
        image = scaled(film)
        rows.append(figures_of(image, perception.observe(image, pack, engine), pack))
    return taken(rows, list(dict.fromkeys(i for row in rows for i in row)))


def main(argv: Sequence[str] | None = None) -> None:
    """Parses the command line and prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--ct", type=Path, help="projections of whyray_train.ct_films")
    parser.add_argument("--model", type=Path, help="model folder; default: the shipped one")
    parser.add_argument("--split", action="append", choices=["train", "val"], help="default: both")
    parser.add_argument("--limit", type=int, help="films of each label and of the normal ones, a view")
    options = parser.parse_args(argv)
    reader = Reader(Settings(model=options.model))
    pack = reader.packs[0]
    engine = reader.engine(pack)
    table, _ = films.read_table(options.data)
    items = [f for f in table if f.split in (options.split or ["train", "val"])]
    chosen = few(items, options.limit)
    lines = list(against_labels(chosen, on_films(chosen, engine, pack)))
    if options.ct is not None:
        lines += ["", *on_projections(options.ct, engine, pack)]
    print("\n".join(lines))


def few(items: Sequence[films.Film], limit: int | None) -> list[films.Film]:
    """The films that the table needs, at most `limit` of a label and view, in the order of the table."""
    kept = []
    counts: dict[tuple[str, str], int] = {}
    for film in items:
        groups = [(x, film.known_view) for x in (*LABELS, films.NORMAL_LABEL) if x in film.labels]
        if groups and (limit is None or min(counts.get(g, 0) for g in groups) < limit):
            kept.append(film)
            for g in groups:
                counts[g] = counts.get(g, 0) + 1
    return kept


if __name__ == "__main__":
    main()
