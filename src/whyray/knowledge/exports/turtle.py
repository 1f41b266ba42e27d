"""SKOS in Turtle: signs and diagnoses as concepts of one scheme."""

from __future__ import annotations

from collections.abc import Iterator

from whyray.domain import Bilingual, DiagnosisDefinition, Pack, SignDefinition
from whyray.knowledge.exports.systems import BASE, address, composed, concept, single

_PREFIXES = f"""@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix dct: <http://purl.org/dc/terms/> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix kb: <{BASE}/ontology#> .
"""
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def to_turtle(pack: Pack) -> str:
    """A concept scheme with collections of signs and diagnoses; codes are close matches, never exact ones."""
    scheme = f"<{concept(pack, 'scheme')}>"
    signs = [sign for sign in pack.signs if not sign.learned]
    lines = [_PREFIXES, f"{scheme} a skos:ConceptScheme ;"]
    lines += [f"    dct:title {text} ;" for text in _both(pack.name)]
    lines.append(f"    owl:versionInfo {literal(pack.version)} .\n")
    for name, entries in (("signs", signs), ("diagnoses", pack.diagnoses)):
        members = " , ".join(f"<{concept(pack, entry.id)}>" for entry in entries)
        lines.append(f"<{concept(pack, name)}> a skos:Collection ;\n    skos:member {members} .\n")
    lines += [_concept(pack, scheme, sign, list(_sign(pack, sign))) for sign in signs]
    lines += [_concept(pack, scheme, found, list(_diagnosis(pack, found))) for found in pack.diagnoses]
    return "\n".join(lines)


def literal(text: str, lang: str = "") -> str:
    """A Turtle string, with its language where it has one."""
    return f'"{text.translate(_ESCAPES)}"' + (f"@{lang}" if lang else "")


def _concept(pack: Pack, scheme: str, entry: SignDefinition | DiagnosisDefinition, more: list[str]) -> str:
    facts = [f"skos:inScheme {scheme}", f"skos:notation {literal(entry.id)}"]
    facts += [f"skos:prefLabel {text}" for text in _both(entry.name)]
    facts += [f"skos:altLabel {literal(word, 'zh')}" for word in dict.fromkeys(entry.synonyms.zh)]
    facts += [f"skos:altLabel {literal(word, 'en')}" for word in dict.fromkeys(entry.synonyms.en)]
    facts += [f"skos:definition {text}" for text in _both(entry.definition)]
    facts += [f"skos:closeMatch <{address(system, code)}>" for system, code in single(entry.codes)]
    facts += [f"kb:composedOf <{address(system, code)}>" for system, code in composed(entry.codes)]
    if "mesh" in entry.codes:
        facts.append(f"kb:meshHeading {literal(entry.codes['mesh'])}")
    facts.append(f"dct:source {literal(entry.source)}")
    return f"<{concept(pack, entry.id)}> a skos:Concept ;\n    " + " ;\n    ".join((*facts, *more)) + " .\n"


def _sign(pack: Pack, sign: SignDefinition) -> Iterator[str]:
    yield from (f"skos:scopeNote {text}" for text in _both(sign.significance))
    yield from (f"skos:related <{concept(pack, diagnosis)}>" for diagnosis in sign.diagnoses)
    yield f"kb:detected {_truth(sign.detector is not None)}"
    yield f"kb:confounder {_truth(sign.confounder)}"


def _diagnosis(pack: Pack, diagnosis: DiagnosisDefinition) -> Iterator[str]:
    yield from (f"kb:coreSign <{concept(pack, sign)}>" for sign in diagnosis.core_signs)
    yield from (f"skos:note {text}" for text in _both(diagnosis.advice))


def _both(text: Bilingual) -> tuple[str, str]:
    return literal(text.zh, "zh"), literal(text.en, "en")


def _truth(value: bool) -> str:
    return "true" if value else "false"
