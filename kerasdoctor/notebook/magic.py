"""The `%kdoctor` magics: they parse, call and display."""

from __future__ import annotations

import argparse
import difflib
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from IPython.core import error
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_cell_magic, magics_class, needs_local_scope, no_var_expand
from IPython.display import display

from kerasdoctor import store
from kerasdoctor.errors import UsageError
from kerasdoctor.notebook import cells, transform
from kerasdoctor.notebook.watcher import NotebookWatcher
from kerasdoctor.report import Report


class _Parser(argparse.ArgumentParser):
    commands: tuple[str, ...] = ()

    def error(self, message: str) -> NoReturn:
        usage = " ".join(self.format_usage().removeprefix("usage:").split())
        raise error.UsageError(f"{message}; write {usage}")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        # --help has printed what it has to say
        raise error.UsageError(message or "see the help above")


def _parser() -> _Parser:
    parser = _Parser(prog="%kdoctor", add_help=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    def add(name: str, purpose: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=purpose, add_help=False, prog=f"%kdoctor {name}")

    add("fit", "watch model.fit(...), as %%kdoctor fit every fit of the cell, alone the next fit of the cell")
    add("check", "examine model.fit(...) without training")
    on = add("on", "watch every fit of this notebook")
    on.add_argument("--level", default="default", help="how much is recorded: light, default or full")
    add("off", "watch no longer")
    report = add("report", "the report of a run, the last one by default")
    report.add_argument("run", nargs="?")
    report.add_argument("--json", type=Path, metavar="FILE", help="write Report.to_dict() to a file")
    report.add_argument("--html", type=Path, metavar="FILE", help="write a page that needs no other file")
    show = add("show", "open the interactive view of a run again")
    show.add_argument("run", nargs="?")
    fix = add(
        "fix", "write the cell of a prescription: its number, RUN.NUMBER, or the name of a diagnosis; or of several"
    )
    fix.usage = "%(prog)s N [N ...] [--edit] [--print]"
    fix.add_argument("names", nargs="+", metavar="N")
    fix.add_argument("--edit", action="store_true", help="write the cells that build the model, with the change made")
    fix.add_argument("--print", action="store_true", help="print it, where a front end adds no cell")
    explain = add("explain", "what a diagnosis means and how it is made")
    explain.add_argument("name")
    ignore = add("ignore", "make a diagnosis no more in this project")
    ignore.add_argument("name")
    ignore.add_argument("reason", nargs="*")
    parser.commands = tuple(commands.choices)
    return parser


@magics_class
class KerasDoctorMagics(Magics):
    """The line and cell magic `kdoctor`."""

    def __init__(self, shell: InteractiveShell, watcher: NotebookWatcher) -> None:
        super().__init__(shell)
        self._shell = shell
        self._watcher = watcher

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def kdoctor(self, line: str, cell: str | None = None, local_ns: Mapping[str, Any] | None = None) -> Any:
        """Examine a Keras training run.

        %kdoctor fit model.fit(x, y, ...)    watch this call; it returns its History
        %%kdoctor fit                        watch every fit of this cell
        %kdoctor check model.fit(x, y, ...)  examine this call without training; it returns the report
        %kdoctor report [RUN]                the report; also --json FILE, --html FILE
        %kdoctor fix N [N ...]               write the prescription N into a new cell, or several as one; --print
                                             prints it
        %kdoctor fix N --edit                write the cell that builds the model with the change made in it
        %kdoctor show [RUN]                  the interactive view again
        %kdoctor explain NAME                what a diagnosis means
        %kdoctor ignore NAME [reason]        make it no more in this project
        %kdoctor on, %kdoctor off            watch every fit of this notebook

        `check` takes --overfit: can a few of the rows be learned by heart? Copies of the weights are trained for that.
        `fit` and `on` take --level light (read the data and Keras's logs alone, leave the train step as it is) and
        --level full (compare consecutive gradients, too).
        """
        if cell is not None:
            raise error.UsageError("only %%kdoctor fit takes a whole cell")
        command, _, rest = line.strip().partition(" ")
        if command == "fit":
            # the cell that loads the extension was read before `transform.rewrite` was there
            return self._watcher.fit_text(rest.strip(), local_ns)
        if command == "check":
            return self._watcher.check_text(rest.strip(), local_ns)
        try:
            words = shlex.split(line)
        except ValueError as problem:
            raise error.UsageError(f"{problem}: {line!r}") from None
        parser = _parser()
        if command not in parser.commands:
            given = f"there is no subcommand {command!r}" if command else "a subcommand is missing"
            raise error.UsageError(f"{given}: write %kdoctor with one of {', '.join(parser.commands)}")
        options = parser.parse_args(words)
        run: Callable[[argparse.Namespace], Any] = getattr(self, f"_{options.command}")
        try:
            return run(options)
        except UsageError as problem:
            raise error.UsageError(str(problem)) from None

    def _on(self, options: argparse.Namespace) -> None:
        self._watcher.always(on=True, level=options.level)

    def _off(self, _options: argparse.Namespace) -> None:
        self._watcher.always(on=False)

    def _report(self, options: argparse.Namespace) -> Report:
        report = self._watcher.report(options.run)
        try:
            if options.json:
                report.save_json(options.json)
            if options.html:
                report.save_html(options.html)
        except OSError as problem:
            raise UsageError(f"cannot write the report: {problem}") from None
        return report

    def _show(self, options: argparse.Namespace) -> None:
        from kerasdoctor.notebook.view import LiveView

        report = self._watcher.report(options.run)
        if report.record.outcome.status == "checked":
            run = report.record.run
            raise UsageError(f"run {run} was a check: it has no curves to show; write %kdoctor report {run}")
        display(LiveView.of([report]))

    def _fix(self, options: argparse.Namespace) -> None:
        for run in self._watcher.runs:
            self._watcher.report(run)
        if options.edit:
            if len(options.names) > 1:
                raise UsageError("--edit takes one fix at a time: run the edited cell, then write the next")
            source = self._edited(options.names[0])
        else:
            source = cells.source(options.names, self._watcher.runs)
        if options.print:
            print(source)  # noqa: T201 - what was asked for
        else:
            cells.insert(self._shell, source)

    def _edited(self, name: str) -> str:
        prescription = cells.find(name, self._watcher.runs)
        source = cells.edited(prescription, name)
        numbers = ", ".join(f"[{edit.number}]" for edit in prescription.edits)
        print(f"The new cell is your {numbers} with the change made. Run it in its place, then fit again.")  # noqa: T201 - how to go on
        return source

    def _explain(self, options: argparse.Namespace) -> None:
        display(_Explanation(options.name))

    def _ignore(self, options: argparse.Namespace) -> None:
        name = _rule(options.name).name
        reason = " ".join(options.reason) or "no reason given"
        try:
            path = store.ignore(name, reason)
        except OSError as problem:
            raise UsageError(f"cannot write what this project ignores: {problem}") from None
        print(f"{name} is no longer diagnosed in this project; remove it from {path.name} in {path.parent} to undo")  # noqa: T201


class _Explanation:
    """What a diagnosis means, or each that has a cause of the name; a notebook shows Markdown, a terminal its text."""

    def __init__(self, name: str) -> None:
        from kerasdoctor.rule import discover

        named = [rule for rule in discover() if rule.name == name]
        of_cause = [rule for rule in discover() if any(cause.name == name for cause in rule.causes)]
        self._text = "\n\n".join(rule.explanation for rule in named or of_cause or [_rule(name)])

    def __repr__(self) -> str:
        return self._text

    def _repr_markdown_(self) -> str:
        return self._text


def _rule(name: str) -> Any:
    from kerasdoctor.rule import discover

    known = {rule.name: rule for rule in discover()}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}"
        raise UsageError(f"there is no diagnosis {name!r}: {hint}")
    return known[name]


def load_ipython_extension(shell: Any) -> None:
    """Registers the magics (`%load_ext kerasdoctor`); nothing is patched until one is used."""
    watcher = NotebookWatcher(shell)
    shell.kdoctor = watcher
    shell.register_magics(KerasDoctorMagics(shell, watcher))
    shell.input_transformers_cleanup.append(transform.rewrite)
    shell.events.register("pre_run_cell", watcher.history.began)
    shell.events.register("post_run_cell", watcher.history.keep)
    shell.events.register("post_run_cell", watcher.cell_ended)


def unload_ipython_extension(shell: Any) -> None:
    """Takes everything away again (`%unload_ext kerasdoctor`); reports that are shown stay."""
    watcher: NotebookWatcher = shell.kdoctor
    watcher.always(on=False)
    watcher.cell_ended(None)
    shell.events.unregister("pre_run_cell", watcher.history.began)
    shell.events.unregister("post_run_cell", watcher.history.keep)
    shell.events.unregister("post_run_cell", watcher.cell_ended)
    shell.input_transformers_cleanup.remove(transform.rewrite)
    shell.magics_manager.magics["line"].pop("kdoctor", None)
    shell.magics_manager.magics["cell"].pop("kdoctor", None)
    del shell.kdoctor
