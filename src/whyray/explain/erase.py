"""In-painting: replace the broad brightness of a region by that of its surroundings, keep the fine detail.

A veil or consolidation is broad; ribs and vessels are fine. So the picture is split at the scale of the
region into a low and a high band; the low band is interpolated into the region from donor pixels by
normalised convolution (Knutsson & Westin 1993) over a pyramid, and the high band is put back.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Frame, Image, Region

F32 = NDArray[np.float32]
Mask = NDArray[np.bool_]

WORK = 256  # side of the grid on which the low band is solved
RIM = 3  # grid cells around the region that give nothing: the sign's own blurred edge
DETAIL = 4.0  # sigma in grid cells that parts low from high band


def erase(image: Image, region: Region, donors: Mask | None = None) -> Image:
    """The film without `region`.

    Parameters
    ----------
    image
        The film.
    region
        Source pixels to in-paint.
    donors
        bool (rows, cols): pixels whose brightness may be used, e.g. the rest of the lungs; None = all others.
        When fewer donors than a twentieth of the region are left, all other pixels serve.

    Returns
    -------
    Image
        Same geometry, new pixels in [0, 1]; pixels outside the region (and its soft rim) are unchanged.
    """
    from scipy import ndimage

    pixels = image.pixels[0]
    frame = Frame(pixels.shape[0], pixels.shape[1], WORK)
    low_source = frame.to_grid(pixels)
    covered = frame.to_grid(region.mask().astype(np.float32))
    hole = covered > min(0.05, float(covered.max()) / 2)
    wide = ndimage.binary_dilation(hole, iterations=RIM)
    inside = frame.to_grid(np.ones_like(pixels)) > 0.5
    giving = inside & ~wide
    if donors is not None:
        limited = giving & (frame.to_grid(donors.astype(np.float32)) > 0.5)
        giving = limited if limited.sum() >= hole.sum() / 20 else giving
    band = _low_band(low_source, inside)
    filled = fill(low_source, giving)
    soft = ndimage.gaussian_filter(hole.astype(np.float32), 1.0)
    change = np.where(inside, (filled - band) * np.minimum(1.0, 2 * soft), 0)
    return image.with_pixels(
        np.clip(pixels + frame.to_source(change.astype(np.float32)), 0, 1)[None].astype(np.float32),
        _tag(region),
    )


def fill(values: F32, known: Mask) -> F32:
    """Values everywhere, taken from the nearest scale at which `known` pixels are found (normalised convolution)."""
    from scipy import ndimage

    out = np.zeros_like(values)
    settled = np.zeros_like(values)
    weight = known.astype(np.float32)
    for sigma in (2, 4, 8, 16, 32, 64):
        total = ndimage.gaussian_filter(weight, sigma)
        mean = ndimage.gaussian_filter(values * weight, sigma) / np.maximum(total, 1e-6)
        trust = np.clip(total / 0.05, 0, 1) * (1 - settled)
        out += mean * trust
        settled += trust
    mean_known = float(values[known].mean()) if known.any() else float(values.mean())
    return np.asarray(out + mean_known * (1 - settled), dtype=np.float32)


def _low_band(values: F32, inside: Mask) -> F32:
    from scipy import ndimage

    weight = inside.astype(np.float32)
    return np.asarray(
        ndimage.gaussian_filter(values * weight, DETAIL) / np.maximum(ndimage.gaussian_filter(weight, DETAIL), 1e-3),
        dtype=np.float32,
    )


def _tag(region: Region) -> str:
    import hashlib

    return hashlib.sha256(
        repr((region.bbox, region.area_px)).encode() + np.packbits(region.crop).tobytes()
    ).hexdigest()[:12]
