"""``python -m whyray_train.publish --data DIR --runs DIR --out DIR``: from a trained network to a model folder.

Fits the gate, exports ONNX, calibrates heads, signs and the fusion on val films, and writes ``card.yaml``.
``whyray_train.evaluate --card`` adds the numbers.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import subprocess
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from whyray import imaging, knowledge
from whyray.domain import Engine, Image, Pack, Region
from whyray.engines import create, read_card
from whyray.perception import build_scene, observe
from whyray.perception.detectors.cardiothoracic import cardiothoracic_ratio, thorax_extent
from whyray.perception.detectors.mapped import strength
from whyray.perception.quality import contrast
from whyray.perception.scene import Scene
from whyray.reasoning.conclude import Fusion, conclude
from whyray_train import (
    calibrate,
    export,
    films,
    fine,
    gate,
    heads,
    levels,
    looks,
    peer,
    quantise,
    sign_models,
    sources,
)
from whyray_train.basis import whole_net
from whyray_train.fine_network import bank
from whyray_train.gating import channels

log = logging.getLogger(__name__)
F64 = NDArray[np.float64]
INSERTED, INSERTED_SEED = 400, 7  # val films with inserted signs that signs are calibrated on
GATE_KEEP = 0.995  # share of adult training films that the gate must let through
CONTRAST_KEEP = 0.98
HEART_LABEL, RATIO_KIND = "Cardiomegaly", "cardiothoracic_ratio"
MAD = 1.4826  # standard deviation over median absolute deviation of a normal distribution


def main() -> None:
    """Parses the command line and writes the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="folder of decoded films; default: in the runs folder")
    parser.add_argument("--ct", type=Path, help="projections (whyray_train.ct_films): adult films for the gate too")
    parser.add_argument("--pack", required=True, help="pack that the model serves")
    parser.add_argument("--id", required=True, help="identity of the model")
    parser.add_argument("--fine", type=Path, help="runs folder of whyray_train.fine: the second look")
    parser.add_argument("--int8", action="store_true", help="ship INT8 weights where whyray_train.quantise allows it")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    pack = next(p for p in knowledge.load_packs() if p.id == options.pack)
    Publisher(
        options.data, options.runs, options.out, pack, options.id, options.cache, options.ct, options.int8, options.fine
    ).run()


def least_contrast(scenes: Iterable[Scene]) -> float:
    """Contrast that all but few normal films reach, from those on which both lungs are outlined.

    Raises
    ------
    SystemExit
        When that is none.
    """
    found = [contrast(s) for s in scenes if len(s.lungs) == 2]
    if not found:
        raise SystemExit("the network outlines both lungs on no normal film: train anatomy and signs for more --steps")
    return round(float(np.quantile(found, 1 - CONTRAST_KEEP)), 4)


