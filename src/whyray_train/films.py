"""Label tables, splits and cached arrays of the training films.

Splits are by patient and come with the table; this module only reads them.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from whyray.domain import Frame, View

TEACHER_PREFIX = "teacher_"
NORMAL_LABEL = "No Finding"
STRUCTURE_BITS = {"right_lung": 1, "left_lung": 2, "heart": 4, "right_clavicle": 8, "left_clavicle": 16}
STRUCTURES = (
    *STRUCTURE_BITS, "trachea", "aortic_knob", "right_hilum", "left_hilum",
    "right_hemidiaphragm", "left_hemidiaphragm", "spine",
)  # fmt: skip

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Film:
    """One row of the label table.

    ``teacher`` is a float vector over the heads without the normal one, or None where the teacher saw the film.
    ``extent_mm`` is the side of the letterboxed film in millimetres, ``spacing_mm`` the pixel of its file.
    """

    id: str
    patient: str
    split: str
    view: str
    labels: frozenset[str]
    teacher: tuple[float, ...] | None
    path: Path
    anatomy: Path | None
    extent_mm: float = 430.0
    spacing_mm: float = 0.42

    def mm_per_px(self, size: int) -> float:
        """Millimetres of one cell when the film is letterboxed to (size, size)."""
        return self.extent_mm / size

    @property
    def known_view(self) -> View:
        """The table's projection as the reader names it."""
        return "PA" if self.view == "PA" else "AP" if self.view == "AP" else "UNKNOWN"


def read_table(data: Path) -> tuple[list[Film], tuple[str, ...]]:
    """All films of ``nih/labels.csv`` and the head names (teacher columns in order, then the normal label)."""
    with (data / "nih" / "labels.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    findings = [c.removeprefix(TEACHER_PREFIX) for c in rows[0] if c.startswith(TEACHER_PREFIX)]
    accepted = _accepted(data)
    films = [_film(row, data, findings, accepted) for row in rows]
    return films, (*findings, NORMAL_LABEL)


def _accepted(data: Path) -> set[str]:
    with (data / "nih_anatomy" / "quality.csv").open(newline="") as handle:
        return {row["id"] for row in csv.DictReader(handle) if row["accept"] == "1"}


def _film(row: dict[str, str], data: Path, findings: Sequence[str], accepted: set[str]) -> Film:
    values = [row[TEACHER_PREFIX + f] for f in findings]
    return Film(
        id=row["id"],
        patient=row["patient"],
        split=row["split"],
        view=row["view"],
        labels=frozenset(row["labels"].split("|")),
        teacher=tuple(map(float, values)) if all(values) else None,
        path=data / "nih" / f"{row['id']}.jpg",
        anatomy=data / "nih_anatomy" / f"{row['id']}.png" if row["id"] in accepted else None,
        extent_mm=_extent(row),
        spacing_mm=float(row["native_spacing_mm"]) * float(row["native_width"]) / float(row["width"]),
    )


def _extent(row: dict[str, str]) -> float:
    """Native spacing times native width is the film's width in mm; the longer side is that of the letterbox."""
    width, height = float(row["width"]), float(row["height"])
    return float(row["native_spacing_mm"]) * float(row["native_width"]) * max(width, height) / width


def targets(films: Sequence[Film], heads: Sequence[str], teacher_weight: float = 0.5) -> F32:
    """Soft targets (n, heads): labels mixed with the teacher where it exists; the normal head stays hard."""
    out = np.array([[float(h in f.labels) for h in heads] for f in films], dtype=np.float32)
    for i, film in enumerate(films):
        if film.teacher is not None:
            soft = np.asarray(film.teacher, dtype=np.float32)
            out[i, : soft.size] = (1 - teacher_weight) * out[i, : soft.size] + teacher_weight * soft
    return out


def normalise(array: F32) -> F32:
    """Stretches a film to its own 1st and 99th percentile, in [0, 1]; what every model input goes through."""
    low, high = np.percentile(array, (1, 99))
    stretched: F32 = np.clip((array - low) / max(float(high - low), 1e-3), 0, 1).astype(np.float32)
    return stretched


def shape(path: Path) -> tuple[int, int]:
    """(rows, columns) of a picture file."""
    with Picture.open(path) as picture:
        return picture.height, picture.width


def load_array(path: Path, size: int) -> U8:
    """One film letterboxed to (size, size) uint8 after `normalise`."""
    with Picture.open(path) as picture:
        array = (np.asarray(picture.convert("L")) / 255).astype(np.float32)
    frame = Frame(array.shape[0], array.shape[1], size)
    return (frame.to_grid(normalise(array)) * 255 + 0.5).astype(np.uint8)


def load_anatomy(path: Path, size: int) -> U8:
    """Weak anatomy labels as soft coverage (structures, size, size) uint8, 255 = fully covered."""
    with Picture.open(path) as picture:
        bits = np.asarray(picture)
    frame = Frame(bits.shape[0], bits.shape[1], size)
    planes = np.stack([(bits & bit > 0).astype(np.float32) for bit in STRUCTURE_BITS.values()])
    return (frame.to_grid(planes) * 255 + 0.5).astype(np.uint8)


def cached(paths: Iterable[Path], size: int, cache: Path, load: Callable[[Path, int], U8] = load_array) -> U8:
    """Stacked arrays of `paths`, decoded once into ``cache`` (memory mapped ``.npy`` keyed by names and size)."""
    items = list(paths)
    kind = "anatomy" if load is load_anatomy else "films"
    key = hashlib.sha256("\n".join(map(str, items)).encode()).hexdigest()[:12]
    file = cache / f"{kind}-{size}-{key}.npy"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        stacked = np.stack([load(p, size) for p in items])
        temporary = file.with_suffix(".tmp.npy")
        np.save(temporary, stacked)
        temporary.rename(file)
    arrays: U8 = np.load(file, mmap_mode="r")
    return arrays
