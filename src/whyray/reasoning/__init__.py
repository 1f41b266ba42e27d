"""reasoning: from what was seen to what it means, as a sum that can be read off.

``conclude(observations, pack, fusion) -> tuple[Finding, ...]``: for every diagnosis of the pack

    logit P = base + film_weight * film-level log-odds
            + sum of sign_weight * reliability * log likelihood ratio + pathway reliability * pathway bonuses

(``defining_weight`` in place of ``sign_weight`` for the sign that a descriptive diagnosis names.)

Reliabilities in [0, 1] were fitted once on labelled studies and come with the pack: what a sign still tells beside
the others, so that several names of one thing do not count several times. Devices and lines are never reasons.

Each term is one piece of Evidence, so its share is exact and "why" is the list of terms. A sign enters with its
probability s as ``log(s * LR+ + (1 - s) * LR-)`` (virtual evidence, Pearl 1988); a sign that could not be looked
for does not enter. Pathways are condition trees over present signs, places and measures (``rules``).

``rank(findings, pack) -> Ranking``: the order to read them in, diseases apart from what only names what is seen.

``tick(diagnosis, observations, pack, extra, within) -> tuple[Ticked, ...]``: the rows of a checklist, met, unmet or
undetermined, on the whole film or on one lesion of it.

``needed(pack, diagnosis) -> frozenset``: the signs that its probability depends on; ``conclude(..., only)`` works out
the diagnoses named.
``strike(observations, rejected) -> Observations``: without the signs that the doctor struck out.
"""

from whyray.reasoning.checklist import tick
from whyray.reasoning.conclude import Fusion, conclude, needed
from whyray.reasoning.ranking import RAISED, Ranking, rank
from whyray.reasoning.revise import strike
from whyray.reasoning.rules import fires, signs_of

__all__ = ["RAISED", "Fusion", "Ranking", "conclude", "fires", "needed", "rank", "signs_of", "strike", "tick"]
