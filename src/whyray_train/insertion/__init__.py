"""insertion: radiographic signs of known mask, put into real films with anatomy.

A `Film` (stretched pixels, soft masks of lungs and heart, millimetres per pixel) goes in, an `Inserted` (pixels and
masks by channel) comes out of ``insert(kind, film, rng)``; `KINDS` lists the kinds, `CHANNELS` the mask channels.
``disguise(film, rng)`` adds harmless look-alikes without a mask. Only numpy and scipy are used.
"""

from whyray_train.insertion.core import Film, Inserted
from whyray_train.insertion.disguise import LOOKALIKES, disguise
from whyray_train.insertion.kinds import CHANNELS, KINDS, insert

__all__ = ["CHANNELS", "KINDS", "LOOKALIKES", "Film", "Inserted", "disguise", "insert"]
