"""The quickstart without a person: `jupyter execute`, papermill, nbconvert, a plain script."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import papermill
import pytest
from nbconvert import HTMLExporter

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "notebooks" / "quickstart.ipynb"


def reports(path: Path) -> list[nbformat.NotebookNode]:
    """What Keras Doctor left in the notebook."""
    outputs = [output for cell in nbformat.read(path, 4).cells for output in cell.get("outputs", [])]
    return [output for output in outputs if "kerasdoctor-report" in output.get("data", {}).get("text/html", "")]


@pytest.mark.parametrize("way", ["execute", "papermill"])
def test_the_quickstart_leaves_the_same_static_report(tmp_path, way):
    path = tmp_path / "quickstart.ipynb"
    if way == "execute":
        shutil.copy(QUICKSTART, path)
        subprocess.run([sys.executable, "-m", "jupyter", "execute", "--inplace", str(path)], check=True)
    else:
        papermill.execute_notebook(QUICKSTART, path, progress_bar=False)
    (report,) = reports(path)
    assert set(report.data) == {"text/html", "image/png", "text/plain"}
    assert "unshuffled-split" in report.data["text/plain"]
    assert "permutation" in report.data["text/html"]
    assert "widget-view" not in path.read_text()
    page, _ = HTMLExporter().from_filename(path)
    assert "unshuffled-split" in page
    assert "kerasdoctor-report" in page


def test_a_plain_script_prints_the_report(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(
        "import kerasdoctor\n"
        "from tests import programs\n"
        "x, y = programs.digits(ordered=True)\n"
        "model = programs.classifier()\n"
        "model.fit(x, y, validation_split=0.2, epochs=1, verbose=0, callbacks=[kerasdoctor.Doctor()])\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "unshuffled-split" in done.stdout
    # a script has no magics: the fix is plain Python
    assert "%kdoctor fit model" not in done.stdout
    assert "model.fit(x, y, validation_split=0.2, epochs=1, verbose=0" in done.stdout


def test_the_package_is_light_until_it_is_used():
    code = "import sys, kerasdoctor; print(*{'keras', 'tensorflow', 'IPython', 'scipy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_no_notebook_is_kept_with_outputs():
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        assert all(not cell.get("outputs") for cell in nbformat.read(path, 4).cells), path.name
