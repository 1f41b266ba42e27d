"""From line integrals to a film: exposure, scatter, noise, film-like response."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Film = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Exposure:
    """Physics up to the detector.

    Attributes
    ----------
    scatter
        Scattered signal behind the grid as a share of the primary signal around it.
    scatter_mm
        Standard deviation of the scatter's spread on the detector.
    blur_px
        Standard deviation of the detector's blur.
    photons
        Detected quanta a pixel without a patient; sets the noise.
    """

    scatter: float
    scatter_mm: float
    blur_px: float
    photons: float


@dataclass(frozen=True, slots=True)
class Response:
    """Logarithmic signal to presentation values.

    Attributes
    ----------
    band_mm, band_gain
        Standard deviations that split the logarithmic signal into bands, fine to coarse, and the gain of each
        band; what is coarser than the last has gain `base_gain`.
    base_gain
        Gain of the coarsest part (below one: dynamic range compression).
    centre
        Logarithmic attenuation in nepers that is shown mid-grey.
    width
        Nepers from mid-grey to 73 % of the way to white (one logistic unit is half of this).
    """

    band_mm: tuple[float, ...]
    band_gain: tuple[float, ...]
    base_gain: float
    centre: float
    width: float


def expose(attenuation: Film, pitch_mm: float, how: Exposure, noise: Film) -> Film:
    """Apparent attenuation in nepers behind scatter, blur and quantum noise.

    Parameters
    ----------
    attenuation
        float32 (rows, cols) line integral in nepers (Beer-Lambert: primary = exp(-attenuation)).
    pitch_mm
        Detector pixel pitch.
    noise
        float32 (rows, cols) standard normal field; scaled to the square root of the local quanta.
    """
    from scipy import ndimage

    primary = np.exp(-attenuation.astype(np.float64))
    signal = primary + how.scatter * ndimage.gaussian_filter(primary, how.scatter_mm / pitch_mm, mode="nearest")
    signal = ndimage.gaussian_filter(signal, how.blur_px, mode="nearest")
    grain = ndimage.gaussian_filter(noise, 0.5)
    noisy = signal + grain / grain.std() * np.sqrt(signal / how.photons)
    return np.asarray(-np.log(np.maximum(noisy, 0.5 / how.photons)), dtype=np.float32)


def develop(film: Film, pitch_mm: float, how: Response) -> Film:
    """Presentation values in [0, 1] (0 black, 1 white) of apparent attenuation in nepers."""
    from scipy import ndimage

    rest = film.astype(np.float64) - how.centre
    shown = np.zeros_like(rest)
    for length, gain in zip(how.band_mm, how.band_gain, strict=True):
        coarse = ndimage.gaussian_filter(rest, length / pitch_mm, mode="nearest")
        shown += gain * (rest - coarse)
        rest = coarse
    shown += how.base_gain * rest
    return np.asarray(1.0 / (1.0 + np.exp(-2.0 * shown / how.width)), dtype=np.float32)
