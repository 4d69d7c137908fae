"""`stopped-too-early`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from kerasdoctor import statistics
from kerasdoctor.diagnosis import Evidence, Severity, Status, When
from kerasdoctor.examples import cut, shuffled_digits
from kerasdoctor.locale import _
from kerasdoctor.record import Fit, Metric, Outcome, TrainingRecord
from kerasdoctor.remedies.continue_training import ContinueTraining
from kerasdoctor.remedies.more_epochs import MoreEpochs
from kerasdoctor.remedies.more_patience import MorePatience
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy

#: Fall in the last fifth of the run, as a share of the whole fall. What falls exponentially falls by less from 2.4 of
#: its time constants on, when a tenth of its way is left. 6 of 144 healthy runs are told so, as many as at 0.1.
LEAST_FALL = 0.06
#: Share of that fall which the last half of it has, from four epochs on: an exponential at that pace has 0.44, a curve
#: that has settled none.
LATE = 0.2
#: Share of its first value by which a loss has to have fallen: less is told by `underfitting` and others.
LEAST_WHOLE = 0.1
#: Epochs that each improve on the one before, in both parts: of four in no order one run in 576.
STEADY = 4


def epochs_ran_out(fit: Fit, outcome: Outcome) -> tuple[Status, Evidence]:
    """Whether `epochs` ended the run."""
    planned = fit.epochs - fit.initial_epoch
    statement = _("{epochs} epochs were asked for, and {done} were trained").format(epochs=planned, done=outcome.epochs)
    status = Status.CONFIRMED if outcome.status == "finished" else Status.RULED_OUT
    return status, Evidence(statement, quantity="fit", value=float(outcome.epochs), threshold=float(planned))


def impatient_early_stopping(fit: Fit, outcome: Outcome) -> tuple[Status, Evidence]:
    """Whether EarlyStopping ended the run."""
    settings = fit.settings_of("EarlyStopping")
    if outcome.status != "stopped_early" or not settings:
        return Status.RULED_OUT, Evidence(_("no EarlyStopping ended the run"), quantity="fit")
    patience = settings[0].get("patience")
    if not isinstance(patience, int):
        return Status.POSSIBLE, Evidence(_("not measured: the patience is not recorded"), quantity="fit")
    least = settings[0].get("min_delta")
    least = abs(least) if isinstance(least, int | float) else 0
    statement = (
        _("EarlyStopping(min_delta={least:g}, patience={patience}) stopped after {done} epochs")
        if least
        else _("EarlyStopping(patience={patience}) stopped after {done} epochs")
    )
    statement = statement.format(least=least, patience=patience, done=outcome.epochs)
    return Status.CONFIRMED, Evidence(statement, quantity="fit", value=float(patience))


def slow_digits() -> TrainingRecord:
    """Ten epochs of digits by SGD at 0.01: the loss has gone a third of its way."""
    record = cut(shuffled_digits(), 10)
    series = {
        "accuracy": "0.119 0.179 0.292 0.388 0.473 0.569 0.628 0.685 0.729 0.758",
        "loss": "2.296 2.226 2.171 2.111 2.043 1.961 1.867 1.761 1.646 1.524",
        "val_accuracy": "0.158 0.219 0.325 0.408 0.475 0.572 0.631 0.661 0.722 0.747",
        "val_loss": "2.266 2.215 2.163 2.104 2.034 1.951 1.855 1.748 1.632 1.512",
    }
    record.history = {key: [float(value) for value in values.split()] for key, values in series.items()}
    source = {**record.compile.source, "optimizer": "keras.optimizers.SGD(learning_rate=0.01)"}
    record.compile = replace(record.compile, optimizer="SGD", learning_rate=0.01, source=source)
    return record


class StoppedTooEarly(Rule):
    """The run ended while the validation loss was still falling fast.

    ## What it sees
    A run that has ended, on its own, after five epochs or more. The validation loss has fallen by a tenth of its first
    value or more, and 6 % or more of that came in the last fifth of the run, where a straight line has 20 %; an
    exponential has that pace until a tenth of its way is left; and not all of it before the last tenth. The lowest
    value is the last one; or, where EarlyStopping ended the run, the curve as a whole still falls (Mann-Kendall and
    Theil-Sen, as the verdict has it; of four epochs to nine: each is better than the one before, in training and
    validation). This is good to know, no fault.

    ## How it is told apart
    The epochs ran out: the number asked for is the number trained. An impatient EarlyStopping: it stopped the run at
    a bump of a curve that falls.

    ## Remedies
    To go on with the weights and the optimizer that there are, with `initial_epoch`; three times the epochs, best with
    EarlyStopping to end them, or more patience, both from fresh weights.

    ## References
    Google, Deep Learning Tuning Playbook, on runs whose best step is the last one; Prechelt (1998), Early stopping -
    but when?
    """

    family = "generalization"
    severity = Severity.INFO
    message = _("The run ended too early: {statement}.")

    causes = (
        Cause(
            "epochs-ran-out",
            _("too few epochs were asked for"),
            examine=epochs_ran_out,
            remedies=(ContinueTraining(), MoreEpochs()),
        ),
        Cause(
            "impatient-early-stopping",
            _("EarlyStopping waited too little"),
            examine=impatient_early_stopping,
            remedies=(ContinueTraining(), MorePatience()),
        ),
    )

    examples = (
        Unhealthy(slow_digits, confirms=("epochs-ran-out",)),
        Healthy(shuffled_digits),
    )

    def check(self, loss: Metric, outcome: Outcome) -> Evidence | None:
        if outcome.status not in {"finished", "stopped_early"}:
            return None
        series = loss.validation[np.isfinite(loss.validation)]
        if not len(series):
            raise NotMeasured("val_loss")
        n = len(series)
        if n < STEADY:
            return None
        width = max(1, n // 5)
        with np.errstate(over="ignore", invalid="ignore"):
            whole = float(series[0] - series.min())
            pace = float(series[-1 - width] - series[-1])
        if not np.isfinite(whole) or whole <= LEAST_WHOLE * abs(series[0]):
            return None
        falling = statistics.trend(series).direction == "down"
        settled = width >= 4 and series[-1 - width // 2] - series[-1] < LATE * pace
        fast = series.argmin() == n - 1 and pace >= LEAST_FALL * whole and not settled
        if outcome.status == "finished":
            ended = falling and fast
        elif n >= statistics.SHORTEST_PLATEAU:
            # it stops behind the lowest value, by the patience
            ended = falling
        else:
            # or at it, by an improvement below min_delta
            ended = fast and _falls_steadily(series) and _falls_steadily(loss.train)
        if not ended:
            return None
        statement = _(
            "val_loss was still falling, from {first:.3g} to {last:.3g} in the last {width} of {n} epochs, "
            "{share:.0%} of its whole fall"
        )
        if outcome.status == "stopped_early":
            statement = _("val_loss was still falling as a whole, to {last:.3g}, when the run was stopped at epoch {n}")
        return Evidence(
            statement.format(first=series[-1 - width], last=series[-1], width=width, n=n, share=pace / whole),
            quantity="history",
            where="val_loss",
            when=When(len(loss.validation)),
            value=pace / whole,
            threshold=LEAST_FALL,
        )


def _falls_steadily(values: NDArray[np.float64]) -> bool:
    """Whether every value is below the one before."""
    return bool((np.diff(values) < 0).all())
