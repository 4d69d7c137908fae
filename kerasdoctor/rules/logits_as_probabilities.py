"""`logits-as-probabilities`."""

from __future__ import annotations

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import shuffled_digits, with_head
from kerasdoctor.heads import Head, head_at
from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies.loss_on_logits import LossOnLogits
from kerasdoctor.remedies.output_activation import OutputActivation
from kerasdoctor.rule import Cause, Healthy, Rule, Unhealthy

#: Activations that give no probabilities.
_OTHERS = {
    *("relu", "relu6", "leaky_relu", "prelu", "elu", "selu", "celu", "gelu", "silu", "swish", "mish", "softplus"),
    *("softsign", "tanh", "hard_tanh", "exponential", "log_softmax", "hard_silu", "tanh_shrink", "squareplus"),
}


def linear_digits() -> TrainingRecord:
    """Digits whose last layer has no activation, under "sparse_categorical_crossentropy"."""
    return with_head(
        shuffled_digits(),
        activation="linear",
        history={
            "loss": "6.267 3.586 2.284 2.295 2.295",
            "val_loss": "5.243 2.211 2.303 2.303 2.303",
            "accuracy": "0.230 0.479 0.414 0.388 0.388",
            "val_accuracy": "0.358 0.444 0.339 0.339 0.339",
        },
    )


def no_output_activation(evidence: Evidence, heads: list[Head]) -> tuple[Status, Evidence]:
    """Whether the last layer has no activation at all."""
    head = head_at(evidence.where, heads)
    how = (
        _("given by its name it expects probabilities")
        if head.loss.by_name
        else _("it was made without from_logits=True")
    )
    statement = _("{layer} has the activation {activation}; {loss}: {how}").format(
        layer=head.where, activation=head.activation, loss=head.loss.name, how=how
    )
    status = Status.CONFIRMED if head.activation == "linear" else Status.RULED_OUT
    return status, Evidence(statement, quantity="compile", where=head.where)


def wrong_output_activation(evidence: Evidence, heads: list[Head]) -> tuple[Status, Evidence]:
    """Whether its activation is one whose values are no probabilities."""
    head = head_at(evidence.where, heads)
    statement = _("{layer} has the activation {activation}").format(layer=head.where, activation=head.activation)
    status = Status.RULED_OUT if head.activation == "linear" else Status.CONFIRMED
    return status, Evidence(statement, quantity="model", where=head.where)


class LogitsAsProbabilities(Rule):
    """The loss expects probabilities, and the last layer gives other numbers.

    ## What it sees
    A cross-entropy without `from_logits=True` behind an output whose activation is none, or one such as relu or tanh.
    A fact of model and `compile`, known before the first step; Keras does not warn. The loss cuts what is not between
    0 and 1 off, and with it the gradient: training stands still or is a matter of luck.

    ## How it is told apart
    No activation: the loss was meant for logits, or the activation was forgotten. Another activation: relu or tanh
    belong to hidden layers.

    ## Remedies
    `from_logits=True`, or softmax (one class of several) or sigmoid (yes or no) in the last layer. Metrics that need
    probabilities, such as accuracy with a threshold, call for the activation.

    ## References
    tensorflow/docs#2102; keras-team/keras#4744; Keras documentation of `from_logits`.
    """

    family = "model"
    severity = Severity.ERROR
    explains = ("majority-predictor", "underfitting")
    message = _("The loss takes for probabilities what are none: {statement}.")

    causes = (
        Cause(
            "no-output-activation",
            _("the last layer has no activation, and the loss was not told"),
            no_output_activation,
            (LossOnLogits(), OutputActivation()),
        ),
        Cause(
            "wrong-output-activation",
            _("the last layer has the activation of a hidden one"),
            wrong_output_activation,
            (OutputActivation(),),
        ),
    )
    examples = (Unhealthy(linear_digits, confirms=("no-output-activation",)), Healthy(shuffled_digits))

    def check(self, heads: list[Head]) -> Evidence | None:
        for head in heads:
            wrong = head.activation == "linear" or head.activation in _OTHERS
            if head.kind in {"binary", "categorical", "sparse"} and not head.loss.from_logits and wrong:
                statement = _("{layer}, the last layer, has the activation {activation}, under {loss}")
                return Evidence(
                    statement.format(layer=head.where, activation=head.activation, loss=head.loss.name),
                    quantity="model",
                    where=head.where,
                )
        return None
