"""reasoning: from what was seen to what it means, as a sum that can be read off.

``conclude(observations, pack, fusion) -> tuple[Finding, ...]``: for every diagnosis of the pack

    logit P = base + film_weight * film-level log-odds + sum of sign_weight * log likelihood ratio + pathway bonuses

Each term is one piece of Evidence, so its share is exact and "why" is the list of terms. A sign enters with its
probability s as ``log(s * LR+ + (1 - s) * LR-)`` (virtual evidence, Pearl 1988); a sign that could not be looked
for does not enter. Pathways are condition trees over present signs, places and measures (``rules``).
"""

from whyray.reasoning.conclude import Fusion, conclude
from whyray.reasoning.rules import fires, signs_of

__all__ = ["Fusion", "conclude", "fires", "signs_of"]
