"""Stored values of a DICOM image and their way to display values.

Stored values are integers of at most 16 bits, so the whole chain (modality LUT, VOI LUT or window, inversion,
padding) is computed once per distinct value and looked up: exact, fast and without large intermediate copies.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Notice
from whyray.imaging import grey, header, rle
from whyray.imaging.codestream import frame_size
from whyray.imaging.film import Pixels
from whyray.imaging.isolated import decode_isolated
from whyray.imaging.messages import limits, notice, refused

if TYPE_CHECKING:
    from pydicom.dataset import Dataset, FileDataset

Curve = NDArray[np.float64]
Stored = NDArray[Any]
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT", "YBR_PARTIAL_420", "YBR_PARTIAL_422")
_GREY = ("MONOCHROME1", "MONOCHROME2")


def stored_values(ds: FileDataset, data: bytes, rows: int, cols: int) -> Stored:
    """Integers (rows, cols), or (rows, cols, 3) RGB, as stored in `ds`, which was read from `data`.

    Raises
    ------
    ImageRefused
        DICOM_PIXEL_FORMAT, DICOM_TRANSFER_SYNTAX, DICOM_CODEC_MISSING, IMAGE_BROKEN.
    """
    _check_format(ds)
    decoder = _decoder(ds)
    try:
        if decoder.is_encapsulated:
            _check_codestream(ds, rows, cols)
        plugin = _plugin(ds, decoder)
        isolated = plugin == "gdcm"
        array = decode_isolated(data) if isolated else decoder.as_array(ds, decoding_plugin=plugin)[0]
    except header.BROKEN as error:
        raise refused("IMAGE_BROKEN") from error
    if array.shape[:2] != (rows, cols) or array.dtype.kind not in "iu":
        raise refused("IMAGE_BROKEN")
    return array


def _check_format(ds: Dataset) -> None:
    photometric = header.text(ds, "PhotometricInterpretation")
    bits = header.integer(ds, "BitsAllocated", 0)
    samples = header.integer(ds, "SamplesPerPixel", 1)
    known = {1: (*_GREY, "PALETTE COLOR"), 3: _COLOUR}.get(samples, ())
    if bits not in (8, 16):
        raise refused("DICOM_PIXEL_FORMAT", what=f"{bits} bit")
    if photometric not in known:
        raise refused("DICOM_PIXEL_FORMAT", what=photometric[:24] or "-")


def _decoder(ds: FileDataset) -> Any:
    from pydicom.pixels.decoders.base import get_decoder

    syntax = ds.file_meta.TransferSyntaxUID
    if rle.is_available(syntax):
        return rle.decoder()
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError as error:
        raise refused("DICOM_TRANSFER_SYNTAX", syntax=syntax.name) from error
    except (TypeError, ValueError) as error:
        raise refused("IMAGE_BROKEN") from error
    if decoder.is_encapsulated and not decoder.is_available:
        raise refused("DICOM_CODEC_MISSING", syntax=syntax.name)
    return decoder


def _plugin(ds: FileDataset, decoder: Any) -> str:
    """Name the back end: damaged streams make pylibjpeg's RLE panic and gdcm crash, so those come last."""
    if not decoder.is_encapsulated:
        return ""
    deep = header.integer(ds, "BitsAllocated", 0) > 8
    order = ("pydicom", "pylibjpeg", "gdcm", "pillow") if deep else ("pydicom", "pillow", "pylibjpeg", "gdcm")
    return next(name for name in (rle.LABEL, *order) if name in decoder.available_plugins)


def _check_codestream(ds: FileDataset, rows: int, cols: int) -> None:
    """Refuse a codestream of another size than the header says: a small header could hide a huge image."""
    from pydicom.encaps import get_frame

    size = frame_size(get_frame(ds.PixelData, 0, number_of_frames=1))
    if size is not None and size != (rows, cols):
        raise refused("IMAGE_BROKEN")


def display(ds: Dataset, stored: Stored, notices: list[Notice]) -> Pixels:
    """Bring stored values to float32 (rows, cols) in [0, 1], 0 air, 1 dense."""
    photometric = header.text(ds, "PhotometricInterpretation")
    if photometric == "PALETTE COLOR":
        stored = _through_palette(ds, stored)
    if stored.ndim == 3:
        values, said = grey.from_colour(stored)
        notices.extend(said)
        return grey.from_integers(values)
    first, last = int(stored.min()), int(stored.max())
    raw = np.arange(first, last + 1)
    padding = _is_padding(ds, raw)
    sample = grey.sample_of(stored).astype(np.int64) - first
    counts = np.bincount(sample, minlength=raw.size)
    counts[padding] = 0
    modality = _modality_curve(ds, raw)
    curve = _display_curve(ds, modality, counts, notices)
    entries = 1 - curve if photometric == "MONOCHROME1" else curve
    entries[padding] = 0.0
    return grey.apply_table(stored, first, entries.astype(np.float32))


def _through_palette(ds: Dataset, stored: Stored) -> Stored:
    from pydicom.pixels.processing import apply_color_lut

    try:
        return np.asarray(apply_color_lut(stored, ds))[..., :3]
    except header.BROKEN as error:
        raise refused("IMAGE_BROKEN") from error


def _little(ds: Dataset) -> bool:
    """Tell False for the retired big-endian syntax, whose binary tables pydicom leaves as they are."""
    return ds.original_encoding[1] is not False


