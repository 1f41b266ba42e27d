import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whyray.domain import Frame

SIDES = st.integers(60, 300)
FRAMES = st.builds(Frame, SIDES, SIDES, st.sampled_from([32, 64, 160]))
quick = settings(max_examples=40, deadline=None)


def test_scale_and_offset_by_hand() -> None:
    wide = Frame(100, 200, 50)
    assert (wide.scale, wide.offset) == (0.25, (0, 12.5))
    tall = Frame(200, 100, 50)
    assert (tall.scale, tall.offset) == (0.25, (12.5, 0))
    assert tall.point_to_grid(100, 200) == (37.5, 50)
    assert tall.point_to_source(12.5, 0) == (0, 0)


@quick
@given(FRAMES, st.floats(0, 1), st.floats(0, 1))
def test_points_return(frame: Frame, x: float, y: float) -> None:
    point = (x * frame.cols, y * frame.rows)
    assert frame.point_to_source(*frame.point_to_grid(*point)) == pytest.approx(point, abs=1e-6)
    inside = frame.point_to_grid(*point)
    assert min(inside) >= -1e-6
    assert max(inside) <= frame.size + 1e-6


@quick
@given(FRAMES, st.floats(-3, 3))
def test_a_constant_stays_the_constant_inside_and_fill_outside(frame: Frame, value: float) -> None:
    grid = frame.to_grid(np.full((frame.rows, frame.cols), value, dtype=np.float32), fill=9.0)
    inside = frame.to_grid(np.ones((frame.rows, frame.cols), dtype=np.float32))
    assert set(np.round(np.unique(inside), 4)) <= {0, 1}
    assert np.allclose(grid[inside > 0.5], value, atol=1e-4)
    assert np.allclose(grid[inside < 0.5], 9.0, atol=1e-4)
    back = frame.to_source(np.full((frame.size, frame.size), value, dtype=np.float32))
    assert back.shape == (frame.rows, frame.cols)
    assert np.allclose(back, value, atol=1e-4)


def test_padding_is_centred() -> None:
    grid = Frame(100, 200, 64).to_grid(np.ones((100, 200), dtype=np.float32))
    filled = np.flatnonzero(grid.sum(axis=1))
    assert (filled[0], filled[-1]) == (16, 47)
    assert grid[16:48].min() == pytest.approx(1, abs=1e-5)


@quick
@given(FRAMES, st.floats(0.25, 0.75), st.floats(0.25, 0.75))
def test_a_blob_returns_to_where_it_was_within_a_grid_cell(frame: Frame, cx: float, cy: float) -> None:
    y, x = np.arange(frame.rows)[:, None] + 0.5, np.arange(frame.cols)[None, :] + 0.5
    sigma = max(0.06 * max(frame.rows, frame.cols), 1.0)
    blob = np.exp(-((x - cx * frame.cols) ** 2 + (y - cy * frame.rows) ** 2) / (2 * sigma**2)).astype(np.float32)
    grid = frame.to_grid(blob)
    back = frame.to_source(grid)
    cell = max(1 / frame.scale, 1.0)
    there, here = (np.unravel_index(int(a.argmax()), a.shape) for a in (blob, back))
    assert np.abs(np.subtract(there, here)).max() <= cell
    top = np.unravel_index(int(grid.argmax()), grid.shape)
    seen = frame.point_to_source(float(top[1]) + 0.5, float(top[0]) + 0.5)
    assert np.abs(np.subtract(seen, (there[1] + 0.5, there[0] + 0.5))).max() <= cell + 0.5


@pytest.mark.parametrize("shape", [(256, 256), (300, 200), (200, 333)])
def test_a_smooth_film_survives_the_round_trip(shape: tuple[int, int]) -> None:
    frame = Frame(*shape, 160)
    y, x = np.mgrid[: shape[0], : shape[1]] / max(shape)
    film = (0.5 + 0.3 * np.sin(7 * x + 1) * np.cos(6 * y)).astype(np.float32)
    back = frame.to_source(frame.to_grid(film))
    rim = 4
    assert np.abs(back - film)[rim:-rim, rim:-rim].max() < 0.01


def test_mass_is_kept_when_a_film_is_made_smaller() -> None:
    film = np.random.default_rng(0).random((300, 300)).astype(np.float32)
    assert Frame(300, 300, 64).to_grid(film).mean() == pytest.approx(film.mean(), abs=0.005)


def test_a_coarse_map_is_read_on_the_same_square() -> None:
    frame = Frame(100, 200, 64)
    coarse = np.zeros((4, 4), dtype=np.float32)
    coarse[1, 3] = 1.0
    back = frame.to_source(coarse)
    y, x = np.unravel_index(int(back.argmax()), back.shape)
    assert (x, y) == pytest.approx((175, 25), abs=2)  # centre of the cell at 3.5 / 4 and 1.5 / 4 of the square


def test_leading_axes_are_carried_along() -> None:
    frame = Frame(30, 40, 16)
    stack = np.random.default_rng(1).random((3, 30, 40)).astype(np.float32)
    together = frame.to_grid(stack)
    assert together.shape == (3, 16, 16)
    assert together.dtype == np.float32
    for plane, one in zip(together, stack, strict=True):
        np.testing.assert_allclose(plane, frame.to_grid(one), atol=1e-6)


def test_window_gives_the_same_pixels_as_the_whole() -> None:
    frame = Frame(300, 420, 64)
    grid = np.zeros((32, 32), dtype=np.float32)
    grid[10:17, 20:25] = np.random.default_rng(0).random((7, 5))
    x0, y0, x1, y1 = frame.window(grid > 0)
    whole = frame.to_source(grid)
    assert np.allclose(frame.to_source(grid, (x0, y0, x1, y1)), whole[y0:y1, x0:x1], atol=1e-6)
    outside = whole.copy()
    outside[y0:y1, x0:x1] = 0
    assert not outside.any()


@quick
@given(FRAMES, st.sampled_from([10, 16, 80]), st.data())
def test_a_window_gives_the_same_pixels_and_nothing_lies_outside(frame: Frame, n: int, data: st.DataObject) -> None:
    x0, y0 = (data.draw(st.integers(0, n - 1)) for _ in range(2))
    x1, y1 = data.draw(st.integers(x0 + 1, n)), data.draw(st.integers(y0 + 1, n))
    grid = np.zeros((n, n), dtype=np.float32)
    grid[y0:y1, x0:x1] = np.random.default_rng(n).random((y1 - y0, x1 - x0)) + 0.1
    whole = frame.to_source(grid)
    left, top, right, bottom = window = frame.window(grid > 0)
    if right <= left or bottom <= top:  # all of it in the padding
        assert whole.max() <= grid.max() / 2 + 1e-3
        return
    assert np.allclose(frame.to_source(grid, window), whole[top:bottom, left:right], atol=1e-6)
    outside = whole.copy()
    outside[top:bottom, left:right] = 0
    assert not outside.any()


def test_a_film_of_several_bands_reads_as_it_does_turned() -> None:
    film = np.random.default_rng(0).random((700, 1400), dtype=np.float32)
    frame = Frame(700, 1400, 640)
    turned = Frame(1400, 700, 640).to_grid(np.ascontiguousarray(film.T))
    assert np.allclose(frame.to_grid(film), turned.T, atol=1e-6)
