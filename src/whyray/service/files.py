"""Files that the service writes."""

from __future__ import annotations

from pathlib import Path

from whyray.domain import Bilingual, OutputError


def write(file: Path, data: bytes) -> None:
    """Writes a file whole or not at all.

    Raises
    ------
    OutputError
        OUTPUT_UNWRITABLE.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_suffix(".part")
        temporary.write_bytes(data)
        temporary.replace(file)
    except OSError as error:
        raise OutputError(
            "OUTPUT_UNWRITABLE",
            Bilingual(f"无法写入 {file}。", f"Cannot write {file}."),
            Bilingual("请换一个可写的目录。", "Choose a folder that can be written."),
        ) from error