def _is_padding(ds: Dataset, raw: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which raw values are padding: (0028,0120), with (0028,0121) a whole range."""
    value, limit = (header.numbers(ds, f"PixelPadding{end}") for end in ("Value", "RangeLimit"))
    ends = [_signed(ds, v) for v in (*value[:1], *limit[:1])]
    if not value:
        return np.zeros(raw.size, dtype=np.bool_)
    return (raw >= min(ends)) & (raw <= max(ends))


def _signed(ds: Dataset, stated: float) -> int:
    """Read a padding value in the bits and sign of decoded pixels; writers mix up US and SS."""
    bits = min(max(header.integer(ds, "BitsStored", 16), 1), 16)
    number = int(stated) % (1 << bits)
    negative = header.integer(ds, "PixelRepresentation", 0) == 1 and number >= 1 << (bits - 1)
    return number - (1 << bits) if negative else number


def _modality_curve(ds: Dataset, raw: NDArray[np.int64]) -> Curve:
    """Raw values through the modality LUT, else slope and intercept (PS3.3 C.11.1)."""
    for item in header.items(ds, "ModalityLUTSequence"):
        signed = header.integer(ds, "PixelRepresentation", 0) == 1
        table = _lookup(item, raw.astype(np.float64), signed, _little(ds))
        if table is not None:
            return table[0]
    slope = header.number(ds, "RescaleSlope", 1.0) or 1.0
    return np.asarray(raw * slope + header.number(ds, "RescaleIntercept", 0.0), dtype=np.float64)


def _lookup(item: Dataset, at: Curve, signed: bool, little: bool) -> tuple[Curve, float] | None:
    """Entries of a LUT item at the values `at`, clamped at both ends, and the table's largest entry.

    None when the item is malformed. A descriptor may store its first value as unsigned though it is signed,
    its length 65,536 as 0; 8-bit entries may be packed in pairs (PS3.3 C.11.1.1).
    """
    descriptor, data = header.numbers(item, "LUTDescriptor"), header.value(item, "LUTData")
    if len(descriptor) != 3 or data is None:
        return None
    length = int(descriptor[0]) or 65536
    start = int(descriptor[1])
    if signed and start >= 32768:
        start -= 65536
    entries = _entries(data, length, little)
    if entries is None:
        return None
    index = np.clip(np.rint(at) - start, 0, entries.size - 1).astype(np.int64)
    return entries[index], float(entries.max())


def _entries(data: Any, length: int, little: bool) -> Curve | None:
    try:
        if isinstance(data, (bytes, bytearray)):
            width = 2 if len(data) >= 2 * length else 1
            order = "<" if little else ">"
            found = np.frombuffer(bytes(data[: length * width]), dtype=f"{order}u{width}")
        else:
            found = np.atleast_1d(np.asarray(data)).astype(np.int64) & 0xFFFF
            if length > 1 and found.size == (length + 1) // 2:
                found = found.astype("<u2").view(np.uint8)
    except (TypeError, ValueError, OverflowError):
        return None
    return found[:length].astype(np.float64) if found.size >= length else None


def _display_curve(ds: Dataset, modality: Curve, counts: NDArray[np.int64], notices: list[Notice]) -> Curve:
    """Modality values -> [0, 1] by VOI LUT, first usable window, else percentiles of the unpadded sample."""
    voi = _voi_curve(ds, modality, notices)
    if voi is not None:
        if _range(voi, counts) >= limits("window")["min_output_range"]:
            return voi
        notices.append(notice("WINDOW_UNUSABLE"))
    else:
        notices.append(notice("NO_WINDOW"))
    low, high = (_weighted(modality, counts, p) for p in limits("scale")["percentiles"])
    return np.clip((modality - low) / max(high - low, 1e-9), 0.0, 1.0)


def _voi_curve(ds: Dataset, modality: Curve, notices: list[Notice]) -> Curve | None:
    signed = bool(modality.min() < 0)
    for item in header.items(ds, "VOILUTSequence"):
        table = _lookup(item, modality, signed, _little(ds))
        if table is not None and table[1] > 0:
            return table[0] / table[1]
    centers, widths = header.numbers(ds, "WindowCenter"), header.numbers(ds, "WindowWidth")
    if not centers or not widths:
        return None
    if len(centers) > 1:
        notices.append(notice("SEVERAL_WINDOWS"))
    function = _WINDOWS.get(header.text(ds, "VOILUTFunction"), _linear)
    return function(modality, centers[0], widths[0]) if widths[0] > 0 else np.zeros_like(modality)


def _linear(x: Curve, center: float, width: float) -> Curve:
    """PS3.3 C.11.2.1.2.1."""
    if width <= 1:
        return np.where(x <= center - 0.5, 0.0, 1.0)
    return np.clip((x - (center - 0.5)) / (width - 1) + 0.5, 0.0, 1.0)


def _linear_exact(x: Curve, center: float, width: float) -> Curve:
    """PS3.3 C.11.2.1.3.2."""
    return np.clip((x - center) / width + 0.5, 0.0, 1.0)


def _sigmoid(x: Curve, center: float, width: float) -> Curve:
    """PS3.3 C.11.2.1.3.1."""
    return 1 / (1 + np.exp(np.clip(-4 * (x - center) / width, -60, 60)))


_WINDOWS: dict[str, Callable[[Curve, float, float], Curve]] = {
    "LINEAR": _linear,
    "LINEAR_EXACT": _linear_exact,
    "SIGMOID": _sigmoid,
}


def _range(curve: Curve, counts: NDArray[np.int64]) -> float:
    return _weighted(curve, counts, 95) - _weighted(curve, counts, 5)


def _weighted(curve: Curve, counts: NDArray[np.int64], percent: float) -> float:
    """Percentile of curve values that occur `counts` times."""
    order = np.argsort(curve, kind="stable")
    total = np.cumsum(counts[order])
    if total[-1] == 0:
        return float(curve[order[0]])
    return float(curve[order[np.searchsorted(total, percent / 100 * total[-1])]])
