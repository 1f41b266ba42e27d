"""FHIR R4: a Bundle with one CodeSystem of signs and diagnoses and the ValueSets over it."""

from __future__ import annotations

import json
from typing import Any

from whyray.domain import DiagnosisDefinition, Pack, SignDefinition
from whyray.knowledge.exports.systems import SYSTEMS, canonical, composed, single

Json = dict[str, Any]
# code, FHIR type, what it says
_PROPERTIES = (
    ("kind", "code", "sign or diagnosis"),
    ("diagnosis", "code", "A diagnosis of this code system that the sign belongs to"),
    ("coreSign", "code", "A sign of this code system that defines the diagnosis"),
    ("detected", "boolean", "Whether a detector looks for the sign today"),
    ("confounder", "boolean", "A device, line or wire that is never a reason for a disease of the lung"),
    ("significance", "string", "Clinical significance of the sign, English"),
    ("significanceZh", "string", "Clinical significance of the sign, Chinese"),
    ("definitionZh", "string", "Definition, Chinese"),
    ("map", "Coding", "A concept of another code system with this meaning"),
    ("composedOf", "Coding", "A concept that together with the other ones of this property has this meaning"),
    ("meshHeading", "string", "Heading of the MeSH descriptor with this meaning"),
    ("source", "string", "Where definition and codes come from"),
)
_SETS = (
    ("all", "Signs and diagnoses", ()),
    ("signs", "Radiographic signs", (("kind", "=", "sign"),)),
    ("diagnoses", "Diagnoses", (("kind", "=", "diagnosis"),)),
    ("detected-signs", "Signs that are looked for today", (("kind", "=", "sign"), ("detected", "=", "true"))),
)


def to_fhir(pack: Pack) -> str:
    """A collection Bundle as JSON."""
    resources = [_code_system(pack), *(_value_set(pack, *row) for row in _SETS)]
    entries = [{"fullUrl": resource["url"], "resource": resource} for resource in resources]
    bundle = {"resourceType": "Bundle", "id": f"{pack.id}-kb", "type": "collection", "entry": entries}
    return json.dumps(bundle, ensure_ascii=False, indent=1) + "\n"


def _metadata(pack: Pack, kind: str, name: str, title: str) -> Json:
    computable = "".join(word.capitalize() for word in f"{pack.id} {name}".replace("-", " ").split())
    return {
        "resourceType": kind,
        "id": f"{pack.id}-{name}",
        "url": canonical(pack, kind, name),
        "version": pack.version,
        "name": f"Whyray{computable}",
        "title": f"{pack.name.en}: {title}",
        "status": "active",
        "experimental": True,
        "publisher": "whyray",
        "description": f"{title} of the whyray pack {pack.id} {pack.version} (research use, not for diagnosis).",
    }


def _code_system(pack: Pack) -> Json:
    concepts = [_sign(sign) for sign in pack.signs if not sign.learned]
    concepts += [_diagnosis(diagnosis) for diagnosis in pack.diagnoses]
    return {
        **_metadata(pack, "CodeSystem", "kb", "signs and diagnoses"),
        "caseSensitive": True,
        "valueSet": canonical(pack, "ValueSet", "all"),
        "content": "complete",
        "count": len(concepts),
        "property": [
            {"code": code, "uri": f"{canonical(pack, 'CodeSystem', 'kb')}#{code}", "description": text, "type": kind}
            for code, kind, text in _PROPERTIES
        ],
        "concept": concepts,
    }


def _value_set(pack: Pack, name: str, title: str, filters: tuple[tuple[str, str, str], ...]) -> Json:
    include: Json = {"system": canonical(pack, "CodeSystem", "kb"), "version": pack.version}
    if filters:
        include["filter"] = [{"property": key, "op": op, "value": value} for key, op, value in filters]
    return {**_metadata(pack, "ValueSet", name, title), "compose": {"include": [include]}}


def _sign(sign: SignDefinition) -> Json:
    properties: list[Json] = [
        {"code": "kind", "valueCode": "sign"},
        *({"code": "diagnosis", "valueCode": diagnosis} for diagnosis in sign.diagnoses),
        {"code": "detected", "valueBoolean": sign.detector is not None},
        {"code": "confounder", "valueBoolean": sign.confounder},
        {"code": "significance", "valueString": sign.significance.en},
        {"code": "significanceZh", "valueString": sign.significance.zh},
    ]
    return _concept(sign, properties)


def _diagnosis(diagnosis: DiagnosisDefinition) -> Json:
    cores = ({"code": "coreSign", "valueCode": sign} for sign in diagnosis.core_signs)
    return _concept(diagnosis, [{"code": "kind", "valueCode": "diagnosis"}, *cores])


def _concept(entry: SignDefinition | DiagnosisDefinition, properties: list[Json]) -> Json:
    maps = [{"code": "map", "valueCoding": _coding(*pair)} for pair in single(entry.codes)]
    maps += [{"code": "composedOf", "valueCoding": _coding(*pair)} for pair in composed(entry.codes)]
    if "mesh" in entry.codes:
        maps.append({"code": "meshHeading", "valueString": entry.codes["mesh"]})
    named = [("zh", entry.name.zh), *(("zh", word) for word in entry.synonyms.zh)]
    named += [("en", word) for word in entry.synonyms.en]
    return {
        "code": entry.id,
        "display": entry.name.en,
        "definition": entry.definition.en,
        "designation": [{"language": lang, "value": word} for lang, word in dict.fromkeys(named)],
        "property": [
            *properties,
            {"code": "definitionZh", "valueString": entry.definition.zh},
            *maps,
            {"code": "source", "valueString": entry.source},
        ],
    }


def _coding(system: str, code: str) -> Json:
    return {"system": SYSTEMS[system], "code": code}
