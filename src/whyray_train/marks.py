"""Outlines drawn one by one on train films: structures that no public film set marks.

They are no radiologist's. ``marks.yaml`` keeps them in per cent of the film; what was hardly seen was left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageDraw
from scipy import ndimage

from whyray_train.atlas import CANNOT, MUST, UNKNOWN

U8 = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Points = tuple[tuple[float, float], ...]

FINE = 4  # drawn so many times finer than the cells
DOUBT = 1.0  # cells on both sides of an outline that say neither yes nor no
BAND_MM = 7.0  # thickness of a dome's band, as on the projections (``ct_films/recipe.yaml``)


@dataclass(frozen=True, slots=True)
class Marks:
    """Drawings by film: ``areas`` closed, ``lines`` open, by structure; points (x, y) in per cent of the film."""

    areas: Mapping[str, Points]
    lines: Mapping[str, Points]


@lru_cache(maxsize=1)
def drawn() -> dict[str, Marks]:
    """All films of ``marks.yaml``."""
    raw = yaml.safe_load((Path(__file__).parent / "marks.yaml").read_text("utf-8"))
    return {
        str(film): Marks(_points(entry.get("areas", {})), _points(entry.get("lines", {})))
        for film, entry in raw["films"].items()
    }


def _points(entry: Mapping[str, list[list[float]]]) -> dict[str, Points]:
    return {name: tuple((float(x), float(y)) for x, y in points) for name, points in entry.items()}


def codes(marks: Marks, size: int, shape: tuple[int, int], mm_per_cell: float) -> dict[str, U8]:
    """Codes of `atlas` uint8 (size, size) for each structure that is drawn.

    Parameters
    ----------
    size
        Side of the letterboxed film in cells.
    shape
        (rows, columns) of the film, in any unit.
    mm_per_cell
        Millimetres of a cell.
    """
    out = {name: _code(_area(points, size, shape), DOUBT) for name, points in marks.areas.items()}
    for name, points in marks.lines.items():
        line = _line(points, size, shape)
        band = ndimage.distance_transform_edt(~line) <= BAND_MM / 2 / mm_per_cell * FINE
        out[name] = _code(band, DOUBT / 2)
    return out


def _placed(points: Points, size: int, shape: tuple[int, int]) -> list[tuple[float, float]]:
    scale = size * FINE / max(shape)
    dx, dy = ((size * FINE - n * scale) / 2 for n in shape[::-1])
    return [(x / 100 * shape[1] * scale + dx, y / 100 * shape[0] * scale + dy) for x, y in points]


def _area(points: Points, size: int, shape: tuple[int, int]) -> Mask:
    canvas = Picture.new("1", (size * FINE, size * FINE))
    ImageDraw.Draw(canvas).polygon(_placed(points, size, shape), fill=1, outline=1)
    return np.asarray(canvas, dtype=np.bool_)


def _line(points: Points, size: int, shape: tuple[int, int]) -> Mask:
    canvas = Picture.new("1", (size * FINE, size * FINE))
    ImageDraw.Draw(canvas).line(_placed(points, size, shape), fill=1, width=1)
    return np.asarray(canvas, dtype=np.bool_)


def _code(mask: Mask, doubt: float) -> U8:
    """By the middle of each cell: `MUST` well inside, `CANNOT` well outside, `UNKNOWN` near the edge."""
    inside = ndimage.distance_transform_edt(mask) - ndimage.distance_transform_edt(~mask)
    middle = inside[FINE // 2 :: FINE, FINE // 2 :: FINE] / FINE
    out = np.full(middle.shape, UNKNOWN, np.uint8)
    out[middle >= doubt] = MUST
    out[middle <= -doubt] = CANNOT
    return out
