"""Prescriptions by the names that a person gives them, and the cells that they become."""

from __future__ import annotations

from collections.abc import Mapping

from IPython.core.interactiveshell import InteractiveShell

from kerasdoctor.diagnosis import Prescription
from kerasdoctor.errors import UsageError
from kerasdoctor.report import Report


def find(wanted: str, runs: Mapping[str, Report]) -> Prescription:
    """The prescription named "2" (of the last run), "1.2" (of run 1), or by the name of its diagnosis or remedy.

    Raises:
        UsageError: when there is none, with those that there are.
    """
    if not runs:
        raise UsageError("no fit was watched yet: write %kdoctor fit model.fit(...)")
    run, _, number = wanted.rpartition(".")
    report = runs.get(run) if run else list(runs.values())[-1]
    if report is None:
        raise UsageError(f"there is no run {run!r}: the runs of this kernel are {', '.join(runs)}")
    offered = list(report.prescriptions())
    for diagnosis, cause, prescription in offered:
        if number in {str(prescription.number), diagnosis.name, cause.name, prescription.name}:
            return prescription
    last = report.record.run
    if not offered:
        others = [f"{run}.{fix.number}" for run, other in runs.items() for *_, fix in other.prescriptions()]
        elsewhere = f"; write one of {', '.join(others)}" if others else ""
        raise UsageError(f"there is no fix {wanted!r}: run {last} has no prescriptions{elsewhere}")
    listed = ", ".join(f"{prescription.number} ({prescription.name})" for _, _, prescription in offered)
    raise UsageError(f"there is no fix {wanted!r}: run {last} has {listed}")


def insert(shell: InteractiveShell, source: str) -> None:
    """A new cell under the one that is running, by the kernel's own means; it is not run."""
    shell.set_next_input(source, replace=False)
