"""Safe access to header values: a malformed value is a missing value."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydicom.errors import BytesLengthException, InvalidDicomError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

#: What pydicom and the codecs raise on malformed data.
BROKEN = (
    OSError, ValueError, TypeError, AttributeError, KeyError, IndexError, EOFError, RuntimeError, MemoryError,
    ArithmeticError, AssertionError, SyntaxError, BufferError, struct.error, zlib.error,
    BytesLengthException, InvalidDicomError,
)  # fmt: skip


def value(ds: Dataset, keyword: str) -> Any:
    """Read the element's value, or None when it is absent, empty or malformed."""
    try:
        found = ds.get(keyword)
        return None if found is None or found == "" else found
    except BROKEN:
        return None


def values(ds: Dataset, keyword: str) -> list[Any]:
    """Read the element's values as a list, empty when absent or malformed."""
    found = value(ds, keyword)
    if found is None:
        return []
    if isinstance(found, Sequence) and not isinstance(found, (str, bytes)):
        return list(found)
    return [found]


def text(ds: Dataset, keyword: str) -> str:
    """Read the first value as stripped upper-case text, ``""`` when absent."""
    found = values(ds, keyword)
    return " ".join(str(found[0]).upper().split()) if found else ""


def numbers(ds: Dataset, keyword: str) -> list[float]:
    """Read the finite values as floats; empty when any is not a number."""
    try:
        found = [float(v) for v in values(ds, keyword)]
    except (TypeError, ValueError):
        return []
    return found if all(math.isfinite(v) for v in found) else []


def number(ds: Dataset, keyword: str, default: float) -> float:
    """Read the first value as a finite float, else `default`."""
    found = numbers(ds, keyword)
    return found[0] if found else default


def integer(ds: Dataset, keyword: str, default: int) -> int:
    """Read the first value as an int, else `default`."""
    return int(number(ds, keyword, default))


def items(ds: Dataset, keyword: str) -> list[Dataset]:
    """Read the items of a sequence."""
    from pydicom.dataset import Dataset

    return [v for v in values(ds, keyword) if isinstance(v, Dataset)]
