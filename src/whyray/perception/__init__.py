"""perception: look, locate, measure. No opinion about disease.

``observe(image, pack, engine) -> Observations``: the engine's anatomy map, zones derived from it, one
``SignObservation`` for every sign of the pack (``ran=False`` with a reason when it could not be looked for),
measurements with their drawn geometry, the film-level scores, and whether the film can be read.
Structure, zone and sign ids come from the pack; this room knows only detector kinds and zone kinds.
``look_closer(image, region, observations, pack) -> Look``: one lesion on full resolution, its outline, its
``ATTRIBUTES`` and the signs that they make. ``relate`` and ``relations``: distances, contact and connection of a
region to structures, zones and other regions.
``align(observations, earlier) -> Alignment | None`` lays a prior film on this one by the anatomy;
``changes(now, observations, before, earlier, pack) -> tuple[Change, ...]``: what is new, larger, unchanged, smaller
or gone since.
``measure(image, observations, pack, ids) -> tuple[Figure, ...]``: figures of the whole film or of masks, as the pack
defines them.
``CAUTIONS``, ``DETECTORS``, ``MEASURING`` and ``ZONES`` are the registries that the pack check compares against.
"""

from whyray.perception.align import Alignment, align
from whyray.perception.cautions import KINDS as CAUTIONS
from whyray.perception.closer import ATTRIBUTES, CLOSER, look_closer
from whyray.perception.detectors import DETECTORS
from whyray.perception.measuring import MEASURING, measure
from whyray.perception.observe import observe
from whyray.perception.prior import changes
from whyray.perception.scene import Scene, build_scene
from whyray.perception.space import relate, relations
from whyray.perception.zones import ZONES

__all__ = [
    "ATTRIBUTES",
    "CAUTIONS",
    "CLOSER",
    "DETECTORS",
    "MEASURING",
    "ZONES",
    "Alignment",
    "Scene",
    "align",
    "build_scene",
    "changes",
    "look_closer",
    "measure",
    "observe",
    "relate",
    "relations",
]
