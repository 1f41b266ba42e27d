"""What the second look learns from: lungs of films with inserted signs, and lungs of normal films."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Engine, Frame
from whyray.perception import second
from whyray_train import drawn_signs, films, inserted
from whyray_train.fine_network import bank
from whyray_train.gating import channels

U8 = NDArray[np.uint8]
F16 = NDArray[np.float16]
F32 = NDArray[np.float32]
Bools = NDArray[np.bool_]
OFTEN = 3  # times that a film with a drawn sign counts beside one with an inserted sign
SHIFT = 3  # cells of the planes by which a crop may lie beside its place


@dataclass(frozen=True, slots=True)
class Crops:
    """Lungs with inserted signs: ``images`` (m, h, w) and ``signs`` (m, j, h/2, w/2), ``places`` (m, p, h/4, w/4).

    ``known`` and ``shown`` (m, j): the mask is the whole truth; it is not empty.
    """

    images: U8
    places: F16
    signs: U8
    known: Bools
    shown: Bools


@dataclass(frozen=True, slots=True)
class Lungs:
    """Lungs of normal films, without any sign: ``images`` (m, h, w), ``places`` (m, p, h/4, w/4)."""

    images: U8
    places: F16


def gathered(data: Path, cache: Path, base: Engine, count: int, seeds: Sequence[int], seed: int) -> tuple[Crops, Lungs]:
    """Inserted sets of `seeds`, `count` films each, with what was drawn on real films; and the normal train films.

    `base` saw the chest of each.
    """
    rng = np.random.default_rng(seed)
    sets = []
    for draw in seeds:
        made = made_films(data, "train", cache, count, draw)
        sets.append(crops(made, first_look(base, made.images), rng))
    sets += [crops(real, first_look(base, real.images), rng) for real in drawn_films(data, cache)]
    joined = Crops(*(np.concatenate([getattr(s, name) for s in sets]) for name in Crops.__slots__))
    table, _ = films.read_table(data)
    normal = [f for f in table if f.split == "train" and films.NORMAL_LABEL in f.labels]
    return joined, normal_lungs(normal, cache, base)


def made_films(
    data: Path, split: str, cache: Path, count: int, seed: int, kinds: tuple[str, ...] | None = None
) -> inserted.Set:
    """Films with inserted signs at the second look's size, masks of all its channels."""
    table, _ = films.read_table(data)
    items = [f for f in table if f.split == split and f.anatomy is not None]
    drawn = bank().kinds if kinds is None else kinds
    names = [c.name for c in channels()]
    detail = inserted.Detail(bank().work, bank().look.stride, drawn, tuple(names))
    made = inserted.make(items, count, bank().look.size, seed, cache, detail)
    kept = [names.index(name) for name in bank().look.channels]
    return replace(made, signs=made.signs[:, kept], known=made.known[:, kept])


def drawn_films(data: Path, cache: Path) -> list[inserted.Set]:
    """Train films on which a channel's sign was drawn (`drawn_signs`), `OFTEN` times, and those clear of it, once.

    The channel alone is known; films with a doubtful area of it, or whose report has what was not found, are left out.
    """
    look, found = bank().look, []
    items = [f for f in films.read_table(data)[0] if f.split == "train" and f.id in drawn_signs.drawn()]
    for at, channel in enumerate(bank().channels):
        there = [f for f in items if _certain(f, channel.name)]
        clear = [f for f in items if channel.name in drawn_signs.drawn()[f.id].clear and not f.labels & channel.labels]
        if not there:
            continue
        rows = [*there * OFTEN, *clear]
        cells = look.size // look.stride
        signs = np.zeros((len(rows), len(look.channels), cells, cells), np.uint8)
        for plane, film in zip(signs, rows, strict=True):
            drawn = drawn_signs.drawn()[film.id]
            names = drawn_signs.names()
            plane[at] = drawn_signs.planes(drawn, names, cells, films.shape(film.path))[names.index(channel.name)]
        known = np.tile(np.arange(len(look.channels)) == at, (len(rows), 1))
        images = films.cached([f.path for f in rows], look.size, cache)
        kinds = np.array([channel.name] * OFTEN * len(there) + [""] * len(clear))
        found.append(inserted.Set(images, signs, known, np.arange(len(rows)), kinds))
    return found


def _certain(film: films.Film, channel: str) -> bool:
    drawn = drawn_signs.drawn()[film.id]
    return channel in drawn.sure and channel not in drawn.doubtful


def first_look(base: Engine, images: U8) -> list[F32]:
    """`second.planes` that the reader network gives for (n, size, size) films."""
    frame, card = Frame(images.shape[1], images.shape[2], base.card.input_size), base.card
    grids = (frame.to_grid(image / np.float32(255))[None] for image in images)
    found = (base.run(grid, ["anatomy"])["anatomy"] for grid in grids)
    return [second.planes(1 / (1 + np.exp(-a)), card.outputs["anatomy"], bank().look) for a in found]


def crops(made: inserted.Set, seen: Sequence[F32], rng: np.random.Generator) -> Crops:
    """Both lungs of every film, each shifted a little."""
    look, found = bank().look, []
    for image, signs, known, planes in zip(made.images, made.signs, made.known, seen, strict=True):
        for lung in second.find(planes[:2], look):
            down, across = rng.integers(-SHIFT, SHIFT + 1, 2) * look.cell
            at = second.Lung((lung.corner[0] + int(down), lung.corner[1] + int(across)), lung.mirrored, lung.box)
            where, masks = second.places(planes, at, look), second.cut(signs, at, look, look.stride)
            film, shown = second.cut(image, at, look), masks.max(axis=(1, 2)) > 0
            found.append((film, where.astype(np.float16), masks, known, shown))
    return Crops(*(np.stack(part) for part in zip(*found, strict=True)))


def normal_lungs(items: Sequence[films.Film], cache: Path, base: Engine) -> Lungs:
    """Both lungs of every film, as they lie."""
    look = bank().look
    images = films.cached([f.path for f in items], look.size, cache)
    found = []
    for image, planes in zip(images, first_look(base, images), strict=True):
        for lung in second.find(planes[:2], look):
            found.append((second.cut(image, lung, look), second.places(planes, lung, look).astype(np.float16)))
    pictures, places = zip(*found, strict=True)
    return Lungs(np.stack(pictures), np.stack(places))
