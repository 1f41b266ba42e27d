"""perception: look, locate, measure. No opinion about disease.

``observe(image, pack, engine) -> Observations``: the engine's anatomy map, zones derived from it, one
``SignObservation`` for every sign of the pack (``ran=False`` with a reason when it could not be looked for),
measurements with their drawn geometry, the film-level scores, and whether the film can be read.
Structure, zone and sign ids come from the pack; this room knows only detector kinds and zone kinds.
``DETECTORS`` and ``ZONES`` are the registries that the pack check compares against.
"""

from whyray.perception.detectors import DETECTORS
from whyray.perception.observe import observe
from whyray.perception.scene import Scene, build_scene
from whyray.perception.zones import ZONES

__all__ = ["DETECTORS", "ZONES", "Scene", "build_scene", "observe"]
