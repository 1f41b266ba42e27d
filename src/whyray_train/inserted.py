"""Films with inserted signs, made once and kept in the cache: what the sign channels learn from and are measured on.

Every film starts from a real film with accepted anatomy and gets one to three signs, or look-alikes only. Its study
labels no longer hold; its anatomy does.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Frame
from whyray_train import films
from whyray_train.gating import channels
from whyray_train.insertion import KINDS, Film, disguise, insert

log = logging.getLogger(__name__)
U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

WORK = 512  # side at which signs are inserted: a line of one millimetre is more than a pixel wide
STRIDE = 4
COMBINED = 0.35  # share of films with a second sign
DISGUISED = 0.5
PLAIN = 0.12  # share of films with look-alikes or nothing


@dataclass(frozen=True, slots=True)
class Set:
    """Inserted films.

    ``images`` (n, s, s) uint8; ``signs`` (n, channels, s / stride, s / stride) uint8 coverage; ``known`` (n, channels)
    bool: the mask of the channel is the whole truth (it was inserted, or the film is a normal one); ``base`` (n,) row
    of the film it was made from; ``kinds`` the kind inserted first ("" = none).
    """

    images: U8
    signs: U8
    known: NDArray[np.bool_]
    base: NDArray[np.int64]
    kinds: NDArray[np.str_]

    @property
    def shown(self) -> NDArray[np.bool_]:
        """(n, channels) signs put in; a thin line may cover less than half of every cell."""
        found: NDArray[np.bool_] = self.signs.max(axis=(2, 3)) > 0
        return found


@dataclass(frozen=True, slots=True)
class Detail:
    """How fine a set is.

    ``work``: side at which signs are inserted; ``stride``: pixels of an image a cell of its masks; ``kinds``: what is
    drawn from, a name as often as it stands there (none = each of `KINDS` once); ``channels``: whose masks are kept
    (none = all).
    """

    work: int = WORK
    stride: int = STRIDE
    kinds: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()


def make(
    items: Sequence[films.Film], count: int, size: int, seed: int, cache: Path, detail: Detail | None = None
) -> Set:
    """`count` films from `items` (all with anatomy), taken from `cache` when the same were made before."""
    names, detail = ",".join(f.id for f in items), detail or Detail()
    key = f"{names}/{count}/{size}/{seed}/{detail}/{_recipe()}"
    file = cache / f"inserted-{size}-{hashlib.sha256(key.encode()).hexdigest()[:12]}.npz"
    if not file.exists():
        made = _make(items, count, size, seed, cache, detail)
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(file, images=made.images, signs=made.signs, known=made.known, base=made.base, kinds=made.kinds)
    saved = np.load(file)
    return Set(*(saved[k] for k in ("images", "signs", "known", "base", "kinds")))


def _recipe() -> str:
    """Hash of the code that makes the films: a change of it makes them anew."""
    here = Path(__file__)
    files = (here, *sorted((here.parent / "insertion").glob("*.py")), here.parent / "sign_templates.yaml")
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _make(items: Sequence[films.Film], count: int, size: int, seed: int, cache: Path, detail: Detail) -> Set:
    work, cells = detail.work, size // detail.stride
    images = films.cached([f.path for f in items], work, cache)
    masks = films.cached([f.anatomy for f in items if f.anatomy], WORK, cache, films.load_anatomy)
    rng = np.random.default_rng(seed)
    names = detail.channels or tuple(c.name for c in channels())
    out = Set(
        np.zeros((count, size, size), np.uint8),
        np.zeros((count, len(names), cells, cells), np.uint8),
        np.zeros((count, len(names)), np.bool_),
        rng.integers(0, len(items), count),
        np.zeros(count, "U24"),
    )
    for i, row in enumerate(out.base):
        planes = masks[row].astype(np.float32) / 255
        if work != WORK:
            planes = Frame(WORK, WORK, work).to_grid(planes[:3])
        base = Film(images[row].astype(np.float32) / 255, planes[0], planes[1], planes[2], items[row].mm_per_px(work))
        kind, pixels, found = _one(base, rng, detail.kinds or KINDS)
        out.kinds[i] = kind
        out.images[i] = (Frame(work, work, size).to_grid(pixels) * 255 + 0.5).astype(np.uint8)
        normal = films.NORMAL_LABEL in items[row].labels
        for c, name in enumerate(names):
            out.known[i, c] = normal or name in found
            if name in found:
                small = Frame(work, work, cells).to_grid(found[name])
                out.signs[i, c] = (np.clip(small, 0, 1) * 255 + 0.5).astype(np.uint8)
        if i % 250 == 249:
            log.info("inserted %d of %d", i + 1, count)
    return out


def _one(base: Film, rng: np.random.Generator, kinds: Iterable[str]) -> tuple[str, F32, dict[str, F32]]:
    """(first kind, pixels, masks by channel) of one film."""
    film, found, first = base, {}, ""  # type: Film, dict[str, F32], str
    if rng.random() < DISGUISED:
        film = disguise(film, rng)
    names = list(kinds)
    wanted = 0 if rng.random() < PLAIN else 1 + int(rng.random() < COMBINED)
    for _ in range(wanted):
        kind = names[int(rng.integers(len(names)))]
        made = insert(kind, film, rng)
        if made is None:
            continue
        first = first or kind
        film = Film(made.pixels, film.right_lung, film.left_lung, film.heart, film.mm_per_px)
        for name, mask in made.masks.items():
            found[name] = np.maximum(found[name], mask) if name in found else mask
    return first, film.pixels, found
