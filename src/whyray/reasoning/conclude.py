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
from whyray.reasoning.rules import fires, mentioned, signs_of

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
    defining_weight
        Reliability of the term of the sign that defines its diagnosis; None: as that of the others.
    """

    film_weight: float
    sign_weight: float
    base: Mapping[str, float]
    possible: Mapping[str, float]
    defining_weight: float | None = None

    def of(self, sign_id: str, diagnosis: DiagnosisDefinition) -> float:
        """Reliability of one named sign's term."""
        if self.defining_weight is not None and diagnosis.defined_by(sign_id):
            return self.defining_weight
        return self.sign_weight


class _Case:
    """What was seen on one film beside the pack's entries by id, for all its diagnoses."""

    def __init__(self, observations: Observations, pack: Pack) -> None:
        self.pack = pack
        self.view = observations.view
        self.seen: Mapping[str, SignObservation] = {s.id: s for s in observations.signs}
        self.signs = {s.id: s for s in pack.signs}
        self.patterns = patterns(pack)
        self.confounders = frozenset(s.id for s in pack.signs if s.confounder)
        self.rules: dict[str, list[Rule]] = {}
        for rule in pack.rules:
            self.rules.setdefault(rule.diagnosis, []).append(rule)
        self._places: dict[str, Bilingual] = {}

    def fired(self, diagnosis: DiagnosisDefinition) -> list[Rule]:
        """The pathways of a diagnosis that hold."""
        return [r for r in self.rules.get(diagnosis.id, ()) if fires(r.when, self.seen, self.pack)]

    def barred(self, diagnosis: DiagnosisDefinition) -> frozenset[str]:
        """Devices and lines are no reasons, except for a diagnosis that is about them (names them as core signs)."""
        return self.confounders.difference(diagnosis.core_signs)

    def place(self, sign_id: str) -> Bilingual:
        """`place` of a sign, put into words once."""
        if sign_id not in self._places:
            self._places[sign_id] = place(self.seen[sign_id], self.pack)
        return self._places[sign_id]


def conclude(
    observations: Observations, pack: Pack, fusion: Fusion, only: Collection[str] | None = None
) -> tuple[Finding, ...]:
    """Findings of the pack in its own order, each with ordered evidence.

    Evidence ids are unique over the whole result (``E1``, ``E2``, ...). `only` limits the work to the diagnoses named.
    """
    case = _Case(observations, pack)
    findings: list[Finding] = []
    count = 0
    for diagnosis in pack.diagnoses:
        if only is not None and diagnosis.id not in only:
            continue
        finding = _conclude_one(diagnosis, case, fusion, count)
        count += len(finding.evidence)
        findings.append(finding)
    return tuple(findings)


def _conclude_one(diagnosis: DiagnosisDefinition, case: _Case, fusion: Fusion, count: int) -> Finding:
    """Finding of one diagnosis; its evidence is numbered from `count` + 1."""
    pack, seen = case.pack, case.seen
    fired, barred = case.fired(diagnosis), case.barred(diagnosis)
    bonus, named = _bonuses(fired, seen, barred, pathway_reliability(diagnosis, pack))
    terms = _terms(diagnosis, case, fusion, barred)
    for sign_id in bonus:
        terms.setdefault(sign_id, 0.0)
    values = {sign_id: term + bonus.get(sign_id, 0.0) for sign_id, term in terms.items()}
    total = fsum(abs(value) for value in values.values())
    missing = next((sign_id for sign_id in values if sign_id not in case.signs), None)
    if missing is not None:
        raise ValueError(f"{diagnosis.id} weighs the unknown sign {missing}")
    order = sorted(values, key=lambda s: (_ORDER[_polarity(seen[s], values[s])], -abs(values[s])))
    sources = {w.sign: w.source for w in reversed(diagnosis.weights)}
    evidence = tuple(
        _evidence(f"E{number}", diagnosis.id, case.signs[s], case, values[s], total, named.get(s), sources.get(s))
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
    seen = any(diagnosis.defined_by(e.sign) and e.region is not None for e in evidence)
    return "possible" if found == "not_supported" and seen else found


def _terms(diagnosis: DiagnosisDefinition, case: _Case, fusion: Fusion, barred: Collection[str]) -> dict[str, float]:
    """Sign id -> contribution to the log-odds, for the signs that were looked for and may be reasons."""
    terms: dict[str, float] = {}
    seen, pattern = case.seen, None if diagnosis.head is None else case.patterns.get(diagnosis.head)
    if pattern is not None and seen[pattern.id].ran:
        terms[pattern.id] = fusion.film_weight * _logit(seen[pattern.id].score)
    for weight in diagnosis.weights:
        observed = seen[weight.sign]
        if observed.ran and weight.sign not in barred:
            if observed.region is None and _firm(case.signs.get(weight.sign)):
                terms[weight.sign] = 0.0
                continue
            ratio = observed.score * weight.lr_present + (1 - observed.score) * weight.lr_absent
            terms[weight.sign] = fusion.of(weight.sign, diagnosis) * weight.reliability * log(ratio)
    return terms


def _firm(sign: SignDefinition | None) -> bool:
    """A sign that counts only where it is seen.

    How often its detector misses it on real films is not known, so a score below the threshold says nothing, and with
    a rare sign's large ratio it would say much.
    """
    return sign is not None and sign.detector is not None and bool(sign.detector.params.get("firm", False))


def needed(pack: Pack, diagnosis_id: str) -> frozenset[str]:
    """Ids of the signs that the diagnosis' probability can depend on.

    Raises
    ------
    ValueError
        When the pack has no such diagnosis.
    """
    diagnosis = pack.diagnosis(diagnosis_id)
    if diagnosis is None:
        raise ValueError(f"{diagnosis_id} is not in pack {pack.id}")
    pattern = patterns(pack).get(diagnosis.head) if diagnosis.head is not None else None
    of_rules = (sign for rule in pack.rules if rule.diagnosis == diagnosis.id for sign in mentioned(rule.when))
    return frozenset([*(w.sign for w in diagnosis.weights), *of_rules, *([pattern.id] if pattern is not None else [])])


def patterns(pack: Pack) -> dict[str, SignDefinition]:
    """Head of the network -> the learned sign that shows where its film-level score comes from."""
    found: dict[str, SignDefinition] = {}
    for sign in pack.signs:
        if sign.learned and sign.detector is not None and "head" in sign.detector.params:
            found.setdefault(str(sign.detector.params["head"]), sign)
    return found


def pathway_reliability(diagnosis: DiagnosisDefinition, pack: Pack) -> float:
    """Factor of the diagnosis' pathway bonuses beside its signs; 1 where nothing was counted."""
    return 1.0 if pack.counted is None else pack.counted.reliability(diagnosis.id)


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
    finding_id: str,
    sign: SignDefinition,
    case: _Case,
    value: float,
    total: float,
    rule: str | None,
    source: str | None,
) -> Evidence:
    observed = case.seen[sign.id]
    return Evidence(
        id=evidence_id,
        sign=sign.id,
        polarity=_polarity(observed, value),
        score=observed.score,
        log_lr=value,
        share=abs(value) / total if total else 0.0,
        rule=rule,
        location=case.place(sign.id),
        zones=observed.zones,
        significance=sign.meaning(case.view),
        source=sign.source if source is None else source,
        region=observed.region,
        erase=observed.erase,
        within=observed.within,
        measurements=observed.measurements,
        finding=finding_id,
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
