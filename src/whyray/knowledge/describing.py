"""One entry of a pack in words."""

from __future__ import annotations

from collections.abc import Iterator

from whyray.domain import ArgumentError, Bilingual, Lang, Pack, SignDefinition, StructureDefinition, ZoneDefinition
from whyray.knowledge.concluding import tell_diagnosis, tell_differential, tell_rule, tell_variant
from whyray.knowledge.conditions import Condition
from whyray.knowledge.phrasing import codes, head, line, listed, name_of, ratio, synonyms
from whyray.knowledge.references import read
from whyray.knowledge.words import label


def describe(pack: Pack, entry_id: str, lang: Lang) -> str:
    """Tell what the pack says about one entry, as lines.

    Entries are signs, diagnoses, pathways, variants, differentials, structures, zones and measures.

    Raises
    ------
    ArgumentError
        ``ID_UNKNOWN`` with the nearest ids.
    """
    for find in (_sign, _diagnosis, _rule, _variant, _differential, _structure, _zone, _measure):
        lines = find(pack, entry_id, lang)
        if lines is not None:
            return "\n".join(lines)
    raise _unknown(pack, entry_id)


def _sign(pack: Pack, entry_id: str, lang: Lang) -> Iterator[str] | None:
    sign = pack.sign(entry_id)
    return tell_sign(pack, sign, lang) if sign else None


def _diagnosis(pack: Pack, entry_id: str, lang: Lang) -> Iterator[str] | None:
    diagnosis = pack.diagnosis(entry_id)
    return tell_diagnosis(pack, diagnosis, lang) if diagnosis else None


def _rule(pack: Pack, entry_id: str, lang: Lang) -> Iterator[str] | None:
    rule = next((r for r in pack.rules if r.id == entry_id), None)
    return tell_rule(pack, rule, lang) if rule else None


def _variant(pack: Pack, entry_id: str, lang: Lang) -> Iterator[str] | None:
    found = next(((d, v) for d in pack.diagnoses for v in d.variants if v.id == entry_id), None)
    return tell_variant(pack, *found, lang) if found else None


def _differential(pack: Pack, entry_id: str, lang: Lang) -> Iterator[str] | None:
    differential = next((d for d in pack.differentials if d.id == entry_id), None)
    return tell_differential(pack, differential, lang) if differential else None


def _structure(pack: Pack, entry_id: str, lang: Lang) -> Iterator[str] | None:
    structure = pack.structure(entry_id)
    return _place("structure", structure, lang) if structure else None


def _zone(pack: Pack, entry_id: str, lang: Lang) -> Iterator[str] | None:
    zone = pack.zone(entry_id)
    return _place("zone", zone, lang) if zone else None


def _measure(pack: Pack, entry_id: str, lang: Lang) -> Iterator[str] | None:
    name = pack.measures.get(entry_id)
    return iter([head("measure", entry_id, name, lang)]) if name else None


def tell_sign(pack: Pack, sign: SignDefinition, lang: Lang) -> Iterator[str]:
    """A sign: words, form, places, what it means, how it is found, and what it moves."""
    yield head("pattern" if sign.learned else "sign", sign.id, sign.name, lang)
    yield from synonyms(sign.synonyms, lang)
    yield line("definition", sign.definition.get(lang), lang)
    yield line("significance", sign.significance.get(lang), lang)
    yield from listed("on_view", (f"{view}: {limit.get(lang)}" for view, limit in sign.on_view.items()), lang)
    if sign.morphology:
        form = sign.morphology
        size = f", {form.size_mm[0]:g}-{form.size_mm[1]:g} mm" if form.size_mm else ""
        yield line("morphology", f"{form.kind}, {form.shape}, {form.density}{size}", lang)
    yield from listed("places", (zone.name.get(lang) for z in sign.zones if (zone := pack.zone(z))), lang)
    yield from listed("mimics", (mimic.get(lang) for mimic in sign.mimics), lang)
    yield from listed("diagnoses", (f"{name_of(pack, i, lang)} [{i}]" for i in sign.diagnoses), lang)
    yield from codes(sign.codes, lang)
    if sign.padchest:
        films = f" (n = {sign.padchest.n})" if sign.padchest.n is not None else ""
        yield line("labels", ", ".join(sign.padchest.labels) + films, lang)
    found = sign.detector.kind if sign.detector else label("undetected").get(lang)
    yield line("detector", found, lang)
    if sign.confounder:
        yield label("confounder").get(lang)
    yield line("source", sign.source, lang)
    for diagnosis in pack.diagnoses:
        for weight in diagnosis.weights:
            if weight.sign == sign.id:
                yield f"{label('used_by').get(lang)}: {diagnosis.name.get(lang)}: {ratio(weight, lang)}"
    yield from listed("rules", (r.id for r in pack.rules if sign.id in _signs(r.when)), lang)


def _signs(tree: object) -> tuple[str, ...]:
    condition = read(tree)
    return condition.signs if isinstance(condition, Condition) else ()


def _place(kind: str, place: StructureDefinition | ZoneDefinition, lang: Lang) -> Iterator[str]:
    yield head(kind, place.id, place.name, lang)
    yield from synonyms(place.synonyms, lang)
    if place.side:
        yield line("side", label(place.side).get(lang), lang)
    if isinstance(place, ZoneDefinition):
        yield line("kind", place.kind, lang)


def _unknown(pack: Pack, entry_id: str) -> ArgumentError:
    from rapidfuzz import process

    known = [sign.id for sign in pack.signs] + [diagnosis.id for diagnosis in pack.diagnoses]
    known += [rule.id for rule in pack.rules] + [structure.id for structure in pack.structures]
    known += [zone.id for zone in pack.zones] + [differential.id for differential in pack.differentials]
    known += list(pack.measures)
    nearest = ", ".join(name for name, _, _ in process.extract(entry_id, known, limit=3))
    return ArgumentError(
        "ID_UNKNOWN",
        Bilingual(f"知识包 {pack.id} 中没有“{entry_id}”。", f'The pack {pack.id} has no entry "{entry_id}".'),
        Bilingual(f"相近的有：{nearest}。", f"The nearest are {nearest}."),
    )
