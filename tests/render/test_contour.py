import numpy as np
import pytest

from render.films import ellipse
from whyray.render.contour import dashes, grow, outline, trace
from whyray.render.plane import Plane, cover


def lengths(paths):
    return [float(np.hypot(*np.diff(path, axis=0).T).sum()) for path in paths]


def test_trace_of_a_disc_closes_and_has_its_circumference():
    ys, xs = np.mgrid[:200, :200]
    field = (50 - np.hypot(xs - 100, ys - 100)).astype(np.float32)
    (path,) = trace(field, 0.0)
    assert np.allclose(path[0], path[-1])
    assert lengths([path])[0] == pytest.approx(2 * np.pi * 50, rel=0.01)
    assert np.allclose(np.hypot(path[:, 0] - 100, path[:, 1] - 100), 50, atol=0.1)


def test_trace_finds_holes_and_both_parts_of_a_saddle():
    field = np.zeros((20, 20), np.float32)
    field[2:12, 2:12] = 1
    field[5:8, 5:8] = 0
    field[12:15, 12:15] = 1
    assert len(trace(field, 0.5)) == 3


def test_outline_runs_outside_every_pixel_of_the_region():
    region = ellipse(300, 300, 150, 140, 60, 30)
    plane = Plane(300, 300, 300, 300, 10, 20)
    (path,) = outline(cover(region, plane, 10), 3.0, 0.9)
    ys, xs = np.nonzero(region.mask())
    gaps = [np.hypot(xs + 10.5 - x, ys + 20.5 - y).min() for x, y in path]
    assert min(gaps) > 2.0
    assert max(gaps) < 4.5


@pytest.mark.parametrize("scale", [0.25, 1.0, 2.0])
def test_cover_keeps_the_area_and_the_place(scale):
    region = ellipse(400, 400, 210, 130, 50, 40)
    side = round(400 * scale)
    patch = cover(region, Plane(400, 400, side, side, 0, 0), 4)
    assert patch.values.sum() == pytest.approx(region.area_px * scale**2, rel=0.01)
    ys, xs = np.indices(patch.values.shape)
    total = patch.values.sum()
    x = (xs * patch.values).sum() / total + patch.x + 0.5
    y = (ys * patch.values).sum() / total + patch.y + 0.5
    cx, cy = region.centroid
    assert (x, y) == (pytest.approx((cx + 0.5) * scale, abs=0.1), pytest.approx((cy + 0.5) * scale, abs=0.1))


def test_dashes_cover_their_share_and_short_paths_still_show_the_pattern():
    line = np.stack((np.linspace(0, 300, 50), np.zeros(50)), axis=1).astype(np.float32)
    pieces = dashes(line, (11, 5))
    assert sum(lengths(pieces)) == pytest.approx(300 * 11 / 16, rel=0.02)
    assert len(dashes(line[:2], (20, 6))) == 2
    assert dashes(line, ())[0] is line


def test_grow_makes_an_octagon():
    mask = np.zeros((21, 21), bool)
    mask[10, 10] = True
    grown = grow(mask, 2)
    assert grown[10, 8:13].all()
    assert not grown[8, 8]
    assert not grown[10, 7]
