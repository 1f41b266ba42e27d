"""``python benchmarks/truth.py``: the demo film against its known masks (simulated signs, no clinical number).

For every simulated sign: overlap of the true region with the mask of the same sign, and the score. For edema: the
drop of the probability when each carrying region is erased, beside erasing random lung of equal area that holds
neither a marked nor a simulated sign (five draws).
"""

from __future__ import annotations

import json
import statistics
from typing import Any

import numpy as np

from whyray.domain import Finding, Region
from whyray.explain import erase, random_region
from whyray.service import Reader, Reading
from whyray.service.reading import donors


def region(row: dict[str, Any]) -> Region:
    """Region of a row of ``truth.json``."""
    found = Region.from_rle(row["mask"])
    if found is None:
        raise ValueError("an empty region in truth.json")
    return found


def signs(reading: Reading, truth: dict[str, Any]) -> None:
    """Prints one line a simulated sign and its parts."""
    for sign_id, row in truth["signs"].items():
        observed = reading.observations.sign(sign_id)
        parts = {"": row, **{f" {name}": part for name, part in row.get("parts", {}).items()}}
        for name, part in parts.items():
            for kind in [k for k in part if k != "parts"]:
                true = region(part[kind])
                if observed is None or observed.region is None:
                    print(f"{sign_id}{name} ({kind}): not found, score {observed.score if observed else 0:.2f}")
                    continue
                share = true.overlap_px(observed.region) / true.area_px
                iou = true.iou(observed.region)
                print(f"{sign_id}{name} ({kind}): IoU {iou:.2f}, share covered {share:.2f}, score {observed.score:.2f}")


def anatomy(reading: Reading, truth: dict[str, Any]) -> None:
    """Prints Dice of the structures."""
    for structure in reading.observations.structures:
        if structure.region is not None and structure.id in truth["anatomy"]:
            true = region(truth["anatomy"][structure.id])
            dice = 2 * true.overlap_px(structure.region) / (true.area_px + structure.region.area_px)
            print(f"{structure.id}: Dice {dice:.3f}")


def erasure(reader: Reader, reading: Reading, finding: Finding, truth: dict[str, Any]) -> None:
    """Prints the drop for each carrying region and for random lung of the same area without a true sign."""
    score = reader.score(finding.id, reading)
    present = np.any([e.region.mask() for e in finding.evidence if e.region is not None], axis=0)
    for row in truth["signs"].values():
        present = present | region(row["visible"]).mask()
    lungs = [s.region.mask() for s in reading.observations.structures if s.region is not None][:2]
    free = np.any(lungs, axis=0) & ~present
    for item in reader.test(finding, reading).evidence:
        if item.counterfactual is None or item.region is None:
            continue
        erased = item.erase or item.region
        around = donors(item, reading)
        draws = [random_region(erased, free, seed) for seed in range(5)]
        controls = [finding.probability - score(erase(reading.image, r, around)) for r in draws if r is not None]
        control = f"{statistics.median(controls):+.3f} (n={len(controls)})" if controls else "no room"
        print(f"erase {item.sign}: drop {item.counterfactual.drop:+.3f}, random lung of equal area {control}")


def main() -> None:
    """Reads both films and prints everything."""
    reader = Reader()
    folder = reader.places()["demo"].parent
    films = json.loads((folder / "truth.json").read_text("utf-8"))["films"]
    target = next(d.id for d in reader.packs[0].diagnoses if d.label == "Edema")
    for name, truth in films.items():
        reading = reader.read(folder / truth["file"])
        finding = reading.finding(target)
        if finding is None:
            raise ValueError(f"the pack has no {target}")
        print(f"# {name} ({truth['file']}), SIMULATED: {target} {finding.probability:.3f} {finding.verdict}")
        anatomy(reading, truth)
        signs(reading, truth)
        erasure(reader, reading, finding, truth)


if __name__ == "__main__":
    main()
