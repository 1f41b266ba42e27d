"""Additive log-odds with exact shares."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import exp, fsum, log

from whyray.domain import (
    Bilingual,
    DiagnosisDefinition,
    Evidence,
    Finding,
    Observations,
    Pack,
    Polarity,
    Rule,
    SignDefinition,
    SignObservation,
    Tier,
    Verdict,
)
from whyray.reasoning.rules import fires, signs_of

HIGH, MEDIUM = 0.90, 0.70
_ORDER: dict[Polarity, int] = {"for": 0, "against": 1, "absent": 2}


@dataclass(frozen=True, slots=True)
class Fusion:
    """How the terms are weighed; fitted by ``whyray_train`` on validation films and kept in the model card.

    Attributes
    ----------
    film_weight, sign_weight
        Reliability of the film-level term and of the named signs' terms.
    base
        Diagnosis id -> log-odds before any evidence.
    possible
        Diagnosis id -> probability from which the conclusion cannot be excluded.
    """

    film_weight: float
    sign_weight: float
    base: Mapping[str, float]
    possible: Mapping[str, float]


def conclude(observations: Observations, pack: Pack, fusion: Fusion) -> tuple[Finding, ...]:
    """Findings of the pack in its own order, each with ordered evidence.

    Evidence ids are unique over the whole result (``E1``, ``E2``, ...).
    """
    seen = {s.id: s for s in observations.signs}
    findings: list[Finding] = []
    count = 0
    for diagnosis in pack.diagnoses:
        finding = _conclude_one(diagnosis, seen, pack, fusion, count)
        count += len(finding.evidence)
        findings.append(finding)
    return tuple(findings)


def _conclude_one(
    diagnosis: DiagnosisDefinition, seen: Mapping[str, SignObservation], pack: Pack, fusion: Fusion, count: int
) -> Finding:
    """Finding of one diagnosis; its evidence is numbered from `count` + 1."""
    fired = [r for r in pack.rules if r.diagnosis == diagnosis.id and fires(r.when, seen, pack)]
    barred = _confounders(diagnosis, pack)
    bonus, named = _bonuses(fired, seen, barred, pathway_reliability(diagnosis, pack))
    terms = _terms(diagnosis, seen, pack, fusion, barred)
    for sign_id in bonus:
        terms.setdefault(sign_id, 0.0)
    values = {sign_id: term + bonus.get(sign_id, 0.0) for sign_id, term in terms.items()}
    total = fsum(abs(value) for value in values.values())
    definitions = {s.id: s for s in pack.signs if s.id in values}
    missing = next((sign_id for sign_id in values if sign_id not in definitions), None)
    if missing is not None:
        raise ValueError(f"{diagnosis.id} weighs the unknown sign {missing}")
    order = sorted(values, key=lambda s: (_ORDER[_polarity(seen[s], values[s])], -abs(values[s])))
    evidence = tuple(
        _evidence(f"E{number}", definitions[s], seen[s], values[s], total, named.get(s), diagnosis, pack)
        for number, s in enumerate(order, start=count + 1)
    )
    base = fusion.base[diagnosis.id]
    probability = 1 / (1 + exp(-(base + fsum(e.log_lr for e in evidence))))
    return Finding(
        id=diagnosis.id,
        probability=probability,
        base_log_odds=base,
        tier=tier(probability),
        verdict=_verdict(diagnosis, probability, evidence, pack, fusion),
        evidence=evidence,
        rules=tuple(r.id for r in fired),
    )


def _verdict(
    diagnosis: DiagnosisDefinition, probability: float, evidence: Collection[Evidence], pack: Pack, fusion: Fusion
) -> Verdict:
    """The verdict by probability, with two limits.

    A film on which nothing could be looked for is never called normal. A diagnosis that only names what is seen is
    possible, whatever its probability, where the sign that defines it is seen: the answer must not deny its picture.
    """
    if diagnosis.normal and not evidence:
        return "not_supported"
    found = verdict(probability, fusion.possible[diagnosis.id], pack.settings["supported"])
    defining = diagnosis.core_signs[:1] if diagnosis.descriptive else ()
    seen = any(e.sign in defining and e.region is not None for e in evidence)
    return "possible" if found == "not_supported" and seen else found


def _terms(
    diagnosis: DiagnosisDefinition,
    seen: Mapping[str, SignObservation],
    pack: Pack,
    fusion: Fusion,
    barred: Collection[str],
) -> dict[str, float]:
    """Sign id -> contribution to the log-odds, for the signs that were looked for and may be reasons."""
    terms: dict[str, float] = {}
    pattern = pattern_of(diagnosis, pack)
    if pattern is not None and seen[pattern.id].ran:
        terms[pattern.id] = fusion.film_weight * _logit(seen[pattern.id].score)
    for weight in diagnosis.weights:
        observed = seen[weight.sign]
        if observed.ran and weight.sign not in barred:
            ratio = observed.score * weight.lr_present + (1 - observed.score) * weight.lr_absent
            terms[weight.sign] = fusion.sign_weight * weight.reliability * log(ratio)
    return terms


def pattern_of(diagnosis: DiagnosisDefinition, pack: Pack) -> SignDefinition | None:
    """The learned sign that shows where the diagnosis' film-level score comes from."""
    if diagnosis.head is None:
        return None
    for sign in pack.signs:
        if sign.learned and sign.detector is not None and sign.detector.params.get("head") == diagnosis.head:
            return sign
    return None


