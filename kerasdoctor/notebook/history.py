"""The cells that a shell has run, as the user wrote them."""

from __future__ import annotations

from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from kerasdoctor.notebook.session import cell_id
from kerasdoctor.record import Cell

#: Characters of the cells that are kept with a run, the last ones: a notebook that pastes data into its cells.
_MOST_CHARACTERS = 200_000


class CellHistory:
    """IPython's own history, with the ids that the front end tells while a cell runs."""

    def __init__(self, shell: InteractiveShell) -> None:
        """The history of a shell.

        Args:
            shell: the shell.
        """
        self._shell = shell
        #: Number of the cell -> its text and its id, where they are known.
        self._known: dict[int, tuple[str, str]] = {}
        #: The text of the running cell, to the last line feed, which IPython's history leaves away.
        self._running: str | None = None

    def began(self, info: Any) -> None:
        """IPython's `pre_run_cell`, at which the cell has no number yet that all versions agree on."""
        self._running = info.raw_cell if info.store_history else None

    def cells(self) -> tuple[Cell, ...]:
        """Each cell as it ran last, in that order; the running one last."""
        self.keep()
        found: dict[str, Cell] = {}
        for number, stored in enumerate(self._stored()):
            text, known = self._known.get(number, (stored, ""))
            key = known or text
            found.pop(key, None)
            if number:
                found[key] = Cell(text=text, number=number, id=known)
        last: list[Cell] = []
        left = _MOST_CHARACTERS
        for cell in reversed(found.values()):
            left -= len(cell.text)
            if left < 0:
                break
            last.append(cell)
        return tuple(reversed(last))

    def keep(self, _result: Any = None) -> None:
        """IPython's `post_run_cell`: what is known of the running cell, under its number."""
        stored = self._stored()
        if self._running is not None and stored and stored[-1] == self._running.rstrip("\n"):
            self._known[len(stored) - 1] = (self._running, cell_id(self._shell))

    def _stored(self) -> list[str]:
        history = self._shell.history_manager
        return history.input_hist_raw if history else []
