"""Word order that tells what is asked, whatever the words: patterns over the normalised text and its hits."""

from __future__ import annotations

import re
from itertools import pairwise

from whyray.dialogue.lexicon import Scan

_REST = r"[^,;.?!，；。？！]"
_NOT_EN = r"(?:n't|nt|\bnot|\bno|\bnever|\bcannot|\bfail(?:ed|s)? to|\bhard to|\bunable to|\bstruggle to)"
_GRASP_EN = (
    r"(?:get|see|understand|follow|know|grasp|fathom|figure|figured|sure|clear|certain|remember|recall|obvious"
    r"|comprehend|appreciate|work out)"
)
_ASKED_EN = r"(?:why|how|what|which|reason|reasoning|basis|logic|grounds)"
# "I don't see why it is pneumonia": what is not seen is the reason.
_PUZZLED = re.compile(
    rf"{_NOT_EN} {_REST}{{0,12}}\b{_GRASP_EN}\b{_REST}{{0,24}}\b{_ASKED_EN}\b"
    rf"|[不没](?:太|大|怎么|是很|很)?(?:能|会)?(?:看|想|弄|搞)?(?:明白|懂|理解|清楚|知道|解|通|出来)(?={_REST})"
)
# "The consultant does not believe that it is tuberculosis": somebody doubts it, and asks to be convinced.
_DOUBT = re.compile(
    rf"{_NOT_EN} (?:quite |really |entirely |at all )?(?:believe|believes|buy|buying|convinced|persuaded|agree)\b"
    r"|(?:不|没)(?:太|大|肯|敢|愿|愿意)?(?:相信|信服|信|认可|同意|服气|服)|质疑|怀疑"
)
# "... when the patient never smoked" gives circumstances: its negation denies no diagnosis.
_SCOPE = re.compile(
    r"[,;.?!，；。？！、\n]| (?=(?:when|although|though|even though|despite|whereas|given that|considering)\b)"
)
_INFERRED = re.compile(
    rf"(?:从|由|凭|靠|根据|基于|依据|据){_REST}{{0,16}}?(?:推[断导论测]?|得出|断定|判定|认定|看出|判断|诊断|下结论)"
    rf"|\b(?:deduced?|inferred|infer|derived?|concluded?|gathered|arrived at){_REST}{{0,24}}\bfrom\b"
    rf"|\bfrom (?:which|what){_REST}{{0,40}}\b(?:deduced?|inferr?e?d?|derived?|concluded?|gathered|arrive)\b"
)
_READER = r"(?:you|your|us|the reader)"
_MOVED = re.compile(
    rf"\bwhat(?! about)(?: \w+)? \w+(?:ed|s|t) {_READER} (?:to|towards?|into|for|on)\b"
    rf"|\b(?:that|which) (?:\w+ed|led|took|brought|drew|got|drove|sent) {_READER} (?:to|towards?|into|on)\b"
)
# "No, it is on the left": an answer that objects.
_OBJECTED = re.compile(r"^(?:no|nope|nah|wrong|rubbish|不|不对|错|错了|瞎说|胡说)[,.;] ?(?=\S)")
_OVER = re.compile(
    r" (?:over|against|versus|vs|v|in preference to|ahead of|as opposed to|set against|or rather|or more)"
    r" (?:a |an |the )?"
    r"|还是|抑或|vs|对比|相对于"
)
_AND = re.compile(r" (?:and|from|to|with) (?:a |an |the )?|[和与跟同及、/]| ?[,/&] ?")
_LIKENED = re.compile(
    r"(?:一样|似的|样|状)的?(?:东西|改变|结构|影|玩意)|\b(?:like|shaped) (?:thing|structure|shadow|line)"
)
_NAMED = ("diagnosis", "sign")


def scopes(text: str) -> list[int]:
    """Return where the clauses end that a negation reaches over: punctuation and words that begin circumstances."""
    return [m.start() for m in _SCOPE.finditer(text)] + [len(text)]


def idle(text: str) -> tuple[tuple[int, int], ...]:
    """Return the spans whose negation denies no finding: what is not understood, what somebody doubts."""
    return tuple(m.span() for pattern in (_PUZZLED, _DOUBT) for m in pattern.finditer(text))


def structures(scan: Scan) -> frozenset[str]:
    """Return the features of the word order.

    ``inferred``: from something a conclusion is drawn; ``moved``: what moved the reader to a conclusion; ``versus``
    and ``paired``: two names set against each other, or joined; ``objected``: it begins with "no"; ``likened``:
    something is like a thing; ``device`` and ``noun``: a tube or line, and the word for a lesion, is named.
    """
    names = [h for h in scan.hits if h.kind in _NAMED]
    between = [scan.text[a.end : b.start] for a, b in pairwise(names) if a.values != b.values]
    devices = {v for h in scan.details if h.kind == "device" for v in h.values}
    found = (
        ("inferred", bool(_INFERRED.search(scan.text))),
        ("moved", bool(_MOVED.search(scan.text))),
        ("versus", any(_OVER.fullmatch(text) for text in between)),
        ("paired", any(_AND.fullmatch(text) for text in between)),
        ("objected", bool(_OBJECTED.search(scan.text))),
        ("likened", bool(_LIKENED.search(scan.text))),
        ("device", bool(devices)),
        ("noun", any("noun" in h.values for h in scan.details)),
    )
    return frozenset(name for name, holds in found if holds)
