"""One static page in both languages, with a search box; no file and no address outside it is needed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import get_args

from whyray.domain import (
    Bilingual,
    ChecklistRow,
    DiagnosisDefinition,
    Differential,
    DifferentialRow,
    Lang,
    Pack,
    Rule,
    SignDefinition,
    SignWeight,
    Variant,
)
from whyray.knowledge import phrasing
from whyray.knowledge.exports import markup
from whyray.knowledge.tallies import statistics
from whyray.knowledge.words import label

_FRAME = Path(__file__).with_name("page.html")


def to_html(pack: Pack) -> str:
    """The page: diagnoses with their pathways, signs, differentials."""
    numbers = statistics(pack)
    signs = [sign for sign in pack.signs if not sign.learned]
    counts = {key: int(numbers[key]) for key in ("signs", "diagnoses", "pathways")}
    sections = (
        markup.section("diagnosis", (_diagnosis(pack, diagnosis) for diagnosis in pack.diagnoses)),
        markup.section("sign", (_sign(pack, sign) for sign in signs)),
        markup.section("differential", (_differential(pack, differential) for differential in pack.differentials)),
    )
    fields = {
        "{{pack}}": f"{pack.id} {pack.version}",
        "{{counts}}": " ".join(f"{key}={value}" for key, value in counts.items()),
        "{{title}}": markup.both(pack.name),
        "{{summary}}": markup.both(_summary(counts, int(numbers["signs_detected"]))),
        "{{sections}}": "\n".join(sections),
    }
    page = _frame()
    for field, text in fields.items():
        page = page.replace(field, text)
    return page


@lru_cache(maxsize=1)
def _frame() -> str:
    return _FRAME.read_text(encoding="utf-8")


def _summary(counts: dict[str, int], detected: int) -> Bilingual:
    signs, diagnoses, pathways = counts["signs"], counts["diagnoses"], counts["pathways"]
    return Bilingual(
        f"{signs} 个征象（其中 {detected} 个目前自动检测），{diagnoses} 个诊断，{pathways} 条推理路径",
        f"{signs} signs ({detected} of them detected today), {diagnoses} diagnoses, {pathways} pathways",
    )


def _sign(pack: Pack, sign: SignDefinition) -> str:
    zones = [zone.name for i in sign.zones if (zone := pack.zone(i))]
    body = (
        markup.synonyms(sign.synonyms),
        markup.line("definition", sign.definition),
        markup.line("significance", sign.significance),
        markup.line("on_view", markup.joined(sign.on_view.values())),
        markup.line("places", markup.joined(zones)),
        markup.line("mimics", markup.joined(sign.mimics)),
        markup.links(pack, "diagnoses", sign.diagnoses),
        markup.codes(sign.codes),
        markup.line("detector", markup.same(sign.detector.kind) if sign.detector else label("undetected")),
        f"<p>{markup.both(label('confounder'))}</p>" if sign.confounder else "",
        markup.line("source", markup.same(sign.source)),
    )
    return markup.article(sign.id, sign.name, body, _words(sign))


def _diagnosis(pack: Pack, diagnosis: DiagnosisDefinition) -> str:
    rules = [rule for rule in pack.rules if rule.diagnosis == diagnosis.id]
    body = (
        markup.synonyms(diagnosis.synonyms),
        markup.line("definition", diagnosis.definition),
        markup.line("advice", diagnosis.advice),
        markup.codes(diagnosis.codes),
        markup.links(pack, "core_signs", diagnosis.core_signs),
        markup.block(label("variants"), (markup.told(partial(_stated, pack, row)) for row in diagnosis.variants)),
        markup.block(label("checklist"), (markup.told(partial(_stated, pack, row)) for row in diagnosis.checklist)),
        markup.block(label("rules"), (markup.told(partial(_rule, pack, rule)) for rule in rules)),
        markup.block(label("weights"), (markup.told(partial(_weight, pack, w)) for w in diagnosis.weights)),
        markup.line("source", markup.same(diagnosis.source)),
    )
    return markup.article(diagnosis.id, diagnosis.name, body, _words(diagnosis))


def _differential(pack: Pack, differential: Differential) -> str:
    blocks = []
    for entry in differential.between:
        rows = (row for row in differential.rows if row.favours == entry)
        notes = (markup.told(partial(_note, pack, row)) for row in rows)
        blocks.append(markup.block(markup.told(partial(_favours, pack, entry)), notes))
    body = (*blocks, markup.line("decide", differential.decide))
    names = [phrasing.name_of(pack, entry, lang) for entry in differential.between for lang in get_args(Lang)]
    return markup.article(
        differential.id, differential.name, body, (differential.name.zh, differential.name.en, *names)
    )


def _words(entry: SignDefinition | DiagnosisDefinition) -> Iterator[str]:
    yield from (entry.name.zh, entry.name.en, *entry.synonyms.zh, *entry.synonyms.en)


def _stated(pack: Pack, row: Variant | ChecklistRow, lang: Lang) -> str:
    return f"{row.name.get(lang)}: {phrasing.condition(pack, row.when, lang)}"


def _rule(pack: Pack, rule: Rule, lang: Lang) -> str:
    told = phrasing.condition(pack, rule.when, lang)
    source = phrasing.stands_on(rule.basis, rule.source, lang)
    return f"{rule.name.get(lang)} ({rule.weight:+.2f}): {told} [{source}]"


def _weight(pack: Pack, weight: SignWeight, lang: Lang) -> str:
    return f"{phrasing.name_of(pack, weight.sign, lang)}: {phrasing.ratio(weight, lang)}"


def _note(pack: Pack, row: DifferentialRow, lang: Lang) -> str:
    return f"{phrasing.name_of(pack, row.sign, lang)}: {row.note.get(lang)} ({row.source})"


def _favours(pack: Pack, entry: str, lang: Lang) -> str:
    return f"{label('favours').get(lang)} {phrasing.name_of(pack, entry, lang)}"
