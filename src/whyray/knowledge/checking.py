"""Everything that can be asked of a pack across its files."""

from __future__ import annotations

from collections.abc import Collection

from whyray.domain import Pack
from whyray.knowledge import evidence, pathways, references
from whyray.knowledge.problems import Problem
from whyray.knowledge.references import Scope

_CHECKS = (
    references.ids,
    references.zones,
    references.signs,
    references.diagnoses,
    references.orphans,
    pathways.rules,
    evidence.weights,
    evidence.codes,
    evidence.texts,
)


def check(
    pack: Pack, detector_kinds: Collection[str], zone_kinds: Collection[str], heads: Collection[str] | None
) -> tuple[Problem, ...]:
    """Problems of a pack, errors first; empty when there is none.

    Parameters
    ----------
    pack
        A loaded pack.
    detector_kinds, zone_kinds
        Kinds that perception knows (a set, or a mapping with these keys).
    heads
        Film-level outputs of the model; None leaves heads unchecked.
    """
    scope = Scope(pack, detector_kinds, zone_kinds, heads)
    found = [problem for run in _CHECKS for problem in run(scope)]
    return tuple(sorted(found, key=lambda p: p.severity != "error"))
