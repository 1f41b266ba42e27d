"""explain: test a reason by taking it away.

``erase(image, region, donors) -> Image`` in-paints a region from its surroundings; ``counterfactual(score, image,
region, donors, minimum)`` reads the erased film again and returns the drop. ``random_region`` draws a control of
equal area elsewhere: erasing it must change nothing. ``score`` is any function image -> probability.
"""

from whyray.explain.control import random_region
from whyray.explain.counterfactual import counterfactual
from whyray.explain.erase import erase

__all__ = ["counterfactual", "erase", "random_region"]
