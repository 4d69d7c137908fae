"""Every cell that is prescribed for a notebook of the corpus: the user's own names, and it runs as it is written.

Where no right name can be known there is a placeholder, or a reason why there is no cell; never a wrong name.
"""

from __future__ import annotations

import ast
import importlib
import shutil
import subprocess
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from kerasdoctor.diagnosis import Applicability, Prescription
from kerasdoctor.report import Report
from tests.notebook.conftest import Shell
from tests.remedies.corpus.notebooks import NOTEBOOKS, Notebook

MAGIC = "%kdoctor fit "
#: What stands at the top level besides the user's own names.
OURS = {"get_ipython", "In", "Out", "exit", "quit", "open"}


@dataclass
class Outcome:
    """How right the names of one notebook were."""

    right: bool = False
    #: The user must fill in a name that could have been known.
    placeholder: bool = False
    #: The call as the user wrote it, and the cells with it.
    call: str = ""
    cells: list[str] = field(default_factory=list)


OUTCOMES: dict[str, Outcome] = {}


@pytest.fixture
def shell() -> Iterator[Shell]:
    running = Shell()
    yield running
    if hasattr(running.ip, "kdoctor"):
        running.run("%unload_ext kerasdoctor")
    InteractiveShell.clear_instance()


@pytest.fixture(autouse=True)
def modules_of_the_user() -> Iterator[None]:
    yield
    sys.modules.pop("helpers", None)


def run_notebook(shell: Shell, notebook: Notebook) -> Report:
    """The report of the run that the notebook is about."""
    if notebook.extension:
        shell.run("%load_ext kerasdoctor")
    *cells, last = notebook.cells
    result = None
    for cell in cells:
        shell.run(cell)
    if notebook.raises:
        shell.fails(last)
    else:
        result = shell.run(last)
    if notebook.extension:
        shell.run("%kdoctor off")
        return shell.run(f"%kdoctor report {list(shell.ip.kdoctor.runs)[notebook.run]}")
    return result


def names(shell: Shell) -> dict[str, Any]:
    """The user's own names."""
    return {
        name: value
        for name, value in shell.ip.user_ns.items()
        if name not in OURS and (not name.startswith("_") or name in {"_x", "_y", "_model"})
    }


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.name.replace(" ", "-"))
def test_names(shell, notebook):
    outcome = OUTCOMES[notebook.name] = Outcome()
    report = run_notebook(shell, notebook)
    assert report.record.failures == []
    found = {diagnosis.name: diagnosis for diagnosis in report.diagnoses}
    assert notebook.diagnosis in found, list(found)
    if notebook.unwritten:
        assert notebook.unwritten in report.unwritten
        assert list(report.prescriptions()) == []
        assert str(report).count(report.unwritten.split(":")[0]) == 1
        outcome.right = True
        return
    assert report.unwritten == ""
    source = report.record.source
    assert source is not None
    outcome.call = source.top or source.call
    if set(source.local_names) > set(notebook.placeholders):
        outcome.placeholder = True
    assert source.local_names == notebook.placeholders
    assert source.model == notebook.model
    assert {name: source.arguments.get(name) for name in notebook.arguments} == notebook.arguments
    assert (source.assignment, source.tail) == (notebook.assignment, notebook.tail)
    prescriptions = [fix for cause in found[notebook.diagnosis].causes for fix in cause.prescriptions]
    assert prescriptions
    before = names(shell)
    for prescription in prescriptions:
        outcome.cells.append(prescription.source)
        holds(notebook, prescription, before)
        if not notebook.placeholders:
            runs(shell, notebook, prescription, before)
    outcome.right = True


