"""Checks of names and synonyms: the right script, and no word that stands for two things."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from whyray.domain import Bilingual, Pack, Synonyms
from whyray.knowledge.problems import Problem, problem
from whyray.knowledge.references import Scope

_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_JOINERS = re.compile(r"[-_/‐‑–—·•\s]+")


def plain(word: str) -> str:
    """Spell a word without what does not matter: width, case, hyphens, spaces beside Chinese."""
    text = _JOINERS.sub(" ", unicodedata.normalize("NFKC", word).lower()).strip()
    return text.replace(" ", "") if _HAN.search(text) else text


def entries(pack: Pack) -> Iterator[tuple[str, str, Bilingual, Synonyms]]:
    """(kind, id, name, synonyms) of everything that has synonyms, learned patterns apart."""
    yield from (("diagnosis", d.id, d.name, d.synonyms) for d in pack.diagnoses)
    yield from (("sign", s.id, s.name, s.synonyms) for s in pack.signs if not s.learned)
    yield from (("zone", z.id, z.name, z.synonyms) for z in pack.zones)
    yield from (("structure", s.id, s.name, s.synonyms) for s in pack.structures)


def scripts(scope: Scope) -> Iterator[Problem]:
    """English words hold no Chinese characters, no word is blank or there twice in one entry."""
    for kind, entry, name, synonyms in entries(scope.pack):
        where = f"{kind}.{entry}.synonyms"
        for word in synonyms.en:
            if _HAN.search(word):
                yield problem("SYNONYM_LANGUAGE", f"{where}.en.{word}", word=word)
        for lang, listed in (("zh", (name.zh, *synonyms.zh)), ("en", (name.en, *synonyms.en))):
            spelled = [unicodedata.normalize("NFKC", word).casefold().strip() for word in listed]
            for word, text in zip(listed, spelled, strict=True):
                if not text or spelled.count(text) > 1:
                    yield problem("SYNONYM_TWICE", f"{where}.{lang}", word=word)
                    break


def shared(scope: Scope) -> Iterator[Problem]:
    """Words of two signs or two diagnoses, and words of a sign that a strange diagnosis takes over."""
    owners: dict[str, dict[tuple[str, str], str]] = {}
    for kind, entry, name, synonyms in entries(scope.pack):
        if kind in ("sign", "diagnosis"):
            for word in (name.zh, name.en, *synonyms.zh, *synonyms.en):
                owners.setdefault(plain(word), {}).setdefault((kind, entry), word)
    for found in owners.values():
        signs = [entry for kind, entry in found if kind == "sign"]
        diagnoses = [entry for kind, entry in found if kind == "diagnosis"]
        word = next(iter(found.values()))
        for several, kind in ((signs, "sign"), (diagnoses, "diagnosis")):
            if len(several) > 1:
                yield problem("WORD_SHARED", f"{kind}.{several[1]}.synonyms", word=word, ids=", ".join(several))
        yield from _strangers(scope, word, signs, diagnoses)


def _strangers(scope: Scope, word: str, signs: list[str], diagnoses: list[str]) -> Iterator[Problem]:
    for sign_id in signs:
        sign = scope.pack.sign(sign_id)
        if sign is not None and diagnoses and not set(diagnoses) & set(sign.diagnoses):
            ids = ", ".join((sign_id, *diagnoses))
            yield problem("WORD_SHARED", f"sign.{sign_id}.synonyms", word=word, ids=ids)
