"""The image value: pixels, geometry, de-identified facts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from whyray.domain.text import Notice

View = Literal["PA", "AP", "LATERAL", "UNKNOWN"]
SpacingSource = Literal["PixelSpacing", "ImagerPixelSpacing", "caller", "none"]


@dataclass(frozen=True, slots=True)
class Geometry:
    """Size and physical scale of the source pixels.

    Attributes
    ----------
    rows, cols
        Source matrix size in pixels.
    spacing_mm
        (row, column) distance between pixel centres in mm, or None when unknown.
    spacing_source
        Where the spacing comes from. ``ImagerPixelSpacing`` is measured at the detector, so distances in
        the body are overestimated by the magnification factor (DICOM PS3.3 10.7.1.3).
    """

    rows: int
    cols: int
    spacing_mm: tuple[float, float] | None = None
    spacing_source: SpacingSource = "none"

    @property
    def calibrated(self) -> bool:
        """True when distances can be given in mm."""
        return self.spacing_mm is not None

    def distance(self, dx_px: float, dy_px: float) -> tuple[float, str]:
        """Length of a pixel vector as (value, unit): mm when calibrated, else px."""
        if self.spacing_mm is None:
            return float(np.hypot(dx_px, dy_px)), "px"
        row, col = self.spacing_mm
        return float(np.hypot(dx_px * col, dy_px * row)), "mm"

    def area_mm2(self, area_px: int) -> float | None:
        """Area in mm^2, or None when uncalibrated."""
        if self.spacing_mm is None:
            return None
        return area_px * self.spacing_mm[0] * self.spacing_mm[1]


@dataclass(frozen=True, eq=False, slots=True)
class Image:
    """One radiograph as the rooms see it; identifiers are already gone.

    Attributes
    ----------
    pixels
        float32 array (1, rows, cols) in [0, 1]; 0 is the most radiolucent (air, black), 1 the densest
        (bone, white), after photometric inversion, rescale and VOI LUT.
    sha256
        Hex digest of the file's bytes.
    path
        What the caller called it; shown, never logged.
    modality
        DICOM modality code (``DX``, ``CR``) or ``UNKNOWN`` for plain pictures.
    view
        ``PA``, ``AP``, ``LATERAL`` or ``UNKNOWN``.
    age_years
        Whole years when the header tells, else None.
    simulated
        True when the file says that its pixels are synthetic (DICOM (0008,001C) Synthetic Data).
    warnings
        What the reader must know about the input.
    """

    pixels: NDArray[np.float32]
    geometry: Geometry
    sha256: str
    path: str
    modality: str = "UNKNOWN"
    view: View = "UNKNOWN"
    age_years: int | None = None
    simulated: bool = False
    warnings: tuple[Notice, ...] = field(default=())

    def with_pixels(self, pixels: NDArray[np.float32], tag: str) -> Image:
        """The same film with other pixels; `tag` is mixed into the digest so caches never confuse the two."""
        return replace(self, pixels=pixels, sha256=f"{self.sha256}+{tag}")
