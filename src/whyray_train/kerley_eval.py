"""Short septal lines drawn into normal films: how many are found at half a false one a film (SIMULATED signs).

Lines of 0.7 to 0.9 cm are drawn at 1024 px into val films labelled normal with accepted anatomy; what the network
marks on the same films without lines is false (free response: parts of the map against drawn lines).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from whyray.domain import Engine, Frame
from whyray_train import films, looks, metrics
from whyray_train.insertion import Film, insert
from whyray_train.insertion.interstitium import MARK_MM, kerley_b

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Mask = NDArray[np.bool_]
WORK, HALF = 1024, 512  # sides at which lines are drawn and anatomy is kept
LENGTHS_MM = (7.0, 9.0)
FALSE_LINES = 0.5  # a film
LEVELS = 80
TOUCHED = 0.02  # part of a cell that a line must cover
SEED = 1007


@dataclass(frozen=True, eq=False, slots=True)
class Drawn:
    """A film with lines: its pixels (s, s) in [0, 1] and, on cells (n, n) of the map, each line of the set lengths."""

    pixels: F32
    lines: list[Mask]


def drawn(base: Film, size: int, cells: int, rng: np.random.Generator) -> Drawn | None:
    """Lines drawn into `base` (WORK, WORK); None where the film has no room for them."""
    made = insert(kerley_b.__name__, base, rng)
    if made is None:
        return None
    parts, _ = ndimage.label(made.masks[kerley_b.__name__] > 0.5)
    grid, lines = Frame(WORK, WORK, cells), []
    for number, place in enumerate(ndimage.find_objects(parts), start=1):
        length = (place[1].stop - place[1].start) * base.mm_per_px - 2 * MARK_MM
        if LENGTHS_MM[0] <= length <= LENGTHS_MM[1]:
            lines.append(grid.to_grid((parts == number).astype(np.float32)) > TOUCHED)
    return Drawn(Frame(WORK, WORK, size).to_grid(made.pixels), lines)


def free_response(clear: F32, maps: F32, lines: Sequence[Sequence[Mask]], films_of: Sequence[str]) -> dict[str, Any]:
    """Sensitivity at the lowest level with at most `FALSE_LINES` parts on a film without lines.

    Parameters
    ----------
    clear, maps
        (n, h, w) of films without and (m, h, w) of films with lines.
    lines
        By film with lines, the cells (h, w) of each; a line is found when a part above the level touches it.
    films_of
        By film with lines, whose film it is: intervals are over these.
    """
    levels = np.quantile(clear.max(axis=(1, 2)), np.linspace(0, 1, LEVELS))
    false = np.array([np.mean([ndimage.label(m > level)[1] for m in clear]) for level in levels])
    level, rate = next((x, f) for x, f in zip(levels, false, strict=True) if f <= FALSE_LINES)
    peaks = [[float(m[line].max()) for line in some] for m, some in zip(maps, lines, strict=True)]
    found = [np.array(p) > level for p in peaks]
    hits, counts = np.array([f.sum() for f in found]), np.array([f.size for f in found])
    out: dict[str, Any] = {"lines": int(counts.sum()), "films": len(maps), "clear_films": len(clear)}
    out |= {"false_lines_a_film": round(float(rate), 3), "level": round(float(level), 3)}
    if counts.sum():
        draws = [hits[i].sum() / max(counts[i].sum(), 1) for i in metrics.resamples(films_of, 1000)]
        low, high = np.percentile(draws, (2.5, 97.5))
        numbers = {"value": hits.sum() / counts.sum(), "low": low, "high": high}
        out["sensitivity"] = {k: round(float(v), 4) for k, v in numbers.items()}
    return out


def short_lines(engine: Engine, data: Path, cache: Path, split: str = "val") -> dict[str, Any]:
    """Free response of the channel of Kerley B lines on normal films of `split`."""
    table, _ = films.read_table(data)
    items = [f for f in table if f.split == split and f.anatomy is not None and films.NORMAL_LABEL in f.labels]
    images = films.cached([f.path for f in items], WORK, cache)
    masks = films.cached([f.anatomy for f in items if f.anatomy], HALF, cache, films.load_anatomy)
    size, rng = looks.side(engine.card), np.random.default_rng(SEED)

    def marked(pixels: F32) -> F32:
        return looks.maps(engine, pixels)[kerley_b.__name__]

    clear, maps, lines, owners = [], [], [], []
    for item, image, planes in zip(items, images, masks, strict=True):
        pixels = image.astype(np.float32) / 255
        clear.append(marked(Frame(WORK, WORK, size).to_grid(pixels)))
        right, left, heart = Frame(HALF, HALF, WORK).to_grid(planes[:3].astype(np.float32) / 255)
        made = drawn(Film(pixels, right, left, heart, item.mm_per_px(WORK)), size, clear[-1].shape[0], rng)
        if made is not None:
            maps.append(marked(made.pixels))
            lines.append(made.lines)
            owners.append(item.patient)
    found = free_response(np.stack(clear), np.stack(maps), lines, owners)
    return {
        "source": f"lines of {LENGTHS_MM[0]:.0f} to {LENGTHS_MM[1]:.0f} mm drawn into normal {split} films",
        **found,
    }
