"""Files that must be refused, each with the code and exit status it must be refused with.

``build(folder)`` writes them; ``phantom`` and ``radiograph`` make the accepted film they are variants of. Nothing
here comes from a real patient.
"""

from __future__ import annotations

import gzip
import io
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow


@dataclass(frozen=True)
class BadInput:
    """A path, what is wrong with it, and how the program must end."""

    path: Path
    kind: str
    expected_code: str
    expected_exit: int


def phantom(rows: int = 320, cols: int = 288, seed: int = 0) -> np.ndarray:
    """A crude frontal chest, float64 (rows, cols) in [0, 1]: bright midline and abdomen, dark lungs."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:rows, 0:cols]
    y, x = y / rows, x / cols

    def blob(cx: float, cy: float, rx: float, ry: float) -> np.ndarray:
        return 1 / (1 + np.exp(12 * (((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 - 1)))

    film = 0.12 + 0.5 * blob(0.5, 0.75, 0.48, 0.75)
    film -= 0.38 * (blob(0.29, 0.47, 0.15, 0.3) + blob(0.71, 0.47, 0.15, 0.3))
    film += 0.3 * blob(0.5, 0.5, 0.09, 0.6) + 0.25 * blob(0.57, 0.62, 0.16, 0.15) + 0.2 * blob(0.5, 1.0, 0.45, 0.22)
    film += 0.03 * np.sin(60 * y) * blob(0.5, 0.45, 0.4, 0.4)
    return np.clip(film + rng.normal(0, 0.012, film.shape), 0, 1)


def film8(rows: int = 320, cols: int = 288) -> np.ndarray:
    """The phantom as uint8."""
    return np.rint(phantom(rows, cols) * 255).astype(np.uint8)


def encoded(array: Any, fmt: str = "PNG", mode: str | None = None, **options: Any) -> bytes:
    """An array or Pillow image as picture bytes."""
    picture = Pillow.fromarray(array) if isinstance(array, np.ndarray) else array
    out = io.BytesIO()
    (picture.convert(mode) if mode else picture).save(out, fmt, **options)
    return out.getvalue()


def radiograph(pixels: np.ndarray | None = None, syntax: str = "1.2.840.10008.1.2.1", **tags: Any) -> Any:
    """A DX dataset of the phantom, 12 bits stored, MONOCHROME2; `tags` set or (None) delete elements."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import UID, generate_uid

    stored = np.rint(phantom() * 4095).astype(np.uint16) if pixels is None else pixels
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(syntax)
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["whyray"])
    implicit, little = syntax == "1.2.840.10008.1.2", syntax != "1.2.840.10008.1.2.2"
    ds = FileDataset("", {}, b"\0" * 128, meta, is_implicit_VR=implicit, is_little_endian=little)
    ds.SOPClassUID, ds.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    ds.Modality, ds.BodyPartExamined, ds.ViewPosition = "DX", "CHEST", "PA"
    ds.PatientName, ds.PatientID, ds.PatientBirthDate = "Doe^Jane", "SECRET-4711", "19600102"
    ds.StudyDate, ds.InstitutionName = "20200304", "General Hospital"
    ds.PatientOrientation = ["L", "F"]
    ds.PixelSpacing, ds.ImagerPixelSpacing = [0.9, 0.9], [1.0, 1.0]
    ds.PixelSpacingCalibrationType = "GEOMETRY"
    bits = 8 * stored.dtype.itemsize
    ds.Rows, ds.Columns, ds.SamplesPerPixel = stored.shape[0], stored.shape[1], 1 if stored.ndim == 2 else 3
    ds.PhotometricInterpretation = "MONOCHROME2" if stored.ndim == 2 else "RGB"
    if stored.ndim == 3:
        ds.PlanarConfiguration = 0
    ds.BitsAllocated = bits
    ds.BitsStored = 12 if bits == 16 else 8
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = 1 if stored.dtype.kind == "i" else 0
    ds.WindowCenter, ds.WindowWidth = (2048, 4096) if bits == 16 else (128, 256)
    ds.PixelData = stored.tobytes()
    for key, value in tags.items():
        if value is None:
            del ds[key]
        else:
            setattr(ds, key, value)
    return ds


