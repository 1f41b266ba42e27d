"""What the reader network learns from: real films, films with inserted signs, and projections of a CT.

Each source gives rows of one `Batch`: an image, what is known of its anatomy and signs, and its study labels.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from whyray.domain import Frame
from whyray_train import airway, films, inserted, marks, open_lungs
from whyray_train.atlas import UNKNOWN, Atlas, tell_dome
from whyray_train.gating import channels
from whyray_train.told import Spines, Told

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
HALF = 2  # stride of the anatomy map
POSITIVE = 0.9  # target of a sign that the study label implies: labels come from reports, not from the film
LUNG_PX, HEART_PX = (8_000, 75_000), (6_000, 42_000)  # plausible areas on the 512 px labels
FLUID_LABEL = "Effusion"
LUNGS, HEART = [0, 1], 2  # planes of the right and the left lung, and of the heart
DOMES = [films.STRUCTURES.index(f"{side}_hemidiaphragm") for side in ("right", "left")]
WIDEST = 0.25  # share of the projections on which a structure may be larger than on real films
# No core of the one patient for these: his trachea is pushed to one side by the aorta, his spine is wider than most.
OTHERS = frozenset({"trachea", "spine"})
DOUBTFUL = 0.5  # weight of a structure that comes from a rejected film


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one step.

    ``images`` (n, 1, s, s) in [0, 1]; ``anatomy`` (n, k, s/2, s/2) coverage with ``anatomy_weight`` (n, k);
    ``signs`` (n, j, s/4, s/4) coverage with ``sign_weight`` (n, j): 1 where the mask is the whole truth;
    ``film_signs`` (n, j) whether the film shows the sign, with ``film_sign_weight``; ``labels`` (n, c) study labels
    with ``label_weight`` (n,). ``placed`` (n,): 1 where the anatomy planes without weight hold the codes of an atlas.
    ``drawn`` (n,): 1 where the signs hold such codes (`drawn_signs`).
    """

    images: Tensor
    anatomy: Tensor
    anatomy_weight: Tensor
    signs: Tensor
    sign_weight: Tensor
    film_signs: Tensor
    film_sign_weight: Tensor
    labels: Tensor
    label_weight: Tensor
    placed: Tensor
    drawn: Tensor


