"""The notebooks of the guide's sections: each shows its fault, and its fix mends it."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"

#: Notebook -> run -> what is diagnosed in it, with the cause that is confirmed.
FAULTY = {
    "1_oscillating_validation": {"1": ("oscillating-validation", "learning-rate-too-large")},
    "2_validation_accuracy_of_0": {"1": ("unshuffled-split", "ordered-labels")},
    "3_negative_loss": {
        "1": ("negative-loss", "targets-out-of-range"),
        "2": ("negative-loss", "targets-out-of-range"),
        "4": ("negative-loss", "unnormalized-inputs"),
    },
    "4_reading_the_curves": {"4": ("learning-rate-too-low", "short-steps")},
    "5_nan_loss": {"1": ("nan-loss", "unscaled-targets"), "3": ("nan-loss", "custom-loss")},
    "6_epochs_and_dropout": {"1": ("trained-too-long", "best-epoch-not-kept")},
    "7_overfitting": {
        "1": ("overfitting", "no-regularization"),
        "5": ("ignored-activity-regularizer", "inside-time-distributed"),
    },
}
#: Notebook -> run -> what is no longer diagnosed.
MENDED = {
    "1_oscillating_validation": {"2": "oscillating-validation"},
    "2_validation_accuracy_of_0": {"2": "unshuffled-split"},
    "3_negative_loss": {"3": "negative-loss", "5": "negative-loss"},
    "4_reading_the_curves": {"5": "learning-rate-too-low"},
    "5_nan_loss": {"2": "nan-loss", "4": "nan-loss"},
    "6_epochs_and_dropout": {"3": "overfitting"},
    "7_overfitting": {"2": "overfitting", "3": "overfitting", "4": "overfitting", "6": "ignored-activity-regularizer"},
}
READINGS = {"1": "learning", "2": "overfitting", "3": "diverging", "4": "bottleneck", "6": "converged"}


def reports(name: str, folder: Path) -> dict[str, dict]:
    """The reports of all runs, by their names, after the notebook ran in a kernel of its own."""
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", 4)
    ask = (
        "import json, pathlib\n"
        "found = {run: report.to_dict() for run, report in get_ipython().kdoctor.runs.items()}\n"
        "pathlib.Path('reports.json').write_text(json.dumps(found))"
    )
    notebook.cells.append(nbformat.v4.new_code_cell(ask))
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    return json.loads((folder / "reports.json").read_text())


def test_every_notebook_is_here():
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} == {*FAULTY, "quickstart"}
    assert FAULTY.keys() == MENDED.keys()


@pytest.mark.parametrize("name", FAULTY)
def test_the_fault_is_diagnosed_and_the_fix_mends_it(name, tmp_path):
    found = reports(name, tmp_path)
    for run, (diagnosis, cause) in FAULTY[name].items():
        confirmed = {
            (made["name"], examined["name"])
            for made in found[run]["diagnoses"]
            for examined in made["causes"]
            if examined["status"] == "confirmed"
        }
        assert (diagnosis, cause) in confirmed, run
    for run, diagnosis in MENDED[name].items():
        assert diagnosis not in {made["name"] for made in found[run]["diagnoses"]}, run
    if name == "4_reading_the_curves":
        assert {run: found[run]["verdict"]["reading"] for run in READINGS} == READINGS
    if name == "6_epochs_and_dropout":
        causes = {
            made["name"]: {cause["name"]: cause["status"] for cause in made["causes"]}
            for made in found["2"]["diagnoses"]
        }
        assert causes.get("trained-too-long", {}).get("best-epoch-not-kept") != "confirmed"
