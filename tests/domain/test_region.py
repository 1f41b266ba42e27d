import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from whyray.domain import Region

MASKS = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40))


def region_of(text: str) -> Region:
    mask = np.array([[c == "#" for c in row] for row in text.split()])
    region = Region.from_mask(mask)
    assert region is not None
    return region


@given(MASKS)
def test_mask_and_rle_return_the_same_pixels(mask: np.ndarray) -> None:
    region = Region.from_mask(mask)
    if not mask.any():
        assert region is None
        return
    assert region is not None
    back = Region.from_rle(region.rle())
    assert back is not None
    for made in (region, back):
        assert np.array_equal(made.mask(), mask)
        assert made.area_px == mask.sum()
    assert back.bbox == region.bbox


@given(MASKS)
def test_rle_equals_pycocotools(mask: np.ndarray) -> None:
    coco = pytest.importorskip("pycocotools.mask")
    region = Region.from_mask(mask)
    if region is None:
        return
    theirs = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert region.rle() == {"size": list(mask.shape), "counts": theirs["counts"].decode("ascii")}


def test_long_runs_equal_pycocotools() -> None:
    coco = pytest.importorskip("pycocotools.mask")
    mask = np.zeros((3000, 2500), dtype=np.bool_)
    mask[100:2900, 300:700] = True
    mask[1500:1503, 2400:] = True
    region = Region.from_mask(mask)
    assert region is not None
    assert region.rle()["counts"] == coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode("ascii")


def test_rle_of_a_mask_counted_by_hand() -> None:
    """Columns of [[., #], [#, #], [., .]]: . # . # # . -> runs 1 1 1 2 1; the fourth is written as 2 - 1, the fifth
    as 1 - 1."""
    region = region_of(".# ## ..")
    assert region.rle() == {"size": [3, 2], "counts": "11110"}


def test_a_mask_that_starts_with_a_set_pixel_starts_with_an_empty_run() -> None:
    assert region_of("#. ..").rle()["counts"] == "013"


def test_a_broken_rle_is_refused() -> None:
    with pytest.raises(ValueError, match="size list"):
        Region.from_rle({"size": (3, 2), "counts": "11111"})
    with pytest.raises(ValueError, match="size list"):
        Region.from_rle({"size": [3, 2], "counts": [1, 2]})


def test_bbox_is_exclusive_at_the_far_end_and_the_crop_is_a_copy() -> None:
    mask = np.zeros((5, 7), dtype=np.bool_)
    mask[1:4, 2:6] = True
    region = Region.from_mask(mask)
    assert region is not None
    assert (region.bbox, region.rows, region.cols) == ((2, 1, 6, 4), 5, 7)
    mask[:] = False
    assert region.area_px == 12


def test_centroid_is_in_source_pixels() -> None:
    assert region_of(".... ..## ..##").centroid == (2.5, 1.5)


def test_overlap_and_iou_by_hand() -> None:
    a, b = region_of("##.. ##.. ...."), region_of(".... .##. .##.")
    assert a.overlap_px(b) == b.overlap_px(a) == 1
    assert a.iou(b) == pytest.approx(1 / 7)
    assert a.iou(a) == 1
    apart = region_of("...# .... ....")
    assert a.overlap_px(apart) == 0
    assert a.iou(apart) == 0


@given(st.data())
def test_overlap_and_iou_equal_those_of_the_full_masks(data: st.DataObject) -> None:
    shape = data.draw(array_shapes(min_dims=2, max_dims=2, max_side=20))
    one, two = (data.draw(arrays(np.bool_, shape)) for _ in range(2))
    a, b = Region.from_mask(one), Region.from_mask(two)
    if a is None or b is None:
        return
    assert a.overlap_px(b) == (one & two).sum()
    assert a.iou(b) == pytest.approx((one & two).sum() / (one | two).sum())


@given(MASKS, st.integers(0, 9), st.integers(0, 9))
def test_a_windowed_mask_lies_where_the_window_does(mask: np.ndarray, left: int, top: int) -> None:
    height, width = mask.shape
    full = np.zeros((height + 12, width + 15), dtype=np.bool_)
    full[top : top + height, left : left + width] = mask
    part = Region.from_window(*full.shape, (left, top, left + width, top + height), mask)
    if part is None:
        assert not mask.any()
        return
    whole = Region.from_mask(full)
    assert whole is not None
    assert part.bbox == whole.bbox
    assert np.array_equal(part.mask(), full)


@given(MASKS)
def test_the_centroid_is_the_mean_of_the_pixels(mask: np.ndarray) -> None:
    region = Region.from_mask(mask)
    if region is not None:
        ys, xs = np.nonzero(mask)
        assert region.centroid == pytest.approx((xs.mean(), ys.mean()), abs=1e-9)
