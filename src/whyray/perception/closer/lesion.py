"""What every attribute is measured on, and how it is said."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from whyray.domain import Attribute, Line, Mark, Measurement, Observations, Pack
from whyray.perception.closer.contour import Contour
from whyray.perception.closer.crop import F32, F64, Crop
from whyray.perception.closer.rays import RAYS, on_rays, read
from whyray.perception.grid import Box, box

SMALLEST_PX = 16.0  # diameter below which the outline's own cells are its form: 1 px error is 1 / 8 of the radius
FINE_MM = 0.5  # pixel above which a line of 1 mm is not resolved (two samples a period, Nyquist)
CLEAR_FORM = 1.7  # contrast over the clutter from which details of the outline are the lesion's and not the clutter's
FITS = 0.16  # misfit of the body up to which they are
CALM_RAYS = 5.0  # standard deviation, in rays, of the smoothing that makes an outline without its own lobes


@dataclass(frozen=True, eq=False)
class Lesion:
    """A lesion in its crop with its outline, and the film's observations."""

    crop: Crop
    contour: Contour
    observations: Observations
    pack: Pack

    @cached_property
    def noise(self) -> float:
        """Standard deviation of the film's grain in this window (Immerkaer, CVIU 64:300, 1996)."""
        g = self.crop.grey
        if min(g.shape) < 5:
            return 0.0
        part = (
            4 * g[1:-1, 1:-1]
            - 2 * (g[:-2, 1:-1] + g[2:, 1:-1] + g[1:-1, :-2] + g[1:-1, 2:])
            + (g[:-2, :-2] + g[:-2, 2:] + g[2:, :-2] + g[2:, 2:])
        )
        return 1.4826 * float(np.median(np.abs(part[::2, ::2]))) / 6

    def near(self, rim: int) -> Box:
        """Rows and columns of the window within `rim` pixels of the outline's box."""
        mask = self.contour.mask
        rows, cols = box(mask) or (slice(0, mask.shape[0]), slice(0, mask.shape[1]))
        return slice(max(rows.start - rim, 0), rows.stop + rim), slice(max(cols.start - rim, 0), cols.stop + rim)

    @cached_property
    def smooth(self) -> F32:
        """Grey of the window, smoothed where the lesion is."""
        from scipy import ndimage

        sigma = max(1.0, 0.03 * self.contour.diameter)
        wide = self.near(int(4 * sigma) + 1)
        out = self.crop.grey.astype(np.float32)
        out[wide] = ndimage.gaussian_filter(self.crop.grey[wide], sigma)
        return out

    @cached_property
    def depth(self) -> F32:
        """Distance to the outline over its greatest value: 0 at the edge, 1 in the middle."""
        from scipy import ndimage

        wide = self.near(1)
        away = np.zeros(self.contour.mask.shape, dtype=np.float32)
        away[wide] = ndimage.distance_transform_edt(self.contour.mask[wide])
        return away / np.float32(max(float(away.max()), 1e-6))

    @cached_property
    def normals(self) -> tuple[F64, F64]:
        """(n, 2) points about a pixel apart along the outline, and the unit vectors out of the calmed outline there."""
        from scipy import ndimage

        points = self.contour.points
        calm = on_rays((0.0, 0.0), ndimage.gaussian_filter1d(self.contour.radii, CALM_RAYS, mode="wrap"))
        along = np.roll(calm, -1, axis=0) - np.roll(calm, 1, axis=0)
        out = np.stack([along[:, 1], -along[:, 0]], axis=1)
        out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)
        ring = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0, append=points[:1]), axis=1))])
        count = int(np.clip(ring[-1], RAYS, 4 * RAYS))
        at = np.arange(count) * (ring[-1] / count)
        spread = [
            np.stack([np.interp(at, ring, np.append(v[:, k], v[0, k])) for k in (0, 1)], axis=1) for v in (points, out)
        ]
        spread[1] /= np.maximum(np.linalg.norm(spread[1], axis=1, keepdims=True), 1e-9)
        return spread[0], spread[1]

    def strip(self, first: float, last: float) -> F64:
        """(n, steps) grey along the normals from `first` to `last` pixels off the outline, a pixel apart."""
        points, out = self.normals
        off = np.arange(first, last)
        x = points[:, :1] + out[:, :1] * off[None]
        y = points[:, 1:] + out[:, 1:] * off[None]
        return read(self.crop.grey, x, y)

    def mark(self, point: F64) -> Mark:
        """A window point as a mark with its clock hour round the lesion's centre."""
        x, y = float(point[0]), float(point[1])
        return Mark(self.crop.to_source(x, y), clock(x - self.contour.centre[0], y - self.contour.centre[1]))

    def line(self, start: F64, end: F64) -> Line:
        """A segment between two window points."""
        return Line(
            self.crop.to_source(float(start[0]), float(start[1])), self.crop.to_source(float(end[0]), float(end[1]))
        )

    def measured(self, name: str, start: F64, end: F64) -> Measurement:
        """Length between two window points with its line; uncertain by a pixel at each end."""
        value, unit = self.crop.length(start, end)
        return Measurement(name, value, unit, self.scaled(np.sqrt(2.0)), (self.line(start, end),))

    def scaled(self, px: float) -> float:
        """Pixels in the unit that lengths are told in."""
        return float(px) * (self.crop.mm if self.crop.geometry.calibrated else 1.0)

    @property
    def unit(self) -> str:
        """Unit of lengths: mm when calibrated, else px."""
        return "mm" if self.crop.geometry.calibrated else "px"

    def blind(self) -> str | None:
        """Why the outline cannot be judged; None when it can."""
        if self.contour.reason is not None:
            return self.contour.reason
        if self.contour.diameter < SMALLEST_PX:
            return "too_small"
        return None

    def unclear(self) -> str | None:
        """Why details of outline and inside cannot be judged; None when they can."""
        faint = self.contour.contrast < CLEAR_FORM * self.contour.clutter or self.contour.misfit > FITS
        return self.blind() or ("too_faint" if faint else None)


def clock(dx: float, dy: float) -> int:
    """Hour (1 to 12) of a direction on the film, 12 upwards (dy grows downwards)."""
    return round(float(np.degrees(np.arctan2(dx, -dy))) / 30) % 12 or 12


def unknown(attribute: str, reason: str) -> Attribute:
    """An attribute that the film does not tell."""
    return Attribute(attribute, None, reason=reason)
