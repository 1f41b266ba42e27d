"""``python benchmarks/turns.py [FILM]``: how long the turns of a conversation about a film once read take.

Prints, for each intent, the median of a turn without its closer look and without the counterfactual test, and the
medians of these two where they happen. Every round is a new conversation; the film is read before the clock starts.
"""

from __future__ import annotations

import argparse
import statistics
from collections import defaultdict
from pathlib import Path

from whyray.service import Reader

QUESTIONS = (
    "有结节吗？",
    "这个结节边缘是否光滑？周围有没有毛刺征？",
    "离肺门多远？",
    "早期肺癌的典型表现，符合几条？",
    "结节和肺癌怎么区分？",
    "它在哪里？",
    "肺部是否有异常？",
    "为什么判断为肺结节？",
    "为什么不是肺水肿？",
    "写一份报告",
    "这不是结节",
    "恢复结节",
)


def main() -> None:
    """Holds the conversations and prints the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("film", type=Path, nargs="?")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    reader = Reader()
    film = options.film or reader.places()["demo"].parent / "nodule.dcm"
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    reader.read(film)
    for number in range(options.rounds + 1):
        reader.forget_tests()
        session = reader.open(film)
        for question in QUESTIONS:
            timing = reader.ask(session.id, question)
            if number:
                spent = timing.timing_ms
                look, test = spent["closer_look"], spent["counterfactual"]
                rows = found[timing.query.intent]
                rows["turn"].append(spent["total"] - look - test)
                rows["closer look"].append(look)
                rows["counterfactual"].append(test)
    for intent, rows in found.items():
        told = ", ".join(f"{name} {statistics.median(values):.0f} ms" for name, values in rows.items())
        print(f"{intent:12} {told}")


if __name__ == "__main__":
    main()
