"""Anti-aliased strokes and discs: drawn once, twice too large, over a halo, then laid on the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from whyray.render.contour import Path, resampled
from whyray.render.plane import Pixels

if TYPE_CHECKING:
    from PIL import Image as Picture

_FINE = 2
_TILE = 64  # page pixels; only tiles with ink are laid on the page
_ROUND_JOINTS = 10  # a thinner pen shows no gap at a bend
Color = tuple[int, int, int]
Point = tuple[float, float]


@dataclass(frozen=True, eq=False, slots=True)
class _Mark:
    """One thing to draw on the halo, or on cover and colour: its points in fine pixels and its pen."""

    kind: Literal["line", "disc", "ring", "ground"]
    points: Path
    fill: int | Color
    pen: int = 1


class Ink:
    """Strokes and discs waiting for a page.

    Dark halos of all strokes lie under all colours, so crossing lines stay readable.

    Parameters
    ----------
    width, height
        Size of the page in pixels.
    """

    def __init__(self, width: int, height: int) -> None:
        self._inked = np.zeros((-(-height // _TILE), -(-width // _TILE)), dtype=np.bool_)
        self._halos: list[_Mark] = []
        self._colors: list[_Mark] = []

    def halo(self, paths: Sequence[Path], width: float, alpha: float) -> None:
        """Add a dark band `width` pixels wide under the strokes, at opacity `alpha`."""
        self._touch(paths, width)
        pen = max(1, round(width * _FINE))
        self._halos += [_Mark("line", path * _FINE, round(255 * alpha), pen) for path in paths]

    def stroke(self, paths: Sequence[Path], width: float, color: Color) -> None:
        """Polylines (n, 2) in page pixels."""
        self._touch(paths, width)
        pen = max(1, round(width * _FINE))
        self._colors += [_Mark("line", path * _FINE, color, pen) for path in paths]

    def disc(self, center: Point, radius: float, color: Color, edge: float, alpha: float) -> None:
        """Add a filled disc with a dark halo `edge` pixels wide."""
        self._touch([np.asarray([center], dtype=np.float32)], 2 * (radius + edge))
        self._halos.append(_Mark("disc", _box(center, radius + edge), round(255 * alpha)))
        self._colors.append(_Mark("disc", _box(center, radius), color))

    def ring(self, center: Point, radius: float, width: float, color: Color) -> None:
        """Add a circle line inside `radius`."""
        self._touch([np.asarray([center], dtype=np.float32)], 2 * radius)
        self._colors.append(_Mark("ring", _box(center, radius), color, max(1, round(width * _FINE))))

    def ground(self, box: tuple[float, float, float, float], alpha: float) -> None:
        """Add a dark rounded ground (x0, y0, x1, y1) for words, under all strokes."""
        x0, y0, x1, y1 = box
        self._touch([np.asarray([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], dtype=np.float32)], 2.0)
        corners = np.asarray([[x0, y0], [x1, y1]], dtype=np.float32) * _FINE
        self._halos.append(_Mark("ground", corners, round(255 * alpha), 3 * _FINE))

    def _touch(self, paths: Sequence[Path], width: float) -> None:
        """Note the tiles under polylines `width` pixels wide."""
        if not paths:
            return
        points = np.concatenate([resampled(path, _TILE / 2) for path in paths])
        reach = width / 2 + 1.0
        rows, cols = self._inked.shape
        for dx, dy in ((-reach, -reach), (reach, -reach), (-reach, reach), (reach, reach)):
            xs = np.clip(((points[:, 0] + dx) // _TILE).astype(np.int64), 0, cols - 1)
            ys = np.clip(((points[:, 1] + dy) // _TILE).astype(np.int64), 0, rows - 1)
            self._inked[ys, xs] = True

    def apply(self, page: NDArray[np.uint8]) -> None:
        """Lays everything on uint8 (height, width, 3) pixels, in place."""
        if not self._inked.any():
            return
        height, width = page.shape[:2]
        ys, xs = np.nonzero(self._inked)
        left, top = int(xs.min()) * _TILE, int(ys.min()) * _TILE
        size = (int(xs.max() + 1) * _TILE - left) * _FINE, (int(ys.max() + 1) * _TILE - top) * _FINE
        shift = np.asarray([left, top], dtype=np.float32) * _FINE
        halo = _drawn("L", size, self._halos, shift, None)
        cover = _drawn("L", size, self._colors, shift, 255)
        color = _drawn("RGB", size, self._colors, shift, None)
        for row, inked in enumerate(self._inked):
            bounds = np.flatnonzero(np.diff(np.concatenate(([0], inked.astype(np.int8), [0]))))
            for start, end in zip(bounds[::2], bounds[1::2], strict=True):
                x0, y0 = int(start) * _TILE, row * _TILE
                x1, y1 = min(int(end) * _TILE, width), min((row + 1) * _TILE, height)
                fine = ((x0 - left) * _FINE, (y0 - top) * _FINE, (x1 - left) * _FINE, (y1 - top) * _FINE)
                _lay(page[y0:y1, x0:x1], _reduced(halo, fine), _reduced(cover, fine), _reduced(color, fine))


def _drawn(
    mode: Literal["L", "RGB"], size: tuple[int, int], marks: Sequence[_Mark], shift: Path, fill: int | None
) -> Picture.Image:
    """Draw marks on an empty picture, all with one `fill` if given."""
    from PIL import Image as Picture
    from PIL import ImageDraw

    picture = Picture.new(mode, size)
    draw = ImageDraw.Draw(picture)
    for mark in marks:
        points, ink = (mark.points - shift).ravel().tolist(), mark.fill if fill is None else fill
        if mark.kind == "line":
            draw.line(points, fill=ink, width=mark.pen, joint="curve" if mark.pen >= _ROUND_JOINTS else None)
        elif mark.kind == "disc":
            draw.ellipse(points, fill=ink)
        elif mark.kind == "ring":
            draw.ellipse(points, outline=ink, width=mark.pen)
        else:
            draw.rounded_rectangle(points, radius=mark.pen, fill=ink)
    return picture


def _lay(window: NDArray[np.uint8], halo: Pixels, cover: Pixels, color: Pixels) -> None:
    shown: Pixels = window * (1.0 - halo[:, :, None] / 255.0)
    shown *= 1.0 - cover[:, :, None] / 255.0
    shown += color
    window[:] = np.minimum(shown + 0.5, 255.0).astype(np.uint8)


def _reduced(picture: Picture.Image, box: tuple[int, int, int, int]) -> Pixels:
    return np.asarray(picture.reduce(_FINE, box=box), dtype=np.float32)


def _box(center: Point, radius: float) -> Path:
    x, y = center
    low, high = (x - radius, y - radius), (x + radius, y + radius)
    return np.asarray([low, high], dtype=np.float32) * _FINE - np.asarray([[0, 0], [1, 1]], dtype=np.float32)
