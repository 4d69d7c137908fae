"""`better-validation`."""

from __future__ import annotations

from array import array
from dataclasses import replace

import numpy as np

from kerasdoctor import statistics
from kerasdoctor.diagnosis import Evidence, Severity, Status, When
from kerasdoctor.examples import digits_with_dropout, shuffled_digits
from kerasdoctor.heads import Head
from kerasdoctor.locale import _
from kerasdoctor.quantities.epoch_begin import EpochBegin
from kerasdoctor.quantities.inference_metrics import InferenceMetrics
from kerasdoctor.quantities.split_labels import SplitLabels
from kerasdoctor.quantities.target_form import Form
from kerasdoctor.record import Fit, Metric, Model, TrainingRecord
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy

#: Times that the training loss is above the validation loss. Of the healthy example runs dropout of 0.3 gives 1.2.
HIGHER = 1.5
#: Share of the training targets that lie between the classes, of those that validate at most `HARD` do.
SOFT, HARD = 0.3, 0.05
#: Validation rows below which a loss may be that much lower by chance (tests/accuracy/simulations/GENERALIZATION.md):
#: of 200 rows with losses whose logarithms deviate by 1 no run is, by 2 one in five.
FEWEST = 200


def dropout_in_training(
    model: Model,
    loss: Metric,
    epoch_begin: EpochBegin | None = None,
    inference_metrics: InferenceMetrics | None = None,
) -> tuple[Status, Evidence]:
    """Whether layers that act in training alone keep its loss up."""
    layers = [
        layer.name
        for layer in model.layers
        if ("Dropout" in layer.kind and (layer.rate or 0) > 0)
        or layer.kind.startswith("Random")
        or layer.kind in {"GaussianNoise", "RandAugment", "MixUp", "CutMix"}
    ]
    if not layers:
        if not model.layers:
            return Status.POSSIBLE, Evidence(_("not measured: the layers are not recorded"), quantity="model")
        return Status.RULED_OUT, Evidence(_("no layer drops units, adds noise or augments"), quantity="model")
    statement = _("{names} act in training alone").format(names=", ".join(layers[:3]))
    look = _look(loss, epoch_begin, inference_metrics)
    if look is None:
        undecided = _("measured, undecided: {statement}; model.evaluate on training rows would tell")
        return Status.POSSIBLE, Evidence(undecided.format(statement=statement), quantity="model", value=1.0)
    seen, told, held_out, epoch = look
    statement += _(
        "; training rows have {seen:.3g} in inference mode after epoch {epoch}, {told:.3g} with these layers"
    )
    found = Evidence(
        statement.format(seen=seen, told=told, epoch=epoch),
        quantity="inference_metrics",
        when=When(epoch),
        value=seen,
        threshold=held_out,
    )
    # without the layers the training rows are judged as well as the others
    if seen <= 1.2 * held_out:
        return Status.CONFIRMED, found
    return Status.POSSIBLE, replace(
        found, statement=_("measured, undecided: {statement}").format(statement=found.statement)
    )


