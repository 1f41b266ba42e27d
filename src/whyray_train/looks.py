"""Sign maps of films as a reading gets them: the first look's, and the second's where the model has one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Engine, Frame, ModelCard
from whyray.perception.detectors.mapped import strength
from whyray.perception.scene import sign_maps
from whyray_train import films, inserted
from whyray_train.atlas import MUST, UNKNOWN
from whyray_train.drawn_signs import drawn, names, planes
from whyray_train.fine_network import bank, film_share
from whyray_train.gating import Channel, channels
from whyray_train.sign_models import Masks

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]


def maps(engine: Engine, film: U8 | F32) -> dict[str, F32]:
    """Channel -> logits (n, n) of one stretched film (s, s): [0, 1], or uint8."""
    pixels = np.asarray(film / np.float32(255 if film.dtype == np.uint8 else 1), dtype=np.float32)
    grid = Frame(pixels.shape[0], pixels.shape[1], engine.card.input_size).to_grid(pixels)
    found = engine.run(grid[None], ["anatomy", "signs"])
    return sign_maps(pixels, 1 / (1 + np.exp(-found["anatomy"])), found["signs"], engine)


def side(card: ModelCard) -> int:
    """Pixels of the side of the finest film that the model looks at."""
    return card.input_size if card.second is None else card.second.size


def cells(channel: Channel, card: ModelCard) -> float:
    """Part of the channel's map whose mean logit is the film's score."""
    if card.second is None or channel.name not in card.second.channels:
        return channel.cells
    return film_share(next(c.cells for c in bank().channels if c.name == channel.name))


def strengths(engine: Engine, images: Iterable[U8]) -> F64:
    """(n, channels) strengths of stretched films."""
    share = {c.name: cells(c, engine.card) for c in channels()}
    found = (maps(engine, image) for image in images)
    return np.array([[strength(m[name], part) for name, part in share.items()] for m in found])


def insertable(data: Path, split: str) -> list[films.Film]:
    """Films of `split` that signs are inserted into: those with accepted anatomy."""
    return [f for f in films.read_table(data)[0] if f.split == split and f.anatomy is not None]


def inserted_films(data: Path, split: str, cache: Path, count: int, seed: int, card: ModelCard) -> inserted.Set:
    """Films of `split` with accepted anatomy and inserted signs, as fine as the model looks; each kind as often."""
    items = insertable(data, split)
    detail = None
    if card.second is not None:
        detail = inserted.Detail(bank().work, card.second.stride, (), tuple(c.name for c in channels()))
    return inserted.make(items, count, side(card), seed, cache, detail)


def drawn_masks(engine: Engine, items: Sequence[films.Film], images: U8) -> Iterator[Masks]:
    """For every channel its maps on those of the stretched `images` of `items` that were judged for it by eye."""
    rows = [i for i, f in enumerate(items) if f.id in drawn()]
    found = [maps(engine, images[i]) for i in rows]
    for channel in channels():
        judged = [
            (i, m[channel.name]) for i, m in zip(rows, found, strict=True) if drawn()[items[i].id].judged(channel.name)
        ]
        size = found[0][channel.name].shape[0] if found else 1
        told = (planes(drawn()[items[i].id], names(), size, films.shape(items[i].path)) for i, _ in judged)
        codes = np.array([plane[names().index(channel.name)] for plane in told]).reshape(-1, size, size)
        logits = np.array([m for _, m in judged], dtype=np.float32).reshape(-1, size, size)
        yield Masks(logits, codes == MUST, codes != UNKNOWN)


def pairs(engine: Engine, made: inserted.Set) -> Iterator[tuple[Channel, NDArray[np.float16], U8]]:
    """For every channel its maps (n, h, w) on the films of `made` and the masks (n, h, w) on the same cells."""
    found = [{k: m.astype(np.float16) for k, m in maps(engine, image).items()} for image in made.images]
    for c, channel in enumerate(channels()):
        stacked = np.stack([m[channel.name] for m in found])
        step = made.signs.shape[-1] // stacked.shape[-1]
        n, h, w = stacked.shape
        masks = made.signs[:, c].reshape(n, h, step, w, step).mean(axis=(2, 4)).round().astype(np.uint8)
        yield channel, stacked, masks
