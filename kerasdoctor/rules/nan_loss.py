"""`nan-loss`."""
# ruff: noqa: A002 - parts of the record are injected by their names, `compile` too

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from kerasdoctor.diagnosis import Evidence, Severity, Status, When
from kerasdoctor.examinations import at_rate
from kerasdoctor.examples import digits_with_a_gap, diverged_regression, shuffled_digits
from kerasdoctor.locale import _
from kerasdoctor.quantities.batch_loss import BatchLoss
from kerasdoctor.quantities.epoch_begin import EpochBegin
from kerasdoctor.quantities.first_nonfinite import FirstNonfinite
from kerasdoctor.quantities.global_gradient_norm import GlobalGradientNorm
from kerasdoctor.quantities.input_range import InputRange, Range
from kerasdoctor.quantities.learning_rate import LearningRate
from kerasdoctor.quantities.target_range import TargetRange
from kerasdoctor.quantities.weight_norm import WeightNorm
from kerasdoctor.record import Compile, Data, Fit, Model
from kerasdoctor.remedies.drop_nonfinite_rows import DropNonfiniteRows
from kerasdoctor.remedies.fresh_weights import FreshWeights
from kerasdoctor.remedies.full_precision import FullPrecision
from kerasdoctor.remedies.ignored_class import IgnoredClass
from kerasdoctor.remedies.labels_from_zero import LabelsFromZero
from kerasdoctor.remedies.larger_learning_rate import default_rate
from kerasdoctor.remedies.min_max_normalization import MinMaxNormalization
from kerasdoctor.remedies.more_outputs import MoreOutputs
from kerasdoctor.remedies.normalized_and_clipped import NormalizedAndClipped
from kerasdoctor.remedies.output_activation import OutputActivation
from kerasdoctor.remedies.rescale_targets import RescaleTargets
from kerasdoctor.remedies.saved_weights import SavedWeights
from kerasdoctor.remedies.smaller_learning_rate import SmallerLearningRate
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy

#: Steps before the first NaN in which a growth is looked for.
RUN_UP = 50
#: Times that a loss grows over the run-up when the steps are too long.
GROWTH = 10.0
#: Inputs beyond it are unscaled: standardized ones rarely pass 10, and a network is initialized for about 1.
LARGE_INPUT = 20.0
#: Targets of a squared error beyond it: its gradient grows with them, and 1,000 made SGD at 0.01 diverge.
LARGE_TARGET = 100.0

#: The square of what is larger is beyond float32, which ends at 3.4e38.
LARGEST_SQUARED = 1.8e19

#: A weight beyond it has exploded: networks begin below 1, and those of the healthy runs end below 10.
EXPLODED = 1e4

#: Losses that take a logarithm of what may be negative or 0.
_OF_LIMITED_DOMAIN = {"poisson", "kldivergence", "meansquaredlogarithmicerror"}
_SCALING = {"Normalization", "Rescaling", "BatchNormalization", "LayerNormalization", "Embedding"}
#: Callbacks of Keras's that give no variable a value that is not finite.
_ONLY_READING = {
    *("CSVLogger", "EarlyStopping", "History", "ModelCheckpoint", "ProgbarLogger", "ReduceLROnPlateau"),
    *("RemoteMonitor", "TensorBoard", "TerminateOnNaN"),
}
_RECURRENT = {"SimpleRNN", "LSTM", "GRU", "RNN", "Bidirectional", "ConvLSTM2D"}
_WITHOUT_WEIGHTS_OF_THEIR_OWN = {"InputLayer", "Flatten", "Reshape", "Permute"}


def nan_in_data(
    evidence: Evidence,
    data: Data,
    input_range: InputRange | None = None,
    target_range: TargetRange | None = None,
    first_nonfinite: FirstNonfinite | None = None,
) -> tuple[Status, Evidence]:
    """Whether the rows that train hold NaN or infinity."""
    if _only_validation(evidence):
        return _validation_alone()
    origin = _replayed(first_nonfinite)
    if origin is not None:
        return _decided(origin, origin.origin in _OF_DATA)
    if input_range is None:
        raise NotMeasured("input_range")
    bad = [(name, values) for name, values in _trained(input_range, target_range) if _in_training(values, data)]
    if bad:
        return Status.CONFIRMED, _nonfinite(bad)
    if target_range is not None and target_range.minimum_weight is not None:
        weight = target_range.minimum_weight
        if not math.isfinite(weight):
            return Status.CONFIRMED, Evidence(_("a sample weight is not finite"), quantity="target_range")
    return _finite(input_range)


