"""Small packs and observations, made of numbers that tests choose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from whyray.domain import (
    Bilingual,
    DetectorSpec,
    DiagnosisDefinition,
    Match,
    Measurement,
    Observations,
    Pack,
    Quality,
    Region,
    Rule,
    SignDefinition,
    SignObservation,
    SignWeight,
    ZoneDefinition,
)
from whyray.reasoning import Fusion

WORD = Bilingual("词", "word")
LIMIT = 0.75


def region(x: int = 0) -> Region:
    mask = np.zeros((4, 40), dtype=np.bool_)
    mask[1:3, x : x + 2] = True
    made = Region.from_mask(mask)
    assert made is not None
    return made


def seen(name: str, score: float | None, **more: Any) -> SignObservation:
    """A sign with that score (None: not looked for); its mask is there from the evidence threshold on."""
    if score is None:
        return SignObservation(name, False, 0.0, reason="structure_not_visible")
    fields: dict[str, Any] = {"region": region() if score >= LIMIT else None, **more}
    return SignObservation(name, True, score, **fields)


def sign(name: str, head: str | None = None) -> SignDefinition:
    """A named sign, or the learned pattern of `head`."""
    detector = DetectorSpec("class_map", {"head": head}) if head else DetectorSpec("kind")
    significance = Bilingual(f"{name}义", f"means {name}")
    return SignDefinition(name, WORD, WORD, significance, f"book on {name}", detector, learned=head is not None)


def weight(name: str, present: float, absent: float) -> SignWeight:
    return SignWeight(name, present, absent, "expert", f"table of {name}")


def diagnosis(name: str, weights: Iterable[SignWeight], head: str | None = None) -> DiagnosisDefinition:
    return DiagnosisDefinition(name, WORD, WORD, "book", WORD, head=head, weights=tuple(weights))


def rule(name: str, target: str, when: Any, bonus: float) -> Rule:
    return Rule(name, target, WORD, when, bonus, "expert", "opinion")


ZONES = (
    ZoneDefinition("upper_r", Bilingual("右上", "right upper"), "kind", {}, "right"),
    ZoneDefinition("lower_r", Bilingual("右下", "right lower"), "kind", {}, "right"),
    ZoneDefinition("upper_l", Bilingual("左上", "left upper"), "kind", {}, "left"),
    ZoneDefinition("middle", Bilingual("中", "middle"), "kind", {}),
)


def pack(signs: Iterable[SignDefinition], diagnoses: Iterable[DiagnosisDefinition], rules: Iterable[Rule] = ()) -> Pack:
    return Pack(
        id="toy",
        version="1",
        name=WORD,
        match=Match(("DX",)),
        model="toy",
        structures=(),
        zones=ZONES,
        signs=tuple(signs),
        diagnoses=tuple(diagnoses),
        rules=tuple(rules),
        terms=(),
        templates={},
        measures={},
        settings={"supported": 0.5, "evidence_threshold": LIMIT},
    )


def observed(signs: Iterable[SignObservation]) -> Observations:
    return Observations("0" * 64, "toy", (), {}, tuple(signs), {}, Quality(True, None))


def measured(name: str, value: float) -> tuple[Measurement, ...]:
    return (Measurement(name, value, "ratio"),)


def fusion(made: Pack, film: float = 1.0, named: float = 1.0, base: Mapping[str, float] | float = -1.0) -> Fusion:
    bases = base if isinstance(base, Mapping) else {d.id: base for d in made.diagnoses}
    return Fusion(film, named, bases, {d.id: 0.2 for d in made.diagnoses})
