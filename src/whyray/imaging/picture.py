"""PNG, JPEG, TIFF and BMP through Pillow."""

from __future__ import annotations

import struct
import warnings
import zlib
from contextlib import nullcontext
from functools import lru_cache
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from whyray.domain import Notice
from whyray.imaging import grey
from whyray.imaging.film import Film, Pixels, check_shape
from whyray.imaging.hush import hushed
from whyray.imaging.messages import notice, refused
from whyray.imaging.orientation import Orientation

_EXIF_ORIENTATION = 274
_TIFF_PHOTOMETRIC = 262
_FORMATS = {"png": ["PNG"], "jpeg": ["JPEG", "MPO"], "tiff": ["TIFF"], "bmp": ["BMP"]}
_BROKEN = (
    OSError, SyntaxError, ValueError, EOFError, KeyError, IndexError, TypeError, AttributeError,
    ArithmeticError, RuntimeError, MemoryError, struct.error, zlib.error,
)  # fmt: skip


def decode_picture(data: bytes, kind: str, max_pixels: int) -> Film:
    """Decode a grey picture; size, frames and shape are checked on its header first.

    Raises
    ------
    ImageRefused
        IMAGE_BROKEN, TOO_MANY_PIXELS, TOO_SMALL, EXTREME_ASPECT, MULTI_FRAME, COLOUR_IMAGE.
    """
    _quiet()
    try:
        picture = Pillow.open(BytesIO(data), formats=_FORMATS[kind])
    except Pillow.DecompressionBombError as error:
        raise refused("TOO_MANY_PIXELS", rows="?", cols="?", limit=f"{max_pixels / 1e6:g}") from error
    except _BROKEN as error:
        raise refused("IMAGE_BROKEN") from error
    with picture:
        check_shape(picture.height, picture.width, max_pixels)
        pixels, notices, turn = _decode(picture)
    if not turn.identity:
        notices = (*notices, notice("EXIF_TURNED"))
    return Film(pixels=pixels, orientation=turn, notices=notices)


@lru_cache(maxsize=1)
def _quiet() -> None:
    """Pillow's warnings repeat what a refusal says; a command's error is one line."""
    warnings.filterwarnings("ignore", category=Pillow.DecompressionBombWarning)
    warnings.filterwarnings("ignore", module=r"PIL\.")


def _decode(picture: Pillow.Image) -> tuple[Pixels, tuple[Notice, ...], Orientation]:
    try:
        frames = getattr(picture, "n_frames", 1)
        if frames == 1:
            inverted = _white_is_zero(picture)
            turn = Orientation.from_exif(picture.getexif().get(_EXIF_ORIENTATION))
            values = _samples(picture)
    except _BROKEN as error:
        raise refused("IMAGE_BROKEN") from error
    if frames > 1:
        raise refused("MULTI_FRAME", frames=frames)
    notices: tuple[Notice, ...] = ()
    if values.ndim == 3:
        values, notices = grey.from_colour(values)
    pixels = grey.from_integers(_finite(values))
    return 1 - pixels if inverted else pixels, notices, turn


def _samples(picture: Pillow.Image) -> NDArray[Any]:
    """Grey (rows, cols) in its own depth, or 8-bit (rows, cols, 3)."""
    with hushed() if picture.format == "TIFF" else nullcontext():
        picture.load()
    if picture.mode in ("1", "L"):
        return np.asarray(picture.convert("L"))
    if picture.mode.startswith("I;16"):
        return np.asarray(picture).astype(np.uint16, copy=False)
    if picture.mode in ("I", "F"):
        return np.asarray(picture)
    if "A" in picture.mode or "a" in picture.mode or "transparency" in picture.info:
        full = picture.convert("RGBA")
        black = Pillow.new("RGB", full.size)
        black.paste(full, mask=full.getchannel("A"))
        return np.asarray(black)
    return np.asarray(picture.convert("RGB"))


def _white_is_zero(picture: Pillow.Image) -> bool:
    """Deep TIFFs with photometric 0 are stored inverted; Pillow turns only the 8-bit ones."""
    tags = getattr(picture, "tag_v2", None)
    deep = picture.mode.startswith(("I", "F"))
    return bool(deep and tags is not None and tags.get(_TIFF_PHOTOMETRIC) == 0)


def _finite(values: NDArray[Any]) -> NDArray[Any]:
    """Floats with NaN or infinity replaced by the smallest finite value."""
    if values.dtype.kind != "f":
        return values
    good = np.isfinite(values)
    if good.all():
        return values
    if not good.any():
        raise refused("BLANK_IMAGE")
    return np.where(good, values, values[good].min())
