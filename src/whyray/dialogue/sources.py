"""What a reason stands on: likelihood ratio with interval and basis, source, and the pathway that it fires."""

from __future__ import annotations

from whyray.dialogue.draft import Film
from whyray.domain import DiagnosisDefinition, Evidence, Finding, Pack, SignWeight, without_opinion

# Detector kind of the signs that only a closer look at a lesion decides.
CLOSER = "closer"


def looks_for(pack: Pack, diagnosis: DiagnosisDefinition) -> bool:
    """Tell whether anything looks for the diagnosis today: a film-level output, or a detector of a sign of its own.

    Signs of its own are the core signs, or the weighted ones when it states no core signs. A sign that only a closer
    look at a lesion decides is not looked for on the film.
    """
    own = diagnosis.core_signs or tuple(weight.sign for weight in diagnosis.weights)
    signs = (pack.sign(sign) for sign in own)
    return diagnosis.head is not None or any(
        sign is not None and sign.detector is not None and sign.detector.kind != CLOSER for sign in signs
    )


def weight_of(film: Film, finding: Finding, item: Evidence) -> SignWeight | None:
    """Return the weight behind an evidence; None for learned patterns and signs that only a pathway names."""
    return next((w for w in film.diagnosis(finding).weights if w.sign == item.sign), None)


def ratio(film: Film, finding: Finding, item: Evidence, *, between: bool = False) -> str:
    """Say the likelihood ratio of the sign being there or not, with its interval and what it stands on.

    ``between``: the sign is as likely there as not, and both ratios are told.
    """
    weight, p = weight_of(film, finding, item), film.phrases
    if weight is None:
        return ""
    absent = item.polarity == "absent"
    value = weight.lr_absent if absent else weight.lr_present
    interval = weight.ci_absent if absent else weight.ci_present
    fields = {"value": _number(value), "basis": p.fill(f"basis.{weight.basis}")}
    if between:
        ends = {"present": _number(weight.lr_present), "absent": _number(weight.lr_absent)}
        text = p.fill("item.ratio.between", **ends, basis=fields["basis"])
    elif interval is None:
        text = p.fill("item.ratio", **fields)
    else:
        text = p.fill("item.ratio.interval", low=_number(interval[0]), high=_number(interval[1]), **fields)
    kept = weight.reliability
    return text if kept >= 0.995 else p.fill("item.ratio.kept", ratio=text, kept=p.percent(kept))


def source(film: Film, finding: Finding, item: Evidence) -> str:
    """Say where the ratio comes from: the counted table with its numbers, else the source of the weight or sign."""
    weight, p, counted = weight_of(film, finding, item), film.phrases, film.pack.counted
    if weight is not None and weight.basis == "counted" and weight.both is not None and counted is not None:
        return p.fill("source.counted", table=p.source(counted.table.name), n=weight.n, both=weight.both)
    # An opinion is called one beside the ratio already.
    opinion = weight is not None and weight.basis == "expert"
    return p.source(without_opinion(item.source) if opinion else item.source)


def grounds(film: Film, finding: Finding, item: Evidence, *, between: bool = False) -> tuple[str, ...]:
    """Clauses on what an evidence stands on: its ratio (that of absence for a sign not found), pathway and source.

    ``between`` as for `ratio`.
    """
    p = film.phrases
    told = source(film, finding, item)
    clauses = (
        ratio(film, finding, item, between=between),
        pathway_basis(film, item),
        p.fill("item.source", text=told) if told else "",
    )
    return tuple(c for c in clauses if c)


def pathway(film: Film, item: Evidence) -> str:
    """Name the pathway that fires with an evidence."""
    rule = next((r for r in film.pack.rules if r.id == item.rule), None)
    return "" if rule is None else film.phrases.fill("item.rule", name=film.phrases.text(rule.name))


def pathway_basis(film: Film, item: Evidence) -> str:
    """Say what the pathway that fires with an evidence stands on."""
    rule = next((r for r in film.pack.rules if r.id == item.rule), None)
    if rule is None:
        return ""
    p = film.phrases
    origin, basis = p.source(without_opinion(rule.source)), p.fill(f"basis.{rule.basis}")
    return p.fill("item.rule.source" if origin else "item.rule.basis", basis=basis, source=origin)


def _number(value: float) -> str:
    return f"{value:.3g}"
