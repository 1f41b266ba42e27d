"""The hash chain over turns."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict

from whyray.domain import Evidence, Fact, Session, Turn


def genesis(session: Session) -> str:
    """What the first turn's hash follows from."""
    return hashlib.sha256(session.id.encode()).hexdigest()


def record_hash(previous: str, session: Session, turn: Turn) -> str:
    """Hex SHA-256 of the previous hash and this turn's record.

    The record holds the digest of the film asked about, the question, intent, target, each item's sign, polarity and
    numbers, each fact's words and numbers, and the doctor's correction.
    """
    record = {
        "previous": previous,
        "session": session.id,
        "image": turn.film,
        "turn": turn.turn,
        "question": turn.query.text,
        "intent": turn.query.intent,
        "target": turn.query.target,
        "lang": turn.query.lang,
        "items": [_item(e) for e in turn.items],
        "facts": [_fact(f) for f in turn.facts],
        "correction": None if turn.correction is None else asdict(turn.correction),
        "sentences": [[s.text, list(s.evidence)] for s in turn.sentences],
        "anchors": [[a.id, list(a.parents), a.region.rle()] for a in turn.anchors],
    }
    text = json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _item(e: Evidence) -> list[object]:
    tested = None if e.counterfactual is None else [repr(e.counterfactual.drop), e.counterfactual.passed]
    place = None if e.region is None else e.region.rle()
    return [e.id, e.sign, e.polarity, repr(e.score), repr(e.log_lr), repr(e.share), e.rule, place, tested]


def _fact(f: Fact) -> list[object]:
    place = None if f.region is None else f.region.rle()
    numbers = [[m.id, repr(m.value), m.unit] for m in f.measurements]
    return [f.id, f.kind, f.name.as_dict(), f.text.as_dict(), f.state, f.anchor, f.sign, numbers, place]


def verify(session: Session) -> bool:
    """Whether every turn's hash follows from the one before."""
    previous = genesis(session)
    for turn in session.turns:
        if turn.audit != record_hash(previous, session, turn):
            return False
        previous = turn.audit
    return True
