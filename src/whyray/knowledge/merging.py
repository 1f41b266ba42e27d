"""Counted weights join the hand-written ones of their diagnosis."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from whyray.domain import Counted, CountedDiagnosis, CountedWeight, DiagnosisDefinition, SignWeight


def merge(diagnoses: Iterable[DiagnosisDefinition], counted: Counted | None) -> tuple[DiagnosisDefinition, ...]:
    """Diagnoses with the weights of `counted` behind their own; where both weigh a sign, the hand-written one stays.

    A hand-written weight takes the reliability that the signs of its diagnosis have in common.
    """
    if counted is None:
        return tuple(diagnoses)
    return tuple(_merged(diagnosis, counted) for diagnosis in diagnoses)


def counted_sources(counted: Counted | None, chinese: Mapping[str, str]) -> dict[str, str]:
    """Return what counted weights give as their source, in Chinese by its English words.

    `chinese` has the name of the table.
    """
    if counted is None:
        return {}
    english = counted.table.name
    table = chinese.get(english, english)
    return {
        _source(weight, facts, english): _source_in_chinese(weight, facts, table)
        for diagnosis, weights in counted.weights.items()
        for facts in (counted.diagnoses.get(diagnosis),)
        for weight in weights
    }


def _merged(diagnosis: DiagnosisDefinition, counted: Counted) -> DiagnosisDefinition:
    facts = counted.diagnoses.get(diagnosis.id)
    common = counted.reliability(diagnosis.id)
    own = tuple(replace(w, reliability=common * w.reliability) for w in diagnosis.weights)
    stated = {weight.sign for weight in own}
    found = (w for w in counted.weights.get(diagnosis.id, ()) if w.sign not in stated)
    return replace(diagnosis, weights=own + tuple(_weight(w, facts, counted.table.name) for w in found))


def _weight(weight: CountedWeight, facts: CountedDiagnosis | None, table: str) -> SignWeight:
    return SignWeight(
        sign=weight.sign,
        lr_present=weight.lr_present,
        lr_absent=weight.lr_absent,
        basis="counted",
        source=_source(weight, facts, table),
        n=weight.n,
        ci_present=weight.ci_present,
        ci_absent=weight.ci_absent,
        both=weight.both,
        reliability=weight.reliability,
        physician=weight.physician,
    )


def _source(weight: CountedWeight, facts: CountedDiagnosis | None, table: str) -> str:
    if facts is None:
        return f"{table}, {weight.n} studies, {weight.both} of them with sign and diagnosis"
    ill = facts.studies
    others = f"{weight.sign_only} of {weight.n - ill} without the diagnosis"
    return f"{table}, studies: sign in {weight.both} of {ill} with and {others}"


def _source_in_chinese(weight: CountedWeight, facts: CountedDiagnosis | None, table: str) -> str:
    if facts is None:
        return f"{table}，{weight.n}次检查，其中{weight.both}次征象与诊断并存"
    ill = facts.studies
    return f"{table}：有诊断的{ill}次检查中{weight.both}次有此征象，无诊断的{weight.n - ill}次中{weight.sign_only}次"
