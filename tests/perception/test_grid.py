import numpy as np
import pytest
from scipy import ndimage

from whyray.perception.grid import box, closed, column_centre, filled, grown, row_edges


def blobs(seed: int) -> np.ndarray:
    return ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(60, 48)), 2) > 0.08


@pytest.mark.parametrize("seed", range(4))
def test_growing_closing_and_filling_are_those_of_scipy(seed: int) -> None:
    mask = blobs(seed)
    assert mask[0].any()  # something touches the border
    assert mask[:, 0].any()
    assert np.array_equal(grown(mask, 3), ndimage.binary_dilation(mask, iterations=3))
    room = np.pad(mask, 10)
    assert np.array_equal(closed(mask, 5), ndimage.binary_closing(room, iterations=5)[10:-10, 10:-10])
    assert np.array_equal(filled(mask), ndimage.binary_fill_holes(mask))


def test_nothing_is_changed_in_place() -> None:
    mask = blobs(0)
    before = mask.copy()
    for change in (lambda m: grown(m, 2), lambda m: closed(m, 2), filled):
        change(mask)
        assert np.array_equal(mask, before)


def test_box_and_centre() -> None:
    mask = np.zeros((20, 30), dtype=np.bool_)
    assert box(mask) is None
    mask[4:7, 10:13] = True
    mask[9, 20] = True
    assert box(mask) == (slice(4, 10), slice(10, 21))
    assert column_centre(mask) == pytest.approx(np.nonzero(mask)[1].mean())


def test_row_edges_are_nan_in_empty_rows() -> None:
    mask = np.zeros((3, 10), dtype=np.bool_)
    mask[1, 2:5] = True
    edges = row_edges(mask)
    assert edges[1].tolist() == [2, 5]
    assert np.isnan(edges[[0, 2]]).all()
