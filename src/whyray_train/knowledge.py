"""Likelihood ratios of signs for diagnoses, counted from PadChest's label table.

    python -m whyray_train.knowledge --table FILE [--json OUT] [--physician] [--pack FOLDER]

The table is ``PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv(.gz)``, or the ``torchxrayvision`` wheel
that carries it. One study counts once: films of a study are merged, a report filed under two studies is taken
once. Children, studies without a frontal film, and studies whose report says nothing complete are out
(``padchest_terms.yaml``). With ``--pack`` the counted weights of a pack are compared with the table.

A ratio counted here is an association between words of reports: "not written" is taken for "not there", and
the other patients of one hospital are the comparison. Intervals treat studies as independent.
"""

from __future__ import annotations

import argparse
import ast
import csv
import gzip
import io
import json
import math
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, astuple, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TextIO

import yaml

from whyray.domain import ArgumentError, Bilingual, SignWeight
from whyray.knowledge import load_pack

TERMS = Path(__file__).with_name("padchest_terms.yaml")
ADULT_YEARS = 18
SHRINKAGE = 0.5
Z95 = 1.959964
TOLERANCE = 0.02
SPARSE = 10


@dataclass(frozen=True, slots=True)
class Terms:
    """Label sets by sign and diagnosis id, and which studies to leave out."""

    signs: dict[str, frozenset[str]]
    diagnoses: dict[str, frozenset[str]]
    drop_studies: frozenset[str]
    frontal: frozenset[str]


@dataclass(frozen=True, slots=True)
class Ratio:
    """A likelihood ratio with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Association:
    """One sign against one diagnosis: the 2 x 2 table and the two ratios.

    ``identity`` is true when both share a label, so the ratio only repeats a definition; ``sparse`` when
    fewer than ten studies carry both.
    """

    sign: str
    diagnosis: str
    n: int
    both: int
    diagnosis_only: int
    sign_only: int
    neither: int
    present: Ratio
    absent: Ratio
    identity: bool
    sparse: bool


def read_terms(path: Path = TERMS) -> Terms:
    """Term file -> `Terms`; a device standing for a sign or diagnosis is an ArgumentError (TERMS_DEVICE)."""
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    signs = {key: frozenset(labels) for key, labels in raw["signs"].items()}
    diagnoses = {key: frozenset(labels) for key, labels in raw["diagnoses"].items()}
    devices = frozenset(raw["devices"])
    for key, labels in (signs | diagnoses).items():
        if labels & devices:
            raise ArgumentError(
                "TERMS_DEVICE",
                Bilingual(f"{key} 映射到了器械标签。", f"{key} is mapped to device labels."),
                Bilingual("器械是混杂因素，请删除。", "Devices are confounders: remove them."),
            )
    return Terms(signs, diagnoses, frozenset(raw["drop_studies"]), frozenset(raw["frontal"]))


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    """Text of a ``.csv``, a ``.csv.gz``, or the PadChest table inside a wheel."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            name = next(n for n in wheel.namelist() if Path(n).name.startswith("PADCHEST_"))
            with wheel.open(name) as packed, gzip.open(packed) as raw:
                yield io.TextIOWrapper(raw, encoding="utf-8", newline="")
    elif path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8", newline="") as text:
            yield text
    else:
        with path.open(encoding="utf-8", newline="") as text:
            yield text


@lru_cache(maxsize=100_000)
def _labels(cell: str) -> frozenset[str]:
    """Label cell ``"['a', ' b', '']"`` -> {"a", "b"}; empty for a blank or missing cell."""
    if not cell.startswith("["):
        return frozenset()
    return frozenset(label.strip() for label in ast.literal_eval(cell)) - {""}


def _is_adult(row: Mapping[str, str]) -> bool:
    """Whether the study is known to be of an adult (year of study minus year of birth)."""
    try:
        age = int(row["StudyDate_DICOM"][:4]) - int(float(row["PatientBirth"]))
    except ValueError:
        return False
    return row["Pediatric"] != "PED" and age >= ADULT_YEARS


def studies(
    rows: Iterable[Mapping[str, str]], terms: Terms, physician: bool = False
) -> tuple[list[frozenset[str]], Counter[str]]:
    """Label sets of the studies that count, and how many were left out by reason.

    Parameters
    ----------
    rows
        One mapping a film, with PadChest's column names.
    terms
        What to leave out.
    physician
        Only labels written by physicians (27 % of the reports); else also those of PadChest's text network.
    """
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        study = found.setdefault(
            row["StudyID"],
            {"labels": set(), "frontal": False, "adult": True, "physician": True, "report": row["ReportID"]},
        )
        study["labels"] |= _labels(row["Labels"])
        study["frontal"] |= row["Projection"] in terms.frontal
        study["adult"] &= _is_adult(row)
        study["physician"] &= row["MethodLabel"] == "Physician"
    kept: list[frozenset[str]] = []
    out: Counter[str] = Counter()
    reports: set[str] = set()
    for study in found.values():
        reason = _why_out(study, terms, physician, reports)
        reports.add(study["report"])
        if reason:
            out[reason] += 1
        else:
            kept.append(frozenset(study["labels"]))
    return kept, out


def _why_out(study: Mapping[str, Any], terms: Terms, physician: bool, reports: set[str]) -> str | None:
    if not study["labels"]:
        return "no label"
    if study["labels"] & terms.drop_studies:
        return "incomplete or unchanged"
    if not study["adult"]:
        return "child or age unknown"
    if not study["frontal"]:
        return "no frontal film"
    if study["report"] in reports:
        return "report counted before"
    if physician and not study["physician"]:
        return "not labelled by a physician"
    return None


