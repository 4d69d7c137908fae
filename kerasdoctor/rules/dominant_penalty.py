"""`dominant-penalty`."""
# ruff: noqa: A002 - parts of the record are injected by their names, `compile` too

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from kerasdoctor.diagnosis import Evidence, Severity, Status, When
from kerasdoctor.examinations import scale_of_inputs
from kerasdoctor.examples import lightly_penalized_digits, penalized_digits
from kerasdoctor.locale import _
from kerasdoctor.quantities.batch_loss import BatchLoss
from kerasdoctor.quantities.epoch_begin import EpochBegin
from kerasdoctor.quantities.input_range import InputRange
from kerasdoctor.quantities.weight_penalty import WeightPenalty
from kerasdoctor.record import Compile, Model, Outcome, TrainingRecord
from kerasdoctor.remedies.weaker_penalty import WeakerPenalty
from kerasdoctor.rule import Cause, Healthy, Rule, Unhealthy

#: Penalty over the loss of the data before training. Healthy runs with L2 at 0.01 and L1 at 0.001: 0.4 to 1.7
#: (tests/accuracy/simulations/OPTIMIZATION.md).
WEIGHT = 3.0
#: Share of its first value that the loss of the data still has. Healthy: below 0.1, but where classes overlap.
LEFT = 0.25
#: Epochs and steps that the weights are given to shrink to where the data count; and those of a run that has ended:
#: what healthy runs do not reach is `WEIGHT`.
EPOCHS, STEPS = 10, 200
FEWEST_EPOCHS, FEWEST_STEPS = 5, 100


def _data_losses(weight_penalty: WeightPenalty, batch_loss: BatchLoss) -> NDArray[np.float64]:
    """Loss without the weight penalty of the first batch of each epoch, where both are known."""
    taken, values = batch_loss.steps, batch_loss.values
    at = np.searchsorted(taken, weight_penalty.steps)
    known = at < len(taken)
    at, begins = at[known], weight_penalty.steps[known]
    exact = taken[at] == begins
    losses: NDArray[np.float64] = values[at[exact]] - weight_penalty.values[known][exact]
    return losses


def large_weight_penalty(evidence: Evidence, model: Model) -> tuple[Status, Evidence]:
    """Whether the penalty is that of the weights."""
    if evidence.quantity == "batch_loss":
        return Status.RULED_OUT, Evidence(_("no weights are penalized"), quantity="model", value=0.0)
    for layer in model.layers:
        for argument in ("kernel_regularizer", "recurrent_regularizer", "bias_regularizer"):
            found = layer.config.get(argument)
            if isinstance(found, Mapping):
                config = found.get("config")
                settings = config.items() if isinstance(config, Mapping) else ()
                values = ", ".join(f"{key}={value}" for key, value in settings if value)
                statement = _(
                    "{name} has {argument} {kind}({values}), and the penalty of all weights began at "
                    "{times:.3g} times the loss of the data"
                )
                return Status.CONFIRMED, Evidence(
                    statement.format(
                        name=layer.name,
                        argument=argument,
                        kind=found.get("class_name"),
                        values=values,
                        times=evidence.value or 0.0,
                    ),
                    quantity="weight_penalty",
                    where=layer.name,
                    value=evidence.value,
                    threshold=WEIGHT,
                )
    statement = _("the penalty of all weights began at {times:.3g} times the loss of the data")
    return Status.CONFIRMED, Evidence(
        statement.format(times=evidence.value or 0.0), quantity="weight_penalty", value=evidence.value, threshold=WEIGHT
    )


def _penalized_outputs(model: Model) -> list[str]:
    return [layer.name for layer in model.layers if isinstance(layer.config.get("activity_regularizer"), Mapping)]


def _of_activities(
    batch_loss: BatchLoss, model: Model, compile: Compile, input_range: InputRange | None
) -> Evidence | None:
    """A cross-entropy that begins far above that of a guess, where inputs are scaled and outputs are penalized."""
    shape = model.outputs[0].shape if len(model.outputs) == 1 else None
    entropy = len(compile.losses) == 1 and "crossentropy" in compile.losses[0].name.replace("_", "").lower()
    if not _penalized_outputs(model) or not entropy or not shape or not shape[-1] or input_range is None:
        return None
    values, guess = batch_loss.values, math.log(max(shape[-1], 2))
    scaled = scale_of_inputs(model, input_range)[0] is Status.RULED_OUT
    if model.iterations or len(values) < STEPS or not np.isfinite(values).all() or not scaled:
        return None
    # all that is above a guess is penalty, but for a quarter or so of a network that is initialized by size
    ratio, last = (values[0] - guess) / guess, float(np.median(values[-20:]))
    if ratio < WEIGHT or last < LEFT * guess:
        return None
    statement = _(
        "before training the loss was {first:.3g}, where guessing has {guess:.3g}: the rest is the penalty on outputs; "
        "now the loss is {last:.3g}"
    ).format(first=values[0], guess=guess, last=last)
    return Evidence(statement, quantity="batch_loss", value=float(ratio), threshold=WEIGHT)