def dicom_bytes(ds: Any) -> bytes:
    """The dataset as a DICOM file."""
    out = io.BytesIO()
    ds.save_as(out, enforce_file_format=True)
    return out.getvalue()


def _png_header(width: int, height: int) -> bytes:
    """A PNG whose header claims a huge size and whose data is a few bytes."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


def _zip_bytes() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("film.png", encoded(film8()))
    return out.getvalue()


def _tar_gz() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        body = encoded(film8())
        member = tarfile.TarInfo("film.png")
        member.size = len(body)
        archive.addfile(member, io.BytesIO(body))
    return out.getvalue()


def _nifti() -> bytes:
    head = bytearray(352)
    head[0:4] = struct.pack("<i", 348)
    head[344:348] = b"n+1\0"
    return bytes(head) + bytes(4096)


def _colour_photo() -> np.ndarray:
    y, x = np.mgrid[0:300, 0:400] / 300
    rng = np.random.default_rng(1)
    scene = np.stack([0.5 + 0.4 * np.sin(5 * x), 0.4 + 0.3 * np.cos(4 * y), 0.3 + 0.4 * x * y], axis=-1)
    return np.clip(255 * (scene + rng.normal(0, 0.02, scene.shape)), 0, 255).astype(np.uint8)


def _heat_map() -> np.ndarray:
    grey = np.repeat(film8()[..., None], 3, axis=2).astype(float)
    grey[100:220, 60:200, 0] += 110
    return np.clip(grey, 0, 255).astype(np.uint8)


def _cross_section() -> np.ndarray:
    rng = np.random.default_rng(2)
    y, x = np.mgrid[-1:1:400j, -1:1:400j]
    body = (x / 0.85) ** 2 + (y / 0.65) ** 2 < 1
    lungs = ((np.abs(x) - 0.4) / 0.25) ** 2 + (y / 0.4) ** 2 < 1
    return np.where(body, np.where(lungs, 40, 150) + rng.normal(0, 8, x.shape), 0).clip(0, 255).astype(np.uint8)


def _white_noise() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (512, 512), dtype=np.uint8)


def _smooth_noise() -> np.ndarray:
    coarse = np.random.default_rng(4).normal(128, 60, (160, 160))
    return np.asarray(
        Pillow.fromarray(coarse.clip(0, 255).astype(np.uint8)).resize((640, 640), Pillow.Resampling.BICUBIC)
    )


def _block_noise() -> np.ndarray:
    return np.kron(np.random.default_rng(5).integers(0, 256, (16, 16)), np.ones((32, 32), int)).astype(np.uint8)


def _gradient() -> np.ndarray:
    return np.tile(np.linspace(0, 255, 512), (512, 1)).astype(np.uint8)


def _page() -> np.ndarray:
    page = np.full((800, 600), 255, np.uint8)
    page[60:780:40, 50:300:3] = 0
    return page


def _deflated_bomb() -> bytes:
    ds = radiograph(syntax="1.2.840.10008.1.2.1.99")
    whole = dicom_bytes(ds)
    meta_end = 144 + int.from_bytes(whole[140:144], "little")
    engine = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    zeros = b"\0" * (1 << 22)
    element = struct.pack("<HH2sHI", 0x0009, 0x1001, b"OB", 0, 40 * len(zeros))
    body = engine.compress(element) + b"".join(engine.compress(zeros) for _ in range(40)) + engine.flush()
    return whole[:meta_end] + body


def _hidden_size() -> bytes:
    """A small DICOM header around a JPEG that claims 60,000 x 60,000 pixels."""
    from pydicom.encaps import encapsulate

    jpeg = bytearray(encoded(film8(), "JPEG"))
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = struct.pack(">HH", 60000, 60000)
    ds = radiograph(film8(), "1.2.840.10008.1.2.4.50", PixelData=encapsulate([bytes(jpeg)]))
    ds["PixelData"].is_undefined_length = True
    return dicom_bytes(ds)


def _dicomdir() -> bytes:
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    ds = radiograph(PixelData=None, DirectoryRecordSequence=Sequence([Dataset()]))
    ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    return dicom_bytes(ds)


def _encapsulated_pdf() -> bytes:
    ds = radiograph(PixelData=None, Rows=None, Columns=None, Modality="DOC", EncapsulatedDocument=b"%PDF-1.4 x")
    return dicom_bytes(ds)


def encapsulated(syntax: str, stream: bytes, pixels: np.ndarray, **tags: Any) -> Any:
    from pydicom.encaps import encapsulate

    ds = radiograph(pixels, syntax, PixelData=encapsulate([stream]), **tags)
    ds["PixelData"].is_undefined_length = True
    return ds


def _code_item(value: str, scheme: str, meaning: str) -> Any:
    from pydicom.dataset import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _dicoms() -> dict[str, tuple[str, Callable[[], bytes]]]:
    """Name -> (expected code, maker)."""

    def made(**tags: Any) -> Callable[[], bytes]:
        return lambda: dicom_bytes(radiograph(**tags))

    lateral = [_code_item("399067008", "SCT", "lateral")]
    knee = [_code_item("72696002", "SCT", "Knee")]
    colour = _colour_photo()
    return {
        "ct.dcm": ("DICOM_MODALITY", made(Modality="CT")),
        "mr.dcm": ("DICOM_MODALITY", made(Modality="MR")),
        "ultrasound.dcm": ("DICOM_MODALITY", made(Modality="US")),
        "mammogram.dcm": ("DICOM_MODALITY", made(Modality="MG")),
        "fluoroscopy.dcm": ("DICOM_MODALITY", made(Modality="RF")),
        "angiogram.dcm": ("DICOM_MODALITY", made(Modality="XA")),
        "ct_untagged.dcm": ("DICOM_MODALITY", made(Modality=None, SOPClassUID="1.2.840.10008.5.1.4.1.1.2")),
        "hand.dcm": ("DICOM_BODY_PART", made(BodyPartExamined="HAND")),
        "abdomen.dcm": ("DICOM_BODY_PART", made(BodyPartExamined="ABDOMEN")),
        "knee_coded.dcm": ("DICOM_BODY_PART", made(BodyPartExamined=None, AnatomicRegionSequence=knee)),
        "lateral.dcm": ("LATERAL_VIEW", made(ViewPosition="LL")),
        "lateral_coded.dcm": ("LATERAL_VIEW", made(ViewPosition=None, ViewCodeSequence=lateral)),
        "lateral_described.dcm": ("LATERAL_VIEW", made(ViewPosition=None, SeriesDescription="Chest Lat")),
        "lateral_oriented.dcm": ("LATERAL_VIEW", made(ViewPosition=None, PatientOrientation=["A", "F"])),
        "decubitus.dcm": ("VIEW_NOT_FRONTAL", made(ViewPosition="LLD")),
        "frames.dcm": ("MULTI_FRAME", lambda: dicom_bytes(_two_frames())),
        "huge_header.dcm": ("TOO_MANY_PIXELS", made(Rows=60000, Columns=60000)),
        "tiny.dcm": ("TOO_SMALL", lambda: dicom_bytes(radiograph(np.full((64, 64), 7, np.uint16)))),
        "truncated_pixels.dcm": ("IMAGE_BROKEN", lambda: dicom_bytes(radiograph())[:-50_000]),
        "truncated_header.dcm": ("IMAGE_BROKEN", lambda: dicom_bytes(radiograph())[:600]),
        "no_rows.dcm": ("IMAGE_BROKEN", made(Rows=None)),
        "report.dcm": ("DICOM_NO_PIXELS", made(PixelData=None, Rows=None, Columns=None, Modality="SR")),
        "encapsulated_pdf.dcm": ("DICOM_NO_PIXELS", _encapsulated_pdf),
        "DICOMDIR": ("DICOMDIR", _dicomdir),
        "colour.dcm": ("COLOUR_IMAGE", lambda: dicom_bytes(radiograph(colour))),
        "blank.dcm": ("BLANK_IMAGE", lambda: dicom_bytes(radiograph(np.full((300, 300), 900, np.uint16)))),
        "deflated_bomb.dcm": ("FILE_TOO_LARGE", _deflated_bomb),
        "hidden_size.dcm": ("IMAGE_BROKEN", _hidden_size),
        "video.dcm": ("DICOM_TRANSFER_SYNTAX", lambda: _with_syntax("1.2.840.10008.1.2.4.100")),
        "bits32.dcm": ("DICOM_PIXEL_FORMAT", made(BitsAllocated=32)),
        "photometric.dcm": ("DICOM_PIXEL_FORMAT", made(PhotometricInterpretation="HSV")),
    }


def _two_frames() -> Any:
    ds = radiograph(NumberOfFrames=2)
    ds.PixelData = ds.PixelData * 2
    return ds


def _with_syntax(syntax: str) -> bytes:
    from pydicom.encaps import encapsulate

    ds = radiograph(syntax=syntax, PixelData=encapsulate([b"\0" * 64]))
    ds["PixelData"].is_undefined_length = True
    return dicom_bytes(ds)


def _pictures() -> dict[str, tuple[str, Callable[[], bytes]]]:
    png, jpeg = encoded(film8()), encoded(film8(), "JPEG")
    tiff, lzw = encoded(film8(), "TIFF"), encoded(film8(), "TIFF", compression="tiff_lzw")
    pages = [Pillow.fromarray(film8())]
    rng = np.random.default_rng(6)
    return {
        "empty.png": ("FILE_EMPTY", lambda: b""),
        "empty.dcm": ("FILE_EMPTY", lambda: b""),
        "truncated.png": ("IMAGE_BROKEN", lambda: png[: len(png) // 2]),
        "truncated.jpg": ("IMAGE_BROKEN", lambda: jpeg[: len(jpeg) // 2]),
        "truncated.tif": ("IMAGE_BROKEN", lambda: tiff[: len(tiff) // 2]),
        "damaged_lzw.tif": (
            "IMAGE_BROKEN",
            lambda: lzw[:9000] + bytes(b ^ 90 for b in lzw[9000:9400]) + lzw[9400:],
        ),
        "signature_only.png": ("IMAGE_BROKEN", lambda: png[:8]),
        "flipped_bytes.png": (
            "IMAGE_BROKEN",
            lambda: png[:3000] + bytes(b ^ 255 for b in png[3000:3400]) + png[3400:],
        ),
        "text.png": ("NOT_AN_IMAGE", lambda: b"this is no picture\n" * 40),
        "text_zh.jpg": ("NOT_AN_IMAGE", lambda: "这不是影像。".encode() * 400),
        "page.html": ("NOT_AN_IMAGE", lambda: b"<!DOCTYPE html><html><body>404</body></html>"),
        "report.pdf": ("NOT_AN_IMAGE", lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(200)),
        "films.zip": ("NOT_AN_IMAGE", _zip_bytes),
        "films.tar.gz": ("NOT_AN_IMAGE", _tar_gz),
        "random.bin": ("NOT_AN_IMAGE", lambda: rng.bytes(20_000)),
        "random.dcm": ("NOT_AN_IMAGE", lambda: rng.bytes(20_000)),
        "zeros.dcm": ("NOT_AN_IMAGE", lambda: bytes(5000)),
        "volume.nii": ("NIFTI_UNSUPPORTED", _nifti),
        "volume.nii.gz": ("NIFTI_UNSUPPORTED", lambda: gzip.compress(_nifti())),
        "moving.gif": ("FORMAT_UNSUPPORTED", lambda: encoded(film8(), "GIF")),
        "film.webp": ("FORMAT_UNSUPPORTED", lambda: b"RIFF\x10\0\0\0WEBPVP8 " + bytes(32)),
        "bomb.png": ("TOO_MANY_PIXELS", lambda: _png_header(60000, 60000)),
        "big.png": ("TOO_MANY_PIXELS", lambda: _png_header(9000, 9000)),
        "thumbnail.png": ("TOO_SMALL", lambda: encoded(film8(100, 100))),
        "pixel.png": ("TOO_SMALL", lambda: encoded(film8(1, 1))),
        "strip.png": ("EXTREME_ASPECT", lambda: encoded(film8(100, 900))),
        "pages.tif": ("MULTI_FRAME", lambda: encoded(pages[0], "TIFF", save_all=True, append_images=pages)),
        "photo.jpg": ("COLOUR_IMAGE", lambda: encoded(_colour_photo(), "JPEG")),
        "photo.png": ("COLOUR_IMAGE", lambda: encoded(_colour_photo())),
        "heatmap.png": ("COLOUR_IMAGE", lambda: encoded(_heat_map())),
        "black.png": ("BLANK_IMAGE", lambda: encoded(np.zeros((512, 512), np.uint8))),
        "white.jpg": ("BLANK_IMAGE", lambda: encoded(np.full((512, 512), 255, np.uint8), "JPEG")),
        "nearly_constant.png": (
            "BLANK_IMAGE",
            lambda: encoded(rng.integers(126, 130, (512, 512), dtype=np.uint8)),
        ),
        "page_of_text.png": ("BLANK_IMAGE", lambda: encoded(_page())),
        "gradient.png": ("BLANK_IMAGE", lambda: encoded(_gradient())),
        "binarised.png": ("FEW_LEVELS", lambda: encoded(Pillow.fromarray(film8() > 90), "PNG")),
        "white_noise.png": ("NOISE_IMAGE", lambda: encoded(_white_noise())),
        "white_noise.jpg": ("NOISE_IMAGE", lambda: encoded(_white_noise(), "JPEG")),
        "smooth_noise.png": ("NOISE_IMAGE", lambda: encoded(_smooth_noise())),
        "block_noise.png": ("NOISE_IMAGE", lambda: encoded(_block_noise())),
        "noise16.png": ("NOISE_IMAGE", lambda: encoded(rng.integers(0, 65536, (400, 400), dtype=np.uint16))),
        "slice.png": ("CROSS_SECTION", lambda: encoded(_cross_section())),
    }


def build(folder: Path) -> list[BadInput]:
    """Write all bad inputs into `folder` and list them; a path that must not exist is listed too."""
    made: list[BadInput] = []
    for name, (code, maker) in {**_pictures(), **_dicoms()}.items():
        path = folder / name
        path.write_bytes(maker())
        made.append(BadInput(path, name, code, 3))
    (folder / "a_folder.dcm").mkdir()
    made.append(BadInput(folder / "a_folder.dcm", "folder", "IS_A_DIRECTORY", 2))
    made.append(BadInput(folder / "missing.dcm", "missing", "FILE_NOT_FOUND", 2))
    made.append(BadInput(folder / "black.png" / "inside.dcm", "below a file", "FILE_NOT_FOUND", 2))
    locked = folder / "locked.png"
    locked.write_bytes(encoded(film8()))
    locked.chmod(0)
    if not os.access(locked, os.R_OK):
        made.append(BadInput(locked, "no permission", "NO_PERMISSION", 2))
    return made