def nan_in_validation_data(
    evidence: Evidence,
    data: Data,
    input_range: InputRange,
    target_range: TargetRange | None = None,
) -> tuple[Status, Evidence]:
    """Whether only the rows that validate hold NaN or infinity."""
    if not _only_validation(evidence):
        return Status.RULED_OUT, Evidence(_("the training loss is not finite either"), quantity="history", where="loss")
    held_out = [*input_range.validation.items(), *(target_range.validation.items() if target_range else ())]
    tail = [(name, values) for name, values in _trained(input_range, target_range) if not _in_training(values, data)]
    bad = [(name, values) for name, values in [*held_out, *tail] if values.nonfinite]
    if bad:
        return Status.CONFIRMED, _nonfinite(bad)
    if not held_out and input_range.scanned == input_range.rows == data.n_train:
        return Status.POSSIBLE, Evidence(_("not measured: the validation data were not examined"))
    return _finite(input_range)


def labels_out_of_range(
    evidence: Evidence,
    compile: Compile,
    target_range: TargetRange | None = None,
    first_nonfinite: FirstNonfinite | None = None,
) -> tuple[Status, Evidence]:
    """Whether integer labels lie outside the units of the last layer."""
    if not any(_plain(loss.name) == "sparsecategoricalcrossentropy" for loss in compile.losses):
        names = ", ".join(loss.name for loss in compile.losses) or _("the loss")
        return Status.RULED_OUT, Evidence(_("{loss} reads no integer labels").format(loss=names), quantity="compile")
    origin = _replayed(first_nonfinite)
    if origin is not None and (origin.origin != "loss" or origin.backward):
        return _elsewhere(origin)
    if target_range is not None and target_range.units:
        return _labels(target_range, validation_only=_only_validation(evidence))
    if origin is not None and not _exploded(origin) and not _own_losses(compile):
        # finite predictions, and a loss that reads nothing else
        return Status.CONFIRMED, _evidence(origin)
    return Status.POSSIBLE, Evidence(_("not measured: labels and units were not examined"))


def _labels(target_range: TargetRange, *, validation_only: bool) -> tuple[Status, Evidence]:
    trained = {} if validation_only else target_range.outputs
    for name, values in [*trained.items(), *target_range.validation.items()]:
        units = target_range.units.get(name)
        if units is not None and (values.minimum < 0 or values.maximum >= units):
            return Status.CONFIRMED, _out_of_range(name, values, units)
    if target_range.scanned < target_range.rows:
        return Status.POSSIBLE, Evidence(
            _("measured, undecided: in range in {scanned:,} of {rows:,} rows").format(
                scanned=target_range.scanned, rows=target_range.rows
            ),
            quantity="target_range",
        )
    lowest = min(values.minimum for values in target_range.outputs.values())
    highest = max(values.maximum for values in target_range.outputs.values())
    return Status.RULED_OUT, Evidence(
        _("the labels run from {lowest:g} to {highest:g}, for {units} units").format(
            lowest=lowest, highest=highest, units=", ".join(map(str, target_range.units.values()))
        ),
        quantity="target_range",
        value=highest,
    )


def learning_rate_too_high(
    evidence: Evidence,
    batch_loss: BatchLoss,
    compile: Compile,
    input_range: InputRange | None = None,
    target_range: TargetRange | None = None,
    first_nonfinite: FirstNonfinite | None = None,
    learning_rate: LearningRate | None = None,
    model: Model | None = None,
    global_gradient_norm: GlobalGradientNorm | None = None,
) -> tuple[Status, Evidence]:
    """Whether the batch losses, or the weights, grew before the first that is not finite."""
    if _only_validation(evidence):
        return _validation_alone()
    if evidence.where == "loss" and evidence.when is not None and evidence.when.step == 1:
        return Status.RULED_OUT, Evidence(
            _("the very first batch is not finite: its loss was computed before any update"),
            quantity="batch_loss",
            when=evidence.when,
        )
    rate = at_rate(compile, learning_rate)
    origin = _replayed(first_nonfinite)
    if origin is None:
        spoilt = any(values.nonfinite for _name, values in _trained(input_range, target_range))
        return _from_growth(evidence, batch_loss, rate, spoilt=spoilt)
    status, found = _decided(origin, _diverged(origin, batch_loss))
    recurrent = _recurrence(origin, model, compile, global_gradient_norm)
    if status is Status.CONFIRMED and recurrent:
        undecided = _("measured, undecided: {statement}; a recurrent layer, whose gradients nothing clips, does so too")
        return Status.POSSIBLE, replace(found, statement=undecided.format(statement=found.statement + rate))
    return status, replace(found, statement=found.statement + rate) if status is Status.CONFIRMED else found


