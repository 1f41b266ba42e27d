"""The JSON documents of the contract (DESIGN section 6)."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from whyray.domain import Anchor, Bilingual, Evidence, Fact, Finding, Geometry, Measurement, Notice, Query, Region, Turn
from whyray.service.reading import Reading

SCHEMAS = Path(__file__).parent.parent / "schemas"
REPORT, TURN = "whyray.report/1", "whyray.turn/1"
Json = dict[str, Any]


def schema(name: Literal["report", "turn"]) -> Json:
    """The shipped JSON Schema of a document."""
    document: Json = json.loads((SCHEMAS / f"{name}.schema.json").read_text("utf-8"))
    return document


class _Writer:
    """Turns values into JSON; each region is encoded once."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self._encoded: dict[int, Json] = {}

    def region(self, region: Region | None) -> Json | None:
        if region is None:
            return None
        if id(region) not in self._encoded:
            area = self.reading.image.geometry.area_mm2(region.area_px)
            self._encoded[id(region)] = {
                "bbox": list(region.bbox),
                "area_px": region.area_px,
                "area_mm2": None if area is None else round(area, 1),
                "mask": region.rle(),
            }
        return self._encoded[id(region)]

    def evidence(self, item: Evidence) -> Json:
        test = item.counterfactual
        sign = self.reading.pack.sign(item.sign)
        return {
            "id": item.id,
            "sign": item.sign,
            "name": (sign.name if sign is not None else Bilingual("", "")).as_dict(),
            "polarity": item.polarity,
            "score": round(item.score, 4),
            "log_lr": round(item.log_lr, 6),
            "share": round(item.share, 4),
            "rule": item.rule,
            "location": {**item.location.as_dict(), "anatomy": list(item.zones)},
            "significance": item.significance.as_dict(),
            "source": item.source,
            "measurements": [measurement(m) for m in item.measurements],
            "region": self.region(item.region),
            "counterfactual": None if test is None else {"drop": round(test.drop, 4), "passed": test.passed},
        }

    def finding(self, finding: Finding) -> Json:
        definition = self.reading.pack.diagnosis(finding.id)
        codes = definition.codes if definition is not None else {}
        return {
            "id": finding.id,
            "name": (definition.name if definition is not None else Bilingual("", "")).as_dict(),
            "codes": {system: codes.get(system) for system in ("umls", "snomed", "radlex")},
            "probability": round(finding.probability, 6),
            "tier": finding.tier,
            "verdict": finding.verdict,
            "evidence": [self.evidence(e) for e in finding.evidence],
        }

    def anatomy(self) -> list[Json]:
        rows = []
        for structure in self.reading.observations.structures:
            if structure.region is not None:
                rows.append(
                    {
                        "id": structure.id,
                        "confidence": round(structure.confidence, 4),
                        "bbox": list(structure.region.bbox),
                        "mask": structure.region.rle(),
                    }
                )
        return rows

    def signs(self) -> list[Json]:
        rows = []
        strong = self.reading.pack.settings["strong_threshold"]
        for observed in self.reading.observations.signs:
            definition = self.reading.pack.sign(observed.id)
            if definition is None or not observed.ran:
                continue
            present = observed.region is not None
            rows.append(
                {
                    "id": observed.id,
                    "name": definition.name.as_dict(),
                    "score": round(observed.score, 4),
                    "present": present,
                    "strong": present and observed.score >= strong,
                    "region": self.region(observed.region),
                    "measurements": [measurement(m) for m in observed.measurements],
                }
            )
        return rows

    def anchor(self, anchor: Anchor) -> Json:
        return {
            "id": anchor.id,
            "label": anchor.label.as_dict(),
            "region": self.region(anchor.region),
            "parents": list(anchor.parents),
            "turn": anchor.turn,
            "sign": anchor.sign,
        }

    def fact(self, fact: Fact) -> Json:
        return {
            "id": fact.id,
            "kind": fact.kind,
            "name": fact.name.as_dict(),
            "text": fact.text.as_dict(),
            "state": fact.state,
            "measurements": [drawn(m) for m in fact.measurements],
            "marks": [{"point": [round(v, 1) for v in m.point], "clock": m.clock} for m in fact.marks],
            "anchor": fact.anchor,
            "sign": fact.sign,
            "region": self.region(fact.region),
            "reason": None if fact.reason is None else fact.reason.as_dict(),
            "source": fact.source,
        }


