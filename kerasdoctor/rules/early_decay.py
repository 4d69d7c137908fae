"""`early-decay`."""
# ruff: noqa: A002 - parts of the record are injected by their names, `compile` too

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasdoctor.diagnosis import Evidence, Severity, Status, When
from kerasdoctor.examinations import falls_below_zero
from kerasdoctor.examples import decayed_digits, shuffled_digits
from kerasdoctor.locale import _
from kerasdoctor.quantities.batch_loss import BatchLoss
from kerasdoctor.quantities.epoch_begin import EpochBegin
from kerasdoctor.quantities.learning_rate import LearningRate
from kerasdoctor.record import Compile, Fit, Metric
from kerasdoctor.remedies.patient_plateau import PatientPlateau
from kerasdoctor.remedies.slower_decay import SlowerDecay
from kerasdoctor.rule import Cause, Healthy, Rule, Unhealthy

#: Share of the highest rate from where on it counts as gone: a cosine over the whole run is there for its last 6 %.
GONE = 0.01
#: Share of the steps so far that were made at such a rate. An exponential decay by 10,000 over the run has one half.
HALF = 0.6
#: Fall of the loss between the two halves of the steps at a rate of a tenth or more, and of the whole loss since.
FALLING, LEFT = 0.02, 0.3
#: Share of the steps without a rate, and of the first epoch's loss that is left, from where on the few steps with a
#: rate need not be seen to have helped: no alarm in 48 healthy runs (tests/accuracy).
NEARLY_ALL, UNLEARNED = 0.8, 0.7


def _schedule(compile: Compile) -> tuple[str, Mapping[str, Any]]:
    """Class and settings of the schedule; empty where the rate is a number."""
    rate = compile.optimizer_config.get("learning_rate")
    if not isinstance(rate, Mapping):
        return "", {}
    config = rate.get("config")
    return str(rate.get("class_name", "")), config if isinstance(config, Mapping) else {}


def _planned(fit: Fit, epoch_begin: EpochBegin) -> int | None:
    """Steps that the whole run makes."""
    begins = epoch_begin.steps
    return int(begins[1] - begins[0]) * (fit.epochs - fit.initial_epoch) if len(begins) > 1 else None


def _warmup(compile: Compile) -> int:
    steps = _schedule(compile)[1].get("warmup_steps")
    return int(steps) if isinstance(steps, int | float) and np.isfinite(steps) else 0


def schedule_too_short(
    evidence: Evidence, compile: Compile, epoch_begin: EpochBegin, fit: Fit
) -> tuple[Status, Evidence]:
    """Whether a schedule ends before the run does."""
    name, config = _schedule(compile)
    planned = _planned(fit, epoch_begin)
    if not name:
        return Status.RULED_OUT, Evidence(_("the learning rate is no schedule"), quantity="compile")
    if _warmup(compile) and evidence.threshold == 1.0:
        return Status.RULED_OUT, Evidence(_("the rate has not begun to fall"), quantity="learning_rate")
    steps = config.get("decay_steps")
    if isinstance(steps, int | float) and planned:
        statement = _("{name} has decay_steps={steps:g}, counted in batches; the run makes {planned:,}").format(
            name=name, steps=steps, planned=planned
        )
        found = Evidence(statement, quantity="compile", value=float(steps), threshold=float(planned))
        return (Status.CONFIRMED if steps < planned else Status.RULED_OUT), found
    statement = _("{name} makes the rate").format(name=name)
    return Status.CONFIRMED, Evidence(statement, quantity="compile")


def plateau_reducer_at_minimum(fit: Fit) -> tuple[Status, Evidence]:
    """Whether ReduceLROnPlateau lowered the rate too soon."""
    settings = fit.settings_of("ReduceLROnPlateau")
    if not settings:
        return Status.RULED_OUT, Evidence(_("no ReduceLROnPlateau is among the callbacks"), quantity="fit")
    statement = _("ReduceLROnPlateau lowers the rate by {factor} after {patience} epochs without progress").format(
        factor=settings[0].get("factor"), patience=settings[0].get("patience")
    )
    return Status.CONFIRMED, Evidence(statement, quantity="fit")


def warmup_longer_than_run(compile: Compile, epoch_begin: EpochBegin, fit: Fit) -> tuple[Status, Evidence]:
    """Whether the run ends before the rate has reached its height."""
    warmup, planned = _warmup(compile), _planned(fit, epoch_begin)
    if not warmup or planned is None:
        return Status.RULED_OUT, Evidence(_("the schedule has no warm-up"), quantity="compile", value=float(warmup))
    statement = _("the warm-up takes {warmup:,} steps, the run makes {planned:,}").format(
        warmup=warmup, planned=planned
    )
    found = Evidence(statement, quantity="compile", value=float(warmup), threshold=float(planned))
    return (Status.CONFIRMED if warmup > planned else Status.RULED_OUT), found


