"""The plugin inserts the shown fix under the cell that trained, on a real click, and does nothing else."""

from __future__ import annotations

import json

import nbformat
import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Notebook, Window
from tests.browser.simulation import MARKUP, SHUFFLE

lab_only = pytest.mark.parametrize("server", ["lab"], indirect=True)


def opened(window: Window, source: str) -> Notebook:
    """A notebook whose second cell shows a report."""
    notebook = window.open("import simulation", source, "after = 1")
    notebook.run(0)
    notebook.run(1)
    return notebook


def insert_button(place: Locator, fix: str = "1.1") -> Locator:
    return place.get_by_role("button", name=f"Insert fix {fix} as a new cell below")


def reveal(place: Locator) -> None:
    """Opens everything that is folded in a static report."""
    place.locator("details").evaluate_all("(all) => all.forEach((details) => { details.open = true; })")


def sources(notebook: Notebook) -> list[str]:
    return [cell.source for cell in notebook.cells()]


def test_a_click_inserts_the_shown_code_below(window: Window) -> None:
    notebook = opened(window, "simulation.reopened()")
    view = notebook.output(1)
    view.locator(".kerasdoctor-badge").first.click()
    button = insert_button(view)
    expect(button).to_have_text("Insert below")
    button.click()

    cells = notebook.cells()
    assert [cell.source for cell in cells] == ["import simulation", "simulation.reopened()", SHUFFLE, "after = 1"]
    new = cells[2]
    assert new.kind == "code"
    assert new.metadata["kerasdoctor"] == {"prescription": "1.1"}
    assert notebook.evaluate("return panel.content.widgets[2].model.trusted;")
    # it was not run
    assert new.outputs == []
    assert notebook.evaluate("return panel.content.widgets[2].model.executionCount;") is None
    assert notebook.active_cell == 2
    expect(notebook.cell(2)).to_be_in_viewport()
    notebook.picture("inserted")

    # the second click goes to the cell that is there
    notebook.evaluate("panel.content.activeCellIndex = 0;")
    button.click()
    assert len(notebook.cells()) == 4
    assert notebook.active_cell == 2

    # as every insertion, it is taken back by z and made again by Shift Z
    notebook.page.keyboard.press("z")
    notebook.wait_until("panel.content.widgets.length === 3")
    assert sources(notebook) == ["import simulation", "simulation.reopened()", "after = 1"]
    notebook.page.keyboard.press("Shift+Z")
    notebook.wait_until("panel.content.widgets.length === 4")

    # another fix goes directly below the training cell too, and the first is found behind it
    view.locator(".kerasdoctor-prescription summary").nth(1).click()
    insert_button(view, "1.2").click()
    assert sources(notebook)[2:4] == [MARKUP, SHUFFLE]
    button.click()
    assert len(notebook.cells()) == 5
    assert notebook.active_cell == 3

    # what was inserted and then edited is the user's: a click brings the shown code again
    notebook.evaluate("panel.content.widgets[3].model.sharedModel.setSource('mine = 1');")
    button.click()
    assert sources(notebook)[2:5] == [SHUFFLE, MARKUP, "mine = 1"]

    saved = notebook.save()
    assert saved.cells[2].metadata == {"kerasdoctor": {"prescription": "1.1"}}
    assert "kerasdoctor-insert" not in json.dumps(saved)


def test_a_script_cannot_click(window: Window) -> None:
    notebook = opened(window, "simulation.reopened()")
    view = notebook.output(1)
    view.locator(".kerasdoctor-badge").first.click()
    button = insert_button(view)
    button.evaluate("(button) => button.click()")
    button.dispatch_event("click")
    assert len(notebook.cells()) == 3
    # the keyboard is a person too
    button.focus()
    notebook.page.keyboard.press("Enter")
    assert sources(notebook)[2] == SHUFFLE


