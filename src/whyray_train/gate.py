"""The gate: is this an adult frontal chest film? A logistic unit on the network's embedding.

Negatives: children's films (public sample), rotated films, strong zooms, non-chest pictures and noise.
Two thirds of the children's films were stored at 224 px, so every film is also used after a resize to a
similar size: sharpness must not give the answer away.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Picture

from whyray_train import films
from whyray_train.network import ReaderNet

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]


def embed(net: ReaderNet, images: Iterable[U8]) -> F32:
    """(n, EMBEDDING) embeddings of (s, s) uint8 films."""
    net.eval().to(memory_format=torch.channels_last)
    items, rows = list(images), []
    with torch.no_grad():
        for start in range(0, len(items), 16):
            x = torch.from_numpy(np.stack(items[start : start + 16]).astype(np.float32) / 255).unsqueeze(1)
            rows.append(net.embedding(x).numpy())
    return np.concatenate(rows)


def degraded(image: U8, side: int) -> U8:
    """The film after storage at `side` pixels."""
    small = Picture.fromarray(image).resize((side, side), Picture.Resampling.BILINEAR)
    return np.asarray(small.resize(image.shape[::-1], Picture.Resampling.BILINEAR))


def positives(data: Path, items: list[films.Film], size: int, seed: int) -> list[U8]:
    """Adult frontal films of three sources, as they are and degraded."""
    rng = np.random.default_rng(seed)
    paths = [items[i].path for i in rng.permutation(len(items))[:600]]
    paths += sorted((data / "hannover").glob("*.jpg"))[::2]
    own = [films.load_array(p, size) for p in paths]
    return own + [degraded(a, int(rng.integers(180, 300))) for a in own[::2]]


def negatives(data: Path, items: list[films.Film], size: int, seed: int, children: int = 600) -> list[U8]:
    """Children's films, adult films turned by 90 or 180 degrees, parts of films, and noise."""
    rng = np.random.default_rng(seed)
    pool = sorted((data / "children").glob("*.jpg"))
    picked = [pool[i] for i in rng.permutation(len(pool))[:children]]
    out = [films.load_array(p, size) for p in picked]
    out += [degraded(a, int(rng.integers(160, 260))) for a in out[: children // 3]]
    some = [films.load_array(items[i].path, size) for i in rng.permutation(len(items))[:160]]
    for number, film in enumerate(some):
        if number % 4 < 3:
            out.append(np.ascontiguousarray(np.rot90(film, number % 4 + 1)))
        else:
            out.append(zoomed(film, rng))
    out += [rng.integers(0, 256, (size, size)).astype(np.uint8) for _ in range(20)]
    out += [
        np.clip(degraded(rng.integers(0, 256, (size, size)).astype(np.uint8), int(rng.integers(4, 60))), 0, 255)
        for _ in range(40)
    ]
    return out


def zoomed(film: U8, rng: np.random.Generator) -> U8:
    """A quarter of a film, blown up."""
    size = film.shape[0]
    half = size // 3
    y, x = rng.integers(0, size - half, 2)
    return np.asarray(
        Picture.fromarray(film[y : y + half, x : x + half]).resize((size, size), Picture.Resampling.BILINEAR)
    )


def fit(inside: F32, outside: F32) -> tuple[F32, float]:
    """Weights (d,) and bias of the logistic unit; classes weighted alike."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    x = np.concatenate([inside, outside])
    y = np.concatenate([np.ones(len(inside)), np.zeros(len(outside))])
    scaler = StandardScaler().fit(x)
    model = LogisticRegression(C=0.003, class_weight="balanced", max_iter=2000).fit(scaler.transform(x), y)
    weights = model.coef_[0] / scaler.scale_
    return weights.astype(np.float32), float(model.intercept_[0] - (weights * scaler.mean_).sum())
