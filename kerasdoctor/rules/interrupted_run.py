"""`interrupted-run`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import cut, shuffled_digits
from kerasdoctor.locale import _
from kerasdoctor.record import Fit, Metric, Outcome, TrainingRecord
from kerasdoctor.remedies.continue_training import ContinueTraining
from kerasdoctor.remedies.early_stopping import EarlyStopping
from kerasdoctor.remedies.kept_state import KeptState
from kerasdoctor.rule import Cause, Healthy, Rule, Unhealthy

#: Epochs without a lower loss from which on going on is not worth it: the patience of the EarlyStopping prescribed.
PATIENCE = 5


def _waited(loss: Metric) -> tuple[int, str, float]:
    """Epochs since the lowest loss, of the validation where there is one, with its key and that value."""
    validated = bool(np.isfinite(loss.validation).any())
    series = loss.validation if validated else loss.train
    best = int(np.nanargmin(np.where(np.isfinite(series), series, np.inf)))
    return len(series) - 1 - best, "val_loss" if validated else "loss", float(series[best])


def still_learning(loss: Metric) -> tuple[Status, Evidence]:
    """Whether the last epochs still brought a lower loss."""
    waited, name, value = _waited(loss)
    statement = _("{name} was lowest, {value:.3g}, {waited} epochs before the interrupt").format(
        name=name, value=value, waited=waited
    )
    return Status.CONFIRMED if waited < PATIENCE else Status.RULED_OUT, Evidence(
        statement, quantity="history", where=name, value=float(waited), threshold=float(PATIENCE)
    )


def behind_its_best(loss: Metric) -> tuple[Status, Evidence]:
    """Whether no epoch had brought a lower loss for long."""
    status, found = still_learning(loss)
    return Status.RULED_OUT if status is Status.CONFIRMED else Status.CONFIRMED, found


def _half_way() -> TrainingRecord:
    """Ten of twenty epochs."""
    record = cut(shuffled_digits(), 10)
    record.fit = replace(record.fit, epochs=20)
    record.outcome = replace(record.outcome, status="interrupted", epochs=10)
    return record


class InterruptedRun(Rule):
    """The run was interrupted before it had made its epochs.

    ## What it sees
    An interrupt of the kernel after one whole epoch or more, with epochs left to train. This is good to know, no fault.

    ## How it is told apart
    By what was left to gain: a loss, of the validation where there is one, that was lowest in one of the last five
    epochs; or one that had not fallen for longer.

    ## Remedies
    Go on from the weights and the optimizer that there are, at the number of the epoch; or all epochs in one fit that
    keeps its state for the next interrupt. Behind its best epoch: EarlyStopping, which brings that one back.

    ## References
    Keras guide, Training and evaluation (`initial_epoch`); `keras.callbacks.BackupAndRestore`.
    """

    family = "loop"
    severity = Severity.INFO
    message = _("The run was interrupted: {statement}.")

    causes = (
        Cause(
            "still-learning",
            _("it was still learning"),
            examine=still_learning,
            remedies=(ContinueTraining(), KeptState()),
        ),
        Cause(
            "behind-its-best",
            _("it had passed its best epoch; little is lost"),
            examine=behind_its_best,
            remedies=(EarlyStopping(),),
        ),
    )

    examples = (Unhealthy(_half_way, confirms=("still-learning",)), Healthy(shuffled_digits))

    def check(self, fit: Fit, outcome: Outcome, loss: Metric) -> Evidence | None:
        planned = fit.epochs - fit.initial_epoch
        if (
            fit.loop
            or outcome.status != "interrupted"
            or not 0 < outcome.epochs < planned
            or not np.isfinite(loss.train).any()
        ):
            return None
        statement = _("{done} of {planned} epochs are trained").format(done=outcome.epochs, planned=planned)
        return Evidence(statement, quantity="outcome", value=float(outcome.epochs), threshold=float(planned))
