"""Conversations with anchors on a 1000 x 1000 film; the patient's right lies at x < 500."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from whyray.domain import Anchor, Bilingual, Query, Region, Session, Turn


def anchor(name: str, sign: str | None, label_zh: str, label_en: str, bbox: Sequence[int], turn: int = 1) -> Anchor:
    x0, y0, x1, y1 = bbox
    region = Region(1000, 1000, (x0, y0, x1, y1), np.ones((y1 - y0, x1 - x0), dtype=np.bool_))
    return Anchor(name, Bilingual(label_zh, label_en), region, turn=turn, sign=sign)


def conversation(*parts: Anchor | Query | Session) -> Session:
    """A session: goes on from the one among `parts`, else its first turn makes the anchors; one turn a query."""
    turns: tuple[Turn, ...] = next((p.turns for p in parts if isinstance(p, Session)), ())
    made = tuple(p for p in parts if isinstance(p, Anchor))
    if not turns:
        turns = (Turn("s", 1, Query("", "en", "SCREEN"), (), (), made),)
    for query in (p for p in parts if isinstance(p, Query)):
        turns = (*turns, Turn("s", len(turns) + 1, query, (), (), ()))
    return Session("s", "0" * 64, "en", turns)
