import shutil
from pathlib import Path

import pytest

from whyray import knowledge
from whyray.domain import PackError
from whyray.knowledge import loading, parsed, reading

SHIPPED = loading.PACKS / "chest"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped pack, and a cache folder of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shutil.copytree(SHIPPED, tmp_path / "chest")
    return tmp_path / "chest"


def kept() -> list[Path]:
    cache = parsed.cache_folder()
    assert cache is not None
    return sorted(cache.glob("*"))


def test_the_second_start_parses_nothing_and_gives_the_same_pack(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = knowledge.load_pack(folder)
    assert [f.name for f in kept()] == [f"{parsed.digest(folder)}.json"]
    monkeypatch.setattr(parsed, "read_yaml", lambda *_: pytest.fail("parsed again"))
    assert knowledge.load_pack(folder) == first


def test_an_edited_pack_is_parsed_anew(folder: Path) -> None:
    knowledge.load_pack(folder)
    header = folder / "pack.yaml"
    header.write_text(header.read_text("utf-8").replace("version: ", "version: 9."), "utf-8")
    assert knowledge.load_pack(folder).version.startswith("9.")


def test_a_broken_pack_is_not_kept(folder: Path) -> None:
    (folder / "terms.yaml").write_text("a: [", "utf-8")
    with pytest.raises(PackError):
        knowledge.load_pack(folder)
    assert not kept()


@pytest.mark.parametrize("text", ["", "[1]", "{", "\x00"])
def test_a_spoilt_cache_is_as_good_as_none(folder: Path, text: str) -> None:
    first = knowledge.load_pack(folder)
    kept()[0].write_text(text, "utf-8")
    assert knowledge.load_pack(folder) == first


def test_a_cache_that_cannot_be_written_is_no_error(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, not a folder", "utf-8")
    assert knowledge.load_pack(folder).id


def test_values_that_json_would_change_are_not_kept(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("1: one\n", "utf-8")
    source = parsed.Parsed(tmp_path, tmp_path / "cache")
    assert source.read("a.yaml") == {1: "one"}
    source.keep()
    assert not (tmp_path / "cache").exists()


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    for n in range(parsed.KEPT + 3):
        (tmp_path / "a.yaml").write_text(f"n: {n}\n", "utf-8")
        source = parsed.Parsed(tmp_path, tmp_path / "cache")
        assert source.read("a.yaml") == reading.read_yaml(tmp_path / "a.yaml", "a.yaml")
        source.keep()
    assert len(list((tmp_path / "cache").glob("*.json"))) == parsed.KEPT
