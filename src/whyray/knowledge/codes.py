"""Codes of signs and diagnoses: known systems, their form, and whether a terminology has them.

``composed`` is a finding written as several concepts of DICOM PS3.16, e.g. ``DCM:112063+SCT:59441001``: what is
seen, then its site and descriptors, as the content items of a chest CAD report (TID 4104) carry them. It is used
where no single concept means the sign. ``mesh`` is the heading of a MeSH descriptor.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from whyray.domain import Pack
from whyray.knowledge.problems import Problem, problem
from whyray.knowledge.references import Scope

COMPOSED = "composed"
SCHEMES = {"dicom": "DCM", "snomed": "SCT"}
_FORMS = {
    "umls": re.compile(r"C\d{7}"),
    "snomed": re.compile(r"\d{6,18}"),
    "dicom": re.compile(r"\d{5,6}"),
    "radlex": re.compile(r"RID\d{1,6}"),
    "icd10": re.compile(r"[A-Z]\d{2}(\.\d{1,2})?"),
    "mesh": re.compile(r"[A-Z][A-Za-z]+(,? [A-Z][A-Za-z]+)*"),
    COMPOSED: re.compile(r"(DCM|SCT):\d{5,18}(\+(DCM|SCT):\d{5,18})+"),
}


def codes(scope: Scope) -> Iterator[Problem]:
    """Codes of signs and diagnoses: a known system, the system's form, and SNOMED CT's check digit."""
    for where, system, code in stated_codes(scope.pack):
        form = _FORMS.get(system)
        if form is None:
            yield problem("CODE_SYSTEM", where, system=system)
        elif not form.fullmatch(code) or not all(verhoeff(part) for kind, part in parts(system, code) if kind == "SCT"):
            yield problem("CODE_FORM", where, system=system, id=code)


def unknown_codes(pack: Pack, table: Mapping[str, Collection[str]]) -> tuple[Problem, ...]:
    """Codes that `table` lacks.

    Parameters
    ----------
    table
        Coding scheme of DICOM (``DCM``, ``SCT``) -> its codes; schemes that it does not have are not looked up.
    """
    found = []
    for where, system, code in stated_codes(pack):
        for scheme, part in parts(system, code):
            if scheme in table and part not in table[scheme]:
                found.append(problem("CODE_UNKNOWN", where, system=scheme, id=part))
    return tuple(found)


def stated_codes(pack: Pack) -> Iterator[tuple[str, str, str]]:
    """(place, system, code) of every code of the pack."""
    for kind, entries in (("signs", pack.signs), ("diagnoses", pack.diagnoses)):
        for entry in entries:
            for system, code in entry.codes.items():
                yield f"{kind}.{entry.id}.codes.{system}", system, code


def parts(system: str, code: str) -> tuple[tuple[str, str], ...]:
    """(DICOM coding scheme, code) of the concepts that a code consists of; none for systems beside DICOM's."""
    if system == COMPOSED:
        pairs = (part.partition(":") for part in code.split("+"))
        return tuple((scheme, value) for scheme, _, value in pairs)
    return ((SCHEMES[system], code),) if system in SCHEMES else ()


def verhoeff(digits: str) -> bool:
    """Whether the last digit is the Verhoeff check digit of the others, as in SNOMED CT identifiers."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit)
        for _ in range(position % 8):
            value = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)[value]
        total = _dihedral(total, value)
    return total == 0


def _dihedral(a: int, b: int) -> int:
    """Product in the dihedral group of order ten, 0 to 4 rotations and 5 to 9 reflections."""
    if a < 5:
        return (a + b) % 5 if b < 5 else (a + b - 5) % 5 + 5
    return (a - 5 - b) % 5 + 5 if b < 5 else (a - b) % 5
