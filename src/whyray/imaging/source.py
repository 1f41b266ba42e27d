"""Reading a file once and telling from its first bytes what it is."""

from __future__ import annotations

import hashlib
import os
import stat
import zlib
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from whyray.domain import Notice
from whyray.imaging.messages import argument_error, kind_name, limits, notice, refused

PICTURES = ("png", "jpeg", "tiff", "bmp")
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00", "tiff"),
    (b"MM\x00+", "tiff"),
    (b"%PDF", "pdf"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"7z\xbc\xaf\x27\x1c", "archive"),
    (b"Rar!", "archive"),
    (b"BZh", "archive"),
    (b"\xfd7zXZ\x00", "archive"),
    (b"GIF8", "gif"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "jp2"),
    (b"\xff\x4f\xff\x51", "jp2"),
)
_SUFFIXES = {
    ".dcm": "dicom", ".dicom": "dicom", ".ima": "dicom", ".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg",
    ".jpe": "jpeg", ".tif": "tiff", ".tiff": "tiff", ".bmp": "bmp", ".dib": "bmp", ".pdf": "pdf",
    ".zip": "zip", ".txt": "text", ".html": "html", ".htm": "html", ".gif": "gif", ".webp": "webp",
    ".nii": "nifti", ".gz": "gzip",
}  # fmt: skip
_VRS = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OW PN SH SL SQ SS ST TM UI UL UN US UT".split())


@dataclass(frozen=True, slots=True)
class Source:
    """A file's bytes, their digest, what the caller calls it and what its content is."""

    data: bytes
    sha256: str
    path: str
    kind: str

    def notices(self) -> tuple[Notice, ...]:
        """Warn when the name claims another format than the content."""
        suffix = PurePath(self.path).suffix.lower()
        if _SUFFIXES.get(suffix, self.kind) == self.kind:
            return ()
        return (notice("EXTENSION_MISMATCH", suffix=suffix, kind=kind_name(self.kind)),)


def read_source(source: str | os.PathLike[str] | bytes, name: str | None) -> Source:
    """Bytes of a path or the bytes themselves, with digest and kind; refuses the empty and the huge."""
    data = bytes(source) if isinstance(source, (bytes, bytearray, memoryview)) else _read(os.fspath(source))
    if not data:
        raise refused("FILE_EMPTY")
    _check_bytes(len(data))
    path = name or ("" if isinstance(source, (bytes, bytearray, memoryview)) else os.fspath(source))
    return Source(data, hashlib.sha256(data).hexdigest(), path, sniff(data))


def _check_bytes(size: int) -> None:
    most = limits("file")["max_bytes"]
    if size > most:
        raise refused("FILE_TOO_LARGE", limit=most // 1_000_000)


def _read(path: str) -> bytes:
    try:
        mode = os.stat(path)
        if stat.S_ISDIR(mode.st_mode):
            raise argument_error("IS_A_DIRECTORY", path=path)
        if not stat.S_ISREG(mode.st_mode):
            raise argument_error("NOT_A_FILE", path=path)
        _check_bytes(mode.st_size)
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise argument_error("FILE_NOT_FOUND", path=path) from error
    except PermissionError as error:
        raise argument_error("NO_PERMISSION", path=path) from error
    except (OSError, ValueError) as error:
        raise argument_error("FILE_UNREADABLE", path=path) from error


def sniff(data: bytes) -> str:
    """Kind of the content: ``dicom``, ``png``, ``jpeg``, ``tiff``, ``bmp`` or a kind that is not read."""
    if data[128:132] == b"DICM":
        return "dicom"
    for magic, kind in _MAGIC:
        if data.startswith(magic):
            return kind
    if data.startswith(b"BM") and data[6:10] == b"\0\0\0\0":
        return "bmp"
    if data.startswith(b"RIFF"):
        return "webp" if data[8:12] == b"WEBP" else "video"
    if data[4:8] == b"ftyp":
        return "heic" if data[8:12] in (b"heic", b"heix", b"mif1", b"avif") else "video"
    if data.startswith(b"\x1f\x8b"):
        return "nifti" if _is_nifti(_gunzip_head(data)) else "gzip"
    if _is_nifti(data):
        return "nifti"
    if _bare_dicom(data):
        return "dicom"
    return _text_kind(data)


def _gunzip_head(data: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(data[:4096], 352)
    except zlib.error:
        return b""


def _is_nifti(data: bytes) -> bool:
    return data[344:348] in (b"n+1\0", b"ni1\0") or data[4:12] == b"n+2\0\r\n\x1a\n"


def _bare_dicom(data: bytes) -> bool:
    """Recognise a data set without preamble: a low tag of group 2 or 8, then a plausible VR or length."""
    if len(data) < 64:
        return False
    orders: tuple[Literal["little", "big"], ...] = ("little", "big")
    for order in orders:
        group, element = (int.from_bytes(data[i : i + 2], order) for i in (0, 2))
        if group in (0x0002, 0x0008) and element <= 0x0100:
            explicit = data[4:6] in _VRS
            length = int.from_bytes(data[4:8], "little")
            if explicit or (order == "little" and length <= 256):
                return True
    return False


def _text_kind(data: bytes) -> str:
    head = data[:2048]
    # A cut inside the last UTF-8 character is no sign of binary content.
    tail = 0 if len(data) <= len(head) else 3
    decoded = [head[: len(head) - n] for n in range(tail + 1) if _is_utf8(head[: len(head) - n])]
    if b"\0" in head or not decoded:
        return "unknown"
    text = decoded[0].decode("utf-8").lstrip("\ufeff \r\n\t").lower()
    if text.startswith(("<!doctype html", "<html")):
        return "html"
    return "text" if all(c.isprintable() or c in "\r\n\t" for c in text) else "unknown"


def _is_utf8(head: bytes) -> bool:
    try:
        head.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
