"""One look at a film."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from time import perf_counter

from whyray.domain import Engine, Image, Observations, Pack, SignDefinition, SignObservation
from whyray.perception import zones
from whyray.perception.detectors import DETECTORS
from whyray.perception.detectors.common import missing
from whyray.perception.film import film_scores
from whyray.perception.measuring import attached
from whyray.perception.quality import assess
from whyray.perception.scene import Scene, build_scene


def observe(image: Image, pack: Pack, engine: Engine, only: Collection[str] | None = None) -> Observations:
    """Everything that can be seen on `image`.

    Parameters
    ----------
    image
        One radiograph.
    pack
        Says which structures, zones and signs to look for, and how.
    engine
        Runs the pack's model; called once.
    only
        Ids of the signs to look for, for a film of which one conclusion is wanted: the others are not looked for, and
        zones are not laid on the source pixels.

    Returns
    -------
    Observations
        One entry for every structure and sign of the pack.

    Raises
    ------
    ModelError
        When the model cannot be run.
    """
    started = perf_counter()
    asked = {s.id for s in pack.signs} if only is None else only
    scene = build_scene(image, pack, engine, channels(s for s in pack.signs if s.id in asked))
    network = perf_counter()
    scene.zones.update(zones.derive(scene))
    signs = tuple(look(scene, s) if s.id in asked else missing(s.id, "not_asked") for s in pack.signs)
    quality = assess(scene)
    seen = perf_counter()
    observations = Observations(
        image_sha256=image.sha256,
        model_id=engine.card.id,
        structures=scene.structures,
        zones=zones.on_source(scene) if only is None else {},
        signs=signs,
        film_scores=film_scores(scene),
        quality=quality,
        timing_ms={
            "network": 1000 * (network - started),
            "detectors": 1000 * (seen - network),
        },
        view=image.view,
    )
    return replace(observations, signs=attached(image, observations, pack))


def channels(signs: Iterable[SignDefinition]) -> set[str]:
    """Sign channels of the network that these signs read."""
    params = [s.detector.params for s in signs if s.detector is not None]
    return {str(name) for p in params for name in (p.get("channel"), *p.get("apart_from", ())) if name}


def look(scene: Scene, sign: SignDefinition) -> SignObservation:
    """What one sign's detector says; a sign without detector was not looked for."""
    if sign.detector is None:
        return missing(sign.id, "no_detector")
    return DETECTORS[sign.detector.kind](scene, sign)
