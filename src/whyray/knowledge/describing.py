"""One entry of a pack in words, and the pack in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from whyray.domain import (
    ArgumentError,
    Bilingual,
    DiagnosisDefinition,
    Lang,
    Pack,
    Rule,
    SignDefinition,
    StructureDefinition,
    Synonyms,
    ZoneDefinition,
)
from whyray.knowledge.words import label, words


def describe(pack: Pack, entry_id: str, lang: Lang) -> str:
    """Tell what the pack says about one sign, diagnosis, rule, structure, zone or measure, as lines.

    Raises
    ------
    ArgumentError
        ``ID_UNKNOWN`` with the nearest ids.
    """
    sign, diagnosis = pack.sign(entry_id), pack.diagnosis(entry_id)
    rule = next((r for r in pack.rules if r.id == entry_id), None)
    structure, zone = pack.structure(entry_id), pack.zone(entry_id)
    if sign is not None:
        lines = _sign(pack, sign, lang)
    elif diagnosis is not None:
        lines = _diagnosis(pack, diagnosis, lang)
    elif rule is not None:
        lines = _rule(pack, rule, lang)
    elif structure is not None:
        lines = _place("structure", structure, lang)
    elif zone is not None:
        lines = _place("zone", zone, lang)
    elif entry_id in pack.measures:
        lines = iter([_head("measure", entry_id, pack.measures[entry_id], lang)])
    else:
        raise _unknown(pack, entry_id)
    return "\n".join(lines)


def statistics(pack: Pack) -> dict[str, int]:
    """Numbers of entries: by kind, signs by how they are found, weights by basis, words of the lexicon."""
    named = [sign for sign in pack.signs if not sign.learned]
    bases = Counter(weight.basis for diagnosis in pack.diagnoses for weight in diagnosis.weights)
    words_of = [sign.synonyms for sign in pack.signs] + [diagnosis.synonyms for diagnosis in pack.diagnoses]
    words_of += [structure.synonyms for structure in pack.structures] + [zone.synonyms for zone in pack.zones]
    return {
        "structures": len(pack.structures),
        "structures_segmented": sum(structure.channel is not None for structure in pack.structures),
        "zones": len(pack.zones),
        "signs": len(named),
        "signs_detected": sum(sign.detector is not None for sign in named),
        "patterns_learned": len(pack.signs) - len(named),
        "diagnoses": len(pack.diagnoses),
        "weights": bases.total(),
        "weights_counted": bases["counted"],
        "weights_published": bases["published"],
        "weights_expert": bases["expert"],
        "rules": len(pack.rules),
        "measures": len(pack.measures),
        "terms": len(pack.terms),
        "templates": len(pack.templates),
        "synonyms": sum(len(synonyms.zh) + len(synonyms.en) for synonyms in words_of),
    }


def _sign(pack: Pack, sign: SignDefinition, lang: Lang) -> Iterator[str]:
    yield _head("pattern" if sign.learned else "sign", sign.id, sign.name, lang)
    yield from _synonyms(sign.synonyms, lang)
    yield _line("definition", sign.definition.get(lang), lang)
    yield _line("significance", sign.significance.get(lang), lang)
    yield from _listed("places", (zone.name.get(lang) for z in sign.zones if (zone := pack.zone(z))), lang)
    yield from _listed("mimics", (mimic.get(lang) for mimic in sign.mimics), lang)
    yield from _codes(sign.codes, lang)
    found = sign.detector.kind if sign.detector else label("undetected").get(lang)
    yield _line("detector", found, lang)
    yield _line("source", sign.source, lang)
    for diagnosis in pack.diagnoses:
        for weight in diagnosis.weights:
            if weight.sign == sign.id:
                yield f"{label('used_by').get(lang)}: {diagnosis.name.get(lang)}: {_ratio(weight, lang)}"


def _diagnosis(pack: Pack, diagnosis: DiagnosisDefinition, lang: Lang) -> Iterator[str]:
    yield _head("diagnosis", diagnosis.id, diagnosis.name, lang)
    yield from _synonyms(diagnosis.synonyms, lang)
    yield _line("definition", diagnosis.definition.get(lang), lang)
    yield _line("advice", diagnosis.advice.get(lang), lang)
    yield from _codes(diagnosis.codes, lang)
    yield _line("source", diagnosis.source, lang)
    if diagnosis.weights:
        yield f"{label('weights').get(lang)}:"
        for weight in diagnosis.weights:
            yield f"  {_name(pack, weight.sign, lang)}: {_ratio(weight, lang)}"
    rules = [rule for rule in pack.rules if rule.diagnosis == diagnosis.id]
    if rules:
        yield f"{label('rules').get(lang)}:"
        yield from (f"  {rule.id}: {rule.name.get(lang)} ({rule.weight:+.2f})" for rule in rules)


def _rule(pack: Pack, rule: Rule, lang: Lang) -> Iterator[str]:
    yield _head("rule", rule.id, rule.name, lang)
    diagnosis = pack.diagnosis(rule.diagnosis)
    yield _line("diagnosis", diagnosis.name.get(lang) if diagnosis else rule.diagnosis, lang)
    yield _line("when", str(rule.when), lang)
    yield _line("weight", f"{rule.weight:+.2f} ({_basis(rule.basis, lang)})", lang)
    yield _line("source", rule.source, lang)


def _place(kind: str, place: StructureDefinition | ZoneDefinition, lang: Lang) -> Iterator[str]:
    yield _head(kind, place.id, place.name, lang)
    yield from _synonyms(place.synonyms, lang)
    if place.side:
        yield _line("side", label(place.side).get(lang), lang)
    if isinstance(place, ZoneDefinition):
        yield _line("kind", place.kind, lang)


def _head(kind: str, entry_id: str, name: Bilingual, lang: Lang) -> str:
    other = name.get("en" if lang == "zh" else "zh")
    return f"{name.get(lang)} / {other} [{label(kind).get(lang)} {entry_id}]"


def _line(key: str, text: str, lang: Lang) -> str:
    return f"{label(key).get(lang)}: {text}"


def _listed(key: str, items: Iterable[str], lang: Lang) -> Iterator[str]:
    joined = ("；" if lang == "zh" else "; ").join(items)
    if joined:
        yield _line(key, joined, lang)


def _synonyms(synonyms: Synonyms, lang: Lang) -> Iterator[str]:
    yield from _listed("synonyms", (*synonyms.zh, *synonyms.en), lang)


def _codes(codes: dict[str, str], lang: Lang) -> Iterator[str]:
    yield from _listed("codes", (f"{system} {code}" for system, code in codes.items()), lang)


def _name(pack: Pack, sign_id: str, lang: Lang) -> str:
    sign = pack.sign(sign_id)
    return sign.name.get(lang) if sign else sign_id


def _ratio(weight: Any, lang: Lang) -> str:
    return f"{weight.lr_present:.3g} / {weight.lr_absent:.3g}, {_basis(weight.basis, lang)}: {weight.source}"


def _basis(basis: str, lang: Lang) -> str:
    return str(words()["basis"][basis][lang])


def _unknown(pack: Pack, entry_id: str) -> ArgumentError:
    from rapidfuzz import process

    known = [sign.id for sign in pack.signs] + [diagnosis.id for diagnosis in pack.diagnoses]
    known += [rule.id for rule in pack.rules] + [structure.id for structure in pack.structures]
    known += [zone.id for zone in pack.zones] + list(pack.measures)
    nearest = ", ".join(match for match, _, _ in process.extract(entry_id, known, limit=3))
    return ArgumentError(
        "ID_UNKNOWN",
        Bilingual(f"知识包 {pack.id} 中没有“{entry_id}”。", f'The pack {pack.id} has no entry "{entry_id}".'),
        Bilingual(f"相近的有：{nearest}。", f"The nearest are {nearest}."),
    )
