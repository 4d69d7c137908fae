"""`negative-loss`."""
# ruff: noqa: A002 - parts of the record are injected by their names, `compile` too

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from kerasdoctor.diagnosis import Evidence, Severity, Status, When
from kerasdoctor.examples import tumours, tumours_labelled_from_one
from kerasdoctor.locale import _
from kerasdoctor.quantities.batch_loss import BatchLoss
from kerasdoctor.quantities.input_range import InputRange, Range
from kerasdoctor.quantities.target_range import TargetRange
from kerasdoctor.record import Compile, Fit, Model
from kerasdoctor.remedies.output_activation import OutputActivation
from kerasdoctor.remedies.rescale_targets import RescaleTargets
from kerasdoctor.remedies.rows_sum_to_one import RowsSumToOne
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy

#: A KL divergence ends at -1e-6 by rounding (measured, float32).
MARGIN = -1e-3
#: Batch losses are taken from running means of float32: their error reaches 1e-3 after 10,000 steps of one epoch.
BATCHES = 10_000
BATCH_MARGIN = -1e-2

#: Losses of probabilities: not negative while the targets lie in [0, 1]. Names without underscores.
_PROBABILITIES = {
    "binarycrossentropy",
    "binaryfocalcrossentropy",
    "categoricalcrossentropy",
    "categoricalfocalcrossentropy",
    "kldivergence",
}
#: Losses that no target makes negative; cosine similarity, Poisson, hinge sums and losses of one's own may be.
_NEVER_NEGATIVE = _PROBABILITIES | {
    "sparsecategoricalcrossentropy",
    "meansquarederror",
    "meanabsoluteerror",
    "meanabsolutepercentageerror",
    "meansquaredlogarithmicerror",
    "huber",
    "logcosh",
    "hinge",
    "squaredhinge",
    "categoricalhinge",
}
_ALIASES = {
    "bce": "binarycrossentropy",
    "kld": "kldivergence",
    "kullbackleiblerdivergence": "kldivergence",
    "mse": "meansquarederror",
    "mae": "meanabsoluteerror",
    "mape": "meanabsolutepercentageerror",
    "msle": "meansquaredlogarithmicerror",
}


def targets_out_of_range(compile: Compile, target_range: TargetRange) -> tuple[Status, Evidence]:
    """Whether a loss of probabilities gets targets outside [0, 1]."""
    losses = [loss for loss in compile.losses if _plain(loss.name) in _PROBABILITIES]
    if not losses:
        names = ", ".join(loss.name for loss in compile.losses)
        return Status.RULED_OUT, Evidence(_("{loss} is negative for no target").format(loss=names), quantity="compile")
    ranges = [*target_range.outputs.items(), *target_range.validation.items()]
    name, values = min(ranges, key=lambda item: min(item[1].minimum, 1 - item[1].maximum))
    found = Evidence(
        _("{name} runs from {low:.4g} to {high:.4g}; {loss} is defined on 0 to 1").format(
            name=name, low=values.minimum, high=values.maximum, loss=losses[0].name
        ),
        quantity="target_range",
        where=name,
        value=values.minimum if values.minimum < 0 else values.maximum,
        threshold=0.0 if values.minimum < 0 else 1.0,
    )
    if values.minimum < 0 or values.maximum > 1:
        return Status.CONFIRMED, found
    if target_range.scanned < target_range.rows:
        statement = _("measured, undecided: {found}, in {scanned:,} of {rows:,} rows").format(
            found=found.statement, scanned=target_range.scanned, rows=target_range.rows
        )
        return Status.POSSIBLE, Evidence(statement, quantity="target_range", where=name)
    return Status.RULED_OUT, found


def unnormalized_inputs(input_range: InputRange, target_range: TargetRange | None = None) -> tuple[Status, Evidence]:
    """Whether inputs that are not normalized come back as targets; by themselves they never make a loss negative."""
    name, values = max(input_range.inputs.items(), key=lambda item: abs(item[1].maximum - item[1].minimum))
    same = target_range is not None and any(_same(values, target) for target in target_range.outputs.values())
    if same and (values.minimum < 0 or values.maximum > 1):
        return Status.CONFIRMED, Evidence(
            _("the targets are the inputs, as in an autoencoder, and run from {low:.4g} to {high:.4g}").format(
                low=values.minimum, high=values.maximum
            ),
            quantity="input_range",
            where=name,
            value=values.maximum,
            threshold=1.0,
        )
    statement = _(
        "{name} runs from {low:.4g} to {high:.4g}; in Keras 3 inputs of any size make this loss large, never negative"
    )
    return Status.RULED_OUT, Evidence(
        statement.format(name=name, low=values.minimum, high=values.maximum), quantity="input_range", where=name
    )


def negative_weights(fit: Fit, target_range: TargetRange | None = None) -> tuple[Status, Evidence]:
    """Whether weights below 0 turn the sign of some rows' loss."""
    lowest = None if target_range is None else target_range.minimum_weight
    if lowest is not None and lowest < 0:
        return Status.CONFIRMED, Evidence(
            _("the sample weights go down to {value:.4g}").format(value=lowest),
            quantity="target_range",
            value=lowest,
            threshold=0.0,
        )
    if fit.class_weight or (fit.sample_weight and lowest is None):
        return Status.POSSIBLE, Evidence(_("not measured: fit was given weights whose values are not recorded"))
    if lowest is None:
        return Status.RULED_OUT, Evidence(_("fit was given no weights"), quantity="fit")
    return Status.RULED_OUT, Evidence(
        _("no sample weight is below {value:.4g}").format(value=lowest), quantity="target_range", value=lowest
    )


