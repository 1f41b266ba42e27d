"""Diagnoses, pathways, variants and differentials in words."""

from __future__ import annotations

from collections.abc import Iterator

from whyray.domain import DiagnosisDefinition, Differential, Lang, Pack, Rule, Variant
from whyray.knowledge.phrasing import (
    basis,
    block,
    codes,
    condition,
    head,
    line,
    listed,
    name_of,
    ratio,
    stands_on,
    synonyms,
)
from whyray.knowledge.words import label


def tell_diagnosis(pack: Pack, diagnosis: DiagnosisDefinition, lang: Lang) -> Iterator[str]:
    """A diagnosis: words, core signs with their variants, checklist, weights, pathways, differentials."""
    yield head("diagnosis", diagnosis.id, diagnosis.name, lang)
    yield from synonyms(diagnosis.synonyms, lang)
    if diagnosis.descriptive:
        yield label("descriptive").get(lang)
    yield line("definition", diagnosis.definition.get(lang), lang)
    yield line("advice", diagnosis.advice.get(lang), lang)
    yield from codes(diagnosis.codes, lang)
    if diagnosis.prior is not None:
        prior = diagnosis.prior
        yield line("prior", f"{prior.value:g} ({stands_on(prior.basis, prior.source, lang)})", lang)
    yield line("source", diagnosis.source, lang)
    yield from listed("core_signs", (f"{name_of(pack, s, lang)} [{s}]" for s in diagnosis.core_signs), lang)
    yield from block("variants", (_variant(pack, variant, lang) for variant in diagnosis.variants), lang)
    rows = (f"{row.name.get(lang)}: {condition(pack, row.when, lang)} ({row.source})" for row in diagnosis.checklist)
    yield from block("checklist", rows, lang)
    weights = (f"{name_of(pack, w.sign, lang)}: {ratio(w, lang)}" for w in diagnosis.weights)
    yield from block("weights", weights, lang)
    rules = [rule for rule in pack.rules if rule.diagnosis == diagnosis.id]
    yield from block("rules", (f"{r.id}: {r.name.get(lang)} ({r.weight:+.2f})" for r in rules), lang)
    about = [d for d in pack.differentials if diagnosis.id in d.between]
    yield from listed("differentials", (f"{d.name.get(lang)} [{d.id}]" for d in about), lang)


def tell_rule(pack: Pack, rule: Rule, lang: Lang) -> Iterator[str]:
    """A pathway: its diagnosis, condition and weight."""
    yield head("rule", rule.id, rule.name, lang)
    yield line("diagnosis", f"{name_of(pack, rule.diagnosis, lang)} [{rule.diagnosis}]", lang)
    yield line("when", condition(pack, rule.when, lang), lang)
    yield line("weight", f"{rule.weight:+.2f} ({basis(rule.basis, lang)})", lang)
    for key in (rule.stage, rule.cause):
        if key:
            yield line("stands_for", label(key).get(lang), lang)
    yield line("source", rule.source, lang)


def tell_variant(pack: Pack, diagnosis: DiagnosisDefinition, variant: Variant, lang: Lang) -> Iterator[str]:
    """A variant: the core sign that it is a form of, and its condition."""
    yield head("variant", variant.id, variant.name, lang)
    yield line("diagnosis", f"{diagnosis.name.get(lang)} [{diagnosis.id}]", lang)
    yield line("core_signs", f"{name_of(pack, variant.of, lang)} [{variant.of}]", lang)
    yield line("when", condition(pack, variant.when, lang), lang)


def tell_differential(pack: Pack, differential: Differential, lang: Lang) -> Iterator[str]:
    """A differential: what is told apart, by which sign, and what decides."""
    yield head("differential", differential.id, differential.name, lang)
    for entry in differential.between:
        rows = (
            f"{name_of(pack, row.sign, lang)}: {row.note.get(lang)} ({row.source})"
            for row in differential.rows
            if row.favours == entry
        )
        yield f"{label('favours').get(lang)} {name_of(pack, entry, lang)} [{entry}]:"
        yield from (f"  {row}" for row in rows)
    yield line("decide", differential.decide.get(lang), lang)


def _variant(pack: Pack, variant: Variant, lang: Lang) -> str:
    return f"{variant.name.get(lang)} [{variant.id}] < {name_of(pack, variant.of, lang)}"
