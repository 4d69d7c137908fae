"""`continued-training`."""

from __future__ import annotations

from dataclasses import replace

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import shuffled_digits
from kerasdoctor.locale import _
from kerasdoctor.quantities.row_overlap import RowOverlap
from kerasdoctor.record import Earlier, Fit, TrainingRecord
from kerasdoctor.remedies.continue_training import ContinueTraining
from kerasdoctor.remedies.fresh_weights import FreshWeights
from kerasdoctor.rule import Cause, Healthy, Rule, Unhealthy

#: Share of the validating rows that the weights have trained on: a tenth of a set that is split anew moves nine tenths
#: of the rows that validate, a third moves two thirds. Rows that repeat anyway must stay far below.
MOVED, REPEATED = 0.2, 0.05
#: Share of rows that both fits have, from which on they are of the same data.
SAME = 0.95


def _is_moved(earlier: Earlier, row_overlap: RowOverlap | None) -> bool:
    """Whether rows that validate now have trained these weights."""
    if not earlier.same_weights or (earlier.moved_rows or 0) < MOVED:
        return False
    return row_overlap is None or row_overlap.shared <= REPEATED * row_overlap.validation


def _is_again(earlier: Earlier) -> bool:
    """Whether the call is the earlier one once more, with nothing that says that it goes on."""
    if not earlier.same_weights or earlier.resumed_at or earlier.place == "elsewhere" or earlier.asked < 2:
        return False
    # a loop, or a cell, that brings the next piece of the data trains on by design
    unknown = earlier.known_rows is None and earlier.place != "loop"
    return unknown or (earlier.known_rows or 0) >= SAME


def _left(earlier: Earlier) -> str:
    return _("it goes on from the weights that {epochs} epochs and {iterations:,} updates had made").format(
        epochs=earlier.epochs, iterations=earlier.iterations
    )


def cell_run_again(earlier: Earlier) -> tuple[Status, Evidence]:
    """Whether the same call was made once more."""
    statements = {
        "cell": _("the cell that trained it was run again"),
        "call": _("a call with the same text trained it before"),
        "loop": _("the same line trained it before"),
    }
    if earlier.place not in statements:
        return Status.RULED_OUT, Evidence(_("another call trained it before"), quantity="earlier")
    if earlier.place == "loop" and not _is_again(earlier):
        return Status.RULED_OUT, Evidence(_("the same line trained it before, on other rows"), quantity="earlier")
    return Status.CONFIRMED, Evidence(statements[earlier.place], quantity="earlier")


def resplit_rows(earlier: Earlier, row_overlap: RowOverlap | None = None) -> tuple[Status, Evidence]:
    """Whether rows that validate now have trained these weights."""
    if earlier.moved_rows is None:
        return Status.POSSIBLE, Evidence(_("not measured: the rows of the two fits were not compared"))
    statement = _("{share:.0%} of the rows that validate now trained then, and did not validate")
    return (Status.CONFIRMED if _is_moved(earlier, row_overlap) else Status.RULED_OUT), Evidence(
        statement.format(share=earlier.moved_rows), quantity="earlier", value=earlier.moved_rows, threshold=MOVED
    )


def _continued(**changes: object) -> TrainingRecord:
    record = shuffled_digits()
    record.model = replace(record.model, iterations=900)
    earlier = Earlier(
        run="digits",
        place="cell",
        asked=20,
        epochs=20,
        iterations=900,
        iterations_now=900,
        same_weights=True,
        known_rows=1.0,
        moved_rows=0.0,
    )
    record.earlier = replace(earlier, **changes)  # type: ignore[arg-type] # fields of it
    return record


def _run_again() -> TrainingRecord:
    """The cell with `fit` run a second time, the one that builds the model not."""
    return _continued()


def _folds() -> TrainingRecord:
    """A loop over five folds that trains one model."""
    return _continued(place="loop", moved_rows=0.99)


def _resumed() -> TrainingRecord:
    """The same call with `initial_epoch` where the fit before it ended."""
    record = _continued(place="call", resumed_at=20)
    record.fit = replace(record.fit, epochs=40, initial_epoch=20)
    return record


class ContinuedTraining(Rule):
    """`fit` goes on from the weights of the fit before it, though it is written as a fresh start.

    ## What it sees
    Watched fits of one model object: the weights at the begin of this one are, to the last bit, those that the one
    before left. Either the same cell, the same text or the same line calls `fit` once more, on the same rows, for two
    epochs or more, without `initial_epoch`, and with the same variables trainable: that is a note, for it may be meant.
    Or at least 20 % of the rows that validate have trained these weights in the fit before and did not validate there:
    then the validation is none, and that is a warning. Rows are compared by a hash, in arrays of up to 131,072 rows.
    A loop of `fit(epochs=1)`, other rows in each call, weights that were set back, and a new model say nothing.

    ## How it is told apart
    Cell run again: the place of the call. Split anew: rows that validate now and trained then. In data whose rows
    repeat anyway (more than 5 % of those that validate) the second is not told.

    ## Remedies
    A new model: `fit` never sets weights back. Build it in the cell that trains it, or in the loop over the folds. To
    go on is right where it is meant: `initial_epoch` says so, and keeps the epochs in order: a cell goes on that way.

    ## References
    keras-team/keras#4709, #2712 (`fit` goes on from the weights that are there).
    """

    family = "loop"
    severity = Severity.WARNING
    message = _("This fit does not start fresh: {statement}.")

    causes = (
        Cause(
            "resplit-rows",
            _("the rows were split anew, and the model kept its weights"),
            examine=resplit_rows,
            remedies=(FreshWeights(),),
        ),
        Cause(
            "cell-run-again",
            _("the call was made again, and the model not built again"),
            examine=cell_run_again,
            remedies=(FreshWeights(), ContinueTraining()),
        ),
    )

    examples = (
        Unhealthy(_run_again, confirms=("cell-run-again",)),
        Unhealthy(_folds, confirms=("resplit-rows", "cell-run-again")),
        Healthy(_resumed),
    )

    def severity_in(self, record: TrainingRecord) -> Severity:
        overlap = record.quantities.get("row_overlap")
        return Severity.WARNING if record.earlier and _is_moved(record.earlier, overlap) else Severity.INFO

    def check(self, fit: Fit, earlier: Earlier | None = None, row_overlap: RowOverlap | None = None) -> Evidence | None:
        if earlier is None or fit.loop:
            return None
        if _is_moved(earlier, row_overlap):
            statement = _("{share:.0%} of the rows that validate have trained its weights, in the fit before").format(
                share=earlier.moved_rows
            )
            return Evidence(statement, quantity="earlier", value=earlier.moved_rows, threshold=MOVED)
        if _is_again(earlier) and earlier.same_variables:
            return Evidence(_left(earlier), quantity="earlier", value=float(earlier.iterations))
        return None
