"""Signs drawn by eye on train and val films: where real ones lie, which study labels do not say.

They are no radiologist's, and the study labels were known. ``drawn_signs.yaml`` keeps them in per cent of the film.
Those on train films teach the sign maps their place; those on val films say whether a map has learned it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from whyray_train import films, inserted
from whyray_train.atlas import CANNOT, MUST, UNKNOWN
from whyray_train.gating import channels
from whyray_train.marks import Marks, Points, codes
from whyray_train.sources import Source

U8 = NDArray[np.uint8]
Bools = NDArray[np.bool_]
CLEAR = "clear"


@dataclass(frozen=True, slots=True)
class Drawn:
    """One film: closed outlines by channel, surely there and doubtful; channels of which nothing is there."""

    sure: Mapping[str, tuple[Points, ...]]
    doubtful: Mapping[str, tuple[Points, ...]]
    clear: frozenset[str]

    def judged(self, channel: str) -> bool:
        """Whether the film was looked at for the channel."""
        return channel in self.clear or channel in self.sure or channel in self.doubtful


@lru_cache(maxsize=1)
def drawn() -> dict[str, Drawn]:
    """All films of ``drawn_signs.yaml``."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    raw = yaml.load((Path(__file__).parent / "drawn_signs.yaml").read_text("utf-8"), Loader=loader)
    return {str(film): _film(entry) for film, entry in raw["films"].items()}


def _film(entry: Mapping[str, object]) -> Drawn:
    found: dict[str, dict[str, tuple[Points, ...]]] = {"sure": {}, "doubtful": {}}
    for name, parts in entry.items():
        if isinstance(parts, dict):
            for how, areas in parts.items():
                found[how][name] = tuple(tuple((float(x), float(y)) for x, y in area) for area in areas)
    clear = entry[CLEAR]
    return Drawn(found["sure"], found["doubtful"], frozenset(clear if isinstance(clear, list) else ()))


def planes(film: Drawn, names: tuple[str, ...], size: int, shape: tuple[int, int]) -> U8:
    """Codes of `atlas` uint8 (len(names), size, size) of the channels `names` on the letterboxed film.

    Yes inside what is surely there, and no elsewhere but for the edges, for what is doubtful and for areas of other
    signs: a consolidated lung may hide fluid, and haze may be called either. Of a channel that is clear: no everywhere.
    One that was not judged is unknown.
    """
    found = {name: _union(film.sure.get(name, ()), size, shape) for name in names}
    other = {name: _union((*film.sure.get(name, ()), *film.doubtful.get(name, ())), size, shape) for name in names}
    out = np.full((len(names), size, size), UNKNOWN, np.uint8)
    for plane, name in zip(out, names, strict=True):
        if film.judged(name):
            plane[:] = CANNOT
        if name in film.clear or not film.judged(name):
            continue
        for its in other.values():
            plane[its != CANNOT] = UNKNOWN
        plane[found[name] == MUST] = MUST
    return out


def _union(areas: tuple[Points, ...], size: int, shape: tuple[int, int]) -> U8:
    out = np.full((size, size), CANNOT, np.uint8)
    for points in areas:
        code = codes(Marks({"area": points}, {}), size, shape, 1.0)["area"]
        out[(code == UNKNOWN) & (out == CANNOT)] = UNKNOWN
        out[code == MUST] = MUST
    return out


def names() -> tuple[str, ...]:
    """Channels in output order."""
    return tuple(c.name for c in channels())


def drawn_films(data: Path, real: Source) -> Source | None:
    """The rows of `real` (train films) on which signs were drawn, with their codes; None without any.

    ``clear`` does not count against a study label that implies the sign: what was reported was not found.
    """
    items = [f for f in films.read_table(data)[0] if f.split == "train"]
    rows = np.array([i for i, f in enumerate(items) if f.id in drawn()], np.int64)
    if not len(rows):
        return None
    size = real.images.shape[1] // inserted.STRIDE
    signs = np.zeros((len(rows), len(names()), size, size), np.uint8)
    told = np.zeros((len(rows), len(names())), np.float32)
    for i, row in enumerate(rows):
        film = drawn()[items[row].id]
        signs[i] = planes(film, names(), size, films.shape(items[row].path))
        for c, channel in enumerate(channels()):
            told[i, c] = film.judged(channel.name) and not (
                channel.name in film.clear and items[row].labels & channel.labels
            )
    return replace(
        real.rows(rows),
        signs=signs,
        sign_weight=told,
        label_weight=np.zeros(len(rows), np.float32),
        weights=np.where((signs == MUST).any(axis=(1, 2, 3)), 2.0, 1.0),
        drawn=np.ones(len(rows), np.float32),
    )
