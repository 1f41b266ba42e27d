"""Sessions in a dictionary."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from threading import Lock

from whyray.domain import ArgumentError, Bilingual, Lang, Revision, Session, Turn
from whyray.store.audit import genesis, record_hash


class MemoryStore:
    """A ``Store`` that forgets everything when the process ends; safe for threads."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}
        self._lock = Lock()

    def create(self, image_sha256: str, lang: Lang) -> Session:
        """A new empty session with an unguessable id."""
        session = Session(secrets.token_hex(8), image_sha256, lang)
        with self._lock:
            self._sessions[session.id] = session
        return session

    def get(self, session_id: str) -> Session:
        """The session as it is now.

        Raises
        ------
        ArgumentError
            SESSION_UNKNOWN.
        """
        with self._lock:
            session = self._sessions.get(session_id)
        if session is None:
            raise ArgumentError(
                "SESSION_UNKNOWN",
                Bilingual("没有这个会话。", "There is no such session."),
                Bilingual(
                    "会话只在本次运行内有效，请重新打开影像。",
                    "A session lives as long as the program; open the image again.",
                ),
            )
        return session

    def rebind(self, session_id: str, image_sha256: str, prior_sha256: str | None) -> Session:
        """The session, from now on about other films; its turns stay, its anchors on other films are stale.

        Raises
        ------
        ArgumentError
            SESSION_UNKNOWN.
        """

        def bound(before: Session) -> Session:
            kept = before.revisions if before.image_sha256 == image_sha256 else ()
            return replace(before, image_sha256=image_sha256, prior_sha256=prior_sha256, revisions=kept)

        return self._change(session_id, bound)

    def revise(self, session_id: str, revision: Revision) -> Session:
        """The session with one more change of its report.

        Raises
        ------
        ArgumentError
            SESSION_UNKNOWN.
        """
        return self._change(session_id, lambda before: replace(before, revisions=(*before.revisions, revision)))

    def _change(self, session_id: str, change: Callable[[Session], Session]) -> Session:
        self.get(session_id)
        with self._lock:
            changed = self._sessions[session_id] = change(self._sessions[session_id])
        return changed

    def append(self, session_id: str, turn: Turn) -> Turn:
        """Adds `turn` with its audit hash; returns it as stored."""
        session = self.get(session_id)
        with self._lock:
            current = self._sessions[session.id]
            previous = current.turns[-1].audit if current.turns else genesis(current)
            stored = replace(turn, turn=len(current.turns) + 1, film=current.image_sha256)
            stored = replace(stored, audit=record_hash(previous, current, stored))
            self._sessions[session.id] = replace(current, turns=(*current.turns, stored))
        return stored