def _recurrence(origin: FirstNonfinite, model: Model | None, compile: Compile, norm: GlobalGradientNorm | None) -> bool:
    """Whether it began in a recurrent layer that may have multiplied the gradients over its steps."""
    names = {layer.name for layer in model.layers if layer.kind in _RECURRENT} if model is not None else set()
    clipped = any(compile.optimizer_config.get(name) for name in ("clipnorm", "global_clipnorm", "clipvalue"))
    if clipped or not names & set(origin.layer.split("/")):
        return False
    # with so short a first gradient no step at the default rate is longer than a kernel, whose norm is 1 or more
    first = float(norm.values[0]) if norm is not None and len(norm) else math.inf
    return not first * default_rate(compile.optimizer) < 1


def _from_growth(evidence: Evidence, batch_loss: BatchLoss, rate: str, *, spoilt: bool) -> tuple[Status, Evidence]:
    """What the course of the batch losses says of the learning rate; `spoilt` when the data are not finite."""
    growth = _growth(batch_loss)
    if growth is None:
        return Status.POSSIBLE, Evidence(
            _("measured, undecided: too few finite batch losses to see a growth"), quantity="batch_loss"
        )
    factor, first, last = growth
    course = _("the batch losses went from {first:.3g} to {last:.3g} in the steps before").format(
        first=first, last=last
    )
    found = Evidence(course + rate, quantity="batch_loss", when=evidence.when, value=factor, threshold=GROWTH)
    if factor >= GROWTH:
        return Status.CONFIRMED, found
    if spoilt:
        statement = _("{course}, and the data hold NaN or infinity").format(course=course)
        return Status.RULED_OUT, Evidence(statement, quantity="batch_loss", value=factor, threshold=GROWTH)
    statement = _("measured, undecided: {course}").format(course=course + rate)
    return Status.POSSIBLE, Evidence(statement, quantity="batch_loss", value=factor, threshold=GROWTH)


def unscaled_inputs(
    evidence: Evidence,
    input_range: InputRange,
    model: Model,
    batch_loss: BatchLoss | None = None,
    first_nonfinite: FirstNonfinite | None = None,
) -> tuple[Status, Evidence]:
    """Whether the inputs are far larger than a network is initialized for."""
    if _only_validation(evidence):
        return _validation_alone()
    first = next((layer for layer in model.layers if layer.kind not in _WITHOUT_WEIGHTS_OF_THEIR_OWN), None)
    if first is not None and first.kind in _SCALING:
        return Status.RULED_OUT, Evidence(
            _("the model begins with {layer}, a {kind} layer").format(layer=first.name, kind=first.kind),
            quantity="model",
            where=first.name,
        )
    name, values = max(input_range.inputs.items(), key=lambda item: _size(item[1]))
    statement = _("{name} runs from {low:.4g} to {high:.4g}").format(name=name, low=values.minimum, high=values.maximum)
    found = Evidence(statement, quantity="input_range", value=_size(values), threshold=LARGE_INPUT)
    return _scale(found, batch_loss, _replayed(first_nonfinite))


def unscaled_targets(
    evidence: Evidence,
    target_range: TargetRange,
    compile: Compile,
    batch_loss: BatchLoss | None = None,
    first_nonfinite: FirstNonfinite | None = None,
) -> tuple[Status, Evidence]:
    """Whether the targets of a regression are far larger than what a network puts out at first."""
    if _only_validation(evidence):
        return _validation_alone()
    regressions = {"meansquarederror", "meansquaredlogarithmicerror", "mse", "meanabsoluteerror", "mae", "huber"}
    if not any(_plain(loss.name) in regressions for loss in compile.losses):
        names = ", ".join(loss.name for loss in compile.losses) or _("the loss")
        return Status.RULED_OUT, Evidence(_("{loss} is no regression loss").format(loss=names), quantity="compile")
    name, values = max(target_range.outputs.items(), key=lambda item: _size(item[1]))
    statement = _("{name} runs from {low:.4g} to {high:.4g}").format(name=name, low=values.minimum, high=values.maximum)
    found = Evidence(statement, quantity="target_range", value=_size(values), threshold=LARGE_TARGET)
    origin = _replayed(first_nonfinite)
    if origin is not None and origin.origin == "loss" and not origin.backward and _size(values) > LARGEST_SQUARED:
        return Status.CONFIRMED, replace(
            found, statement=_("{found}, and float32 does not hold its square").format(found=statement)
        )
    return _scale(found, batch_loss, origin)


