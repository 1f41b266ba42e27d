"""A prior film laid on this film: the map from its pixels to this film's by the outlines of the anatomy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Observations, Region

F64 = NDArray[np.float64]

MIN_STRUCTURES = 3  # fewer outlines fix neither turn nor size
MIN_CONFIDENCE = 0.8  # a structure seen less surely is no landmark
MAX_SHARE = 0.35  # of the film: nothing that is larger is one organ's outline
POINTS = 160  # of an outline
STEPS = 16  # of closest-point fitting, for the similarity and again for the affine map
SCALE_FLOOR = 0.004  # of the chest's width: nearer than this, points count fully
STIFFNESS = 0.02  # pull of the affine map towards the similarity: two films of one chest differ little in shape
MAX_RESIDUAL = 0.05  # of the chest's width
MAX_TURN_DEG = 25.0
MAX_STRETCH = 1.35  # ratio of the largest to the smallest magnification of the map


@dataclass(frozen=True, eq=False, slots=True)
class Alignment:
    """The map of a prior film's pixels onto this film's.

    Attributes
    ----------
    matrix
        float64 (2, 3): ``matrix @ (x, y, 1)`` of the prior film is (x, y) on this film, pixel centres at integers.
    residual
        Upper quartile of the distances between the outlines after fitting, as a share of the width that the
        outlines span on this film.
    structures
        Ids of the structures fitted.
    rows, cols
        Size of this film in pixels.
    """

    matrix: F64
    residual: float
    structures: tuple[str, ...]
    rows: int
    cols: int

    @property
    def magnification(self) -> float:
        """Square root of the ratio of areas: pixels of this film to a pixel of the prior film."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix[:, :2]))))

    @property
    def turn_deg(self) -> float:
        """Rotation in degrees, positive clockwise on the screen."""
        a = self.matrix[:, :2]
        return float(np.degrees(np.arctan2(a[1, 0] - a[0, 1], a[0, 0] + a[1, 1])))

    def points(self, xy: F64) -> F64:
        """(n, 2) points (x, y) of the prior film on this film."""
        moved: F64 = xy @ self.matrix[:, :2].T + self.matrix[:, 2]
        return moved

    def region(self, prior: Region) -> Region | None:
        """A region of the prior film on this film's pixels (nearest neighbour); None when it falls outside."""
        from scipy import ndimage

        x0, y0, x1, y1 = prior.bbox
        corners = self.points(np.array([(x, y) for x in (x0 - 1, x1) for y in (y0 - 1, y1)], dtype=np.float64))
        low, high = np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0)) + 1
        left, top = (int(v) for v in np.clip(low, 0, (self.cols, self.rows)))
        right, bottom = (int(v) for v in np.clip(high, 0, (self.cols, self.rows)))
        if left >= right or top >= bottom:
            return None
        back = np.linalg.inv(self.matrix[:, :2])
        origin = back @ (np.array([left, top]) - self.matrix[:, 2]) - (x0, y0)
        flipped = back[::-1, ::-1]  # (row, column) order
        crop = ndimage.affine_transform(
            prior.crop.astype(np.uint8), flipped, origin[::-1], output_shape=(bottom - top, right - left), order=0
        )
        return Region.from_window(self.rows, self.cols, (left, top, right, bottom), crop > 0)


def align(observations: Observations, earlier: Observations) -> Alignment | None:
    """The map of the `earlier` film onto this one, fitted to the outlines of the structures that both show.

    A similarity (turn, size, place) from the structures' centres is refined by iterated closest points (Besl and
    McKay 1992) with Cauchy weights, then loosened to an affine map for the different tilt and depth of breath of two
    films. Structures are matched by id, so the patient's right stays the right.

    Returns
    -------
    Alignment or None
        None when fewer than `MIN_STRUCTURES` are seen surely on both, or when the outlines do not fit: residual,
        turn or stretch beyond the limits of this module.
    """
    here, there = _outlines(observations), _outlines(earlier)
    shared = tuple(i for i in here if i in there)
    if len(shared) < MIN_STRUCTURES:
        return None
    span_here, span_there = _span({i: here[i] for i in shared}), _span({i: there[i] for i in shared})
    target = {i: here[i] / span_here for i in shared}
    source = {i: there[i] / span_there for i in shared}
    matrix = _similarity(np.array([source[i].mean(0) for i in shared]), np.array([target[i].mean(0) for i in shared]))
    for stiffness in (None, STIFFNESS):
        for _ in range(STEPS):
            a, b, distance = _pairs(matrix, source, target)
            weights = _cauchy(distance)
            rigid = _similarity(a, b, weights)
            matrix = rigid if stiffness is None else _affine(a, b, weights, rigid, stiffness)
    residual = float(np.percentile(_pairs(matrix, source, target)[2], 75))
    scaled = matrix.copy()
    scaled[:, :2] *= span_here / span_there
    scaled[:, 2] *= span_here
    rows, cols = next((s.region.rows, s.region.cols) for s in observations.structures if s.region is not None)
    fitted = Alignment(scaled, residual, shared, rows, cols)
    return fitted if _plausible(fitted) else None


