"""``python -m whyray_train.closer_eval --data DIR``: what a closer look says of nodules of known margin.

Smooth, lobulated and spiculated bodies (``whyray_train.insertion``) are put into val films with accepted anatomy on
the full 1024 px grid, the film is read, and the body's mask is looked at again. SIMULATED lesions: the numbers tell
whether the measure does what it says, not how radiologists would call a margin.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage
from scipy.stats import binomtest

from whyray import imaging
from whyray.domain import Look, Observations, Region
from whyray.perception import look_closer, observe
from whyray.perception.closer.margin import axes
from whyray.service import Reader
from whyray_train import films
from whyray_train.insertion import Film
from whyray_train.insertion.nodule import Body, embed, place

log = logging.getLogger(__name__)
FORMS = ("smooth", "lobulated", "spiculated")
DIAMETERS = (12.0, 36.0)  # mm
WAVES = {"smooth": (0.0, 0.015), "lobulated": (0.10, 0.16), "spiculated": (0.0, 0.04)}  # of the radius, two waves
SPICULES = (8, 16)
SIDE = 1024
OVERLAP = 1 / 3  # intersection over union of a mark and the body that it is meant for


def body(form: str, rng: np.random.Generator) -> Body:
    """A solid body of one form, clearly so: lobes of a tenth of the radius and more, at least eight spicules."""
    diameter = float(np.exp(rng.uniform(*np.log(DIAMETERS))))
    low, high = WAVES[form]
    lobes = np.zeros(7)
    lobes[rng.choice(np.arange(1, 5), 2, replace=False)] = rng.uniform(low, high, 2)  # three to six lobes
    spicules = int(rng.integers(*SPICULES)) if form == "spiculated" else 0
    return Body(
        diameter,
        rng.uniform(0.8, 1),
        rng.uniform(0, np.pi),
        lobes,
        spicules,
        rng.uniform(0.9, 1.5),
        rng.uniform(0.4, 1.5),
    )


def calls(reader: Reader, data: Path, each: int, seed: int) -> list[dict[str, Any]]:
    """One row a body: its form and diameter (mm), and what the closer look called it (None = undetermined)."""
    table, _ = films.read_table(data)
    items = [f for f in table if f.split == "val" and f.anatomy is not None]
    rng = np.random.default_rng(seed)
    pack = reader.packs[0]
    out: list[dict[str, Any]] = []
    for number in range(len(FORMS) * each):
        item = items[int(rng.integers(len(items)))]
        assert item.anatomy is not None
        image = replace(imaging.load(item.path), view=item.known_view)
        pixels = image.pixels[0]
        if pixels.shape != (SIDE, SIDE):
            continue
        planes = films.load_anatomy(item.anatomy, SIDE).astype(np.float32) / 255
        mm = item.mm_per_px(SIDE)
        film = Film(films.normalise(pixels), planes[0], planes[1], planes[2], mm)
        form = FORMS[number % len(FORMS)]
        made = body(form, rng)
        changed, mask = film.pixels.copy(), np.zeros_like(pixels)
        embed(film, made, place(film, rng, made.diameter), rng, changed, mask)
        region = Region.from_mask(mask > 0.5)
        if region is None:
            continue
        image = replace(
            image.with_pixels(changed[None], f"inserted-{number}"),
            geometry=replace(image.geometry, spacing_mm=(mm, mm), spacing_source="caller"),
        )
        observations = observe(image, pack, reader.engine(pack))
        look = look_closer(image, region, observations, pack)
        told = {a.id: a.value for a in look.attributes}
        outline = None if look.region is None else look.region.iou(region)
        mark = marked(observations, region)
        told_sizes = {"true_mark": sizes(look, region, mm)}
        if mark is not None:
            told_sizes["network_mark"] = sizes(look_closer(image, mark, observations, pack), region, mm)
        out.append({"form": form, "diameter": made.diameter, "outline_iou": outline, "sizes": told_sizes, **told})
    return out


def marked(observations: Observations, body: Region) -> Region | None:
    """The smallest mark of a sign that overlaps the body by more than `OVERLAP`; None where none does."""
    marks = [s.region for s in observations.signs if s.region is not None and s.region.iou(body) > OVERLAP]
    return min(marks, key=lambda r: r.area_px) if marks else None


def sizes(look: Look, body: Region, mm: float) -> dict[str, tuple[float, float, float]]:
    """Name -> (told, told uncertainty, true) of the body's diameters (mm) and area (mm2), where they are told."""
    ys, xs = np.nonzero(body.crop & ~ndimage.binary_erosion(body.crop))
    long, short = axes(np.stack([xs, ys], axis=1).astype(np.float64))
    ends = {"long_diameter": long, "short_diameter": short}
    true = {name: mm * (1 + float(np.linalg.norm(b - a))) for name, (a, b) in ends.items()}
    true["area"] = mm**2 * body.area_px
    told = {m.id: m for a in look.attributes for m in a.measurements if m.id in true}
    return {name: (m.value, m.uncertainty or 0.0, true[name]) for name, m in told.items()}


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Counts of margin by form, and how often lobes and spicules are found where they are and where they are not."""
    margins = {f: dict(Counter(str(r["margin"]) for r in rows if r["form"] == f)) for f in FORMS}
    out: dict[str, Any] = {"source": "bodies put into val films (SIMULATED)", "bodies": len(rows), "margin": margins}
    for attribute, form in (("lobulation", "lobulated"), ("spicules", "spiculated")):
        for word, chosen in (("found", [form]), ("false", ["smooth"])):
            told = [r[attribute] == "present" for r in rows if r["form"] in chosen and r[attribute] is not None]
            if told:
                low, high = binomtest(sum(told), len(told)).proportion_ci(method="wilson")
                out[f"{attribute}_{word}"] = [sum(told), len(told), round(float(low), 3), round(float(high), 3)]
    out["sizes"] = {mark: sizes_off(rows, mark) for mark in ("true_mark", "network_mark")}
    overlaps = [r["outline_iou"] for r in rows if r["outline_iou"] is not None]
    out["outline_iou_median"] = round(float(np.median(overlaps)), 3)
    return out


def sizes_off(rows: list[dict[str, Any]], mark: str) -> dict[str, Any]:
    """How far told diameters and areas are off, of bodies without spicules: those are no part of its size.

    ``off``: median and 1-sigma (half the width of the central 68 %) of told over true, less one; ``within``: parts
    that lie within once and twice the uncertainty that is told with them.
    """
    out: dict[str, Any] = {}
    for name in ("long_diameter", "short_diameter", "area"):
        found = [r["sizes"][mark][name] for r in rows if name in r["sizes"].get(mark, {}) and r["form"] != FORMS[2]]
        if len(found) < 3:
            continue
        told, sigma, true = np.array(found).T
        low, middle, high = np.percentile(told / true - 1, (16, 50, 84))
        out[name] = {
            "n": len(found),
            "off": [round(float(middle), 3), round(float((high - low) / 2), 3)],
            "within": [round(float((abs(told - true) <= k * sigma).mean()), 3) for k in (1, 2)],
        }
    return out


def main() -> None:
    """Parses the command line and prints the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--each", type=int, default=40, help="bodies of each form")
    parser.add_argument("--seed", type=int, default=11)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    print(json.dumps(summary(calls(Reader(), options.data, options.each, options.seed)), indent=1))


if __name__ == "__main__":
    main()
