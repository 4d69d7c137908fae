"""A real IPython shell in the test's own process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell


class Shell:
    """Runs cells and keeps what they show."""

    def __init__(self) -> None:
        InteractiveShell.clear_instance()
        self.ip = InteractiveShell.instance()
        self.ip.display_pub = CapturingDisplayPublisher()

    def run(self, cell: str) -> Any:
        """The value of the cell's last expression; what the cell raised is raised again."""
        result = self.ip.run_cell(cell, store_history=True)
        result.raise_error()
        return result.result

    def fails(self, cell: str) -> BaseException:
        """What the cell raised."""
        result = self.ip.run_cell(cell, store_history=True)
        error = result.error_in_exec or result.error_before_exec
        assert error is not None, "the cell raised nothing"
        return error

    @property
    def shown(self) -> list[dict[str, Any]]:
        return [output["data"] for output in self.ip.display_pub.outputs]


@pytest.fixture
def shell() -> Iterator[Shell]:
    running = Shell()
    running.run("%load_ext kerasdoctor")
    yield running
    if hasattr(running.ip, "kdoctor"):
        running.run("%unload_ext kerasdoctor")
    InteractiveShell.clear_instance()


@pytest.fixture
def digits_shell(shell: Shell) -> Shell:
    """With `x`, `y` (400 digits) and a compiled `model`."""
    shell.run(
        "import keras\n"
        "from tests import programs\n"
        "x, y = (part[:400] for part in programs.digits())\n"
        "model = programs.classifier()\n"
    )
    return shell