def epoch_average(loss: Metric) -> tuple[Status, Evidence]:
    """Whether the mean over an epoch of falling losses explains the distance: the next epoch begins where this ends."""
    train, validation = loss.train[:-1], loss.validation[:-1]
    following = loss.train[1:]
    kept = np.isfinite(train) & np.isfinite(validation) & np.isfinite(following)
    late = np.flatnonzero(kept)[-max(3, int(kept.sum()) // 3) :]
    if len(late) < 3:
        return Status.POSSIBLE, Evidence(_("measured, undecided: too few epochs"), quantity="history")
    # the loss at the end of an epoch lies between its mean and that of the next
    distance = float(np.median(train[late] - validation[late]))
    fall = float(np.median(train[late] - following[late]))
    statement = _("the training loss falls by {fall:.3g} an epoch and lies {distance:.3g} above val_loss").format(
        fall=fall, distance=distance
    )
    status = Status.CONFIRMED if fall >= distance else Status.RULED_OUT
    return status, Evidence(statement, quantity="history", value=fall, threshold=distance)


def easier_validation_rows(
    loss: Metric, epoch_begin: EpochBegin | None = None, inference_metrics: InferenceMetrics | None = None
) -> tuple[Status, Evidence]:
    """Whether training rows are worse than validation rows in the same mode, with the same weights."""
    look = _look(loss, epoch_begin, inference_metrics)
    if look is None:
        statement = _("not measured: no look at training rows in inference mode; model.evaluate on them would tell")
        return Status.POSSIBLE, Evidence(statement, quantity="inference_metrics")
    seen, _reported, held_out, epoch = look
    statement = _(
        "in inference mode, after epoch {epoch}, training rows have a loss of {seen:.3g}, the others {held_out:.3g}"
    )
    statement = statement.format(epoch=epoch, seen=seen, held_out=held_out)
    status = Status.CONFIRMED if seen > HIGHER * held_out else Status.RULED_OUT
    return status, Evidence(
        statement, quantity="inference_metrics", when=When(epoch), value=seen, threshold=HIGHER * held_out
    )


def softened_targets(heads: list[Head]) -> tuple[Status, Evidence]:
    """Whether the rows that train have targets between the classes, as mixup makes them, and the others have not."""
    shares = [(_soft(head.train), _soft(head.validation)) for head in heads]
    known = [(soft, other) for soft, other in shares if soft is not None and other is not None]
    if not known:
        statement = _("not measured: the targets of the two parts are not known apart")
        return Status.POSSIBLE, Evidence(statement, quantity="target_form")
    soft, other = max(known, key=lambda pair: pair[0] - pair[1])
    statement = _(
        "{soft:.0%} of the targets that train lie between classes (mixup, label smoothing), {other:.0%} of those that "
        "validate; no prediction brings the loss of such a target to 0"
    ).format(soft=soft, other=other)
    return (Status.CONFIRMED if soft >= SOFT and other <= HARD else Status.RULED_OUT), Evidence(
        statement, quantity="target_form", value=soft, threshold=SOFT
    )


def _soft(form: Form | None) -> float | None:
    """Share of the targets that are no class but a mixture of classes; None where they are no classes."""
    if form is None or not form.counted or not (form.minimum >= 0 and form.maximum <= 1):
        return None
    if form.positions:
        return form.soft / form.positions
    whole = sum(count for value, count in form.values.items() if float(value) in {0.0, 1.0})
    return 1 - whole / form.counted


def strong_noise() -> TrainingRecord:
    """Digits with a dropout rate of 0.6 behind both hidden layers, 30 epochs."""
    record = digits_with_dropout()
    series = {
        "accuracy": "0.118 0.236 0.303 0.404 0.467 0.525 0.588 0.589 0.642 0.667 0.697 0.723 0.728 0.729 0.770 0.768 "
        "0.756 0.774 0.781 0.811 0.815 0.816 0.807 0.834 0.831 0.844 0.840 0.838 0.850 0.837",
        "loss": "2.346 2.152 1.960 1.726 1.566 1.395 1.227 1.152 1.071 1.002 0.920 0.854 0.845 0.771 0.737 0.751 0.719 "
        "0.661 0.651 0.604 0.601 0.601 0.557 0.527 0.526 0.491 0.514 0.494 0.490 0.492",
        "val_accuracy": "0.467 0.686 0.725 0.747 0.800 0.808 0.842 0.856 0.872 0.881 0.889 0.897 0.900 0.900 0.914 "
        "0.925 0.914 0.933 0.925 0.936 0.939 0.939 0.933 0.939 0.939 0.944 0.942 0.950 0.939 0.944",
        "val_loss": "2.175 1.963 1.665 1.340 1.117 0.947 0.797 0.702 0.632 0.562 0.496 0.459 0.447 0.403 0.371 0.366 "
        "0.334 0.317 0.299 0.298 0.283 0.258 0.258 0.255 0.238 0.230 0.227 0.215 0.221 0.214",
    }
    record.history = {key: [float(value) for value in values.split()] for key, values in series.items()}
    layers = tuple(replace(layer, rate=0.6) if layer.rate else layer for layer in record.model.layers)
    record.model = replace(record.model, layers=layers)
    record.fit = replace(record.fit, epochs=30)
    record.outcome = replace(record.outcome, epochs=30)
    looks = InferenceMetrics()
    looks.extend(("loss", "accuracy"), np.array([30 * 45]), np.array([[0.128, 0.974]]))
    record.quantities |= {"inference_metrics": looks, "epoch_begin": EpochBegin(array("q", range(0, 30 * 45, 45)))}
    return record


class BetterValidation(Rule):
    """Validation looks better than training, which alarms people more than it should.

    ## What it sees
    The training loss is one and a half times the validation loss or more in every one of the last epochs (a third of
    the run, five at least), there are 200 validation rows or more, and the training rows are not weighted. This is good
    to know, and rarely a fault: the two are measured in two ways. The training loss is a mean over an epoch in which
    the weights change, with dropout, noise and augmentation; val_loss is measured at its end, without them.

    ## How it is told apart
    Layers that act in training alone: without them the same training rows are judged as well as the others. The mean
    over the epoch: the training loss falls by as much in an epoch as it lies above val_loss. Softened targets: mixup or
    label smoothing of the rows that train leaves a loss that no prediction avoids. Easier validation rows:
    in inference mode, with the same weights, training rows are still one and a half times worse: then look for a
    split that is no random sample, and for validation rows that also train.

    ## Remedies
    None is needed for the first three; compare by `model.evaluate` on training rows. For the last see
    `unshuffled-split` and `duplicated-rows`.

    ## References
    Keras FAQ, "Why is my training loss much higher than my testing loss?"; keras-team/keras#605, #1761.
    """

    family = "generalization"
    severity = Severity.INFO
    message = _("Validation looks better than training: {statement}.")

    causes = (
        Cause(
            "dropout-in-training", _("layers that act in training alone; nothing is wrong"), examine=dropout_in_training
        ),
        Cause(
            "epoch-average",
            _("the training loss is a mean over a falling epoch; nothing is wrong"),
            examine=epoch_average,
        ),
        Cause(
            "softened-targets",
            _("the targets that train are softened; nothing is wrong"),
            examine=softened_targets,
        ),
        Cause(
            "easier-validation-rows",
            _("the validation rows are easier; look at how they were chosen"),
            examine=easier_validation_rows,
        ),
    )

    examples = (
        Unhealthy(strong_noise, confirms=("dropout-in-training",)),
        Healthy(digits_with_dropout),
        Healthy(shuffled_digits),
    )

    def check(self, loss: Metric, fit: Fit, split_labels: SplitLabels | None = None) -> Evidence | None:
        if not np.isfinite(loss.validation).any():
            raise NotMeasured("val_loss")
        if split_labels is not None and not statistics.alike(
            list(split_labels.train.values()), list(split_labels.validation.values())
        ):
            # `unshuffled-split` tells it
            return None
        if loss.n_validation is not None and loss.n_validation < FEWEST:
            return None
        if fit.class_weight or fit.sample_weight:
            # `weighted-training-loss` tells it
            return None
        kept = np.isfinite(loss.train) & np.isfinite(loss.validation)
        train, validation = loss.train[kept], loss.validation[kept]
        width = max(5, len(train) // 3)
        if len(train) < max(width, statistics.SHORTEST_PLATEAU):
            return None
        train, validation = train[-width:], validation[-width:]
        if not (validation > 0).all() or not (train >= HIGHER * validation).all():
            return None
        ratio = float(np.median(train / validation))
        statement = _(
            "loss is {ratio:.1f} times val_loss over the last {width} epochs ({train:.3g} against {other:.3g})"
        )
        return Evidence(
            statement.format(ratio=ratio, width=width, train=train[-1], other=validation[-1]),
            quantity="history",
            where="loss",
            value=ratio,
            threshold=HIGHER,
        )


def _look(
    loss: Metric, epoch_begin: EpochBegin | None, inference_metrics: InferenceMetrics | None
) -> tuple[float, float, float, int] | None:
    """Loss of training rows in inference mode, the one reported, val_loss, and the epoch, of the last look."""
    if (
        epoch_begin is None
        or inference_metrics is None
        or "loss" not in inference_metrics.columns
        or not inference_metrics.last[-1]
    ):
        return None
    epoch = epoch_begin.epoch_of(int(inference_metrics.last[-1]))
    if not 0 < epoch <= min(len(loss.train), len(loss.validation)):
        return None
    seen = float(inference_metrics.mean[-1, inference_metrics.columns.index("loss")])
    found = seen, float(loss.train[epoch - 1]), float(loss.validation[epoch - 1])
    return (*found, epoch) if np.isfinite(found).all() else None