@dataclass(frozen=True, slots=True)
class Source:
    """Arrays behind the rows of one kind of film; ``weights`` (n,) are drawn with.

    ``anatomy`` (m, k', s/2, s/2) uint8 with ``anatomy_row`` (n,) (-1 = none) and ``anatomy_weight`` (n, k);
    ``signs`` (n, j, s/4, s/4) uint8 or None; ``placed``, ``drawn`` (n,) or None; ``spacing`` (n,) millimetres of an
    image's pixel where that matters; the rest as in `Batch`.
    """

    images: U8
    anatomy: U8
    anatomy_row: NDArray[np.int64]
    anatomy_weight: F32
    signs: U8 | None
    sign_weight: F32
    film_signs: F32
    film_sign_weight: F32
    labels: F32
    label_weight: F32
    weights: NDArray[np.float64]
    placed: F32 | None = None
    spacing: F32 | None = None
    drawn: F32 | None = None

    def draw(self, index: NDArray[np.int64]) -> Batch:
        """The rows `index`."""
        n, size = len(index), self.images.shape[1]
        k, j = self.anatomy_weight.shape[1], self.sign_weight.shape[1]
        anatomy = np.zeros((n, k, size // HALF, size // HALF), np.float32)
        rows = self.anatomy_row[index]
        if (rows >= 0).any():
            anatomy[rows >= 0, : self.anatomy.shape[1]] = self.anatomy[rows[rows >= 0]] / np.float32(255)
        quarter = size // inserted.STRIDE
        signs = np.zeros((n, j, quarter, quarter), np.float32)
        if self.signs is not None:
            signs = self.signs[index] / np.float32(255)
        arrays = (
            self.images[index][:, None] / np.float32(255), anatomy, self.anatomy_weight[index], signs,
            self.sign_weight[index], self.film_signs[index], self.film_sign_weight[index], self.labels[index],
            self.label_weight[index],
            *(np.zeros(n, np.float32) if some is None else some[index] for some in (self.placed, self.drawn)),
        )  # fmt: skip
        return Batch(*(torch.from_numpy(np.ascontiguousarray(a, dtype=np.float32)) for a in arrays))

    def rows(self, index: NDArray[np.int64]) -> Source:
        """A source of the rows `index` alone, on the same anatomy planes."""
        ours = {
            name: value[index]
            for name in self.__slots__
            if name != "anatomy" and (value := getattr(self, name)) is not None
        }
        return replace(self, **ours)


def joined(parts: Sequence[Batch]) -> Batch:
    """One batch of all rows."""
    names = Batch.__slots__
    return Batch(**{name: torch.cat([getattr(p, name) for p in parts]) for name in names})


def plausible(row: dict[str, str]) -> F32:
    """Weight of each structure of a ``quality.csv`` row: 1 accepted, 0.5 organ-like though rejected, 0 unusable.

    The accepted films alone are too easy: a decoder trained on them leaks over the abdomen of portable films.
    """
    if row["accept"] == "1":
        return np.ones(len(films.STRUCTURE_BITS), dtype=np.float32)
    tidy = float(row["stray_lung"]) < 0.12
    right, left = (
        tidy and LUNG_PX[0] < float(row[f"{s}_lung_px"]) < LUNG_PX[1] and float(row[f"solidity_{s}"]) > 0.7
        for s in ("right", "left")
    )
    heart = HEART_PX[0] < float(row["heart_px"]) < HEART_PX[1] and float(row["solidity_heart"]) > 0.85
    clavicles = [tidy and float(row[f"{s}_clavicle"]) == 1 for s in ("right", "left")]
    return np.array([right, left, heart, *clavicles], dtype=np.float32) * DOUBTFUL


def film_signs(items: Sequence[films.Film], heads: Sequence[str], soft: F32) -> tuple[F32, F32]:
    """(targets, weights), both (n, channels), of the signs that study labels imply.

    A normal film shows none; a film with one of the channel's labels shows the sign; one whose labels only hint at it
    is left out; any other abnormal film counts half as a negative. `soft` (n, heads) are the films' soft targets.
    """
    targets = np.zeros((len(items), len(channels())), np.float32)
    weights = np.zeros_like(targets)
    column = {h: i for i, h in enumerate(heads)}
    for i, film in enumerate(items):
        for c, channel in enumerate(channels()):
            if film.labels & channel.labels:
                targets[i, c] = max(POSITIVE * float(soft[i, column[x]]) for x in film.labels & channel.labels)
                weights[i, c] = 1
            elif films.NORMAL_LABEL in film.labels:
                weights[i, c] = 1
            elif not film.labels & channel.hint:
                weights[i, c] = 0.5 if channel.labels else 0
    return targets, weights


def real_films(
    data: Path, split: str, size: int, cache: Path, weights: NDArray[np.float64], told: Told | None = None
) -> Source:
    """Films of one split with study labels, teacher's soft labels and, where usable, weak anatomy.

    Structures of rejected films come from `told` where its readings agreed.
    """
    table, heads = films.read_table(data)
    items = [f for f in table if f.split == split]
    with (data / "nih_anatomy" / "quality.csv").open(newline="") as handle:
        trust = {r["id"]: plausible(r) for r in csv.DictReader(handle)}
    usable = [f for f in items if f.id in trust and trust[f.id].any()]
    paths = [data / "nih_anatomy" / f"{f.id}.png" for f in usable]
    row = {f.id: i for i, f in enumerate(usable)}
    soft = films.targets(items, heads)
    signs, sign_weights = film_signs(items, heads, soft)
    n, k, j = len(items), len(films.STRUCTURES), len(channels())
    anatomy_weight = np.zeros((n, k), np.float32)
    for i, film in enumerate(items):
        if film.id in row:
            anatomy_weight[i, : len(films.STRUCTURE_BITS)] = trust[film.id]
    planes: U8 = films.cached(paths, size // HALF, cache, films.load_anatomy)
    rows = np.array([row.get(f.id, -1) for f in items], np.int64)
    if told is not None:
        planes, rows = retold(planes, rows, anatomy_weight, [f.id for f in items], told)
    return Source(
        films.cached([f.path for f in items], size, cache),
        planes,
        rows,
        anatomy_weight,
        None,
        np.zeros((n, j), np.float32),
        signs,
        sign_weights,
        soft,
        np.ones(n, np.float32),
        weights,
        spacing=np.array([f.mm_per_px(size) for f in items], np.float32),
    )


def retold(
    planes: U8, rows: NDArray[np.int64], weights: F32, ids: Sequence[str], told: Told
) -> tuple[U8, NDArray[np.int64]]:
    """(`planes`, `rows`) with the structures of `told` in the place of doubtful ones; `weights` (n, k) are changed."""
    index = {name: i for i, name in enumerate(told.ids.tolist())}
    planes, rows, marked = np.array(planes), rows.copy(), told.masks.shape[1]
    added: list[U8] = []
    for i, name in enumerate(ids):
        if name not in index or weights[i, LUNGS].min() == 1:
            continue
        found, weight = told.masks[index[name]], told.weights[index[name]]
        if rows[i] < 0:
            rows[i] = len(planes) + len(added)
            added.append(found)
        else:
            planes[rows[i]][weight > 0] = found[weight > 0]
        weights[i, :marked] = np.maximum(weights[i, :marked], weight)
    return np.concatenate([planes, np.stack(added)]) if added else planes, rows


def human_films(data: Path, size: int, cache: Path, heads: int, told: Told) -> Source | None:
    """Films with human lung masks that are not held out, the heart cut out by `told`; they teach the lungs only.

    None when `told` holds none of them (a network too young to agree with itself).
    """
    index = {name: i for i, name in enumerate(told.ids.tolist())}
    items = [f for f in open_lungs.read(data)[0] if f.id in index]
    if not items:
        return None
    found = [index[f.id] for f in items]
    n, j = len(items), len(channels())
    anatomy_weight = np.zeros((n, len(films.STRUCTURES)), np.float32)
    anatomy_weight[:, : told.weights.shape[1]] = told.weights[found]
    none = np.zeros((n, j), np.float32)
    return Source(
        films.cached([f.path for f in items], size, cache), told.masks[found], np.arange(n), anatomy_weight, None,
        none, none, none, np.zeros((n, heads), np.float32), np.zeros(n, np.float32), np.ones(n),
    )  # fmt: skip


def placed(real: Source, projected: Source, ids: Sequence[str] = (), spines: Spines | None = None) -> Source:
    """`real` with the codes of an atlas of `projected` for the structures that no real film has marked.

    Only films whose lungs are known get them. The trachea is told where it shows (`airway`), the spine where
    `spines` has it on the films `ids` (n,).
    """
    first = len(films.STRUCTURE_BITS)
    free = frozenset(films.STRUCTURES.index(name) - first for name in OTHERS)
    atlas = Atlas.of(projected.anatomy[:, first:], projected.anatomy[:, LUNGS])
    known = (real.anatomy_row >= 0) & (real.anatomy_weight[:, LUNGS].min(axis=1) > 0)
    codes = np.full((len(real.anatomy), len(films.STRUCTURES) - first, *real.anatomy.shape[2:]), UNKNOWN, np.uint8)
    for film in np.flatnonzero(known):
        row = real.anatomy_row[film]
        lungs = real.anatomy[row][LUNGS]
        codes[row] = atlas.laid(lungs, free)
        if real.anatomy_weight[film, HEART] > 0:  # an unknown heart may lie on a dome, or miss where a lung ends on it
            for lung, plane in zip(lungs, DOMES, strict=True):
                tell_dome(codes[row][plane - first], lung, real.anatomy[row][HEART])
        if real.spacing is not None:
            spacing = float(real.spacing[film])
            if spines is not None:
                spines.tell(ids[int(film)], codes[row][films.STRUCTURES.index("spine") - first], HALF * spacing)
            band = airway.find(np.asarray(real.images[film]), lungs, spacing)
            if band is not None:
                airway.tell(codes[row][films.STRUCTURES.index("trachea") - first], band, spacing)
    return replace(real, anatomy=np.concatenate([real.anatomy, codes], axis=1), placed=known.astype(np.float32))


def shares(projected: Source) -> F32:
    """(2, k'): least and greatest area of each structure that no real film has marked, over that of both lungs.

    Half of the least of projections, and the greatest but for `WIDEST` of them; those with small lungs (fluid) tell
    nothing of a size.
    """
    first = len(films.STRUCTURE_BITS)
    areas = projected.anatomy.astype(np.float32).sum(axis=(2, 3))
    lungs = areas[:, LUNGS].sum(axis=1)
    kept = lungs >= np.median(lungs)
    low, high = np.quantile(areas[kept, first:] / lungs[kept, None], (0, 1 - WIDEST), axis=0)
    return np.asarray([low / 2, high], dtype=np.float32)


def marked_films(data: Path, real: Source) -> Source | None:
    """The rows of `real` (train films, after `placed`) on which structures were drawn (`marks`); None without any.

    What is drawn takes the place of the atlas; the rest is theirs as in `real`.
    """
    table, _ = films.read_table(data)
    items = [f for f in table if f.split == "train"]
    rows = np.array([i for i, f in enumerate(items) if f.id in marks.drawn()], np.int64)
    if not len(rows):
        return None
    first, size, k = len(films.STRUCTURE_BITS), real.anatomy.shape[-1], real.anatomy_weight.shape[1]
    planes = np.full((len(rows), k, size, size), UNKNOWN, np.uint8)
    for plane, row in zip(planes, rows, strict=True):
        if real.anatomy_row[row] >= 0:
            plane[:] = real.anatomy[real.anatomy_row[row]]
        else:
            plane[:first] = 0
        drawn, shape = marks.drawn()[items[row].id], films.shape(items[row].path)
        told = marks.codes(drawn, size, shape, items[row].mm_per_px(size))
        for name, code in told.items():
            plane[films.STRUCTURES.index(name)] = code
    return replace(
        real.rows(rows),
        anatomy=planes,
        anatomy_row=np.arange(len(rows)),
        weights=np.ones(len(rows)),
        placed=np.ones(len(rows), np.float32),
    )


def inserted_films(
    data: Path, split: str, size: int, cache: Path, count: int, seed: int
) -> tuple[Source, inserted.Set]:
    """Films with inserted signs, made from the split's films with accepted anatomy."""
    table, heads = films.read_table(data)
    items = [f for f in table if f.split == split and f.anatomy is not None]
    made = inserted.make(items, count, size, seed, cache)
    masks = films.cached([f.anatomy for f in items if f.anatomy], size // HALF, cache, films.load_anatomy)
    k, shown = len(films.STRUCTURES), made.shown.astype(np.float32)
    anatomy_weight = np.zeros((count, k), np.float32)
    anatomy_weight[:, : len(films.STRUCTURE_BITS)] = 1
    known = made.known.astype(np.float32)
    source = Source(
        made.images, masks, made.base, anatomy_weight, made.signs, known, shown, known,
        np.zeros((count, len(heads)), np.float32), np.zeros(count, np.float32), np.ones(count),
    )  # fmt: skip
    return source, made


def projected_films(file: Path, size: int, heads: int) -> Source:
    """Projections of a CT (``whyray_train.ct_films``): exact masks of all structures and of pleural fluid.

    Where no air-space opacity was drawn the other signs are known to be absent.
    """
    saved = np.load(file)
    images, bits, veiled = saved["images"], saved["masks"], saved["veiled"]
    n, side, k, j = len(images), images.shape[1], len(films.STRUCTURES), len(channels())
    whole, half = Frame(side, side, size), Frame(side, side, size // HALF)
    quarter = Frame(side, side, size // inserted.STRIDE)
    small = np.stack([(whole.to_grid(i / np.float32(255)) * 255 + 0.5).astype(np.uint8) for i in images])
    masks = np.zeros((n, k, half.size, half.size), np.uint8)
    signs = np.zeros((n, j, quarter.size, quarter.size), np.uint8)
    wet = next(i for i, c in enumerate(channels()) if FLUID_LABEL in c.labels)
    for i, row in enumerate(bits):
        planes = np.stack([(row >> b & 1).astype(np.float32) for b in range(k + 1)])
        masks[i] = (half.to_grid(planes[:k]) * 255 + 0.5).astype(np.uint8)
        signs[i, wet] = (quarter.to_grid(planes[k]) * 255 + 0.5).astype(np.uint8)
    known = np.repeat(~veiled[:, None], j, axis=1).astype(np.float32)
    known[:, wet] = 1
    shown = (signs.max(axis=(2, 3)) > 127).astype(np.float32)
    return Source(
        small, masks, np.arange(n), np.ones((n, k), np.float32), signs, known, shown, known,
        np.zeros((n, heads), np.float32), np.zeros(n, np.float32), np.ones(n),
    )  # fmt: skip
