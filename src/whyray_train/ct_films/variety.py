"""What differs from film to film: habitus, pose, geometry, exposure; drawn at random from the ranges of a recipe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whyray_train.ct_films.clutter import Clutter
from whyray_train.ct_films.disease import Disease
from whyray_train.ct_films.outlines import Outlines
from whyray_train.ct_films.patient import Scan
from whyray_train.radiograph import Exposure, Response

Range = tuple[float, float]
Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Habitus:
    """Ranges of the patient's build.

    Attributes
    ----------
    scale
        Factor along (depth, row, column) of the whole chest.
    fat, fat_from_mm
        Factor on the thickness of what lies further than `fat_from_mm` outside the thorax.
    wave_mm, knots_mm, held_out_knots_mm
        Standard deviation and knot distance of the smooth random deformation; held-out films have other knots.
    heart
        Factor on depth and column of the heart; the row takes ``heart_row`` of its logarithm.
    heart_row
        Share.
    heart_shift_mm
        Standard deviation of the heart's shift along (depth, row, column).
    heart_fade_mm
        (full, none) distance outside the heart over which its change fades.
    floor_mm, floor_side_mm
        How far both hemidiaphragms lie lower (positive) than in the scan, and the standard deviation by side.
    shoulder_mm
        How far the shoulders are lowered.
    shoulder_lateral_mm, shoulder_off_mm
        (none, full) distance from the midline, and outside the thorax, over which that sets in.
    shoulder_reach_mm
        Distance below the apex over which it fades.
    wall_mm, spine_mm
        (none, full) distance from chest wall and spine over which inner changes set in.
    """

    scale: tuple[Range, Range, Range]
    fat: Range
    fat_from_mm: float
    wave_mm: Range
    knots_mm: float
    held_out_knots_mm: float
    heart: Range
    heart_row: float
    heart_shift_mm: tuple[float, float, float]
    heart_fade_mm: Range
    floor_mm: Range
    floor_side_mm: float
    shoulder_mm: Range
    shoulder_lateral_mm: Range
    shoulder_off_mm: Range
    shoulder_reach_mm: float
    wall_mm: Range
    spine_mm: Range


@dataclass(frozen=True, slots=True)
class Geometry:
    """Ranges of pose and beam.

    Attributes
    ----------
    tilt_deg
        Greatest turn about the axes along (depth, row, column): roll on the film, rotation, nod.
    anteroposterior
        Share of films with the detector at the back.
    distance_pa_mm, distance_ap_mm, gap_mm
        Source to detector; patient to detector.
    side_mm, aspect
        Long side of the film, and the short over the long side.
    shift_mm
        Standard deviation of the film's centre against the lungs' along (row, column).
    ray_mm
        Standard deviation of the central ray against the film's centre.
    step_mm
        Distance of the planes that are summed.
    """

    tilt_deg: tuple[float, float, float]
    anteroposterior: float
    distance_pa_mm: Range
    distance_ap_mm: Range
    gap_mm: Range
    side_mm: Range
    aspect: Range
    shift_mm: tuple[float, float]
    ray_mm: float
    step_mm: float


@dataclass(frozen=True, slots=True)
class Look:
    """Ranges of exposure and display; names as in `Exposure` and `Response`, gains as one common factor.

    ``gamma`` acts on presentation values, ``mineral`` is a factor on what bone attenuates beyond water, ``photons`` is
    the range of its decimal logarithm.
    """

    scatter: Range
    scatter_mm: Range
    blur_px: Range
    photons: Range
    band_mm: tuple[float, ...]
    band_gain: tuple[float, ...]
    gain: Range
    base_gain: Range
    centre: Range
    width: Range
    gamma: Range
    mineral: Range


@dataclass(frozen=True, slots=True)
class Recipe:
    """The whole of ``recipe.yaml``."""

    scan: Scan
    habitus: Habitus
    geometry: Geometry
    look: Look
    disease: Disease
    clutter: Clutter
    outlines: Outlines


@dataclass(frozen=True, eq=False, slots=True)
class Body:
    """One drawn build; units as in `Habitus`, ``wave`` is float64 (3, depth, rows, cols) in mm on knots."""

    scale: Vector
    fat: float
    wave: Vector
    knots_mm: float
    heart: Vector
    heart_shift: Vector
    floor_mm: tuple[float, float]
    shoulder_mm: float


@dataclass(frozen=True, eq=False, slots=True)
class Pose:
    """One drawn geometry: turns in degrees, lengths in mm, film size in pixels; ``from_front`` is an AP film."""

    turn_deg: Vector
    from_front: bool
    distance_mm: float
    gap_mm: float
    rows: int
    cols: int
    pitch_mm: float
    centre_mm: Vector
    ray_mm: Vector


def read_recipe(path: Path | None = None) -> Recipe:
    """Recipe from `path`, by default the file beside this module; raises ``pydantic.ValidationError``."""
    import yaml
    from pydantic import TypeAdapter

    text = (path or Path(__file__).with_name("recipe.yaml")).read_text(encoding="utf-8")
    return TypeAdapter(Recipe).validate_python(yaml.safe_load(text))


def draw_body(how: Habitus, extent_mm: Vector, rng: np.random.Generator, held_out: bool) -> Body:
    """A build; `extent_mm` (3,) is the size of the volume that the deformation spans."""
    pitch = how.held_out_knots_mm if held_out else how.knots_mm
    shape = [int(np.ceil(e / pitch)) + 3 for e in extent_mm]
    heart = rng.uniform(*np.log(how.heart))
    both = rng.uniform(*how.floor_mm)
    sides = both + rng.normal(0.0, how.floor_side_mm, 2)
    return Body(
        scale=np.array([rng.uniform(*r) for r in how.scale]),
        fat=float(rng.uniform(*how.fat)),
        wave=rng.normal(0.0, rng.uniform(*how.wave_mm), (3, *shape)),
        knots_mm=pitch,
        heart=np.exp(heart * np.array([1.0, how.heart_row, 1.0])),
        heart_shift=rng.normal(0.0, 1.0, 3) * how.heart_shift_mm,
        floor_mm=(float(sides[0]), float(sides[1])),
        shoulder_mm=float(rng.uniform(*how.shoulder_mm)),
    )


def draw_pose(how: Geometry, size: int, rng: np.random.Generator) -> Pose:
    """A geometry for a film whose long side has `size` pixels."""
    front = bool(rng.random() < how.anteroposterior)
    side, aspect = rng.uniform(*how.side_mm), rng.uniform(*how.aspect)
    short = 2 * round(size * aspect / 2)
    tall = rng.random() < 0.5
    return Pose(
        turn_deg=rng.uniform(-1.0, 1.0, 3) * how.tilt_deg,
        from_front=front,
        distance_mm=float(rng.uniform(*(how.distance_ap_mm if front else how.distance_pa_mm))),
        gap_mm=float(rng.uniform(*how.gap_mm)),
        rows=size if tall else short,
        cols=short if tall else size,
        pitch_mm=float(side / size),
        centre_mm=rng.normal(0.0, 1.0, 2) * how.shift_mm,
        ray_mm=rng.normal(0.0, how.ray_mm, 2),
    )


def draw_exposure(how: Look, rng: np.random.Generator) -> Exposure:
    """Physics of one film."""
    return Exposure(
        scatter=float(rng.uniform(*how.scatter)),
        scatter_mm=float(rng.uniform(*how.scatter_mm)),
        blur_px=float(rng.uniform(*how.blur_px)),
        photons=float(10.0 ** rng.uniform(*how.photons)),
    )


def draw_response(how: Look, middle: float, rng: np.random.Generator) -> Response:
    """Display of one film; `middle` is the attenuation in nepers that the recipe's ``centre`` is added to."""
    gain = rng.uniform(*how.gain)
    return Response(
        band_mm=how.band_mm,
        band_gain=tuple(1.0 + (g - 1.0) * float(gain) for g in how.band_gain),
        base_gain=float(rng.uniform(*how.base_gain)),
        centre=middle + float(rng.uniform(*how.centre)),
        width=float(rng.uniform(*how.width)),
    )
