"""In-painting: replace the broad brightness of a region by that of its surroundings, keep the fine detail.

A veil or consolidation is broad; ribs and vessels are fine. So the picture is split at the scale of the
region into a low and a high band; the low band is interpolated into the region from donor pixels by
normalised convolution (Knutsson & Westin 1993) over a pyramid, and the high band is put back.
"""

from __future__ import annotations

from whyray.domain import Image, Region
from whyray.explain.grid import Grid, Mask, fill

__all__ = ["erase", "fill"]


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
    grid = Grid.of(image, region, donors)
    return grid.painted(image, region, fill(grid.film, grid.giving), "inpaint")
