"""``python -m whyray_train.evaluate --data DIR``: the numbers of the shipped (or given) model on unseen films.

Every film goes through the reader as a user's would. Prints AUC per finding with 95 % intervals (bootstrap by
patient), by view, beside the frozen-feature probe of the same run; calibration error; Dice and the gate on val; signs
against study labels and on inserted signs; erasure. What needs a file that is not there (projections of a CT, human
lung masks, the run's weights) is left out with a line that says so.
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from scipy.stats import binomtest

from whyray.domain import ArgumentError, Finding, ImageRefused, Pack, SignDefinition
from whyray.service import Reader, Reading, Settings
from whyray_train import (
    anatomy_eval,
    drawn_eval,
    erasure_eval,
    films,
    heart_eval,
    kerley_eval,
    metrics,
    model_card,
    sign_eval,
    spread,
)
from whyray_train.gating import channels
from whyray_train.probe import probe
from whyray_train.sign_models import STRONG

log = logging.getLogger(__name__)
ERASED = 12  # films with the finding, and normal films, that erasers are measured on
F64 = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Scores:
    """Probabilities of one split: ``fused`` (reasoning) and ``film`` (network head alone), (n, c), and their labels.

    ``together`` (n, c): log-odds that the named signs alone give each finding; ``signs``: scores by sign, (n,), NaN
    where a sign could not be looked for; ``heart`` (n,): cardiothoracic ratio, NaN where it was not measured.
    """

    films: list[films.Film]
    names: list[str]
    labels: Bools
    fused: F64
    film: F64
    together: F64
    signs: dict[str, F64]
    heart: F64


def main() -> None:
    """Parses the command line, prints the tables, writes JSON and the card's numbers when asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, help="model folder; default: the shipped one")
    parser.add_argument("--split", default="devtest", choices=["val", "devtest"])
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"))
    parser.add_argument("--ct", type=Path, help="held-out projections of a CT (whyray_train.ct_films)")
    parser.add_argument("--runs", type=Path, help="folder with net.pt: spread over seeds of the film-level head")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--erased", type=int, default=ERASED, help="films that erasers are measured on; 0 = none")
    parser.add_argument("--json", type=Path, help="write all numbers here")
    parser.add_argument("--card", type=Path, help="model folder whose card takes the numbers")
    parser.add_argument("--page", type=Path, help="with --card: also write the numbers as a page")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    reader = Reader(Settings(model=options.model, cached_readings=1))
    table, heads = films.read_table(options.data)
    numbers: dict[str, Any] = {
        "command": f"python -m whyray_train.evaluate --data DATA --split {options.split}",
        "commit": _commit(),
        "split": options.split,
    }
    numbers["anatomy"] = anatomy(reader, [f for f in table if f.split == "val" and f.anatomy is not None])
    numbers["gate"] = gate_numbers(reader, options.data, [f for f in table if f.split == "val"])
    scores = collect(reader, [f for f in table if f.split == options.split], heads)
    size = reader.engine(reader.packs[0]).card.input_size
    train = [f for f in table if f.split == "train"]
    frozen = probe(train, scores.films, heads, size, options.cache)[:, [heads.index(n) for n in scores.names]]
    numbers["findings"] = findings(scores, frozen)
    numbers["signs"] = sign_numbers(scores)
    pack, engine = reader.packs[0], reader.engine(reader.packs[0])
    channel_labels = {c.name: c.labels or sign_eval.hinting(c.name) for c in channels()}
    of = {s.id: sign_labels(s, channel_labels, pack) for s in pack.signs if s.id in scores.signs}
    numbers["signs_against_labels"] = {
        **sign_eval.against_labels(scores.films, scores.signs, of),
        **sign_eval.together_against_labels(scores.films, scores.names, scores.together),
    }
    numbers["signs_on_inserted"] = sign_eval.on_inserted(engine, options.data, options.cache)
    for name, interval in sign_eval.as_read(engine, pack, options.data, options.cache).items():
        numbers["signs_on_inserted"][name]["as_read"] = interval
    held = [f for f in table if f.split == "val" and f.anatomy is not None and films.NORMAL_LABEL in f.labels]
    numbers["signs_on_inserted"] |= heart_eval.on_widened(reader, held)
    numbers["signs_drawn"] = drawn_eval.on_drawn(reader, [f for f in table if f.split == "val"])
    numbers["pointing"] = sign_eval.pointing(reader, options.data, scores.films)
    numbers["heart_ratio"] = anatomy_eval.ratio_against_label(scores.films, scores.heart)
    numbers["kerley_b"] = kerley_eval.short_lines(engine, options.data, options.cache)
    numbers |= where_present(options, reader)
    show(numbers)
    if options.json is not None:
        options.json.write_text(json.dumps(numbers, indent=1), "utf-8")
    if options.card is not None:
        keep(numbers, options.card / "card.yaml", options.page)


