"""`softmax-for-several-labels`."""

from __future__ import annotations

import numpy as np

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import shuffled_digits, with_head
from kerasdoctor.heads import Head, head_at
from kerasdoctor.locale import _
from kerasdoctor.record import Loss, TrainingRecord
from kerasdoctor.remedies.output_activation import OutputActivation
from kerasdoctor.rule import Cause, Healthy, Rule, Unhealthy

#: Share of the rows with several labels that are no slip.
SHARE = 0.01


def two_labels_a_row() -> TrainingRecord:
    """Ten labels, two of them in each row, under softmax."""
    y = np.eye(10)[np.arange(1797) % 10] + np.eye(10)[(np.arange(1797) + 3) % 10]
    return with_head(
        shuffled_digits(),
        loss=Loss(name="categorical_crossentropy", by_name=True),
        y=y,
        history={
            "loss": "4.423 3.912 3.632 4.062 6.084",
            "val_loss": "4.179 3.595 3.609 4.324 7.228",
        },
    )


def several_labels_per_row(evidence: Evidence, heads: list[Head]) -> tuple[Status, Evidence]:
    """Whether rows have several labels."""
    rows, several = _rows(head_at(evidence.where, heads))
    statement = _("{several:,} of {rows:,} rows have two labels or more").format(several=several, rows=rows)
    return Status.CONFIRMED, Evidence(statement, quantity="target_form", value=several / max(rows, 1), threshold=SHARE)


def one_label_meant(evidence: Evidence, heads: list[Head]) -> tuple[Status, Evidence]:
    """Whether rows with several labels are the exception."""
    rows, several = _rows(head_at(evidence.where, heads))
    statement = _("{share:.0%} of the rows have several labels").format(share=several / max(rows, 1))
    if several >= 0.1 * rows:
        return Status.RULED_OUT, Evidence(statement, quantity="target_form", value=several / max(rows, 1))
    undecided = _("measured, undecided: {statement}; look at some of them").format(statement=statement)
    return Status.POSSIBLE, Evidence(undecided, quantity="target_form", value=several / max(rows, 1))


def _rows(head: Head) -> tuple[int, int]:
    return sum(form.positions for form in head.forms), sum(form.several for form in head.forms)


class SoftmaxForSeveralLabels(Rule):
    """Rows have several labels, and the last layer can only choose one.

    ## What it sees
    Softmax over several units with targets of which 1 % of the rows or more hold two ones or more. A fact, known
    before the first step. The outputs sum to 1, so that two labels of a row get a half each at best.

    ## How it is told apart
    Most rows hold several labels: a task of several labels. A few in a hundred: rows that were encoded wrongly.

    ## Remedies
    Sigmoid with binary cross-entropy: each label is a question of its own.

    ## References
    keras-team/keras#741, #2578.
    """

    family = "model"
    severity = Severity.WARNING
    message = _("The last layer chooses one of several labels: {statement}.")

    causes = (
        Cause(
            "several-labels-per-row",
            _("each label is a question of its own"),
            several_labels_per_row,
            (OutputActivation(activation="sigmoid", loss="binary_crossentropy"),),
        ),
        Cause("one-label-meant", _("some rows were encoded wrongly; look at those with several ones"), one_label_meant),
    )
    examples = (Unhealthy(two_labels_a_row, confirms=("several-labels-per-row",)), Healthy(shuffled_digits))

    def check(self, heads: list[Head]) -> Evidence | None:
        for head in heads:
            rows, several = _rows(head)
            if (
                head.activation == "softmax"
                and (head.units or 1) > 1
                and head.kind in {"categorical", "binary"}
                and several > SHARE * rows
            ):
                statement = _("{several:,} of {rows:,} rows have several, and {layer} has softmax")
                return Evidence(
                    statement.format(several=several, rows=rows, layer=head.where),
                    quantity="target_form",
                    where=head.where,
                    value=several / rows,
                    threshold=SHARE,
                )
        return None
