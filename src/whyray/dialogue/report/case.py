"""What a report is written from, and how each sign stands on the film."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from whyray.dialogue.phrases import Phrases, Words
from whyray.domain import (
    Bilingual,
    Change,
    DiagnosisDefinition,
    Evidence,
    Finding,
    Image,
    Measurement,
    Observations,
    Pack,
    ReportForm,
    SignDefinition,
    SignObservation,
)

Standing = Literal["seen", "absent", "equivocal", "unassessed", "rejected"]
# Reasons of the observations and of the templates (``reason.*``).
NO_DETECTOR, REJECTED, NOT_VISIBLE, UNKNOWN = "no_detector", "rejected", "not_visible", "unknown"
# Names of the parameters under which a detector states what it measures and the limit by view.
_MEASURE, _LIMIT = "measure", "limit"


@dataclass(frozen=True, eq=False, slots=True)
class Said:
    """A sentence before it has a number."""

    text: Bilingual
    evidence: tuple[str, ...] = ()
    signs: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Case:
    """One film as a report sees it."""

    findings: tuple[Finding, ...]
    observations: Observations
    pack: Pack
    image: Image
    rejected: frozenset[str]
    changes: tuple[Change, ...]

    @cached_property
    def phrases(self) -> Phrases:
        """The pack's templates; `both` says a thing in the two languages."""
        return Phrases(self.pack, "zh")

    @cached_property
    def evidence(self) -> Mapping[str, Evidence]:
        """Sign id -> its evidence in the leading conclusion that weighs it."""
        order = sorted(self.findings, key=lambda f: (f.verdict != "supported", -f.probability))
        found: dict[str, Evidence] = {}
        for item in (e for f in order for e in f.evidence):
            found.setdefault(item.sign, item)
        return found

    @cached_property
    def seen(self) -> frozenset[str]:
        """Ids of the named signs that the film shows and that the doctor did not strike out."""
        return frozenset(s.id for s in self.pack.signs if not s.learned and self.standing(s) == "seen")

    @cached_property
    def form(self) -> ReportForm:
        """The first form of the pack whose signs are there; the one for every film when it cannot be read.

        Raises
        ------
        ValueError
            When the pack has no form for every film.
        """
        forms = self.pack.report.forms
        seen = self.seen if self.observations.quality.usable else frozenset()
        chosen = (f for f in forms if not f.signs or len(seen & set(f.signs)) >= f.at_least)
        found = next(chosen, None)
        if found is None:
            raise ValueError(f"pack {self.pack.id} has no form of report for this film")
        return found

    def standing(self, sign: SignDefinition) -> Standing:
        """How a sign stands: absent only when it was looked for, where it lives is visible and it is unlikely."""
        observed = self.observations.sign(sign.id)
        if sign.id in self.rejected or (observed is not None and observed.reason == REJECTED):
            return "rejected"
        if self.reason(sign):
            return "unassessed"
        if observed is not None and observed.region is not None:
            return "seen"
        likely = self.pack.settings.get("supported", 0.5)
        return "equivocal" if observed is not None and observed.score >= likely else "absent"

    def reason(self, sign: SignDefinition) -> str:
        """Why a sign was not assessed: a word of the templates; empty when it was."""
        observed = self.observations.sign(sign.id)
        if sign.detector is None or observed is None:
            return NO_DETECTOR
        if not observed.ran:
            return observed.reason or UNKNOWN
        if observed.region is None and any(zone not in self.observations.zones for zone in sign.zones):
            return NOT_VISIBLE
        # What no conclusion weighs has no evidence to show for it.
        cited = self.evidence.get(sign.id)
        return UNKNOWN if observed.region is not None and (cited is None or cited.region is None) else ""

    def cited(self, signs: Iterable[str]) -> tuple[str, ...]:
        """Evidence ids of the signs."""
        return tuple(self.evidence[s].id for s in signs if s in self.evidence)

    def both(self, words: Words) -> Bilingual:
        """Say the same in both languages, each with its final stop."""
        return self.phrases.both(lambda p: p.closed(words(p)).text)

    def say(self, key: str, evidence: Iterable[str] = (), signs: Iterable[str] = (), **values: object) -> Said:
        """Make the sentence of template `key`."""
        return Said(self.both(lambda p: p.fill(key, **values)), tuple(evidence), tuple(signs))

    def diagnosis(self, finding: Finding) -> DiagnosisDefinition:
        """Definition of a finding; raises ValueError when the pack is not the one it was read with."""
        found = self.pack.diagnosis(finding.id)
        if found is None:
            raise ValueError(f"finding {finding.id} is not in pack {self.pack.id}")
        return found


def place(case: Case, sign: SignDefinition, p: Phrases) -> str:
    """Where a sign is, in few words: its own zones when it has its own, else the fields; zones together by one name."""
    names: list[str] = []
    left = own_zones(case, sign) or list(_touched(case, sign, case.pack.report.zones))
    for group in case.pack.report.places:
        if left and set(group.of) <= set(left):
            names.append(p.text(group.name))
            left = [z for z in left if z not in group.of]
    zones = (case.pack.zone(z) for z in left)
    names += [p.fill("report.zone", zone=p.text(zone.name)) for zone in zones if zone is not None]
    return p.both_of(names)


def own_zones(case: Case, sign: SignDefinition) -> list[str]:
    """The zones of its own that a sign touches; none for a sign that lives in the fields."""
    if set(sign.zones) & set(case.pack.report.zones):
        return []
    return list(_touched(case, sign, sign.zones))


def _touched(case: Case, sign: SignDefinition, zones: Iterable[str]) -> Iterator[str]:
    observed = case.observations.sign(sign.id)
    return (z for z in zones if observed is not None and z in observed.zones)


def seen_text(case: Case, sign: SignDefinition, p: Phrases) -> str:
    """Words for a sign that is there: what and where."""
    phrase, where = case.pack.report.phrases.get(sign.id), place(case, sign, p)
    if phrase is not None and phrase.seen is not None:
        words = p.text(phrase.seen)
        # Words made for the sign's own zones fit no other place.
        fits = bool(own_zones(case, sign)) or not set(sign.zones) - set(case.pack.report.zones)
        if "{place}" not in words or (where and fits):
            return words.format(place=where)
    name = p.inside(sign.name)
    return p.fill("report.seen", sign=name, place=where) if where else p.fill("report.seen.bare", sign=name)


def measured(case: Case, sign: SignDefinition, p: Phrases) -> str:
    """A sign's measurements; the one with a limit stands alone beside its limit for the view of this film."""
    observed = case.observations.sign(sign.id)
    if observed is None:
        return ""
    limited = limit(case, sign, observed)
    calibrated = case.image.geometry.calibrated
    if limited is None:
        return p.listed(p.measurement(m, calibrated) for m in observed.measurements)
    found, most = limited
    view = p.fill(f"report.view.{case.image.view}")
    return p.fill("report.limit", measure=p.measurement(found, calibrated), limit=most, view=view)


def limit(case: Case, sign: SignDefinition, observed: SignObservation) -> tuple[Measurement, float] | None:
    """The measurement that a limit decides, and the limit for the film's view; None for other signs."""
    params = sign.detector.params if sign.detector is not None else {}
    limits = params.get(_LIMIT)
    found = next((m for m in observed.measurements if m.id == params.get(_MEASURE)), None)
    if found is None or not isinstance(limits, Mapping):
        return None
    value = limits.get(case.image.view, limits.get("UNKNOWN"))
    return None if value is None else (found, float(value))