def where_present(options: argparse.Namespace, reader: Reader) -> dict[str, Any]:
    """The numbers that need files which not everybody has; those whose file is missing are left out."""
    data, engine, found = options.data, reader.engine(reader.packs[0]), {}
    parts: tuple[tuple[str, Path | None, Callable[[], dict[str, Any]]], ...] = (
        ("anatomy_ct", options.ct, lambda: anatomy_eval.on_projections(engine, reader.packs[0], options.ct)),
        ("anatomy_human", data / "open_lungs", lambda: anatomy_eval.on_human_lungs(reader, data)),
        (
            "seeds",
            None if options.runs is None else options.runs / "net.pt",
            lambda: spread.measure(data, options.runs, options.split, options.seeds, options.cache),
        ),
        (
            "erasure",
            data if options.erased else None,
            lambda: erasure_eval.erasure(reader, data, [options.split], options.cache, options.erased),
        ),
    )
    for name, needed, measure in parts:
        if needed is None or not needed.exists():
            log.warning("%s is left out: %s", name, "not asked for" if needed is None else f"no {needed}")
            continue
        found[name] = measure()
    return found


def keep(numbers: dict[str, Any], file: Path, page: Path | None) -> None:
    """Writes the numbers into a card, and as a page where one is wanted."""
    document = yaml.safe_load(file.read_text("utf-8"))
    document["numbers"] = numbers
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110, default_flow_style=None)
    file.write_text(text, "utf-8")
    if page is not None:
        page.write_text(model_card.page(document, numbers), "utf-8")


def collect(reader: Reader, items: Sequence[films.Film], heads: Sequence[str]) -> Scores:
    """Reads every film of a split."""
    pack = reader.packs[0]
    diagnoses = [d for d in pack.diagnoses if d.head in heads]
    measured = anatomy_eval.heart_sign(pack)
    fused, film, together, heart, kept = [], [], [], [], []
    learned = {s.id for s in pack.signs if s.learned}
    signs: dict[str, list[float]] = {s.id: [] for s in pack.signs if s.detector is not None and not s.learned}
    for item in items:
        reading = reader.read(item.path, view=item.known_view, spacing_mm=item.spacing_mm)
        concluded = {f.id: f for f in reading.findings}
        fused.append([concluded[d.id].probability for d in diagnoses])
        together.append([_named(concluded[d.id], learned) for d in diagnoses])
        film.append([reading.observations.film_scores[d.id] for d in diagnoses])
        for observed in reading.observations.signs:
            if observed.id in signs:
                signs[observed.id].append(observed.score if observed.ran else np.nan)
            if measured is not None and observed.id == measured.id:
                heart.append(anatomy_eval.heart_ratio(measured, observed))
        kept.append(item)
        _tick(len(kept), len(items))
    names = [d.head or "" for d in diagnoses]
    labels = np.array([[n in f.labels for n in names] for f in kept])
    arrays = {k: np.array(v) for k, v in signs.items()}
    return Scores(kept, names, labels, np.array(fused), np.array(film), np.array(together), arrays, np.array(heart))


def _named(finding: Finding, learned: Set[str]) -> float:
    """Log-odds that signs with a name give a finding."""
    return sum(e.log_lr for e in finding.evidence if e.sign not in learned)


