"""A cell that is run again."""

from __future__ import annotations

import pytest

from kerasdoctor.notebook import watcher

CELL = "h = %kdoctor fit model.fit(x, y, validation_split=0.2, epochs={epochs}, verbose=0)"


def found(shell) -> list[str]:
    return [diagnosis.name for diagnosis in list(shell.ip.kdoctor.runs.values())[-1].diagnoses]


@pytest.mark.parametrize("told", ["cell", ""], ids=["with cell ids", "without"])
def test_a_cell_that_is_run_again(digits_shell, monkeypatch, told):
    """Edited or not, where the front end tells which cell runs; else by its text."""
    monkeypatch.setattr(watcher, "cell_id", lambda _shell: told)
    digits_shell.run(CELL.format(epochs=2))
    assert "continued-training" not in found(digits_shell)
    digits_shell.run(CELL.format(epochs=3))
    assert ("continued-training" in found(digits_shell)) is bool(told)
    digits_shell.run(CELL.format(epochs=3))
    assert "continued-training" in found(digits_shell)
    digits_shell.run("model = programs.classifier()\n" + CELL.format(epochs=3))
    assert "continued-training" not in found(digits_shell)


def test_two_fits_of_one_cell_are_not(digits_shell, monkeypatch):
    monkeypatch.setattr(watcher, "cell_id", lambda _shell: "cell")
    digits_shell.run(f"{CELL.format(epochs=2)}\n{CELL.format(epochs=3)}")
    assert len(digits_shell.ip.kdoctor.runs) == 2
    assert "continued-training" not in found(digits_shell)
