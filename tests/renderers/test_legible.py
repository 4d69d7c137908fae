"""Contrast and width of the report in Chromium, in the themes of JupyterLab and where there is none.

One headless Chromium draws the report in frames side by side, measures in each, and prints what it found.
"""

import html as markup
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbconvert
import pytest

from kerasdoctor.renderers import html
from kerasdoctor.report import Report
from tests.renderers.conftest import nan_loss, overfitting

pytestmark = pytest.mark.browser

WIDTHS = (400, 1600)
#: WCAG 2.2, success criterion 1.4.3, level AA.
LEAST_CONTRAST = 4.5

#: Written beside the frames; leaves what it found between FOUND and END.
_MEASURE = Path(__file__).with_name("measure.js")


def pages(report: Report) -> dict[str, str]:
    fragment = html.render(report)
    folders = [Path(folder) / "static" for folder in nbconvert.HTMLExporter(template_name="lab").template_paths]
    static = next(folder for folder in folders if (folder / "theme-dark.css").exists())
    in_lab = {}
    for theme in ("light", "dark"):
        styles = "".join((static / name).read_text("utf-8") for name in ("index.css", f"theme-{theme}.css"))
        body = (
            f'<body data-jp-theme-light="{json.dumps(theme == "light")}" style="background: var(--jp-layout-color0)">'
        )
        output = f'<div class="jp-RenderedHTMLCommon jp-RenderedHTML">{fragment}</div>'
        in_lab[f"JupyterLab {theme}"] = f"<style>{styles}</style>{body}{output}"
    return {
        **in_lab,
        "white page": f'<body style="background: #fff; color: #24292f">{fragment}',
        "dark page": f'<body style="background: #1e1e1e; color: #cccccc">{fragment}',
        "own page": html.render(report, standalone=True),
    }


def measured(report: Report, folder: Path, *flags: str) -> list[dict[str, Any]]:
    frames = "".join(
        f'<iframe name="{name}, {width} px" width="{width}" height="600" srcdoc="{markup.escape(page)}"></iframe>'
        for name, page in pages(report).items()
        for width in WIDTHS
    )
    file = folder / "frames.html"
    file.write_text(f"<!DOCTYPE html><body>{frames}<script>{_MEASURE.read_text('utf-8')}</script>", "utf-8")
    chromium = shutil.which("chromium")
    assert chromium, "Debian's chromium is not installed"
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
    command = [chromium, *options, f"--user-data-dir={folder}/profile", *flags, "--dump-dom", file.as_uri()]
    shown = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
    (found,) = re.findall("FOUND(.*)END", markup.unescape(shown))
    results: list[dict[str, Any]] = json.loads(found)
    return results


@pytest.mark.parametrize("setting", ["light", "dark"])
def test_contrast_and_width(setting: str, tmp_path: Path) -> None:
    report = nan_loss()
    with_every_badge = replace(report, diagnoses=report.diagnoses + overfitting().diagnoses)
    results = measured(with_every_badge, tmp_path, f"--blink-settings=preferredColorScheme={int(setting == 'light')}")
    assert len(results) == 5 * len(WIDTHS)
    for result in results:
        assert result["texts"] > 50, result
        assert result["worst"] >= LEAST_CONTRAST, result
        assert result["overflow"] <= 0, result
        if "own page" in str(result["name"]):
            assert result["dark"] == (setting == "dark")
