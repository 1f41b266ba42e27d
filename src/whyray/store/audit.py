"""The hash chain over turns."""

from __future__ import annotations

import hashlib
import json

from whyray.domain import Session, Turn


def record_hash(previous: str, session: Session, turn: Turn) -> str:
    """Hex SHA-256 of the previous hash and this turn's record.

    The record holds the image digest, the question, intent, target, and each item's sign, polarity and numbers.
    """
    record = {
        "previous": previous,
        "session": session.id,
        "image": session.image_sha256,
        "turn": turn.turn,
        "question": turn.query.text,
        "intent": turn.query.intent,
        "target": turn.query.target,
        "items": [[e.id, e.sign, e.polarity, repr(e.score), repr(e.log_lr)] for e in turn.items],
        "text": turn.text,
    }
    text = json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def verify(session: Session) -> bool:
    """Whether every turn's hash follows from the one before."""
    previous = session.image_sha256
    for turn in session.turns:
        if turn.audit != record_hash(previous, session, turn):
            return False
        previous = turn.audit
    return True
