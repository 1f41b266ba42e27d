"""RLE Lossless (DICOM PS3.5 Annex G) by Pillow's PackBits decoder, as a back end of pydicom's decoder.

A segment is one PackBits stream; it is decoded as a picture of a single row, so that runs may cross image rows.
pydicom's own back end walks the packets in Python and takes ten times as long.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image as Picture
from pydicom.uid import RLELossless

DECODER_DEPENDENCIES: dict[str, tuple[str, ...]] = {RLELossless: ()}  # asked for by pydicom
LABEL = "packbits"
_HEADER = struct.Struct("<16L")


def is_available(uid: str) -> bool:
    """Whether `uid` is the transfer syntax that this back end decodes."""
    return uid in DECODER_DEPENDENCIES


@lru_cache(maxsize=1)
def decoder() -> Any:
    """A decoder of our own with this back end: pydicom's shared one stays as it is."""
    from pydicom.pixels.decoders.base import Decoder

    made = Decoder(RLELossless)
    made.add_plugin(LABEL, (__name__, decode_frame.__name__))
    return made


def decode_frame(src: bytes, runner: Any) -> bytearray:
    """One frame as little-endian samples, plane after plane.

    Parameters
    ----------
    src
        The frame: a header of 16 offsets, then one segment for each byte of a sample, the most significant first.
    runner
        pydicom's ``DecodeRunner``: rows, columns, samples_per_pixel, bits_allocated; told that planes follow another.

    Raises
    ------
    ValueError
        When the number of segments is wrong or a segment is too short.
    struct.error
        When the header is cut off.
    """
    count, *offsets = _HEADER.unpack_from(src)
    width = runner.bits_allocated // 8
    if count != runner.samples_per_pixel * width or count > len(offsets):
        raise ValueError(f"{count} RLE segments for {runner.samples_per_pixel} samples of {width} bytes")
    ends = [*offsets[1:count], len(src)]
    pixels = runner.rows * runner.columns
    frame = bytearray(runner.samples_per_pixel * pixels * width)
    out = np.frombuffer(frame, dtype=np.uint8).reshape(runner.samples_per_pixel, pixels, width)
    for k, (start, end) in enumerate(zip(offsets, ends, strict=False)):
        row = Picture.frombytes("L", (pixels, 1), src[start:end], LABEL, "L")
        out[k // width, :, width - 1 - k % width] = np.asarray(row)[0]
    runner.set_option("planar_configuration", 1)
    return frame
