"""``python -m whyray_train.relabel --data DIR --net net.pt --out FILE.npz``: anatomy of the films whose weak labels
were rejected, told by a trained network.

A network reads every film as it is, darker, brighter and mirrored (with the sides exchanged). A structure is taken
when the four readings agree and its size and place are those of an organ; it then teaches at half weight. The films
with human lung masks that are not held out get the network's heart, which is cut out of the human mask: lungs end at
the heart in every other label.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from whyray_train import films, metrics, open_lungs
from whyray_train.augment import swapped
from whyray_train.basis import read_net
from whyray_train.network import ReaderNet
from whyray_train.told import Told, asked, save

log = logging.getLogger(__name__)
U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
Mask = NDArray[np.bool_]

GAMMAS = (1.0, 0.7, 1.4)
AGREE = {"lung": 0.93, "heart": 0.88, "clavicle": 0.7}  # least Dice of each reading with the mean of all
SHARE = {"lung": (0.03, 0.29), "heart": (0.02, 0.16), "clavicle": (0.001, 0.02)}  # of the letterboxed film
WEIGHT = 0.5
HALF = 2


def readings(net: ReaderNet, film: U8) -> F32:
    """(readings, k, s / 2, s / 2) probabilities of all structures of one (s, s) film; the last is of its mirror image.

    That one is turned back, with the sides exchanged.
    """
    picture = torch.from_numpy(film / np.float32(255))
    views = torch.stack([picture**g for g in GAMMAS] + [picture.flip(1)])[:, None]
    with torch.no_grad():
        found = net.outlines(views.contiguous(memory_format=torch.channels_last)).sigmoid()
    found[-1] = found[-1, swapped()].flip(2)
    return np.asarray(found.numpy(), dtype=np.float32)


def settled(found: F32) -> tuple[U8, F32]:
    """(coverage (k, h, w) uint8, weights (k,)) of the marked structures on which the readings agree."""
    found = found[:, : len(films.STRUCTURE_BITS)]
    mean = found.mean(axis=0)
    masks = np.zeros(mean.shape, np.uint8)
    weights = np.zeros(len(mean), np.float32)
    for i, name in enumerate(films.STRUCTURE_BITS):
        kind = name.rpartition("_")[2]
        whole = largest(mean[i] > 0.5)
        masks[i] = whole * np.uint8(255)
        low, high = SHARE[kind]
        agree = min(metrics.dice(reading[i] > 0.5, mean[i] > 0.5) for reading in found)
        weights[i] = WEIGHT if agree >= AGREE[kind] and low < whole.mean() < high else 0
    return masks, weights


def largest(mask: Mask) -> Mask:
    """The largest piece of `mask`, its holes filled."""
    marks, count = ndimage.label(mask)
    if count == 0:
        return mask
    sizes = ndimage.sum_labels(mask, marks, np.arange(1, count + 1))
    return np.asarray(ndimage.binary_fill_holes(marks == 1 + int(np.argmax(sizes))), dtype=np.bool_)


def tell(net: ReaderNet, size: int, data: Path) -> Told:
    """Rejected train films, then the human films to learn from."""
    table, _ = films.read_table(data)
    rejected = [f for f in table if f.split == "train" and f.anatomy is None]
    ids, masks, weights = [], [], []
    for film in rejected:
        mask, weight = settled(readings(net, films.load_array(film.path, size)))
        ids.append(film.id)
        masks.append(mask)
        weights.append(weight)
    log.info("%d rejected films: share with each structure %s", len(ids), np.mean(np.array(weights) > 0, axis=0))
    k = len(films.STRUCTURE_BITS)
    for human in open_lungs.read(data)[0]:
        mask, weight = settled(readings(net, films.load_array(human.path, size)))
        drawn = open_lungs.load_mask(human.mask, size // HALF)
        sides = [mask[i].astype(bool) for i in (0, 1)]
        heart = mask[2] > 0
        if not weight[:3].all():
            continue
        lungs = open_lungs.outside_heart(drawn > 127, heart)
        nearer = [ndimage.distance_transform_edt(~side) for side in sides]
        taught = np.zeros_like(mask)
        taught[0] = (lungs & (nearer[0] <= nearer[1])) * np.uint8(255)
        taught[1] = (lungs & (nearer[0] > nearer[1])) * np.uint8(255)
        ids.append(human.id)
        masks.append(taught)
        weights.append(np.array([1, 1] + [0] * (k - 2), np.float32))
    return Told(np.array(ids), np.stack(masks), np.stack(weights))


def main(argv: list[str] | None = None) -> None:
    """Parses the command line and writes the file."""
    options = asked(__doc__, argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    told = tell(*read_net(options.net), options.data)
    save(options.out, ids=told.ids, masks=told.masks, weights=told.weights)


if __name__ == "__main__":
    main()
