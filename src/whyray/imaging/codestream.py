"""Image size as a compressed codestream states it, read before any codec allocates memory."""

from __future__ import annotations

_NO_LENGTH = frozenset((0x01, *range(0xD0, 0xDA)))
_FRAME_MARKERS = frozenset((*range(0xC0, 0xD0), 0xF7)) - {0xC4, 0xC8, 0xCC}


def frame_size(stream: bytes) -> tuple[int, int] | None:
    """(rows, cols) of a JPEG, JPEG-LS or JPEG 2000 codestream; None when its header cannot be found."""
    if stream.startswith(b"\xff\x4f\xff\x51"):
        return _size_of_jpeg2000(stream)
    if stream[4:8] == b"jP  ":
        start = stream.find(b"\xff\x4f\xff\x51")
        return _size_of_jpeg2000(stream[start:]) if start > 0 else None
    return _size_of_jpeg(stream) if stream.startswith(b"\xff\xd8") else None


def _size_of_jpeg2000(stream: bytes) -> tuple[int, int] | None:
    """SIZ segment of ISO/IEC 15444-1 A.5.1: grid size minus offset."""
    if len(stream) < 24:
        return None
    x1, y1, x0, y0 = (int.from_bytes(stream[i : i + 4], "big") for i in (8, 12, 16, 20))
    return y1 - y0, x1 - x0


def _size_of_jpeg(stream: bytes) -> tuple[int, int] | None:
    """First frame header of ISO/IEC 10918-1 B.2.2 or 14495-1 C.2.2."""
    at = 2
    while at + 9 <= len(stream):
        if stream[at] != 0xFF:
            return None
        marker = stream[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _NO_LENGTH:
            at += 2
        elif marker in _FRAME_MARKERS:
            rows, cols = (int.from_bytes(stream[at + i : at + i + 2], "big") for i in (5, 7))
            return rows, cols
        else:
            at += 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
    return None
