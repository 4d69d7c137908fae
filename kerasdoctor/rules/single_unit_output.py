"""`single-unit-output`."""

from __future__ import annotations

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import tumours, with_head
from kerasdoctor.heads import Head, head_at
from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies.output_activation import OutputActivation
from kerasdoctor.rule import Cause, Healthy, Rule, Unhealthy


def softmax_of_one() -> TrainingRecord:
    """Tumours under softmax over one unit: the loss falls, every prediction is 1."""
    return with_head(
        tumours(),
        activation="softmax",
        history={
            "loss": "1.023 0.751 0.572 0.461 0.388",
            "val_loss": "0.837 0.609 0.472 0.386 0.329",
            "accuracy": "0.637 0.637 0.637 0.637 0.637",
            "val_accuracy": "0.588 0.588 0.588 0.588 0.588",
        },
    )


def softmax_over_one_unit(evidence: Evidence, heads: list[Head]) -> tuple[Status, Evidence]:
    """Whether softmax runs over a single value."""
    head = head_at(evidence.where, heads)
    statement = _("{layer} has {units} unit and the activation {activation}").format(
        layer=head.where, units=head.units, activation=head.activation
    )
    status = Status.CONFIRMED if head.activation == "softmax" else Status.RULED_OUT
    return status, Evidence(statement, quantity="model", where=head.where, value=1.0)


def categorical_loss_on_one_unit(evidence: Evidence, heads: list[Head]) -> tuple[Status, Evidence]:
    """Whether the loss compares classes where there is one unit."""
    head = head_at(evidence.where, heads)
    statement = _("{loss} compares the units of the last layer with each other, and there is {units}").format(
        loss=head.loss.name, units=head.units
    )
    status = Status.CONFIRMED if head.kind in {"categorical", "sparse"} else Status.RULED_OUT
    return status, Evidence(statement, quantity="compile", where=head.where, value=1.0)


class SingleUnitOutput(Rule):
    """One unit stands where a choice between classes is asked for.

    ## What it sees
    A last layer of one unit with softmax, or under a categorical cross-entropy. A fact, known before the first step.
    Softmax over one value is 1 whatever the value. On TensorFlow the loss falls all the same, since Keras takes the
    numbers in front of the softmax: a perfect curve beside an accuracy that never moves. A categorical cross-entropy
    of one unit is 0 from the first step on.

    ## How it is told apart
    By the activation and by the loss; both may hold.

    ## Remedies
    Sigmoid with binary cross-entropy; or a unit for each class with softmax and sparse categorical cross-entropy.

    ## References
    keras-team/keras#126, #4784, #7023; measured with Keras 3.15 on TensorFlow and JAX.
    """

    family = "model"
    severity = Severity.ERROR
    explains = ("majority-predictor", "stopped-too-early", "underfitting")
    message = _("One unit cannot choose between classes: {statement}.")

    causes = (
        Cause(
            "softmax-over-one-unit",
            _("softmax over one unit is always 1"),
            softmax_over_one_unit,
            (OutputActivation(activation="sigmoid", loss="binary_crossentropy"),),
        ),
        Cause(
            "categorical-loss-on-one-unit",
            _("the loss is 0 for whatever one unit says"),
            categorical_loss_on_one_unit,
            (OutputActivation(activation="sigmoid", loss="binary_crossentropy"),),
        ),
    )
    examples = (Unhealthy(softmax_of_one, confirms=("softmax-over-one-unit",)), Healthy(tumours))

    def check(self, heads: list[Head]) -> Evidence | None:
        for head in heads:
            if head.units == 1 and (head.activation == "softmax" or head.kind in {"categorical", "sparse"}):
                statement = _("{layer}, the last layer, has one unit, with {activation} under {loss}")
                return Evidence(
                    statement.format(layer=head.where, activation=head.activation, loss=head.loss.name),
                    quantity="model",
                    where=head.where,
                    value=1.0,
                )
        return None
