"""What one run of a cell shows: a live view while its fits run, one static report in its place afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.display import display

from kerasdoctor.instrumentation.observer import Observer, Progress
from kerasdoctor.record import TrainingRecord
from kerasdoctor.renderers import bundle
from kerasdoctor.report import Report


class CellSession(Observer):
    """Follows the fits of one cell: a row per fit in one view, one output in the notebook."""

    def __init__(self, shell: InteractiveShell, finished: Callable[[Report], None]) -> None:
        """A session that shows nothing until a fit begins.

        Args:
            shell: the shell that runs the cell.
            finished: is given the report of every fit that ends.
        """
        self._shell = shell
        self._finished = finished
        self._reports: dict[str, Report] = {}
        self._view: Any = None
        self._handle: Any = None

    @property
    def live(self) -> bool:
        """Whether the view can be seen; else there is only the report at the end."""
        return is_live(self._shell)

    @property
    def verbose(self) -> int | None:
        """Keras's `verbose` beside this output; None leaves the default.

        The view has a progress bar of its own. A notebook that a program runs gets a line per epoch: thousands of
        redrawn bars would be saved with it.
        """
        if getattr(self._shell, "kernel", None) is None:
            return None
        return 0 if self.live else 2

    def began(self, record: TrainingRecord) -> None:
        if not self.live:
            return
        if self._view is None:
            from kerasdoctor.notebook.view import LiveView

            self._view = LiveView()
            self._handle = display(self._view, display_id=True)
        self._view.add(record)

    def stepped(self, record: TrainingRecord, progress: Progress) -> None:
        if self._view is not None:
            self._view.refresh(record, progress)

    def examined(self, report: Report) -> None:
        if self._view is not None:
            self._view.examined(report)

    def ended(self, report: Report) -> None:
        self._reports[report.record.run] = report
        self._finished(report)
        # a check never began
        if self._view is not None and report.record.outcome.status != "checked":
            self._view.examined(report)
            self._view.finish(report.record)

    def restated(self, report: Report) -> None:
        """The report of a fit that has ended, with other code for its fixes."""
        self._reports[report.record.run] = report
        if self._view is not None:
            self._view.examined(report)

    def close(self) -> None:
        """The cell is over: leaves the static report, in the place of the view."""
        if not self._reports:
            return
        content = bundle.render_all(list(self._reports.values()))
        self._reports = {}
        if self._handle is not None:
            # a bundle that still held the widget would show an error after a reload of the notebook
            self._handle.update(content, raw=True)
        else:
            display(content, raw=True)


def is_live(shell: InteractiveShell) -> bool:
    """Whether a person sits at a front end that can draw widgets.

    nbclient and papermill run a kernel too; they tell by not taking input (measured on nbclient 0.10, papermill 2.6).
    """
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return False
    content = kernel.get_parent("shell").get("content", {})
    return bool(content.get("allow_stdin"))


def cell_id(shell: InteractiveShell) -> str:
    """Id of the notebook cell that is running; empty where the front end does not tell."""
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return ""
    metadata = kernel.get_parent("shell").get("metadata", {})
    return str(metadata.get("cellId") or "")
