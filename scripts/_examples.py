"""Writes docs/examples: every question of conversations.yaml with its answer and picture, in both languages."""

from __future__ import annotations

import io
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import yaml
from PIL import Image as Picture

from whyray.domain import Lang
from whyray.service import Reader

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "docs" / "examples"
WIDTH, QUALITY = 900, 72  # of the pictures kept in the repository
HEAD = {
    "zh": "# 回答示例\n\n影像均为模拟片（合成像素，非真实患者）。由 `scripts/examples` 生成。仅供研究，不用于诊断。\n",
    "en": "# Examples of answers\n\nAll films are simulated (synthetic pixels, no patient). Made by `scripts/examples`."
    " Research use only, not for diagnosis.\n",
}


def main() -> None:
    """Makes both pages and their pictures."""
    reader = Reader()
    conversations = yaml.safe_load((OUT / "conversations.yaml").read_text("utf-8"))
    for old in OUT.glob("*.jpg"):
        old.unlink()
    for lang in get_args(Lang):
        parts = [HEAD[lang]]
        for conversation in conversations:
            parts += told(reader, conversation, lang)
        (OUT / f"{lang}.md").write_text("\n".join(parts), encoding="utf-8")


def told(reader: Reader, conversation: dict[str, Any], lang: Lang) -> list[str]:
    """Markdown of one conversation."""
    film = reader.places()["demo"].parent / conversation["film"]
    session = reader.open(film, lang=lang)
    parts = [f"\n## {film.name}\n"]
    for question in conversation[lang]:
        turn = reader.ask(session.id, question, lang=lang)
        name = f"{film.stem}-{lang}-{turn.turn}.jpg"
        with TemporaryDirectory() as folder:
            keep(reader.picture(reader.reading(session.id), turn, Path(folder)), OUT / name)
        text = reader.turn_text(turn)
        parts.append(f"### {question}\n\n```text\n{text}\n```\n\n![{question}]({name})\n")
    return parts


def keep(picture: Path, file: Path) -> None:
    """A smaller copy."""
    image = Picture.open(picture).convert("RGB")
    image.thumbnail((WIDTH, 10 * WIDTH))
    data = io.BytesIO()
    image.save(data, "JPEG", quality=QUALITY)
    file.write_bytes(data.getvalue())


if __name__ == "__main__":
    main()