def _plausible(fitted: Alignment) -> bool:
    large, small = np.linalg.svd(fitted.matrix[:, :2], compute_uv=False)
    return (
        fitted.residual <= MAX_RESIDUAL
        and float(np.linalg.det(fitted.matrix[:, :2])) > 0
        and abs(fitted.turn_deg) <= MAX_TURN_DEG
        and large <= MAX_STRETCH * small
    )


def _outlines(observations: Observations) -> dict[str, F64]:
    """Structure id -> (n, 2) points (x, y) of its outline, of the structures that can serve as landmarks."""
    found = {}
    for structure in observations.structures:
        region = structure.region
        if region is None or structure.confidence < MIN_CONFIDENCE:
            continue
        if region.area_px <= MAX_SHARE * region.rows * region.cols:
            found[structure.id] = outline(region, POINTS)
    return {i: points for i, points in found.items() if len(points) >= POINTS // 4}


def outline(region: Region, most: int) -> F64:
    """At most about `most` (n, 2) points (x, y) of a region's outline; where it is cut by the film's edge, none."""
    padded = np.pad(region.crop, 1)
    inner = padded[1:-1, :-2] & padded[1:-1, 2:] & padded[:-2, 1:-1] & padded[2:, 1:-1]
    ys, xs = np.nonzero(region.crop & ~inner)
    points = np.stack([xs + region.bbox[0], ys + region.bbox[1]], axis=1).astype(np.float64)
    inside = (points > 0).all(axis=1) & (points < (region.cols - 1, region.rows - 1)).all(axis=1)
    points = points[inside]
    return points[:: max(1, len(points) // most)]


def _span(outlines: Mapping[str, F64]) -> float:
    """Width of all outlines together, in pixels."""
    xs = np.concatenate([points[:, 0] for points in outlines.values()])
    return float(max(np.ptp(xs), 1.0))


def _pairs(matrix: F64, source: Mapping[str, F64], target: Mapping[str, F64]) -> tuple[F64, F64, F64]:
    """Closest points of the outlines under `matrix`, both ways: (n, 2) of source, (n, 2) of target, (n,) distances."""
    a, b = [], []
    for name, points in source.items():
        moved = points @ matrix[:, :2].T + matrix[:, 2]
        apart = np.linalg.norm(moved[:, None] - target[name][None], axis=2)
        a += [points, points[apart.argmin(axis=0)]]
        b += [target[name][apart.argmin(axis=1)], target[name]]
    from_, to = np.concatenate(a), np.concatenate(b)
    distance = np.linalg.norm(from_ @ matrix[:, :2].T + matrix[:, 2] - to, axis=1)
    return from_, to, distance


def _cauchy(distance: F64) -> F64:
    """Weights that let outlines differ where the film has changed."""
    scale = max(1.5 * float(np.median(distance)), SCALE_FLOOR)
    weights: F64 = 1 / (1 + (distance / scale) ** 2)
    return weights


def _similarity(a: F64, b: F64, weights: F64 | None = None) -> F64:
    """Weighted least-squares similarity (2, 3) from `a` to `b`; never a reflection (Umeyama 1991)."""
    w = np.ones(len(a)) if weights is None else weights
    w = w / w.sum()
    mean_a, mean_b = w @ a, w @ b
    za, zb = (a - mean_a) @ (1, 1j), (b - mean_b) @ (1, 1j)
    factor = complex((w * zb) @ za.conj() / (w @ np.abs(za) ** 2))
    turn = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    return np.column_stack([turn, mean_b - turn @ mean_a])


def _affine(a: F64, b: F64, weights: F64, rigid: F64, stiffness: float) -> F64:
    """Weighted least-squares affine map (2, 3) from `a` to `b`, drawn towards the similarity `rigid`."""
    centre = weights @ a / weights.sum()
    design = np.column_stack([a - centre, np.ones(len(a))])
    rest = b - (a @ rigid[:, :2].T + rigid[:, 2])
    normal = (design * weights[:, None]).T @ design
    spread = float(np.trace(normal[:2, :2])) / 2
    normal[[0, 1], [0, 1]] += stiffness * spread
    change = np.linalg.solve(normal, (design * weights[:, None]).T @ rest).T
    change[:, 2] -= change[:, :2] @ centre
    moved: F64 = rigid + change
    return moved
