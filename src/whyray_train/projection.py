"""A perspective X-ray projector for a volume whose planes are parallel to the detector.

With the detector parallel to the coronal planes, the perspective image of one plane is that plane scaled about the
central ray. So a film is a sum over planes of two sparse interpolations (rows, columns): exact rays, no stepping.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Volume = NDArray[np.float32]
Film = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Setup:
    """Where source, patient and detector stand.

    Attributes
    ----------
    source_detector_mm
        Distance from the focal spot to the detector plane along the central ray.
    first_plane_mm
        Distance from the focal spot to the volume's first (most posterior) plane.
    centre_mm
        (row, column) position of the central ray in the volume, in mm from the centre of its first voxel.
    rows, cols
        Detector matrix.
    pitch_mm
        Detector pixel pitch, both directions.
    principal_px
        (row, column) pixel that the central ray hits.
    """

    source_detector_mm: float
    first_plane_mm: float
    centre_mm: tuple[float, float]
    rows: int
    cols: int
    pitch_mm: float
    principal_px: tuple[float, float]

    def magnification(self, depth_mm: float) -> float:
        """Enlargement on the detector of an object `depth_mm` in front of the volume's first plane."""
        return self.source_detector_mm / (self.first_plane_mm + depth_mm)

    def detector_mm(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(rows,), (cols,) positions of the pixel centres in mm from the central ray."""
        down = (np.arange(self.rows) - self.principal_px[0]) * self.pitch_mm
        along = (np.arange(self.cols) - self.principal_px[1]) * self.pitch_mm
        return np.asarray(down, dtype=np.float64), np.asarray(along, dtype=np.float64)

    def to_film(self, point_mm: tuple[float, float, float]) -> tuple[float, float]:
        """(row, column) pixel of a point given in mm (depth, row, column) from the centre of the first voxel."""
        scale = self.magnification(point_mm[0]) / self.pitch_mm
        return (
            self.principal_px[0] + (point_mm[1] - self.centre_mm[0]) * scale,
            self.principal_px[1] + (point_mm[2] - self.centre_mm[1]) * scale,
        )


def project(volume: Volume, spacing: tuple[float, float, float], setup: Setup, smooth: bool = True) -> Film:
    """Line integrals of `volume` along the rays of `setup`.

    Parameters
    ----------
    volume
        float32 (depth, rows, cols), a quantity per mm (attenuation), or 0 / 1 for a path length. Zero outside.
    spacing
        Voxel size in mm along (depth, row, column).
    setup
        The geometry; depth grows away from the source.
    smooth
        Cubic interpolation (Keys 1981, a = -1/2) inside a plane, else linear: use linear for masks.

    Returns
    -------
    ndarray
        float32 (setup.rows, setup.cols): quantity x mm (attenuation: nepers; 0 / 1: mm).
    """
    v, u = setup.detector_mm()
    film = np.zeros((setup.rows, setup.cols), dtype=np.float32)
    for plane in np.flatnonzero(volume.any(axis=(1, 2))):
        shrink = (setup.first_plane_mm + plane * spacing[0]) / setup.source_detector_mm
        down = _weights((v * shrink + setup.centre_mm[0]) / spacing[1], volume.shape[1], smooth)
        along = _weights((u * shrink + setup.centre_mm[1]) / spacing[2], volume.shape[2], smooth)
        film += (along @ (down @ volume[plane]).T).T
    obliquity = np.sqrt(1.0 + (v[:, None] ** 2 + u[None, :] ** 2) / setup.source_detector_mm**2)
    return np.asarray(film * (spacing[0] * obliquity), dtype=np.float32)


def _weights(position: NDArray[np.float64], size: int, smooth: bool) -> Any:
    """Sparse (len(position), size) interpolation matrix; taps outside the grid count as zero."""
    from scipy.sparse import csr_matrix

    base = np.floor(position).astype(np.int64)
    taps = np.arange(-1, 3) if smooth else np.arange(0, 2)
    column = base[:, None] + taps[None, :]
    distance = np.abs(position[:, None] - column)
    value = _cubic(distance) if smooth else np.maximum(0.0, 1.0 - distance)
    inside = (column >= 0) & (column < size)
    row = np.broadcast_to(np.arange(position.size)[:, None], column.shape)
    return csr_matrix((value[inside].astype(np.float32), (row[inside], column[inside])), shape=(position.size, size))


def _cubic(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys' cubic convolution kernel with a = -1/2."""
    near = 1.0 - 2.5 * distance**2 + 1.5 * distance**3
    far = 2.0 - 4.0 * distance + 2.5 * distance**2 - 0.5 * distance**3
    return np.where(distance < 1.0, near, np.where(distance < 2.0, far, 0.0))
