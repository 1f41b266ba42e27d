"""What all test rooms share: where the real films lie."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

DATA = Path(os.environ.get("WHYRAY_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Folder of the public films and labels; skips where it is absent."""
    if not (DATA / "nih" / "labels.csv").is_file():
        pytest.skip(f"no real films: {DATA / 'nih' / 'labels.csv'} is missing (set WHYRAY_DATA)")
    return DATA


@pytest.fixture
def real_film() -> Callable[[str], Path]:
    """Path of one file under the data folder by its relative name, or the n-th match of a pattern; skips if absent."""

    def find(name: str, number: int = 0) -> Path:
        found = sorted(DATA.glob(name))
        if len(found) <= number:
            pytest.skip(f"no real film: {DATA / name} has no match {number} (set WHYRAY_DATA)")
        return found[number]

    return find
