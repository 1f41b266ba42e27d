"""Keeping C libraries quiet: libtiff and gdcm write to the terminal what the refusal says in one line."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_LOCK = threading.Lock()
_STDERR = 2


@contextmanager
def hushed() -> Iterator[None]:
    """Send file descriptor 2 of the process to nowhere while the block runs; one block at a time."""
    with _LOCK:
        try:
            kept = os.dup(_STDERR)
        except OSError:
            yield
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, _STDERR)
            yield
        finally:
            os.dup2(kept, _STDERR)
            os.close(kept)
            os.close(nowhere)