def findings(scores: Scores, frozen: F64) -> dict[str, Any]:
    """AUC tables: fused, network head alone and probe; by view; calibration error."""
    patients = [f.patient for f in scores.films]
    disease = [c for c, n in enumerate(scores.names) if n != films.NORMAL_LABEL]
    out: dict[str, Any] = {"per_finding": {}}
    for c, name in enumerate(scores.names):
        out["per_finding"][name] = {
            kind: metrics.auc_interval(scores.labels[:, c], values[:, c], patients).as_dict()
            for kind, values in (("fused", scores.fused), ("film", scores.film), ("probe", frozen))
        }
    for kind, values in (("fused", scores.fused), ("film", scores.film), ("probe", frozen)):
        out[f"mean_{kind}"] = metrics.mean_auc_interval(
            scores.labels[:, disease], values[:, disease], patients
        ).as_dict()
    out["by_view"] = {view: _one_view(scores, view, disease) for view in ("PA", "AP")}
    for kind, values in (("fused", scores.fused), ("film", scores.film)):
        error = metrics.calibration_error(scores.labels[:, disease], values[:, disease])
        out[f"calibration_error_{kind}"] = round(error, 4)
    bins = metrics.reliability(scores.labels[:, disease], scores.fused[:, disease])
    out["reliability"] = [[round(mean, 3), round(share, 3), n] for mean, share, n in bins]
    return out


def _one_view(scores: Scores, view: str, disease: list[int]) -> dict[str, Any]:
    """AUC of the fused probabilities on the films of one projection."""
    rows = np.array([i for i, f in enumerate(scores.films) if f.view == view])
    patients = [scores.films[i].patient for i in rows]
    labels, values = scores.labels[rows], scores.fused[rows]
    per = {n: metrics.auc_interval(labels[:, c], values[:, c], patients).as_dict() for c, n in enumerate(scores.names)}
    mean = metrics.mean_auc_interval(labels[:, disease], values[:, disease], patients)
    return {"mean": mean.as_dict(), "per_finding": per}


def sign_labels(sign: SignDefinition, of_channel: Mapping[str, frozenset[str]], pack: Pack) -> frozenset[str]:
    """Study labels that say a detected sign is there.

    A measured heart stands for the label of its own name; a sign that shares its channel with another for those of the
    channel's labels that it defines.
    """
    if sign.detector is None:
        return frozenset()
    if "heart" in sign.detector.params:
        return frozenset({anatomy_eval.HEART_LABEL})
    channel = sign.detector.params.get("channel")
    labels = of_channel.get(str(channel), frozenset())
    shared = [s for s in pack.signs if s.detector is not None and s.detector.params.get("channel") == channel]
    own = frozenset(d.label for d in pack.diagnoses if d.label and d.defined_by(sign.id))
    return labels & own if len(shared) > 1 and labels & own else labels


def sign_numbers(scores: Scores) -> dict[str, Any]:
    """False evidence on films labelled normal: share with a named sign at 0.75 and 0.85 (Wilson), films by sign."""
    normal = np.array([films.NORMAL_LABEL in f.labels for f in scores.films])
    named = {k: v for k, v in scores.signs.items() if np.isfinite(v).any()}  # a closer look decides the others
    stacked = np.stack(list(named.values()), axis=1)[normal]
    found = {t: int((stacked >= t).any(axis=1).sum()) for t in (0.75, STRONG)}
    count = int(normal.sum())
    intervals = {str(t): binomtest(n, count).proportion_ci(method="wilson") for t, n in found.items()}
    return {
        "normals": count,
        "normals_with_any_named_sign": {str(t): round(n / count, 3) for t, n in found.items()},
        "normals_interval": {t: [round(float(low), 3), round(float(high), 3)] for t, (low, high) in intervals.items()},
        "strong_on_normals": {k: n for k, v in named.items() if (n := int((v[normal] >= STRONG).sum()))},
        "mean_score_normal_vs_other": {
            k: [round(float(np.nanmean(v[part])), 3) for part in (normal, ~normal)] for k, v in named.items()
        },
    }


