"""Prescriptions by the names that a person gives them, and the cells that they become."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from IPython.core.interactiveshell import InteractiveShell

from kerasdoctor.diagnosis import Prescription, Status
from kerasdoctor.errors import UsageError
from kerasdoctor.notebook.session import is_live
from kerasdoctor.remedies import edit
from kerasdoctor.remedies.merging import Conflict
from kerasdoctor.renderers import wording
from kerasdoctor.report import Report


def source(wanted: Sequence[str], runs: Mapping[str, Report]) -> str:
    """The code of one prescription, or of several of one run as one cell.

    Raises:
        UsageError: when there is no such prescription, or they cannot stand in one cell.
    """
    found = {(report.record.run, fix.number): (report, fix) for report, fix in (_find(name, runs) for name in wanted)}
    # as the panel, whatever the order in which they are named
    named = [found[key] for key in sorted(found, key=lambda key: key[1])]
    report, first = named[0]
    if len(named) == 1:
        return first.source
    fixes = [fix for _report, fix in named]
    if len({run for run, _number in found}) > 1:
        each = " and ".join(f"%kdoctor fix {wording.identifier(*fix)}" for fix in ((r, f.number) for r, f in named))
        raise UsageError(f"one cell treats one run, these fixes are of several: write {each}")
    try:
        written = report.combined(fixes)
    except Conflict as conflict:
        raise UsageError(f"{wording.conflict(report, fixes, conflict)}; write one of them") from None
    if written is None:
        names = " or ".join(wording.identifier(report, fix.number) for fix in fixes)
        raise UsageError(f"these fixes cannot be written into one cell: write %kdoctor fix {names}")
    return written.source


def find(wanted: str, runs: Mapping[str, Report]) -> Prescription:
    """The prescription named "2" (of the last run), "1.2" (of run 1), or by its remedy, its diagnosis or a cause.

    Of a diagnosis it is that of the first confirmed cause; only where none is confirmed, that of the first possible
    one.

    Raises:
        UsageError: when there is none, with those that there are.
    """
    return _find(wanted, runs)[1]


def _find(wanted: str, runs: Mapping[str, Report]) -> tuple[Report, Prescription]:
    if not runs:
        raise UsageError("no fit was watched yet: write %kdoctor fit model.fit(...)")
    run, _, number = wanted.rpartition(".")
    report = runs.get(run) if run else list(runs.values())[-1]
    if report is None:
        raise UsageError(f"there is no run {run!r}: the runs of this kernel are {', '.join(runs)}")
    offered = list(report.prescriptions())
    last = report.record.run
    diagnosed = next((diagnosis for diagnosis in report.diagnoses if diagnosis.name == number), None)
    if diagnosed is not None:
        status = diagnosed.causes[0].status if diagnosed.causes else Status.RULED_OUT
        causes = [cause for cause in diagnosed.causes if cause.status is status]
        found = next((prescription for cause in causes for prescription in cause.prescriptions), None)
        if found is not None:
            return report, found
        possible = ", ".join(str(fix.number) for cause in diagnosed.causes for fix in cause.prescriptions)
        elsewhere = f"; for causes that are only possible there are {possible}" if possible else ""
        names = ", ".join(cause.name for cause in causes) or "none"
        raise UsageError(f"there is no fix for {number} by its {wording.status(status)} cause ({names}){elsewhere}")
    by_cause = (
        fix
        for diagnosis in report.diagnoses
        for cause in diagnosis.causes
        if cause.name == number
        for fix in cause.prescriptions
    )
    by_itself = (fix for _, _, fix in offered if number in {str(fix.number), fix.name})
    named = next(by_itself, None) or next(by_cause, None)
    if named is not None:
        return report, named
    if not offered:
        others = [f"{run}.{fix.number}" for run, other in runs.items() for *_, fix in other.prescriptions()]
        elsewhere = f"; write one of {', '.join(others)}" if others else ""
        why = f" ({report.unwritten})" if report.unwritten else ""
        raise UsageError(f"there is no fix {wanted!r}: run {last} has no prescriptions{why}{elsewhere}")
    listed = ", ".join(f"{prescription.number} ({prescription.name})" for _, _, prescription in offered)
    raise UsageError(f"there is no fix {wanted!r}: run {last} has {listed}")


def edited(prescription: Prescription, name: str) -> str:
    """The user's cells with the change of a prescription made in them, as one cell.

    Raises:
        UsageError: when it is no edit.
    """
    if not prescription.edits:
        raise UsageError(
            f"fix {name} is no edit of your cells: it changes something else, or where they build the model could not "
            f"be told for certain; %kdoctor fix {name} writes a cell of its own"
        )
    source = edit.joined(prescription.edits)
    if source is None:
        raise UsageError(f"fix {name} edits a cell with a magic of its own; %kdoctor fix {name} writes one new cell")
    return source


def insert(shell: InteractiveShell, source: str) -> None:
    """Puts code before the user, who runs it: in a new cell or the next prompt, else printed.

    JupyterLab, Notebook, VS Code, Colab and the consoles take it from the kernel's reply, as a new cell under the one
    that is running; a terminal fills its next prompt. A program that runs a notebook takes it from nowhere.
    """
    shell.set_next_input(source, replace=False)
    terminal = getattr(shell, "pt_app", None) is not None
    if not (terminal or is_live(shell)):
        print(source)  # noqa: T201 - what was asked for
