"""Checks of numbers and texts: likelihood ratios, translations, sources."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from whyray.domain import Bilingual, Lang, SignWeight
from whyray.knowledge.problems import Problem, problem
from whyray.knowledge.references import Scope

EXTREME, EXTREME_COUNTED = 100.0, 250.0
_HAN = re.compile(r"[\u4e00-\u9fff]")
_LATIN = re.compile(r"[A-Za-z]")


def weights(scope: Scope) -> Iterator[Problem]:
    """Likelihood ratios: positive, coherent, supported by what their basis promises."""
    for diagnosis in scope.pack.diagnoses:
        for weight in diagnosis.weights:
            where = f"diagnoses.{diagnosis.id}.weights.{weight.sign}"
            if not weight.source.strip():
                yield problem("SOURCE_EMPTY", where)
            ratios = (weight.lr_present, weight.lr_absent)
            wrong = [value for value in ratios if not math.isfinite(value) or value <= 0]
            if wrong:
                yield problem("LR_NOT_POSITIVE", where, value=wrong[0])
                continue
            if diagnosis.normal and weight.lr_present > 1:
                yield problem("NORMAL_SUPPORTED", where, id=weight.sign)
            yield from _coherent(weight, where)
            yield from _supported(weight, where)


def _coherent(weight: SignWeight, where: str) -> Iterator[Problem]:
    """Rates a with and b without disease give a / b and (1 - a) / (1 - b), never both on one side of 1."""
    present, absent = weight.lr_present, weight.lr_absent
    if (present - 1) * (absent - 1) > 0:
        yield problem("LR_SAME_SIDE", where, present=present, absent=absent)
    if present == absent == 1:
        yield problem("LR_NEUTRAL", where)
    limit = EXTREME_COUNTED if weight.basis == "counted" else EXTREME
    for value in (present, absent):
        if not 1 / limit <= value <= limit:
            yield problem("LR_EXTREME", where, value=value)


def _supported(weight: SignWeight, where: str) -> Iterator[Problem]:
    intervals = ((weight.ci_present, weight.lr_present), (weight.ci_absent, weight.lr_absent))
    complete = all(interval is not None for interval, _ in intervals) and (weight.n or 0) > 0
    if weight.basis == "counted" and not complete:
        yield problem("LR_UNSUPPORTED", where)
    for interval, value in intervals:
        if interval is not None and not 0 < interval[0] <= value <= interval[1] < math.inf:
            yield problem("LR_INTERVAL", where, interval=list(interval), value=value)


def texts(scope: Scope) -> Iterator[Problem]:
    """Missing significance, source or translation anywhere in the pack."""
    pack = scope.pack
    for sign in pack.signs:
        if not (sign.significance.zh.strip() and sign.significance.en.strip()):
            yield problem("SIGNIFICANCE_EMPTY", f"signs.{sign.id}", id=sign.id)
    for kind in ("signs", "diagnoses", "rules"):
        for entry in getattr(pack, kind):
            if not entry.source.strip():
                yield problem("SOURCE_EMPTY", f"{kind}.{entry.id}")
    for where, lang in untranslated(pack, "", prose=True):
        yield problem("TRANSLATION_MISSING", where, lang=lang)


def untranslated(value: Any, where: str, prose: bool) -> Iterator[tuple[str, Lang]]:
    """Find (place, language) of texts without words of their language.

    Templates may be all fields: they only must not be empty.
    """
    if isinstance(value, Bilingual):
        zh, en = value.zh, value.en
        if not zh or (prose and not _HAN.search(zh)):
            yield where, "zh"
        if not en or (prose and (_HAN.search(en) or not _LATIN.search(en))):
            yield where, "en"
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            place = f"{where}.{field.name}".lstrip(".")
            yield from untranslated(getattr(value, field.name), place, prose and field.name != "templates")
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from untranslated(inner, f"{where}.{key}", prose)
    elif isinstance(value, tuple):
        for index, inner in enumerate(value):
            yield from untranslated(inner, f"{where}.{getattr(inner, 'id', index)}", prose)