def no_distributions(compile: Compile, model: Model) -> tuple[Status, Evidence]:
    """Whether a KL divergence compares what are no distributions."""
    if not any(_plain(loss.name) == "kldivergence" for loss in compile.losses):
        names = ", ".join(loss.name for loss in compile.losses)
        return Status.RULED_OUT, Evidence(_("{loss} does not compare distributions").format(loss=names))
    last = model.layers[-1] if model.layers else None
    if last is None or last.activation is None:
        return Status.POSSIBLE, Evidence(_("not measured: the activation of the last layer is not recorded"))
    if last.activation != "softmax":
        return Status.CONFIRMED, Evidence(
            _("{layer}, the last layer, has the activation {activation}: its outputs need not sum to 1").format(
                layer=last.name, activation=last.activation
            ),
            quantity="model",
            where=last.name,
        )
    return Status.POSSIBLE, Evidence(
        _("not measured: the outputs sum to 1 by softmax; whether the targets do is not recorded")
    )


class NegativeLoss(Rule):
    """A loss that cannot be negative on valid targets is negative.

    ## What it sees
    `loss` or `val_loss` below -0.001, or one of the first batch losses below -0.01, where every loss of `compile` is
    one of Keras's that valid targets never make negative. Cosine similarity, Poisson and losses of one's own may be
    negative and do not alarm.

    ## How it is told apart
    Targets outside [0, 1] make the cross-entropies negative without bound: labels 1 and 2, -1 and 1, masks of 0 and
    255, standardized targets. Inputs that are not normalized are often blamed; measured in Keras 3 they make a loss
    large, never negative, unless they are the targets too. Weights below 0. A KL divergence of what does not sum
    to 1.

    ## Remedies
    Targets brought into [0, 1], or the loss that suits them.

    ## References
    keras-team/keras#13926, #14046 (no check of the range in Keras), #1917 (KL divergence without softmax).
    """

    family = "data"
    severity = Severity.ERROR
    explains = (
        "better-validation",
        "loss-accuracy-disagreement",
        "majority-predictor",
        "oscillating-validation",
        "overfitting",
        "small-dataset",
        "stopped-too-early",
        "trained-too-long",
        "underfitting",
    )
    message = _("The loss is negative, which it cannot be on valid targets: {statement}.")

    causes = (
        Cause(
            "targets-out-of-range",
            _("the targets lie outside the range that the loss is defined on"),
            examine=targets_out_of_range,
            remedies=(RescaleTargets(),),
        ),
        Cause(
            "unnormalized-inputs",
            _("the inputs are not normalized"),
            examine=unnormalized_inputs,
            # the inputs that matter here are the targets
            remedies=(RescaleTargets(),),
        ),
        Cause("negative-weights", _("weights are below 0; look at how they were made"), examine=negative_weights),
        Cause(
            "no-distributions",
            _("targets or outputs do not sum to 1"),
            examine=no_distributions,
            remedies=(RowsSumToOne(), OutputActivation()),
        ),
    )

    examples = (Unhealthy(tumours_labelled_from_one, confirms=("targets-out-of-range",)), Healthy(tumours))

    def check(
        self,
        history: Mapping[str, Sequence[float]],
        compile: Compile,
        fit: Fit,
        batch_loss: BatchLoss | None = None,
    ) -> Evidence | None:
        if batch_loss is None and not history:
            raise NotMeasured("batch_loss")
        if not compile.losses or not all(
            loss.builtin and _plain(loss.name) in _NEVER_NEGATIVE for loss in compile.losses
        ):
            return None
        for key, stride in (("loss", 1), ("val_loss", fit.validation_freq)):
            values = history.get(key, ())
            negative = [index for index, value in enumerate(values) if value < MARGIN]
            if negative:
                epoch = (negative[0] + 1) * stride
                value = float(values[-1] if values[-1] < MARGIN else values[negative[0]])
                statement = _("{key} of {loss} is below 0 from epoch {epoch} on, and came to {value:.4g}")
                return Evidence(
                    statement.format(key=key, loss=_names(compile), epoch=epoch, value=value),
                    quantity="history",
                    where=key,
                    when=When(epoch),
                    value=value,
                    threshold=0.0,
                )
        return None if batch_loss is None else _in_batches(batch_loss, compile)


def _in_batches(batch_loss: BatchLoss, compile: Compile) -> Evidence | None:
    values = batch_loss.values[:BATCHES]
    negative = np.flatnonzero(values < BATCH_MARGIN)
    if not len(negative):
        return None
    step, value = int(batch_loss.step[negative[0]]), float(values[negative[0]])
    return Evidence(
        _("the batch loss of {loss} is {value:.4g} in step {step}").format(
            loss=_names(compile), value=value, step=step
        ),
        quantity="batch_loss",
        where="loss",
        when=When(step=step),
        value=value,
        threshold=0.0,
    )


def _names(compile: Compile) -> str:
    return " + ".join(loss.name for loss in compile.losses)


def _same(inputs: Range, targets: Range) -> bool:
    return (inputs.shape, inputs.minimum, inputs.maximum) == (targets.shape, targets.minimum, targets.maximum)


def _plain(name: str) -> str:
    plain = name.replace("_", "").lower()
    return _ALIASES.get(plain, plain)
