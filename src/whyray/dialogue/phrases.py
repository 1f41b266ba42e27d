"""Filling the pack's templates: sentences, numbers and lists in one language."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from whyray.domain import Bilingual, DiagnosisDefinition, Lang, Measurement, Pack, PackError, Sentence

FINE = 0.1  # a change of a probability that ends below this is told to a tenth of a percent
_TAIL = " \t\n。．.;；,，、:："
_ACRONYM = re.compile(r"[A-Z0-9-]{2,}|[A-Z]")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Phrases:
    """The templates of `pack` in `lang`."""

    pack: Pack
    lang: Lang

    def both(self, words: Words) -> Bilingual:
        """Say the same in Chinese and English."""
        return Bilingual(words(Phrases(self.pack, "zh")), words(Phrases(self.pack, "en")))

    def fill(self, key: str, **values: object) -> str:
        """Fill template `key` with `values`; raises PackError (TEMPLATE_MISSING) when the pack lacks it."""
        template = self.pack.templates.get(key)
        if template is None:
            raise PackError(
                "TEMPLATE_MISSING",
                Bilingual(f"知识包缺少模板“{key}”。", f'The pack lacks the template "{key}".'),
                Bilingual("请在 templates.yaml 中补上。", "Add it to templates.yaml."),
            )
        return template.get(self.lang).format(**values)

    def has(self, key: str) -> bool:
        """Tell whether the pack has the template."""
        return key in self.pack.templates

    def text(self, words: Bilingual | str) -> str:
        """Put inserted words on one line without their final punctuation."""
        raw = words if isinstance(words, str) else words.get(self.lang)
        return _SPACE.sub(" ", raw).strip(_TAIL)

    def source(self, source: str) -> str:
        """Put a source of the pack on one line, in the language of the answer."""
        return self.text(self.pack.source(source, self.lang))

    def sentence(self, key: str, evidence: Iterable[str] = (), **values: object) -> Sentence:
        """Make a sentence of template `key` with its final stop."""
        return self.closed(self.fill(key, **values), evidence)

    def closed(self, text: str, evidence: Iterable[str] = ()) -> Sentence:
        """Give `text` one final stop and a capital letter; a heading keeps its colon."""
        text = text[:1].upper() + text[1:]
        heading = text.endswith((":", "："))
        return Sentence(text if heading else text.rstrip(_TAIL) + self.fill("stop"), tuple(evidence))

    def join(self, clauses: Iterable[str]) -> str:
        """Join the clauses that say something."""
        return self.fill("clause").join(c for c in clauses if c)

    def lead(self, clauses: Iterable[str]) -> str:
        """Join the first words of an item."""
        return self.fill("comma").join(c for c in clauses if c)

    def listed(self, names: Iterable[str]) -> str:
        """Enumerate names, each once."""
        return self.fill("list").join(dict.fromkeys(n for n in names if n))

    def diagnosis(self, diagnosis: DiagnosisDefinition) -> str:
        """Return the name as it stands inside a sentence."""
        return self.inside(diagnosis.name)

    def inside(self, name: Bilingual | str) -> str:
        """Put an English name in lower case unless its first word is an acronym or a proper name."""
        text = self.text(name)
        first = text.split(" ", 1)[0]
        lowers = (
            self.lang == "en" and text[:1].isupper() and not _ACRONYM.fullmatch(first) and first not in self._proper
        )
        return text[:1].lower() + text[1:] if lowers else text

    def percent(self, value: float) -> str:
        """Format a probability or share in [0, 1]; the ends are never rounded to certainty."""
        if 0.0 < value < 0.01:
            return self.fill("percent.under")
        if 0.99 < value < 1.0:
            return self.fill("percent.over")
        return self.fill("percent", value=100.0 * value)

    def change(self, before: float, after: float) -> dict[str, str]:
        """Two probabilities in [0, 1] as ``before`` and ``after`` of a template, as fine as their difference needs."""
        key = "percent.fine" if min(before, after) < FINE else "percent"
        return {name: self.fill(key, value=100.0 * p) for name, p in (("before", before), ("after", after))}

    def value(self, measured: Measurement, calibrated: bool) -> str:
        """Format value and unit; empty without words for the unit, or without a scale for mm."""
        if not self.has(f"unit.{measured.unit}") or (measured.unit.startswith("mm") and not calibrated):
            return ""
        unit, doubt = f"unit.{measured.unit}", measured.uncertainty
        nothing = self.fill(unit, value=0.0)
        if doubt is None or self.fill(unit, value=doubt) == nothing:  # what rounds to nothing would claim certainty
            plain = self.fill(unit, value=measured.value)
            small = measured.value > 0 and plain == nothing and self.has(f"{unit}.under")
            return self.fill(f"{unit}.under") if small else plain
        return self.fill(f"{unit}.pm", value=measured.value, uncertainty=doubt)

    def measurement(self, measured: Measurement, calibrated: bool) -> str:
        """Format name, value and unit; empty without a name, or where `value` is."""
        name, value = self.measure(measured.id), self.value(measured, calibrated)
        return self.fill("item.measure", name=name, value=value) if name and value else ""

    def measure(self, measure_id: str) -> str:
        """Name of a measurement inside a sentence: the pack's, else the template's; empty when neither has one."""
        name = self.pack.measures.get(measure_id)
        if name is not None:
            return self.inside(name)
        return self.fill(f"measured.{measure_id}") if self.has(f"measured.{measure_id}") else ""

    def reason(self, code: str | None) -> str:
        """Words for why something is undetermined or was not looked for; a plain sentence for an unknown code."""
        key = f"reason.{code}"
        return self.text(self.fill(key if self.has(key) else "reason.unknown"))

    def also(self, clauses: Iterable[str]) -> str:
        """Join the parts of one statement."""
        return self.fill("with").join(c for c in clauses if c)

    def both_of(self, names: Iterable[str]) -> str:
        """Enumerate names, each once, with "and" before the last."""
        *others, last = tuple(dict.fromkeys(n for n in names if n)) or ("",)
        return self.fill("and").join((self.fill("list").join(others), last)) if others else last

    def beside(self, text: str, inside: str) -> str:
        """Put words in brackets behind others."""
        return self.fill("bracketed", text=text, inside=inside) if inside else text

    def zones(self, ids: Iterable[str], most: int = 3) -> str:
        """List the names of zones, at most `most`."""
        named = [zone for zone in map(self.pack.zone, ids) if zone is not None]
        return self.listed(self.text(zone.name) for zone in named[:most])

    @property
    def _proper(self) -> frozenset[str]:
        """Proper names, given by the pack as terms, keep their capital."""
        return frozenset(w for t in self.pack.terms if t.kind == "proper" for w in t.en)


# Words that can be said in either language.
Words = Callable[[Phrases], str]
