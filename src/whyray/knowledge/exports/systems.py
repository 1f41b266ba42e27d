"""Addresses of the pack's entries and of the code systems it refers to."""

from __future__ import annotations

from collections.abc import Iterator

from whyray.domain import Pack
from whyray.knowledge.codes import COMPOSED, parts

BASE = "https://github.com/whyray/whyray/kb"
# FHIR system addresses of the coding schemes (HL7 Terminology, DICOM PS3.16).
SYSTEMS = {
    "dicom": "http://dicom.nema.org/resources/ontology/DCM",
    "snomed": "http://snomed.info/sct",
    "umls": "http://www.nlm.nih.gov/research/umls",
    "radlex": "http://www.radlex.org",
    "icd10": "http://hl7.org/fhir/sid/icd-10",
}
_SCHEMES = {"DCM": "dicom", "SCT": "snomed"}
# Addresses of single concepts.
_CONCEPTS = {
    "dicom": "http://dicom.nema.org/resources/ontology/DCM/{}",
    "snomed": "http://snomed.info/id/{}",
    "umls": "https://uts.nlm.nih.gov/uts/umls/concept/{}",
    "radlex": "http://www.radlex.org/RID/{}",
    "icd10": "http://hl7.org/fhir/sid/icd-10/{}",
}


def canonical(pack: Pack, kind: str, name: str) -> str:
    """Canonical address of a resource, e.g. ``.../kb/PACK/CodeSystem/signs``."""
    return f"{BASE}/{pack.id}/{kind}/{name}"


def concept(pack: Pack, entry: str) -> str:
    """Address of an entry of the pack."""
    return f"{BASE}/{pack.id}/{entry}"


def single(codes: dict[str, str]) -> Iterator[tuple[str, str]]:
    """(system, code) of the codes that mean the entry by themselves."""
    yield from ((system, code) for system, code in codes.items() if system in SYSTEMS)


def composed(codes: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """(system, code) of the concepts that together mean the entry; empty when there is no such code."""
    return tuple((_SCHEMES[scheme], code) for scheme, code in parts(COMPOSED, codes.get(COMPOSED, "")) if scheme)


def address(system: str, code: str) -> str:
    """Address of a concept of a public code system."""
    return _CONCEPTS[system].format(code)
