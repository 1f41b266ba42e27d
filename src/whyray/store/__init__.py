"""store: keeps sessions and the audit chain behind ``domain.Store``.

``MemoryStore`` lives as long as the process. Each turn's audit hash is the SHA-256 of the one before and the turn's
record (ids and numbers, no pixels, no file names), so a changed or removed turn breaks the chain.
"""

from whyray.store.audit import record_hash, verify
from whyray.store.memory import MemoryStore

__all__ = ["MemoryStore", "record_hash", "verify"]
