"""`fine-tuned-batch-norm`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kerasdoctor import statistics
from kerasdoctor.diagnosis import Evidence, Severity, Status, When
from kerasdoctor.examples import cut, shuffled_digits, with_batch_norm
from kerasdoctor.locale import _
from kerasdoctor.quantities.batch_norm_shift import BatchNormShift
from kerasdoctor.quantities.batch_norm_variance import BatchNormVariance
from kerasdoctor.quantities.epoch_begin import EpochBegin
from kerasdoctor.quantities.inference_metrics import InferenceMetrics
from kerasdoctor.quantities.initial_weights import InitialWeights, Spread
from kerasdoctor.record import Layer, Metric, Model, TrainingRecord
from kerasdoctor.remedies.frozen_batch_norm import FrozenBatchNorm
from kerasdoctor.remedies.two_stages import TwoStages
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy

#: As in `lagging-batch-norm`: variances twice or half of what is remembered, means one standard deviation away, and a
#: validation loss that is one and a half times the training loss. A backbone fine-tuned on the rows that it was
#: trained with has 0.99 to 1.28 and 0.35; on inverted images 0.40 and 1.85. Chance alone: 0.95 to 1.3 and 0.2 at most
#: (tests/accuracy/simulations/GENERALIZATION.md).
RATIO, SHIFT, WORSE = 2.0, 1.0, 1.5


def trainable_batch_norm_in_pretrained(
    model: Model,
    initial_weights: InitialWeights,
    epoch_begin: EpochBegin,
    loss: Metric,
    inference_metrics: InferenceMetrics | None = None,
) -> tuple[Status, Evidence]:
    """Whether training rows are judged worse in inference mode than in training, by layers that go on learning."""
    layers = _pretrained(model, initial_weights)
    statement = _(
        "layers of BatchNormalization that came with trained weights and are trainable: {count}, {name} the first"
    )
    statement = statement.format(count=len(layers), name=layers[0].name if layers else "")
    look = _look(inference_metrics, epoch_begin, loss)
    if look is None:
        return Status.CONFIRMED, Evidence(statement, quantity="initial_weights", value=float(len(layers)))
    seen, told, epoch = look
    statement += _(
        "; the same training rows have a loss of {seen:.3g} in inference mode, where fit reported {told:.3g}"
    )
    return Status.CONFIRMED, Evidence(
        statement.format(seen=seen, told=told),
        quantity="inference_metrics",
        when=When(epoch),
        value=seen,
        threshold=WORSE * told,
    )


def training_true_call(model: Model) -> tuple[Status, Evidence]:
    """Whether the layers are called with an argument of their own, which only a subclassed model can do."""
    if model.kind == "subclassed":
        statement = _("not measured: how `call` calls its layers is not recorded; look for training=True in it")
        return Status.POSSIBLE, Evidence(statement)
    statement = _("in a {kind} model fit and predict pass their own `training` to every layer").format(kind=model.kind)
    return Status.RULED_OUT, Evidence(statement, quantity="model")


def inverted_images() -> TrainingRecord:
    """A network for digits fine-tuned on 160 inverted ones, with its batch normalizations: eight epochs."""
    record = with_batch_norm(cut(shuffled_digits(), 8), steps=5, shift=1.85, variance=0.4)
    series = {
        "accuracy": "0.300 0.550 0.731 0.825 0.887 0.938 0.944 0.963",
        "loss": "1.925 1.201 0.796 0.579 0.443 0.354 0.293 0.246",
        "val_accuracy": "0.225 0.250 0.225 0.225 0.225 0.250 0.275 0.325",
        "val_loss": "4.690 4.429 4.172 3.819 3.429 3.050 2.676 2.372",
    }
    record.history = {key: [float(value) for value in values.split()] for key, values in series.items()}
    record.data = replace(record.data, n_train=160, n_validation=40)
    looks = InferenceMetrics()
    looks.extend(("loss", "accuracy"), np.array([5]), np.array([[4.61, 0.319]]))
    gamma = Spread(shape=(64,), mean=0.994, deviation=0.041, between_units=np.nan, gain=np.nan)
    path = record.model.layers[1].path
    return _measured(record, looks, InitialWeights({f"{path}/gamma": gamma}))


def own_digits() -> TrainingRecord:
    """The same network trained on with rows like those that it knows: a healthy run."""
    record = with_batch_norm(shuffled_digits(), steps=45, shift=0.28, variance=1.28)
    gamma = Spread(shape=(64,), mean=0.994, deviation=0.041, between_units=np.nan, gain=np.nan)
    record.quantities["initial_weights"] = InitialWeights({f"{record.model.layers[1].path}/gamma": gamma})
    return record


def _measured(record: TrainingRecord, looks: InferenceMetrics, weights: InitialWeights) -> TrainingRecord:
    record.quantities |= {"inference_metrics": looks, "initial_weights": weights}
    return record


class FineTunedBatchNorm(Rule):
    """A pretrained network is fine-tuned together with its batch normalizations, and validates by spoilt statistics.

    ## What it sees
    Trainable BatchNormalization layers whose scales were no fresh ones when training began, in a model whose
    optimizer had made no update: their weights were loaded. In the last validation the mean of their inputs is more
    than one moving standard deviation off, or the variance more than twice or less than half of the moving one, and
    val_loss is one and a half times the training loss or more. Where training rows were looked at in inference mode
    they must be worse by as much as `fit` reported, too.

    ## How it is told apart
    Trainable layers in a pretrained network: counted. A call with training=True: in a subclassed model alone; in
    Functional and Sequential models Keras 3 (measured on 3.15.1) hands its own `training` to every layer, so that
    neither training=True nor training=False given while the model was built has any effect.

    ## Remedies
    Set `layer.trainable = False` on every BatchNormalization of the backbone before `compile`: in Keras 3 this makes it
    run in inference mode. Calling the backbone with training=False, as older guides have it, does not in a Functional
    model. Then a small learning rate; or the head first, and all layers after it. Both keep the weights of the model
    that is there, whose statistics are those of this run: build it anew for its own.

    ## References
    Keras 3, guides/transfer_learning; keras-team/keras#9214, #9965, #10045, #10214, #11590.
    """

    family = "generalization"
    severity = Severity.WARNING
    message = _("The pretrained statistics of batch normalization are lost by training: {statement}.")

    causes = (
        Cause(
            "trainable-batch-norm-in-pretrained",
            _("its statistics are overwritten; set trainable=False on these layers before compile"),
            examine=trainable_batch_norm_in_pretrained,
            remedies=(FrozenBatchNorm(), TwoStages()),
        ),
        Cause(
            "training-true-call",
            _("the layers are called with training=True; leave it out of `call`"),
            examine=training_true_call,
        ),
    )

    examples = (
        Unhealthy(inverted_images, confirms=("trainable-batch-norm-in-pretrained",)),
        Healthy(own_digits),
    )

    def check(
        self,
        model: Model,
        loss: Metric,
        epoch_begin: EpochBegin,
        initial_weights: InitialWeights | None = None,
        batch_norm_shift: BatchNormShift | None = None,
        batch_norm_variance: BatchNormVariance | None = None,
        inference_metrics: InferenceMetrics | None = None,
    ) -> Evidence | None:
        if not any(layer.kind == "BatchNormalization" and layer.trainable for layer in model.layers):
            return None
        if initial_weights is None:
            raise NotMeasured("initial_weights")
        layers = _pretrained(model, initial_weights)
        if not layers:
            return None
        if batch_norm_shift is None or batch_norm_variance is None or not len(batch_norm_shift):
            raise NotMeasured("batch_norm_shift")
        train, validation = (statistics.level(part, len(part) - 1) for part in (loss.train, loss.validation))
        look = _look(inference_metrics, epoch_begin, loss)
        if (
            not validation > WORSE * train > 0
            or len(loss.validation) < 3
            or (look is not None and look[0] <= WORSE * look[1])
        ):
            return None
        for layer in layers:
            if layer.path not in batch_norm_shift.columns or layer.path not in batch_norm_variance.columns:
                continue
            shift = float(batch_norm_shift.mean[-1, batch_norm_shift.columns.index(layer.path)])
            ratio = float(batch_norm_variance.mean[-1, batch_norm_variance.columns.index(layer.path)])
            if not (shift > SHIFT or ratio > RATIO or ratio < 1 / RATIO):
                continue
            statement = _(
                "in {name} the validation rows lie {shift:.2g} standard deviations from the mean that the layer holds, "
                "with "
                "{ratio:.2g} times its variance; val_loss is {validation:.3g}, loss {train:.3g}"
            )
            return Evidence(
                statement.format(name=layer.name, shift=shift, ratio=ratio, validation=validation, train=train),
                quantity="batch_norm_shift",
                where=layer.path,
                value=shift,
                threshold=SHIFT,
            )
        return None


def _pretrained(model: Model, initial_weights: InitialWeights) -> list[Layer]:
    """Trainable batch normalizations whose scales differed before the first update: no initializer does that."""
    found = []
    for layer in model.layers:
        gamma = initial_weights.variables.get(f"{layer.path}/gamma")
        initializer = layer.config.get("gamma_initializer")
        ones = not isinstance(initializer, dict) or initializer.get("class_name") in {"Ones", "Zeros", "Constant"}
        if (
            layer.kind == "BatchNormalization"
            and layer.trainable
            and gamma is not None
            and gamma.deviation > 0
            and ones
        ):
            found.append(layer)
    return found


def _look(
    inference_metrics: InferenceMetrics | None, epoch_begin: EpochBegin, loss: Metric
) -> tuple[float, float, int] | None:
    """Loss of training rows in inference mode, what fit reported, and the epoch, of the last look at one's end."""
    if inference_metrics is None or "loss" not in inference_metrics.columns or not inference_metrics.last[-1]:
        return None
    epoch = epoch_begin.epoch_of(int(inference_metrics.last[-1]))
    if not 0 < epoch <= len(loss.train):
        return None
    seen = float(inference_metrics.mean[-1, inference_metrics.columns.index("loss")])
    return seen, float(loss.train[epoch - 1]), epoch