def custom_loss(
    evidence: Evidence,
    compile: Compile,
    input_range: InputRange | None = None,
    first_nonfinite: FirstNonfinite | None = None,
) -> tuple[Status, Evidence]:
    """Whether a loss of the user's own computes the NaN."""
    custom = _own_losses(compile)
    if not custom:
        names = ", ".join(loss.name for loss in compile.losses)
        if not names:
            return Status.POSSIBLE, Evidence(_("not measured: compile names no loss"), quantity="compile")
        return Status.RULED_OUT, Evidence(_("{loss} is Keras's own").format(loss=names), quantity="compile")
    name = ", ".join(custom)
    origin = _replayed(first_nonfinite)
    if origin is not None:
        at_fault = origin.origin == "loss" and not _exploded(origin)
        return _decided(origin, at_fault)
    in_first_batch = evidence.where == "loss" and evidence.when is not None and evidence.when.step == 1
    if in_first_batch and input_range is not None and _all_finite(input_range):
        statement = _(
            "measured, undecided: {loss} is your own, and the very first batch is not finite, before any update and "
            "with finite inputs: {loss} or a layer computes it"
        )
        return Status.POSSIBLE, Evidence(statement.format(loss=name), quantity="compile", when=evidence.when)
    statement = _("not measured: {loss} is your own; {reason}")
    return Status.POSSIBLE, Evidence(
        statement.format(loss=name, reason=_unreplayed(first_nonfinite)), quantity="compile"
    )


def outside_the_domain(
    compile: Compile, first_nonfinite: FirstNonfinite | None = None, target_range: TargetRange | None = None
) -> tuple[Status, Evidence]:
    """Whether a loss of Keras's is given what it is not defined for."""
    origin = _replayed(first_nonfinite)
    limited = [loss.name for loss in compile.losses if _plain(loss.name) in _OF_LIMITED_DOMAIN]
    if origin is not None:
        at_fault = origin.origin == "loss" and bool(limited) and not _exploded(origin)
        return _decided(origin, at_fault)
    if not limited:
        names = ", ".join(loss.name for loss in compile.losses) or _("the loss")
        statement = _("{loss} is defined for every prediction").format(loss=names)
        return Status.RULED_OUT, Evidence(statement, quantity="compile")
    lowest = math.nan
    if target_range is not None and target_range.outputs:
        lowest = min(values.minimum for values in target_range.outputs.values())
    statement = _("{loss} is defined for values above 0, the targets begin at {lowest:g}").format(
        loss=", ".join(limited), lowest=lowest
    )
    if lowest < 0:
        return Status.CONFIRMED, Evidence(statement, quantity="target_range", value=lowest, threshold=0.0)
    return Status.POSSIBLE, Evidence(_("measured, undecided: {found}").format(found=statement), quantity="compile")


def unstable_layer(
    batch_loss: BatchLoss | None = None,
    input_range: InputRange | None = None,
    first_nonfinite: FirstNonfinite | None = None,
) -> tuple[Status, Evidence]:
    """Whether a layer computes the NaN from finite numbers: a logarithm or root of 0, a division by 0."""
    origin = _replayed(first_nonfinite)
    if origin is not None:
        at_fault = origin.origin == "layer" and not _exploded(origin) and not origin.half_precision
        return _decided(origin, at_fault)
    growth = None if batch_loss is None else _growth(batch_loss)
    if growth is not None and growth[0] >= GROWTH:
        return Status.RULED_OUT, Evidence(
            _("the batch losses grew {factor:.2g}-fold before: no single operation").format(factor=growth[0]),
            quantity="batch_loss",
            value=growth[0],
            threshold=GROWTH,
        )
    if input_range is not None and any(values.nonfinite for values in input_range.inputs.values()):
        return Status.RULED_OUT, Evidence(_("the inputs are not finite themselves"), quantity="input_range")
    return Status.POSSIBLE, Evidence(_("not measured: {reason}").format(reason=_unreplayed(first_nonfinite)))


def mixed_precision(compile: Compile, first_nonfinite: FirstNonfinite | None = None) -> tuple[Status, Evidence]:
    """Whether layers compute in float16, which ends at 65,504."""
    origin = _replayed(first_nonfinite)
    if origin is not None and origin.half_precision:
        statement = _("{found}; in float32 the same layer stays finite, float16 ends at 65,504")
        return Status.CONFIRMED, replace(_evidence(origin), statement=statement.format(found=_told(origin)))
    found = Evidence(_("the dtype policy is {policy}").format(policy=compile.dtype_policy), quantity="compile")
    if compile.dtype_policy != "mixed_float16":
        return Status.RULED_OUT, found
    if origin is not None:
        return _elsewhere(origin)
    statement = _("measured, undecided: {found}, whose float16 ends at 65,504").format(found=found.statement)
    return Status.POSSIBLE, Evidence(statement, quantity="compile")


