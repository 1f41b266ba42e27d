"""Additive log-odds with exact shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
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
        finding = _conclude_one(diagnosis, seen, pack, fusion)
        numbered = tuple(replace(e, id=f"E{count + i}") for i, e in enumerate(finding.evidence, start=1))
        count += len(numbered)
        findings.append(replace(finding, evidence=numbered))
    return tuple(findings)


def _conclude_one(
    diagnosis: DiagnosisDefinition, seen: Mapping[str, SignObservation], pack: Pack, fusion: Fusion
) -> Finding:
    fired = [r for r in pack.rules if r.diagnosis == diagnosis.id and fires(r.when, seen, pack)]
    bonus, named = _bonuses(fired, seen)
    terms = _terms(diagnosis, seen, pack, fusion)
    for sign_id in bonus:
        terms.setdefault(sign_id, 0.0)
    total = fsum(abs(terms[i] + bonus.get(i, 0.0)) for i in terms)
    evidence = []
    for sign_id, term in terms.items():
        definition = pack.sign(sign_id)
        if definition is None:
            raise ValueError(f"{diagnosis.id} weighs the unknown sign {sign_id}")
        value = term + bonus.get(sign_id, 0.0)
        share = abs(value) / total if total else 0.0
        evidence.append(_evidence(definition, seen[sign_id], value, share, named.get(sign_id), diagnosis, pack))
    evidence.sort(key=lambda e: (_ORDER[e.polarity], -abs(e.log_lr)))
    base = fusion.base[diagnosis.id]
    probability = 1 / (1 + exp(-(base + fsum(e.log_lr for e in evidence))))
    return Finding(
        id=diagnosis.id,
        probability=probability,
        base_log_odds=base,
        tier=tier(probability),
        verdict=verdict(probability, fusion.possible[diagnosis.id], pack.settings["supported"]),
        evidence=tuple(evidence),
        rules=tuple(r.id for r in fired),
    )


def _terms(
    diagnosis: DiagnosisDefinition, seen: Mapping[str, SignObservation], pack: Pack, fusion: Fusion
) -> dict[str, float]:
    """Sign id -> contribution to the log-odds, for the signs that were looked for."""
    terms: dict[str, float] = {}
    pattern = pattern_of(diagnosis, pack)
    if pattern is not None and seen[pattern.id].ran:
        terms[pattern.id] = fusion.film_weight * _logit(seen[pattern.id].score)
    for weight in diagnosis.weights:
        observed = seen[weight.sign]
        if observed.ran:
            ratio = observed.score * weight.lr_present + (1 - observed.score) * weight.lr_absent
            terms[weight.sign] = fusion.sign_weight * log(ratio)
    return terms


def pattern_of(diagnosis: DiagnosisDefinition, pack: Pack) -> SignDefinition | None:
    """The learned sign that shows where the diagnosis' film-level score comes from."""
    if diagnosis.head is None:
        return None
    for sign in pack.signs:
        if sign.learned and sign.detector is not None and sign.detector.params.get("head") == diagnosis.head:
            return sign
    return None


def _bonuses(fired: list[Rule], seen: Mapping[str, SignObservation]) -> tuple[dict[str, float], dict[str, str]]:
    """Sign id -> summed bonus, and sign id -> the heaviest pathway that it takes part in."""
    bonus: dict[str, float] = {}
    named: dict[str, str] = {}
    for rule in sorted(fired, key=lambda r: -r.weight):
        members = [s for s in dict.fromkeys(signs_of(rule.when)) if seen[s].region is not None]
        for sign_id in members:
            bonus[sign_id] = bonus.get(sign_id, 0.0) + rule.weight / len(members)
            named.setdefault(sign_id, rule.id)
    return bonus, named


def _evidence(
    sign: SignDefinition,
    observed: SignObservation,
    value: float,
    share: float,
    rule: str | None,
    diagnosis: DiagnosisDefinition,
    pack: Pack,
) -> Evidence:
    polarity: Polarity = "absent" if observed.region is None else "for" if value >= 0 else "against"
    source = next((w.source for w in diagnosis.weights if w.sign == sign.id), sign.source)
    return Evidence(
        id="",
        sign=sign.id,
        polarity=polarity,
        score=observed.score,
        log_lr=value,
        share=share,
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
    """Names of the zones a sign touches, at most `most`; empty when it touches none."""
    zones = [z for z in (pack.zone(i) for i in observed.zones[:most]) if z is not None]
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
