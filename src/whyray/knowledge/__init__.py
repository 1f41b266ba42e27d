"""knowledge: folders of YAML -> schema-validated, cross-checked `Pack` values.

Contract
--------
``load_pack`` turns a folder into a `domain.Pack` or raises `PackError` with the file, the line, the place in it and
what is wrong; ``load_packs`` does so for every pack of a folder (by default those shipped with the package);
``choose_pack`` finds the one that reads an image. ``check`` looks across the files and returns `Problem`
values without raising; ``unknown_codes`` looks codes up in a table that the caller brings. ``describe`` tells one
entry in words, ``search`` finds entries by words, ``statistics`` and ``by_diagnosis`` count, ``export`` writes the
pack in another form (JSON, SKOS Turtle, FHIR R4, a page to browse).

This room imports ``whyray.domain`` only: which detector kinds, zone kinds, network heads and channels exist is told
by the caller. Files of a pack: ``pack.yaml``, ``anatomy.yaml``, ``measures.yaml``, ``terms.yaml``,
``templates.yaml`` and any number of files under ``signs/``, ``diagnoses/``, ``rules/`` and ``differentials/``,
each a list. ``figures.yaml``, when there, says which numbers perception works out by itself; ``places.yaml`` groups
locations of a report table; ``report.yaml`` says how reports are written; ``counted.yaml`` adds weights counted from a
table, where a hand-written weight wins; ``spelling.yaml`` holds further terms: how words may be typed;
``sources.yaml`` says in Chinese what sources say.
"""

from whyray.knowledge.checking import check
from whyray.knowledge.codes import unknown_codes
from whyray.knowledge.describing import describe
from whyray.knowledge.exports import FORMS, export
from whyray.knowledge.faults import folder_of, load_pack, load_packs
from whyray.knowledge.matching import choose_pack
from whyray.knowledge.problems import Problem
from whyray.knowledge.searching import Hit, search
from whyray.knowledge.tallies import by_diagnosis, statistics

__all__ = [
    "FORMS",
    "Hit",
    "Problem",
    "by_diagnosis",
    "check",
    "choose_pack",
    "describe",
    "export",
    "folder_of",
    "load_pack",
    "load_packs",
    "search",
    "statistics",
    "unknown_codes",
]