def ratio(hits: int, of: int, false_hits: int, of_others: int) -> Ratio:
    """(hits / of) / (false_hits / of_others) with its 95 % interval by the log method.

    0.5 is added to each cell of the 2 x 2 table, so that empty cells shrink towards 1 instead of giving 0 or
    infinity (Simel, Samsa & Matchar, J Clin Epidemiol 1991;44:763; Haldane 1956 for the 0.5).
    """
    a, n1 = hits + SHRINKAGE, of + 2 * SHRINKAGE
    b, n2 = false_hits + SHRINKAGE, of_others + 2 * SHRINKAGE
    value = (a / n1) / (b / n2)
    spread = Z95 * math.sqrt(1 / a - 1 / n1 + 1 / b - 1 / n2)
    return Ratio(value, value * math.exp(-spread), value * math.exp(spread))


def associate(kept: list[frozenset[str]], terms: Terms) -> list[Association]:
    """Every sign of `terms` against every diagnosis, from the studies' label sets."""
    patterns = Counter(
        (
            frozenset(key for key, labels in terms.signs.items() if labels & study),
            frozenset(key for key, labels in terms.diagnoses.items() if labels & study),
        )
        for study in kept
    )
    return [
        _associate(sign, diagnosis, patterns, bool(terms.signs[sign] & terms.diagnoses[diagnosis]))
        for diagnosis in terms.diagnoses
        for sign in terms.signs
    ]


def _associate(
    sign: str, diagnosis: str, patterns: Counter[tuple[frozenset[str], frozenset[str]]], identity: bool
) -> Association:
    cells: Counter[tuple[bool, bool]] = Counter()
    for (signs, diagnoses), times in patterns.items():
        cells[sign in signs, diagnosis in diagnoses] += times
    both, sign_only = cells[True, True], cells[True, False]
    diagnosis_only, neither = cells[False, True], cells[False, False]
    ill, others = both + diagnosis_only, sign_only + neither
    return Association(
        sign, diagnosis, ill + others, both, diagnosis_only, sign_only, neither,
        ratio(both, ill, sign_only, others), ratio(diagnosis_only, ill, neither, others),
        identity, both < SPARSE,
    )  # fmt: skip


def differences(pack_folder: Path, found: Iterable[Association]) -> list[str]:
    """List the counted weights of the pack that do not follow from the table, one line each.

    A weight differs when the association is missing or an identity, when ``n`` is another number, or when a
    ratio or a limit of its interval is more than 2 % off.
    """
    table = {(a.sign, a.diagnosis): a for a in found}
    pairs = ((d.id, w) for d in load_pack(pack_folder).diagnoses for w in d.weights if w.basis == "counted")
    lines = []
    for diagnosis, weight in pairs:
        counted = table.get((weight.sign, diagnosis))
        where = f"{diagnosis} <- {weight.sign}"
        if counted is None or counted.identity:
            lines.append(f"{where}: no such association can be counted")
        elif not _agrees(weight, counted):
            stated = f"{weight.lr_present} / {weight.lr_absent}"
            lines.append(f"{where}: the pack states {stated}; {_line(counted)}")
    return lines


def _agrees(weight: SignWeight, counted: Association) -> bool:
    stated = (weight.lr_present, *(weight.ci_present or ()), weight.lr_absent, *(weight.ci_absent or ()))
    expected = (*astuple(counted.present), *astuple(counted.absent))
    near = (math.isclose(s, e, rel_tol=TOLERANCE) for s, e in zip(stated, expected, strict=False))
    return len(stated) == len(expected) and all(near) and weight.n == counted.n


def _line(a: Association) -> str:
    note = " identity" if a.identity else " sparse" if a.sparse else ""
    ill, others = a.both + a.diagnosis_only, a.sign_only + a.neither
    present = f"LR+ {a.present.value:7.2f} ({a.present.low:.2f} to {a.present.high:.2f})"
    absent = f"LR- {a.absent.value:5.2f} ({a.absent.low:.2f} to {a.absent.high:.2f})"
    counts = f"{a.both:5d} of {ill:5d} with, {a.sign_only:6d} of {others:6d} without"
    return f"{a.diagnosis:20} {a.sign:26} {counts}  {present}  {absent}{note}"


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    summary = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m whyray_train.knowledge", description=summary)
    parser.add_argument("--table", type=Path, required=True, help="PadChest table, or its wheel")
    parser.add_argument("--terms", type=Path, default=TERMS, help="which labels stand for which id")
    parser.add_argument("--json", type=Path, help="also write every association to this file")
    parser.add_argument("--physician", action="store_true", help="only reports labelled by a physician")
    parser.add_argument("--pack", type=Path, help="compare this pack's counted weights")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Count, print, optionally write and compare; the status is 1 when the pack differs from the table."""
    options = _arguments(argv)
    terms = read_terms(options.terms)
    with _opened(options.table) as text:
        kept, out = studies(csv.DictReader(text), terms, options.physician)
    found = associate(kept, terms)
    reasons = ", ".join(f"{n} {why}" for why, n in out.most_common())
    print(f"{len(kept)} studies counted; left out: {reasons}")
    if options.json:
        document = {"studies": len(kept), "left_out": dict(out), "associations": [asdict(a) for a in found]}
        options.json.write_text(json.dumps(document, indent=1), encoding="utf-8")
    if options.pack is None:
        print("\n".join(map(_line, found)))
        return 0
    lines = differences(options.pack, found)
    print("\n".join(lines) or "every counted weight of the pack follows from the table")
    return 1 if lines else 0


if __name__ == "__main__":
    raise SystemExit(main())
