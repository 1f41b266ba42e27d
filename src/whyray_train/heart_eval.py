"""The enlarged heart on films whose heart was drawn wider: the sign that is measured, beside those that are marked.

No shadow is put in: the film is stretched about the heart's middle, row by row, and the lungs beside it give way up to
the chest wall. Numbers from such films (SIMULATED) never stand beside those of real ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.metrics import average_precision_score

from whyray import imaging
from whyray.domain import Engine, Frame, Image, Region
from whyray.perception import observe
from whyray.perception.detectors.cardiothoracic import thorax_extent
from whyray.perception.grid import row_edges
from whyray.service import Reader
from whyray_train import films, metrics
from whyray_train.insertion import Film

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
KIND = "cardiothoracic_ratio"  # of the detector that measures the sign
SIDE = 1024  # pixels of the films used
LEFT, RIGHT = (1.0, 1.8), (1.0, 1.4)  # by how much a half of the heart is widened
GIVES = 0.85  # of the way to the chest wall: no heart is wider
TAPER_MM = 12.0  # above and below the heart over which the stretch fades
DRAWS, SEED = 4, 29  # widened copies a film


@dataclass(frozen=True, slots=True)
class Widened:
    """A film with a wider heart: ``pixels`` and its ``heart``, both (s, s), and the heart's width over the chest's."""

    pixels: F32
    heart: NDArray[np.bool_]
    ratio: float


def widened(film: Film, rng: np.random.Generator) -> Widened | None:
    """`film` with its heart stretched sideways by random amounts; None where heart or lungs are not marked."""
    plain = as_is(film)
    if plain is None:
        return None
    heart, lungs = plain.heart, (film.right_lung > 0.5, film.left_lung > 0.5)
    size, middle = film.pixels.shape[0], float(ndimage.center_of_mass(heart)[1])
    rows = np.flatnonzero(heart.any(axis=1))
    fade = TAPER_MM / film.mm_per_px
    share = ndimage.gaussian_filter1d(heart.any(axis=1).astype(np.float64), fade / 2)
    edges, every = row_edges(heart), np.arange(size)
    columns = np.broadcast_to(np.arange(size, dtype=np.float64), (size, size))
    source = columns.copy()
    for side, factor in ((0, rng.uniform(*RIGHT)), (1, rng.uniform(*LEFT))):
        sign = (-1, 1)[side]
        half = np.interp(every, rows, np.abs(edges[rows, side] - middle))
        half = np.maximum(ndimage.gaussian_filter1d(half, fade / 3), 2.0)
        wall = np.maximum(np.abs(_wall(lungs[side], side) - middle), half * 1.05)
        wide = np.clip(half * (1 + (factor - 1) * share), half, np.maximum(GIVES * wall, half))
        away = np.maximum((columns - middle) * sign, 0)
        inner = away * (half / wide)[:, None]
        outer = half[:, None] + (away - wide[:, None]) * ((wall - half) / np.maximum(wall - wide, 1e-6))[:, None]
        found = np.where(away <= wide[:, None], inner, np.where(away < wall[:, None], outer, away))
        here = (columns - middle) * sign > 0
        source = np.where(here, middle + sign * found, source)
    at = [np.broadcast_to(every[:, None], source.shape), source]
    pixels = ndimage.map_coordinates(film.pixels, at, order=1, mode="nearest")
    moved = ndimage.map_coordinates(film.heart, at, order=1, mode="nearest") > 0.5
    grown = np.ptp(np.flatnonzero(moved.any(axis=0))) / np.ptp(np.flatnonzero(heart.any(axis=0)))
    return Widened(pixels.astype(np.float32), moved, plain.ratio * float(grown))


def _wall(lung: NDArray[np.bool_], side: int) -> F64:
    """(s,) column of the lung's lateral border in each row, beyond its ends that of its first and last row."""
    rows = np.flatnonzero(lung.any(axis=1))
    border = np.interp(np.arange(lung.shape[0]), rows, row_edges(lung)[rows, side])
    return np.asarray(ndimage.gaussian_filter1d(border, 4.0), dtype=np.float64)


def on_widened(reader: Reader, items: Sequence[films.Film]) -> dict[str, dict[str, Any]]:
    """By the sign's id: AUROC on held-out normal films, as they are and `DRAWS` times widened; AUPRC of the map.

    True is what the masks say: a heart over the limit of the film's view, drawn or not. Films without accepted anatomy,
    or not of `SIDE` pixels, are left out.
    """
    pack, rng = reader.packs[0], np.random.default_rng(SEED)
    engine = reader.engine(pack)
    sign, detector = next((s.id, s.detector) for s in pack.signs if s.detector is not None and s.detector.kind == KIND)
    limits = detector.params["limit"]
    scores, truth, patients, maps, masks = [], [], [], [], []
    for item in items:
        image, film = loaded(item)
        made = [] if film is None else [as_is(film), *(widened(film, rng) for _ in range(DRAWS))]
        for one in made:
            if one is None:
                continue
            given = image.with_pixels(one.pixels[None], f"heart-{one.ratio:.4f}")
            found = next(s for s in observe(given, pack, engine).signs if s.id == sign)
            scores.append(found.score if found.ran and found.score is not None else 0.0)
            truth.append(one.ratio > float(limits.get(image.view, limits["UNKNOWN"])))
            patients.append(item.patient)
            logits, mask = hearts(one, engine)
            maps.append(logits.ravel())
            masks.append(mask.ravel())
    cells = np.concatenate(masks)
    numbers = {
        "auroc": metrics.auc_interval(np.array(truth), np.array(scores), patients).as_dict(),
        "mask_auprc": round(float(average_precision_score(cells, np.concatenate(maps))), 3),
        "mask_share": round(float(cells.mean()), 4),
    }
    return {sign: numbers}


def loaded(item: films.Film) -> tuple[Image, Film | None]:
    """The film as a reader gets it, and with its anatomy; None where it has none, or is not of `SIDE` pixels."""
    image = replace(imaging.load(item.path), view=item.known_view)
    if item.anatomy is None or image.pixels[0].shape != (SIDE, SIDE):
        return image, None
    planes = films.load_anatomy(item.anatomy, SIDE).astype(np.float32) / 255
    mm = item.mm_per_px(SIDE)
    return image, Film(films.normalise(image.pixels[0]), planes[0], planes[1], planes[2], mm)


def as_is(film: Film) -> Widened | None:
    """The film with its own heart; None where heart or lungs are not marked."""
    heart, right, left = (Region.from_mask(m > 0.5) for m in (film.heart, film.right_lung, film.left_lung))
    chest = None if right is None or left is None else thorax_extent(right, left)
    if heart is None or chest is None:
        return None
    return Widened(film.pixels, film.heart > 0.5, (heart.bbox[2] - heart.bbox[0]) / (chest[2] - chest[1]))


def hearts(made: Widened, engine: Engine) -> tuple[F32, NDArray[np.bool_]]:
    """(logits, truth) of the heart on the network's cells, both (n, n)."""
    grid = Frame(SIDE, SIDE, engine.card.input_size).to_grid(made.pixels)
    logits = engine.run(grid[None], ["anatomy"])["anatomy"][engine.card.outputs["anatomy"].index("heart")]
    return logits, Frame(SIDE, SIDE, logits.shape[0]).to_grid(made.heart.astype(np.float32)) > 0.5
