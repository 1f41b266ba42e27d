"""``whyray chat``, ``replay`` and ``report`` as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows.test_cli import DEMO, run, validate

TWIN = DEMO.with_name("healthy_twin.dcm")
STEPS = (
    "肺部是否有异常？",
    "Why edema?",
    ":box 300,200,420,320",
    "离肺门多远？",
    f":open {TWIN}",
    "有肺水肿吗？",
    ":anchors",
    ":help",
    ":quit",
    "never asked",
)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A conversation of six steps, written down."""
    file = tmp_path_factory.mktemp("talk") / "deep" / "talk.jsonl"
    done = run("chat", DEMO, "--json", "--lang", "zh", "--log", file, stdin="\n".join(STEPS))
    assert done.returncode == 0, done.stderr
    turns = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [t["query"]["intent"] for t in turns] == ["SCREEN", "WHY", "LOCATE", "MEASURE", "SCREEN"]
    for turn in turns:
        validate(turn)
    return file


def test_a_logged_conversation_plays_again_the_same(log: Path) -> None:
    done = run("replay", log)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "5 of 5 turns the same")


def test_a_changed_log_is_told_apart(log: Path, tmp_path: Path) -> None:
    lines = log.read_text("utf-8").splitlines()
    entry = json.loads(lines[2])
    entry["turn"]["text"] = "all well"
    other = tmp_path / "other.jsonl"
    other.write_text("\n".join([*lines[:2], json.dumps(entry), *lines[3:]]), "utf-8")
    done = run("replay", other)
    assert done.returncode == 1
    assert "turn 2: text differ" in done.stdout
    assert done.stdout.splitlines()[-1] == "4 of 5 turns the same"


@pytest.mark.parametrize("text", ["", "{}", "not json", '{"schema": "whyray.log/1"}', "[]\n[]"])
def test_a_broken_log_is_one_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "log.jsonl"
    file.write_text(text, "utf-8")
    done = run("replay", file)
    assert done.returncode == 2
    assert done.stderr.startswith("LOG_UNREADABLE: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_log_of_another_film_is_refused(log: Path, tmp_path: Path) -> None:
    lines = log.read_text("utf-8").splitlines()
    head = json.loads(lines[0])
    head["open"]["sha256"] = "0" * 64
    file = tmp_path / "log.jsonl"
    file.write_text("\n".join([json.dumps(head), *lines[1:]]), "utf-8")
    done = run("replay", file)
    assert (done.returncode, done.stderr.split(":")[0]) == (2, "LOG_FILM_CHANGED")


def test_errors_at_the_prompt_do_not_end_it(tmp_path: Path) -> None:
    said = "A9 多大？\n:box a,b\n:box -5,0,3,3\n:fly\n:open nothing.dcm\n有肺水肿吗？\n"
    done = run("chat", DEMO, "--json", "--lang", "zh", stdin=said)
    assert done.returncode == 0
    codes = [line.split(":")[0] for line in done.stderr.splitlines()]
    assert codes[:4] == ["ANCHOR_UNKNOWN", "BOX_UNREADABLE", "BOX_OUTSIDE", "COMMAND_UNKNOWN"]
    assert len(codes) == 5
    assert len(done.stdout.splitlines()) == 1


def test_a_question_about_a_box(tmp_path: Path) -> None:
    done = run("ask", DEMO, "这里多大？", "--box", "300,200,420,320", "--json", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    turn = json.loads(done.stdout)
    validate(turn)
    assert turn["query"]["anchors"] == ["A1"]
    assert Path(turn["overlay"]).is_file()


@pytest.mark.parametrize(
    ("form", "start"), [("text", ""), ("markdown", "#"), ("html", "<!DOCTYPE html>"), ("pdf", "%PDF-")]
)
def test_a_report_goes_to_a_file_in_every_form(tmp_path: Path, form: str, start: str) -> None:
    file = tmp_path / f"report.{form}"
    done = run("report", DEMO, "--format", form, "--out", file, "--lang", "zh", "--prior", TWIN)
    assert (done.returncode, done.stdout.strip()) == (0, str(file)), done.stderr
    assert file.read_bytes().decode("latin-1").startswith(start)
    assert file.stat().st_size > 500


def test_a_report_with_a_doctors_sentence(tmp_path: Path) -> None:
    edits = tmp_path / "edits.json"
    row = {
        "sentence": "S1",
        "zh": "双肺清晰。",
        "en": "The lungs are clear.",
        "who": "Dr Li",
        "when": "2026-01-02T03:04:05Z",
    }
    edits.write_text(json.dumps([row]), "utf-8")
    done = run("report", DEMO, "--edits", edits, "--lang", "en")
    assert done.returncode == 0, done.stderr
    assert "The lungs are clear." in done.stdout
    assert "Dr Li" in done.stdout
    for broken in ("{", "[1]", '[{"sentence": "S1"}]'):
        edits.write_text(broken, "utf-8")
        wrong = run("report", DEMO, "--edits", edits)
        assert (wrong.returncode, wrong.stderr.split(":")[0]) == (2, "EDITS_UNREADABLE")