def holds(notebook: Notebook, prescription: Prescription, before: dict[str, Any]) -> None:
    """The cell uses names that are there, and imports what is not."""
    tree = ast.parse(prescription.source.replace(MAGIC, ""))
    imported = [part for part in ast.walk(tree) if isinstance(part, ast.Import | ast.ImportFrom)]
    given = {alias.asname or alias.name for part in imported for alias in part.names}
    modules = [part.module if isinstance(part, ast.ImportFrom) else part.names[0].name for part in imported]
    assert not given & set(before), "an import takes a name of the user's"
    for part, module in zip(imported, modules, strict=True):
        for alias in part.names:
            there = importlib.import_module(module or "")
            wanted = getattr(there, alias.name) if isinstance(part, ast.ImportFrom) else there
            assert all(value is not wanted for value in before.values()), f"{alias.name} is imported already"
    if notebook.imports is not None:
        assert {module for module in modules if not (module or "").startswith("sklearn")} <= set(notebook.imports)
    stored = {
        part.id if isinstance(part, ast.Name) else part.arg if isinstance(part, ast.arg) else part.name
        for part in ast.walk(tree)
        if (isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store))
        or isinstance(part, ast.arg | ast.FunctionDef)
    }
    used = {part.id for part in ast.walk(tree) if isinstance(part, ast.Name)}
    builtins = set(dir(__builtins__)) if isinstance(__builtins__, types.ModuleType) else set(__builtins__)
    assert used <= stored | given | builtins | set(before), "a name that is not there"
    assert (prescription.applicability is Applicability.HAS_PLACEHOLDERS) == bool(notebook.placeholders)
    for name in notebook.placeholders:
        assert f"\n{name} = ...\n" in prescription.source
        assert name not in before
    assert bool(notebook.placeholders) == ("# fill in" in prescription.source)


def runs(shell: Shell, notebook: Notebook, prescription: Prescription, before: dict[str, Any]) -> None:
    """The cell runs unedited, has no such diagnosis any more, and gives no other name of the user's a new value."""
    for name in set(names(shell)) - set(before):
        del shell.ip.user_ns[name]
    shell.ip.user_ns.update(before)
    shell.run(prescription.source)
    own = {notebook.model, *notebook.arguments.values(), notebook.assignment.removesuffix(" = ")}
    after = names(shell)
    changed = {name for name, value in before.items() if after.get(name, None) is not value}
    assert changed <= own
    if MAGIC in prescription.source:
        again = list(shell.ip.kdoctor.runs.values())[-1]
        assert again.record.source is not None
        left = {diagnosis.name for diagnosis in again.diagnoses}
        assert notebook.diagnosis not in left or not notebook.cures, prescription.source


def test_the_share_of_right_names(capsys):
    if len(OUTCOMES) < len(NOTEBOOKS):
        pytest.skip("only a part of the corpus was run")
    right = sum(outcome.right for outcome in OUTCOMES.values())
    placeholders = sum(outcome.placeholder for outcome in OUTCOMES.values())
    wrong = len(OUTCOMES) - right - placeholders
    with capsys.disabled():
        print(f"\n{len(OUTCOMES)} notebooks: {right} right, {placeholders} with needless placeholders, {wrong} wrong")
    assert len(OUTCOMES) >= 50
    assert right / len(OUTCOMES) >= 0.95
    assert wrong == 0


def test_the_cells_are_formatted_where_the_users_call_is(tmp_path):
    calls = {outcome.call: "call" for outcome in OUTCOMES.values() if outcome.cells}
    if not calls:
        pytest.skip("no cell was written")
    untidy = formatted(tmp_path / "calls", list(calls))
    cells = [cell for outcome in OUTCOMES.values() if outcome.call not in untidy for cell in outcome.cells]
    assert len(untidy) < len(calls) / 3
    assert formatted(tmp_path / "cells", [cell.replace(MAGIC, "") for cell in cells]) == []


def formatted(folder: Path, sources: list[str]) -> list[str]:
    """Those that ruff would write otherwise."""
    folder.mkdir()
    paths = {f"cell_{number}.py": source for number, source in enumerate(sources)}
    for name, source in paths.items():
        (folder / name).write_text(f"{source}\n", "utf-8")
    ruff = shutil.which("ruff", path=str(Path(sys.executable).parent)) or "ruff"
    check = [ruff, "format", "--check", "--isolated", "--line-length", "100", "."]
    told = subprocess.run(check, cwd=folder, capture_output=True, text=True, check=False).stdout
    return [source for name, source in paths.items() if f": {name}\n" in told]
