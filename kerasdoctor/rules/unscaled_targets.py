"""`unscaled-targets`."""
# ruff: noqa: A002 - parts of the record are injected by their names, `compile` too

from __future__ import annotations

import math
from dataclasses import replace

from kerasdoctor.diagnosis import Evidence, Severity, Status, When
from kerasdoctor.examples import diverged_regression, with_quantities
from kerasdoctor.locale import _
from kerasdoctor.quantities.far_rows import FarRows
from kerasdoctor.quantities.target_scale import Moments, TargetScale
from kerasdoctor.quantities.weight_penalty import WeightPenalty
from kerasdoctor.record import Compile, Metric, Model, Outcome, TrainingRecord
from kerasdoctor.remedies.rescale_targets import RescaleTargets
from kerasdoctor.rule import Cause, Healthy, Rule, Unhealthy

#: Size of targets beyond which a network, which begins with predictions of about 1, has a long way to go.
LARGE = 10.0
#: Distance of the mean from 0, in standard deviations, beyond which most of the way is to the mean.
FAR = 2.0
#: Epochs after which a run that goes on is judged, and that a run that has ended must have had.
PATIENCE, FEWEST = 20, 3

_SQUARED = {"meansquarederror", "mse"}
_ABSOLUTE = {"meanabsoluteerror", "mae"}


def _moments(target_scale: TargetScale) -> tuple[str, Moments]:
    return next(iter(target_scale.outputs.items()))


def _spread(moments: Moments) -> float:
    """The standard deviation, or that of normal values as far from their mean: a few far ones do not make it large."""
    return min(moments.deviation, moments.absolute_around / math.sqrt(2 / math.pi))


def large_targets(target_scale: TargetScale) -> tuple[Status, Evidence]:
    """Whether the targets vary by far more than the predictions that a network begins with."""
    name, moments = _moments(target_scale)
    return (Status.CONFIRMED if _spread(moments) > LARGE else Status.RULED_OUT), Evidence(
        _("{name} has a standard deviation of {value:.4g}; a network begins with predictions of about 1").format(
            name=name, value=moments.deviation
        ),
        quantity="target_scale",
        where=name,
        value=moments.deviation,
        threshold=LARGE,
    )


def far_from_zero_targets(target_scale: TargetScale) -> tuple[Status, Evidence]:
    """Whether the targets lie far from 0 for how much they vary."""
    name, moments = _moments(target_scale)
    if not moments.deviation > 0:
        return Status.RULED_OUT, Evidence(_("{name} does not vary").format(name=name), quantity="target_scale")
    distance = abs(moments.mean) / moments.deviation
    return (Status.CONFIRMED if distance > FAR else Status.RULED_OUT), Evidence(
        _(
            "the mean of {name}, {mean:.4g}, lies {distance:.3g} standard deviations from 0, where the predictions "
        ).format(name=name, mean=moments.mean, distance=distance)
        + _("begin"),
        quantity="target_scale",
        where=name,
        value=distance,
        threshold=FAR,
    )


def _progression(losses: str, moments: Moments) -> TrainingRecord:
    """Diabetes progression, standardized inputs, Adam at 0.001."""
    record = diverged_regression()
    series = [float(value) for value in losses.split()]
    record.compile = replace(
        record.compile,
        optimizer="Adam",
        learning_rate=0.001,
        source={**record.compile.source, "optimizer": "keras.optimizers.Adam(learning_rate=0.001)"},
    )
    for name in ("batch_loss", "learning_rate", "epoch_begin"):
        del record.quantities[name]
    record.history = {"loss": series}
    record.fit = replace(record.fit, epochs=len(series))
    record.outcome = Outcome(status="finished", epochs=len(series), seconds=3.0)
    return with_quantities(record, target_scale=TargetScale({"y": moments}))


def _raw_progression() -> TrainingRecord:
    """Targets of 25 to 346: after 20 epochs it is five times better to predict their mean."""
    return _progression(
        "28920 28870 28830 28790 28750 28710 28680 28640 28610 28570 28530 28490 28450 28410 28370 28320 28280 28230 "
        "28170 28120",
        Moments(151.5, 76.18, 28750.0, 151.5, 5804.0, 64.55),
    )


