"""A notebook that two people have open at once, by jupyter-collaboration."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Notebook, Server, new_window, serve
from tests.browser.simulation import SHUFFLE
from tests.browser.test_plugin import insert_button, reveal, sources


@pytest.fixture
def together(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    pytest.importorskip("jupyter_collaboration")
    with serve("lab", tmp_path_factory.mktemp("together"), shared=True) as running:
        yield running


def test_a_fix_is_inserted_in_the_notebook_of_both(together: Server, browser: Browser) -> None:
    with new_window(together, browser, "one") as window, new_window(together, browser, "other") as other:
        mine = window.open("import simulation", "simulation.static()", "after = 1")
        theirs = Notebook(together, other.context.new_page(), mine.path)
        theirs.open()
        mine.run(0)
        mine.run(1)
        reveal(mine.output(1))
        insert_button(mine.output(1)).click()
        theirs.wait_until("panel.content.widgets.length === 4")
        assert sources(theirs) == sources(mine) == ["import simulation", "simulation.static()", SHUFFLE, "after = 1"]
        # the report is there too, and the cell is found that the other one has inserted
        reveal(theirs.output(1))
        insert_button(theirs.output(1)).click()
        assert theirs.active_cell == 2
        assert len(theirs.cells()) == 4
        # each takes back their own
        mine.page.keyboard.press("z")
        theirs.wait_until("panel.content.widgets.length === 3")
        expect(theirs.output(1).locator(".kerasdoctor-report")).to_be_visible()
