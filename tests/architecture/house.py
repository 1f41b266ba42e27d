"""What the architecture tests look at: source files and their syntax trees."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src"
MODULES = sorted(SRC.rglob("*.py"))
ROOMS = (
    "dialogue",
    "domain",
    "engines",
    "explain",
    "imaging",
    "knowledge",
    "perception",
    "reasoning",
    "render",
    "service",
    "shells",
    "store",
)


def name(path: Path) -> str:
    """Path below ``src``, for messages."""
    return path.relative_to(SRC).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    """Syntax tree of a file."""
    return ast.parse(path.read_text("utf-8"), filename=str(path))


def docstrings(module: ast.Module) -> set[int]:
    """Identities of the constants that are docstrings."""
    holders = (n for n in ast.walk(module) if isinstance(n, (ast.Module, ast.ClassDef, ast.FunctionDef)))
    firsts = (h.body[0] for h in holders if h.body)
    return {id(f.value) for f in firsts if isinstance(f, ast.Expr) and isinstance(f.value, ast.Constant)}


def literals(path: Path) -> list[tuple[int, str]]:
    """(line, text) of every string literal that is no docstring; parts of f-strings included."""
    module = tree(path)
    skipped = docstrings(module)
    found = (n for n in ast.walk(module) if isinstance(n, ast.Constant) and id(n) not in skipped)
    return [(n.lineno, n.value) for n in found if isinstance(n.value, str)]