def _scaled_progression() -> TrainingRecord:
    """The same in [0, 1]."""
    record = _progression(
        "1.247 0.956 0.737 0.573 0.451 0.360 0.292 0.240 0.201 0.171 0.148 0.130 0.116 0.105 0.097 0.090 0.084 0.079 "
        "0.075 0.072",
        Moments(0.394, 0.2373, 0.2116, 0.394, 0.05632, 0.2011),
    )
    measured = record.quantities["target_range"]
    values = replace(measured.outputs["y"], minimum=0.0, maximum=1.0)
    return with_quantities(record, target_range=replace(measured, outputs={"y": values}))


class UnscaledTargets(Rule):
    """The targets of a regression are so large that the training goes into reaching their size.

    ## What it sees
    One squared or absolute error, a target whose mean or standard deviation is beyond 10, *and* the harm: after three
    epochs of a run that has ended, or 20 of one that goes on, the training loss is above that of always predicting the
    mean of the targets. The penalty of regularizers does not count. Large targets that are learned do not alarm, nor
    does a standard deviation that a few targets far from the others make.

    ## How it is told apart
    A large spread; a mean far from 0 for that spread, so that the output's bias has most of the way to go. A loss that
    goes up, or to NaN, is told by `learning-rate-too-high` and `nan-loss`.

    ## Remedies
    Targets brought into [0, 1], and the predictions brought back.

    ## References
    Measured in Keras 3.15: SGD at 0.01 on a squared error learns targets of deviation 1 and is NaN with 1,000; Adam at
    0.001 moves a weight by about 0.001 a step, so an output reaches 150 only after thousands of steps. The issues
    keras-team/keras#2576 and #1727 (predictions that stay constant).
    """

    family = "data"
    severity = Severity.WARNING
    message = _("The targets are not scaled: {statement}.")

    causes = (
        Cause(
            "large-targets",
            _("the targets vary by far more than 1"),
            examine=large_targets,
            remedies=(RescaleTargets(),),
        ),
        Cause(
            "far-from-zero-targets",
            _("the targets lie far from 0"),
            examine=far_from_zero_targets,
            remedies=(RescaleTargets(),),
        ),
    )

    examples = (
        Unhealthy(_raw_progression, confirms=("large-targets",)),
        Healthy(_scaled_progression),
    )

    def check(
        self,
        model: Model,
        compile: Compile,
        loss: Metric,
        outcome: Outcome,
        target_scale: TargetScale,
        weight_penalty: WeightPenalty | None = None,
        far_rows: FarRows | None = None,
    ) -> Evidence | None:
        if far_rows is not None and far_rows.of_targets and far_rows.typical <= LARGE:
            # `loss-spike` tells it
            return None
        if len(compile.losses) != 1 or len(target_scale.outputs) != 1 or not compile.losses[0].builtin:
            return None
        kind = compile.losses[0].name.replace("_", "").lower()
        name, moments = _moments(target_scale)
        if kind in _SQUARED:
            constant = moments.square_around
        elif kind in _ABSOLUTE:
            constant = moments.absolute_around
        else:
            return None
        large = max(abs(moments.mean), _spread(moments)) > LARGE
        epochs = len(loss.train)
        if not large or epochs < (PATIENCE if outcome.status == "running" else FEWEST) or model.iterations:
            return None
        penalty = float(weight_penalty.value[-1]) if weight_penalty is not None and len(weight_penalty) else 0.0
        last = float(loss.train[-1]) - penalty
        if not math.isfinite(last) or not last > constant > 0:
            return None
        return Evidence(
            _(
                "{name} has mean {mean:.4g} and standard deviation {deviation:.4g}, and after {epochs} epochs the loss "
                "is {loss:.4g}, while always predicting the mean costs {constant:.4g}"
            ).format(
                name=name,
                mean=moments.mean,
                deviation=moments.deviation,
                epochs=epochs,
                loss=last,
                constant=constant,
            ),
            quantity="target_scale",
            where=name,
            when=When(epoch=epochs),
            value=last,
            threshold=constant,
        )
