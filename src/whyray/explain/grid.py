"""The grid that erasers work on: a film, a hole in it and the cells that may give their brightness.

All erasers part the film at the same scale: they replace the low band inside the hole and leave the high band (rib
edges, vessels, grain) where it is, so that no seam shows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Frame, Image, Region

F32 = NDArray[np.float32]
Mask = NDArray[np.bool_]
Eraser = Callable[[Image, Region, Mask | None], Image]
"""``(film, source pixels to take a sign from, pixels bool (rows, cols) that may serve as model or None = all others)
-> film of the same geometry, pixels in [0, 1], unchanged outside the region and its soft rim``."""

WORK = 256  # side of the grid on which the low band is solved
RIM = 3  # grid cells around the region that give nothing: the sign's own blurred edge
DETAIL = 4.0  # sigma in grid cells that parts low from high band
FEWEST = 20  # part of the hole that must be left as donors: one twentieth


@dataclass(frozen=True, eq=False, slots=True)
class Grid:
    """One film on the working grid; all arrays are (WORK, WORK).

    ``film`` and its low ``band`` are float32; ``hole`` bool: cells to change; ``inside``: cells of the picture;
    ``given``: the donors as the caller named them; ``giving``: those of them apart from the hole, or all other cells
    where too few are left (``enough`` is then False).
    """

    frame: Frame
    film: F32
    band: F32
    hole: Mask
    inside: Mask
    given: Mask
    giving: Mask
    enough: bool

    @staticmethod
    def of(image: Image, region: Region, donors: Mask | None, detail: float = DETAIL) -> Grid:
        """Lays a film, the region to be erased and the donors (bool, source pixels) on the grid.

        ``detail``: sigma in cells that parts the low from the high band.
        """
        from scipy import ndimage

        frame, film, inside, band = laid(image, detail)
        covered = frame.to_grid(region.mask().astype(np.float32))
        hole = covered > min(0.05, float(covered.max()) / 2)
        apart = ~ndimage.binary_dilation(hole, iterations=RIM)
        given = inside if donors is None else inside & (frame.to_grid(donors.astype(np.float32)) > 0.5)
        enough = bool((given & apart).sum() >= hole.sum() / FEWEST)
        giving = given & apart if enough else inside & apart
        return Grid(frame, film, band, hole, inside, given, giving, enough)

    def painted(self, image: Image, region: Region, low: F32, method: str, hole: Mask | None = None) -> Image:
        """The film whose low band is `low` (WORK, WORK) inside the hole; `method` is mixed into the digest."""
        from scipy import ndimage

        changed = self.hole if hole is None else hole
        soft = np.minimum(1.0, 2 * ndimage.gaussian_filter(changed.astype(np.float32), 1.0))
        change = np.where(self.inside, (low - self.band) * soft, 0).astype(np.float32)
        pixels = np.clip(image.pixels[0] + self.frame.to_source(change), 0, 1)
        return image.with_pixels(pixels[None].astype(np.float32), tag(region, method))


@lru_cache(maxsize=2)
def laid(image: Image, detail: float) -> tuple[Frame, F32, Mask, F32]:
    """(frame, film, cells of the picture, low band): the same film is erased from several times in a row.

    Images compare by identity; the arrays are read only.
    """
    pixels = image.pixels[0]
    frame = Frame(pixels.shape[0], pixels.shape[1], WORK)
    film = frame.to_grid(pixels)
    inside = frame.to_grid(np.ones_like(pixels)) > 0.5
    band = low_band(film, inside, detail)
    for array in (film, inside, band):
        array.setflags(write=False)
    return frame, film, inside, band


def low_band(values: F32, inside: Mask, sigma: float = DETAIL) -> F32:
    """Gaussian mean of the cells `inside` (normalised convolution, Knutsson & Westin 1993)."""
    from scipy import ndimage

    weight = inside.astype(np.float32)
    total = np.maximum(ndimage.gaussian_filter(weight, sigma), 1e-3)
    return np.asarray(ndimage.gaussian_filter(values * weight, sigma) / total, dtype=np.float32)


def fill(values: F32, known: Mask) -> F32:
    """Values everywhere, taken from the nearest scale at which `known` cells are found (normalised convolution)."""
    out = np.zeros_like(values)
    settled = np.zeros_like(values)
    weight = known.astype(np.float32)
    for sigma in (2, 4, 8, 16, 32, 64):
        smoothing = gaussian(len(values), sigma)
        total = smoothing @ weight @ smoothing.T
        mean = smoothing @ (values * weight) @ smoothing.T / np.maximum(total, 1e-6)
        trust = np.clip(total / 0.05, 0, 1) * (1 - settled)
        out += mean * trust
        settled += trust
    mean_known = float(values[known].mean()) if known.any() else float(values.mean())
    return np.asarray(out + mean_known * (1 - settled), dtype=np.float32)


@lru_cache(maxsize=16)
def gaussian(size: int, sigma: float) -> F32:
    """Matrix (size, size) of ``scipy.ndimage.gaussian_filter1d``: two products are cheaper than a wide filter."""
    from scipy import ndimage

    return np.asarray(ndimage.gaussian_filter1d(np.eye(size), sigma, axis=0), dtype=np.float32)


def tag(region: Region, method: str) -> str:
    """Digest of what was erased and how."""
    text = repr((method, region.bbox, region.area_px)).encode()
    return hashlib.sha256(text + np.packbits(region.crop).tobytes()).hexdigest()[:12]
