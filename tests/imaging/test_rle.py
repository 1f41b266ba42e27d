"""Our decoder of DICOM RLE against pydicom's, and what it refuses."""

import struct

import numpy as np
import pytest
from pydicom.pixels.decoders.base import get_decoder

from badinputs import dicom_bytes, encapsulated, film8, radiograph
from whyray.domain import ImageRefused
from whyray.imaging import load, rle

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.mark.parametrize("dtype", ["u1", "<u2", "<i2"])
def test_rle_agrees_with_pydicom(dtype: str) -> None:
    rng = np.random.default_rng(0)
    pixels = np.repeat(rng.integers(0, 100, (64, 40)), 5, axis=1).astype(dtype)
    ds = radiograph(pixels, PixelRepresentation=int(dtype == "<i2"))
    ds.compress("1.2.840.10008.1.2.5", generate_instance_uid=False)
    ours = rle.decoder().as_array(ds, decoding_plugin=rle.LABEL)[0]
    theirs = get_decoder("1.2.840.10008.1.2.5").as_array(ds, decoding_plugin="pydicom")[0]
    assert ours.dtype == theirs.dtype
    assert np.array_equal(ours, theirs)
    assert np.array_equal(ours, pixels)


def test_rle_runs_may_cross_rows() -> None:
    stream = struct.pack("<16L", 1, 64, *[0] * 14) + bytes([129, 7]) * 32  # 32 runs of 128 sevens
    ds = encapsulated("1.2.840.10008.1.2.5", stream, np.full((64, 64), 7, np.uint8))
    assert np.array_equal(rle.decoder().as_array(ds)[0], np.full((64, 64), 7))


@pytest.mark.parametrize("segments", [0, 2, 400])
def test_rle_with_another_number_of_segments_is_broken(segments: int) -> None:
    stream = struct.pack("<16L", segments, 64, *[0] * 14) + bytes([129, 7]) * 4000
    with pytest.raises(ImageRefused, match="IMAGE_BROKEN"):
        load(dicom_bytes(encapsulated("1.2.840.10008.1.2.5", stream, film8())))
