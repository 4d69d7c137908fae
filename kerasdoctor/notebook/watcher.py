"""Watches the fits of a notebook, cell by cell."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

from IPython.core import error
from IPython.core.interactiveshell import InteractiveShell

from kerasdoctor import store
from kerasdoctor.engine import diagnose
from kerasdoctor.errors import UsageError
from kerasdoctor.instrumentation.observer import Observer
from kerasdoctor.notebook import transform
from kerasdoctor.notebook.history import CellHistory
from kerasdoctor.notebook.session import CellSession, cell_id
from kerasdoctor.report import Report

T = TypeVar("T")

WRITE = "write %kdoctor fit model.fit(x, y, ...)"
WRITE_CHECK = "write %kdoctor check model.fit(x, y, ...)"


class NotebookWatcher:
    """What `%kdoctor` does in one shell: which fits are watched, and the runs of this kernel.

    What a cell calls raises IPython's own `UsageError` for bad input: that class alone, none derived from it, is
    shown as one line without a traceback.

    Attributes:
        runs: name of the run -> its report, in the order in which they ended.
        history: the cells that have run.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        """A watcher that watches nothing yet.

        Args:
            shell: the shell whose cells are watched.
        """
        self.runs: dict[str, Report] = {}
        self.history = CellHistory(shell)
        self._shell = shell
        #: The level at which every fit is watched; empty when not every one is.
        self._always = ""
        self._watch: Any = None
        #: Whether this cell asked for its fits to be watched, which it has yet to call.
        self._asked = False
        self._session: CellSession | None = None

    # what a cell calls ---------------------------------------------------------------------------------------------

    def fit(self, call: Callable[[], T], *, level: str = "default") -> T:
        """Watches the fits that `call` makes, and returns its value."""
        __tracebackhide__ = True
        watch = self._open()
        before = watch.watched
        earlier = self._start(watch, level=level)
        try:
            result = call()
        except BaseException as problem:
            watch.restore(earlier, problem)
            raise
        watch.restore(earlier)
        if watch.watched == before:
            raise error.UsageError(watch.unseen or f"this call ran no Keras fit: {WRITE}")
        return result

    def fit_text(self, text: str, local_ns: Mapping[str, Any] | None) -> Any:
        """`fit` for a call of one line, as a magic passes it; without a call, the next fit of the cell."""
        __tracebackhide__ = True
        level, text = transform.level_of(text)
        if not text:
            return self.watch_next(level=level)
        return self.fit(self._call_of(text, local_ns, WRITE), level=level)

    def check(self, call: Callable[[], Any], *, overfit: bool = False) -> Report:
        """Examines the first fit that `call` makes without training; the call ends there.

        Args:
            call: the user's call.
            overfit: whether copies of the weights are trained on a few rows, to see whether they are learned by heart.
        """
        __tracebackhide__ = True
        from kerasdoctor.instrumentation.checking import check

        self._open()
        return check(
            call,
            observer=self._session or Observer(),
            ignored=store.ignored(),
            cell_id=cell_id(self._shell),
            cells=self.history.cells(),
            usage_error=error.UsageError,
            unseen=f"this call ran no Keras fit: {WRITE_CHECK}",
            probes=("overfit_batch",) if overfit else (),
        )

    def check_text(self, text: str, local_ns: Mapping[str, Any] | None) -> Report:
        """`check` for a call of one line, as a magic passes it."""
        __tracebackhide__ = True
        overfit, text = transform.overfit_of(text)
        return self.check(self._call_of(text, local_ns, WRITE_CHECK), overfit=overfit)

    def _call_of(self, text: str, local_ns: Mapping[str, Any] | None, write: str) -> Callable[[], Any]:
        try:
            tree = ast.parse(text, mode="eval")
        except SyntaxError as problem:
            self.refuse(text, problem.msg, write)
        if not any(isinstance(node, ast.Call) for node in ast.walk(tree)):
            self.refuse(text, write=write)
        # cached under a name of IPython's, so that the call's source can be found as that of any cell
        name = self._shell.compile.cache(text)
        code = compile(tree, name, "eval")
        return lambda: eval(code, self._shell.user_ns, dict(local_ns or {}))  # noqa: S307 (the user's own code)

    def watch_next(self, *, level: str = "default") -> None:
        """The next fit of this cell is watched."""
        self._start(self._open(), most=1, level=level)
        self._asked = True

    def watch_cell(self, *, level: str = "default") -> None:
        """Every fit of this cell is watched."""
        self._start(self._open(), level=level)
        self._asked = True

    def always(self, *, on: bool, level: str = "default") -> None:
        """Every fit of this notebook is watched, or no longer."""
        if on:
            self._start(self._open(), level=level)
        elif self._watch is not None:
            self._watch.stop()
        self._always = level if on else ""

    def refuse(self, text: str, problem: str = "", write: str = WRITE) -> NoReturn:
        """What stands behind `%kdoctor fit` or `%kdoctor check` is no call."""
        reason = f" ({problem})" if problem else ""
        raise error.UsageError(f"not a call of fit{reason}: {_short(text)}; {write}")

    def refuse_words(self, text: str) -> NoReturn:
        """Something stands behind `%%kdoctor fit`."""
        raise error.UsageError(f"%%kdoctor fit takes nothing on its line: {_short(text)}; put the code below it")

    # ---------------------------------------------------------------------------------------------------------------

    def report(self, run: str | None = None) -> Report:
        """The report of a run, the last one by default.

        Raises:
            UsageError: when there is no such run.
        """
        if not self.runs:
            raise UsageError(f"no fit was watched yet: {WRITE}")
        if run is None:
            run = list(self.runs)[-1]
        if run not in self.runs:
            raise UsageError(f"there is no run {run!r}: the runs of this kernel are {', '.join(self.runs)}")
        self._keep_to_names(run)
        return self.runs[run]

    def _keep_to_names(self, run: str) -> None:
        """Writes the fixes of a run anew where names in them were deleted since."""
        from kerasdoctor.instrumentation.summaries import call

        record = self.runs[run].record
        source = None if record.source is None else call.present(record.source, self._shell.user_ns)
        if source is not record.source:
            record.source = source
            self.runs[run] = diagnose(record, ignored=store.ignored())

    def cell_ended(self, result: Any) -> None:
        """IPython's `post_run_cell`: watching ends with the cell, however it ended, and its report stays."""
        watch, session = self._watch, self._session
        asked, self._asked, self._session = self._asked, False, None
        if watch is not None:
            watch.stop(getattr(result, "error_in_exec", None))
            self._watch = None
            if asked and not watch.watched and getattr(result, "success", True):
                why = watch.unseen or f"this cell called no Keras fit: {WRITE}"
                sys.stderr.write(f"%kdoctor fit watched nothing, {why}\n")
        if session is not None:
            try:
                for report in watch.restated() if watch is not None else ():
                    self.runs[report.record.run] = report
                    session.restated(report)
                session.close()
            except Exception as problem:  # the cell's own result is not ours to spoil
                sys.stderr.write(f"Keras Doctor could not show its report: {problem}\n")
        if self._always:
            self._start(self._open(), level=self._always)

    def _open(self) -> Any:
        """The watch of the running cell."""
        if self._watch is None:
            # Keras is loaded when it is first needed: loading the extension stays quick
            from kerasdoctor.instrumentation.watching import Watch

            session = self._session = CellSession(self._shell, self._keep)
            self._watch = Watch(
                session,
                ignored=store.ignored(),
                cell_id=lambda: cell_id(self._shell),
                cells=self.history.cells,
                verbose=lambda: session.verbose,
                usage_error=error.UsageError,
            )
        return self._watch

    def _start(self, watch: Any, **how: Any) -> Any:
        try:
            return watch.start(**how, names=self._shell.user_ns)
        except UsageError as problem:
            raise error.UsageError(str(problem)) from None

    def _keep(self, report: Report) -> None:
        self.runs.pop(report.record.run, None)
        self.runs[report.record.run] = report


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:57] + "..."