def anatomy(reader: Reader, items: Sequence[films.Film]) -> dict[str, Any]:
    """Dice against accepted weak labels (pseudo-labels) at 512 px; lungs together, heart, clavicles together."""
    groups = {"lungs": [0, 1], "right_lung": [0], "left_lung": [1], "heart": [2], "clavicles": [3, 4]}
    ids = list(films.STRUCTURE_BITS)
    values: dict[str, list[float]] = {g: [] for g in groups}
    for item in items:
        if item.anatomy is None:
            continue
        truth = films.load_anatomy(item.anatomy, 512) > 127
        reading = reader.read(item.path, view=item.known_view, spacing_mm=item.spacing_mm)
        found = {s.id: s.region for s in reading.observations.structures}
        for group, members in groups.items():
            ours = anatomy_eval.laid([found.get(ids[m]) for m in members], 512)
            values[group].append(metrics.dice(ours, np.any(truth[members], axis=0)))
    out: dict[str, Any] = {"films": len(items), "truth": "accepted pseudo-labels of val"}
    for group, numbers in values.items():
        rng = np.random.default_rng(0)
        draws = [np.mean(rng.choice(numbers, len(numbers))) for _ in range(1000)]
        low, high = np.percentile(draws, (2.5, 97.5))
        summary = {"value": np.mean(numbers), "low": low, "high": high}
        out[group] = {name: round(float(value), 4) for name, value in summary.items()}
    return out


def gate_numbers(reader: Reader, data: Path, val: Sequence[films.Film]) -> dict[str, Any]:
    """Share of not-adult-frontal films warned about, and of val films (all, and normal) that are."""
    children = sorted((data / "not_adult_frontal").iterdir())
    warned = [_warned(reader, p) for p in children]
    flags = [_warned(reader, f.path) for f in val]
    normal = [w for w, f in zip(flags, val, strict=True) if films.NORMAL_LABEL in f.labels]
    return {
        "not_adult_frontal_warned": [int(sum(warned)), len(warned)],
        "val_warned": [int(sum(flags)), len(flags)],
        "val_normal_warned": [int(sum(normal)), len(normal)],
    }


def _warned(reader: Reader, path: Path) -> bool:
    try:
        reading: Reading = reader.read(path)
    except (ImageRefused, ArgumentError):
        return True
    return not reading.observations.quality.usable


def show(numbers: dict[str, Any]) -> None:
    """Prints the tables."""
    table = numbers["findings"]
    print(f"# {numbers['split']}, commit {numbers['commit']}; AUC, 95 % bootstrap by patient")
    print(f"{'finding':20s} {'fused (reader)':30s} {'network head':30s} {'frozen probe':30s}")
    kinds = ("fused", "film", "probe")
    for name, row in [*table["per_finding"].items(), ("mean", {k: table[f"mean_{k}"] for k in kinds})]:
        print(f"{name:20s} " + " ".join(f"{_text(row[k]):30s}" for k in kinds))
    for view, part in table["by_view"].items():
        print(f"## {view}: mean {_text(part['mean'])}")
        for name, value in part["per_finding"].items():
            print(f"{name:20s} {_text(value)}")
    errors = f"fused {table['calibration_error_fused']}, network {table['calibration_error_film']}"
    print(f"calibration error (15 bins): {errors}")
    for part in (k for k, v in numbers.items() if isinstance(v, Mapping) and k not in ("findings", "erasure")):
        print(f"## {part}")
        for name, value in numbers[part].items():
            print(f"{name}: {value}")
    if "erasure" in numbers:
        print("## erasure")
        for row in erasure_eval.table(numbers["erasure"]):
            print(" | ".join(row))


def _text(value: dict[str, Any]) -> str:
    return f"{value['value']:.3f} ({value['low']:.3f}-{value['high']:.3f}) n={value['positives']}"


def _tick(done: int, total: int) -> None:
    if done % 50 == 0 or done == total:
        print(f"{done}/{total}", file=sys.stderr)


def _commit() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parent)
    return run.stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
