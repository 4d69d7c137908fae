"""The plugin inserts the shown fix under the cell that trained, on a real click, and does nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator

import nbformat
import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.browser.conftest import Notebook, Server, Window, new_window
from tests.browser.simulation import BOTH, MARKUP, SHUFFLE

lab_only = pytest.mark.parametrize("server", ["lab"], indirect=True)


def opened(window: Window, source: str) -> Notebook:
    """A notebook whose second cell shows a report."""
    notebook = window.open("import simulation", source, "after = 1")
    notebook.run(0)
    notebook.run(1)
    return notebook


@pytest.fixture(scope="module")
def shown(server: Server, browser: Browser) -> Iterator[Notebook]:
    """A notebook that shows the view of a run, and the static report of another one below."""
    with new_window(server, browser, "shown") as window:
        notebook = window.open("import simulation", "simulation.reopened()", "simulation.static()", "after = 1")
        for cell in range(3):
            notebook.run(cell)
        notebook.output(1).locator(".kerasdoctor-badge").evaluate_all("(all) => all.forEach((badge) => badge.click())")
        reveal(notebook.output(1))
        reveal(notebook.output(2))
        yield notebook


@pytest.fixture
def notebook(shown: Notebook) -> Iterator[Notebook]:
    """The same, left as it was found: nothing is ticked, and what was inserted is taken out."""
    yield shown
    shown.page.locator(".kerasdoctor-untick").evaluate_all("(all) => all.forEach((button) => button.click())")
    shown.evaluate(
        """const {sharedModel} = panel.content.model;
        for (let i = sharedModel.cells.length - 1; i >= 0; i--)
            if (!/^import|^simulation|^after/.test(sharedModel.cells[i].getSource())) sharedModel.deleteCell(i);"""
    )


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
    # nor to be there
    notebook.evaluate("await panel.sessionContext.shutdown();")
    view.locator(".kerasdoctor-prescription summary").nth(1).click()
    insert_button(view, "1.2").click()
    assert sources(notebook)[2:4] == [MARKUP, SHUFFLE]


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
    # wherever the cell is now, and out of sight
    notebook.evaluate(
        """panel.content.notebookConfig = {...panel.content.notebookConfig, windowingMode: 'full'};
        const {sharedModel} = panel.content.model;
        const rows = Array.from({length: 100}, (_, i) => ({cell_type: 'code', source: `row = ${i}`}));
        sharedModel.insertCells(0, rows);
        sharedModel.moveCell(101, 60);
        await panel.content.scrollToItem(0);"""
    )
    expect(notebook.cell(60)).not_to_be_in_viewport()
    insert_button(alone).click()
    assert sources(notebook)[60:62] == ["simulation.reopened()", SHUFFLE]
    assert notebook.active_cell == 61
    expect(notebook.cell(61)).to_be_in_viewport()
    # without the cell there is no place to insert at
    notebook.evaluate("panel.content.model.sharedModel.deleteCell(60);")
    insert_button(alone).click()
    expect(alone.get_by_text("The notebook of this output is not open here")).to_be_visible()
    assert sources(notebook).count(SHUFFLE) == 1


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


@pytest.mark.parametrize("cell", [1, 2], ids=["view", "report"])
def test_the_ticked_fixes_are_one_cell_that_is_shown_first(notebook: Notebook, cell: int) -> None:
    place = notebook.output(cell)
    together = place.locator(".kerasdoctor-ticked")
    button = together.get_by_role("button", name="Insert the 2 ticked fixes as one cell")
    tick = {number: place.get_by_role("checkbox", name=f"Take fix 1.{number} together") for number in (1, 2, 3)}
    opened = place.locator("details[open]").count()
    tick[3].check()
    expect(together).to_be_hidden()
    tick[1].check()
    expect(together.locator("pre")).to_have_text(BOTH)
    expect(together).to_contain_text("2 fixes as one cell")
    expect(together).to_contain_text("changes the training")
    # a tick opens and closes nothing
    assert place.locator("details[open]").count() == opened
    notebook.picture(f"ticked-{'view' if cell == 1 else 'report'}", notebook.cell(cell))

    button.evaluate("(button) => button.click()")
    button.dispatch_event("click")
    assert len(notebook.cells()) == 4
    button.click()
    new = notebook.cells()[cell + 1]
    assert (new.source, new.metadata["kerasdoctor"]) == (BOTH, {"prescription": "1.1 1.3"})
    assert notebook.active_cell == cell + 1
    button.click()
    assert len(notebook.cells()) == 5

    # what does not go together is told, and there is nothing to insert
    tick[2].check()
    expect(together).to_contain_text(
        "fixes 1.1 (shuffle-jointly) and 1.2 (stratified-split) do not go together: both decide which rows validate"
    )
    expect(together.locator("pre")).to_be_hidden()
    expect(together.get_by_role("button")).to_have_text(["Untick all"])
    expect(place.locator(".kerasdoctor-jump:visible")).to_have_text(
        ["not together ↓", "not together ↓", "3 as one cell ↓"]
    )
    notebook.picture(f"conflict-{'view' if cell == 1 else 'report'}", together, themes=("light",))
    together.get_by_role("button", name="Untick all").click()
    expect(together).to_be_hidden()
    expect(tick[1]).not_to_be_checked()


def test_ctrl_z_takes_it_back_right_after_the_click(notebook: Notebook) -> None:
    button = insert_button(notebook.output(2))
    for _ in range(2):
        # what follows within half a second of another change is one step of the history with it
        notebook.evaluate("panel.content.model.sharedModel.clearUndoHistory();")
        button.click()
        assert notebook.active_cell == 3
        notebook.page.keyboard.press("Control+z")
        notebook.wait_until("panel.content.widgets.length === 4")
    # later it undoes what is typed in a cell, as ever
    button.click()
    notebook.evaluate("panel.content.model.sharedModel.insertCell(0, {cell_type: 'code', source: 'row = 1'});")
    notebook.page.keyboard.press("Control+z")
    notebook.evaluate("panel.content.model.sharedModel.deleteCell(0);")
    assert sources(notebook)[3] == SHUFFLE
    # and a cell that was edited or run is the user's
    notebook.evaluate("panel.content.model.sharedModel.deleteCell(3);")
    button.click()
    notebook.evaluate("panel.content.widgets[3].model.sharedModel.setSource('mine = 1');")
    notebook.page.keyboard.press("Control+z")
    notebook.page.evaluate("() => new Promise((resolve) => requestAnimationFrame(resolve))")
    assert len(notebook.cells()) == 5


HIDDEN = """
from IPython.display import HTML, display
def fix(number, code, attributes=""):
    return ('<div class="kerasdoctor-prescription"><details open><summary>'
            f'<span class="kerasdoctor-id">9.{number}</span></summary>'
            f'<pre class="kerasdoctor-code" {attributes}>{code}</pre></details></div>')
