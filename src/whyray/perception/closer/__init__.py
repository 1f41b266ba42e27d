"""The closer look: what can be said of one lesion on full resolution, without a network.

``look_closer(image, region, observations, pack) -> Look``: the lesion's outline on the source pixels and its
attributes, one module a family: `margin` and `spicules` (the outline), `inside` (density, calcium, air), `around`
(pleura, neighbours). `crop` cuts, `contour` and `bands` find the outline, `lesion` holds what all of them measure on.
Every attribute is undetermined, with its reason, where the film's resolution or contrast does not tell.
"""

from whyray.perception.closer.look import ATTRIBUTES, look_closer
from whyray.perception.closer.look import KIND as CLOSER

__all__ = ["ATTRIBUTES", "CLOSER", "look_closer"]
