"""The command line as a user runs it: real processes, exit codes, one line an error, schema-valid JSON."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

import badinputs
import whyray
from whyray.service import schema

DEMO = Path(whyray.__file__).parent / "demo" / "edema.dcm"
COMMAND = [sys.executable, "-c", "from whyray.shells.cli import main; main()"]


def run(*args: object, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, args)], capture_output=True, text=True, input=stdin, check=False, timeout=120
    )


def validate(document: dict[str, object]) -> None:
    name = "report" if document["schema"] == "whyray.report/1" else "turn"
    jsonschema.validate(document, schema(name), cls=jsonschema.Draft202012Validator)


def test_ask_json_is_valid_and_located(tmp_path: Path) -> None:
    done = run("ask", DEMO, "为什么判断为肺水肿？", "--json", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    turn = json.loads(done.stdout)
    validate(turn)
    assert turn["query"]["intent"] == "WHY"
    assert turn["image"]["simulated"] is True
    carrying = [i for i in turn["items"] if i["polarity"] == "for"]
    assert carrying
    assert all(i["counterfactual"] is not None for i in carrying[:3])
    assert Path(turn["overlay"]).read_bytes().startswith(b"\x89PNG")


def test_answer_speaks_the_language_asked_for() -> None:
    english = run("ask", DEMO, "why edema?").stdout
    assert "SIMULATED" in english.upper()
    assert "Research use" in english
    forced = run("ask", DEMO, "why edema?", "--lang", "zh").stdout
    assert "模拟" in forced
    assert "仅供研究" in forced


def test_prompt_goes_on_until_end_of_input() -> None:
    done = run("ask", DEMO, "--json", stdin="为什么判断为肺水肿？\n\nwhy not pneumothorax?\n")
    assert done.returncode == 0, done.stderr
    turns = [json.loads(line) for line in done.stdout.splitlines()]
    assert [t["turn"] for t in turns] == [1, 2]
    assert [t["query"]["intent"] for t in turns] == ["WHY", "WHY_NOT"]
    assert turns[0]["session"] == turns[1]["session"]
    for turn in turns:
        validate(turn)


def test_folder_prints_one_object_a_line_and_survives_a_bad_film(tmp_path: Path) -> None:
    shutil.copy(DEMO, tmp_path / "a.dcm")
    (tmp_path / "b.png").write_bytes(b"")
    shutil.copy(DEMO, tmp_path / "c.dcm")
    done = run("read", tmp_path, "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 3
    assert [line["schema"] for line in lines] == ["whyray.report/1", "whyray.error/1", "whyray.report/1"]
    validate(lines[0])
    assert len(done.stderr.strip().splitlines()) == 1


def test_unknown_session_and_empty_question_are_argument_errors() -> None:
    for args in (("--session", "nope", DEMO, "why edema?"), (DEMO, "  ")):
        done = run("ask", *args)
        assert done.returncode == 2
        assert len(done.stderr.strip().splitlines()) == 1
        assert done.stdout == ""


def test_kb_commands() -> None:
    assert run("kb", "check").returncode == 0
    assert "C0034063" in run("kb", "show", "pulmonary_edema", "--lang", "en").stdout
    unknown = run("kb", "show", "no_such_thing")
    assert unknown.returncode == 2
    assert unknown.stderr.startswith("ID_UNKNOWN")


def test_kb_check_is_clean() -> None:
    assert run("kb", "check").stdout.strip().endswith("0 errors, 0 warnings")


def test_kb_search_speaks_both_languages_and_fails_on_nothing() -> None:
    for words in (("Kerley", "B"), ("克氏B线",), ("kerly b line",)):
        assert "kerley_b_lines" in run("kb", "search", *words, "--lang", "en").stdout.splitlines()[0]
    rows = json.loads(run("kb", "search", "肺水腫", "--json").stdout)
    assert rows[0]["id"] == "pulmonary_edema"
    assert run("kb", "search", "qwertyuiop").returncode == 1


def test_kb_stats_counts() -> None:
    text = run("kb", "stats").stdout
    assert "  signs: 217\n" in text
    assert "  share_bilingual: 100.0 %\n" in text
    assert "  pulmonary_edema: 27 pathways, 6 core_signs, 19 variants" in text
    (numbers,) = json.loads(run("kb", "stats", "--json").stdout).values()
    assert numbers["signs_undetected"] == numbers["signs"] - numbers["signs_detected"]


def test_kb_export_prints_or_writes(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "kb.json"
    done = run("kb", "export", "--format", "fhir", "--out", file)
    assert (done.returncode, done.stdout.strip()) == (0, str(file))
    assert json.loads(file.read_text("utf-8"))["resourceType"] == "Bundle"
    assert run("kb", "export", "--format", "ttl").stdout.startswith("@prefix skos:")
    assert run("kb", "export", "--format", "pdf").returncode == 2
    assert run("kb", "export", "--pack", "nope").stderr.startswith("PACK_UNKNOWN")
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert run("kb", "export", "--out", blocked / "kb.json").stderr.startswith("OUTPUT_UNWRITABLE")


def test_info_and_doctor() -> None:
    assert Path(run("info", "demo").stdout.strip()) == DEMO
    assert "research use" in run("info").stdout
    assert run("doctor").stdout.strip().endswith("ready")


def test_altered_model_is_refused(tmp_path: Path) -> None:
    shipped = Path(run("info", "model").stdout.strip())
    folder = next(p for p in shipped.iterdir() if p.is_dir())
    copied = shutil.copytree(folder, tmp_path / "model")
    with (copied / "model.onnx").open("r+b") as handle:
        handle.seek(1000)
        handle.write(b"\0\0\0\0")
    done = run("ask", DEMO, "why edema?", "--model", copied)
    assert done.returncode == 1
    assert done.stderr.startswith("MODEL_ALTERED")


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_bad_input_ends_in_one_line(tmp_path: Path, lang: str) -> None:
    """In one process, through the command's own error path: forty cold starts would take minutes."""
    from typer.testing import CliRunner

    from whyray.shells.cli.app import app

    inputs = badinputs.build(tmp_path)
    assert len(inputs) >= 40
    runner = CliRunner()
    for bad in inputs:
        result = runner.invoke(app, ["ask", str(bad.path), "why edema?", "--lang", lang])
        line = result.stderr.strip()
        assert (result.exit_code, line.split(":")[0]) == (bad.expected_exit, bad.expected_code), (bad.kind, line)
        assert len(line.splitlines()) == 1, bad.kind
        assert result.stdout == "", bad.kind
