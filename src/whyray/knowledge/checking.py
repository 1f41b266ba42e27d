"""Everything that can be asked of a pack across its files."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from whyray.domain import Pack
from whyray.knowledge import codes, evidence, pathways, references, relations, reporting, vocabulary
from whyray.knowledge.locating import Locator
from whyray.knowledge.problems import Problem, locate
from whyray.knowledge.references import Scope

_CHECKS = (
    references.ids,
    references.zones,
    references.cautions,
    references.channels,
    references.signs,
    references.diagnoses,
    references.orphans,
    relations.signs,
    relations.diagnoses,
    relations.differentials,
    relations.places,
    reporting.plan,
    relations.terms,
    relations.counted,
    pathways.rules,
    pathways.conditions,
    pathways.repetitions,
    pathways.confounders,
    evidence.weights,
    evidence.texts,
    codes.codes,
    vocabulary.scripts,
    vocabulary.shared,
)


def check(
    pack: Pack,
    detector_kinds: Collection[str],
    zone_kinds: Collection[str],
    heads: Collection[str] | None,
    channels: Collection[str] | None = None,
    folder: Path | None = None,
    caution_kinds: Collection[str] | None = None,
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
    channels
        Structures that the model segments; None leaves channels unchecked.
    folder
        Where the pack was loaded from: problems then name file and line.
    caution_kinds
        As the other kinds; None leaves those of cautions unchecked.
    """
    scope = Scope(pack, detector_kinds, zone_kinds, heads, channels, caution_kinds)
    found = sorted((p for run in _CHECKS for p in run(scope)), key=lambda p: p.severity != "error")
    return tuple(found) if folder is None or not found else locate(found, Locator(folder).find)
