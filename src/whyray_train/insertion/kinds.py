"""The kinds of signs that can be inserted, by name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from whyray_train.insertion.core import Film, Inserted
from whyray_train.insertion.effusion import effusion
from whyray_train.insertion.interstitium import kerley_a, kerley_b, reticular
from whyray_train.insertion.nodule import mass, nodule
from whyray_train.insertion.opacity import air_bronchogram, bat_wing, consolidation, hazy
from whyray_train.insertion.pneumothorax import pneumothorax
from whyray_train.insertion.redistribution import redistribution

Maker = Callable[[Film, np.random.Generator], Inserted | None]
MAKERS: tuple[Maker, ...] = (
    effusion,
    pneumothorax,
    nodule,
    mass,
    consolidation,
    air_bronchogram,
    hazy,
    bat_wing,
    reticular,
    kerley_b,
    kerley_a,
    redistribution,
)
KINDS: dict[str, Maker] = {maker.__name__: maker for maker in MAKERS}
CHANNELS: tuple[str, ...] = tuple(name for name in KINDS if name != mass.__name__)  # a mass is a large nodule
TRIES = 3  # a sign may fall where the film is too dense to show it; it is then drawn again


def insert(kind: str, film: Film, rng: np.random.Generator) -> Inserted | None:
    """Puts one sign of `kind` into `film`.

    Parameters
    ----------
    kind
        A key of `KINDS`.
    film
        Left as it is.
    rng
        Only source of chance: equal states give equal films.

    Returns
    -------
    Inserted or None
        Its ``masks`` hold only channels (of `CHANNELS`) that the sign fills: an absent one is empty. None where the
        film's anatomy has no room for the sign, or where it would not show after some tries.

    Raises
    ------
    KeyError
        `kind` is unknown.
    """
    maker = KINDS[kind]
    for _ in range(TRIES):
        found = maker(film, rng)
        if found is not None:
            return found
    return None
