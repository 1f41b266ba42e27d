"""DICOM: parse, admit or refuse on the header alone, decode, bring to display values."""

from __future__ import annotations

import logging
import warnings
import zlib
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING

from whyray.domain import Notice
from whyray.imaging import header
from whyray.imaging.dicom_facts import (
    age_years,
    check_body_part,
    is_radiograph,
    orientation_of,
    read_modality,
    read_view,
)
from whyray.imaging.dicom_pixels import display, stored_values
from whyray.imaging.dicom_spacing import read_spacing
from whyray.imaging.film import Film, check_shape
from whyray.imaging.messages import limits, notice, refused

if TYPE_CHECKING:
    from pydicom.dataset import FileDataset

_DEFLATED = "1.2.840.10008.1.2.1.99"
_DICOMDIR = "1.2.840.10008.1.3.10"
_SYNTHETIC = (0x0008, 0x001C)
_PIXEL_KEYWORDS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


def decode_dicom(data: bytes, max_pixels: int) -> Film:
    """One radiograph of a DICOM file; identifiers stay behind.

    Raises
    ------
    ImageRefused
        DICOMDIR, DICOM_NO_PIXELS, DICOM_MODALITY, DICOM_BODY_PART, LATERAL_VIEW, VIEW_NOT_FRONTAL,
        MULTI_FRAME, TOO_MANY_PIXELS, DICOM_CODEC_MISSING, DICOM_TRANSFER_SYNTAX, DICOM_PIXEL_FORMAT,
        IMAGE_BROKEN and the shapes that `check_shape` refuses.
    """
    _quiet()
    ds = _parse(data, max_pixels)
    notices: list[Notice] = [] if data[128:132] == b"DICM" else [notice("NO_PREAMBLE")]
    modality = read_modality(ds, notices)
    check_body_part(ds)
    view = read_view(ds, notices)
    frames = header.integer(ds, "NumberOfFrames", 1)
    if frames > 1:
        raise refused("MULTI_FRAME", frames=frames)
    rows, cols = header.integer(ds, "Rows", 0), header.integer(ds, "Columns", 0)
    check_shape(rows, cols, max_pixels)
    turn = orientation_of(ds, notices)
    spacing, source = read_spacing(ds, rows, cols, notices)
    age = age_years(ds, notices)
    simulated = _flags(ds, notices)
    pixels = display(ds, stored_values(ds, data, rows, cols), notices)
    return Film(pixels, turn, spacing, source, modality, view, age, simulated, tuple(notices))


@lru_cache(maxsize=1)
def _quiet() -> None:
    """Silence decoder messages: they quote header values, and identifiers must not reach a log."""
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"(pydicom|openjpeg|rle|libjpeg)(\.|$)")


def _parse(data: bytes, max_pixels: int) -> FileDataset:
    from pydicom import dcmread
    from pydicom.filereader import read_dataset

    standard = data[128:132] == b"DICM"
    try:
        if standard:
            file = BytesIO(data[132:])
            meta = read_dataset(file, False, True, stop_when=lambda tag, _vr, _length: int(tag) >> 16 != 2)
            if str(meta.get("MediaStorageSOPClassUID", "")) == _DICOMDIR:
                raise refused("DICOMDIR")
            if str(meta.get("TransferSyntaxUID", "")) == _DEFLATED:
                _check_inflated(data[132 + file.tell() :], max_pixels)
        ds = dcmread(BytesIO(data), force=True)
        present = [k for k in _PIXEL_KEYWORDS if k in ds]
    except header.BROKEN as error:
        raise refused("IMAGE_BROKEN") from error
    if "DirectoryRecordSequence" in ds:
        raise refused("DICOMDIR")
    if not present:
        cut = not len(ds) or (is_radiograph(ds) and "EncapsulatedDocument" not in ds)
        raise refused("IMAGE_BROKEN" if cut else "DICOM_NO_PIXELS")
    if present != ["PixelData"]:
        raise refused("DICOM_PIXEL_FORMAT", what=present[0])
    _settle_syntax(ds)
    return ds


def _check_inflated(pending: bytes, max_pixels: int) -> None:
    """Inflate a deflated data set piece by piece, keeping nothing, and refuse what grows beyond the limit."""
    most = 2 * max_pixels + int(limits("file")["max_header_bytes"])
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    size = 0
    while pending and not engine.eof:
        size += len(engine.decompress(pending, 1 << 20))
        pending = engine.unconsumed_tail
        if size > most:
            raise refused("FILE_TOO_LARGE", limit=most // 1_000_000)


def _settle_syntax(ds: FileDataset) -> None:
    """Tell the decoder how a data set without file meta was read: uncompressed."""
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    if getattr(ds, "file_meta", None) is None:
        ds.file_meta = FileMetaDataset()
    if "TransferSyntaxUID" not in ds.file_meta:
        implicit, little = ds.original_encoding
        explicit = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else explicit


def _flags(ds: FileDataset, notices: list[Notice]) -> bool:
    """Burned-in text, raw pixels, synthetic pixels; returns whether the pixels are synthetic."""
    if header.text(ds, "BurnedInAnnotation") == "YES":
        notices.append(notice("BURNED_IN_TEXT"))
    if header.text(ds, "PresentationIntentType") == "FOR PROCESSING":
        notices.append(notice("RAW_PIXELS"))
    try:
        synthetic = _SYNTHETIC in ds and str(ds[_SYNTHETIC].value).strip().upper() == "YES"
    except header.BROKEN:
        synthetic = False
    if synthetic:
        notices.append(notice("SIMULATED"))
    return synthetic