def changed_outside(
    evidence: Evidence, fit: Fit, first_nonfinite: FirstNonfinite | None = None
) -> tuple[Status, Evidence]:
    """Whether a variable was not finite before the step, or the learning rate, by other code than the steps."""
    if _only_validation(evidence):
        return _validation_alone()
    origin = _replayed(first_nonfinite)
    if origin is not None:
        return _decided(origin, (origin.origin == "variable" and not origin.remark) or _rate_is_lost(origin))
    in_first_step = evidence.when is not None and evidence.when.step == 1
    if not in_first_step and set(fit.callbacks) <= _ONLY_READING:
        return Status.RULED_OUT, Evidence(_("no callback changes anything between two steps"), quantity="fit")
    return Status.POSSIBLE, Evidence(_("not measured: {reason}").format(reason=_unreplayed(first_nonfinite)))


class NanLoss(Rule):
    """The loss, or a weight, is NaN or infinite.

    ## What it sees
    The first batch whose own loss is not finite. Keras's logs are means over the epoch so far: after one such batch
    all that follow in the epoch show NaN, so only the first tells anything. Without batch losses, the first epoch.
    A finite loss is no proof: on some processors a ReLU makes 0 of NaN, and the loss stays where it is while the
    weights are lost. So the weights are looked at as well, at the default level.

    ## How it is told apart
    NaN or infinity in inputs, targets or weights, by a scan of the arrays. Labels that the last layer has no unit
    for. Steps too long: the batch losses grow at least tenfold in the 50 steps before; inputs beyond 20 or
    regression targets beyond 100 then say why. In a recurrent layer whose gradients nothing clips it may be the
    recurrence, unless the first gradient was short. In the very first batch it cannot be the learning rate: its loss is
    computed before any update. At the default level the step is replayed from the last finite state and run operation
    by operation: the sample, the layer and the operation that first made NaN out of finite numbers, in the forward or
    the backward pass; or the variable that a callback, an initializer or other code had set to NaN before it. Without
    that, what remains is an operation that computes NaN from finite numbers (a logarithm or
    root of 0, a division by 0), in a loss of one's own, in a layer, or in float16. Only `val_loss`: the validation
    data.

    ## Remedies
    Leave out the rows that are not finite; a smaller learning rate; inputs, or targets, in [0, 1].

    ## References
    keras-team/keras#9097 (a square root of 0: finite loss, NaN gradient), #5733 (a custom loss), #5127 (divergence);
    Google, Deep Learning Tuning Playbook, on unstable training.
    """

    family = "optimization"
    severity = Severity.ERROR
    explains = (
        "better-validation",
        "dead-units",
        "loss-accuracy-disagreement",
        "majority-predictor",
        "oscillating-validation",
        "overfitting",
        "saturated-units",
        "small-dataset",
        "stopped-too-early",
        "trained-too-long",
        "underfitting",
        "vanishing-gradients",
    )
    message = _("The training is not finite: {statement}.")

    causes = (
        Cause(
            "nan-in-data",
            _("the training data hold NaN or infinity"),
            examine=nan_in_data,
            remedies=(DropNonfiniteRows(),),
        ),
        Cause(
            "nan-in-validation-data",
            _("only the validation data hold NaN or infinity"),
            examine=nan_in_validation_data,
            remedies=(DropNonfiniteRows(),),
        ),
        Cause(
            "labels-out-of-range",
            _("labels have no unit in the last layer"),
            examine=labels_out_of_range,
            remedies=(LabelsFromZero(), IgnoredClass(), MoreOutputs()),
        ),
        Cause(
            "learning-rate-too-high",
            _("the learning rate is too high: the loss diverges"),
            examine=learning_rate_too_high,
            remedies=(SmallerLearningRate(), SavedWeights()),
        ),
        Cause(
            "unscaled-inputs",
            _("the inputs are too large for the steps taken"),
            examine=unscaled_inputs,
            remedies=(MinMaxNormalization(), NormalizedAndClipped()),
        ),
        Cause(
            "unscaled-targets",
            _("the targets are too large for the steps taken"),
            examine=unscaled_targets,
            remedies=(RescaleTargets(),),
        ),
        Cause(
            "custom-loss",
            _("a loss function of your own computes NaN; keep its logarithms, roots and divisions away from 0"),
            examine=custom_loss,
        ),
        Cause(
            "outside-the-domain",
            _("the loss is given predictions or targets that it is not defined for"),
            examine=outside_the_domain,
            remedies=(OutputActivation(), RescaleTargets()),
        ),
        Cause(
            "unstable-layer",
            _("a layer computes NaN from finite numbers; keep its logarithms, roots and divisions away from 0"),
            examine=unstable_layer,
        ),
        Cause("mixed-precision", _("float16 overflows"), examine=mixed_precision, remedies=(FullPrecision(),)),
        Cause(
            "changed-outside",
            _("a variable or the learning rate was set to NaN or infinity outside of the training steps"),
            examine=changed_outside,
            remedies=(FreshWeights(),),
        ),
    )

    examples = (
        Unhealthy(diverged_regression, confirms=("learning-rate-too-high", "unscaled-targets")),
        Unhealthy(digits_with_a_gap, confirms=("nan-in-data",)),
        Healthy(shuffled_digits),
    )

    def check(
        self,
        history: Mapping[str, Sequence[float]],
        fit: Fit,
        data: Data,
        compile: Compile,
        batch_loss: BatchLoss | None = None,
        epoch_begin: EpochBegin | None = None,
        first_nonfinite: FirstNonfinite | None = None,
        weight_norm: WeightNorm | None = None,
    ) -> Evidence | None:
        if batch_loss is None and weight_norm is None and not history:
            raise NotMeasured("batch_loss")
        step, value = _first_nonfinite(batch_loss)
        if step is not None:
            epoch = _epoch_of(step, epoch_begin, fit, data)
            when = When(epoch, step, _earliest(step, compile))
            place = when.steps
            if epoch is not None:
                place += _(" (epoch {epoch})").format(epoch=epoch)
            statement = _("the batch loss is {value} from {place} on").format(value=_name(value), place=place)
            return Evidence(
                statement + _began(first_nonfinite),
                quantity="batch_loss",
                where="loss",
                when=when,
                value=value,
            )
        if weight_norm is not None and weight_norm.nonfinite.any():
            step = _spoilt_from(weight_norm)
            when = When(_epoch_of(step, epoch_begin, fit, data), step, _earliest(step, compile))
            return _weights(weight_norm, first_nonfinite, when)
        for key, stride in (("loss", 1), ("val_loss", fit.validation_freq)):
            for index, value in enumerate(history.get(key, ())):
                if not math.isfinite(value):
                    epoch = (index + 1) * stride
                    return Evidence(
                        _("{key} is {value} from epoch {epoch} on").format(key=key, value=_name(value), epoch=epoch),
                        quantity="history",
                        where=key,
                        when=When(epoch),
                        value=value,
                    )
        return None


