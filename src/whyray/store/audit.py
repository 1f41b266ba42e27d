"""The hash chain over turns."""

from __future__ import annotations

import hashlib
import json

from whyray.domain import Evidence, Session, Turn


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
        "lang": turn.query.lang,
        "items": [_item(e) for e in turn.items],
        "sentences": [[s.text, list(s.evidence)] for s in turn.sentences],
        "anchors": [[a.id, list(a.parents), a.region.rle()] for a in turn.anchors],
    }
    text = json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _item(e: Evidence) -> list[object]:
    tested = None if e.counterfactual is None else [repr(e.counterfactual.drop), e.counterfactual.passed]
    place = None if e.region is None else e.region.rle()
    return [e.id, e.sign, e.polarity, repr(e.score), repr(e.log_lr), repr(e.share), e.rule, place, tested]


def verify(session: Session) -> bool:
    """Whether every turn's hash follows from the one before."""
    previous = session.image_sha256
    for turn in session.turns:
        if turn.audit != record_hash(previous, session, turn):
            return False
        previous = turn.audit
    return True
