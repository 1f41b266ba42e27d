"""Plain-text output for a terminal: sentences, numbered evidence, and always the research-use line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from whyray.domain import Evidence, Finding, Image, Lang, Observations, Pack, Turn
from whyray.render.entries import Entry, conclusions, entries, numbers, stance, stances
from whyray.render.layer import erased, measured, sign_name
from whyray.render.theme import Theme, load_theme
from whyray.render.wrap import columns, wrap

_WIDTH = 80
Depth = Literal["name", "place", "meaning"]
REASONED = frozenset({"WHY", "WHY_NOT"})  # intents whose sentences tell place, measure, meaning and test
_COLON = {"zh": "：", "en": ": "}
_COMMA = {"zh": "，", "en": ", "}
_STOP = {"zh": "；", "en": "; "}


def format_turn(turn: Turn, pack: Pack, lang: Lang, *, width: int = _WIDTH) -> str:
    """Return the answer as terminal text.

    Parameters
    ----------
    turn
        Its sentences come first, each with the numbers of its evidence; its items follow as a list.
    pack
        Names of signs and measures.
    lang
        Language of the fixed words and of the evidence list.
    width
        Terminal columns; an ideograph takes two.

    Returns
    -------
    str
        Lines without a final line break; the last is the research-use line.
    """
    numbered = numbers(turn.items)
    out: list[str] = []
    for sentence in turn.sentences:
        marks = "".join(f"[{n}]" for n in dict.fromkeys(numbered[e] for e in sentence.evidence if e in numbered))
        for part in (f"{sentence.text} {marks}".rstrip()).splitlines():
            out += _fold(part, "", width)
    if turn.items:
        out += [
            "",
            _head(_evidence_head(turn.items, pack, lang), lang),
            *_evidence(turn.items, pack, lang, width, depth="name" if turn.query.intent in REASONED else "place"),
        ]
    return _closed(out, lang)


def format_report(
    image: Image,
    observations: Observations,
    findings: Sequence[Finding],
    pack: Pack,
    lang: Lang,
    *,
    lines: Sequence[str] = (),
    footer: str = "",
    width: int = _WIDTH,
) -> str:
    """Return a whole reading as terminal text: film, sentences, conclusions with evidence, model.

    Parameters
    ----------
    image, observations
        The film and what was seen: size, view, warnings, quality.
    findings
        Conclusions in the order to print, the descriptive ones of `pack` under a heading of their own after the
        others; a finding's evidence is listed unless it is not supported.
    lines
        The report's own sentences in `lang`.
    footer
        Model and pack line; by default made of their ids.
    width
        Terminal columns.
    """
    theme = load_theme()
    out = _film(image, observations, theme, lang, width)
    for line in lines:
        out += _fold(line, "", width)
    descriptive = {d.id for d in pack.diagnoses if d.descriptive}
    for word, told in (
        ("impression", [f for f in findings if f.id not in descriptive]),
        ("findings", [f for f in findings if f.id in descriptive]),
    ):
        out += ["", _head(theme.words[word].get(lang), lang)] if told else []
        for finding in told:
            out += _finding(finding, pack, theme, lang, width)
    if any(finding.tier == "low" for finding in findings):
        out += ["", *_fold(theme.words["review"].get(lang), "", width)]
    words = theme.words
    model = f"{words['model'].get(lang)} {observations.model_id}"
    model += f"{_COMMA[lang]}{words['pack'].get(lang)} {pack.id} {pack.version}"
    out += ["", *_fold(footer or model, "", width)]
    return _closed(out, lang)


def _film(image: Image, observations: Observations, theme: Theme, lang: Lang, width: int) -> list[str]:
    words, geometry = theme.words, image.geometry
    facts = [f"{geometry.cols} x {geometry.rows}", f"{words['view'].get(lang)} {image.view}"]
    if geometry.spacing_mm is None:
        facts.append(words["uncalibrated"].get(lang))
    else:
        row, col = geometry.spacing_mm
        facts.append(f"{row:.3f} x {col:.3f} mm")
    if image.simulated:
        facts.append(words["simulated"].get(lang))
    head = f"{words['film'].get(lang)}{_COLON[lang]}"
    out = _fold(head + f"{image.path}{_STOP[lang]}" + _STOP[lang].join(facts), "", width)
    for notice in (*image.warnings, *observations.quality.reasons):
        out += _fold(f"{words['warning'].get(lang)}{_COLON[lang]}{notice.sentence.get(lang)}", "", width)
    return [*out, ""]


def _finding(finding: Finding, pack: Pack, theme: Theme, lang: Lang, width: int) -> list[str]:
    definition = pack.diagnosis(finding.id)
    name = definition.name.get(lang) if definition else finding.id
    tier, verdict = theme.words[finding.tier].get(lang), theme.words[finding.verdict].get(lang)
    out = _fold(f"- {name}  {finding.probability:.2f}  {verdict} ({tier})", "  ", width)
    if finding.verdict != "not_supported":
        out += [f"  {line}" for line in _evidence(finding.evidence, pack, lang, width - 2)]
    return out


def _evidence(items: Sequence[Evidence], pack: Pack, lang: Lang, width: int, *, depth: Depth = "meaning") -> list[str]:
    """Numbered items with a hanging indent, told as far as sentences above have not told them."""
    out: list[str] = []
    listed, several = entries(items), len(conclusions(items)) > 1
    margin = len(f"{len(listed)}. ")
    for number, entry in enumerate(listed, start=1):
        head, *rest = _shared(entry, pack, lang, depth) if several else _item(entry.first, pack, lang, depth)
        out += _fold(f"{number}. ".rjust(margin) + head, " " * margin, width)
        for line in rest:
            out += _fold(" " * margin + line, " " * margin, width)
    return out


def _evidence_head(items: Sequence[Evidence], pack: Pack, lang: Lang) -> str:
    """Heading of a list: it names the conclusion when all the evidence bears on one."""
    word, of = load_theme().words["evidence"].get(lang), [pack.diagnosis(i) for i in conclusions(items)]
    only = of[0] if len(of) == 1 else None
    return word if only is None else load_theme().words["about"].get(lang).format(word=word, name=only.name.get(lang))


def _shared(entry: Entry, pack: Pack, lang: Lang, depth: Depth) -> list[str]:
    """Say of a sign how sure it is and for and against which conclusions it speaks, then where and how much, once."""
    words, item = load_theme().words, entry.first
    score = f"{words['score'].get(lang)} {item.score:.2f}"
    lines = [f"{sign_name(item.sign, pack).get(lang)}  {score}", stances(entry, pack).get(lang)]
    if depth == "name":
        return lines
    tests = [erased(e.counterfactual).get(lang) for e in entry.items if e.counterfactual is not None]
    return lines + _facts(item, pack, lang) + ([_STOP[lang].join(tests)] if tests else [])


def _facts(item: Evidence, pack: Pack, lang: Lang) -> list[str]:
    """Say where it is and how much, on one line; nothing when neither is known."""
    facts = [item.location.get(lang), *(measured(m, pack).get(lang) for m in item.measurements)]
    return [_STOP[lang].join(fact for fact in facts if fact)] if any(facts) else []


def _item(item: Evidence, pack: Pack, lang: Lang, depth: Depth) -> list[str]:
    """Say what it is and how sure; where and how much; what it means; whether it survives the test."""
    words = load_theme().words
    share = f"{words['share'].get(lang)} {item.share:.0%}" if item.log_lr else words["uncounted"].get(lang)
    lines = [
        f"[{words[stance(item, pack)].get(lang)}] {sign_name(item.sign, pack).get(lang)}  "
        f"{words['score'].get(lang)} {item.score:.2f}{_COMMA[lang]}{share}"
    ]
    if depth == "name":
        return lines
    lines += _facts(item, pack, lang)
    if depth == "place":
        return lines + ([erased(item.counterfactual).get(lang)] if item.counterfactual is not None else [])
    meaning = item.significance.get(lang)
    if meaning:
        lines.append(f"{words['meaning'].get(lang)}{_COLON[lang]}{meaning}")
    grounds = [f"{words['source'].get(lang)}{_COLON[lang]}{pack.source(item.source, lang)}"] if item.source else []
    if item.rule:
        grounds.append(f"{words['rule'].get(lang)} {item.rule}")
    if item.counterfactual is not None:
        grounds.append(erased(item.counterfactual).get(lang))
    return lines + ([_STOP[lang].join(grounds)] if grounds else [])


def _head(word: str, lang: Lang) -> str:
    return f"{word}{_COLON[lang].rstrip()}"


def _fold(text: str, indent: str, width: int) -> list[str]:
    """Wrap one paragraph; its own leading blanks stay, further lines start with `indent`."""
    lead = text[: len(text) - len(text.lstrip(" "))]
    body = wrap(text, max(8, width - max(len(lead), len(indent))), columns)
    return [(lead if i == 0 else indent) + line for i, line in enumerate(body)]


def _closed(lines: list[str], lang: Lang) -> str:
    """Lines that end with the research-use line; an answer that ends with it already is not told twice."""
    research = load_theme().words["research"].get(lang)
    if lines and lines[-1].startswith(research):
        return "\n".join(lines)
    return "\n".join([*(line for line in lines if not line.startswith(research)), "", research])
