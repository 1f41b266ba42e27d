import json
import subprocess
import sys

import pytest

from architecture.house import ROOMS, ROOT, SRC

HEAVY = ("torch", "transformers", "monai", "gradio", "matplotlib", "fastapi", "sqlalchemy", "lightning")


def loaded_by(statement: str) -> set[str]:
    """Top-level modules in a fresh interpreter after `statement`."""
    code = f"import sys, json\n{statement}\nprint(json.dumps(sorted({{m.split('.')[0] for m in sys.modules}})))"
    path = f"import sys; sys.path.insert(0, {str(SRC)!r})\n"
    done = subprocess.run([sys.executable, "-c", path + code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "an import warns"
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_bare_package_costs_nothing() -> None:
    assert not loaded_by("import whyray") & {*HEAVY, "numpy", "scipy", "onnxruntime", "pydicom", "PIL", "yaml"}


def test_the_service_imports_no_heavy_library() -> None:
    assert not loaded_by("import whyray.service") & {*HEAVY, "onnxruntime", "whyray_train"}


def test_the_domain_needs_numpy_only() -> None:
    new = loaded_by("import whyray.domain") - loaded_by("import numpy")
    third = {m for m in new if m not in sys.stdlib_module_names and not m.startswith("_")}
    assert third == {"whyray"}


@pytest.mark.parametrize("room", ROOMS)
def test_importing_a_room_prints_nothing(room: str) -> None:
    statement = (
        f"import io, contextlib\nout = io.StringIO()\nwith contextlib.redirect_stdout(out):\n import whyray.{room}"
    )
    loaded_by(f"{statement}\nassert out.getvalue() == '', out.getvalue()")


def test_the_import_contracts_hold() -> None:
    pytest.importorskip("importlinter")
    path = f"import sys; sys.path.insert(0, {str(SRC)!r})\n"
    code = path + "from importlinter.cli import lint_imports_command\nlint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--no-cache"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 broken" in done.stdout
    assert " 0 kept" not in done.stdout
