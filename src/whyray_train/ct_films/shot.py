"""One film of the patient: rays through the warped chest, attenuation and path lengths, exposure, display, masks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from whyray_train import films
from whyray_train.ct_films import clutter, disease, outlines, variety
from whyray_train.ct_films.parts import Part
from whyray_train.ct_films.patient import Patient
from whyray_train.ct_films.variety import Body, Habitus, Pose, Recipe
from whyray_train.ct_films.warp import rotation, to_patient
from whyray_train.radiograph import develop, expose

F32 = NDArray[np.float32]
FLUID_MM = 12.0  # about a quarter of a neper: less is not told from the chest wall
STRIDE, COARSE = 8, 2  # pixels between the nodes of the map; pixels of a path map's cell


@dataclass(frozen=True, eq=False, slots=True)
class Shot:
    """One film.

    Attributes
    ----------
    image
        uint8 (size, size), letterboxed and normalised as `films.load_array` does.
    masks
        bool (structures, size, size), order of `outlines.STRUCTURES`.
    fluid
        bool (size, size): pleural fluid of at least `FLUID_MM` along the ray.
    veiled
        Whether an air-space opacity was drawn, which no mask tells.
    mm_per_px
        Pixel pitch on the detector plane.
    """

    image: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    fluid: NDArray[np.bool_]
    veiled: bool
    mm_per_px: float


def shoot(patient: Patient, recipe: Recipe, rng: np.random.Generator, size: int = 512, held_out: bool = False) -> Shot:
    """A random film of `patient`; the same generator state gives the same film."""
    extent = np.array(patient.attenuation.shape) * patient.spacing
    body = variety.draw_body(recipe.habitus, extent, rng, held_out)
    pose = variety.draw_pose(recipe.geometry, size, rng)
    attenuation, parts, found = disease.fall_ill(patient, recipe.disease, rng)
    attenuation = _mineral(attenuation, recipe, rng)
    at = nodes(patient, body, pose, recipe.habitus, recipe.geometry.step_mm)
    shadow, paths = trace(attenuation, parts, patient, at, pose, recipe.geometry.step_mm)
    wet = paths[[Part.RIGHT_FLUID, Part.LEFT_FLUID]].sum(axis=0) >= FLUID_MM
    fluid = np.kron(wet, np.ones((COARSE, COARSE), np.bool_))[: pose.rows, : pose.cols]
    masks = outlines.outline(paths, pose.rows, pose.cols, pose.pitch_mm, recipe.outlines)
    shadow = clutter.add_tissue(shadow, masks, pose.pitch_mm, recipe.clutter, rng)
    shadow = clutter.add_devices(shadow, masks, pose.pitch_mm, recipe.clutter, rng)
    film = _display(shadow, masks, pose.pitch_mm, recipe, rng)
    film, kept = clutter.frame(film, pose.from_front, recipe.clutter, rng)
    masks, fluid = masks & kept, fluid & kept
    image = (films.normalise(film) * 255 + 0.5).astype(np.uint8)
    around = [((size - n) // 2, size - n - (size - n) // 2) for n in film.shape]
    return Shot(
        np.pad(image, around),
        np.pad(masks, [(0, 0), *around]),
        np.pad(fluid, around),
        "veil" in found,
        pose.pitch_mm,
    )


def _mineral(attenuation: F32, recipe: Recipe, rng: np.random.Generator) -> F32:
    """Attenuation with the share beyond soft tissue weighted up: bones stand out more at lower tube voltage."""
    beam = recipe.scan.beam
    soft = beam.water_per_mm * (1.0 + beam.bone_from_hu / 1000.0)
    factor = rng.uniform(*recipe.look.mineral) - 1.0
    return np.asarray(
        attenuation + np.float32(factor) * np.maximum(attenuation - np.float32(soft), 0), dtype=np.float32
    )


def _display(shadow: F32, masks: NDArray[np.bool_], pitch: float, recipe: Recipe, rng: np.random.Generator) -> F32:
    """Presentation values in [0, 1]: exposed for the lungs, as an automatic exposure control does."""
    lung = masks[:2].any(axis=0)
    middle = float(np.median(shadow[lung])) if lung.any() else float(np.median(shadow))
    noise = rng.standard_normal(shadow.shape, dtype=np.float32)
    seen = expose(shadow, pitch, variety.draw_exposure(recipe.look, rng), noise)
    film = develop(seen, pitch, variety.draw_response(recipe.look, middle, rng))
    return np.asarray(film ** np.exp(rng.uniform(*np.log(recipe.look.gamma))), dtype=np.float32)


def nodes(patient: Patient, body: Body, pose: Pose, how: Habitus, step: float) -> F32:
    """float32 (3, planes, node rows, node cols): where in the scan the nodes lie, in mm from its centre.

    Nodes stand ``STRIDE`` pixels apart on the film and two planes of `step` apart along the beam.
    """
    corners = _corners(patient, body, pose)
    front, back = float(corners[0].max()), float(corners[0].min())
    depth = np.arange(back, front + 2 * step, 2 * step)
    v = (np.arange(0, pose.rows + STRIDE, STRIDE) - (pose.rows - 1) / 2) * pose.pitch_mm - pose.ray_mm[0]
    u = (np.arange(0, pose.cols + STRIDE, STRIDE) - (pose.cols - 1) / 2) * pose.pitch_mm - pose.ray_mm[1]
    detector = back - pose.gap_mm if pose.from_front else front + pose.gap_mm
    source = detector + pose.distance_mm if pose.from_front else detector - pose.distance_mm
    shrink = np.abs(depth - source) / pose.distance_mm
    middle = np.abs(source) / pose.distance_mm
    row = v[None, :] * shrink[:, None] + (pose.centre_mm[0] + pose.ray_mm[0] * middle)
    col = u[None, :] * shrink[:, None] + (pose.centre_mm[1] + pose.ray_mm[1] * middle)
    shape = (depth.size, v.size, u.size)
    points = np.stack(
        [
            np.broadcast_to(depth[:, None, None], shape),
            np.broadcast_to(row[:, :, None], shape),
            np.broadcast_to(col[:, None, :], shape),
        ]
    )
    found = to_patient(points.reshape(3, -1), patient, body, pose, how)
    return np.asarray(found.reshape(3, *shape), dtype=np.float32)


def _corners(patient: Patient, body: Body, pose: Pose) -> NDArray[np.float64]:
    """(3, 8) corners in the room of the box around the lungs, grown to the body's depth."""
    low, high = patient.lungs.copy()
    grown = 40.0 * max(body.fat - 1.0, 0.0)
    low[0] = -patient.centre[0] - grown
    high[0] = patient.attenuation.shape[0] * patient.spacing[0] - patient.centre[0] + grown
    box = np.array([[a, b, c] for a in (low[0], high[0]) for b in (low[1], high[1]) for c in (low[2], high[2])])
    return np.asarray(rotation(pose.turn_deg) @ (box * body.scale).T, dtype=np.float64)


