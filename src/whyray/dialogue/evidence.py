"""Evidence in words: what speaks for, against, what was not found, and what could not be looked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import log

from whyray.dialogue import sources
from whyray.dialogue.draft import Draft, Film
from whyray.domain import DiagnosisDefinition, Evidence, Finding, SignDefinition

# Forms of an answer that tell each reason in three labelled parts.
PARTED = frozenset({"attribution", "three_part"})
# An answer names this many of the signs that nothing detects and counts the rest.
MOST_NAMED = 8


@dataclass(frozen=True, eq=False, slots=True)
class Sorted:
    """A finding's evidence by what may be said of it, each part by decreasing share.

    Attributes
    ----------
    pro, contra
        Located signs and learned patterns that raise / lower the probability.
    absent
        Signs looked for and not found.
    unlocated
        Scores without a region: counted, never named.
    """

    pro: tuple[Evidence, ...]
    contra: tuple[Evidence, ...]
    absent: tuple[Evidence, ...]
    unlocated: tuple[Evidence, ...]


def sort_evidence(film: Film, finding: Finding) -> Sorted:
    """Split the evidence; a learned pattern counts by how it moves the odds, whatever its region.

    A sign that the doctor struck out is no evidence.
    """
    pro: list[Evidence] = []
    contra: list[Evidence] = []
    absent: list[Evidence] = []
    unlocated: list[Evidence] = []
    kept = (e for e in finding.evidence if e.sign not in film.context.rejected)
    for item in sorted(kept, key=lambda e: -e.share):
        learned = is_learned(film, item)
        if learned or item.region is not None:
            raises = item.log_lr >= 0 if learned or item.polarity == "absent" else item.polarity == "for"
            (pro if raises else contra).append(item)
        elif item.polarity == "absent":
            absent.append(item)
        else:
            unlocated.append(item)
    return Sorted(tuple(pro), tuple(contra), tuple(absent), tuple(unlocated))


def is_learned(film: Film, item: Evidence) -> bool:
    """Tell whether it is a network pattern and no sign of its own."""
    return sign_of(film, item).learned


def sign_of(film: Film, item: Evidence) -> SignDefinition:
    """Return an evidence's sign; raises ValueError when the pack is not the one it was read with."""
    found = film.pack.sign(item.sign)
    if found is None:
        raise ValueError(f"sign {item.sign} is not in pack {film.pack.id}")
    return found


def say_items(draft: Draft, finding: Finding, items: Iterable[Evidence], heading: str) -> None:
    """Say a heading and one numbered line an evidence; nothing at all without evidence.

    Evidence whose reasons an earlier question of the same text was answered with is only named.
    """
    items = tuple(items)
    known, fresh = [e for e in items if e.id in draft.told], [e for e in items if e.id not in draft.told]
    if items:
        draft.say(heading)
    words = _parts if draft.film.query.form in PARTED else _line
    for number, item in enumerate(fresh, 1):
        line = words(draft.film, finding, item)
        text = draft.film.phrases.fill("numbered", n=number, text=line[:1].upper() + line[1:])
        draft.add(text, finding, (item,))
        draft.told.add(item.id)
    if known:
        draft.add(draft.film.phrases.fill("above", names=brief(draft.film, known)), finding, tuple(known))


def brief(film: Film, items: Iterable[Evidence]) -> str:
    """Name evidence with its place and share."""
    p = film.phrases
    named = []
    for item in items:
        learned = is_learned(film, item)
        name = p.fill("short.pattern") if learned else p.inside(sign_of(film, item).name)
        inside = p.also((p.text(item.location), p.fill("short.share", share=p.percent(item.share))))
        named.append(p.beside(name, inside))
    return p.listed(named)


def _line(film: Film, finding: Finding, item: Evidence) -> str:
    p = film.phrases
    share, place = p.percent(item.share), p.text(item.location)
    if is_learned(film, item):
        return _learned(film, finding, item)
    significance = p.inside(item.significance)
    lead = p.lead(
        (
            p.fill("item.sign", sign=p.inside(sign_of(film, item).name)),
            p.fill("item.place", place=place) if place else "",
            p.listed(p.measurement(m, film.calibrated) for m in item.measurements),
        )
    )
    return p.join(
        (
            lead,
            p.fill("item.score", score=item.score, share=share),
            sources.pathway(film, item),
            p.fill("item.significance", text=significance) if significance else "",
            _tested(film, finding, item),
        )
    )


def _learned(film: Film, finding: Finding, item: Evidence) -> str:
    p = film.phrases
    place = p.text(item.location) if item.region is not None else ""
    lead = p.fill("item.learned", score=item.score, share=p.percent(item.share))
    where = p.fill("item.learned.place", place=place) if place else ""
    return p.join((lead, where, _tested(film, finding, item)))


