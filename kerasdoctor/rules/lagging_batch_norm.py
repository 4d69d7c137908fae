"""`lagging-batch-norm`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kerasdoctor.diagnosis import Evidence, Severity, Status, When
from kerasdoctor.examples import cut, shuffled_digits, with_batch_norm
from kerasdoctor.locale import _
from kerasdoctor.quantities.batch_norm_shift import BatchNormShift
from kerasdoctor.quantities.batch_norm_variance import BatchNormVariance
from kerasdoctor.quantities.epoch_begin import EpochBegin
from kerasdoctor.quantities.inference_metrics import InferenceMetrics
from kerasdoctor.quantities.initial_weights import InitialWeights
from kerasdoctor.record import Fit, Layer, Metric, Model, TrainingRecord
from kerasdoctor.remedies.faster_batch_norm import FasterBatchNorm
from kerasdoctor.remedies.more_epochs import MoreEpochs
from kerasdoctor.remedies.slower_batch_norm import SlowerBatchNorm
from kerasdoctor.remedies.stratified_split import StratifiedSplit
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy

#: Share of the statistics that is still the initial 0 and 1: .99 to the power of 120 updates. Digits in 135 updates
#: have 0.26 left, 87 % of the validation rows right and are called healthy; in 32 updates 0.72 and 65 %.
LEFT = 0.3
#: Share below which the statistics are settled, however small the variance is that they have to find: 688 updates.
SETTLED = 1e-3
#: Times that the loss of validation rows is above that of training rows, from where on it matters.
WORSE = 2.0
#: A variance that is twice or half of what is remembered; own healthy runs of digits and wines lie between 0.69 and
#: 1.8 when their statistics are settled, those that were cut short at 0.02. Of features that do not change, settled
#: statistics of batches of 8 to 128 rows lie between 0.95 and 1.3 and their means at most 0.2 off: no alarm in 960
#: runs with less than 30 % left (tests/accuracy/simulations/GENERALIZATION.md).
RATIO = 2.0
#: Rows of a batch up to which its variance is known to no better than half: sqrt(2 / 7).
TINY = 8
#: Distance of the means in remembered standard deviations; the same healthy runs have at most 0.35.
SHIFT = 1.0


def too_few_updates(evidence: Evidence, model: Model, fit: Fit, epoch_begin: EpochBegin) -> tuple[Status, Evidence]:
    """Whether the statistics are still those of the initialization when the run ends."""
    layer = _named(model, evidence.where)
    updates = _planned(model, fit, epoch_begin)
    left = _momentum(layer) ** updates
    statement = _(
        "momentum={momentum:g}: after the {updates} updates of this run {left:.0%} of the moving statistics are still "
        "the initial 0 and 1"
    ).format(momentum=_momentum(layer), updates=updates, left=left)
    return Status.CONFIRMED if left > LEFT else Status.RULED_OUT, Evidence(
        statement, quantity="batch_norm_shift", where=evidence.where, value=left, threshold=LEFT
    )


def small_momentum_window(evidence: Evidence, model: Model) -> tuple[Status, Evidence]:
    """Whether the statistics are those of the last few batches alone."""
    momentum = _momentum(_named(model, evidence.where))
    window = 1 / max(1 - momentum, 1e-9)
    statement = _("momentum={momentum:g}: the moving statistics remember about {window:.0f} batches").format(
        momentum=momentum, window=window
    )
    # momentum 0.1 means in PyTorch what 0.9 means in Keras
    status = Status.CONFIRMED if momentum <= 0.5 else Status.RULED_OUT
    return status, Evidence(statement, quantity="model", where=evidence.where, value=momentum, threshold=0.5)


def shifted_validation(
    evidence: Evidence,
    model: Model,
    fit: Fit,
    epoch_begin: EpochBegin,
    loss: Metric,
    inference_metrics: InferenceMetrics | None = None,
) -> tuple[Status, Evidence]:
    """Whether training rows are judged well in inference mode, so that the validation rows are other rows."""
    left = _momentum(_named(model, evidence.where)) ** _planned(model, fit, epoch_begin)
    if inference_metrics is None or "loss" not in inference_metrics.columns or inference_metrics.last[-1] == 0:
        statement = _("not measured: no look at training rows in inference mode")
        return Status.POSSIBLE, Evidence(statement, quantity="inference_metrics")
    epoch = epoch_begin.epoch_of(int(inference_metrics.last[-1]))
    seen = float(inference_metrics.mean[-1, inference_metrics.columns.index("loss")])
    reported = float(loss.train[epoch - 1]) if 0 < epoch <= len(loss.train) else float("nan")
    statement = _(
        "training rows have a loss of {seen:.3g} in inference mode after epoch {epoch}, fit reported {told:.3g}"
    )
    statement = statement.format(seen=seen, epoch=epoch, told=reported)
    found = Evidence(statement, quantity="inference_metrics", when=When(epoch), value=seen, threshold=reported)
    if seen > WORSE * reported:
        return Status.RULED_OUT, found
    # an early look tells nothing of the end
    late = 2 * epoch > len(loss.train)
    if left > LEFT or not late or not seen <= WORSE * reported:
        return Status.POSSIBLE, replace(
            found, statement=_("measured, undecided: {statement}").format(statement=statement)
        )
    return Status.CONFIRMED, found


def short_run() -> TrainingRecord:
    """240 digits in batches of 64, eight epochs of four updates: all training rows right, 65 % of the others."""
    record = with_batch_norm(cut(shuffled_digits(), 8), steps=4, shift=0.38, variance=0.03)
    series = {
        "accuracy": "0.467 0.912 0.963 0.996 0.996 1.000 1.000 1.000",
        "loss": "1.622 0.394 0.202 0.108 0.0582 0.0321 0.0190 0.0123",
        "val_accuracy": "0.550 0.533 0.517 0.533 0.583 0.617 0.650 0.650",
        "val_loss": "2.021 1.816 1.694 1.591 1.471 1.364 1.284 1.226",
    }
    record.history = {key: [float(value) for value in values.split()] for key, values in series.items()}
    record.fit = replace(record.fit, batch_size=64)
    record.data = replace(record.data, n_train=240, n_validation=60)
    return record


def settled_run() -> TrainingRecord:
    """Digits with batch normalization, 25 epochs: a healthy run."""
    return with_batch_norm(shuffled_digits(), steps=45, shift=0.06, variance=1.09)


class LaggingBatchNorm(Rule):
    """A batch normalization validates by moving statistics that are not those of its inputs.

    ## What it sees
    In training a BatchNormalization uses the mean and variance of the batch; in validation and predict the moving
    ones, of which `momentum` to the power of the updates is still the initial mean 0 and variance 1. The rule fires
    where more than 30 % of that is left at the end of the planned run (120 updates with Keras's 0.99) and the variance
    of the inputs in the validation is more than twice or less than half of the moving one, or their mean a standard
    deviation away; or where less than a thousandth was left in the last three validations and the same holds in each of
    them. In both cases val_loss is at least twice the training loss.

    ## How it is told apart
    Too few updates: the share that is left is arithmetic. A small window: a momentum of 0.5 or less remembers two
    batches (PyTorch's momentum is one minus Keras's). Shifted validation rows: training rows are judged in inference
    mode as well as `fit` reported, so the rows are at fault, not the statistics.

    ## Remedies
    A momentum of 0.9; more epochs or smaller batches, that is more updates.

    ## References
    Ioffe and Szegedy (2015), Batch normalization; keras-team/keras#10666, #7265, #605; tensorflow/tensorflow#36446.
    """

    family = "generalization"
    severity = Severity.WARNING
    message = _("Batch normalization lags behind: {statement}.")

    causes = (
        Cause(
            "too-few-updates",
            _("the run is too short for the momentum"),
            examine=too_few_updates,
            remedies=(FasterBatchNorm(), MoreEpochs()),
        ),
        Cause(
            "small-momentum-window",
            _("the statistics are those of a few batches"),
            examine=small_momentum_window,
            remedies=(SlowerBatchNorm(),),
        ),
        Cause(
            "shifted-validation",
            _("the validation rows are other rows"),
            examine=shifted_validation,
            remedies=(StratifiedSplit(),),
        ),
    )

    examples = (Unhealthy(short_run, confirms=("too-few-updates",)), Healthy(settled_run))

    def check(
        self,
        model: Model,
        fit: Fit,
        loss: Metric,
        epoch_begin: EpochBegin,
        batch_norm_shift: BatchNormShift | None = None,
        batch_norm_variance: BatchNormVariance | None = None,
        initial_weights: InitialWeights | None = None,
    ) -> Evidence | None:
        layers = [layer for layer in model.layers if layer.kind == "BatchNormalization" and layer.trainable]
        if not layers:
            return None
        if batch_norm_shift is None or batch_norm_variance is None or not len(batch_norm_shift):
            raise NotMeasured("batch_norm_shift")
        if len(loss.validation) < 2 or len(loss.train) != len(loss.validation):
            return None
        train, validation = float(loss.train[-1]), float(loss.validation[-1])
        if not validation > WORSE * train > 0:
            return None
        found = [
            _examined(layer, model, fit, epoch_begin, batch_norm_shift, batch_norm_variance)
            for layer in layers
            # `fine-tuned-batch-norm` tells it of pretrained ones
            if initial_weights is None or not _pretrained(layer, initial_weights)
        ]
        off = [evidence for evidence in found if evidence is not None]
        if not off:
            return None
        worst = max(off, key=_distance)
        statement = _("{statement}; val_loss {validation:.3g}, loss {train:.3g}")
        return replace(worst, statement=statement.format(statement=worst.statement, validation=validation, train=train))


def _examined(
    layer: Layer,
    model: Model,
    fit: Fit,
    epoch_begin: EpochBegin,
    batch_norm_shift: BatchNormShift,
    batch_norm_variance: BatchNormVariance,
) -> Evidence | None:
    """How far one layer's statistics are off, where that will not heal by itself."""
    if layer.path not in batch_norm_shift.columns or layer.path not in batch_norm_variance.columns:
        return None
    shifts = batch_norm_shift.mean[-3:, batch_norm_shift.columns.index(layer.path)]
    ratios = batch_norm_variance.mean[-3:, batch_norm_variance.columns.index(layer.path)]
    if len(shifts) != len(ratios) or not (np.isfinite(shifts).all() and np.isfinite(ratios).all()):
        return None
    off = (shifts > SHIFT) | (ratios > RATIO) | (ratios < 1 / RATIO)
    lags = _momentum(layer) ** _planned(model, fit, epoch_begin) > LEFT
    settled = _momentum(layer) ** (int(batch_norm_shift.last[-3:][0]) + model.iterations) < SETTLED
    # of a few rows the variance is chance: `tiny-batch-norm` tells it
    tiny = (fit.batch_size or TINY + 1) <= TINY
    if not (off[-1] if lags else settled and not tiny and len(off) == 3 and off.all()):
        return None
    steps = int(batch_norm_shift.last[-1])
    statement = _(
        "for {name} the variance of the validation rows is {ratio:.2g} times the one that it holds and their mean "
        "{shift:.2g} "
        "standard deviations off, after {steps} updates"
    )
    return Evidence(
        statement.format(name=layer.name, ratio=ratios[-1], shift=shifts[-1], steps=steps + model.iterations),
        quantity="batch_norm_variance",
        where=layer.path,
        when=When(step=steps),
        value=float(ratios[-1]),
        threshold=RATIO,
    )


def _distance(found: Evidence) -> float:
    return abs(float(np.log(max(found.value or 0.0, 1e-9))))


def _momentum(layer: Layer | None) -> float:
    """Of a batch normalization; Keras's default where it is not known."""
    momentum = layer.config.get("momentum") if layer is not None else None
    return float(momentum) if isinstance(momentum, int | float) and 0 <= momentum <= 1 else 0.99


def _named(model: Model, path: str | None) -> Layer | None:
    return next((layer for layer in model.layers if layer.path == path), None)


def _planned(model: Model, fit: Fit, epoch_begin: EpochBegin) -> int:
    """Updates that the weights will have had at the end of the planned run."""
    begins = epoch_begin.steps
    per_epoch = int(begins[1] - begins[0]) if len(begins) > 1 else fit.steps_per_epoch or 0
    return model.iterations + max(per_epoch, 1) * max(fit.epochs - fit.initial_epoch, 1)


def _pretrained(layer: Layer, initial_weights: InitialWeights) -> bool:
    """Whether fresh training began with scales that no initializer has made."""
    gamma = initial_weights.variables.get(f"{layer.path}/gamma")
    return gamma is not None and gamma.deviation > 0