def trace(
    attenuation: F32, parts: NDArray[np.uint8], patient: Patient, nodes: F32, pose: Pose, step: float
) -> tuple[F32, F32]:
    """Sums along the rays.

    Parameters
    ----------
    attenuation
        float32, shape of ``patient.attenuation``, 1/mm.
    parts
        uint8, same shape, values of `Part`.
    nodes
        From `nodes`.
    step
        Distance of the planes in mm.

    Returns
    -------
    tuple
        float32 (rows, cols) nepers; float32 (parts, ceil(rows / 2), ceil(cols / 2)) mm, value k for part k.
    """
    size = torch.tensor(patient.attenuation.shape, dtype=torch.float32)
    spacing = torch.tensor(patient.spacing, dtype=torch.float32)
    centre = torch.from_numpy(patient.centre.astype(np.float32))
    grid = (torch.from_numpy(nodes) + centre[:, None, None, None]) / (spacing * (size - 1) / 2)[:, None, None, None] - 1
    grid = grid.flip(0)
    volume, kinds = (torch.from_numpy(v)[None, None] for v in (attenuation, parts.astype(np.float32)))
    shadow = torch.zeros([(n - 1) * STRIDE + 1 for n in nodes.shape[2:]])
    cells = tuple(-(-n // COARSE) for n in shadow.shape)
    paths = torch.zeros(len(Part), *cells)
    for plane, window in _occupied(volume, grid):
        ends = grid[:, plane : plane + 2, window[0] : window[1], window[2] : window[3]]
        inside = [slice(a * STRIDE, (b - 1) * STRIDE + 1) for a, b in zip(window[::2], window[1::2], strict=True)]
        fine = [s.stop - s.start for s in inside]
        big = F.interpolate(ends.transpose(0, 1), size=fine, mode="bilinear", align_corners=True).permute(0, 2, 3, 1)
        at = torch.stack([big[0], (big[0] + big[1]) / 2])
        shadow[inside[0], inside[1]] += F.grid_sample(volume, at[None], align_corners=True)[0, 0].sum(dim=0)
        kind = F.grid_sample(kinds, at[None, :, ::COARSE, ::COARSE], mode="nearest", align_corners=True)[0, 0].long()
        place = torch.arange(kind[0].numel()).view(kind.shape[1:])
        count = torch.bincount((kind * place.numel() + place).flatten(), minlength=len(Part) * place.numel())
        half = [slice(s.start // COARSE, s.start // COARSE + n) for s, n in zip(inside, place.shape, strict=True)]
        paths[:, half[0], half[1]] += count.view(len(Part), *place.shape)
    slant = _slant(pose)
    small = slant[::COARSE, ::COARSE]
    lengths = paths.numpy()[:, : small.shape[0], : small.shape[1]] * (step * small)
    whole = shadow.numpy()[: pose.rows, : pose.cols] * (step * slant)
    return np.asarray(whole, dtype=np.float32), np.asarray(lengths, dtype=np.float32)


def _occupied(volume: torch.Tensor, grid: torch.Tensor) -> Iterator[tuple[int, tuple[int, int, int, int]]]:
    """Planes of nodes with tissue up to the next plane: index and (first, end row, first, end column) of its nodes."""
    crude = F.max_pool3d(volume, (4, 8, 8), stride=(2, 4, 4), padding=(2, 4, 4))
    seen = F.grid_sample(crude, grid.permute(1, 2, 3, 0)[None], align_corners=True)[0, 0] > 0
    seen = F.max_pool3d(seen[None].float(), 3, stride=1, padding=1)[0] > 0
    for plane in range(len(seen) - 1):
        here = seen[plane] | seen[plane + 1]
        if here.any():
            rows, cols = (torch.nonzero(here.any(dim=d)).flatten() for d in (1, 0))
            yield plane, (int(rows[0]), int(rows[-1]) + 1, int(cols[0]), int(cols[-1]) + 1)


def _slant(pose: Pose) -> F32:
    """Length of a ray between two planes over their distance, float32 (rows, cols)."""
    v = (np.arange(pose.rows) - (pose.rows - 1) / 2) * pose.pitch_mm - pose.ray_mm[0]
    u = (np.arange(pose.cols) - (pose.cols - 1) / 2) * pose.pitch_mm - pose.ray_mm[1]
    return np.asarray(np.sqrt(1.0 + (v[:, None] ** 2 + u[None] ** 2) / pose.distance_mm**2), dtype=np.float32)
