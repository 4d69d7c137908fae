"""The live view as a person sees it, driven by a simulated run."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.browser.conftest import Notebook, Server, Window, new_window
from tests.browser.simulation import MARKUP, OVERFITTING, SHUFFLE, SPLIT


@pytest.fixture(scope="module")
def ended(server: Server, browser: Browser) -> Iterator[Notebook]:
    """A notebook with the view of a run that has ended; the tests that share it leave it as it was."""
    with new_window(server, browser, "ended") as window:
        notebook = window.open("import simulation", "simulation.train();")
        notebook.run(0)
        notebook.run(1)
        yield notebook


def says(output: Locator, text: str, chart: int = 0) -> None:
    """What a screen reader says of a chart begins with the text, as soon as what the kernel sent has been drawn."""
    expect(output.get_by_role("img").nth(chart)).to_have_attribute("aria-label", re.compile(f"^{re.escape(text)}"))


def label(output: Locator, chart: int = 0) -> str:
    """What a screen reader says of a chart now."""
    return output.get_by_role("img").nth(chart).get_attribute("aria-label") or ""


def pixels(output: Locator) -> str:
    data: str = output.locator("canvas").first.evaluate("(canvas) => canvas.toDataURL()")
    return data


def test_it_follows_a_run(window: Window) -> None:
    notebook = window.open("import simulation", "simulation.train(gates=['epoch-1', 'epoch-10']);")
    view, where = notebook.output(1), notebook.output(1).locator(".kerasdoctor-where")
    notebook.run(0)
    notebook.start(1)

    expect(where).to_contain_text("epoch 1 of 20 · step 45 of 45")
    badges = view.locator(".kerasdoctor-badge")
    expect(badges).to_have_count(1)
    expect(badges).to_contain_text("error")
    expect(badges).to_contain_text(SPLIT.message)
    expect(view.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "5")
    says(view, "loss at epoch 1: validation 2.1")
    before = pixels(view)
    notebook.picture("live-1", notebook.cell(1))

    notebook.open_gate("epoch-1")
    expect(where).to_contain_text("epoch 10 of 20")
    expect(where).to_contain_text("s left")
    expect(badges).to_have_count(2)
    expect(badges.nth(1)).to_contain_text(OVERFITTING.message)
    expect(view.locator(".kerasdoctor-verdict")).to_contain_text("overfitting")
    says(view, "accuracy at epoch 10", chart=1)
    assert pixels(view) != before
    # the run is not over: its kernel is busy, and yet a badge opens
    badges.first.click()
    expect(view.locator(".kerasdoctor-cause:visible")).to_have_count(3)
    notebook.picture("live-2", notebook.cell(1))

    notebook.open_gate("epoch-10")
    notebook.wait_idle()
    expect(view.locator(".kerasdoctor-state")).to_contain_text("finished, epochs: 20 of 20")
    expect(where).to_be_hidden()
    # what the reader has opened stays open
    expect(view.locator(".kerasdoctor-cause").first).to_be_visible()


def test_a_badge_opens_the_differential_and_the_fixes(ended: Notebook) -> None:
    view = ended.output(1)
    badge = view.locator(".kerasdoctor-badge").first
    badge.focus()
    ended.page.keyboard.press("Enter")
    expect(badge).to_have_attribute("aria-expanded", "true")
    causes = view.locator(".kerasdoctor-cause:visible")
    expect(causes).to_contain_text(["confirmed", "ruled out", "possible"])
    expect(causes.first).to_contain_text("99.4% of neighbouring rows have equal labels")
    expect(causes.first).to_contain_text("row_order = 0.994, threshold 0.2")

    fixes = view.locator(".kerasdoctor-prescription:visible")
    expect(fixes.locator(".kerasdoctor-id")).to_have_text(["1.1", "1.2"])
    expect(fixes.locator("pre.kerasdoctor-code > code")).to_have_count(2)
    assert fixes.locator("pre.kerasdoctor-code > code").all_text_contents() == [SHUFFLE, MARKUP]
    # the user's words are text: nothing in them has become an element
    assert fixes.locator("code img, code b").count() == 0
    expect(fixes.nth(1)).to_contain_text("Split <by> label & shuffle")

    fixes.first.get_by_role("button", name="Copy fix 1.1").click()
    expect(fixes.first.get_by_role("status").filter(has_text="Copied")).to_be_visible()
    assert ended.page.evaluate("navigator.clipboard.readText()") == SHUFFLE
    badge.click()
    expect(causes.first).to_be_hidden()


def test_without_the_plugin_it_names_the_command(ended: Notebook) -> None:
    view = ended.output(1)
    badge = view.locator(".kerasdoctor-badge").first
    badge.click()
    hint = view.locator(".kerasdoctor-hint").first
    expect(hint).to_be_hidden()
    ended.page.evaluate("delete document.documentElement.dataset.kerasdoctorPlugin")
    expect(hint).to_have_text("or run %kdoctor fix 1.1, which writes it into a new cell; several names make one")
    ended.page.evaluate("document.documentElement.dataset.kerasdoctorPlugin = ''")
    badge.click()


def test_the_legend_tells_the_values_under_the_mouse(ended: Notebook) -> None:
    view = ended.output(1)
    value = view.locator(".kerasdoctor-chart").first.locator(".kerasdoctor-value").first
    last = value.inner_text()
    view.locator(".u-over").first.hover(position={"x": 80, "y": 40})
    expect(value).not_to_have_text(last)
    expect(view.locator(".kerasdoctor-hovered").nth(1)).to_contain_text("epoch")
    ended.page.mouse.move(0, 0)
    expect(value).to_have_text(last)


def test_a_logarithmic_scale_and_a_zoom(ended: Notebook) -> None:
    view = ended.output(1)
    plain = pixels(view)
    button = view.get_by_role("button", name="log").first
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    assert pixels(view) != plain
    button.click()
    area = view.locator(".u-over").first
    box = area.bounding_box()
    assert box
    ended.page.mouse.move(box["x"] + 40, box["y"] + 50)
    ended.page.mouse.down()
    ended.page.mouse.move(box["x"] + 160, box["y"] + 50, steps=4)
    ended.page.mouse.up()
    ended.page.mouse.move(0, 0)
    zoomed = pixels(view)
    assert zoomed != plain
    area.dblclick()
    ended.page.mouse.move(0, 0)
    ended.page.wait_for_function("(before) => document.querySelector('canvas').toDataURL() !== before", arg=zoomed)


def test_it_wears_the_theme_of_the_page(ended: Notebook) -> None:
    view = ended.output(1)
    light = pixels(view)
    ended.theme("dark")
    ended.page.wait_for_function(
        "(light) => document.querySelector('.kerasdoctor-live canvas').toDataURL() !== light", arg=light
    )
    ended.theme("light")
    ended.page.wait_for_function(
        "(light) => document.querySelector('.kerasdoctor-live canvas').toDataURL() === light", arg=light
    )


@pytest.mark.parametrize("width", [400, 800, 1600])
def test_it_fits_every_width(ended: Notebook, width: int) -> None:
    view = ended.output(1).locator(".kerasdoctor-live")
    size = ended.page.viewport_size
    assert size
    view.locator(".kerasdoctor-badge").first.click()
    view.evaluate("(root, width) => { root.style.width = `${width}px`; }", width)
    charts = view.locator(".kerasdoctor-chart")
    # the canvas follows its frame
    ended.page.wait_for_function(
        """() => [...document.querySelectorAll('.kerasdoctor-live .kerasdoctor-plot')].every(
            (plot) => Math.abs(plot.clientWidth - plot.querySelector('.uplot').clientWidth) <= 1)"""
    )
    first, second = charts.nth(0).bounding_box(), charts.nth(1).bounding_box()
    assert first
    assert second
    assert (second["y"] > first["y"]) == (width == 400)
    assert view.evaluate(
        """(root) => [...root.querySelectorAll('*')].every((node) => node.closest('pre, .kerasdoctor-plot, svg')
            || node.getBoundingClientRect().right <= root.getBoundingClientRect().right + 1)"""
    )
    ended.page.set_viewport_size({"width": max(size["width"], width + 480), "height": size["height"]})
    ended.picture(f"width-{width}", view)
    ended.page.set_viewport_size(size)
    view.evaluate("(root) => { root.style.width = ''; }")
    view.locator(".kerasdoctor-badge").first.click()


def test_the_fits_of_one_cell_are_rows(window: Window) -> None:
    notebook = window.open("import simulation", "simulation.folds(5)")
    notebook.run(0)
    notebook.run(1)
    rows = notebook.output(1).locator(".kerasdoctor-row")
    expect(rows).to_have_count(5)
    expect(rows.locator("canvas")).to_have_count(6)
    last = rows.nth(4)
    expect(last.locator(".kerasdoctor-values")).to_have_text(
        "loss 0.5144 · val_loss 0.9544 · accuracy 0.8022 · val_accuracy 0.6514"
    )
    notebook.picture("rows", notebook.cell(1))
    last.get_by_role("button", name="show curves").click()
    expect(last.locator("canvas")).to_have_count(2)


def test_a_loss_that_breaks_is_said(window: Window) -> None:
    notebook = window.open("import simulation", "simulation.diverge()")
    notebook.run(0)
    notebook.run(1)
    view = notebook.output(1)
    says(view, "loss at epoch 3: validation NaN, training NaN, per batch NaN")
    notebook.picture("broken", notebook.cell(1))


def test_several_outputs_are_chosen_from(window: Window) -> None:
    notebook = window.open("import simulation", "simulation.several_outputs()")
    notebook.run(0)
    notebook.run(1)
    view = notebook.output(1)
    choice = view.get_by_role("combobox").nth(1)
    expect(choice.locator("option")).to_have_text(["a_accuracy", "b_mae"])
    choice.select_option("b_mae")
    says(view, "b_mae at epoch 6", chart=1)
    notebook.picture("outputs", notebook.cell(1))


def test_a_reload_gets_the_view_back_from_the_kernel(window: Window) -> None:
    notebook = window.open("import simulation", "simulation.reopened()")
    notebook.run(0)
    notebook.run(1)
    says(notebook.output(1), "loss at epoch 20")
    said = label(notebook.output(1))
    notebook.save()
    notebook.reload()
    view = notebook.output(1)
    expect(view.locator(".kerasdoctor-badge")).to_have_count(2)
    says(view, said)


def test_a_reload_during_the_run_gets_the_view_back_at_its_end(window: Window) -> None:
    notebook = window.open("import simulation", "simulation.train(gates=['epoch-10']);")
    notebook.run(0)
    notebook.start(1)
    view = notebook.output(1)
    expect(view.locator(".kerasdoctor-where")).to_contain_text("epoch 10 of 20")
    notebook.save()
    notebook.page.reload()
    notebook.wait_loaded(kernel=False)
    notebook.wait_until("panel.sessionContext.session?.kernel?.connectionStatus === 'connected'")
    notebook.open_gate("epoch-10")
    expect(view.locator(".kerasdoctor-state")).to_contain_text("finished, epochs: 20 of 20")
    says(view, "loss at epoch 20")
    expect(view.locator(".kerasdoctor-badge")).to_have_count(2)


def test_a_page_that_is_slow_to_load_misses_nothing(window: Window) -> None:
    # anywidget gives up on a module after this time, and drops all messages
    window.context.add_init_script(
        """AbortSignal.timeout = () => {
            const controller = new AbortController();
            setTimeout(() => controller.abort());
            return controller.signal;
        };"""
    )
    notebook = window.open("import simulation", "simulation.train_until('seen')")
    notebook.run(0)
    notebook.start(1)
    view = notebook.output(1)
    # the kernel is busy and answers no question, and yet the run is seen
    expect(view.locator(".kerasdoctor-where")).to_contain_text("epoch")
    expect(view.locator(".kerasdoctor-badge")).to_have_count(1)
    before = label(view)
    expect(view.get_by_role("img").first).not_to_have_attribute("aria-label", before)
    notebook.open_gate("seen")
    notebook.wait_idle()
    # everything is there at the end, from the first of the three batches of an epoch on
    expect(view.locator(".kerasdoctor-state")).to_contain_text("stopped early")
    view.locator(".u-over").first.hover(position={"x": 1, "y": 40})
    expect(view.locator(".kerasdoctor-hovered").first).to_have_text("epoch 0.3")