class EarlyDecay(Rule):
    """The learning rate is gone long before the run is, while the loss was falling.

    ## What it sees
    More than 60 % of the steps so far, and five epochs at least, had a learning rate of 1 % of the highest or less; the
    loss fell by 2 % or more from the first half of the steps before to the second; and it still is above 30 % of the
    first epoch's. Where it was flat before, a lower rate is what one wants. Or a schedule whose warm-up, by its own
    setting, is longer than the whole run.

    ## How it is told apart
    A schedule that is too short: `decay_steps` counts batches, not epochs. ReduceLROnPlateau: its factor and patience
    are stated. A warm-up that is longer than the run.

    ## Remedies
    A cosine decay that ends with the last step of the run, behind a warm-up of a tenth of it where there was one;
    more patience for ReduceLROnPlateau.

    ## References
    Loshchilov and Hutter (2017), SGDR; Karpathy (2019), A recipe for training neural networks ("do not trust learning
    rate decay defaults").
    """

    family = "optimization"
    severity = Severity.WARNING
    explains = ("learning-rate-too-low", "underfitting")
    message = _("The learning rate does not last for the run: {statement}.")

    causes = (
        Cause(
            "schedule-too-short",
            _("the schedule ends before the run"),
            examine=schedule_too_short,
            remedies=(SlowerDecay(),),
        ),
        Cause(
            "plateau-reducer-at-minimum",
            _("ReduceLROnPlateau lowered the rate too soon"),
            examine=plateau_reducer_at_minimum,
            remedies=(PatientPlateau(),),
        ),
        Cause(
            "warmup-longer-than-run",
            _("the run ends in its warm-up"),
            examine=warmup_longer_than_run,
            remedies=(SlowerDecay(),),
        ),
    )

    examples = (Unhealthy(decayed_digits, confirms=("schedule-too-short",)), Healthy(shuffled_digits))

    def check(
        self,
        learning_rate: LearningRate,
        batch_loss: BatchLoss,
        epoch_begin: EpochBegin,
        fit: Fit,
        compile: Compile,
        loss: Metric,
    ) -> Evidence | None:
        warmup, planned = _warmup(compile), _planned(fit, epoch_begin)
        if planned is not None and warmup > planned:
            statement = _("the warm-up of {warmup:,} steps is longer than the run of {planned:,}").format(
                warmup=warmup, planned=planned
            )
            # a threshold of 1 run
            return Evidence(statement, quantity="learning_rate", value=warmup / planned, threshold=1.0)
        epochs = loss.train[np.isfinite(loss.train)]
        rates, steps = learning_rate.values, learning_rate.steps
        if len(epochs) < 5 or not len(rates) or not np.isfinite(rates).all() or rates.max() <= 0 or not len(batch_loss):
            return None
        if falls_below_zero(epochs):
            return None
        made = int(batch_loss.step[-1])
        gone = _gone(rates, steps)
        if gone is None or (made - gone) / made < HALF or epochs[-1] < LEFT * epochs[0]:
            return None
        statement = _(
            "from step {step:,} of {made:,} on the rate is {rate:.3g} or less, 1 % of its highest, {highest:.3g}, and "
            "the loss, {loss:.3g}, was falling until then"
        )
        if not _was_falling(batch_loss, rates, steps):
            # too few steps to see it fall, and next to nothing learned; a schedule cannot know that the loss was flat
            over = (made - gone) / made >= NEARLY_ALL and epochs[-1] >= UNLEARNED * epochs[0]
            if not over or not _schedule(compile)[0]:
                return None
            statement = _(
                "from step {step:,} of {made:,} on the rate is {rate:.3g} or less, 1 % of its highest, {highest:.3g}, "
                "and the loss is still {loss:.3g}"
            )
        statement = statement.format(
            step=gone, made=made, rate=rates[steps >= gone].max(), highest=rates.max(), loss=epochs[-1]
        )
        return Evidence(
            statement,
            quantity="learning_rate",
            when=When(step=gone, epoch=epoch_begin.epoch_of(gone) or None),
            value=(made - gone) / made,
            threshold=HALF,
        )


def _gone(rates: NDArray[np.float64], steps: NDArray[np.int64]) -> int | None:
    """The first step from which on the rate stays below 1 % of its highest."""
    large = np.flatnonzero(rates > GONE * rates.max())
    return int(steps[large[-1] + 1]) if len(large) and large[-1] + 1 < len(rates) else None


def _was_falling(batch_loss: BatchLoss, rates: NDArray[np.float64], steps: NDArray[np.int64]) -> bool:
    """Whether the loss fell while the rate was a tenth of its highest or more."""
    useful = np.flatnonzero(rates >= 0.1 * rates.max())
    end = steps[useful[-1] + 1] if useful[-1] + 1 < len(rates) else steps[-1]
    begin = steps[useful[0]]
    taken = batch_loss.steps
    before = batch_loss.values[(taken >= begin) & (taken < end)]
    before = before[np.isfinite(before)]
    if len(before) < 10:
        return False
    first, second = np.array_split(before, 2)
    error = float(np.sqrt(first.var() / len(first) + second.var() / len(second)))
    fall = float(first.mean() - second.mean())
    # a normal deviate of 4 has p < 1e-4
    return fall > FALLING * first.mean() and fall > 4 * error
