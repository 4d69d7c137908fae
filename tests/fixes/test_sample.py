"""A fixed sample of the prescriptions is run behind its notebooks, in a shell and in a kernel of its own."""

from __future__ import annotations

import json
from pathlib import Path

import nbclient
import nbformat
import pytest

from tests.fixes import campaign
from tests.fixes.programs import NOTEBOOKS

#: One for each way in which a cell changes the program, with how many prescriptions it is offered at least.
SAMPLE = {
    "sorted digits": 2,
    "fewer outputs than classes": 1,
    "integer labels under categorical cross-entropy": 1,
    "four rows with a gap": 1,
    "ten linear outputs under probabilities": 2,
    "labels one and two": 1,
    "a vocabulary one short": 1,
    "a pipeline in order": 1,
    "zero kernels": 1,
}


@pytest.mark.parametrize("name", SAMPLE)
def test_what_is_prescribed_runs_and_clears(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    line = campaign.examine(name)
    assert line["status"] == "finished"
    assert len(line["pairs"]) >= SAMPLE[name], line
    assert [one for one in line["pairs"] if not one["clears"]] == []


@pytest.mark.parametrize("name", ["fewer outputs than classes", "sorted digits"])
def test_the_same_holds_in_a_kernel(name: str, tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in ("%load_ext kerasdoctor", *NOTEBOOKS[name].cells)]
    )
    told = (
        "import json\nreport = get_ipython().kdoctor.report()\n"
        "print(json.dumps([report.to_dict(), [fix.source for *_, fix in report.prescriptions()]]))"
    )
    client = nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}})

    def run(source: str, *, may_raise: bool = False) -> str:
        cell = nbformat.v4.new_code_cell(source)
        cell.metadata["tags"] = ["raises-exception"] if may_raise else []
        notebook.cells.append(cell)
        client.execute_cell(cell, len(notebook.cells) - 1)
        return "".join(output.get("text", "") for output in cell.outputs if output.output_type == "stream")

    cells = [cell.source for cell in notebook.cells]
    notebook.cells.clear()
    with client.setup_kernel():
        for cell in cells:
            run(cell, may_raise=cell is cells[-1])
        first, sources = json.loads(run(told))
        assert sources
        rule = first["diagnoses"][0]["name"]
        run(sources[0])
        second, _sources = json.loads(run(told))
    assert rule not in {diagnosis["name"] for diagnosis in second["diagnoses"]}
    assert rule not in {skipped["name"] for skipped in second["skipped"]}