display(HTML('<div class="kerasdoctor-report">' + "".join([
    fix(1, '<code>good = 1<span hidden>; hidden = 1</span><span style="display: none">; style = 1</span></code>'),
    fix(2, '<code class="lm-mod-hidden">klass = 1</code>'),
    fix(3, "sheet = 1", 'id="sheet"'),
    fix(4, "faint = 1", 'style="opacity: 0"'),
    fix(5, "x" * 20001),
]) + '<style>#sheet {opacity: 0}</style><pre class="kerasdoctor-combinations" hidden>'
    '{"ids":["9.1","9.2","9.3"],"lines":["a = 1","evil = 1"],'
    '"cells":[[["9.1","9.2"],"",[0,1]]],"conflicts":[["9.3","9.4","why"]]}</pre></div>'))
"""


def test_a_page_that_imitates_a_report_inserts_only_what_it_shows(notebook: Notebook) -> None:
    notebook.evaluate(
        """const cell = {cell_type: 'code', source: argument, metadata: {trusted: true}};
        panel.content.model.sharedModel.insertCell(4, cell);""",
        HIDDEN,
    )
    notebook.run(4)
    place = notebook.output(4)
    # what was hidden in the code is shown beside the button
    expect(place.locator("pre").first).to_have_text("good = 1; hidden = 1; style = 1")
    for number, source in enumerate(["good = 1; hidden = 1; style = 1", "klass = 1"], 1):
        insert_button(place, f"9.{number}").click()
        assert sources(notebook)[5] == source
    assert len(notebook.cells()) == 7
    insert_button(place, "9.3").click()
    expect(place.get_by_text("Nothing was inserted: this code cannot be seen here as it is")).to_be_visible()
    insert_button(place, "9.4").click()
    expect(insert_button(place, "9.5")).to_have_count(0)
    assert sources(notebook)[5:] == ["faint = 1", "klass = 1", "good = 1; hidden = 1; style = 1"]
    # what its fixes would become together is shown as well
    place.get_by_role("checkbox", name="Take fix 9.1").check()
    place.get_by_role("checkbox", name="Take fix 9.2").check()
    expect(place.locator(".kerasdoctor-ticked pre")).to_have_text("a = 1\nevil = 1")
    # and what nobody has written beforehand is the command
    place.get_by_role("checkbox", name="Take fix 9.3").check()
    expect(place.locator(".kerasdoctor-ticked pre")).to_have_text("%kdoctor fix 9.1 9.2 9.3")
    place.get_by_role("button", name="Insert the command for the 3 ticked fixes").click()
    assert sources(notebook)[5] == "%kdoctor fix 9.1 9.2 9.3"


def test_the_cell_may_have_been_moved(notebook: Notebook) -> None:
    notebook.evaluate("panel.content.model.sharedModel.moveCell(2, 0);")
    assert sources(notebook)[0] == "simulation.static()"
    reveal(notebook.output(0))
    insert_button(notebook.output(0)).click()
    assert sources(notebook)[:3] == ["simulation.static()", SHUFFLE, "import simulation"]
    notebook.evaluate("panel.content.model.sharedModel.moveCell(0, 3);")


def test_a_notebook_that_may_not_be_changed_is_not(notebook: Notebook) -> None:
    notebook.evaluate("panel.content.model.readOnly = true;")
    insert_button(notebook.output(2)).click()
    expect(notebook.output(2).get_by_text("This notebook cannot be changed")).to_be_visible()
    assert len(notebook.cells()) == 4
    notebook.evaluate("panel.content.model.readOnly = false;")


def test_far_down_in_a_long_notebook(notebook: Notebook) -> None:
    # cells out of sight are not drawn
    notebook.evaluate(
        """panel.content.notebookConfig = {...panel.content.notebookConfig, windowingMode: 'full'};
        const rows = Array.from({length: 100}, (_, i) => ({cell_type: 'code', source: `row = ${i}`}));
        panel.content.model.sharedModel.insertCells(0, rows);
        await panel.content.scrollToItem(0);"""
    )
    expect(notebook.cell(0)).to_be_in_viewport()
    notebook.evaluate("await panel.content.scrollToItem(102);")
    reveal(notebook.output(102))
    insert_button(notebook.output(102)).click()
    assert sources(notebook)[102:104] == ["simulation.static()", SHUFFLE]
    assert notebook.active_cell == 103
    expect(notebook.cell(103)).to_be_in_viewport()
    notebook.evaluate(
        """panel.content.notebookConfig = {...panel.content.notebookConfig, windowingMode: argument};""", "defer"
    )


def test_what_is_inserted_is_an_edit_of_the_shared_document(notebook: Notebook) -> None:
    # by whose updates every other client of a shared notebook gets it
    notebook.evaluate(
        """window.updates = '';
        const decoder = new TextDecoder();
        panel.content.model.sharedModel.ydoc.on('update', (update) => { window.updates += decoder.decode(update); });"""
    )
    insert_button(notebook.output(2)).click()
    assert SHUFFLE in notebook.page.evaluate("window.updates")


@lab_only
def test_a_second_view_of_the_notebook_inserts_once_and_shows_it_in_both(notebook: Notebook) -> None:
    panels = f"[...jupyterapp.shell.widgets('main')].filter((w) => w.context?.path === '{notebook.path}')"
    notebook.page.evaluate("jupyterapp.commands.execute('docmanager:clone')")
    notebook.page.wait_for_function(f"() => {panels}.length === 2")
    second = notebook.page.locator(".jp-NotebookPanel").last.locator("[data-windowed-list-index='2'].jp-Cell")
    second.locator("details").first.wait_for(state="attached")
    reveal(second)
    insert_button(second).click()
    assert notebook.page.evaluate(f"{panels}.map((w) => w.content.widgets.length)") == [5, 5]
    assert notebook.page.evaluate(f"{panels}[1].content.activeCellIndex") == 3
    assert sources(notebook)[3] == SHUFFLE
    notebook.page.evaluate(f"{panels}[1].close()")
    notebook.page.wait_for_function(f"() => {panels}.length === 1")


def test_the_command_writes_the_same_cell_without_the_plugin(notebook: Notebook) -> None:
    notebook.evaluate(
        """const cells = argument.map((source) => ({cell_type: 'code', source, metadata: {trusted: true}}));
        panel.content.model.sharedModel.insertCells(4, cells);""",
        [
            "%load_ext kerasdoctor\nx = y = model = np = keras = 1",
            "get_ipython().kdoctor.runs['1'] = simulation.train_unseen()",
            "%kdoctor fix 3 1",
        ],
    )
    for cell in (4, 5, 6):
        notebook.run(cell)
    notebook.wait_until("panel.content.widgets.length === 8")
    new = notebook.cells()[7]
    assert (new.source, new.outputs) == (BOTH, [])
