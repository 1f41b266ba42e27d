from pathlib import Path

import pytest

from badinputs import BadInput, build, encoded, film8
from whyray.domain import ArgumentError, WhyrayError
from whyray.imaging import load


@pytest.fixture(scope="module")
def bad_inputs(tmp_path_factory: pytest.TempPathFactory) -> list[BadInput]:
    return build(tmp_path_factory.mktemp("bad"))


def refusal(source: Path | bytes, name: str | None = None) -> WhyrayError:
    with pytest.raises(WhyrayError) as caught:
        load(source, name=name)
    return caught.value


def test_there_are_many(bad_inputs: list[BadInput]) -> None:
    assert len(bad_inputs) >= 70


def test_each_ends_with_its_code_exit_and_one_line(bad_inputs: list[BadInput], capfd) -> None:
    wrong = []
    for bad in bad_inputs:
        error = refusal(bad.path)
        if (error.code, error.exit_code) != (bad.expected_code, bad.expected_exit):
            wrong.append((bad.kind, bad.expected_code, error.code))
        for lang in ("zh", "en"):
            line = error.line(lang)
            assert line.startswith(f"{error.code}: ")
            assert "\n" not in line
            assert "{" not in line
        assert error.line("zh") != error.line("en")
    assert wrong == []
    captured = capfd.readouterr()
    assert captured.err == ""
    assert captured.out == ""


def test_bytes_give_the_same_refusal_as_the_file(bad_inputs: list[BadInput]) -> None:
    for bad in bad_inputs:
        if bad.expected_exit == 3:
            assert refusal(bad.path.read_bytes(), bad.path.name).code == bad.expected_code


def test_no_permission_is_an_argument_error(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "film.png"
    path.write_bytes(encoded(film8()))

    def deny(*args: object) -> None:
        raise PermissionError(13, "denied")

    monkeypatch.setattr("whyray.imaging.source.open", deny, raising=False)
    with pytest.raises(ArgumentError, match="NO_PERMISSION"):
        load(path)


@pytest.mark.parametrize("path", ["", "nul\0byte.png", "x" * 5000, "/dev/null"])
def test_odd_paths_are_argument_errors(path: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        load(path)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("spacing", [0, -1, float("nan"), float("inf"), 99, (0.1,), (0.1, 0.2, 0.3), "x", (0.1, "y")])
def test_impossible_spacing_is_an_argument_error(spacing: object) -> None:
    with pytest.raises(ArgumentError, match="SPACING_INVALID"):
        load(encoded(film8()), spacing_mm=spacing)
