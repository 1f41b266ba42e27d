"""The erasers by the name under which an operator may choose them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from whyray.domain import ArgumentError, Bilingual
from whyray.explain.blur import blur
from whyray.explain.clear import clear
from whyray.explain.erase import erase
from whyray.explain.grid import Eraser
from whyray.explain.transplant import transplant

ERASERS: Mapping[str, Eraser] = MappingProxyType(
    {"inpaint": erase, "transplant": transplant, "blur": blur, "clear": clear}
)


def eraser(name: str) -> Eraser:
    """The eraser of that name.

    Raises
    ------
    ArgumentError
        ERASER_UNKNOWN.
    """
    if name not in ERASERS:
        known = ", ".join(ERASERS)
        raise ArgumentError(
            "ERASER_UNKNOWN",
            Bilingual(f"没有擦除方法“{name}”。", f'There is no eraser "{name}".'),
            Bilingual(f"可用的有 {known}。", f"There are {known}."),
        )
    return ERASERS[name]