def large_activity_penalty(evidence: Evidence, model: Model) -> tuple[Status, Evidence]:
    """Whether outputs of layers are penalized, too."""
    penalized = _penalized_outputs(model)
    if penalized and evidence.quantity == "batch_loss":
        statement = _("{names} has an activity_regularizer, and the penalty began at {times:.3g} times a guess")
        return Status.CONFIRMED, Evidence(
            statement.format(names=", ".join(penalized[:3]), times=evidence.value or 0.0),
            quantity="model",
            where=penalized[0],
            value=evidence.value,
            threshold=WEIGHT,
        )
    if not penalized:
        return Status.RULED_OUT, Evidence(_("no layer has an activity_regularizer"), quantity="model", value=0.0)
    statement = _("not measured: {names} has an activity_regularizer, whose part of the loss is not recorded")
    return Status.POSSIBLE, Evidence(statement.format(names=", ".join(penalized[:3])), quantity="model")


class DominantPenalty(Rule):
    """The penalty on the weights outweighs the data: training shrinks the weights and learns little else.

    ## What it sees
    The penalty of the weight regularizers at the begin of each epoch, and the loss of the batch that follows without
    it. The rule fires when the penalty began at three times the loss of the data or more and, after ten epochs and 200
    steps (of a run that has ended five and 100), the loss of the data still is above a quarter of its first value.
    Where it is not, and the penalty was above it in half of the epochs, that is good to know: most of the loss that is
    told is penalty. A penalty that began lower and is most of a small loss late in a run is no fault: that is where a
    regularized run ends.

    ## How it is told apart
    The penalty of weights is measured, with the setting that makes it. That of outputs is not recorded: where only
    outputs are penalized it is what a cross-entropy on scaled inputs has above a guess before training.

    ## Remedies
    L2 of 1e-4 in place of what is there.

    ## References
    Goodfellow, Bengio and Courville (2016), Deep Learning, section 7.1 (parameter norm penalties).
    """

    family = "optimization"
    severity = Severity.WARNING
    explains = ("majority-predictor", "underfitting")
    message = _("The penalty dominates the loss: {statement}.")

    causes = (
        Cause(
            "large-weight-penalty",
            _("the weights are penalized too much"),
            examine=large_weight_penalty,
            remedies=(WeakerPenalty(),),
        ),
        Cause(
            "large-activity-penalty",
            _("the outputs of layers are penalized too much"),
            examine=large_activity_penalty,
            remedies=(WeakerPenalty(),),
        ),
    )

    examples = (Unhealthy(penalized_digits, confirms=("large-weight-penalty",)), Healthy(lightly_penalized_digits))

    def severity_in(self, record: TrainingRecord) -> Severity:
        penalty, batch_loss = record.quantities.get("weight_penalty"), record.quantities.get("batch_loss")
        if isinstance(penalty, WeightPenalty) and isinstance(batch_loss, BatchLoss):
            losses = _data_losses(penalty, batch_loss)
            # the data are learned, under a loss that is penalty for the most part
            if len(losses) and float(np.median(losses[-3:])) < LEFT * losses[0]:
                return Severity.INFO
        return self.severity

    def check(
        self,
        batch_loss: BatchLoss,
        model: Model,
        compile: Compile,
        weight_penalty: WeightPenalty | None = None,
        input_range: InputRange | None = None,
        epoch_begin: EpochBegin | None = None,
        outcome: Outcome | None = None,
    ) -> Evidence | None:
        if weight_penalty is None or not len(weight_penalty):
            if not any(layer.regularized for layer in model.layers):
                return None
            epochs = len(epoch_begin) if epoch_begin is not None else 0
            return _of_activities(batch_loss, model, compile, input_range) if epochs >= EPOCHS else None
        penalties = weight_penalty.values
        ended = outcome is not None and outcome.status != "running"
        epochs, steps = (FEWEST_EPOCHS, FEWEST_STEPS) if ended else (EPOCHS + 1, STEPS)
        if model.iterations or len(penalties) < epochs or not np.isfinite(penalties).all():
            return None
        losses = _data_losses(weight_penalty, batch_loss)
        if len(losses) < epochs or not np.isfinite(losses).all() or batch_loss.step[-1] < steps or losses[0] <= 0:
            return None
        # three single batches; their median is no outlier
        last, ratio = float(np.median(losses[-3:])), float(penalties[0] / losses[0])
        mostly = float(np.mean(penalties[: len(losses)] > losses)) >= 0.5
        if ratio < WEIGHT or (last < LEFT * losses[0] and not mostly):
            return None
        statement = _(
            "it was {penalty:.3g} before training, where the loss of the data was {data:.3g}; now it is {now:.3g}, and "
            "that of the data is still {last:.3g}"
        ).format(penalty=penalties[0], data=losses[0], now=penalties[-1], last=last)
        return Evidence(
            statement,
            quantity="weight_penalty",
            when=When(step=int(weight_penalty.step[-1])),
            value=ratio,
            threshold=WEIGHT,
        )
