"""A label table and a pack small enough to count by hand."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import yaml

from knowledge.conftest import SmallPack

COLUMNS = (
    "StudyID", "ReportID", "PatientID", "StudyDate_DICOM", "PatientBirth", "Pediatric", "Projection", "MethodLabel",
    "Labels", "LabelsLocalizationsBySentence",
)  # fmt: skip
TERMS: dict[str, Any] = {
    "drop_studies": ["unchanged"],
    "frontal": ["PA"],
    "devices": ["tube"],
    "signs": {"white": ["whitish"], "unseen": ["sick"]},
    "placed": {"black": {"labels": ["white"], "places": [["basal", "right"], ["bilateral"]]}},
    "diagnoses": {"ill": ["sick"], "stranger": ["odd"]},
}


def film(study: str, labels: str, sentences: str = "nan", **more: str) -> dict[str, str]:
    """One row of the table, of an adult's frontal film labelled by a physician."""
    base = {"StudyID": study, "ReportID": f"r{study}", "PatientID": f"p{study}", "StudyDate_DICOM": "20140101",
            "PatientBirth": "1950.0", "Pediatric": "No", "Projection": "PA", "MethodLabel": "Physician",
            "Labels": labels, "LabelsLocalizationsBySentence": sentences}  # fmt: skip
    return base | more


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as text:
        writer = csv.DictWriter(text, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


def labelled(folder: Path) -> SmallPack:
    """The small pack whose sign ``white`` has a label of its own and whose diagnosis states no weight for it."""
    small = SmallPack(folder)
    small.edit("pack.yaml", lambda d: d["settings"].update(supported=0.5))
    small.edit("signs/all.yaml", lambda d: d[0].update(padchest={"labels": ["white"], "n": 3}))
    small.edit("diagnoses/ill.yaml", lambda d: d[0]["weights"].pop(0))
    small.edit("diagnoses/ill.yaml", lambda d: d[0]["weights"].pop(0))
    return small


def terms(folder: Path, **changes: Any) -> Path:
    path = folder / "terms.yaml"
    path.write_text(yaml.safe_dump(TERMS | changes), encoding="utf-8")
    return path
