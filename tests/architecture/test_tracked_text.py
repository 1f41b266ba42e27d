"""The repository speaks of its subject only: no paths of one machine, no traces of how it was written."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from architecture.house import ROOT

HERE = Path(__file__).resolve()
FORBIDDEN = {
    "machine path": re.compile(r"(?:^|[\s\"'`(=:<\[])(?:/work/|/tmp/w\b|/root\b|/home/\w)"),
    "tool": re.compile(r"\b(?:claude|anthropic|chatgpt|copilot|llm[- ]generated|ai[- ]generated|agents?)\b", re.I),
}
# A paramagnetic or infectious one is medicine, a browser's is the web; a licence's is law.
ALLOWED = re.compile(r"(?:contrast|infectious|causative|user|escrow)[- ]agents?", re.I)


def tracked() -> list[Path]:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("no git checkout: tracked files are unknown")
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    return [ROOT / p for p in done.stdout.decode("utf-8").split("\0") if p]


def text(path: Path) -> str | None:
    """The file's text; None for binary files and files deleted from the working tree."""
    if not path.is_file():
        return None
    data = path.read_bytes()
    if b"\0" in data[:4096]:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


@pytest.mark.parametrize("kind", FORBIDDEN)
def test_no_tracked_text_holds_it(kind: str) -> None:
    found = []
    for path in tracked():
        content = None if path == HERE else text(path)
        for number, line in enumerate((content or "").splitlines(), start=1):
            if FORBIDDEN[kind].search(ALLOWED.sub("", line)):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert not found, "\n".join(found)


MACHINE = re.compile(rb"(?:/work/|/root/|/home/|/tmp/|site-packages/)\w")


def test_no_tracked_model_holds_a_path_of_the_machine_that_exported_it() -> None:
    models = [path for path in tracked() if path.suffix == ".onnx" and path.is_file()]
    assert models
    assert [path.name for path in models if MACHINE.search(path.read_bytes())] == []
    assert MACHINE.search(b'File "/work/src/x.py", line 3')


def test_the_patterns_can_find_something() -> None:
    assert FORBIDDEN["machine path"].search('open("/work/main/x")')
    assert FORBIDDEN["machine path"].search("PYTHONPATH=/tmp/w/v")
    assert not FORBIDDEN["machine path"].search("https://example.org/work/x")
    assert FORBIDDEN["tool"].search("written by an Agent")
    assert not FORBIDDEN["tool"].search(ALLOWED.sub("", "a contrast agent; a reagent"))
    assert not FORBIDDEN["tool"].search("agenda, management")


def test_no_film_of_the_public_data_is_tracked() -> None:
    pictures = [p for p in tracked() if p.suffix.lower() in (".jpg", ".jpeg", ".png", ".nii", ".gz", ".pt", ".npy")]
    assert not [p for p in pictures if re.fullmatch(r"\d{8}_\d{3}", p.stem)]
    assert not [p for p in pictures if p.suffix in (".pt", ".npy", ".nii", ".gz")]