def pathway_reliability(diagnosis: DiagnosisDefinition, pack: Pack) -> float:
    """Factor of the diagnosis' pathway bonuses beside its signs; 1 where nothing was counted."""
    return 1.0 if pack.counted is None else pack.counted.reliability(diagnosis.id)


def _confounders(diagnosis: DiagnosisDefinition, pack: Pack) -> frozenset[str]:
    """Devices and lines are no reasons, except for a diagnosis that is about them (names them as core signs)."""
    return frozenset(s.id for s in pack.signs if s.confounder and s.id not in diagnosis.core_signs)


def _bonuses(
    fired: list[Rule], seen: Mapping[str, SignObservation], barred: Collection[str], reliability: float
) -> tuple[dict[str, float], dict[str, str]]:
    """Sign id -> summed bonus, and sign id -> the heaviest pathway that it takes part in."""
    bonus: dict[str, float] = {}
    named: dict[str, str] = {}
    for rule in sorted(fired, key=lambda r: -r.weight):
        named_signs = (s for s in dict.fromkeys(signs_of(rule.when)) if s not in barred)
        members = [s for s in named_signs if seen[s].region is not None]
        for sign_id in members:
            bonus[sign_id] = bonus.get(sign_id, 0.0) + reliability * rule.weight / len(members)
            named.setdefault(sign_id, rule.id)
    return bonus, named


def _polarity(observed: SignObservation, value: float) -> Polarity:
    return "absent" if observed.region is None else "for" if value >= 0 else "against"


def _evidence(
    evidence_id: str,
    sign: SignDefinition,
    observed: SignObservation,
    value: float,
    total: float,
    rule: str | None,
    diagnosis: DiagnosisDefinition,
    pack: Pack,
) -> Evidence:
    source = next((w.source for w in diagnosis.weights if w.sign == sign.id), sign.source)
    return Evidence(
        id=evidence_id,
        sign=sign.id,
        polarity=_polarity(observed, value),
        score=observed.score,
        log_lr=value,
        share=abs(value) / total if total else 0.0,
        rule=rule,
        location=place(observed, pack),
        zones=observed.zones,
        significance=sign.significance,
        source=source,
        region=observed.region,
        erase=observed.erase,
        within=observed.within,
        measurements=observed.measurements,
    )


def place(observed: SignObservation, pack: Pack, most: int = 3) -> Bilingual:
    """Names of the zones a sign touches, at most `most`, the largest first; the first of each side is among them."""
    touched = [z for z in (pack.zone(i) for i in observed.zones) if z is not None]
    leading = {z.side: z for z in reversed(touched) if z.side is not None}
    rest = [z for z in touched if z not in leading.values()][: max(0, most - len(leading))]
    zones = [z for z in touched if z in leading.values() or z in rest][:most]
    return Bilingual("、".join(z.name.zh for z in zones), ", ".join(z.name.en for z in zones))


def tier(probability: float) -> Tier:
    """High > 0.90, medium 0.70 to 0.90, low below."""
    if probability > HIGH:
        return "high"
    return "medium" if probability >= MEDIUM else "low"


def verdict(probability: float, possible: float, supported: float) -> Verdict:
    """``supported`` from the pack's limit, ``possible`` from the card's screening threshold."""
    if probability >= supported:
        return "supported"
    return "possible" if probability >= possible else "not_supported"


def _logit(p: float) -> float:
    kept = min(max(p, 1e-9), 1 - 1e-9)
    return log(kept / (1 - kept))