def test_the_static_report_works_after_a_reload_without_a_kernel(window: Window) -> None:
    notebook = opened(window, "simulation.static()")
    report = notebook.output(1)
    reveal(report)
    expect(insert_button(report)).to_have_count(1)
    saved = notebook.save()
    assert "kerasdoctor-insert" not in json.dumps(saved)

    notebook.reload(kernel=False)
    assert notebook.evaluate("return panel.sessionContext.session?.kernel ?? null;") is None
    reveal(report)
    notebook.picture("static", notebook.cell(1))
    insert_button(report).click()
    assert sources(notebook)[2] == SHUFFLE
    assert notebook.cells()[2].metadata["kerasdoctor"] == {"prescription": "1.1"}


def test_it_works_in_a_notebook_that_is_not_trusted(window: Window) -> None:
    first = opened(window, "simulation.static()")
    document = first.save()
    # the copy is not signed, and holds markup that must not run
    output = document.cells[1].outputs[0]
    output.data["text/html"] += "<img src=x onerror='document.title = 1'>"
    stranger = window.open_document(nbformat.from_dict(document))
    assert not stranger.evaluate("return panel.content.widgets[1].model.trusted;")
    report = stranger.output(1)
    reveal(report)
    insert_button(report).click()
    assert sources(stranger)[2] == SHUFFLE
    stranger.picture("untrusted", stranger.cell(1))


def test_it_does_not_need_the_kernel_to_be_idle(window: Window) -> None:
    notebook = opened(window, "simulation.reopened()")
    notebook.evaluate("panel.content.widgets[2].model.sharedModel.setSource('simulation.gate(\"busy\")');")
    notebook.start(2)
    notebook.wait_until("panel.sessionContext.session.kernel.status === 'busy'")
    view = notebook.output(1)
    view.locator(".kerasdoctor-badge").first.click()
    insert_button(view).click()
    assert sources(notebook)[2] == SHUFFLE
    assert notebook.evaluate("return panel.sessionContext.session.kernel.status;") == "busy"
    notebook.open_gate("busy")
    notebook.wait_idle()


@lab_only
def test_of_two_notebooks_it_takes_the_one_that_holds_the_report(window: Window) -> None:
    first = opened(window, "simulation.reopened()")
    view = first.output(1)
    view.locator(".kerasdoctor-badge").first.click()
    second = Notebook(window.server, first.page, "second.ipynb")
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")]), window.server.folder / second.path)
    first.page.evaluate(
        """(path) => jupyterapp.commands.execute('docmanager:open',
            {path, kernel: {name: 'python3'}, options: {mode: 'split-right'}})""",
        second.path,
    )
    second.wait_loaded()
    assert first.page.evaluate("jupyterapp.shell.currentWidget.context.path") == second.path
    insert_button(view).click()
    assert sources(second) == ["1"]
    assert sources(first)[2] == SHUFFLE
    second.evaluate("await panel.sessionContext.shutdown();")


@lab_only
def test_from_a_view_of_the_output_alone_it_finds_the_cell(window: Window) -> None:
    notebook = opened(window, "simulation.reopened()")
    notebook.evaluate("panel.content.activeCellIndex = 1;")
    notebook.page.evaluate("() => { jupyterapp.commands.execute('notebook:create-output-view'); }")
    alone = notebook.page.locator(".jp-LinkedOutputView")
    alone.locator(".kerasdoctor-badge").first.click()
    insert_button(alone).click()
    assert sources(notebook)[2] == SHUFFLE


@lab_only
def test_where_the_notebook_is_not_known_it_offers_a_copy(window: Window) -> None:
    notebook = opened(window, "simulation.static()")
    notebook.evaluate("panel.content.activeCellIndex = 1;")
    notebook.page.evaluate("() => { jupyterapp.commands.execute('notebook:create-output-view'); }")
    alone = notebook.page.locator(".jp-LinkedOutputView")
    alone.locator("details").first.wait_for()
    reveal(alone)
    insert_button(alone).click()
    assert len(notebook.cells()) == 3
    expect(alone.get_by_text("The notebook of this output is not open here")).to_be_visible()
    alone.get_by_role("button", name="Copy").click()
    expect(alone.get_by_text("Copied")).to_be_visible()
    assert notebook.page.evaluate("navigator.clipboard.readText()") == SHUFFLE
