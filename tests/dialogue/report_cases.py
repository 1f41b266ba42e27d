"""Films made by hand on the shipped chest pack: what is seen, what is not, concluded by the real rules."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from math import log

import numpy as np

from whyray import knowledge, reasoning
from whyray.domain import (
    Finding,
    Geometry,
    Image,
    Measurement,
    Observations,
    Pack,
    Quality,
    Region,
    SignDefinition,
    SignObservation,
    Structure,
)

SIDE = 200


@cache
def chest() -> Pack:
    return knowledge.load_packs()[0]


def region(number: int) -> Region:
    """A square of its own for every number."""
    mask = np.zeros((SIDE, SIDE), np.bool_)
    row, col = divmod(number, 10)
    mask[row * 18 : row * 18 + 12, col * 18 : col * 18 + 12] = True
    found = Region.from_mask(mask)
    assert found is not None
    return found


def observation(sign: SignDefinition, score: float, zones: tuple[str, ...], number: float) -> SignObservation:
    """One sign by its score; seen from the pack's threshold on."""
    if sign.detector is None:
        return SignObservation(sign.id, False, 0.0, reason="no_detector")
    if sign.detector.kind == "closer":
        return SignObservation(sign.id, False, 0.0, reason="needs_closer_look")
    seen = score >= chest().settings["evidence_threshold"]
    name = sign.detector.params.get("measure")
    measured = (Measurement(name, number, "ratio", 0.03 if "limit" in sign.detector.params else None),) if name else ()
    return SignObservation(
        sign.id, True, score, region(3) if seen else None, zones=zones if seen else (), measurements=measured
    )


def film(
    scores: dict[str, float],
    *,
    zones: dict[str, tuple[str, ...]] | None = None,
    numbers: dict[str, float] | None = None,
    hidden: tuple[str, ...] = (),
    view: str = "PA",
    spacing: tuple[float, float] | None = None,
    usable: bool = True,
    normal: float = 0.1,
) -> tuple[Image, Observations, tuple[Finding, ...]]:
    """A film on which signs have these scores (others 0.05) and learned patterns score `normal`."""
    pack = chest()
    signs = tuple(
        observation(
            s,
            scores.get(s.id, normal if s.learned else 0.05),
            (zones or {}).get(s.id, ()),
            (numbers or {}).get(s.id, 0.4),
        )
        for s in pack.signs
    )
    observations = Observations(
        image_sha256="ab" * 32,
        model_id="chest-test",
        structures=tuple(Structure(s.id, region(i % 90), 0.9) for i, s in enumerate(pack.structures)),
        zones={z.id: region(i % 90) for i, z in enumerate(pack.zones) if z.id not in hidden},
        signs=signs,
        film_scores={},
        quality=Quality(usable, 0.9 if usable else 0.1),
    )
    image = Image(
        pixels=np.zeros((1, SIDE, SIDE), np.float32),
        geometry=Geometry(SIDE, SIDE, spacing, "PixelSpacing" if spacing else "none"),
        sha256="ab" * 32,
        path="film.png",
        view=view,  # type: ignore[arg-type]
    )
    return image, observations, concluded(observations)


def concluded(observations: Observations) -> tuple[Finding, ...]:
    pack = chest()
    priors = {d.id: pack.prior(d) for d in pack.diagnoses}
    fusion = reasoning.Fusion(
        1.0, 1.0, {i: log(p / (1 - p)) for i, p in priors.items()}, {i: min(0.4, 4 * p) for i, p in priors.items()}
    )
    return reasoning.conclude(observations, pack, fusion)


def struck(observations: Observations, sign_id: str) -> Observations:
    """The same film after the doctor struck one sign out."""
    signs = tuple(
        SignObservation(s.id, False, 0.0, reason="rejected") if s.id == sign_id else s for s in observations.signs
    )
    return replace(observations, signs=signs)
