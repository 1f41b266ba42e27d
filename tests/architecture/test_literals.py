from collections.abc import Iterator
from pathlib import Path

import pytest

from architecture.house import MODULES, literals, name
from whyray import knowledge


def pack_ids() -> Iterator[str]:
    for pack in knowledge.load_packs():
        yield pack.id
        yield from (s.id for s in pack.signs)
        yield from (d.id for d in pack.diagnoses)


IDS = frozenset(pack_ids())


def test_there_are_ids_to_look_for() -> None:
    assert len(IDS) > 40


def test_the_finder_sees_a_literal_and_leaves_docstrings_alone(tmp_path: Path) -> None:
    file = tmp_path / "m.py"
    file.write_text('"""chest"""\n\ndef f():\n    "chest"\n    return ["chest", f"a{1}chest"]\n', "utf-8")
    assert literals(file) == [(5, "chest"), (5, "a"), (5, "chest")]


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_no_pack_sign_or_finding_is_named_in_code(path: Path) -> None:
    named = [(line, text) for line, text in literals(path) if text in IDS]
    assert not named, f"{name(path)}: {named}"