def measurement(value: Measurement) -> Json:
    """``{id, value, unit, uncertainty}``."""
    sigma = value.uncertainty
    return {
        "id": value.id,
        "value": round(value.value, 4),
        "unit": value.unit,
        "uncertainty": None if sigma is None else round(sigma, 4),
    }


def drawn(value: Measurement) -> Json:
    """A measurement with its ``lines`` [[x, y], [x, y]] in source pixels."""
    lines = [[[round(v, 1) for v in end] for end in (line.start, line.end)] for line in value.lines]
    return {**measurement(value), "lines": lines}


def query_document(query: Query) -> Json:
    """A question as understood."""
    return {
        "text": query.text,
        "lang": query.lang,
        "intent": query.intent,
        "target": query.target,
        "targets": list(query.targets),
        "anchors": list(query.anchors),
        "places": list(query.places),
        "aspects": list(query.aspects),
        "signs": list(query.signs),
        "choices": list(query.choices),
        "form": query.form,
        "merged": query.merged,
        "parts": [query_document(part) for part in query.parts],
    }


def notice(value: Notice) -> Json:
    """``{code, zh, en}``."""
    return {"code": value.code, **value.sentence.as_dict()}


def spacing(geometry: Geometry) -> list[float] | None:
    """[row, column] spacing in mm."""
    return None if geometry.spacing_mm is None else [round(v, 6) for v in geometry.spacing_mm]


def report_document(reading: Reading, text: Bilingual) -> Json:
    """The Report of one film; `text` is its summary in both languages."""
    writer = _Writer(reading)
    image, quality = reading.image, reading.observations.quality
    return {
        "schema": REPORT,
        "image": {
            "path": image.path,
            "sha256": image.sha256,
            "modality": image.modality,
            "view": image.view,
            "rows": image.geometry.rows,
            "cols": image.geometry.cols,
            "spacing_mm": spacing(image.geometry),
            "calibrated": image.geometry.calibrated,
            "simulated": image.simulated,
            "warnings": [notice(n) for n in (*image.warnings, *quality.reasons)],
        },
        "model": {"id": reading.card.id, "sha256": reading.card.sha256, "engine": reading.engine},
        "pack": {"id": reading.pack.id, "version": reading.pack.version},
        "quality": {"usable": quality.usable, "reasons": [notice(n) for n in quality.reasons]},
        "anatomy": writer.anatomy(),
        "signs": writer.signs(),
        "findings": [writer.finding(f) for f in reading.findings],
        "text": text.as_dict(),
        "timing_ms": _rounded(reading.timing_ms),
    }


def turn_document(turn: Turn, reading: Reading) -> Json:
    """The Turn of one question."""
    writer = _Writer(reading)
    return {
        "schema": TURN,
        "session": turn.session,
        "turn": turn.turn,
        "image": {"sha256": reading.image.sha256, "simulated": reading.image.simulated},
        "model": {"id": reading.card.id, "sha256": reading.card.sha256, "engine": reading.engine},
        "pack": {"id": reading.pack.id, "version": reading.pack.version},
        "query": query_document(turn.query),
        "text": turn.text,
        "sentences": [{"text": s.text, "evidence": list(s.evidence)} for s in turn.sentences],
        "items": [*(writer.evidence(e) for e in turn.items), *(writer.fact(f) for f in turn.facts)],
        "anchors": [writer.anchor(a) for a in turn.anchors],
        "correction": None if turn.correction is None else asdict(turn.correction),
        "overlay": turn.overlay,
        "audit": {"hash": turn.audit},
        "timing_ms": _rounded(turn.timing_ms),
    }


def _rounded(timing: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 1) for name, value in timing.items()}
