import ast
import re
from pathlib import Path

import pytest

from architecture.house import MODULES, ROOMS, SRC, name, tree

PACKAGES = [p.parent for p in MODULES if p.name == "__init__.py"]
MAX_MODULE, MAX_FUNCTION = 500, 60


def test_the_house_has_exactly_twelve_rooms() -> None:
    rooms = sorted(p.parent.name for p in (SRC / "whyray").glob("*/__init__.py"))
    assert rooms == sorted(ROOMS)
    assert len(rooms) == 12
    loose = [p.name for p in (SRC / "whyray").glob("*.py") if p.name != "__init__.py"]
    assert loose in ([], ["__main__.py"])


def test_python_lives_in_packages_only() -> None:
    for path in MODULES:
        assert (path.parent / "__init__.py").is_file(), f"{name(path)} is in no package"


@pytest.mark.parametrize("package", PACKAGES, ids=name)
def test_every_package_states_its_contract(package: Path) -> None:
    doc = ast.get_docstring(tree(package / "__init__.py"))
    assert doc is not None, "no docstring"
    assert len(doc.split()) >= 8, "a contract says what goes in and what comes out"


@pytest.mark.parametrize("room", ROOMS)
def test_a_rooms_contract_opens_with_its_name(room: str) -> None:
    doc = ast.get_docstring(tree(SRC / "whyray" / room / "__init__.py"))
    assert doc is not None
    assert doc.startswith(f"{room}:")


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_modules_and_functions_keep_the_size_caps(path: Path) -> None:
    lines = len(path.read_text("utf-8").splitlines())
    assert lines <= MAX_MODULE, f"{name(path)} has {lines} lines"
    for node in ast.walk(tree(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            length = (node.end_lineno or first) - first + 1
            assert length <= MAX_FUNCTION, f"{name(path)}:{node.lineno} {node.name} has {length} lines"


def test_only_the_command_line_prints() -> None:
    printing = {
        name(path)
        for path in MODULES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("print", "pprint")
    }
    inside = {p for p in printing if p.startswith("whyray/")}
    assert all(p.startswith("whyray/shells/cli/") for p in inside), sorted(inside)


def test_no_blind_except() -> None:
    for path in MODULES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ExceptHandler):
                caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
                names = {c.id for c in caught if isinstance(c, ast.Name)}
                shell = name(path).startswith("whyray/shells/")
                assert node.type is not None, f"{name(path)}:{node.lineno} catches everything"
                assert shell or not names & {"Exception", "BaseException"}, f"{name(path)}:{node.lineno}"


def test_nothing_is_left_to_do() -> None:
    marks = re.compile(r"\b(?:TODO|FIXME|XXX)\b|raise NotImplementedError")
    for path in MODULES:
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
            assert not marks.search(line), f"{name(path)}:{number}"
