"""Anti-aliased strokes and discs: drawn once, twice too large, over a halo, then laid on the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from whyray.render.contour import Path
from whyray.render.plane import Pixels

if TYPE_CHECKING:
    from PIL import Image as Picture
    from PIL import ImageDraw

_FINE = 2
_ROUND_JOINTS = 7  # a thinner pen shows no gap at a bend
Color = tuple[int, int, int]
Point = tuple[float, float]


class Ink:
    """Strokes and discs waiting for a page.

    Dark halos of all strokes lie under all colours, so crossing lines stay readable.

    Parameters
    ----------
    width, height
        Size of the page in pixels.
    """

    def __init__(self, width: int, height: int) -> None:
        from PIL import Image as Picture
        from PIL import ImageDraw

        size = (width * _FINE, height * _FINE)
        self._halo = Picture.new("L", size)
        self._cover = Picture.new("L", size)
        self._color = Picture.new("RGB", size)
        self._draw_halo = ImageDraw.Draw(self._halo)
        self._draw_cover = ImageDraw.Draw(self._cover)
        self._draw_color = ImageDraw.Draw(self._color)

    def halo(self, paths: Sequence[Path], width: float, alpha: float) -> None:
        """Add a dark band `width` pixels wide under the strokes, at opacity `alpha`."""
        for path in paths:
            _line(self._draw_halo, path, width, round(255 * alpha))

    def stroke(self, paths: Sequence[Path], width: float, color: Color) -> None:
        """Polylines (n, 2) in page pixels."""
        for path in paths:
            _line(self._draw_cover, path, width, 255)
            _line(self._draw_color, path, width, color)

    def disc(self, center: Point, radius: float, color: Color, edge: float, alpha: float) -> None:
        """Add a filled disc with a dark halo `edge` pixels wide."""
        self._draw_halo.ellipse(_box(center, radius + edge), fill=round(255 * alpha))
        self._draw_cover.ellipse(_box(center, radius), fill=255)
        self._draw_color.ellipse(_box(center, radius), fill=color)

    def ring(self, center: Point, radius: float, width: float, color: Color) -> None:
        """Add a circle line inside `radius`."""
        pen = max(1, round(width * _FINE))
        self._draw_cover.ellipse(_box(center, radius), outline=255, width=pen)
        self._draw_color.ellipse(_box(center, radius), outline=color, width=pen)

    def apply(self, page: Pixels) -> None:
        """Lays everything on float32 (height, width, 3) pixels in 0..255, in place."""
        boxes = [box for box in (self._halo.getbbox(), self._cover.getbbox()) if box is not None]
        if not boxes:
            return
        x0, y0 = (min(box[i] for box in boxes) // _FINE for i in (0, 1))
        x1, y1 = (-(-max(box[i] for box in boxes) // _FINE) for i in (2, 3))
        window = page[y0:y1, x0:x1]
        fine = (x0 * _FINE, y0 * _FINE, x1 * _FINE, y1 * _FINE)
        window *= 1.0 - _reduced(self._halo, fine)[:, :, None] / 255.0
        window *= 1.0 - _reduced(self._cover, fine)[:, :, None] / 255.0
        window += _reduced(self._color, fine)


def _reduced(picture: Picture.Image, box: tuple[int, int, int, int]) -> NDArray[np.float32]:
    return np.asarray(picture.reduce(_FINE, box=box), dtype=np.float32)


def _box(center: Point, radius: float) -> tuple[float, float, float, float]:
    x, y = center
    return (x - radius) * _FINE, (y - radius) * _FINE, (x + radius) * _FINE - 1, (y + radius) * _FINE - 1


def _line(draw: ImageDraw.ImageDraw, path: Path, width: float, fill: int | Color) -> None:
    pen = max(1, round(width * _FINE))
    joint = "curve" if pen >= _ROUND_JOINTS else None
    draw.line((np.asarray(path) * _FINE).ravel().tolist(), fill=fill, width=pen, joint=joint)