def _parts(film: Film, finding: Finding, item: Evidence) -> str:
    """One evidence as imaging finding, anatomical location and clinical significance, then what it stands on."""
    if is_learned(film, item):
        return _learned(film, finding, item)
    p = film.phrases
    seen = p.lead(
        (
            p.inside(sign_of(film, item).name),
            p.listed(p.measurement(m, film.calibrated) for m in item.measurements),
            p.fill("item.score", score=item.score, share=p.percent(item.share)),
        )
    )
    return p.join(
        (
            p.fill("part.seen", text=seen),
            p.fill("part.place", text=p.text(item.location) or p.fill("part.unplaced")),
            p.fill("part.means", text=p.inside(item.significance) or p.fill("part.unsaid")),
            sources.pathway(film, item),
            _tested(film, finding, item),
        )
    )


def _tested(film: Film, finding: Finding, item: Evidence) -> str:
    """Probability before and after erasing the region: after = before - drop."""
    if item.counterfactual is None:
        return ""
    after = min(1.0, max(0.0, finding.probability - item.counterfactual.drop))
    key = "item.passed" if item.counterfactual.passed else "item.failed"
    return film.phrases.fill(key, name=film.name(finding), **film.phrases.change(finding.probability, after))


def say_unlocated(draft: Draft, finding: Finding, items: tuple[Evidence, ...]) -> None:
    """Count the scores that no region carries."""
    if items:
        p = draft.film.phrases
        share = p.percent(sum(e.share for e in items))
        draft.add(p.fill("unlocated", n=len(items), share=share), finding, items)


def say_absent(draft: Draft, finding: Finding, items: tuple[Evidence, ...]) -> None:
    """Say what was looked for and not found, all together, and what that does to the probability.

    A sign that is as likely there as not is not called absent.
    """
    film = draft.film
    equivocal = tuple(e for e in items if is_equivocal(film, e))
    parts: dict[str, list[Evidence]] = {"lower": [], "raise": [], "open": []}
    below: dict[str, list[Evidence]] = {"lower": [], "raise": []}
    for item in (e for e in items if e not in equivocal):
        key = "raise" if item.log_lr > 0 else "lower"
        if item.log_lr and is_between(film, finding, item):
            below[key].append(item)
        else:
            parts[key if item.log_lr else "open"].append(item)
    _say_missing(draft, finding, {key: group for key, group in parts.items() if group})
    for key, group in below.items():
        if group:
            draft.add(_weighed(film, finding, group, f"absent.below.{key}"), finding, tuple(group))
    for key in ("lower", "raise"):
        some = [e for e in equivocal if (e.log_lr > 0) == (key == "raise")]
        if some:
            weight = _weighed(draft.film, finding, some, f"absent.score.{key}") if any(e.log_lr for e in some) else ""
            text = draft.film.phrases.join((_named(draft.film, some, "report.equivocal"), weight))
            draft.add(text, finding, tuple(some))


def is_between(film: Film, finding: Finding, item: Evidence) -> bool:
    """Tell whether the score of a sign without a region moves the odds another way than its absence would.

    A rare sign with a large ratio does so at a low score already; it is then weighed by its score and not by absence.
    """
    weight = sources.weight_of(film, finding, item)
    return weight is not None and item.region is None and (item.log_lr > 0) != (weight.lr_absent > 1)


def is_equivocal(film: Film, item: Evidence) -> bool:
    """Tell whether a sign without a region is as likely there as not: the reports call it neither."""
    return item.region is None and not is_learned(film, item) and item.score >= film.pack.settings.get("supported", 0.5)


def _say_missing(draft: Draft, finding: Finding, parts: dict[str, list[Evidence]]) -> None:
    """Name all signs that are not there in one sentence, then what the absence of each group does."""
    film, items = draft.film, tuple(e for group in parts.values() for e in group)
    if len(parts) == 1:
        key = next(iter(parts))
        draft.add(_weighed(film, finding, items, f"absent.{key}"), finding, items)
    elif parts:
        told = (_weighed(film, finding, group, f"absent.part.{key}") for key, group in parts.items())
        draft.add(film.phrases.join((_named(film, items, "absent.all"), *told)), finding, items)


def _named(film: Film, items: Iterable[Evidence], key: str) -> str:
    return film.phrases.fill(key, signs=film.phrases.listed(film.phrases.inside(sign_of(film, e).name) for e in items))


