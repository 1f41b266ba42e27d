"""The outline that a body's own profile fits best.

A body's shadow falls from its middle to its edge as its thickness does: ``(1 - (distance / radius)^2)^power``, with
a power of 1/2 for a sphere and near 0 for a plate. On each ray every radius is judged by the squared difference of
the whole ray from that profile, above a level of its own, and the closed path of least cost joins the rays (dynamic
programming, as in Timp and Karssemeijer, Medical Physics 31:958, 2004). A rib or vessel that crosses changes a
part of the ray and moves the radius less than it moves an edge or a threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from whyray.perception.closer.crop import F32, F64, Mask
from whyray.perception.closer.rays import RAYS, closed_path, sample

POWERS = (0.1, 0.6)  # a plate; a sphere whose thin edge is lost in part
UNSHARP_PX = 1.2  # standard deviation of the film's unsharpness and of the smoothing before the fit
RADII = 64  # radii tried on a ray
STEP_COST = 20.0  # for the squared step from ray to ray, in parts of the middle radius
NEAR_COST = 1.0  # for the squared distance from the mark's outline, in the same unit, where the mark is fine
MARK_ERROR = 2.2  # cells: a body of this radius is pulled half as much
MARK_CALM = 0.35  # of a cell of the mark's grid: its outline says nothing finer
LOWEST, HIGHEST = -0.6, 1.5  # in levels: what is darker or whiter is cut off
SEEN, FADE = 1.75, 0.35  # of the mark's radius: up to where a ray counts, over what part its weight falls
OWN_LEVEL = 0.3  # how firmly a ray's own level is held at zero, as a share of its weight
CALM_RAYS = 1.5  # standard deviation of the smoothing of the outline, in rays
GROWTH = 0.5  # of the radius: how far the outline may leave the mark, beside a part of a cell
LEAST_LEVEL = 0.5  # of the level that the fit starts with
HOLE, HOLLOW, WALL = 0.4, 0.6, 80  # a middle of this part of the radius below this part of the wall's percentile
FILLED = 0.85  # of the radius: a thinner wall is not kept
WILD = 4.0  # standard deviations from which a pixel says nothing about the level


@dataclass(frozen=True, eq=False)
class Dome:
    """A body: ``radii`` (RAYS,) in pixels, ``power`` of its profile, ``level`` in grey above ``ground``.

    ``misfit`` is the mean over the rays of the squared difference from the profile, in squared levels times the
    middle radius: about 0.02 for a body that stands free, 0.1 where other things are as strong as the body.
    """

    centre: tuple[float, float]
    radii: F64
    power: float
    level: float
    ground: float
    misfit: float

    def profile(self, shape: tuple[int, ...]) -> F32:
        """The body in a window: 1 in its middle, 0 from its outline on."""
        return _profile(self.centre, self.radii, self.power, shape)[0]


def calmed(radii: F64, cell: float) -> F64:
    """The outline of a mark without what is finer than the grid that it comes from."""
    from scipy import ndimage

    spread = MARK_CALM * cell / max(float(np.median(radii)), 1.0) * RAYS / (2 * np.pi)
    return np.asarray(ndimage.gaussian_filter1d(radii, float(np.clip(spread, 2, RAYS / 4)), mode="wrap"))


def fit(flat: F32, starts: Sequence[Dome], near: F64, cell: float) -> tuple[Dome, ...]:
    """The outline of each body that is tried, the one that fits best first."""
    return tuple(sorted((outline(flat, start, near, cell) for start in starts), key=lambda d: d.misfit))


def marked(flat: F32, given: Mask, centre: tuple[float, float], near: F64) -> tuple[Dome, ...]:
    """Bodies to start from, one of each of the `POWERS`: a mark with the outline `near`."""
    level = max(float(np.percentile(flat[given], 60)), 2e-3)
    return tuple(Dome(centre, near, power, level, 0.0, np.inf) for power in POWERS)


def solid(flat: F32, start: Dome) -> F32:
    """The film with the lesion's hole, if it has one, filled up to the level of its wall."""
    away = _profile(start.centre, start.radii, 1.0, flat.shape)[1]
    middle, wall = flat[away < HOLE], flat[(away > HOLE) & (away < 1)]
    if not middle.size or not wall.size:
        return flat
    height = float(np.percentile(wall, WALL))
    if float(np.median(middle)) > HOLLOW * height:
        return flat
    return np.where(away < FILLED, np.maximum(flat, np.float32(height)), flat)


