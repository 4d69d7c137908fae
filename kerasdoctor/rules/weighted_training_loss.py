"""`weighted-training-loss`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import shuffled_digits
from kerasdoctor.locale import _
from kerasdoctor.quantities.split_labels import SplitLabels
from kerasdoctor.record import Fit, Metric, TrainingRecord
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy


def class_weights(fit: Fit, split_labels: SplitLabels | None = None) -> tuple[Status, Evidence]:
    """Whether `class_weight` weighs the training rows."""
    if not fit.class_weight:
        return Status.RULED_OUT, Evidence(_("no class_weight was given"), quantity="fit")
    weights = fit.class_weights
    statement = _("class_weight from {low:g} to {high:g} multiplies the loss of training rows, never of others")
    statement = statement.format(low=min(weights.values(), default=1.0), high=max(weights.values(), default=1.0))
    mean = _mean_weight(fit, split_labels)
    if mean is not None:
        statement += _("; {mean:.3g} on average over these rows").format(mean=mean)
    return Status.CONFIRMED, Evidence(statement, quantity="fit", value=mean)


def sample_weights(fit: Fit) -> tuple[Status, Evidence]:
    """Whether `sample_weight` weighs the training rows alone."""
    if not fit.sample_weight:
        return Status.RULED_OUT, Evidence(_("no sample_weight was given"), quantity="fit")
    if fit.validation_weighted is None:
        statement = _("not measured: whether the validation pipeline brings weights")
        return Status.POSSIBLE, Evidence(statement, quantity="fit")
    if fit.validation_weighted:
        return Status.RULED_OUT, Evidence(_("the validation rows have sample weights as well"), quantity="fit")
    statement = _("sample_weight weighs the training rows, and validation_data=(x, y) has no third element")
    return Status.CONFIRMED, Evidence(statement, quantity="fit")


def weighted_classes() -> TrainingRecord:
    """Digits with `class_weight` of 10 for every class: the two losses differ by that."""
    record = shuffled_digits()
    record.history["loss"] = [10 * value for value in record.history["loss"]]
    weights = {str(label): 10.0 for label in range(10)}
    record.fit = replace(record.fit, class_weight=True, class_weights=weights, validation_weighted=False)
    return record


class WeightedTrainingLoss(Rule):
    """The training loss is weighted and the validation loss is not, so the two curves cannot be compared.

    ## What it sees
    Facts of the call: class_weight with weights other than 1, or sample_weight where the validation rows have none,
    and a validation. Keras weighs training rows alone by class_weight, by design: with a weight of 10 for every class
    and the same rows in both parts the losses were 2.02 and 0.189. This is good to know, no fault: both curves are
    right, each for itself, and so are metrics, which are not weighted unless they are in `weighted_metrics`.

    ## How it is told apart
    Class weights or sample weights: the arguments say so. With validation_split the weights of the rows are split as
    well, and the losses are alike.

    ## Remedies
    Compare accuracies, or `model.evaluate(x, y)` on training rows, which is not weighted; or give the validation its
    weights, `validation_data=(x_val, y_val, weights)`.

    ## References
    keras-team/keras#5616, #8591 (by design); tensorflow/tensorflow#42647.
    """

    family = "generalization"
    severity = Severity.INFO
    message = _("loss and val_loss cannot be compared: {statement}.")

    causes = (
        Cause(
            "class-weights",
            _("class_weight applies to training rows alone; compare the metrics, not the losses"),
            examine=class_weights,
        ),
        Cause(
            "sample-weights",
            _("the validation rows have no weights; give them as the third part of validation_data"),
            examine=sample_weights,
        ),
    )

    examples = (Unhealthy(weighted_classes, confirms=("class-weights",)), Healthy(shuffled_digits))

    def check(self, fit: Fit, loss: Metric, split_labels: SplitLabels | None = None) -> Evidence | None:
        by_class = fit.class_weight and any(weight != 1 for weight in fit.class_weights.values())
        by_row = fit.sample_weight and fit.validation_weighted is False
        if not (by_class or by_row):
            return None
        if not np.isfinite(loss.validation).any() or not len(loss.train):
            raise NotMeasured("val_loss")
        last = len(loss.train) - 1
        statement = _(
            "the training rows are weighted, the validation rows are not (loss {train:.3g}, val_loss {other:.3g})"
        )
        statement = statement.format(train=loss.train[last], other=loss.validation[last])
        mean = _mean_weight(fit, split_labels) if by_class else None
        if mean is not None:
            statement += _("; the weights of the training rows have a mean of {mean:.3g}").format(mean=mean)
        return Evidence(statement, quantity="fit", where="loss", value=mean, threshold=1.0)


def _mean_weight(fit: Fit, split_labels: SplitLabels | None) -> float | None:
    """Mean class weight over the training rows; None where the classes are not known."""
    if split_labels is None or split_labels.kind != "classes" or not fit.class_weights:
        return None
    rows = sum(split_labels.train.values())
    weights = {_key(label): weight for label, weight in fit.class_weights.items()}
    # a class that the mapping leaves out has weight 1
    total = sum(count * weights.get(_key(label), 1.0) for label, count in split_labels.train.items())
    return total / rows if rows else None


def _key(label: str) -> str:
    """A class as both mappings write it: 1, 1.0 and np.int64(1) are one."""
    try:
        return f"{float(label):g}"
    except ValueError:
        return label
