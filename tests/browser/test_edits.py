"""An edit is made in the cell that it is of, as it is shown, on a real click, and taken back by Ctrl Z."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Notebook, Window

BUILD = """model = keras.Sequential([
    layers.Dense(128, activation="relu"),  # <b>wide</b> & „hidden“
    layers.Dense(3),
])
"""
EDITED = BUILD.replace("    layers.Dense(3)", "    # why\n    layers.Dropout(0.3),\n    layers.Dense(3)")

lab_only = pytest.mark.parametrize("server", ["lab"], indirect=True)


def opened(window: Window, build: str = BUILD, *further: str) -> Notebook:
    """A notebook whose third cell shows an edit of its second."""
    notebook = window.open("import simulation", build, f"simulation.edited({BUILD!r}, {EDITED!r})", *further)
    notebook.run(0)
    notebook.run(2)
    return notebook


def edit_of(notebook: Notebook) -> Locator:
    """The diff, unfolded."""
    edit = notebook.output(2).locator(".kerasdoctor-edit")
    expect(edit).to_have_count(1)
    for details in (edit.locator("xpath=ancestor::details"), edit):
        details.first.evaluate("(details) => { details.open = true; }")
    return edit


def apply_button(notebook: Notebook) -> Locator:
    return edit_of(notebook).get_by_role("button", name="Apply fix 1.1 to the cell")


def sources(notebook: Notebook) -> list[str]:
    return [cell.source for cell in notebook.cells()]


def test_a_click_makes_the_shown_edit_and_ctrl_z_takes_it_back(window: Window) -> None:
    notebook = opened(window)
    edit = edit_of(notebook)
    assert edit.locator(".kerasdoctor-added").all_text_contents() == ["+    # why\n", "+    layers.Dropout(0.3),\n"]
    notebook.picture("edit", notebook.output(2))
    apply_button(notebook).click()
    notebook.wait_until("panel.content.widgets[1].model.sharedModel.getSource().includes('Dropout')")
    assert sources(notebook)[:2] == ["import simulation", EDITED]
    assert len(notebook.cells()) == 3
    # it was not run
    assert notebook.evaluate("return panel.content.widgets[1].model.executionCount;") is None
    assert notebook.active_cell == 1
    expect(notebook.cell(1)).to_be_in_viewport()
    expect(edit.get_by_role("status")).to_have_text("Applied; Ctrl+Z in the cell takes it back")

    # the second click goes to the cell that is edited already
    notebook.evaluate("panel.content.activeCellIndex = 0;")
    apply_button(notebook).click()
    notebook.wait_until("panel.content.activeCellIndex === 1")
    assert sources(notebook)[1] == EDITED

    expect(notebook.cell(1).locator(".cm-editor")).to_have_class(re.compile("cm-focused"))
    notebook.page.keyboard.press("Control+z")
    notebook.wait_until("!panel.content.widgets[1].model.sharedModel.getSource().includes('Dropout')")
    assert sources(notebook)[1] == BUILD


@lab_only
def test_a_cell_that_was_changed_is_left_alone(window: Window) -> None:
    changed = BUILD.replace("128", "64")
    notebook = opened(window, changed)
    apply_button(notebook).click()
    expect(edit_of(notebook).get_by_role("status")).to_contain_text("has been changed since it ran")
    assert sources(notebook)[1] == changed


@lab_only
def test_two_cells_with_the_text_are_left_alone(window: Window) -> None:
    notebook = opened(window, BUILD, BUILD)
    apply_button(notebook).click()
    expect(edit_of(notebook).get_by_role("status")).to_contain_text("Several cells")
    assert sources(notebook)[1] == sources(notebook)[3] == BUILD


@lab_only
def test_no_script_applies_an_edit_and_what_is_hidden_is_shown(window: Window) -> None:
    notebook = opened(window)
    button = apply_button(notebook)
    button.evaluate("(button) => { button.click(); button.dispatchEvent(new MouseEvent('click', {bubbles: true})); }")
    # a real click behind it is the first that does something
    assert sources(notebook)[1] == BUILD
    expect(edit_of(notebook).get_by_role("status")).to_be_hidden()
    forged = (
        '<div class="kerasdoctor-report"><div class="kerasdoctor-prescription"><span class="kerasdoctor-id">1.1</span>'
        '<div class="kerasdoctor-edit"><pre class="kerasdoctor-diff" style="display: none"><code> a = 1\\n'
        '<span style="display: none">+import os\\n</span></code></pre></div></div></div>'
    )
    notebook.evaluate(f"panel.content.widgets[0].node.insertAdjacentHTML('beforeend', '{forged}');")
    shown = notebook.cell(0).locator(".kerasdoctor-diff")
    expect(shown.get_by_text("+import os")).to_be_visible()


DATA = """%load_ext kerasdoctor
import numpy as np
rng = np.random.default_rng(0)
x = rng.normal(size=(60, 8)).astype("float32")
y = rng.integers(0, 3, 60)"""
MODEL = """import keras
from keras import layers

keras.utils.set_random_seed(0)
model = keras.Sequential([
    keras.Input((8,)),
    layers.Dense(512, activation="relu"),  # wide
    layers.Dense(3, activation="softmax"),
])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
"""
FIT = "history = %kdoctor fit model.fit(x, y, validation_split=0.2, epochs=60)"


@lab_only
def test_a_real_run(window: Window) -> None:
    notebook = window.open(DATA, MODEL, FIT)
    for index in range(3):
        notebook.run(index)
    report = notebook.output(2).locator(".kerasdoctor-report")
    expect(report).to_be_visible()
    dropout = report.locator(".kerasdoctor-prescription", has_text="Add a Dropout layer").first
    dropout.evaluate("(fix) => { for (let d = fix; d; d = d.parentElement) if (d.open === false) d.open = true; }")
    dropout.locator("details").evaluate_all("(all) => all.forEach((details) => { details.open = true; })")
    notebook.picture("edit-real", notebook.output(2))
    dropout.get_by_role("button", name="Apply fix").click()
    notebook.wait_until("panel.content.widgets[1].model.sharedModel.getSource().includes('layers.Dropout')")
    for index in (1, 2):
        notebook.run(index)
    assert (
        notebook.evaluate(
            """const future = panel.sessionContext.session.kernel.requestExecute({
            code: '', silent: true, user_expressions: {kinds: '[type(l).__name__ for l in model.layers]'}});
        const reply = await future.done; return reply.content.user_expressions.kinds.data['text/plain'];"""
        )
        == "['Dense', 'Dropout', 'Dense']"
    )
