"""The main job, as a person does it: watch the quickstart go wrong, insert the fix, run it, read the clean report."""

from __future__ import annotations

import re

import nbformat
from playwright.sync_api import Locator, expect

from tests.browser.conftest import ROOT, Notebook, Window

#: Notes what the live view shows, as the run may be over before a test has looked.
WITNESS = """() => {
    window.seen = {curves: new Set(), states: new Set(), badges: new Set(), epochs: new Set()};
    new MutationObserver(() => {
        for (const row of document.querySelectorAll('.kerasdoctor-row')) {
            const {curves, states, badges, epochs} = window.seen;
            const state = row.dataset.status;
            states.add(state);
            const canvas = row.querySelector('canvas');
            if (canvas) curves.add(canvas.getAttribute('aria-label'));
            epochs.add(row.querySelector('.kerasdoctor-where').textContent.split(' of ')[0]);
            if (state === 'running') {
                for (const name of row.querySelectorAll('.kerasdoctor-name')) badges.add(name.textContent);
            }
        }
    }).observe(document.body, {subtree: true, childList: true, attributes: true, characterData: true});
}"""
SEEN = "() => Object.fromEntries(Object.entries(window.seen).map(([name, values]) => [name, [...values]]))"


#: Enough epochs for curves.
LATER = re.compile(r"epoch ([4-9]|1\d) of 20")


def test_the_quickstart_from_the_fault_to_the_clean_report(window: Window) -> None:
    document = nbformat.read(ROOT / "notebooks" / "quickstart.ipynb", as_version=4)
    notebook = window.open_document(document)
    training = next(i for i, cell in enumerate(document.cells) if "%kdoctor fit model.fit(" in cell.source)
    # so tall that nothing has to be scrolled to
    notebook.page.set_viewport_size({"width": 1280, "height": 1800})
    for index in range(training):
        notebook.run(index)

    watch_it_go_wrong(notebook, training)
    report = notebook.output(training)
    said = report.locator(".kerasdoctor-verdict").inner_text()
    insert_the_fix(notebook, training)
    run_the_fix(notebook, training + 1)

    # what is saved needs no kernel and no widget
    saved = notebook.save()
    for index in (training, training + 1):
        kinds = [set(output.get("data", {})) for output in saved.cells[index].outputs]
        assert {"text/html", "image/png", "text/plain"} in kinds
        assert not any("application/vnd.jupyter.widget-view+json" in kind for kind in kinds)
    notebook.reload(kernel=False)
    assert notebook.evaluate("return panel.sessionContext.session?.kernel ?? null;") is None
    expect(report.locator(".kerasdoctor-verdict")).to_have_text(said, use_inner_text=True)
    expect(faults(report).locator(".kerasdoctor-heading")).to_contain_text("unshuffled-split")
    assert report.locator("img").first.evaluate("(img) => img.decode().then(() => img.naturalWidth)") > 0
    notebook.picture("quickstart-reloaded", notebook.cell(training))


def watch_it_go_wrong(notebook: Notebook, training: int) -> None:
    """The curves move, and the fault is named while the model trains; then the report takes the view's place."""
    notebook.page.evaluate(WITNESS)
    notebook.start(training)
    output = notebook.output(training)
    expect(output.locator(".kerasdoctor-where")).to_contain_text(LATER)
    output.locator(".kerasdoctor-badge").filter(has_text="unshuffled-split").click()
    expect(output.locator(".kerasdoctor-cause").first).to_be_visible()
    notebook.picture("quickstart-live", themes=("light",))
    notebook.wait_idle()
    seen = notebook.page.evaluate(SEEN)
    assert "running" in seen["states"]
    assert len(seen["curves"]) > 3, seen
    assert len(seen["epochs"]) > 3, seen
    assert "unshuffled-split" in seen["badges"], seen

    expect(output.locator(".kerasdoctor-live")).to_have_count(0)
    expect(faults(output).locator(".kerasdoctor-heading")).to_contain_text("unshuffled-split")
    notebook.picture("quickstart-report", notebook.cell(training))


def insert_the_fix(notebook: Notebook, training: int) -> None:
    """A click writes the first fix below the cell that trained, and runs nothing."""
    before = notebook.cells()
    fix = faults(notebook.output(training)).locator(".kerasdoctor-prescription").first
    shown = fix.locator("pre.kerasdoctor-code > code").text_content()
    name = fix.locator(".kerasdoctor-id").inner_text()
    fix.get_by_role("button", name=f"Insert fix {name} as a new cell below").click()
    cells = notebook.cells()
    new = cells.pop(training + 1)
    assert [cell.id for cell in cells] == [cell.id for cell in before]
    assert new.source == shown
    assert new.metadata["kerasdoctor"] == {"prescription": name}
    assert new.outputs == []
    assert notebook.active_cell == training + 1


def run_the_fix(notebook: Notebook, index: int) -> None:
    """The new cell runs as it stands, is watched again, and its report is clean."""
    notebook.theme("dark")
    notebook.start(index)
    output = notebook.output(index)
    expect(output.locator(".kerasdoctor-where")).to_contain_text(LATER)
    notebook.picture("quickstart-live", notebook.cell(index), themes=("dark",))
    notebook.wait_idle()
    notebook.theme("light")
    expect(output.locator(".kerasdoctor-clean")).to_be_visible()
    expect(output.locator(".kerasdoctor-diagnosis.kerasdoctor-warning")).to_have_count(0)
    expect(faults(output)).to_have_count(0)
    notebook.picture("quickstart-clean", notebook.cell(index))


def faults(report: Locator) -> Locator:
    return report.locator(".kerasdoctor-diagnosis.kerasdoctor-error")