def _spoilt_from(weight_norm: WeightNorm) -> int:
    """The step from which a weight is not finite, or the first of its bucket."""
    return int(weight_norm.first[np.argmax(weight_norm.nonfinite.any(axis=1))])


def _earliest(step: int, compile: Compile) -> int | None:
    """The first step that it may be, where several are executed at once."""
    # an execution at the end of an epoch may be shorter
    size = compile.source.get("steps_per_execution", "")
    return max(1, step - int(size) + 1) if size.isdigit() and int(size) > 1 else None


def _weights(weight_norm: WeightNorm, first: FirstNonfinite | None, when: When) -> Evidence:
    spoilt = [weight_norm.columns[column] for column in np.flatnonzero(weight_norm.nonfinite.sum(axis=0))]
    statement = _("{variable} holds NaN or infinity from {steps} on, although the loss is finite").format(
        variable=_("{first} and {more} more").format(first=spoilt[0], more=len(spoilt) - 1)
        if len(spoilt) > 1
        else spoilt[0],
        steps=when.steps,
    )
    return Evidence(statement + _began(first), quantity="weight_norm", where=spoilt[0], when=when, value=math.nan)


def _began(first: FirstNonfinite | None) -> str:
    origin = _replayed(first)
    return "" if origin is None else _("; it began in step {step}: {told}").format(step=origin.step, told=_told(origin))


def _first_nonfinite(batch_loss: BatchLoss | None) -> tuple[int | None, float]:
    if batch_loss is None:
        return None, math.nan
    values = batch_loss.values
    bad = np.flatnonzero(~np.isfinite(values))
    return (int(batch_loss.step[bad[0]]), float(values[bad[0]])) if len(bad) else (None, math.nan)


def _epoch_of(step: int, epoch_begin: EpochBegin | None, fit: Fit, data: Data) -> int | None:
    """The epoch of a step, from 1."""
    if epoch_begin is not None and epoch_begin.step:
        return epoch_begin.epoch_of(step)
    steps = fit.steps_per_epoch
    if steps is None and data.n_train and fit.batch_size:
        steps = math.ceil(data.n_train / fit.batch_size)
    return (step - 1) // steps + 1 if steps else None


