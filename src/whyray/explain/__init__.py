"""explain: test a reason by taking it away.

An eraser is a function ``(image, region, donors) -> Image``: ``erase`` in-paints a region from its surroundings,
``transplant`` gives it the mirrored place of the other lung, ``blur`` a wide blur, ``clear`` the brightness of the
film's clear lung; `ERASERS` lists them, ``eraser(name)`` finds one. ``counterfactual(score, image, region, donors,
minimum)`` reads the erased film again and returns the drop. ``random_region`` draws a control of equal area
elsewhere: erasing it must change nothing. ``score`` is any function image -> probability.
"""

from whyray.explain.control import random_region
from whyray.explain.counterfactual import counterfactual
from whyray.explain.erase import erase
from whyray.explain.erasers import ERASERS, eraser

__all__ = ["ERASERS", "counterfactual", "erase", "eraser", "random_region"]