def outline(flat: F32, start: Dome, near: F64, cell: float) -> Dome:
    """The body once more: its level within the outline of `start`, then the outline at that level."""
    from scipy import ndimage

    fitted, ground = level(flat, start)
    height = max(fitted, LEAST_LEVEL * start.level)
    usual = float(np.median(near))
    limit = near + np.maximum(GROWTH * usual, 0.6 * cell)
    top = float(limit.max())
    tried: F64 = np.asarray((np.arange(RADII) + 1.0) * (top / RADII), dtype=np.float64)
    depth = np.arange(0.5, 1.35 * top, max(1.0, top / 60))
    ray = np.clip((sample(flat, start.centre, depth) - ground) / height, LOWEST, HIGHEST)
    model = np.clip(1 - (depth[None] / tried[:, None]) ** 2, 0, 1) ** start.power
    model = ndimage.gaussian_filter1d(model, UNSHARP_PX / (depth[1] - depth[0]), axis=1, mode="nearest")
    weight = np.clip((SEEN - depth[None] / near[:, None]) / FADE, 0, 1)
    away = (weight * ray**2).sum(axis=1)[:, None] - 2 * (weight * ray) @ model.T + weight @ (model**2).T
    offset = (weight * ray).sum(axis=1)[:, None] - weight @ model.T
    away = away - offset**2 / ((1 + OWN_LEVEL) * np.maximum(weight.sum(axis=1), 1e-6))[:, None]
    pull = NEAR_COST / (1 + (MARK_ERROR * cell / usual) ** 2)
    away = away * ((depth[1] - depth[0]) / usual)
    cost = away + pull * ((tried[None] - near[:, None]) / usual) ** 2
    cost = np.where(tried[None] > limit[:, None], 1e3, cost)
    best = closed_path(cost, STEP_COST * (top / RADII / usual) ** 2)
    misfit = float(away[np.arange(RAYS), best].mean())
    radii = ndimage.gaussian_filter1d((best + 1) * (top / RADII), CALM_RAYS, mode="wrap")
    return Dome(start.centre, radii, start.power, height, ground, misfit)


def level(flat: F32, dome: Dome) -> tuple[float, float]:
    """(level, ground) of a body by weighted least squares up to 1.5 of its radius, on every fourth pixel."""
    model, away = _profile(dome.centre, dome.radii, dome.power, flat.shape, 2)
    used = away < 1.5
    height, values = model[used].astype(np.float64), flat[::2, ::2][used].astype(np.float64)
    weight = np.ones(len(values))
    found = (0.0, 0.0)
    for _ in range(3):
        total = max(float(weight.sum()), 1e-9)
        mean_h, mean_v = float(weight @ height) / total, float(weight @ values) / total
        slope = float(weight @ ((height - mean_h) * (values - mean_v)))
        slope /= max(float(weight @ (height - mean_h) ** 2), 1e-9)
        found = slope, mean_v - slope * mean_h
        rest = values - found[1] - slope * height
        spread = 1.4826 * float(np.median(np.abs(rest))) + 1e-6
        weight = np.clip(1 - (rest / (WILD * spread)) ** 2, 0, 1) ** 2
    return found


def _profile(
    centre: tuple[float, float], radii: F64, power: float, shape: tuple[int, ...], step: int = 1
) -> tuple[F32, F32]:
    """A body's profile, and the distance from its centre over the radius, on every `step`-th pixel."""
    y = np.arange(0, shape[0], step, dtype=np.float32)[:, None] - np.float32(centre[1])
    x = np.arange(0, shape[1], step, dtype=np.float32)[None, :] - np.float32(centre[0])
    at = np.rint(np.arctan2(y, x) * np.float32(RAYS / (2 * np.pi))).astype(np.intp) % RAYS
    away = np.hypot(x, y) / radii.astype(np.float32)[at]
    return np.clip(1 - away**2, 0, 1) ** np.float32(power), away