def _name(value: float) -> str:
    return "NaN" if math.isnan(value) else _("infinite")


_OF_DATA = {
    "input": _("the input of {rows} is not finite"),
    "target": _("the target of {rows} is not finite"),
    "sample_weight": _("the weight of {rows} is not finite"),
}


def _replayed(first: FirstNonfinite | None) -> FirstNonfinite | None:
    """The first NaN, where replaying the step has shown where it came from."""
    return first if first is not None and first.origin != "unknown" else None


def _unreplayed(first: FirstNonfinite | None) -> str:
    """Why it has not."""
    return first.remark if first is not None and first.remark else _("the step was not replayed")


def _exploded(first: FirstNonfinite) -> bool:
    """Whether the weights had grown beyond everything before."""
    return first.largest_weight >= EXPLODED


def _told(first: FirstNonfinite) -> str:
    """Where it came from, in words."""
    if first.origin in _OF_DATA:
        return _OF_DATA[first.origin].format(rows=_rows(first))
    if first.origin == "update":
        return _("the update of {variable} made it from finite gradients, at most {largest:.3g}").format(
            variable=first.variables[0], largest=first.largest
        ) + (f": {first.remark}" if first.remark else "")
    if first.origin == "variable":
        return _set_before(first)
    said = _place(first)
    if first.operation:
        said += _(", in the operation {operation}").format(operation=first.operation)
    if first.line:
        said += _(" of the line `{line}`").format(line=first.line)
    if first.rows:
        said += _(", for {rows}").format(rows=_rows(first))
    if _exploded(first):
        said += _("; weights had grown to {weight:.3g}").format(weight=first.largest_weight)
    return said


def _set_before(first: FirstNonfinite) -> str:
    """How a variable came to be not finite."""
    if first.remark:
        said = _("{variable} was not finite before it: {remark}")
    elif first.step == 1:
        said = _(
            "{variable} held NaN or infinity before the first step, by its initializer, the weights that were loaded, "
            "or other code"
        )
    else:
        said = _("{variable} was set to NaN or infinity between steps {before} and {step}, by a callback or other code")
    named = first.variables[0]
    if len(first.variables) > 1:
        named = _("{first} and {more} more").format(first=named, more=len(first.variables) - 1)
    said = said.format(variable=named, remark=first.remark, before=first.step - 1, step=first.step)
    return said + (_(", in the line `{line}`").format(line=first.line) if first.line else "")


def _place(first: FirstNonfinite) -> str:
    """The layer or the loss, and its pass."""
    if first.origin == "loss":
        if first.backward:
            return _("the loss is finite, its gradient is not")
        return _("the loss of finite predictions is not finite")
    said = _("layer {layer} ({kind}) makes it")
    if first.backward:
        said = _("the backward pass of layer {layer} ({kind}) makes it")
    elif first.variables:
        said = _("the regularizer of {variable} makes it")
    said = said.format(layer=first.layer, kind=first.kind, variable=", ".join(first.variables))
    if math.isfinite(first.largest):
        said += _(" from numbers of at most {largest:.3g}").format(largest=first.largest)
    return said


def _rows(first: FirstNonfinite) -> str:
    if first.samples:
        return _("sample {rows}").format(rows=_listed(first.samples))
    if first.rows:
        return _("row {rows} of the batch").format(rows=_listed(first.rows))
    return _("the whole batch")


def _listed(rows: Sequence[int]) -> str:
    few = ", ".join(f"{row:,}" for row in rows[:3])
    return _("{few} and {more} more").format(few=few, more=len(rows) - 3) if len(rows) > 3 else few


def _evidence(first: FirstNonfinite) -> Evidence:
    return Evidence(_told(first), quantity="first_nonfinite", where=first.layer or None, when=When(None, first.step))


def _decided(first: FirstNonfinite, at_fault: bool) -> tuple[Status, Evidence]:
    return (Status.CONFIRMED, _evidence(first)) if at_fault else _elsewhere(first)


def _elsewhere(first: FirstNonfinite) -> tuple[Status, Evidence]:
    places = {
        **dict.fromkeys(_OF_DATA, _("it began in the data")),
        "loss": _("it began in the loss"),
        "update": _("it began in an update"),
        "variable": _("it began with a variable that was not finite before the step"),
        "layer": _("it began in layer {layer}").format(layer=first.layer),
    }
    return Status.RULED_OUT, replace(_evidence(first), statement=places[first.origin])


def _own_losses(compile: Compile) -> list[str]:
    return [loss.name for loss in compile.losses if not loss.builtin]


