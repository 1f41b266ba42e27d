"""``python -m whyray_train.spines --data DIR --net net.pt --out FILE.npz``: where the spine runs on train films.

No film set marks the spine, and behind the heart it hardly shows. A network that learned it from projections of one
patient adds that patient's shape on one side. On the film's mirror image it adds it on the other side: the mean of
both middles is free of it. A spine bends smoothly, so a parabola is laid through that mean; a film on which it does
not fit, bends much, or is told by one reading alone is left out. What is told here teaches the next network.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whyray_train import films
from whyray_train.basis import read_net
from whyray_train.network import ReaderNet
from whyray_train.relabel import largest, readings
from whyray_train.told import Spines, asked, save

log = logging.getLogger(__name__)
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

SPINE = films.STRUCTURES.index("spine")
BENDS = 2  # degree of the line
LENGTH_MM = 120.0  # shorter ones are not told
MISFIT_MM = 4.0  # greatest root mean square distance of the mean middle from its line
BENT_MM = 12.0  # greatest distance of the line from its chord
APART_MM = 25.0  # greatest mean distance of the two middles


def line(found: F32, mm_per_cell: float) -> tuple[tuple[int, int], F64] | None:
    """(first and last row, polynomial) from readings (r, h, w) of the spine, the last of the mirror image."""
    middles = [middle(found[:-1].mean(axis=0) > 0.5), middle(found[-1] > 0.5)]
    rows = np.flatnonzero(np.isfinite(middles).all(axis=0))
    if len(rows) * mm_per_cell < LENGTH_MM:
        return None
    mean = np.mean(middles, axis=0)[rows]
    given = np.polyfit(rows, mean, BENDS)
    drawn = np.polyval(given, rows)
    chord = np.interp(rows, rows[[0, -1]], drawn[[0, -1]])
    misfit = float(np.sqrt(np.square(mean - drawn).mean()))
    apart = float(np.abs(middles[0] - middles[1])[rows].mean())
    fits = (misfit, float(np.abs(drawn - chord).max()), apart) <= np.array((MISFIT_MM, BENT_MM, APART_MM)) / mm_per_cell
    return ((int(rows[0]), int(rows[-1])), np.asarray(given, dtype=np.float64)) if fits.all() else None


def middle(mask: NDArray[np.bool_]) -> F64:
    """Column (h,) of the middle of the largest piece of a mask (h, w) on each row; NaN where it has none."""
    whole = largest(mask)
    count = whole.sum(axis=1)
    total = (whole * (np.arange(whole.shape[1]) + 0.5)).sum(axis=1)
    return np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)


def tell(net: ReaderNet, size: int, data: Path) -> Spines:
    """The spine of all train films on which it can be told."""
    items = [f for f in films.read_table(data)[0] if f.split == "train"]
    told: dict[str, tuple[tuple[int, int], F64]] = {}
    for film in items:
        found = readings(net, films.load_array(film.path, size))[:, SPINE]
        run = line(found, film.mm_per_px(size) * size / found.shape[1])
        if run is not None:
            told[film.id] = run
    log.info("the spine is told on %d of %d films", len(told), len(items))
    rows = np.array([run[0] for run in told.values()], np.int64).reshape(-1, 2)
    return Spines(
        np.array(list(told), np.str_), rows, np.array([run[1] for run in told.values()]).reshape(-1, BENDS + 1)
    )


def main(argv: list[str] | None = None) -> None:
    """Parses the command line and writes the file."""
    options = asked(__doc__, argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    told = tell(*read_net(options.net), options.data)
    save(options.out, ids=told.ids, rows=told.rows, lines=told.lines)


if __name__ == "__main__":
    main()