class Publisher:
    """One publication: the steps share the folder, the card in the making and the engine."""

    def __init__(
        self,
        data: Path,
        runs: Path,
        out: Path,
        pack: Pack,
        model_id: str,
        cache: Path | None = None,
        ct: Path | None = None,
        int8: bool = False,
        fine_runs: Path | None = None,
    ) -> None:
        self.fine_runs = fine_runs
        self.data, self.runs, self.out, self.pack, self.ct, self.int8 = data, runs, out, pack, ct, int8
        self.cache = runs / "cache" if cache is None else cache
        table, self.heads = films.read_table(data)
        self.train = [f for f in table if f.split == "train"]
        self.val = [f for f in table if f.split == "val"]
        self.net, saved = whole_net(runs / "net.pt")
        self.plan: dict[str, Any] = saved["plan"]
        self.history: list[dict[str, Any]] = saved["history"]
        commands = [str(entry["command"]) for entry in self.history]
        if not last(commands, heads.COMMAND) > last(commands, peer.COMMAND):
            raise SystemExit(f"{runs / 'net.pt'} has no head fitted on its peer: run whyray_train.heads first")
        self.card = self._frame(model_id)

    def run(self) -> None:
        """All steps in order; the card is rewritten after each so that the next can read it."""
        self.out.mkdir(parents=True, exist_ok=True)
        self.weights()
        if self.fine_runs is not None:
            self.second(self.fine_runs)
        engine = self.engine()
        self.heads_and_heart(engine)
        engine = self.engine()
        self.signs(engine)
        engine = self.engine()
        self.fusion(engine)
        self.list_films()

    def list_films(self) -> None:
        """Ids of the films by split, beside the card: who wants to test the model must know what it has seen."""
        table, _ = films.read_table(self.data)
        splits = {s: [f.id for f in table if f.split == s] for s in ("train", "val", "devtest")}
        text = yaml.safe_dump({"collection": "NIH ChestX-ray14", **splits}, width=110, default_flow_style=None)
        (self.out / "films.yaml").write_text(text, "utf-8")

    def engine(self) -> Engine:
        """The engine on the folder as it is now."""
        self._write()
        return create("onnx", self.out)

    def weights(self) -> None:
        """Gate and ONNX file."""
        size = int(self.plan["size"])
        inside, outside = self.gate_embeddings(size)
        cuts: dict[str, float] = {}
        if self.ct is not None:
            projected = sources.projected_films(self.ct, size, len(self.heads))
            inside = np.concatenate([inside, gate.embed(self.net, list(projected.images))])
            cuts = levels.best(self.net, projected)
            self.card["reference"]["outline_levels"] = cuts
            log.info("outlines are cut at %s", cuts)
        weights, bias = gate.fit(inside, outside)
        kept = 1 / (1 + np.exp(-(inside @ weights + bias)))
        self.card["thresholds"]["gate"] = round(float(np.quantile(kept, 1 - GATE_KEEP)), 4)
        target = self.out / self.card["weights"]["file"]
        file = target.with_suffix(".part.onnx")
        export.write(self.net, weights, bias, size, file, levels.shifts(cuts))
        if self.int8:  # before anything is calibrated: the calibration is that of the network that ships
            seen = quantise.load_films(self.data, size, self.cache)
            self.card["quantisation"] = quantise.record(*quantise.settle(file, seen, self.card["outputs"]))
        export.halve(file)
        self.card["weights"]["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
        file.rename(target)
        self._write()  # at once: weights beside an older card are refused
        log.info("gate threshold %s, weights %.1f MB", self.card["thresholds"]["gate"], target.stat().st_size / 1e6)

    def second(self, runs: Path) -> None:
        """The network of the second look beside the first."""
        net, made_by = fine.load(runs)
        file, look = self.out / "second.onnx", bank().look
        fine.write(net, file)
        self.history += made_by
        self.card["second"] = {
            "weights": {"file": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()},
            "size": look.size,
            "crop": list(look.crop),
            "cell": look.cell,
            "stride": look.stride,
            "lungs": list(look.lungs),
            "beside": [list(group) for group in look.beside],
            "channels": list(look.channels),
            "first": dict(look.first),
        }
        self.card["training"] = self._training(self.card["id"])

    def gate_embeddings(self, size: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Embeddings of the gate's two classes, kept in the cache as long as backbone and peer are the same."""
        digest = hashlib.sha256()
        for part in (self.net.backbone, self.net.peer):
            for value in part.state_dict().values():
                digest.update(value.numpy().tobytes())
        file = self.cache / f"gate-{size}-{digest.hexdigest()[:12]}.npz"
        if not file.exists():
            inside = gate.embed(self.net, gate.positives(self.data, self.train, size, 0))
            outside = gate.embed(self.net, gate.negatives(self.data, self.train, size, 0))
            np.savez(file, inside=inside, outside=outside)
        saved = np.load(file)
        return saved["inside"], saved["outside"]

    def heads_and_heart(self, engine: Engine) -> None:
        """Contrast limit, heads calibrated on val, error of the heart ratio."""
        scenes = [self.scene(f, engine) for f in self.train if films.NORMAL_LABEL in f.labels]
        self.card["thresholds"]["contrast"] = least_contrast(scenes)
        self.calibration(engine)
        error = max(self.heart_error(engine), self.heart_repeat(engine))
        self.card["reference"]["cardiothoracic_error"] = error
        self.card["reference"]["cardiothoracic_spread"] = self.heart_spread(engine, error)

    def calibration(self, engine: Engine) -> None:
        """Platt scaling of every head on val."""
        outputs = [self.scene(f, engine).logits for f in self.val]
        logits = np.array([[film[h] for h in self.heads] for film in outputs])
        labels = self.labels(self.val)
        prior = self.labels([*self.train, *self.val]).mean(axis=0)
        scale, shifts = calibrate.shared_platt(logits, labels, prior)
        rate = (labels.sum(axis=0) + 10 * prior) / (len(labels) + 10)
        for c, head in enumerate(self.heads):
            self.card["calibration"][head] = {
                "scale": round(scale, 4),
                "shift": round(float(shifts[c]), 4),
                "base": round(calibrate.logit(float(rate[c])), 4),
                "fused_base": 0.0,
            }

    def heart_error(self, engine: Engine) -> float:
        """1-sigma difference of the ratio from the model's masks and from the weak labels, on accepted val films."""
        differences = []
        for film in self.val:
            if film.anatomy is None:
                continue
            weak = films.load_anatomy(film.anatomy, 512) > 127
            ours = {s.id: s.region for s in self.scene(film, engine).structures}
            truth = [Region.from_mask(m) for m in weak[:3]]
            found = [ours.get(i) for i in list(films.STRUCTURE_BITS)[:3]]
            weak_ratio, own_ratio = _ratio(*truth), _ratio(*found)
            if weak_ratio is not None and own_ratio is not None:
                differences.append(own_ratio - weak_ratio)
        if not differences:
            raise SystemExit("the network shows lungs and heart on no accepted val film: train it longer")
        log.info(
            "heart ratio error: mean %.4f sd %.4f n %d",
            np.mean(differences),
            np.std(differences),
            len(differences),
        )
        return round(float(np.hypot(np.std(differences), 0.01)), 4)

    def heart_repeat(self, engine: Engine) -> float:
        """1-sigma difference of the ratio between a patient's film and his mean, from train films of one view.

        Breath, heart beat and posture move it beside the error of the masks; a heart that truly grew is an outlier.
        """
        counts = Counter((f.patient, f.view) for f in self.train)
        ratios: dict[tuple[str, str], list[float]] = {}
        for film in self.train:
            if counts[film.patient, film.view] > 1:
                ours = {s.id: s.region for s in self.scene(film, engine).structures}
                ratio = _ratio(*(ours.get(i) for i in list(films.STRUCTURE_BITS)[:3]))
                if ratio is not None:
                    ratios.setdefault((film.patient, film.view), []).append(ratio)
        found = spread_within(list(ratios.values()))
        log.info("heart ratio between films of one patient: sd %.4f", found)
        return round(found, 4)

    def heart_spread(self, engine: Engine, error: float) -> float:
        """Standard deviation about the limit for which the heart ratio tells who is called enlarged; at least `error`.

        From train and val films with the label and normal ones.
        """
        sign = next(s for s in self.pack.signs if s.detector is not None and s.detector.kind == RATIO_KIND)
        limits = sign.detector.params["limit"] if sign.detector is not None else {}
        beyond, labels = [], []
        for film in [*self.train, *self.val]:
            if not film.labels & {HEART_LABEL, films.NORMAL_LABEL}:
                continue
            found = cardiothoracic_ratio(self.scene(film, engine), sign)
            if found.measurements:
                limit = float(limits.get(film.known_view, limits["UNKNOWN"]))
                beyond.append(found.measurements[0].value - limit)
                labels.append(HEART_LABEL in film.labels)
        spread = calibrate.limit_spread(np.array(beyond), np.array(labels), error)
        log.info("heart ratio about its limit: sd %.4f, %d of %d films enlarged", spread, sum(labels), len(labels))
        return round(spread, 4)

    def signs(self, engine: Engine) -> None:
        """Scores and mask levels of the sign channels."""
        items = {"train": self.train, "val": self.val}
        seen = {}
        for part, some in items.items():
            images = films.cached([f.path for f in some], looks.side(engine.card), self.cache)
            seen[part] = looks.strengths(engine, images)
        drawn = looks.drawn_masks(engine, self.val, images)
        made = looks.inserted_films(self.data, "val", self.cache, INSERTED, INSERTED_SEED, engine.card)
        pairs = zip(looks.pairs(engine, made), drawn, strict=True)
        for index, ((channel, maps, masks), by_eye) in enumerate(pairs):
            cells = looks.cells(channel, engine.card)
            scores = {part: values[:, index] for part, values in seen.items()}
            scores["made"] = np.array([strength(m.astype(np.float32), cells) for m in maps])
            entry = sign_models.model(channel, cells, scores, items, (maps, masks, made.known[:, index]), by_eye)
            self.card["reference"]["sign_models"][channel.name] = entry
            log.info("%s %s", channel.name, entry)

    def fusion(self, engine: Engine) -> None:
        """Weights of film-level and sign terms, base log-odds and screening thresholds, on val."""
        diagnoses = [d for d in self.pack.diagnoses if d.head in self.heads]
        zero = {d.id: 0.0 for d in self.pack.diagnoses}
        half = {d.id: 0.5 for d in self.pack.diagnoses}
        seen = [observe(self.load(f), self.pack, engine) for f in self.val]
        parts = []
        for film, sign, defining in ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)):
            alone = Fusion(film, sign, zero, half, defining)
            rows = []
            for observations in seen:
                findings = {f.id: f for f in conclude(observations, self.pack, alone)}
                rows.append([sum(e.log_lr for e in findings[d.id].evidence) for d in diagnoses])
            parts.append(np.array(rows))
        order = [self.heads.index(d.head) for d in diagnoses if d.head is not None]
        labels = self.labels(self.val)[:, order]
        prior = self.labels([*self.train, *self.val])[:, order].mean(axis=0)
        fixed, terms = parts[0], [part - parts[0] for part in parts[1:]]  # pathways are in each of them
        weights, base = calibrate.fit_fusion(terms, fixed, labels, prior)
        names = ("film_weight", "sign_weight", "defining_weight")
        self.card["fusion"] = {
            **{name: round(float(weight), 4) for name, weight in zip(names, weights, strict=True)},
            "base": -3.0,
            "possible": 0.2,
        }
        z = calibrate.fused(weights, terms, fixed) + base
        for c, diagnosis in enumerate(diagnoses):
            head = diagnosis.head or ""
            self.card["calibration"][head]["fused_base"] = round(float(base[c]), 4)
            p = 1 / (1 + np.exp(-z[:, c]))
            self.card["thresholds"][head] = round(min(calibrate.youden(labels[:, c] > 0, p), 0.5), 4)
        log.info("fusion %s", self.card["fusion"])
        self._write()

    def labels(self, items: Sequence[films.Film]) -> F64:
        """(n, heads) in {0, 1}."""
        return np.array([[float(h in f.labels) for h in self.heads] for f in items])

    def load(self, film: films.Film) -> Image:
        """The film as a reader gets it, with the view and the pixel spacing of the label table."""
        return replace(imaging.load(film.path, spacing_mm=film.spacing_mm), view=film.known_view)

    def scene(self, film: films.Film, engine: Engine) -> Scene:
        """The film's scene."""
        return build_scene(self.load(film), self.pack, engine, ())

    def _frame(self, model_id: str) -> dict[str, Any]:
        structures = list(films.STRUCTURES)
        return {
            "id": model_id,
            "pack": self.pack.id,
            "weights": {"file": "model.onnx", "sha256": ""},
            "input": {
                "size": int(self.plan["size"]),
                "layout": "float32 (1, 1, size, size) in [0, 1], letterboxed, stretched to the 1st..99th percentile",
            },
            "outputs": {
                "anatomy": {"channels": structures, "stride": 2, "kind": "logits"},
                "signs": {"channels": [c.name for c in channels()], "stride": 4, "kind": "logits"},
                "maps": {
                    "channels": list(self.heads),
                    "stride": 32,
                    "kind": "class maps; their mean plus a bias is the logit",
                },
                "logits": {"channels": list(self.heads), "kind": "logits"},
                "gate": {"channels": ["adult_frontal_chest"], "kind": "logit"},
            },
            "thresholds": {"gate": 0.5, "contrast": 0.0},
            "calibration": {h: {"scale": 1.0, "shift": 0.0, "base": 0.0, "fused_base": 0.0} for h in self.heads},
            "fusion": {"film_weight": 1.0, "sign_weight": 0.0, "base": -3.0, "possible": 0.2},
            "reference": {
                "cardiothoracic_error": 0.02,
                "cardiothoracic_spread": 0.02,
                "sign_models": {
                    c.name: {"scale": 1.0, "shift": -9.0, "cells": c.cells, "level": 0.5} for c in channels()
                },
            },
            "training": self._training(model_id),
        }

    def _training(self, model_id: str) -> dict[str, Any]:
        text = (Path(__file__).parent / "provenance.yaml").read_text("utf-8")
        provenance: dict[str, Any] = yaml.safe_load(text)
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).parent,
        )
        splits = {"train": self.train, "val": self.val}
        return {
            **provenance,
            "plan": self.plan,
            "commands": [
                *self.history,
                {
                    "command": f"python -m whyray_train.publish --pack {self.pack.id} --id {model_id}"
                    + ("" if self.ct is None else " --ct FILE")
                    + (" --int8" if self.int8 else "")
                    + ("" if self.fine_runs is None else " --fine RUNS"),
                    "commit": commit.stdout.strip() or "unknown",
                },
            ],
            "film_list": "films.yaml",
            "films": {
                name: {
                    "count": len(items),
                    "patients": len({f.patient for f in items}),
                    "ids_sha256": hashlib.sha256("\n".join(sorted(f.id for f in items)).encode()).hexdigest(),
                }
                for name, items in splits.items()
            },
        }

    def _write(self) -> None:
        text = yaml.safe_dump(self.card, sort_keys=False, allow_unicode=True, width=110, default_flow_style=None)
        (self.out / "card.yaml").write_text(text, "utf-8")
        read_card(self.out)


def last(commands: Sequence[str], of: str) -> int:
    """Index of the last of the `commands` that begins with `of`; -1 without any."""
    return max((i for i, command in enumerate(commands) if command.startswith(of)), default=-1)


def spread_within(groups: Sequence[Sequence[float]]) -> float:
    """Robust standard deviation about the group's own mean, from the differences of all pairs; 0 without a pair."""
    pairs = [abs(a - b) for group in groups for a, b in combinations(group, 2)]
    return float(np.median(pairs) * MAD / np.sqrt(2)) if pairs else 0.0


def _ratio(right: Region | None, left: Region | None, heart: Region | None) -> float | None:
    """Heart over thorax width; None where a structure is missing or the lungs share no row."""
    chest = thorax_extent(right, left) if right is not None and left is not None else None
    return None if chest is None or heart is None else (heart.bbox[2] - heart.bbox[0]) / (chest[2] - chest[1])


if __name__ == "__main__":
    main()
