"""`too-few-updates`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examinations import falls_below_zero
from kerasdoctor.examples import digits_in_one_batch, shuffled_digits
from kerasdoctor.locale import _
from kerasdoctor.quantities.batch_loss import BatchLoss
from kerasdoctor.record import Data, Fit, Metric, Model, Outcome
from kerasdoctor.remedies.more_epochs import MoreEpochs
from kerasdoctor.remedies.smaller_batch import SmallerBatch
from kerasdoctor.rule import Cause, Healthy, Rule, Unhealthy

#: Updates of a whole run; with Keras's default of Adam no weight can have moved by more than 0.1.
FEW = 100
#: Share of its first value that the loss still has.
LEFT = 0.7
#: An epoch whose mean loss is this many times that of the first batch was thrown off: `learning-rate-too-high`.
THROWN = 2.0
#: Updates of an epoch that is made of large batches.
PER_EPOCH = 10


def _per_epoch(loss: Metric, batch_loss: BatchLoss) -> float:
    return batch_loss.step[-1] / max(int(np.isfinite(loss.train).sum()), 1)


def large_batch(loss: Metric, batch_loss: BatchLoss, fit: Fit, data: Data) -> tuple[Status, Evidence]:
    """Whether an epoch has few updates because its batches are large."""
    updates = _per_epoch(loss, batch_loss)
    if fit.batch_size is None or data.n_train is None:
        statement = _("measured, undecided: {updates:.3g} updates an epoch, batches of unknown size")
        return Status.POSSIBLE, Evidence(statement.format(updates=updates), quantity="batch_loss", value=updates)
    statement = _("{rows:,} rows in batches of {size:,} make {updates:.3g} updates an epoch").format(
        rows=data.n_train, size=fit.batch_size, updates=updates
    )
    found = Evidence(statement, quantity="fit", value=updates, threshold=float(PER_EPOCH))
    return (Status.CONFIRMED if updates < PER_EPOCH and fit.batch_size > 32 else Status.RULED_OUT), found


def few_epochs(loss: Metric, batch_loss: BatchLoss) -> tuple[Status, Evidence]:
    """Whether more epochs of the same kind would do."""
    updates, epochs = _per_epoch(loss, batch_loss), int(np.isfinite(loss.train).sum())
    statement = _("{epochs} epochs of {updates:.3g} updates").format(epochs=epochs, updates=updates)
    found = Evidence(statement, quantity="fit", value=float(epochs))
    if epochs <= 10:
        return Status.CONFIRMED, found
    statement = _("measured, undecided: {statement}; more epochs or smaller batches, either gives more updates").format(
        statement=statement
    )
    return Status.POSSIBLE, Evidence(statement, quantity="fit", value=float(epochs))


def _is_falling(epochs: NDArray[np.float64]) -> bool:
    """Whether the loss fell by 5 % in the last quarter of ten epochs or more, and in each of its epochs."""
    last = epochs[-max(4, len(epochs) // 4) :]
    return len(epochs) >= 10 and bool((np.diff(last) < 0).all()) and float(last[-1]) < 0.95 * float(last[0])


class TooFewUpdates(Rule):
    """The weights were updated so seldom that they are still near where they began.

    ## What it sees
    A run of its full length from fresh weights with fewer than 100 updates, whose loss in the last epoch is 70 % of
    the first batch's or more, and lower than in the first epoch: it was learning when it ended. A loss that was thrown
    off to twice that is not judged. An epoch is no
    measure: one of a single batch is one update.

    ## How it is told apart
    Large batches: fewer than ten updates an epoch, in batches above Keras's default of 32. Few epochs: ten or fewer.

    ## Remedies
    Batches of 32 rows; ten times as many epochs.

    ## References
    Keskar et al. (2017), On large-batch training; Hoffer et al. (2017), Train longer, generalize better;
    keras-team/keras#4669.
    """

    family = "optimization"
    severity = Severity.WARNING
    explains = ("stopped-too-early", "underfitting")
    message = _("Too few updates: {statement}.")

    causes = (
        Cause("large-batch", _("the batches are large"), examine=large_batch, remedies=(SmallerBatch(),)),
        Cause("few-epochs", _("there were few epochs"), examine=few_epochs, remedies=(MoreEpochs(factor=10),)),
    )

    examples = (Unhealthy(digits_in_one_batch, confirms=("large-batch",)), Healthy(shuffled_digits))

    def check(self, loss: Metric, batch_loss: BatchLoss, model: Model, outcome: Outcome) -> Evidence | None:
        epochs = loss.train[np.isfinite(loss.train)]
        if outcome.status != "finished" or model.iterations or not model.trainable_parameters or len(epochs) < 3:
            return None
        first = batch_loss.values[0] if len(batch_loss) else np.nan
        if not np.isfinite(first) or first <= 0 or falls_below_zero(epochs):
            return None
        if epochs.max() >= THROWN * first or batch_loss.step[-1] >= FEW:
            return None
        if epochs[-1] >= epochs[0] or (epochs[-1] < LEFT * first and not _is_falling(epochs)):
            return None
        statement = _("{updates} in {epochs} epochs, after which the loss is {last:.3g}, from {first:.3g}").format(
            updates=batch_loss.step[-1], epochs=len(epochs), last=epochs[-1], first=first
        )
        return Evidence(statement, quantity="batch_loss", value=float(batch_loss.step[-1]), threshold=float(FEW))
