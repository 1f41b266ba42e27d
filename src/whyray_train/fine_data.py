"""What the second look learns from: lungs of films with inserted signs, and lungs of real films."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Engine, Frame
from whyray.perception import second
from whyray_train import films, inserted
from whyray_train.fine_network import bank

U8 = NDArray[np.uint8]
F16 = NDArray[np.float16]
F32 = NDArray[np.float32]
Bools = NDArray[np.bool_]
SHIFT = 3  # cells of the planes by which a crop may lie beside its place
POSITIVE = 0.9  # target of a sign that the study label implies


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
    """Lungs of real films: ``images`` (m, h, w), ``places`` (m, p, h/4, w/4), ``film`` (m,) whose lung it is.

    ``normal`` rows of normal films; by film ``targets`` and ``weights`` (n, j): the label implies the sign, or the
    film is normal.
    """

    images: U8
    places: F16
    film: NDArray[np.int64]
    normal: NDArray[np.int64]
    targets: F32
    weights: F32

    def bag(self, rng: np.random.Generator) -> int:
        """A film: every other one normal, the rest with a label of one channel, every channel as often."""
        has = np.bincount(self.film, minlength=len(self.targets)) > 0
        shown = (self.targets > 0.5) & has[:, None]
        if rng.random() < 0.5 or not shown.any():
            return int(rng.choice(np.unique(self.film[self.normal])))
        channel = int(rng.choice(np.flatnonzero(shown.any(axis=0))))
        return int(rng.choice(np.flatnonzero(shown[:, channel])))


def gathered(data: Path, cache: Path, base: Engine, count: int, seeds: Sequence[int], seed: int) -> tuple[Crops, Lungs]:
    """Inserted sets of `seeds`, `count` films each, and the real train films, as the first look `base` saw them."""
    rng = np.random.default_rng(seed)
    sets = []
    for draw in seeds:
        made = made_films(data, "train", cache, count, draw)
        sets.append(crops(made, first_look(base, made.images), rng))
    joined = Crops(*(np.concatenate([getattr(s, name) for s in sets]) for name in Crops.__slots__))
    table, _ = films.read_table(data)
    return joined, real_lungs([f for f in table if f.split == "train"], cache, base)


def made_films(
    data: Path, split: str, cache: Path, count: int, seed: int, kinds: tuple[str, ...] | None = None
) -> inserted.Set:
    """Films with inserted signs at the second look's size, masks of all its channels."""
    table, _ = films.read_table(data)
    items = [f for f in table if f.split == split and f.anatomy is not None]
    drawn = bank().kinds if kinds is None else kinds
    detail = inserted.Detail(bank().work, bank().look.stride, drawn, bank().look.channels)
    return inserted.make(items, count, bank().look.size, seed, cache, detail)


def first_look(base: Engine, images: U8) -> list[F32]:
    """Planes (p, size / cell, size / cell) that the reader network gives for (n, size, size) films."""
    frame, card = Frame(images.shape[1], images.shape[2], base.card.input_size), base.card
    out = []
    for image in images:
        found = base.run(frame.to_grid(image / np.float32(255))[None], ["anatomy", "signs"])
        anatomy = 1 / (1 + np.exp(-found["anatomy"]))
        out.append(second.planes(anatomy, found["signs"], card.outputs["anatomy"], bank().look))
    return out


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


def real_lungs(items: Sequence[films.Film], cache: Path, base: Engine) -> Lungs:
    """Both lungs of every film, as they lie."""
    look = bank().look
    images = films.cached([f.path for f in items], look.size, cache)
    found = []
    for row, (image, planes) in enumerate(zip(images, first_look(base, images), strict=True)):
        for lung in second.find(planes[:2], look):
            found.append((second.cut(image, lung, look), second.places(planes, lung, look).astype(np.float16), row))
    pictures, places, film = (np.stack(part) for part in zip(*found, strict=True))
    normal = np.array([films.NORMAL_LABEL in f.labels for f in items])
    implied = np.array([[bool(f.labels & c.labels) for c in bank().channels] for f in items])
    return Lungs(
        pictures,
        places,
        film.astype(np.int64),
        np.flatnonzero(normal[film]),
        np.where(implied, POSITIVE, 0.0).astype(np.float32),
        (implied | normal[:, None]).astype(np.float32),
    )
