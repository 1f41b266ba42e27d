"""The pack in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from whyray.domain import Bilingual, Pack
from whyray.knowledge.codes import COMPOSED
from whyray.knowledge.conditions import Condition
from whyray.knowledge.evidence import untranslated
from whyray.knowledge.references import read
from whyray.knowledge.vocabulary import entries


def statistics(pack: Pack) -> dict[str, int | float]:
    """Numbers of entries by kind, signs by how they are found and coded, weights by basis, words of the lexicon.

    Keys that begin with ``share_`` are fractions in [0, 1].
    """
    named = [sign for sign in pack.signs if not sign.learned]
    detected = sum(sign.detector is not None for sign in named)
    coded = [set(sign.codes) for sign in named]
    single = sum(bool(codes - {COMPOSED}) for codes in coded)
    whole = sum(bool(codes) for codes in coded)
    total = max(len(named), 1)
    return {
        "signs": len(named),
        "signs_detected": detected,
        "signs_undetected": len(named) - detected,
        "signs_coded": whole,
        "share_signs_coded": whole / total,
        "share_signs_with_a_single_code": single / total,
        "share_signs_with_a_composed_code_only": (whole - single) / total,
        "signs_confounders": sum(sign.confounder for sign in named),
        "patterns_learned": len(pack.signs) - len(named),
        "diagnoses": len(pack.diagnoses),
        "diagnoses_coded": sum(bool(diagnosis.codes) for diagnosis in pack.diagnoses),
        **_pathways(pack),
        **_weights(pack),
        "differentials": len(pack.differentials),
        "differential_rows": sum(len(differential.rows) for differential in pack.differentials),
        "structures": sum(s.landmark is None for s in pack.structures),
        "structures_segmented": sum(structure.channel is not None for structure in pack.structures),
        "zones": len(pack.zones),
        "places": len(pack.places.locations),
        "measures": len(pack.measures),
        "terms": len(pack.terms),
        "term_words": sum(len(term.zh) + len(term.en) for term in pack.terms),
        "templates": len(pack.templates),
        "synonyms": sum(len(synonyms.zh) + len(synonyms.en) for _, _, _, synonyms in entries(pack)),
        "share_bilingual": bilingual(pack),
    }


def by_diagnosis(pack: Pack) -> dict[str, dict[str, int]]:
    """Diagnosis id -> numbers of its pathways, core signs, variants, checklist rows and weights."""
    rules = Counter(rule.diagnosis for rule in pack.rules)
    return {
        diagnosis.id: {
            "pathways": rules[diagnosis.id],
            "core_signs": len(diagnosis.core_signs),
            "variants": len(diagnosis.variants),
            "checklist": len(diagnosis.checklist),
            "weights": len(diagnosis.weights),
            "weights_counted": sum(weight.basis == "counted" for weight in diagnosis.weights),
        }
        for diagnosis in pack.diagnoses
    }


def bilingual(pack: Pack) -> float:
    """Share of the pack's texts that have words in both languages."""
    texts = sum(1 for _ in _texts(pack))
    missing = len({where for where, _ in untranslated(pack, "", prose=True)})
    return 1.0 - missing / max(texts, 1)


def _pathways(pack: Pack) -> dict[str, int]:
    """Numbers of rules, and of those whose signs suffice today."""
    unseen = frozenset(sign.id for sign in pack.signs if sign.detector is None)
    conditions = [read(rule.when) for rule in pack.rules]
    firing = [c for c in conditions if isinstance(c, Condition) and c.can_hold(unseen)]
    return {
        "pathways": len(pack.rules),
        "pathways_that_can_fire_today": len(firing),
        "core_signs": sum(len(diagnosis.core_signs) for diagnosis in pack.diagnoses),
        "variants": sum(len(diagnosis.variants) for diagnosis in pack.diagnoses),
        "checklist_rows": sum(len(diagnosis.checklist) for diagnosis in pack.diagnoses),
    }


def _weights(pack: Pack) -> dict[str, int]:
    bases = Counter(weight.basis for diagnosis in pack.diagnoses for weight in diagnosis.weights)
    return {
        "weights": bases.total(),
        "weights_counted": bases["counted"],
        "weights_published": bases["published"],
        "weights_expert": bases["expert"],
    }


def _texts(value: object) -> Iterator[Bilingual]:
    """Every text of a value, however deep."""
    from dataclasses import fields, is_dataclass

    if isinstance(value, Bilingual):
        yield value
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from _texts(getattr(value, field.name))
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, tuple):
        for inner in value:
            yield from _texts(inner)