def _weighed(film: Film, finding: Finding, items: Iterable[Evidence], key: str) -> str:
    """Fill a template with the names of signs and what they weigh together."""
    p, items = film.phrases, tuple(items)
    names = p.listed(p.inside(sign_of(film, e).name) for e in items)
    return p.fill(key, signs=names, share=p.percent(sum(e.share for e in items)), name=film.name(finding))


def say_grounds(draft: Draft, finding: Finding, items: Iterable[Evidence]) -> None:
    """Say what each evidence stands on: likelihood ratio, basis of its pathway, source; each evidence once."""
    film, p = draft.film, draft.film.phrases
    weighed = (e for e in items if e.log_lr or e.region is not None)
    named = [e for e in weighed if not is_learned(film, e) and e.id not in draft.grounded]
    told = (
        (e, sources.grounds(film, finding, e, between=is_equivocal(film, e) or is_between(film, finding, e)))
        for e in named
    )
    lines = [(e, clauses) for e, clauses in told if clauses]
    if lines:
        draft.say("head.grounds")
    for item, clauses in lines:
        sign = p.inside(sign_of(film, item).name)
        between = "below" if is_between(film, finding, item) else "absent"
        key = "equivocal" if is_equivocal(film, item) else between
        name = p.fill(f"ground.{key}", sign=sign) if item.polarity == "absent" else sign
        text = p.fill("ground", sign=name[:1].upper() + name[1:], text=p.join(clauses))
        draft.add(text, finding, (item,))
        draft.grounded.add(item.id)


def say_unseen(draft: Draft, diagnosis: DiagnosisDefinition | None, told: Iterable[Evidence]) -> None:
    """Name signs of the diagnosis (of the pack when it weighs none) that were not looked for, by reason."""
    film, p = draft.film, draft.film.phrases
    weighed = _by_weight(diagnosis) if diagnosis else []
    known = {e.sign for e in told} - film.context.rejected
    ordered = [s for s in map(film.pack.sign, weighed) if s is not None] or film.pack.signs
    wanted = [s for s in ordered if not s.learned and s.id not in known]
    struck, undetected, groups = [], [], dict[str, list[str]]()
    for sign in wanted:
        seen = film.seen(sign.id)
        if sign.id in film.context.rejected:
            struck.append(p.inside(sign.name))
        elif sign.detector is None:
            undetected.append(p.inside(sign.name))
        elif seen is None or not seen.ran:
            groups.setdefault((seen.reason if seen else None) or "", []).append(p.inside(sign.name))
    if struck:
        draft.say("struck", signs=p.listed(struck))
    if len(undetected) > MOST_NAMED:
        draft.say("undetected.many", n=len(undetected), signs=p.listed(undetected[:MOST_NAMED]))
    elif undetected:
        draft.say("undetected", signs=p.listed(undetected))
    for reason, names in groups.items():
        why = _reason(film, reason)
        draft.say("not_run.reason" if why else "not_run", signs=p.listed(names), reason=why)


def _by_weight(diagnosis: DiagnosisDefinition) -> list[str]:
    """Order the signs of a diagnosis: core signs first, then by what finding them would change."""
    weighed = {w.sign: abs(log(w.lr_present)) * w.reliability for w in diagnosis.weights}
    return sorted(weighed, key=lambda s: (s not in diagnosis.core_signs, -weighed[s]))


def _reason(film: Film, reason: str) -> str:
    """Words for the code of a sign that did not run; empty when the pack has none."""
    key = f"reason.{reason}"
    return film.phrases.text(film.phrases.fill(key)) if film.phrases.has(key) else ""


def say_asked_signs(draft: Draft, finding: Finding, *, seen_too: bool) -> None:
    """Say of each sign that the question names whether it was seen, not found or not looked for."""
    film, p = draft.film, draft.film.phrases
    asked = dict.fromkeys(v for h in film.parse.hits if h.kind == "sign" and len(h.values) == 1 for v in h.values)
    for sign in (s for s in film.pack.signs if s.id in asked):
        name, seen = p.inside(sign.name), film.observations.sign(sign.id)
        item = next((e for e in finding.evidence if e.sign == sign.id), None)
        if sign.id in film.context.rejected:
            draft.say("asked.rejected", sign=name)
        elif sign.detector is None:
            draft.say("asked.undetected", sign=name)
        elif seen is None or not seen.ran:
            draft.say("asked.not_run", sign=name)
        elif item is not None and item.polarity == "absent":
            key = "asked.equivocal" if is_equivocal(film, item) else "asked.absent"
            draft.add(p.fill(key, sign=name), finding, (item,))
        elif item is not None and item.region is not None and seen_too:
            place = p.text(item.location)
            key = "asked.present.place" if place else "asked.present"
            draft.add(p.fill(key, sign=name, place=place), finding, (item,))
