"""The pack's reasoning on labelled studies: signs as labelled in, diagnosis out, patients that were not counted.

    python -m whyray_train.reason_eval --table FILE [--pack FOLDER] [--only ID ...] [--json OUT]

Every study becomes the observations that its labels tell; `whyray.reasoning.conclude` concludes on them. For each
diagnosis the signs that share its label are hidden, and devices and lines are no reasons. Beside it in the same run:
scikit-learn's LogisticRegression on all signs that may be reasons (also those that the pack does not weigh), the
same sum without reliabilities (naive Bayes with pathways), and the pathways alone.

``described`` leaves out studies whose report names no sign that may be a reason and does not call the film normal:
there the signs are not absent but untold.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whyray.domain import Pack
from whyray.knowledge.loading import load_pack
from whyray.reasoning import Fusion
from whyray_train.cohort import Cohort, build
from whyray_train.knowledge import shipped_pack
from whyray_train.padchest import read_studies
from whyray_train.patterns import Patterns, patterns
from whyray_train.scores import auc, calibration_error, interval
from whyray_train.terms import TERMS, read_terms

Floats = NDArray[np.float64]
FREQUENT = 100
FEWEST = 5
MARGIN = 0.01


@dataclass(frozen=True, slots=True)
class Result:
    """One diagnosis on the held-out patients; AUC by way of concluding, ECE where probabilities are meant.

    ``studies`` carry the diagnosis, ``described`` of them in a report that tells signs. ``rival`` is the logistic
    regression, ``plain`` the sum without reliabilities, ``pathways`` the pathways alone.
    """

    diagnosis: str
    studies: int
    auc: float
    low: float
    high: float
    ece: float
    rival_auc: float
    rival_ece: float
    plain_auc: float
    plain_ece: float
    pathways_auc: float
    described: int
    described_auc: float
    rival_described_auc: float


def evaluate(cohort: Cohort, pack: Pack, diagnosis: str) -> Result | None:
    """Measure one diagnosis; None when fewer than `FEWEST` held-out studies carry it."""
    rows = np.flatnonzero(~cohort.train)
    ill = cohort.diseased(diagnosis)[rows]
    if ill.sum() < FEWEST:
        return None
    seen = patterns(cohort, rows, pack, diagnosis)
    own, plain, alone = log_odds(seen, pack)
    rival = regression(cohort, rows, diagnosis)
    low, high = interval(own, ill, cohort.patient[rows])
    told = cohort.described(diagnosis)[rows]
    return Result(
        diagnosis=diagnosis,
        studies=int(ill.sum()),
        auc=auc(own, ill),
        low=low,
        high=high,
        ece=calibration_error(_chance(own), ill),
        rival_auc=auc(rival, ill),
        rival_ece=calibration_error(_chance(rival), ill),
        plain_auc=auc(plain, ill),
        plain_ece=calibration_error(_chance(plain), ill),
        pathways_auc=auc(alone, ill),
        described=int((ill & told).sum()),
        described_auc=auc(own[told], ill[told]),
        rival_described_auc=auc(rival[told], ill[told]),
    )


def log_odds(seen: Patterns, pack: Pack) -> tuple[Floats, Floats, Floats]:
    """Log-odds by study: the pack as it is, without reliabilities, and by the pathways alone."""
    counted, name = pack.counted, seen.diagnosis
    if counted is None:
        raise ValueError(f"{pack.id} has nothing counted")
    facts = counted.diagnoses[name]
    prior = math.log(facts.prior / (1 - facts.prior))
    plain = unweighted(pack)
    return (
        seen.log_odds(pack, _fusion(name, facts.base)),
        seen.log_odds(plain, _fusion(name, prior)),
        seen.log_odds(plain, _fusion(name, prior, signs=0.0)),
    )


def unweighted(pack: Pack) -> Pack:
    """The pack with all reliabilities at 1."""
    diagnoses = (replace(d, weights=tuple(replace(w, reliability=1.0) for w in d.weights)) for d in pack.diagnoses)
    return replace(pack, diagnoses=tuple(diagnoses), counted=None)


def regression(cohort: Cohort, rows: NDArray[np.int64], diagnosis: str) -> Floats:
    """Log-odds of the studies `rows` by a logistic regression on all countable signs of the train patients."""
    from sklearn.linear_model import LogisticRegression

    signs = cohort.countable(diagnosis)
    train = np.flatnonzero(cohort.train)
    lines, index = np.unique(cohort.part(train, signs), axis=0, return_inverse=True)
    ill = cohort.diseased(diagnosis)[train]
    there = np.bincount(index, ill, minlength=len(lines))
    missing = np.bincount(index, ~ill, minlength=len(lines))
    model = LogisticRegression(max_iter=300)
    answers = np.repeat([1, 0], len(lines))
    model.fit(np.vstack([lines, lines]), answers, sample_weight=np.concatenate([there, missing]))
    found: Floats = model.decision_function(cohort.part(rows, signs))
    return found


def _fusion(diagnosis: str, base: float, signs: float = 1.0) -> Fusion:
    return Fusion(0.0, signs, {diagnosis: base}, {diagnosis: 1.0})


def _chance(logit: Floats) -> Floats:
    return 1 / (1 + np.exp(-logit))


def table(results: Iterable[Result]) -> str:
    """Results as lines."""
    head = (
        f"{'diagnosis':24}{'n':>6}  {'AUC (95 %)':20}{'ECE':>6}  {'logistic':>8}{'ECE':>7}  {'plain':>6}{'ECE':>7}"
        f"  {'pathways':>8}  {'described n':>11}{'AUC':>7}{'logistic':>9}"
    )
    return "\n".join((head, *map(_line, results)))


def _line(r: Result) -> str:
    own = f"{r.diagnosis:24}{r.studies:6d}  {r.auc:.3f} ({r.low:.3f}-{r.high:.3f})  {r.ece:6.4f}"
    others = f"{r.rival_auc:8.3f}{r.rival_ece:7.4f}  {r.plain_auc:6.3f}{r.plain_ece:7.4f}  {r.pathways_auc:8.3f}"
    return f"{own}  {others}  {r.described:11d}{r.described_auc:7.3f}{r.rival_described_auc:9.3f}"


def summary(results: list[Result]) -> str:
    """Means over the diagnoses with at least `FREQUENT` held-out studies."""
    kept = [r for r in results if r.studies >= FREQUENT]
    mean = {key: float(np.mean([getattr(r, key) for r in kept])) for key in Result.__slots__ if key.endswith("auc")}
    gap = mean["auc"] - mean["rival_auc"]
    return (
        f"mean AUC of {len(kept)} diagnoses with n >= {FREQUENT}: {mean['auc']:.4f}, logistic regression "
        f"{mean['rival_auc']:.4f} ({gap:+.4f}; {'within' if gap >= -MARGIN else 'below'} -{MARGIN}), without "
        f"reliabilities {mean['plain_auc']:.4f}, pathways only {mean['pathways_auc']:.4f}; described reports "
        f"{mean['described_auc']:.4f}, logistic regression {mean['rival_described_auc']:.4f}; "
        f"largest ECE {max(r.ece for r in kept):.4f}"
    )


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    lead = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m whyray_train.reason_eval", description=lead)
    parser.add_argument("--table", type=Path, required=True, help="PadChest table, or its wheel")
    parser.add_argument("--pack", type=Path, default=shipped_pack(), help="folder of the pack")
    parser.add_argument("--terms", type=Path, default=TERMS, help="which labels stand for which id")
    parser.add_argument("--only", nargs="*", help="these diagnoses only")
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Evaluate and print."""
    options = _arguments(argv)
    pack = load_pack(options.pack)
    terms = read_terms(pack, options.terms)
    kept, _ = read_studies(options.table, terms)
    cohort = build(kept, terms)
    known = pack.counted.diagnoses if pack.counted is not None else {}
    wanted = [d for d in cohort.diagnoses if d in known and (not options.only or d in options.only)]
    found = (evaluate(cohort, pack, diagnosis) for diagnosis in wanted)
    results = sorted((r for r in found if r is not None), key=lambda r: -r.studies)
    held = ~cohort.train
    print(f"{int(held.sum())} studies of {len(np.unique(cohort.patient[held]))} held-out patients")
    print(table(results))
    if any(r.studies >= FREQUENT for r in results):
        print(summary(results))
    if options.json:
        options.json.write_text(json.dumps([asdict(r) for r in results], indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
