"""knowledge: folders of YAML -> schema-validated, cross-checked `Pack` values.

Contract
--------
``load_pack`` turns a folder into a `domain.Pack` or raises `PackError` with the file, the place in it and
what is wrong; ``load_packs`` does so for every pack of a folder (by default those shipped with the package);
``choose_pack`` finds the one that reads an image. ``check`` looks across the files and returns `Problem`
values without raising; ``describe`` tells one entry in words; ``statistics`` counts.

This room imports ``whyray.domain`` only: which detector kinds, zone kinds and network heads exist is told by
the caller. Files of a pack: ``pack.yaml``, ``anatomy.yaml``, ``measures.yaml``, ``terms.yaml``,
``templates.yaml`` and any number of files under ``signs/``, ``diagnoses/`` and ``rules/``, each a list.
"""

from whyray.knowledge.checking import check
from whyray.knowledge.describing import describe, statistics
from whyray.knowledge.loading import load_pack, load_packs
from whyray.knowledge.matching import choose_pack
from whyray.knowledge.problems import Problem

__all__ = ["Problem", "check", "choose_pack", "describe", "load_pack", "load_packs", "statistics"]
