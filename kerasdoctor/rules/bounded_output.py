"""`bounded-output`."""

from __future__ import annotations

import math

import numpy as np

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import shuffled_digits, with_head
from kerasdoctor.heads import Head, head_at
from kerasdoctor.locale import _
from kerasdoctor.quantities.target_form import Form
from kerasdoctor.record import Loss, TrainingRecord
from kerasdoctor.remedies.output_activation import OutputActivation
from kerasdoctor.rule import Cause, Healthy, Rule, Unhealthy

#: Activation -> what it cannot leave.
_RANGES = {
    **dict.fromkeys(("relu", "softplus", "exponential"), (0.0, math.inf)),
    **dict.fromkeys(("sigmoid", "hard_sigmoid"), (0.0, 1.0)),
    **dict.fromkeys(("tanh", "hard_tanh", "softsign"), (-1.0, 1.0)),
}
#: Share of the targets outside that is more than a few outliers.
SHARE = 0.01


def relu_and_negative_targets() -> TrainingRecord:
    """A regression of targets around 0 whose last layer has relu."""
    return with_head(
        shuffled_digits(),
        units=1,
        activation="relu",
        loss=Loss(name="mean_squared_error", by_name=True),
        y=np.linspace(-2, 2, 1797),
        history={
            "loss": "1.264 1.132 1.031 0.960 0.898",
            "val_loss": "1.135 1.056 0.984 0.915 0.863",
        },
    )


def _outside(head: Head) -> float:
    """Share of the targets that the last activation cannot reach."""
    low, high = _RANGES[head.activation or ""]
    counted = sum(form.counted for form in head.forms)
    return sum(_beyond(form, low, high) for form in head.forms) / counted if counted else 0.0


def _beyond(form: Form, low: float, high: float) -> int:
    below = form.below_zero if low == 0 else form.below_minus_one
    return below + (form.above_one if high == 1 else 0)


def _is_one_of(evidence: Evidence, heads: list[Head], *names: str) -> tuple[Status, Evidence]:
    head = head_at(evidence.where, heads)
    low, high = _RANGES[head.activation or ""]
    statement = _("{layer} has {activation}, whose values run from {low:g} to {high:g}").format(
        layer=head.where, activation=head.activation, low=low, high=high
    )
    status = Status.CONFIRMED if head.activation in names else Status.RULED_OUT
    return status, Evidence(
        statement, quantity="model", where=head.where, value=evidence.value, threshold=evidence.threshold
    )


def relu_output(evidence: Evidence, heads: list[Head]) -> tuple[Status, Evidence]:
    """Whether the last activation has no values below 0."""
    return _is_one_of(evidence, heads, "relu", "softplus", "exponential")


def sigmoid_output(evidence: Evidence, heads: list[Head]) -> tuple[Status, Evidence]:
    """Whether it ends at 0 and 1."""
    return _is_one_of(evidence, heads, "sigmoid", "hard_sigmoid")


def tanh_output(evidence: Evidence, heads: list[Head]) -> tuple[Status, Evidence]:
    """Whether it ends at -1 and 1."""
    return _is_one_of(evidence, heads, "tanh", "hard_tanh", "softsign")


class BoundedOutput(Rule):
    """The last activation cannot reach the targets.

    ## What it sees
    A regression loss, and 1 % of the targets or more outside of what the activation of the last layer can give: below
    0 under relu, outside of 0 to 1 under sigmoid, outside of -1 to 1 under tanh. A fact of data and model, known
    before the first step.

    ## How it is told apart
    By the activation.

    ## Remedies
    No activation in the last layer; or targets scaled into its range, and scaled back when predicting.

    ## References
    keras-team/keras#13891, #3687; Chollet, Deep Learning with Python: the last layer of a regression is linear.
    """

    family = "model"
    severity = Severity.ERROR
    message = _("The network cannot put out its targets: {statement}.")

    causes = tuple(
        Cause(name, explanation, examine, (OutputActivation(activation="linear"),))
        for name, explanation, examine in (
            ("relu-output", _("the last activation has no values below 0"), relu_output),
            ("sigmoid-output", _("the last activation ends at 0 and 1"), sigmoid_output),
            ("tanh-output", _("the last activation ends at -1 and 1"), tanh_output),
        )
    )
    examples = (Unhealthy(relu_and_negative_targets, confirms=("relu-output",)), Healthy(shuffled_digits))

    def check(self, heads: list[Head]) -> Evidence | None:
        for head in heads:
            if head.kind != "regression" or head.activation not in _RANGES:
                continue
            share = _outside(head)
            if share >= SHARE:
                low = min(form.minimum for form in head.forms)
                high = max(form.maximum for form in head.forms)
                statement = _(
                    "{share:.0%} of them are outside the range of {activation}; they run from {low:.4g} to {high:.4g}"
                )
                return Evidence(
                    statement.format(share=share, activation=head.activation, low=low, high=high),
                    quantity="target_form",
                    where=head.where,
                    value=share,
                    threshold=SHARE,
                )
        return None