def _only_validation(evidence: Evidence) -> bool:
    return evidence.where == "val_loss"


def _validation_alone() -> tuple[Status, Evidence]:
    return Status.RULED_OUT, Evidence(_("the training loss stayed finite"), quantity="history", where="loss")


def _trained(inputs: InputRange | None, targets: TargetRange | None) -> Iterator[tuple[str, Range]]:
    """Arrays of the training rows, with the tail of `validation_split`, by name."""
    if inputs is not None:
        yield from inputs.inputs.items()
    if targets is not None:
        yield from targets.outputs.items()


def _in_training(values: Range, data: Data) -> bool:
    """Whether the first row that is not finite trains; only the tail validates."""
    first = values.first_nonfinite_row
    return first is not None and (data.n_train is None or first < data.n_train)


def _nonfinite(bad: Sequence[tuple[str, Range]]) -> Evidence:
    name, values = bad[0]
    return Evidence(
        _("{count:,} NaN or infinite in {name}, the first in row {row:,}").format(
            count=values.nonfinite, name=name, row=values.first_nonfinite_row
        ),
        quantity="input_range",
        where=name,
        value=float(values.nonfinite),
        threshold=0.0,
    )


def _all_finite(inputs: InputRange) -> bool:
    return inputs.scanned == inputs.rows and not any(values.nonfinite for values in inputs.inputs.values())


def _finite(inputs: InputRange) -> tuple[Status, Evidence]:
    if inputs.scanned < inputs.rows:
        return Status.POSSIBLE, Evidence(
            _("measured, undecided: all finite in {scanned:,} of {rows:,} rows").format(
                scanned=inputs.scanned, rows=inputs.rows
            ),
            quantity="input_range",
            value=0.0,
        )
    return Status.RULED_OUT, Evidence(
        _("all values of {rows:,} rows are finite").format(rows=inputs.rows), quantity="input_range", value=0.0
    )


def _out_of_range(name: str, values: Range, units: int) -> Evidence:
    return Evidence(
        _("the labels of {name} run from {low:g} to {high:g}; the last layer has units for 0 to {last}").format(
            name=name, low=values.minimum, high=values.maximum, last=units - 1
        ),
        quantity="target_range",
        where=name,
        value=values.minimum if values.minimum < 0 else values.maximum,
        threshold=0.0 if values.minimum < 0 else float(units - 1),
    )


def _growth(batch_loss: BatchLoss) -> tuple[float, float, float] | None:
    """Factor, beginning and end of the growth of the batch losses before the first that is not finite."""
    values = batch_loss.values
    bad = np.flatnonzero(~np.isfinite(values))
    run_up = np.abs(values[: bad[0]] if len(bad) else values)[-RUN_UP:]
    if len(run_up) < 2:
        return None
    # the first half tells where the losses stood, the last three values where they went
    first, last = float(np.median(run_up[: max(1, len(run_up) // 2)])), float(run_up[-3:].max())
    if len(run_up) == 2:
        first = float(run_up[0])
    return last / first if first > 0 else math.inf if last > 0 else 1.0, first, last


def _size(values: Range) -> float:
    size = max(abs(values.minimum), abs(values.maximum))
    return 0.0 if math.isnan(size) else size


def _diverged(origin: FirstNonfinite | None, batch_loss: BatchLoss | None) -> bool:
    """Whether the steps were too long: the weights exploded, or the losses grew before."""
    if origin is not None and _rate_is_lost(origin):
        return False
    if origin is not None and (origin.origin == "update" or _exploded(origin)):
        return True
    growth = None if batch_loss is None else _growth(batch_loss)
    return (origin is None or origin.origin not in _OF_DATA) and growth is not None and growth[0] >= GROWTH


def _rate_is_lost(first: FirstNonfinite) -> bool:
    """Whether a schedule gave a learning rate that is not finite."""
    return first.origin == "update" and bool(first.remark)


def _scale(found: Evidence, batch_loss: BatchLoss | None, origin: FirstNonfinite | None) -> tuple[Status, Evidence]:
    """What the size of inputs or targets has to do with it."""
    if found.value is not None and found.threshold is not None and found.value <= found.threshold:
        return Status.RULED_OUT, found
    if _diverged(origin, batch_loss):
        grown = _("{statement}, and the loss diverged").format(statement=found.statement)
        return Status.CONFIRMED, replace(found, statement=grown)
    if origin is not None:
        return _elsewhere(origin)
    undecided = _("measured, undecided: {statement}").format(statement=found.statement)
    return Status.POSSIBLE, replace(found, statement=undecided)


def _plain(name: str) -> str:
    return name.replace("_", "").lower()
