"""``whyray doctor``: really imports, really runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import typer

from whyray.domain import WhyrayError
from whyray.service import Reader, Settings

NEEDED = ("numpy", "PIL", "pydantic", "pydicom", "yaml", "onnxruntime", "scipy", "rapidfuzz", "rich", "typer")
OPTIONAL = {
    "gdcm": "dicom",
    "openjpeg": "dicom",
    "rle": "dicom",
    "highdicom": "dicom",
    "pynetdicom": "dicom",
    "fastapi": "serve",
    "sqlalchemy": "serve",
    "gradio": "ui",
}
DISTRIBUTIONS = {
    "PIL": "pillow",
    "yaml": "pyyaml",
    "gdcm": "python-gdcm",
    "openjpeg": "pylibjpeg-openjpeg",
    "rle": "pylibjpeg-rle",
}


def run(model: Path | None) -> None:
    """Prints one line a check; exit 1 when a needed one fails."""
    print(f"python {sys.version.split()[0]}")
    found = [_needed(name) for name in NEEDED]
    healthy = all(found)
    for name, extra in OPTIONAL.items():
        _optional(name, extra)
    reader = Reader(Settings(model=model))
    for label, probe in (("packs", _packs), ("model", _model), ("demo film", _film)):
        healthy = _probe(label, probe, reader) and healthy
    print("ready" if healthy else "NOT READY")
    if not healthy:
        raise typer.Exit(1)


def _version(name: str) -> str:
    try:
        return version(DISTRIBUTIONS.get(name, name))
    except PackageNotFoundError:
        return "(no version)"


def _needed(name: str) -> bool:
    try:
        import_module(name)
    except ImportError as error:
        print(f"FAIL {name}: {error}; reinstall whyray")
        return False
    print(f"ok   {name} {_version(name)}")
    return True


def _optional(name: str, extra: str) -> None:
    try:
        import_module(name)
    except ImportError:
        print(f'-    {name}: not installed; pip install "whyray[{extra}]" for it')
        return
    print(f"ok   {name} {_version(name)}")


def _probe(label: str, probe: Callable[[Reader], str], reader: Reader) -> bool:
    try:
        print(f"ok   {label}: {probe(reader)}")
    except WhyrayError as error:
        print(f"FAIL {label}: {error.line()}")
        return False
    return True


def _packs(reader: Reader) -> str:
    return ", ".join(f"{p.id} {p.version}" for p in reader.packs)


def _model(reader: Reader) -> str:
    cards = [reader.engine(p).card for p in reader.packs]
    return ", ".join(f"{c.id} {c.sha256[:12]} intact" for c in cards)


def _film(reader: Reader) -> str:
    reading = reader.read(reader.places()["demo"])
    return f"read in {reading.timing_ms['total']:.0f} ms"
