"""`sigmoid-for-exclusive-classes`."""

from __future__ import annotations

import numpy as np

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import shuffled_digits, with_head
from kerasdoctor.heads import Head, head_at
from kerasdoctor.locale import _
from kerasdoctor.record import Loss, TrainingRecord
from kerasdoctor.remedies.output_activation import OutputActivation
from kerasdoctor.rule import Cause, Healthy, Rule, Unhealthy


def sigmoid_digits() -> TrainingRecord:
    """One-hot digits under sigmoid and categorical cross-entropy."""
    record = shuffled_digits()
    history = {key: " ".join(map(str, values)) for key, values in record.history.items()}
    return with_head(
        record,
        activation="sigmoid",
        loss=Loss(name="categorical_crossentropy", by_name=True),
        y=np.eye(10)[np.arange(1797) % 10],
        history=history,
    )


def exclusive_classes(evidence: Evidence, heads: list[Head]) -> tuple[Status, Evidence]:
    """Whether every row belongs to one class."""
    head = head_at(evidence.where, heads)
    rows, exclusive = _rows(head)
    if head.kind == "sparse":
        return Status.CONFIRMED, Evidence(_("every label is the number of one class"), quantity="compile")
    statement = _("{exclusive:,} of {rows:,} rows hold a single 1").format(exclusive=exclusive, rows=rows)
    return Status.CONFIRMED, Evidence(statement, quantity="target_form", where=head.where, value=float(exclusive))


def several_labels_intended(evidence: Evidence, heads: list[Head]) -> tuple[Status, Evidence]:
    """Whether rows with several labels are to be expected."""
    rows, exclusive = _rows(head_at(evidence.where, heads))
    statement = _("{several:,} of {rows:,} rows hold several").format(several=rows - exclusive, rows=rows)
    return Status.RULED_OUT, Evidence(statement, quantity="target_form", value=float(rows - exclusive))


def _rows(head: Head) -> tuple[int, int]:
    return sum(form.positions for form in head.forms), sum(form.one_hot for form in head.forms)


class SigmoidForExclusiveClasses(Rule):
    """The classes exclude each other, and the last layer treats each by itself.

    ## What it sees
    Sigmoid over several units under a categorical cross-entropy, with targets of one class a row. A fact, known before
    the first step. Training works: on TensorFlow the loss is that of softmax, number for number.

    ## How it is told apart
    Rows with several labels would ask for sigmoid, with binary cross-entropy; there are none.

    ## Remedies
    Softmax: the numbers then sum to 1 and are probabilities.

    ## References
    Measured with Keras 3.15: .95 to .97 with either, but the sums of the predictions are not 1.
    """

    family = "model"
    severity = Severity.INFO
    message = _("The predictions of exclusive classes do not sum to 1: {statement}.")

    causes = (
        Cause("exclusive-classes", _("softmax is meant"), exclusive_classes, (OutputActivation(activation="softmax"),)),
        Cause(
            "several-labels-intended",
            _("a row may have several labels; then nothing is wrong"),
            several_labels_intended,
        ),
    )
    examples = (Unhealthy(sigmoid_digits, confirms=("exclusive-classes",)), Healthy(shuffled_digits))

    def check(self, heads: list[Head]) -> Evidence | None:
        for head in heads:
            if head.activation != "sigmoid" or (head.units or 1) < 2:
                continue
            rows, exclusive = _rows(head)
            if head.kind == "sparse" or (head.kind == "categorical" and rows and rows == exclusive):
                statement = _("{layer}, the last layer, has {units} units with sigmoid under {loss}")
                return Evidence(
                    statement.format(layer=head.where, units=head.units, loss=head.loss.name),
                    quantity="model",
                    where=head.where,
                )
        return None
