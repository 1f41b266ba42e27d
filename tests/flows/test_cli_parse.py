"""``whyray parse``: questions in, JSON lines out; no film, no model."""

from __future__ import annotations

import json
import subprocess
import sys

COMMAND = [sys.executable, "-c", "from whyray.shells.cli import main; main()", "parse"]
KEYS = {"text", "lang", "intent", "target", "targets", "anchors", "places", "aspects", "signs", "form", "parts"}


def run(*args: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *args], capture_output=True, text=True, input=stdin, check=False, timeout=120)


def test_a_question() -> None:
    done = run("where is it and is the margin smooth?")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert set(document) >= KEYS
    assert (document["intent"], document["target"]) == ("LOCATE", None)
    assert [(p["intent"], p["aspects"]) for p in document["parts"]] == [("DESCRIBE", ["margin"])]
    assert "explain" not in document


def test_lines_of_standard_input_and_an_empty_one() -> None:
    done = run("-", stdin="为什么判断为肺水肿？\n\n  \nwhy not PTX?\n")
    assert done.returncode == 2
    read = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(d["intent"], d["target"]) for d in read] == [("WHY", "pulmonary_edema"), ("WHY_NOT", "pneumothorax")]
    errors = done.stderr.splitlines()
    assert len(errors) == 2
    assert all(line.startswith("QUESTION_EMPTY") for line in errors)


def test_how_it_was_read_is_shown() -> None:
    done = run("肺水种的依据", "--explain-parse")
    shown = json.loads(done.stdout)["explain"]
    assert {"typed": "肺水种", "read_as": "肺水肿"} in shown["corrections"]
    assert {"surface": "肺水肿", "kind": "diagnosis", "values": ["pulmonary_edema"]} in shown["hits"]
    assert shown["rule"].endswith("-> WHY")
    assert {"basis", "target"} <= set(shown["features"])
